from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from penstock.runtime.clock import SystemClock
from penstock.runtime.host.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    running = Loop("test-loop", SystemClock())
    running.start()
    yield running
    running.stop(5)
    assert "test-loop" not in [thread.name for thread in threading.enumerate()]


def test_posts_run_in_order_and_one_that_raises_harms_nobody(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    seen: Future[list[int]] = Future()
    order: list[int] = []
    loop.post(lambda: order.append(1))
    loop.post(lambda: order.remove(7))
    loop.post(lambda: order.append(2))
    loop.post(lambda: seen.set_result(order))
    assert seen.result(5) == [1, 2]
    assert "ValueError" in caplog.text


def test_timers_run_in_the_order_of_their_times_and_cancelled_ones_do_not(loop: Loop) -> None:
    seen: Future[list[str]] = Future()
    order: list[str] = []

    def begin() -> None:
        loop.call_later(0.02, lambda: seen.set_result(order))
        loop.call_later(0.01, lambda: order.append("late"))
        loop.call_later(0.0, lambda: order.append("soon"))
        loop.call_later(0.0, lambda: order.append("never")).cancel()

    loop.post(begin)
    assert seen.result(5) == ["soon", "late"]


def test_a_watched_descriptor_is_told_until_it_is_forgotten(loop: Loop) -> None:
    reading, writing = os.pipe()
    seen: Future[bytes] = Future()

    def read() -> None:
        loop.unwatch(reading)
        loop.unwatch(reading)
        seen.set_result(os.read(reading, 10))

    loop.post(lambda: loop.watch(reading, read))
    os.write(writing, b"x")
    assert seen.result(5) == b"x"
    os.close(reading)
    os.close(writing)


def test_a_post_after_the_end_is_dropped() -> None:
    ended = Loop("test-loop", SystemClock())
    ended.start()
    ended.stop(5)
    ended.post(lambda: pytest.fail("ran"))
