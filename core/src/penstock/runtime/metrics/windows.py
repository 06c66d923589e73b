"""Rates, averages and extremes over the last half to whole minute. Pure: callers give the time."""

from __future__ import annotations

import math
from typing import Final

import attrs

__all__ = ["SAMPLE_S", "Window"]

SAMPLE_S: Final = 30.0
"""Length of one sample; two are kept (metrics.sample.window.ms and metrics.num.samples)."""
_ELAPSED_MIN_S: Final = 1.0


@attrs.define(eq=False)
class _Sample:
    began_s: float
    count: int = 0
    sum: float = 0.0
    max: float = 0.0
    min: float = math.inf


class Window:
    """Values of the last two samples, and how many there ever were. Owner: one thread.

    Times are seconds of one monotonic clock.
    """

    __slots__ = ("_new", "_old", "total")

    def __init__(self, now_s: float) -> None:
        """Begin the first sample."""
        self.total = 0.0
        self._old: _Sample | None = None
        self._new = _Sample(now_s)

    def add(self, value: float, now_s: float) -> None:
        """Take one value."""
        self._roll(now_s)
        self.total += value
        new = self._new
        new.count += 1
        new.sum += value
        new.max = max(value, new.max)
        new.min = min(value, new.min)

    def _roll(self, now_s: float) -> None:
        age_s = now_s - self._new.began_s
        if age_s >= SAMPLE_S:
            # Nothing came for a whole sample: what was before is too old.
            self._old = self._new if age_s < 2 * SAMPLE_S else None
            self._new = _Sample(now_s)

    def _samples(self, now_s: float) -> list[_Sample]:
        self._roll(now_s)
        return [self._new] if self._old is None else [self._old, self._new]

    def avg(self, now_s: float) -> float | None:
        """Return the average, None when no value came."""
        samples = self._samples(now_s)
        count = sum(one.count for one in samples)
        return sum(one.sum for one in samples) / count if count else None

    def max(self, now_s: float) -> float | None:
        """Return the largest value, None when none came."""
        return max((one.max for one in self._samples(now_s) if one.count), default=None)

    def min(self, now_s: float) -> float | None:
        """Return the smallest value, None when none came."""
        return min((one.min for one in self._samples(now_s) if one.count), default=None)

    def rate(self, now_s: float) -> float:
        """Return the sum of the values a second."""
        samples = self._samples(now_s)
        elapsed_s = max(_ELAPSED_MIN_S, now_s - samples[0].began_s)
        return sum(one.sum for one in samples) / elapsed_s
