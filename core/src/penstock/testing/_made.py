"""Plugins made for a test, and values compared and remembered."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import HealthCheck, settings

from penstock.api import Plugin, Side, Transform
from penstock.data import Batch, EpochMillis, Header, Record

__all__ = [
    "copied",
    "fail",
    "law_settings",
    "made",
    "maker",
    "plain",
    "same",
    "shown",
    "snapshot",
    "vars_of",
]

Makes = Callable[[Side], Any]


def made(plugin: Any, config: Mapping[str, str] | None = None, *, side: Side | None = None) -> Any:
    """Return an opened plugin.

    Args:
        plugin: a plugin class, a class made by a short form, or an instance, which is returned.
        config: the settings of a class, as texts.
        side: what a sided transform works on; the value by default.

    Raises:
        ConfigError: the settings are wrong.
    """
    if not isinstance(plugin, type):
        return plugin
    cls: type[Plugin[Any]] = plugin
    instance = cls(cls.config_spec().parse(dict(config or {})))
    if isinstance(instance, Transform):
        instance.side = side or Side.VALUE
    instance.open()
    return instance


def maker(plugin: Any, config: Mapping[str, str] | None) -> Makes:
    """Return what makes a fresh instance for a side; of an instance always that one."""
    return lambda side: made(plugin, config, side=side)


def law_settings(max_examples: int) -> settings:
    """Return hypothesis' settings of a law: no deadline, and one broken law at a time."""
    return settings(
        max_examples=max_examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )


def fail(law: str, text: str) -> None:
    """Fail a law in plain words."""
    raise AssertionError(f"{law}: {text}")


def plain(value: Any) -> Any:
    """Return a value in the form in which two are compared: a null field is a missing one."""
    if isinstance(value, EpochMillis):
        return value.ms
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def copied(value: Any) -> Any:
    """Return a copy that shares no dict and no list with the value."""
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    return [copied(one) for one in value] if isinstance(value, list | tuple) else value


def same(one: Any, other: Any) -> bool:
    """Return whether two values are the same; NaN is, 0.0 and -0.0 are not, 1 and True are not."""
    if isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or (one == other and math.copysign(1, one) == math.copysign(1, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(v, other[k]) for k, v in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    return bool(one == other)


def shown(record: Record) -> dict[str, Any]:
    """Return all that a transform may change of a record."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "timestamp": record.timestamp,
        "key_schema": record.key_schema,
        "key": plain(record.key),
        "value_schema": record.value_schema,
        "value": plain(record.value),
        "headers": [_header(header) for header in record.headers],
    }


def _header(header: Header) -> list[Any]:
    return [header.key, header.schema, plain(header.value)]


def vars_of(record: Record) -> dict[str, Any]:
    """Return the same, with nulls where they are."""
    return {**shown(record), "key": record.key, "value": record.value}


def snapshot(batch: Batch) -> list[dict[str, Any]]:
    """Return a copy of all rows that no later change can reach."""
    return [copied(vars_of(record)) for record in batch.records()]
