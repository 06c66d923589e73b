"""What a source task is told of its records, by what its class asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from penstock.api import RecordMetadata, SourceTask
from penstock.data import SourceOrigin, SourceRecord
from penstock.runtime.broker import Delivery
from penstock.runtime.tasks.told_records import ToldRecords, tells_records, wants_places


class Plain(SourceTask[Any]):
    """A task that asks for nothing."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, Any]] = []


class Told(Plain):
    """One that asks for its records."""

    def commit_record(self, record: SourceRecord) -> None:
        self.told.append((_place(record), "?"))


class Placed(Plain):
    """One that asks for their places, and fails for the row 3."""

    def commit_record_at(self, record: SourceRecord, metadata: RecordMetadata | None) -> None:
        if _place(record) == 3:
            raise ValueError("three")
        self.told.append((_place(record), metadata and metadata.offset))


def _place(record: SourceRecord) -> int:
    offset: Mapping[str, Any] = record.source_offset or {}
    return int(offset["n"])


def origin_of(rows: int) -> SourceOrigin:
    return SourceOrigin(partitions=[{"p": 1}] * rows, offsets=[{"n": n} for n in range(rows)])


def stored(offset: int) -> RecordMetadata:
    return RecordMetadata("t", 0, offset, 1)


def delivery(token: int, row: int, offset: int) -> Delivery:
    return Delivery(token, row, row + 1, stored=stored(offset))


def test_only_a_class_that_asks_is_told() -> None:
    plain, told, placed = Plain(), Told(), Placed()
    assert [tells_records(one) for one in (plain, told, placed)] == [False, True, True]
    assert [wants_places(one) for one in (plain, told, placed)] == [False, False, True]
    for task in (plain, told, placed):
        ToldRecords(task).tell(origin_of(2), [1], stored(70))
    assert (plain.told, told.told, placed.told) == ([], [(1, "?")], [(1, 70)])


def test_a_failure_of_one_record_is_logged_and_the_others_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    task = Placed()
    ToldRecords(task).tell(origin_of(5), [2, 3, 4])
    assert task.told == [(2, None), (4, None)]
    assert "commit_record failed: three" in caplog.text


def test_a_transaction_that_was_sent_again_tells_the_places_of_the_last_time() -> None:
    task = Placed()
    records = ToldRecords(task)
    first, second = origin_of(3), origin_of(3)
    records.passed(first, range(3))
    records.passed(second, range(2))
    records.sent(0, first, [0, 2])  # a transform dropped the row 1
    records.delivered(delivery(0, 0, 10))
    records.aborted()
    records.sent(1, first, [0, 2])
    records.sent(2, second, [0, 1])
    for one in (delivery(1, 1, 21), delivery(1, 0, 20), delivery(2, 0, 22), delivery(9, 0, 99)):
        records.delivered(one)
    assert task.told == [], "nothing is told before the commit"
    records.committed()
    assert task.told == [(0, 20), (1, None), (2, 21), (0, 22), (1, None)]
    task.told.clear()
    records.committed()
    assert task.told == []
