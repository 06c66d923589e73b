"""When to read a shard again: within its limits, soon when there is something to read. Pure.

A shard gives 5 reads and 2 MB a second to all consumers together, but for those with enhanced
fan-out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

__all__ = ["READ_INTERVAL_MIN_S", "SHARD_BYTES_PER_S", "Pace"]

READ_INTERVAL_MIN_S: Final = 0.2
SHARD_BYTES_PER_S: Final = 2_000_000
BACKOFF_FIRST_S: Final = 0.5
STRETCH_MAX: Final = 8.0
_STRETCH_UP: Final = 1.5
_STRETCH_DOWN: Final = 0.95
_DOUBLINGS_MAX: Final = 16


@attrs.define
class Pace:
    """The pace of one shard. Owner: whoever reads the shard.

    ``idle_s`` is the wait when all was read; ``backoff_s`` bounds the wait after throttling;
    ``jitter(low, high)`` gives a random number between.
    """

    idle_s: float
    backoff_s: float
    jitter: Callable[[float, float], float]
    stretch: float = 1.0
    failures: int = 0

    def read(self, size: int, behind_ms: int) -> float:
        """Return the wait in seconds, from the start of a read that gave ``size`` bytes.

        Others read the shard too when reads are refused: the wait stretches with each refusal and
        shrinks again by and by.
        """
        self.failures = 0
        self.stretch = max(1.0, self.stretch * _STRETCH_DOWN)
        least_s = max(READ_INTERVAL_MIN_S * self.stretch, size / SHARD_BYTES_PER_S)
        return least_s if behind_ms > 0 else max(least_s, self.idle_s)

    def throttled(self) -> float:
        """Return the wait in seconds after a refusal for too many reads or bytes."""
        self.stretch = min(STRETCH_MAX, self.stretch * _STRETCH_UP)
        return self.failed()

    def failed(self) -> float:
        """Return the wait in seconds after a failure that may pass: full jitter, but a least."""
        most_s = min(self.backoff_s, BACKOFF_FIRST_S * 2.0 ** min(self.failures, _DOUBLINGS_MAX))
        self.failures += 1
        return max(READ_INTERVAL_MIN_S, self.jitter(0.0, most_s))
