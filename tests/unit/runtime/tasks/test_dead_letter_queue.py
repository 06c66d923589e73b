"""Dead letters and errant records of a sink's loop, on the embedded log."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from penstock.data import Batch, SinkRecord, TopicPartition
from penstock.errors import BrokerError, ConnectError, RetriableError, TimedOutError
from penstock.runtime.embedded import EmbeddedBroker
from penstock.runtime.pipeline.chain import Step
from penstock.runtime.pipeline.failure import Consumed
from penstock.runtime.pipeline.policy import StageError
from penstock.runtime.tasks.dead_letters import DeadLetterQueue, make_topic

sys.path.insert(0, str(Path(__file__).parent))
import task_parts
from task_parts import Bench, Keeping, KeepingBatches, Stuck, parts

P = "__connect.errors."
PLACE = TopicPartition("t", 0)


def test_what_was_consumed_is_kept_with_its_cause(tmp_path: Path) -> None:
    task = Keeping()
    bench = Bench(tmp_path, task, steps=[Step("s", parts.Sorting(parts.NONE))])
    bench.write(
        b"a",
        b"bad one",
        b"worse",
        b"b",
        keys=[b"1", b"2", b"3", None],
        timestamps=[10, 20, 30, 40],
        headers=[[], [("h", b"x")], [("h", None)], []],
    )
    bench.run(lambda: len(task.kept) == 2)
    bench.runner.finish()
    assert task.kept == ["A", "B"]
    first, second = bench.dead()
    assert first[:3] == (b"2", b"bad one", 20)
    assert second[:3] == (b"3", b"worse", 30)
    assert first[3]["h"] == b"x"
    assert {k: v for k, v in first[3].items() if "exception" not in k} == {
        "h": b"x",
        f"{P}topic": b"t",
        f"{P}partition": b"0",
        f"{P}offset": b"1",
        f"{P}connector.name": b"orders",
        f"{P}task.id": b"7",
        f"{P}stage": b"VALUE_CONVERTER",
        f"{P}class.name": b"pipeline_parts.Refusing",
    }
    assert first[3][f"{P}exception.class.name"] == b"org.apache.kafka.connect.errors.DataException"
    assert first[3][f"{P}exception.message"] == b"cannot read b'bad one'"
    assert second[3][f"{P}stage"] == b"TRANSFORMATION"
    assert b"cannot sort worse" in (second[3][f"{P}exception.stacktrace"] or b"")
    assert bench.stored() == {PLACE: 4}
    assert bench.count == 2


def test_letters_of_a_run_stand_in_the_order_of_their_offsets(tmp_path: Path) -> None:
    task = Keeping()
    bench = Bench(tmp_path, task, steps=[Step("s", parts.Sorting(parts.NONE))])
    bench.write(b"worse", b"bad", b"a", b"worse 2", b"c", keys=[None, None, None, None, b"bad"])
    bench.run(lambda: task.kept == ["A"])
    bench.runner.finish()
    assert [value for _, value, _, _ in bench.dead()] == [b"worse", b"bad", b"worse 2", b"c"]


def test_headers_are_left_alone_unless_wanted(tmp_path: Path) -> None:
    task = Keeping()
    bench = Bench(tmp_path, task, context_headers=False)
    bench.write(b"bad", b"a")
    bench.run(lambda: task.kept == ["a"])
    bench.runner.finish()
    assert [(value, headers) for _, value, _, headers in bench.dead()] == [(b"bad", {})]


@pytest.mark.parametrize("kind", [Keeping, KeepingBatches])
def test_reported_records_become_letters_of_what_was_consumed(
    tmp_path: Path, kind: type[Keeping]
) -> None:
    task = kind(wrong="ERRANT")
    bench = Bench(tmp_path, task, steps=[Step("s", parts.Sorting(parts.NONE))])
    bench.write(b"drop", b"a", b"bad", b"errant", b"b", keys=[None, None, None, b"k", None])
    bench.run(lambda: len(task.kept) == 2)
    bench.runner.finish()
    assert task.kept == ["A", "B"]
    letters = {value: headers for _, value, _, headers in bench.dead()}
    assert set(letters) == {b"bad", b"errant"}
    assert letters[b"errant"][f"{P}offset"] == b"3"
    assert letters[b"errant"][f"{P}stage"] == b"TASK_PUT"
    assert letters[b"errant"][f"{P}class.name"] == b"org.apache.kafka.connect.sink.SinkTask"
    assert letters[b"errant"][f"{P}exception.class.name"] == b"ValueError"
    assert task.tickets[0].done()
    assert task.tickets[0].result() is None


def test_offsets_wait_for_letters_that_are_not_stored(tmp_path: Path) -> None:
    task, stuck = Keeping(), Stuck()
    bench = Bench(tmp_path, task, producer=stuck)
    bench.write(b"a", b"errant", b"bad", b"b")
    bench.run(lambda: len(task.kept) == 2)
    bench.runner.commit()
    assert bench.stored() == {}
    assert task.committed == []  # the task is not even asked
    with pytest.raises(TimedOutError, match="t-0@1"):
        task.tickets[0].result(0.01)
    stuck.answering = True
    bench.runner.commit()
    assert bench.stored() == {PLACE: 4}
    assert task.tickets[0].done()


@pytest.mark.parametrize("refusal", ["send", "delivery"])
def test_a_refused_letter_fails_the_task_and_nothing_is_committed(
    tmp_path: Path, refusal: str
) -> None:
    task = Keeping()
    bench = Bench(tmp_path, task, producer=Stuck(refusal))
    bench.write(b"a", b"bad", b"b")
    with pytest.raises(BrokerError, match=r"dead letter of t-0@1 could not be stored.*'dlq'"):
        bench.run(lambda: False)
    assert bench.stored() == {}


def test_letters_on_their_way_are_bounded_in_rows_and_bytes() -> None:
    stuck = Stuck()
    queue = DeadLetterQueue(
        "dlq",
        stuck,
        wait=lambda _: False,
        stopping=lambda: False,
        rows_max=3,
        bytes_max=100,
        room_wait_max_s=0.05,
    )
    rows = parts.fetched([b"x"] * 10 + [b"y" * 500])
    queue.put(Consumed(rows, 10), [])  # one that is larger than the bound is taken when alone
    with pytest.raises(BrokerError, match="1 letters wait for the broker"):
        queue.put(Consumed(rows, 0), [])
    stuck.answering = True
    for row in range(10):
        queue.put(Consumed(rows, row), [])
        assert queue.pending <= 3
    assert queue.flush(1)
    assert queue.pending == 0


def test_a_stop_does_not_wait_for_room() -> None:
    queue = DeadLetterQueue(
        "dlq", Stuck(), wait=lambda _: True, stopping=lambda: True, rows_max=1, room_wait_max_s=60
    )
    rows = parts.fetched([b"x", b"y"])
    queue.put(Consumed(rows, 0), [])
    queue.put(Consumed(rows, 1), [])
    assert not queue.flush(0)


def test_with_tolerance_none_the_letter_is_kept_and_the_task_fails(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Keeping(), tolerate=False)
    bench.write(b"a", b"bad")
    with pytest.raises(StageError, match="t-0@1"):
        bench.run(lambda: False)
    assert bench.letters.flush(5)
    assert [value for _, value, _, _ in bench.dead()] == [b"bad"]


class Swallowing(Keeping):
    """Catches what its report raises."""

    def put(self, records: Any) -> None:
        try:
            super().put(records)
        except ConnectError:
            self.kept.append("swallowed")


def test_a_report_fails_the_task_when_none_is_tolerated_even_if_it_swallows_that(
    tmp_path: Path,
) -> None:
    task = Swallowing()
    bench = Bench(tmp_path, task, tolerate=False)
    bench.write(b"errant")
    with pytest.raises(ConnectError, match=r"Tolerance exceeded in error handler.*not wanted"):
        bench.run(lambda: False)
    assert task.kept == ["swallowed"]


class Hesitant(Keeping):
    """Asks for the same records again, twice."""

    puts = 0

    def put(self, records: Any) -> None:
        if not records:
            return
        self.puts += 1
        if self.puts < 3:
            self.context.retry_after(1)
            raise RetriableError("not yet")
        super().put(records)


def test_records_put_again_report_their_bad_neighbours_once(tmp_path: Path) -> None:
    task = Hesitant()
    bench = Bench(tmp_path, task)
    bench.write(b"a", b"bad")
    bench.run(lambda: task.kept == ["a"])
    bench.runner.finish()
    assert task.puts == 3
    assert [value for _, value, _, _ in bench.dead()] == [b"bad"]


class Making(Keeping):
    """Reports a record that it made itself, and one that is not there."""

    def put(self, records: Any) -> None:
        reporter = self.context.errant_record_reporter
        assert reporter is not None
        for record in records:
            made = SinkRecord(topic="made", value="own", key="k", partition=2, offset=9)
            self.tickets.append(reporter.report(made, ValueError("own")))
            self.kept.append(record.value)


def test_a_record_that_the_task_made_is_written_by_its_converters(tmp_path: Path) -> None:
    task = Making()
    bench = Bench(tmp_path, task)
    bench.write(b"a")
    bench.run(lambda: task.kept == ["a"])
    bench.runner.finish()
    ((key, value, _, headers),) = bench.dead()
    assert (key, value) == (b"k", b"own")
    assert (headers[f"{P}topic"], headers[f"{P}offset"]) == (b"made", b"9")


def test_rows_of_other_batches_cannot_be_reported(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Keeping())
    reporter = bench.context.errant_record_reporter
    assert reporter is not None
    with pytest.raises(ConnectError, match="put_batch was given"):
        reporter.report_row(Batch.source(topic="t", values=["a"]), 0, ValueError())


def test_the_topic_is_made_with_one_partition_when_it_is_missing(tmp_path: Path) -> None:
    admin = EmbeddedBroker(f"embedded:{tmp_path / 'log.db'}").admin({}, client_id="a")
    make_topic(admin, "dlq", 3)
    make_topic(admin, "dlq", 3)
    assert admin.topics(5) == {"dlq": 1}
    with pytest.raises(ConnectError, match="Could not initialize dead letter queue with topic="):
        make_topic(admin, "no such name/", 3)


def test_consumed_bytes_are_let_go_where_nobody_reports(tmp_path: Path) -> None:
    task = task_parts.Keeping()
    bench = Bench(tmp_path, task)
    bench.context.reporter = None
    seen: list[SinkRecord] = []
    task.put = seen.extend  # type: ignore[method-assign]  # this task keeps the records themselves
    bench.write(b"a")
    bench.run(lambda: bool(seen))
    assert seen[0].origin.raw is None
