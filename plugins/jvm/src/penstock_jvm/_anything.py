"""Values without a schema, each with a letter that tells what it is; ``Anything`` in Java."""

from __future__ import annotations

import datetime as dt
import decimal
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.data import EpochMillis, Timestamp
from penstock.errors import DataError
from penstock_jvm._bytes import In, Out

__all__ = ["read", "write"]

_F64: Final = struct.Struct("<d")
_LONG: Final = 1 << 63


def read(source: In) -> Any:
    """Return the next value."""
    kind = chr(source.u8())
    reader = _READERS.get(kind)
    if reader is None:
        raise DataError(f"jvm: a value of unknown kind {kind!r} came from Java")
    return reader(source)


def _key(key: Any) -> Any:
    """Return a map's key; Java's may be a list or a map, Python's may not."""
    if isinstance(key, list | dict):
        raise DataError(f"jvm: a map has a {type(key).__name__} as its key, which no dict can have")
    return key


_READERS: Final[Mapping[str, Callable[[In], Any]]] = {
    "0": lambda _: None,
    "t": lambda _: True,
    "f": lambda _: False,
    "i": In.i64,
    "d": lambda source: _F64.unpack(source.take(8))[0],
    "s": In.text,
    "b": lambda source: source.take(source.i32()),
    "n": lambda source: decimal.Decimal(source.text() or "0"),
    "I": lambda source: int(source.text() or "0"),
    "D": lambda source: Timestamp.from_ms(source.i64()),
    "l": lambda source: [read(source) for _ in range(source.i32())],
    "m": lambda source: {_key(read(source)): read(source) for _ in range(source.i32())},
}


def write(out: Out, value: Any) -> None:
    """Write a value; raises DataError for one that Connect has no type for."""
    match value:
        case None:
            out.u8(ord("0"))
        case bool():
            out.u8(ord("t" if value else "f"))
        case int() if -_LONG <= value < _LONG:
            out.u8(ord("i"))
            out.i64(value)
        case int():
            out.u8(ord("I"))
            out.text(str(value))
        case float():
            out.u8(ord("d"))
            out.parts.append(_F64.pack(value))
        case str():
            out.u8(ord("s"))
            out.text(value)
        case bytes() | bytearray() | memoryview():
            out.u8(ord("b"))
            out.blob(bytes(value))
        case decimal.Decimal():
            out.u8(ord("n"))
            out.text(str(value))
        case dt.datetime() | EpochMillis():
            out.u8(ord("D"))
            out.i64(Timestamp.to_ms(value))
        case _:
            _nested(out, value)


def _nested(out: Out, value: Any) -> None:
    if isinstance(value, list | tuple):
        out.u8(ord("l"))
        out.i32(len(value))
        for item in value:
            write(out, item)
    elif isinstance(value, Mapping):
        out.u8(ord("m"))
        out.i32(len(value))
        for key, item in value.items():
            write(out, key)
            write(out, item)
    else:
        raise DataError(f"jvm: a value of type {type(value).__name__} cannot go to Java")
