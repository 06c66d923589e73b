"""Received messages out of the buffer of the Java side, by column; messages to send into one. Pure.

A column is the lengths of all its cells, -1 for null, then their bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.data import Header, Headers, Schema

__all__ = ["BYTES", "EMPTY", "OTHER", "TEXT", "Outgoing", "Received", "pack", "unpack"]

_RAW: Final = 9
EMPTY: Final = 0
TEXT: Final = 1
BYTES: Final = 2
OTHER: Final = 3
"""Kinds of a body; of the last (a map, an object or a stream) only a text form is known."""
_MQMD_TEXTS: Final = frozenset({"JMS_IBM_MQMD_MsgId", "JMS_IBM_MQMD_CorrelId"})


@attrs.frozen
class Received:
    """Messages in the order of the queue; every column has a cell a message."""

    kinds: bytes
    timestamps: Sequence[int]
    bodies: Sequence[bytes | None]
    ids: Sequence[str | None]
    correlations: Sequence[str | None]
    raw_correlations: Sequence[bytes | None]
    destinations: Sequence[str | None]
    groups: Sequence[str | None]
    headers: Sequence[Headers]

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self.kinds)


def unpack(buffer: bytes) -> Received:
    """Return the columns of a buffer."""
    (n,) = struct.unpack_from(">i", buffer)
    at = 4 + n
    kinds = buffer[4:at]
    timestamps = struct.unpack_from(f">{n}q", buffer, at)
    at += 8 * n
    columns: list[list[bytes | None]] = []
    for _ in range(7):
        column, at = _column(buffer, at, n)
        columns.append(column)
    bodies, ids, correlations, raw, destinations, groups, properties = columns
    return Received(
        kinds,
        timestamps,
        bodies,
        _texts(ids),
        _texts(correlations),
        raw,
        _texts(destinations),
        _texts(groups),
        [Headers.EMPTY if one is None else _headers(one) for one in properties],
    )


def _column(buffer: bytes, at: int, n: int) -> tuple[list[bytes | None], int]:
    lengths = struct.unpack_from(f">{n}i", buffer, at)
    at += 4 * n
    (total,) = struct.unpack_from(">i", buffer, at)
    at += 4
    cells: list[bytes | None] = []
    place = at
    for length in lengths:
        if length < 0:
            cells.append(None)
        else:
            cells.append(buffer[place : place + length])
            place += length
    return cells, at + total


def _texts(column: Sequence[bytes | None]) -> list[str | None]:
    return [None if cell is None else cell.decode() for cell in column]


_FIXED: Final[Mapping[int, tuple[struct.Struct, Schema]]] = {
    2: (struct.Struct(">?"), Schema.BOOLEAN),
    3: (struct.Struct(">b"), Schema.INT8),
    4: (struct.Struct(">h"), Schema.INT16),
    5: (struct.Struct(">i"), Schema.INT32),
    6: (struct.Struct(">q"), Schema.INT64),
    7: (struct.Struct(">f"), Schema.FLOAT32),
    8: (struct.Struct(">d"), Schema.FLOAT64),
}


def _headers(data: bytes) -> Headers:
    """Return properties as headers, with their types."""
    found: list[Header] = []
    at = 0
    while at < len(data):
        raw, at = _cell(data, at)
        name = raw.decode()
        kind = data[at]
        at += 1
        if kind == 0:
            found.append(Header(name, None, Schema.OPTIONAL_STRING))
        elif kind == 1:
            cell, at = _cell(data, at)
            found.append(Header(name, cell.decode(), Schema.STRING))
        elif kind == _RAW:
            cell, at = _cell(data, at)
            if name in _MQMD_TEXTS:
                # As the original: these two as text, the way JMS writes an id.
                found.append(Header(name, f"ID:{cell.hex()}", Schema.STRING))
            else:
                found.append(Header(name, cell, Schema.BYTES))
        else:
            shape, schema = _FIXED[kind]
            (value,) = shape.unpack_from(data, at)
            at += shape.size
            found.append(Header(name, value, schema))
    return Headers(found)


def _cell(data: bytes, at: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from(">i", data, at)
    return data[at + 4 : at + 4 + length], at + 4 + length


@attrs.frozen
class Outgoing:
    """A message to send: its body (None: none at all), correlation id and typed properties."""

    body: str | bytes | None
    correlation: str | bytes | None = None
    properties: Sequence[tuple[str, Schema, Any]] = ()


_WRITTEN: Final[Mapping[Schema, Callable[[Any], bytes]]] = {
    Schema.STRING: lambda value: b"\x01" + _sized(value.encode()),
    Schema.BYTES: lambda value: b"\x09" + _sized(bytes(value)),
    **{
        schema: lambda value, kind=bytes((kind,)), shape=shape: kind + shape.pack(value)  # type: ignore[misc]
        for kind, (shape, schema) in _FIXED.items()
    },
}


def pack(messages: Sequence[Outgoing]) -> bytes:
    """Return the buffer of messages; a property's schema is one of the plain required ones."""
    parts = [struct.pack(">i", len(messages))]
    for message in messages:
        body, correlation = message.body, message.correlation
        parts.append(_kinded(body))
        parts.append(_kinded(correlation))
        parts.append(struct.pack(">i", len(message.properties)))
        for name, schema, value in message.properties:
            parts.append(_sized(name.encode()))
            parts.append(_WRITTEN[schema](value))
    return b"".join(parts)


def _kinded(value: str | bytes | None) -> bytes:
    if value is None:
        return b"\x00"
    if isinstance(value, str):
        return b"\x01" + _sized(value.encode())
    return b"\x02" + _sized(value)


def _sized(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data
