"""A sink that is paused or waits to put again: what it reads meanwhile, and that it goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.data import Repeat, SinkRecord, TopicPartition
from penstock.errors import RetriableError
from penstock.runtime.broker import Assignment, TopicSpec

sys.path.insert(0, str(Path(__file__).parent))
from task_parts import GROUP, Bench, Keeping

PLACE = TopicPartition("t", 0)


class Refusing(Keeping):
    """Refuses once what it gets, after ``before`` was called."""

    def __init__(self, before: Callable[[Refusing], None]) -> None:
        super().__init__()
        self.refused = False
        self._before: Callable[[Refusing], None] | None = before

    def put(self, records: Sequence[SinkRecord]) -> None:
        if records and self._before is not None:
            before, self._before = self._before, None
            before(self)
            self.refused = True
            self.context.retry_after_ms = 10
            raise RetriableError("not now")
        super().put(records)


class Uncommitted(Refusing):
    """Also refuses to commit, once."""

    def pre_commit(self, offsets: Any) -> Any:
        if not self.committed:
            self.committed.append({})
            raise RetriableError("cannot flush")
        return super().pre_commit(offsets)


class Empty(Keeping):
    """Refuses once, when it is called without records."""

    refused = False

    def put(self, records: Sequence[SinkRecord]) -> None:
        if not records and not self.refused:
            self.refused = True
            raise RetriableError("not now")
        super().put(records)


def _quiet() -> Assignment:
    def nothing(partitions: Sequence[TopicPartition]) -> None:
        """Hear of partitions."""

    return Assignment(on_assigned=nothing, on_revoked=nothing, on_lost=nothing)


def rows_polled(bench: Bench) -> list[int]:
    """Return a list that grows by the rows of each poll."""
    rows: list[int] = []
    poll = bench.consumer.poll

    def counted(max_records: int, timeout_s: float) -> Any:
        found = poll(max_records, timeout_s)
        rows.append(sum(map(len, found)))
        return found

    bench.consumer.poll = counted  # type: ignore[method-assign]  # counts, and does the same
    return rows


@pytest.mark.timeout(20)
def test_a_task_that_goes_back_and_refuses_reads_on(tmp_path: Path) -> None:
    def back(task: Refusing) -> None:
        task.context.rewind({PLACE: 1})

    task = Refusing(back)
    bench = Bench(tmp_path, task)
    bench.write(b"a", b"b", b"c")
    bench.run(lambda: len(task.kept) == 2)
    assert task.kept == ["b", "c"]


@pytest.mark.timeout(20)
def test_a_task_that_refuses_without_records_reads_on(tmp_path: Path) -> None:
    task = Empty()
    bench = Bench(tmp_path, task)
    bench.run(lambda: task.refused)
    bench.write(b"a")
    bench.run(lambda: bool(task.kept))
    assert task.kept == ["a"]


@pytest.mark.timeout(20)
def test_a_commit_that_fails_while_records_wait_reads_them_again(tmp_path: Path) -> None:
    task = Uncommitted(lambda task: task.context.request_commit())
    bench = Bench(tmp_path, task)
    bench.write(b"a")
    first = Keeping()
    bench.runner._deliverer._task = first
    bench.run(lambda: bool(first.kept))
    bench.runner._deliverer._task = task
    bench.write(b"b", b"c")
    bench.run(lambda: len(task.kept) == 3)
    assert task.kept == ["a", "b", "c"]


@pytest.mark.timeout(60)
def test_who_loses_what_waits_reads_the_rest_on(tmp_path: Path) -> None:
    """While records are to be put again, another worker takes their partition over."""
    task = Refusing(lambda _task: None)
    bench = Bench(tmp_path, task)
    bench.broker.admin({}, client_id="a").create_topics([TopicSpec("t", 2)], 5)
    for partition in (0, 1):
        bench.write(b"%d" % partition, partitions=Repeat(partition, 1))
    other = bench.broker.consumer({}, client_id="other", group_id=GROUP)
    seen: list[bytes | None] = []
    joined: list[bool] = []

    def poll_other() -> None:
        if task.refused and not joined:
            joined.append(True)
            other.subscribe(["t"], _quiet())
        if joined:
            seen.extend(value for one in other.poll(10, 0.02) for value in one.values)

    def shared() -> bool:
        poll_other()
        return len(bench.context.assigned) == 1

    bench.run(shared)
    for partition in (0, 1):
        bench.write(b"%d again" % partition, partitions=Repeat(partition, 1))

    def all_came() -> bool:
        poll_other()
        return {"0 again", "1 again"} <= {
            *map(str, task.kept),
            *(str(one, "utf-8") for one in seen if one),
        }

    bench.run(all_came)
    assert any("again" in str(one) for one in task.kept)


@pytest.mark.timeout(20)
def test_a_task_that_starts_paused_reads_nothing_ahead(tmp_path: Path) -> None:
    task = Keeping()
    bench = Bench(tmp_path, task)
    for start in range(0, 6000, 1000):
        bench.write(*(str(number).encode() for number in range(start, start + 1000)))
    rows = rows_polled(bench)
    bench.control.pausing = True
    polls_after: list[int] = []

    def resumed() -> bool:
        if bench.control.pausing and PLACE in bench.context.assigned:
            polls_after.append(len(rows))
            bench.control.pausing = len(polls_after) < 5
        return len(task.kept) == 6000

    bench.run(resumed)
    assert sum(rows[: polls_after[-1]]) <= 1000  # what came with the partition, and no more
    assert len(polls_after) == 5
    assert [int(one) for one in task.kept] == list(range(6000))
