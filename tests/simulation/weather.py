"""How rough a storm is, and what happened in it."""

from __future__ import annotations

import random

import attrs

__all__ = ["Figures", "Weather"]


@attrs.define
class Weather:
    """How rough it is; each number is a chance in a tick or of a message."""

    lost: float = 0.0
    late: float = 0.0
    twice: float = 0.0
    crash: float = 0.0
    pause: float = 0.0
    ask: float = 0.0
    unread: float = 0.0
    unwritten: float = 0.0
    slow_stop: float = 0.0

    @classmethod
    def rough(cls, rng: random.Random) -> Weather:
        """Return some bad weather."""
        return cls(
            lost=rng.choice([0, 0.02, 0.1]),
            late=rng.choice([0, 0.2, 0.5]),
            twice=rng.choice([0, 0.05]),
            crash=rng.choice([0, 0.01, 0.03]),
            pause=rng.choice([0, 0.01, 0.03]),
            ask=rng.choice([0.1, 0.5, 1]),
            unread=rng.choice([0, 0.3, 0.7]),
            unwritten=rng.choice([0, 0.1]),
            slow_stop=rng.choice([0, 0.5, 0.9]),
        )


@attrs.define
class Figures:
    """What happened in a run."""

    workers: int = 0
    crashes: int = 0
    pauses: int = 0
    mid_commit: int = 0
    rebalances: int = 0
    acknowledged: int = 0
    moves: int = 0
    calm_ticks: int = 0
