"""The text that the original's sink writes for a value: Java's ``toString``.

Three things differ, where the original loses data: bytes are written as they are, where it writes
``[B@`` and a hash; moments keep their milliseconds, in ISO form; text beyond Python's encodings
becomes ``?``, as in Java.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.data import EpochMillis, Schema, Type

__all__ = ["render", "render_line"]

_FLOAT32_DIGITS_MAX: Final = 9
_Write = Callable[[Any, "Schema | None"], str]


def render_line(value: Any, schema: Schema | None) -> bytes:
    """Return the bytes of a value's line, without its end; bytes are passed on as they are."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    return render(value, schema).encode("utf-8", "replace")


def render(value: Any, schema: Schema | None) -> str:
    """Return the text of a value; a struct as ``Struct{a=1,b=x}`` without its null fields."""
    write = _WRITERS.get(type(value))
    if write is None:
        write = next((w for kind, w in _WRITERS.items() if isinstance(value, kind)), _plain)
    return write(value, schema)


def _plain(value: Any, schema: Schema | None) -> str:
    return str(value)


def _dict(value: Mapping[Any, Any], schema: Schema | None) -> str:
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


def _list(value: list[Any] | tuple[Any, ...], schema: Schema | None) -> str:
    element = None if schema is None else schema.value_schema
    return "[" + ", ".join([render(one, element) for one in value]) + "]"


def _float(value: float, schema: Schema | None) -> str:
    """Java's ``Double.toString``: scientific outside 1e-3 to 1e7, always with a decimal point."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    is_single = schema is not None and schema.type is Type.FLOAT32
    shortest = _shortest_single(value) if is_single else repr(value)
    sign, digits, exponent = decimal.Decimal(shortest).normalize().as_tuple()
    if len(digits) == 1:
        # Of one and two digits Java takes the nearer.
        sign, digits, exponent = decimal.Decimal(f"{value:.1e}").normalize().as_tuple()
    text = "".join(map(str, digits))
    power = int(exponent) + len(text) - 1
    minus = "-" if sign else ""
    if not 1e-3 <= abs(value) < 1e7:  # noqa: PLR2004 - Java's bounds
        return f"{minus}{text[0]}.{text[1:] or '0'}E{power}"
    if power < 0:
        return f"{minus}0.{'0' * (-power - 1)}{text}"
    whole, rest = text[: power + 1].ljust(power + 1, "0"), text[power + 1 :]
    return f"{minus}{whole}.{rest or '0'}"


def _shortest_single(value: float) -> str:
    """Return the fewest digits that are this 32-bit number and no other."""
    single = struct.unpack("f", struct.pack("f", value))[0]
    for digits in range(1, _FLOAT32_DIGITS_MAX):
        text = f"{single:.{digits}g}"
        try:
            if struct.unpack("f", struct.pack("f", float(text)))[0] == single:
                return text
        except OverflowError:
            continue
    return f"{single:.{_FLOAT32_DIGITS_MAX}g}"


def _moment(value: dt.datetime, schema: Schema | None) -> str:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_WRITERS: Final[Mapping[type[Any], _Write]] = {
    str: _plain,
    int: _plain,
    type(None): lambda _, __: "null",
    bool: lambda value, _: "true" if value else "false",
    float: _float,
    dict: _dict,
    list: _list,
    tuple: _list,
    bytes: lambda value, _: str(value.decode("utf-8", "backslashreplace")),
    bytearray: lambda value, _: str(value.decode("utf-8", "backslashreplace")),
    memoryview: lambda value, _: bytes(value).decode("utf-8", "backslashreplace"),
    decimal.Decimal: _plain,
    dt.datetime: _moment,
    dt.date: lambda value, _: str(value.isoformat()),
    dt.time: lambda value, _: str(value.isoformat(timespec="milliseconds")),
    EpochMillis: lambda value, _: str(value.ms),
}
"""By type; a subclass is found by going through them in order, bool before int by its own."""
