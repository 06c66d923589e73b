"""What ``toString`` of a Connect value prints in Java (source: StringConverter, Struct)."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from typing import Any, Final

from penstock.data import EpochMillis, Schema, Type
from penstock.data.values import date_text, decimal_text, double_text, float_text, moment_ms
from penstock.errors import DataError

__all__ = ["moment_ms", "value_text"]

_DEPTH_MAX: Final = 200


def value_text(schema: Schema | None, value: Any, path: str = "value", depth: int = 0) -> str:
    """Return the text of a value.

    Moments are printed as a JVM in UTC prints them.

    Raises:
        DataError: bytes, which Java prints as an address in memory, or a class that Connect
            does not have.
    """
    if depth > _DEPTH_MAX:
        raise DataError(f"{path[:80]}...: nested deeper than {_DEPTH_MAX} levels")
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return _dict_text(schema, value, path, depth)
    if isinstance(value, list | tuple):
        element = schema.value_schema if schema is not None else None
        return f"[{', '.join(_elements(element, value, path, depth))}]"
    return _scalar_text(schema, value, path)


def _scalar_text(schema: Schema | None, value: Any, path: str) -> str:
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        single = schema is not None and schema.type is Type.FLOAT32
        return float_text(value) if single else double_text(value)
    if isinstance(value, decimal.Decimal):
        return decimal_text(value)
    if isinstance(value, dt.date | dt.time | EpochMillis):
        return date_text(moment_ms(value))
    if isinstance(value, bytes | bytearray | memoryview):
        raise DataError(f"{path}: bytes have no text; use the ByteArrayConverter or a Cast")
    raise DataError(f"{path}: {type(value).__name__} is no type of Connect")


def _elements(
    schema: Schema | None, values: list[Any] | tuple[Any, ...], path: str, depth: int
) -> Iterator[str]:
    return (value_text(schema, one, f"{path}[{i}]", depth + 1) for i, one in enumerate(values))


def _dict_text(schema: Schema | None, value: dict[Any, Any], path: str, depth: int) -> str:
    if schema is not None and schema.type is Type.STRUCT:
        shown = (
            f"{field.name}="
            + value_text(field.schema, value[field.name], f"{path}.{field.name}", depth + 1)
            for field in schema.fields
            if value.get(field.name) is not None
        )
        return f"Struct{{{','.join(shown)}}}"
    key_schema = schema.key_schema if schema is not None else None
    element = schema.value_schema if schema is not None else None
    pairs = (
        value_text(key_schema, name, f"{path} key", depth + 1)
        + "="
        + value_text(element, one, f"{path}[{name!r}]", depth + 1)
        for name, one in value.items()
    )
    return f"{{{', '.join(pairs)}}}"
