"""Compression of whole objects, a stream from their first byte to their last."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any, Final, Protocol

import attrs
import cramjam

__all__ = ["Compression", "Compressor"]

_GZIP_WBITS: Final = 31
_GZIP_LOT: Final = 64 * 1024
_GZIP_TABLES: Final = 256 * 1024
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
                return _InLots(lambda: _Gzip(self.level), _GZIP_LOT, _GZIP_TABLES)
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


class _InLots:
    """Gives the bytes on in lots of one size, so that how they came does not show."""

    def __init__(self, make: Callable[[], _Packer], lot: int, tables: int = 0) -> None:
        self._make = make
        self._packer: _Packer | None = None
        self._lot = lot
        self._tables = tables
        self._rest = bytearray()

    @property
    def held(self) -> int:
        return len(self._rest) + (0 if self._packer is None else self._tables)

    def _started(self) -> _Packer:
        # Not before there is something to pack: a thousand open files would be 256 MiB of tables.
        if self._packer is None:
            self._packer = self._make()
        return self._packer

    def compress(self, data: bytes) -> bytes:
        rest = self._rest
        rest += data
        whole = len(rest) // self._lot * self._lot
        if not whole:
            return b""
        with memoryview(rest) as view:
            lots = range(0, whole, self._lot)
            packed = self._started().packed
            made = b"".join([packed(bytes(view[at : at + self._lot])) for at in lots])
        del rest[:whole]
        return made

    def finish(self) -> bytes:
        packer = self._started()
        rest = packer.packed(bytes(self._rest)) if self._rest else b""
        return rest + packer.end()


class _Packer(Protocol):
    """Compresses lots of bytes, one after the other."""

    def packed(self, lot: bytes) -> bytes: ...

    def end(self) -> bytes: ...


class _Gzip:
    """gzip whose header has no time, as zlib writes it."""

    def __init__(self, level: int) -> None:
        self._stream = zlib.compressobj(level, zlib.DEFLATED, _GZIP_WBITS)

    def packed(self, lot: bytes) -> bytes:
        return self._stream.compress(lot)

    def end(self) -> bytes:
        return self._stream.flush()


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
