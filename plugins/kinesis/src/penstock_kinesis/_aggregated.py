"""Aggregated records: what the Kinesis Producer Library packs into one. Pure.

The bytes are a magic number, a protobuf message and its MD5. What is not exactly that is a plain
record, as for Amazon's own consumers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import attrs

__all__ = ["MAGIC", "UserRecord", "deaggregate"]

MAGIC: Final = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES: Final = 16
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BITS_MAX: Final = 63
_KEY_TABLE, _RECORD = 1, 3
_KEY_INDEX, _DATA = 1, 3


@attrs.frozen
class UserRecord:
    """One record as its producer gave it."""

    key: str
    data: bytes


def deaggregate(data: bytes) -> list[UserRecord] | None:
    """Return the user records, or None when these bytes are a plain record."""
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + _DIGEST_BYTES:
        return None
    message, digest = data[len(MAGIC) : -_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        return None
    try:
        return _records(message)
    except (ValueError, IndexError):
        return None


def _records(message: bytes) -> list[UserRecord] | None:
    keys: list[str] = []
    parts: list[bytes] = []
    for field, value in _fields(message):
        if field == _KEY_TABLE and isinstance(value, bytes):
            keys.append(value.decode())
        elif field == _RECORD and isinstance(value, bytes):
            parts.append(value)
    # The key table may stand behind the records, as any order of fields is valid.
    return [_record(part, keys) for part in parts] or None


def _record(part: bytes, keys: list[str]) -> UserRecord:
    index: int | None = None
    data: bytes | None = None
    for field, value in _fields(part):
        if field == _KEY_INDEX and isinstance(value, int):
            index = value
        elif field == _DATA and isinstance(value, bytes):
            data = value
    if index is None or data is None:
        raise ValueError("a user record without key or data")
    return UserRecord(keys[index], data)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        kind = tag & 7
        value: int | bytes
        if kind == _VARINT:
            value, at = _varint(message, at)
        elif kind in {_BYTES, _FIXED32, _FIXED64}:
            size = 4 if kind == _FIXED32 else 8
            if kind == _BYTES:
                size, at = _varint(message, at)
            if at + size > end:
                raise ValueError("the message ends inside a field")
            value = message[at : at + size]
            at += size
        else:
            raise ValueError(f"wire type {kind} is not known")
        yield tag >> 3, value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says more follows
            return value, at
        shift += 7
        if shift > _VARINT_BITS_MAX:
            raise ValueError("a number of more than 64 bits")
