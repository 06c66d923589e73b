"""Compression of whole objects, a stream from their first byte to their last."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any, Final, Protocol

import attrs
import cramjam

from penstock_s3._spool import Parked, Spool

__all__ = ["Compression", "Compressor"]

_GZIP_HEAD: Final = b"\x1f\x8b\x08\0\0\0\0\0"
_GZIP_LOT: Final = 128 * 1024
_GZIP_FASTEST: Final = frozenset({0, 1})
_GZIP_BEST: Final = 9
_RAW_DEFLATE: Final = -15
_ZSTD_LOT: Final = 1024 * 1024
_SNAPPY_BLOCK: Final = 32 * 1024
_SNAPPY_HEAD: Final = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
_EXTENSIONS: Final = {"none": "", "gzip": ".gz", "snappy": ".snappy", "zstd": ".zst"}
_ZSTD_DEFAULT: Final = 3


class Compressor(Protocol):
    """Compresses the bytes of one object. The same bytes in give the same bytes out."""

    @property
    def held(self) -> int:
        """About how many bytes of memory it takes."""

    def compress(self, data: bytes) -> bytes:
        """Return what is finished, maybe nothing."""

    def finish(self) -> bytes:
        """Return the rest."""

    def shed(self, spool: Spool) -> None:
        """Put what waits on the disk; raises ConnectError."""

    def drop(self) -> None:
        """Free what is on the disk."""


@attrs.frozen
class Compression:
    """A kind of compression, and its level; -1 is the kind's default."""

    kind: str = "none"
    level: int = -1

    @property
    def extension(self) -> str:
        """What is added to a name, with the dot; nothing without compression."""
        return _EXTENSIONS[self.kind]

    def start(self) -> Compressor:
        """Return the compressor of a new object."""
        match self.kind:
            case "gzip":
                return _InLots(lambda: _Gzip(self.level), _GZIP_LOT)
            case "snappy":
                return _InLots(_Snappy, _SNAPPY_BLOCK)
            case "zstd":
                return _InLots(lambda: _Zstd(self.level), _ZSTD_LOT)
        return _Plain()


class _Plain:
    held: Final = 0

    def compress(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""

    def shed(self, spool: Spool) -> None:
        """Nothing waits."""

    def drop(self) -> None:
        """Nothing is on the disk."""


class _InLots:
    """Gives the bytes on in lots of one size, so that how they came does not show."""

    def __init__(self, make: Callable[[], _Packer], lot: int) -> None:
        self._make = make
        self._packer: _Packer | None = None
        self._lot = lot
        self._rest = bytearray()
        self._parked: Parked | None = None

    @property
    def held(self) -> int:
        return len(self._rest)

    def _started(self) -> _Packer:
        # Not before there is something to pack: the tables of a thousand would be much memory.
        if self._packer is None:
            self._packer = self._make()
        return self._packer

    def compress(self, data: bytes) -> bytes:
        rest = self._rest
        rest += data
        if self._parked is not None and self._parked.size + len(rest) >= self._lot:
            self._return()
        whole = len(rest) // self._lot * self._lot
        if not whole:
            return b""
        with memoryview(rest) as view:
            lots = range(0, whole, self._lot)
            packed = self._started().packed
            made = b"".join([packed(bytes(view[at : at + self._lot])) for at in lots])
        del rest[:whole]
        return made

    def _return(self) -> None:
        """Take back what was put on the disk."""
        if self._parked is not None:
            self._rest[:0] = self._parked.read()
            self.drop()

    def shed(self, spool: Spool) -> None:
        if self._rest:
            if self._parked is None:
                self._parked = Parked(spool)
            self._parked.add(bytes(self._rest))
            self._rest.clear()

    def drop(self) -> None:
        if self._parked is not None:
            self._parked.free()
            self._parked = None

    def finish(self) -> bytes:
        packer = self._started()
        self._return()
        rest = packer.packed(bytes(self._rest)) if self._rest else b""
        return rest + packer.end()


class _Packer(Protocol):
    """Compresses lots of bytes, one after the other."""

    def packed(self, lot: bytes) -> bytes: ...

    def end(self) -> bytes: ...


class _Gzip:
    """gzip whose header has no time, as zlib writes it.

    Each lot is compressed for itself, as pigz does: a stream of zlib's would hold 256 KiB of
    tables for each open file. It costs about 1.5% of the size.
    """

    def __init__(self, level: int) -> None:
        self._level = level
        # How hard it was tried, and the system: what zlib writes there.
        best = b"\x02" if level == _GZIP_BEST else b"\0"
        kind = b"\x04" if level in _GZIP_FASTEST else best
        self._head = _GZIP_HEAD + kind + b"\x03"
        self._crc = 0
        self._size = 0

    def packed(self, lot: bytes) -> bytes:
        self._crc = zlib.crc32(lot, self._crc)
        self._size += len(lot)
        stream = zlib.compressobj(self._level, zlib.DEFLATED, _RAW_DEFLATE)
        return self._begun() + stream.compress(lot) + stream.flush(zlib.Z_FULL_FLUSH)

    def _begun(self) -> bytes:
        head, self._head = self._head, b""
        return head

    def end(self) -> bytes:
        stream = zlib.compressobj(self._level, zlib.DEFLATED, _RAW_DEFLATE)
        last = stream.flush() + struct.pack("<II", self._crc, self._size & 0xFFFFFFFF)
        return self._begun() + last


class _Snappy:
    """The stream of snappy-java, in blocks of 32 KiB (source: SnappyOutputStream)."""

    def __init__(self) -> None:
        self._head = _SNAPPY_HEAD

    def packed(self, lot: bytes) -> bytes:
        packed = bytes(cramjam.snappy.compress_raw(lot))
        return self.end() + struct.pack(">i", len(packed)) + packed

    def end(self) -> bytes:
        head, self._head = self._head, b""
        return head


class _Zstd:
    """One frame; a block is finished with each lot."""

    def __init__(self, level: int) -> None:
        self._stream: Any = cramjam.zstd.Compressor(_ZSTD_DEFAULT if level < 0 else level)

    def packed(self, lot: bytes) -> bytes:
        self._stream.compress(lot)
        return bytes(self._stream.flush())

    def end(self) -> bytes:
        return bytes(self._stream.finish())
