"""Reads and writes a Java ``HashMap<byte[], byte[]>`` as a serialisation stream. Pure.

Only that class, its byte arrays and null are understood; a stream that names anything else is
refused, so reading one can run no code. (source: Java Object Serialization Specification,
chapter 6; FileOffsetBackingStore)
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from penstock.errors import StorageError

__all__ = ["ENTRIES_MAX", "decode_map", "encode_map"]

ENTRIES_MAX: Final = 10_000_000

_MAGIC: Final = b"\xac\xed\x00\x05"
_NULL: Final = 0x70
_REFERENCE: Final = 0x71
_CLASS_DESCRIPTION: Final = 0x72
_OBJECT: Final = 0x73
_ARRAY: Final = 0x75
_BLOCK_DATA: Final = 0x77
_END_BLOCK_DATA: Final = 0x78

_FIRST_HANDLE: Final = 0x7E0000
_ARRAY_CLASS_HANDLE: Final = _FIRST_HANDLE + 2  # after HashMap's description and the map itself

# A class description up to its first handle's end: name, serialVersionUID, flags, fields, no
# annotation, no serialisable superclass.
_HASH_MAP: Final = (
    b"\x72\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02"
    b"F\x00\x0aloadFactorI\x00\x09threshold\x78\x70"
)
_BYTE_ARRAY: Final = b"\x72\x00\x02[B\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\x00\x00\x78\x70"

_LOAD_FACTOR: Final = 0.75
_BUCKETS_MIN: Final = 16
_SIZES: Final = struct.Struct(">BBii")
_FIELDS: Final = struct.Struct(">fi")
_INT: Final = struct.Struct(">i")


def encode_map(entries: Mapping[bytes, bytes]) -> bytes:
    """Return the stream of a HashMap with these entries, in their order."""
    buckets = _BUCKETS_MIN
    while len(entries) > buckets * _LOAD_FACTOR:
        buckets *= 2
    parts = [
        _MAGIC,
        bytes([_OBJECT]),
        _HASH_MAP,
        _FIELDS.pack(_LOAD_FACTOR, int(buckets * _LOAD_FACTOR)),
        _SIZES.pack(_BLOCK_DATA, 8, buckets, len(entries)),
    ]
    array = bytes([_ARRAY]) + _BYTE_ARRAY
    for entry in entries.items():
        for data in entry:
            parts += [array, _INT.pack(len(data)), data]
            array = struct.pack(">BBI", _ARRAY, _REFERENCE, _ARRAY_CLASS_HANDLE)
    parts.append(bytes([_END_BLOCK_DATA]))
    return b"".join(parts)


def decode_map(stream: bytes) -> dict[bytes, bytes]:
    """Return the entries of a HashMap; those with a null value are left out.

    Raises:
        StorageError: the stream is damaged, or holds anything else.
    """
    return _Reader(stream).read_map()


class _Reader:
    """Reads one stream. Handles number what the stream may refer back to."""

    def __init__(self, stream: bytes) -> None:
        self._stream = stream
        self._at = 0
        self._handles: list[bytes | None] = []
        self._array_class: int | None = None

    def read_map(self) -> dict[bytes, bytes]:
        self._expect(_MAGIC, "it is no Java serialisation stream")
        self._expect(bytes([_OBJECT]), "its first object is not a java.util.HashMap")
        self._expect(_HASH_MAP, "its first object is not a java.util.HashMap")
        self._handles += [None, None]
        self._take(_FIELDS.size)
        block, length, _, size = _SIZES.unpack(self._take(_SIZES.size))
        if (block, length) != (_BLOCK_DATA, 8) or not 0 <= size <= ENTRIES_MAX:
            raise self._refused("the map's size makes no sense")
        entries: dict[bytes, bytes] = {}
        for _ in range(size):
            key, value = self._read_bytes(), self._read_bytes()
            if key is not None and value is not None:
                entries[key] = value
        self._expect(bytes([_END_BLOCK_DATA]), "the map does not end where it should")
        if self._at != len(self._stream):
            raise self._refused("something stands behind the map")
        return entries

    def _read_bytes(self) -> bytes | None:
        kind = self._take(1)[0]
        if kind == _NULL:
            return None
        if kind == _REFERENCE:
            found = self._referred()
            if found is None:
                raise self._refused("an entry is not a byte array")
            return found
        if kind != _ARRAY:
            raise self._refused("an entry is not a byte array")
        self._read_array_class()
        length = self._read_int()
        if length < 0:
            raise self._refused("a length is negative")
        data = self._take(length)
        self._handles.append(data)
        return data

    def _read_array_class(self) -> None:
        if self._stream[self._at : self._at + 1] == bytes([_REFERENCE]):
            self._at += 1
            handle = self._read_int()
            if self._array_class is None or handle != self._array_class:
                raise self._refused("an array is not of bytes")
            return
        self._expect(_BYTE_ARRAY, "an array is not of bytes")
        self._array_class = _FIRST_HANDLE + len(self._handles)
        self._handles.append(None)

    def _referred(self) -> bytes | None:
        index = self._read_int() - _FIRST_HANDLE
        if not 0 <= index < len(self._handles):
            raise self._refused("it refers to what is not there")
        return self._handles[index]

    def _read_int(self) -> int:
        value: int = _INT.unpack(self._take(_INT.size))[0]
        return value

    def _take(self, length: int) -> bytes:
        data = self._stream[self._at : self._at + length]
        if len(data) < length:
            raise self._refused("it ends too early")
        self._at += length
        return data

    def _expect(self, data: bytes, otherwise: str) -> None:
        if not self._stream.startswith(data, self._at):
            raise self._refused(otherwise)
        self._at += len(data)

    def _refused(self, why: str) -> StorageError:
        return StorageError(f"not a Java map of byte arrays, at byte {self._at}: {why}")
