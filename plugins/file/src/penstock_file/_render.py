"""The text that the original's sink writes for a value: Java's ``toString``."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from penstock.data import EpochMillis, Schema, Type

__all__ = ["render"]


def render(value: Any, schema: Schema | None) -> str:
    """Return the text of a value; a struct as ``Struct{a=1,b=x}`` without its null fields."""
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)
    if isinstance(value, dict):
        return _mapping(value, schema)
    if isinstance(value, list | tuple):
        element = None if schema is None else schema.value_schema
        return "[" + ", ".join(render(one, element) for one in value) + "]"
    return str(value)


def _mapping(value: dict[Any, Any], schema: Schema | None) -> str:
    if schema is not None and schema.type is Type.STRUCT:
        parts = [
            f"{field.name}={render(value[field.name], field.schema)}"
            for field in schema.fields
            if value.get(field.name) is not None
        ]
        return "Struct{" + ",".join(parts) + "}"
    keys = None if schema is None else schema.key_schema
    values = None if schema is None else schema.value_schema
    parts = [f"{render(key, keys)}={render(one, values)}" for key, one in value.items()]
    return "{" + ", ".join(parts) + "}"


def _number(value: float) -> str:
    """Java's ``Double.toString``: scientific outside 1e-3 to 1e7, always with a decimal point."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:  # noqa: PLR2004 - Java's bounds
        plain = format(decimal.Decimal(repr(value)), "f")
        return plain if "." in plain else f"{plain}.0"
    sign, digits, exponent = decimal.Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    power = int(exponent) + len(text) - 1
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{power}"


_WRITERS: Final[Sequence[tuple[Any, Callable[[Any], str]]]] = (
    (str, str),
    (type(None), lambda _: "null"),
    (bool, lambda value: "true" if value else "false"),
    (float, _number),
    ((bytes, bytearray, memoryview), lambda value: bytes(value).decode("utf-8", "replace")),
    (decimal.Decimal, lambda value: format(value, "f")),
    ((dt.datetime, dt.date, dt.time), lambda value: str(value.isoformat())),
    (EpochMillis, lambda value: str(value.ms)),
)
