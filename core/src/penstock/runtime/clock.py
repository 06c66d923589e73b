"""The time, as something that is handed in."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Tells the time; tests hand in one that they move. Any thread may ask."""

    def now_ms(self) -> int:
        """Return the Unix time in milliseconds, for people and for stored states."""

    def monotonic_s(self) -> float:
        """Return seconds that never go back, for deadlines and durations."""


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """See :class:`Clock`."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """See :class:`Clock`."""
        return time.monotonic()
