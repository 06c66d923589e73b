"""The herder hears of a time it waits for when that comes, whatever ticks lie between."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from penstock.runtime.herder.driver import TICK_S, HerderDriver
from penstock.runtime.herder.state import Action

FIRST_S = 0.1
SECOND_S = 2.4 * TICK_S


class _Ticked:
    """The time."""


class _Waiting:
    """A herder that waits for two times, and notes when it heard of any."""

    def __init__(self) -> None:
        self.began_s = time.monotonic()
        self.heard_s: list[float] = []
        self.done = threading.Event()
        self.driver: HerderDriver | None = None

    def step(self, event: Any) -> Sequence[Action]:
        assert isinstance(event, _Ticked)
        assert self.driver is not None
        if not self.heard_s:
            for wait_s in (SECOND_S, FIRST_S):
                self.driver.wake_at(self.began_s + wait_s)
        self.heard_s.append(time.monotonic() - self.began_s)
        if self.heard_s[-1] >= SECOND_S:
            self.done.set()
        return []


def test_times_between_ticks_are_told() -> None:
    herder = _Waiting()
    driver = HerderDriver(
        herder,
        worker=None,  # type: ignore[arg-type]  # nothing is run
        worker_config={},
        stop_timeout_ms=0,
        ticks=_Ticked,
    )
    herder.driver = driver
    driver.start()
    assert herder.done.wait(10)
    driver.close(5)
    for wait_s in (FIRST_S, SECOND_S):
        late_s = min(one - wait_s for one in herder.heard_s if one >= wait_s)
        assert late_s < TICK_S / 4, (wait_s, herder.heard_s)
