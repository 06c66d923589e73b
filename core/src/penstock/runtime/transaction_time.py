"""How long a source's transactions may stay open, and for how long the broker lets them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.errors import Problem

__all__ = ["FLUSH_INTERVAL_MS", "TIMEOUT", "interval_ms", "interval_problems", "timeout_ms"]

FLUSH_INTERVAL_MS: Final = 60_000
"""The original's default of ``offset.flush.interval.ms``."""
COMMIT_TIME_MS: Final = 60_000
"""What the broker allows beyond the interval, for the commit: the original's whole timeout."""
BOUNDARY: Final = "transaction.boundary"
INTERVAL: Final = "transaction.boundary.interval.ms"
FLUSH: Final = "offset.flush.interval.ms"
TIMEOUT: Final = "transaction.timeout.ms"
Raw = Mapping[str, str | None]


def interval_ms(connector: Raw, worker: Mapping[str, str]) -> int | None:
    """Return how long a transaction collects records; None unless its boundary is ``interval``.

    None too where a number is none, which validation tells by itself.
    """
    if (connector.get(BOUNDARY) or "").strip().lower() != "interval":
        return None
    return _number(connector.get(INTERVAL) or worker.get(FLUSH) or str(FLUSH_INTERVAL_MS))


def timeout_ms(connector: Raw, worker: Mapping[str, str]) -> int | None:
    """Return the transaction timeout for a producer to which nobody gave one; None: its own.

    The original leaves it at the producer's 60 s, which is also how long the default interval
    keeps a transaction open: the broker may abort it just before its commit.
    """
    length = interval_ms(connector, worker)
    return None if length is None else length + COMMIT_TIME_MS


def interval_problems(connector: Raw, worker: Mapping[str, str]) -> list[Problem]:
    """Return a problem where the broker would abort each transaction before its interval ends."""
    length = interval_ms(connector, worker)
    if length is None:
        return []
    for key, given in (
        (f"producer.override.{TIMEOUT}", connector.get(f"producer.override.{TIMEOUT}")),
        (f"producer.{TIMEOUT}", worker.get(f"producer.{TIMEOUT}")),
    ):
        if given is None:
            continue
        limit = _number(given)
        if limit is None or length < limit:
            return []
        return [
            Problem(
                INTERVAL,
                f"A transaction of {length} ms is longer than {key} = {limit}: the broker "
                f"aborts it before its end. Lower {INTERVAL}, or raise "
                f"producer.override.{TIMEOUT} (the broker's transaction.max.timeout.ms limits it)",
            )
        ]
    return []


def _number(text: str) -> int | None:
    try:
        return int(text.strip())
    except ValueError:
        return None
