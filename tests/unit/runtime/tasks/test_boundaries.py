"""Where transactions end, by each boundary."""

from __future__ import annotations

import pytest

from penstock.data import Schema, SourceRecord
from penstock.errors import ConnectError
from penstock.runtime.tasks.boundaries import Boundaries
from penstock.runtime.tasks.offset_topics import OffsetTopics
from penstock.runtime.tasks.transaction import Boundary, Cut

WORKER = {"bootstrap.servers": "one:1,two:2", "offset.storage.topic": "offsets"}


def made(boundary: str, **more: str) -> Boundaries:
    raw = {"transaction.boundary": boundary, **more}
    return Boundaries.of(raw, flush_interval_s=60.0, now_s=0.0)


def record() -> SourceRecord:
    return SourceRecord(topic="t", value="v", value_schema=Schema.STRING)


def test_poll_ends_after_each_batch_and_never_after_none() -> None:
    boundaries = made("POLL")
    assert boundaries.kind is Boundary.POLL
    assert boundaries.cuts([record()], 1, 1.0) == [Cut(1)]
    assert boundaries.cuts((), 0, 2.0) == []
    assert boundaries.last_cut() == Cut(0)


def test_interval_ends_when_it_is_over_also_without_news() -> None:
    boundaries = made("interval", **{"transaction.boundary.interval.ms": "1000"})
    assert boundaries.cuts([record()], 1, 0.9) == []
    assert boundaries.cuts((), 0, 1.0) == [Cut(0)]
    assert boundaries.cuts([record()], 1, 1.9) == []
    assert boundaries.cuts([record()], 1, 2.0) == [Cut(1)]
    assert made("interval").cuts([record()], 1, 59.0) == []
    assert made("interval").cuts([record()], 1, 60.0) == [Cut(1)]


def test_connector_ends_after_the_records_and_rows_it_names() -> None:
    boundaries = made("connector")
    asked = boundaries.requests
    assert asked is not None
    polled = [record() for _ in range(5)]
    asked.commit_transaction(polled[1])
    asked.abort_after_row(3)
    asked.commit_transaction()
    assert boundaries.cuts(polled, 5, 0.0) == [Cut(2), Cut(4, aborts=True), Cut(5)]
    assert boundaries.cuts(polled, 5, 0.0) == [], "what was asked for is done once"
    assert boundaries.last_cut() is None
    asked.abort_transaction()
    assert boundaries.last_cut() == Cut(0, aborts=True)


def test_connector_a_record_of_a_later_poll_is_remembered() -> None:
    asked = made("connector").requests
    assert asked is not None
    later = record()
    asked.commit_transaction(later)
    assert asked.cuts([record()], 1) == []
    assert asked.cuts([record(), later], 2) == [Cut(2)]


def test_connector_cannot_ask_for_both() -> None:
    asked = made("connector").requests
    assert asked is not None
    one = record()
    asked.commit_transaction(one)
    with pytest.raises(ConnectError, match="both commit and abort of same record"):
        asked.abort_transaction(one)
    asked.commit_after_row(0)
    with pytest.raises(ConnectError, match="same record"):
        asked.abort_after_row(0)
    asked.commit_transaction()
    asked.abort_transaction()
    with pytest.raises(ConnectError, match="both commit and abort of same transaction"):
        asked.cuts([one], 1)


def test_connector_a_row_that_is_not_there_is_told() -> None:
    asked = made("connector").requests
    assert asked is not None
    with pytest.raises(ConnectError, match="from 0 on"):
        asked.commit_after_row(-1)
    asked.commit_after_row(3)
    with pytest.raises(ConnectError, match="after row 3, but poll returned 2 rows"):
        asked.cuts([record(), record()], 2)


@pytest.mark.parametrize(
    ("raw", "exactly_once", "own"),
    [
        ({}, True, None),
        ({"offsets.storage.topic": "mine"}, False, "mine"),
        ({"offsets.storage.topic": "offsets"}, True, None),
        ({"producer.override.bootstrap.servers": "two:2, one:1"}, True, None),
        ({"producer.override.bootstrap.servers": "far:1"}, True, "offsets"),
        ({"producer.override.bootstrap.servers": "far:1"}, False, None),
    ],
)
def test_offsets_have_a_topic_of_their_own_where_the_worker_s_does_not_do(
    raw: dict[str, str], exactly_once: bool, own: str | None
) -> None:
    assert OffsetTopics.of(raw, WORKER, exactly_once=exactly_once).own == own
