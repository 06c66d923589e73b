"""Values compared strictly, and remembered."""

from __future__ import annotations

import decimal
import math
from typing import Any

from penstock.data import Batch, Header, Headers, Record, Schema, Type

__all__ = ["copied", "place", "plain", "same", "shown", "snapshot"]


def same(one: Any, other: Any) -> bool:
    """Return whether two values are the same to a consumer.

    NaN is NaN, 0.0 is not -0.0, 1 is neither True nor 1.0, and 1.0 is not the decimal 1.00.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(v, other[k]) for k, v in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    for kind in (bool, float, decimal.Decimal):
        if isinstance(one, kind) != isinstance(other, kind):
            return False
    if isinstance(one, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or (one == other and math.copysign(1, one) == math.copysign(1, other))
    if isinstance(one, decimal.Decimal):
        return bool(one.as_tuple() == other.as_tuple() or (one.is_nan() and other.is_nan()))
    return bool(one == other)


def plain(value: Any, schema: Schema | None = None) -> Any:
    """Return a copy in which a struct has no null fields: a null field is a missing one."""
    if isinstance(value, dict):
        if schema is not None and schema.type is Type.STRUCT:
            return {
                name: plain(one, _field_schema(schema, name))
                for name, one in value.items()
                if one is not None
            }
        inner = None if schema is None else schema.value_schema
        return {name: plain(one, inner) for name, one in value.items()}
    if isinstance(value, list | tuple):
        inner = None if schema is None else schema.value_schema
        return [plain(one, inner) for one in value]
    return value


def _field_schema(schema: Schema, name: str) -> Schema | None:
    field = schema.field(name)
    return None if field is None else field.schema


def copied(value: Any) -> Any:
    """Return a copy that shares no dict and no list with the value."""
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    return [copied(one) for one in value] if isinstance(value, list | tuple) else value


def shown(record: Record, *, exact: bool = False) -> dict[str, Any]:
    """Return a copy of all that a transform may change of a record.

    Args:
        record: of which.
        exact: keep the null fields of structs.
    """
    seen = (lambda value, _: copied(value)) if exact else plain
    return {
        "topic": record.topic,
        "partition": record.partition,
        "timestamp": record.timestamp,
        "key schema": record.key_schema,
        "key": seen(record.key, record.key_schema),
        "value schema": record.value_schema,
        "value": seen(record.value, record.value_schema),
        "headers": [_header(header, seen) for header in record.headers or Headers.EMPTY],
    }


def _header(header: Header, seen: Any) -> list[Any]:
    return [header.key, header.schema, seen(header.value, header.schema)]


def place(record: Record) -> dict[str, Any]:
    """Return where a record comes from, which no transform may change."""
    names = ("source_partition", "source_offset", "offset", "original_topic", "original_partition")
    found = {name: copied(getattr(record, name)) for name in names if hasattr(record, name)}
    return {"class": type(record).__name__, **found}


def snapshot(batch: Batch) -> list[dict[str, Any]]:
    """Return a copy of all rows that no later change can reach."""
    return [{**shown(record, exact=True), **place(record)} for record in batch.records()]
