"""The worker with hosts that are threads; tests/integration/test_hosts.py has the processes."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import ConfigError, ConflictError, ConnectError, StorageError, TimedOutError
from penstock.runtime.host.messages import (
    Call,
    Event,
    Failed,
    Pause,
    Paused,
    Resume,
    Running,
    Stopped,
)
from penstock.runtime.model import TaskId
from penstock.runtime.offsets.store import MemoryOffsetStore
from penstock.runtime.worker import HostExited, HostKey, Worker

sys.path.insert(0, str(Path(__file__).parent / "host"))
import host_doubles as doubles

KEY = TaskId("double", 0)


class Ear:
    """Hears of hosts."""

    def __init__(self) -> None:
        self._events: queue.Queue[tuple[HostKey, int, Event | HostExited]] = queue.Queue()

    def __call__(self, key: HostKey, incarnation: int, event: Event | HostExited) -> None:
        self._events.put((key, incarnation, event))

    def next(self) -> Any:
        return self._events.get(timeout=10)[2]

    def next_whole(self) -> tuple[HostKey, int, Event | HostExited]:
        return self._events.get(timeout=10)


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def worker(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    doubles.install(monkeypatch.setitem)
    before = set(threading.enumerate())
    made = Worker(store=MemoryOffsetStore(), isolation="thread", on_event=ear)
    yield made
    made.close(1)
    left = [thread for thread in set(threading.enumerate()) - before if thread.is_alive()]
    assert [thread.name for thread in left if thread.name not in ABANDONED] == []


ABANDONED = ("task double-0", "call sleep")  # block for ever, on purpose


def test_a_task_runs_pauses_goes_on_and_stops(worker: Worker, ear: Ear) -> None:
    incarnation = worker.start_task(doubles.task("idle"))
    key, number, running = ear.next_whole()
    assert (key, number) == (KEY, incarnation)
    assert isinstance(running, Running)
    worker.send(KEY, Pause())
    assert ear.next() == Paused()
    worker.send(KEY, Resume())
    assert ear.next() == Running("again")
    worker.stop(KEY, 5000)
    assert ear.next() == Stopped()
    assert ear.next() == HostExited("the thread of task double-0 ended", killed=False)


def test_each_start_has_its_own_incarnation(worker: Worker, ear: Ear) -> None:
    first = worker.start_task(doubles.task("print"))
    assert [ear.next_whole()[1] for _ in range(2)] == [first] * 2
    second = worker.start_task(doubles.task("print"))
    assert [ear.next_whole()[1] for _ in range(2)] == [second] * 2
    assert first != second


@pytest.mark.parametrize(("do", "reason"), [("raise", "ValueError: boom"), ("exit", "SystemExit")])
def test_what_a_task_raises_becomes_failed(worker: Worker, ear: Ear, do: str, reason: str) -> None:
    worker.start_task(doubles.task(do))
    failed = ear.next()
    assert isinstance(failed, Failed)
    assert failed.reason.startswith(reason)
    assert "Traceback" in failed.trace
    assert isinstance(ear.next(), HostExited)


def test_offsets_are_answered_by_the_worker_itself(worker: Worker, ear: Ear) -> None:
    worker.start_task(doubles.task("offsets"))
    assert ear.next() == Running('[null, null, [{"n": 1}, null]]')


def test_a_store_that_fails_is_told_to_the_task(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(MemoryOffsetStore):
        def put(self, entries: Any) -> None:
            raise StorageError("the disk is full")

    doubles.install(monkeypatch.setitem)
    worker = Worker(store=Full(), isolation="thread", on_event=ear)
    worker.start_task(doubles.task("offsets"))
    assert ear.next() == Running('["the disk is full", null, [null, null]]')
    worker.close(1)


def test_a_thread_that_blocks_is_left_behind_and_counted(worker: Worker, ear: Ear) -> None:
    worker.start_task(doubles.task("block"))
    assert isinstance(ear.next(), Running)
    worker.stop(KEY, 10)
    exited = ear.next()
    assert exited.killed
    assert exited.reason == "task double-0 did not end within 10 ms; its thread is left behind"
    assert worker.abandoned_threads == 1


def test_a_key_whose_host_lives_is_not_started_again(worker: Worker, ear: Ear) -> None:
    worker.start_task(doubles.task("idle"))
    assert isinstance(ear.next(), Running)
    second = worker.start_task(doubles.task("idle"))
    key, number, exited = ear.next_whole()
    assert (key, number) == (KEY, second)
    assert isinstance(exited, HostExited)
    assert "has not ended yet" in exited.reason
    worker.stop(KEY, 5000)
    assert ear.next() == Stopped()


def test_a_listener_that_raises_harms_nobody(
    worker: Worker, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        worker.on_event = ear
        raise ValueError("broken listener")

    worker.on_event = broken
    worker.start_task(doubles.task("print"))
    assert isinstance(ear.next(), HostExited)
    assert "broken listener" in caplog.text


def test_calls_are_answered(worker: Worker) -> None:
    assert worker.call(Call("ping", {"text": "hello"}), 10).result(10) == "hello"
    many = [worker.call(Call("ping", {"text": str(n)}), 10) for n in range(50)]
    assert [one.result(10) for one in many] == [str(n) for n in range(50)]


@pytest.mark.parametrize(
    ("function", "arguments", "error", "text"),
    [
        ("unknown", {}, ConnectError, "no function 'unknown'"),
        ("fail", {"text": "boom"}, ConnectError, "ValueError: boom"),
        ("fail", {}, ConnectError, "TypeError"),
        ("refuse", {}, ConfigError, "connector 'x': 2 configuration problems"),
    ],
)
def test_a_call_that_fails_raises(
    worker: Worker, function: str, arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        worker.call(Call(function, arguments), 10).result(10)


def test_a_call_without_an_answer_times_out(worker: Worker) -> None:
    with pytest.raises(TimedOutError, match="'sleep' gave no answer"):
        worker.call(Call("sleep", {}), 0.01).result(10)


def test_after_close_nothing_starts(worker: Worker) -> None:
    worker.close(1)
    with pytest.raises(ConflictError, match="shutting down"):
        worker.start_task(doubles.task("idle"))
    with pytest.raises(ConflictError, match="shutting down"):
        worker.call(Call("ping", {}), 1).result(1)
    worker.stop(KEY, 1)


def test_close_stops_what_runs_and_answers_what_waits(worker: Worker, ear: Ear) -> None:
    worker.start_task(doubles.task("idle"))
    assert isinstance(ear.next(), Running)
    waiting = worker.call(Call("sleep", {}), 60)
    worker.close(5)
    assert ear.next() == Stopped()
    assert isinstance(ear.next(), HostExited)
    with pytest.raises(ConflictError):
        waiting.result(1)


def test_close_may_be_called_by_several(worker: Worker) -> None:
    closers: list[Callable[[], None]] = [lambda: worker.close(5)] * 3
    threads = [threading.Thread(target=closer) for closer in closers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
