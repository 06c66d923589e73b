"""What the embedded log takes from Apache Kafka client properties. Pure.

Properties of a network, of its security or of performance have no meaning here and no effect.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

import attrs

from penstock.errors import ConfigError, Problem, did_you_mean

__all__ = [
    "ConsumerSettings",
    "OffsetReset",
    "ProducerSettings",
    "consumer_settings",
    "producer_settings",
]

SESSION_TIMEOUT_MS: Final = 45_000
"""Kafka's default for ``session.timeout.ms``."""
PATIENCE_MS: Final = 300_000
"""Kafka's default for ``max.poll.interval.ms``."""
DELIVERY_TIMEOUT_MS: Final = 120_000
"""Kafka's default for ``delivery.timeout.ms``."""
_MS_MAX: Final = 2**31 - 1


class OffsetReset(enum.Enum):
    """Where to begin in a partition without a usable position."""

    EARLIEST = "earliest"
    LATEST = "latest"
    NONE = "none"


@attrs.frozen
class ConsumerSettings:
    """What a consumer takes from its properties."""

    reset: OffsetReset
    session_s: float
    patience_s: float


@attrs.frozen
class ProducerSettings:
    """What a producer takes from its properties."""

    delivery_timeout_s: float


def consumer_settings(properties: Mapping[str, str], who: str) -> ConsumerSettings:
    """Return a consumer's settings; raises ConfigError with every problem."""
    problems: list[Problem] = []
    known = [one.value for one in OffsetReset]
    reset = properties.get("auto.offset.reset", known[0]).strip().lower()
    if reset not in known:
        near = did_you_mean(reset, known)
        message = f"'auto.offset.reset' is '{reset}'{near}; the embedded log knows {known}"
        problems.append(Problem("auto.offset.reset", message))
    session_ms = _milliseconds(properties, "session.timeout.ms", SESSION_TIMEOUT_MS, problems)
    patience_ms = _milliseconds(properties, "max.poll.interval.ms", PATIENCE_MS, problems)
    if problems:
        raise ConfigError(problems, who=who)
    return ConsumerSettings(OffsetReset(reset), session_ms / 1000, patience_ms / 1000)


def producer_settings(properties: Mapping[str, str], who: str) -> ProducerSettings:
    """Return a producer's settings; raises ConfigError with every problem."""
    problems: list[Problem] = []
    if properties.get("transactional.id"):
        message = "'transactional.id' is set; the embedded log has no transactions, remove it"
        problems.append(Problem("transactional.id", message))
    timeout_ms = _milliseconds(properties, "delivery.timeout.ms", DELIVERY_TIMEOUT_MS, problems)
    if problems:
        raise ConfigError(problems, who=who)
    return ProducerSettings(timeout_ms / 1000)


def _milliseconds(
    properties: Mapping[str, str], key: str, default: int, problems: list[Problem]
) -> int:
    text = properties.get(key, str(default)).strip()
    if text.isascii() and text.isdecimal() and 1 <= int(text[:12]) <= _MS_MAX:
        return int(text)
    message = f"'{key}' must be a number of milliseconds from 1 to {_MS_MAX}, got '{text}'"
    problems.append(Problem(key, message))
    return default
