from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from penstock.errors import RetriableError
from penstock.runtime.host.inbox import COMMANDS_MAX, Inbox
from penstock.runtime.host.messages import (
    Event,
    Lease,
    LoadOffsets,
    MakeTaskConfigs,
    OffsetsLoaded,
    OffsetsStored,
    Pause,
    Resume,
    Stop,
    StoreOffsets,
)

LONG_S = 60.0


class Recorder(Inbox):
    def __init__(self, *, paused: bool = False) -> None:
        super().__init__(paused=paused)
        self.sent: list[Event] = []
        self.on_send: Callable[[Event], None] = self.sent.append

    def send(self, event: Event) -> None:
        self.on_send(event)


def test_stop_sets_the_flag_and_the_deadline() -> None:
    inbox = Recorder()
    assert not inbox.stopping
    inbox.deliver(Stop(5000))
    assert inbox.stopping
    assert 4 < inbox.stop_deadline_s <= 5
    assert inbox.wait(LONG_S)


def test_a_host_begins_paused_when_told_so() -> None:
    inbox = Recorder(paused=True)
    assert inbox.pausing
    inbox.deliver(Resume())
    assert not inbox.pausing


def test_a_wait_ends_when_the_time_is_over() -> None:
    assert not Recorder().wait(0.001)


@pytest.mark.parametrize("command", [Pause(), Stop(1), MakeTaskConfigs(1)])
def test_a_waiting_runner_is_woken(command: Pause | Stop | MakeTaskConfigs) -> None:
    inbox = Recorder()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(inbox.wait, LONG_S)
        inbox.deliver(command)
        assert waiting.result(5) is isinstance(command, Stop)


def test_a_change_before_the_wait_ends_it_once() -> None:
    inbox = Recorder()
    assert not inbox.pausing
    inbox.deliver(Pause())
    assert not inbox.wait(LONG_S)  # at once: the runner had not seen the pause
    assert not inbox.wait(0.001)  # a plugin that waits in a loop does not spin


def test_a_change_that_the_runner_has_seen_does_not_end_its_wait() -> None:
    inbox = Recorder()
    inbox.deliver(Pause())
    assert inbox.pausing
    assert not inbox.wait(0.001)


def test_callbacks_hear_of_flags_only_and_one_that_raises_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inbox = Recorder()
    calls: list[str] = []

    def broken() -> None:
        raise ValueError("broken callback")

    inbox.on_change(broken)
    inbox.on_change(lambda: calls.append("changed"))
    inbox.deliver(Pause())
    inbox.deliver(Pause())
    inbox.deliver(MakeTaskConfigs(1))
    assert calls == ["changed"]
    assert "broken callback" in caplog.text


def test_commands_come_in_order_and_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    inbox = Recorder()
    for number in range(COMMANDS_MAX + 1):
        inbox.deliver(MakeTaskConfigs(number))
    taken = [inbox.next_command() for _ in range(COMMANDS_MAX)]
    assert taken == [MakeTaskConfigs(number) for number in range(COMMANDS_MAX)]
    assert inbox.next_command() is None
    assert "dropped" in caplog.text


def test_an_answer_is_matched_by_its_kind_and_number() -> None:
    inbox = Recorder()

    def answer(_event: Event) -> None:
        inbox.deliver(OffsetsStored(7))
        inbox.deliver(OffsetsLoaded(8, []))
        inbox.deliver(OffsetsLoaded(7, [None], "disk"))

    inbox.on_send = answer
    assert inbox.ask(LoadOffsets(7, [{}]), LONG_S) == OffsetsLoaded(7, [None], "disk")


def test_no_answer_in_time_is_retriable_and_a_late_one_is_forgotten() -> None:
    inbox = Recorder()
    with pytest.raises(RetriableError, match="no answer"):
        inbox.ask(StoreOffsets(1, []), 0.001)
    inbox.deliver(OffsetsStored(1))
    with pytest.raises(RetriableError):
        inbox.ask(StoreOffsets(1, []), 0.001)


def test_two_threads_that_wait_are_both_woken() -> None:
    inbox = Recorder()
    ready = threading.Barrier(3)

    def wait() -> bool:
        ready.wait(5)
        return inbox.wait(LONG_S)

    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(wait) for _ in range(2)]
        ready.wait(5)
        inbox.deliver(Stop(1))
        assert all(one.result(5) for one in waiting)


def test_a_lease_ends_by_itself_and_a_new_one_wakes_the_runner() -> None:
    inbox = Recorder()
    assert inbox.has_lease, "a worker that is alone grants none"
    inbox.deliver(Lease(time.monotonic() + LONG_S))
    assert inbox.has_lease
    inbox.deliver(Lease(time.monotonic() - 1))
    assert not inbox.has_lease
    inbox.wait(0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(inbox.wait, LONG_S)
        inbox.deliver(Lease(time.monotonic() + LONG_S))
        assert waiting.result(5) is False
    assert inbox.has_lease
