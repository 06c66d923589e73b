"""Segments: many records of one partition as one piece of bytes. Pure.

A segment is (little-endian)::

    u8 version = 1, u8 flags, u16 0, u32 count, u32 CRC-32 of all the rest, i64 first timestamp
    [flag STAMPS:  i64 * count, the timestamps; without it all rows have the first one]
    strings: the values
    [flag KEYS:    strings: the keys]
    [flag HEADERS: u32 * count, how many each row has; strings: their names; strings: their values]

and ``strings`` is u8 whether there is a None among them, u32 number, u32 * number lengths
(0xFFFFFFFF for None), then all bytes in one piece. A column that nobody has takes no space, and
encoding or decoding a column is a few calls for all of its rows.
"""

from __future__ import annotations

import itertools
import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from penstock.data import Repeat
from penstock.runtime.broker import EncodedBatch, EncodedHeaders

__all__ = ["Rows", "Segment", "join_rows", "pack", "row_sizes", "rows_of", "unpack"]

VERSION: Final = 1
_STAMPS: Final = 1
_KEYS: Final = 2
_HEADERS: Final = 4
_NONE: Final = 0xFFFFFFFF
_HEAD: Final = struct.Struct("<BBHI")
_CRC: Final = struct.Struct("<I")
_STAMP: Final = struct.Struct("<q")
_STRINGS: Final = struct.Struct("<BI")
_BODY_AT: Final = _HEAD.size + _CRC.size
_SWAP: Final = sys.byteorder == "big"


@attrs.define(eq=False)
class Rows:
    """Records of one partition by column; as in ``EncodedBatch``, but each has a timestamp."""

    values: Sequence[bytes | None]
    keys: Sequence[bytes | None] | None
    timestamps: Sequence[int]
    headers: Sequence[EncodedHeaders] | None

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.values)

    def slice(self, start: int, stop: int) -> Rows:
        """Return the rows ``start`` to ``stop - 1``."""
        return Rows(
            self.values[start:stop],
            None if self.keys is None else self.keys[start:stop],
            self.timestamps[start:stop],
            None if self.headers is None else self.headers[start:stop],
        )

    def select(self, rows: Sequence[int]) -> Rows:
        """Return the rows at these places, in this order."""
        keys, headers = self.keys, self.headers
        return Rows(
            [self.values[row] for row in rows],
            None if keys is None else [keys[row] for row in rows],
            [self.timestamps[row] for row in rows],
            None if headers is None else [headers[row] for row in rows],
        )


def rows_of(batch: EncodedBatch, start: int, stop: int, now_ms: int) -> Rows:
    """Return the rows ``start`` to ``stop - 1`` of a batch; those without a time get ``now_ms``."""
    whole = start == 0 and stop == len(batch)
    stamps: Sequence[int | None] = Repeat(None, stop - start)
    if batch.timestamps is not None:
        stamps = batch.timestamps if whole else batch.timestamps[start:stop]
    timestamps: Sequence[int]
    if isinstance(stamps, Repeat):
        timestamps = Repeat(now_ms if stamps.value is None else stamps.value, len(stamps))
    else:
        timestamps = [now_ms if stamp is None else stamp for stamp in stamps]
    if whole:
        return Rows(batch.values, batch.keys, timestamps, batch.headers)
    return Rows(
        batch.values[start:stop],
        None if batch.keys is None else batch.keys[start:stop],
        timestamps,
        None if batch.headers is None else batch.headers[start:stop],
    )


def join_rows(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all parts, in order; at least one part."""
    if len(parts) == 1:
        return parts[0]
    chain = itertools.chain.from_iterable
    has_keys = any(part.keys is not None for part in parts)
    has_headers = any(part.headers is not None for part in parts)
    return Rows(
        list(chain(part.values for part in parts)),
        list(chain(part.keys or Repeat(None, len(part)) for part in parts)) if has_keys else None,
        _joined_stamps([part.timestamps for part in parts]),
        list(chain(part.headers or Repeat((), len(part)) for part in parts))
        if has_headers
        else None,
    )


def _joined_stamps(parts: Sequence[Sequence[int]]) -> Sequence[int]:
    if all(isinstance(part, Repeat) for part in parts):
        values = {part.value for part in parts if isinstance(part, Repeat)}
        if len(values) == 1:
            return Repeat(values.pop(), sum(map(len, parts)))
    return list(itertools.chain.from_iterable(parts))


def row_sizes(rows: Rows) -> list[int]:
    """Return the bytes of each row: value, key and headers."""
    sizes = [0 if value is None else len(value) for value in rows.values]
    if rows.keys is not None:
        pairs = zip(sizes, rows.keys, strict=True)
        sizes = [size + (0 if key is None else len(key)) for size, key in pairs]
    if rows.headers is not None:
        for row, headers in enumerate(rows.headers):
            sizes[row] += sum(
                len(name.encode(*_UTF8)) + len(value or b"") for name, value in headers
            )
    return sizes


_UTF8: Final = ("utf-8", "surrogatepass")
"""A header's name may hold half a character; it is carried as it is."""


def pack(rows: Rows) -> bytes:
    """Return rows as a segment.

    Raises:
        TypeError: a value, key or header is not what its column says.
        OverflowError: a timestamp beyond 64 bits or a value beyond 32 bits of length.
    """
    flags = 0
    stamps = rows.timestamps
    body: list[bytes] = []
    if isinstance(stamps, Repeat):
        body.append(_stamp(stamps.value))
    else:
        body.append(_stamp(stamps[0]))
        if stamps.count(stamps[0]) != len(stamps):
            flags |= _STAMPS
            body.append(_raw(array("q", stamps)))
    _pack_strings(rows.values, body)
    if rows.keys is not None:
        flags |= _KEYS
        _pack_strings(rows.keys, body)
    if rows.headers is not None:
        flags |= _HEADERS
        flat = list(itertools.chain.from_iterable(rows.headers))
        body.append(_raw(array("I", map(len, rows.headers))))
        _pack_strings([name.encode(*_UTF8) for name, _ in flat], body)
        _pack_strings([value for _, value in flat], body)
    payload = b"".join(body)
    head = _HEAD.pack(VERSION, flags, 0, len(rows))
    return b"".join((head, _CRC.pack(zlib.crc32(payload, zlib.crc32(head))), payload))


def _stamp(stamp: int) -> bytes:
    try:
        return _STAMP.pack(stamp)
    except struct.error as problem:
        raise OverflowError(f"the timestamp {stamp!r} is not a number of 64 bits") from problem


def _pack_strings(column: Sequence[bytes | None], body: list[bytes]) -> None:
    has_none = False
    try:
        lengths = array("I", map(len, column))  # type: ignore[arg-type]  # None is caught below
        data = b"".join(column)  # type: ignore[arg-type]  # likewise
    except TypeError:
        has_none = True
        lengths = array("I", [_NONE if one is None else len(one) for one in column])
        data = b"".join([one for one in column if one is not None])
    body += (_STRINGS.pack(has_none, len(lengths)), _raw(lengths), data)


def _raw(numbers: array[int]) -> bytes:
    if _SWAP:
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


class _Strings:
    """A column of byte strings inside a segment; cut out when asked for."""

    __slots__ = ("_data", "_ends", "_lengths")

    def __init__(self, data: bytes, ends: list[int], lengths: array[int] | None) -> None:
        """``ends[i]`` to ``ends[i + 1]`` is row i; ``lengths`` only where a row may be None."""
        self._data = data
        self._ends = ends
        self._lengths = lengths

    def get(self, start: int, stop: int) -> list[bytes | None]:
        """Return the rows ``start`` to ``stop - 1``."""
        data = self._data
        pairs = itertools.pairwise(self._ends[start : stop + 1])
        if self._lengths is None:
            return [data[i:j] for i, j in pairs]
        lengths = self._lengths[start:stop]
        triples = zip(lengths, pairs, strict=True)
        return [None if length == _NONE else data[i:j] for length, (i, j) in triples]


class Segment:
    """A segment whose columns are found but not cut up yet. Owner: whoever unpacked it."""

    __slots__ = ("_contents", "_head_ends", "_keys", "_names", "_stamps", "_values", "count")

    def __init__(self, data: bytes) -> None:
        """Look at ``data``; raises ValueError when it is not a whole, undamaged segment."""
        if len(data) < _BODY_AT + _STAMP.size:
            raise ValueError(f"it ends after {len(data)} bytes")
        version, flags, _, self.count = _HEAD.unpack_from(data)
        if version != VERSION:
            raise ValueError(f"its version is {version}, known is {VERSION}")
        view = memoryview(data)
        checksum = zlib.crc32(view[_BODY_AT:], zlib.crc32(view[: _HEAD.size]))
        if checksum != _CRC.unpack_from(data, _HEAD.size)[0]:
            raise ValueError("its checksum is wrong")
        cursor = _Cursor(data, _BODY_AT)
        first = cursor.numbers("q", 1)
        self._stamps: array[int] | Repeat[int] = (
            cursor.numbers("q", self.count) if flags & _STAMPS else Repeat(first[0], self.count)
        )
        self._values = cursor.strings()
        self._keys = cursor.strings() if flags & _KEYS else None
        self._head_ends: list[int] | None = None
        if flags & _HEADERS:
            self._head_ends = list(itertools.accumulate(cursor.numbers("I", self.count), initial=0))
            self._names = cursor.strings()
            self._contents = cursor.strings()

    def rows(self, start: int, stop: int) -> Rows:
        """Return the rows ``start`` to ``stop - 1``."""
        stamps = self._stamps[start:stop]
        return Rows(
            self._values.get(start, stop),
            None if self._keys is None else self._keys.get(start, stop),
            stamps if isinstance(stamps, Repeat) else stamps.tolist(),
            None if self._head_ends is None else list(self._headers(start, stop, self._head_ends)),
        )

    def _headers(self, start: int, stop: int, ends: list[int]) -> Iterator[EncodedHeaders]:
        first, last = ends[start], ends[stop]
        names = [str(name or b"", *_UTF8) for name in self._names.get(first, last)]
        pairs = list(zip(names, self._contents.get(first, last), strict=True))
        for i, j in itertools.pairwise(ends[start : stop + 1]):
            yield pairs[i - first : j - first]


class _Cursor:
    """Reads a segment from front to back."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def numbers(self, kind: str, count: int) -> array[int]:
        """Read ``count`` numbers of an array's ``kind``."""
        found: array[int] = array(kind)
        stop = self._at + count * found.itemsize
        if stop > len(self._data):
            raise ValueError(f"it ends inside {count} numbers")
        found.frombytes(memoryview(self._data)[self._at : stop])
        if _SWAP:
            found.byteswap()
        self._at = stop
        return found

    def strings(self) -> _Strings:
        """Read a column of byte strings."""
        if self._at + _STRINGS.size > len(self._data):
            raise ValueError("it ends before a column")
        has_none, count = _STRINGS.unpack_from(self._data, self._at)
        self._at += _STRINGS.size
        lengths = self.numbers("I", count)
        solid = [0 if length == _NONE else length for length in lengths] if has_none else lengths
        ends = list(itertools.accumulate(solid, initial=self._at))
        if ends[-1] > len(self._data):
            raise ValueError("it ends inside a column")
        self._at = ends[-1]
        return _Strings(self._data, ends, lengths if has_none else None)


def unpack(data: bytes) -> Segment:
    """Return a view on a segment.

    Raises:
        ValueError: it is cut off, damaged, or of an unknown version.
    """
    return Segment(data)
