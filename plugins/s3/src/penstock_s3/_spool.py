"""Bytes put on the disk while memory is short: one unnamed file a task, whatever is open."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterable
from typing import IO, Final

from penstock.errors import ConnectError

__all__ = ["Parked", "Spool"]

BLOCK_BYTES: Final = 64 * 1024
"""What the file is given out in; at most so much of it is empty for each that has bytes in it."""


class Spool:
    """The file, in blocks that are used again. Safe from any thread; made when first needed.

    A file for each open object would be a thousand descriptors, where 1,024 are often all.
    """

    def __init__(self) -> None:
        """Open nothing yet."""
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._free: list[int] = []
        self._blocks = 0

    @property
    def used(self) -> int:
        """How many blocks hold something."""
        return self._blocks - len(self._free)

    def _opened(self) -> int:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="penstock-s3-")  # noqa: SIM115 - see close
        return self._file.fileno()

    def block(self) -> int:
        """Return the number of a block for its caller alone."""
        with self._lock:
            if self._free:
                return self._free.pop()
            self._blocks += 1
            return self._blocks - 1

    def release(self, blocks: Iterable[int]) -> None:
        """Take blocks back; the file is emptied with the last."""
        with self._lock:
            self._free.extend(blocks)
            if self._file is not None and len(self._free) == self._blocks:
                self._free.clear()
                self._blocks = 0
                os.ftruncate(self._file.fileno(), 0)

    def write(self, block: int, at: int, data: memoryview) -> None:
        """Write bytes into a block; raises ConnectError when the disk takes none."""
        try:
            with self._lock:
                where = self._opened()
            start = block * BLOCK_BYTES + at
            while data:
                count = os.pwrite(where, data, start)
                data, start = data[count:], start + count
        except OSError as problem:
            raise ConnectError(
                "s3.buffer.memory is used up, and what waits for S3 cannot be put on the disk in"
                f" {tempfile.gettempdir()}: {problem}; make room there, name another folder in"
                " TMPDIR, or give the task more memory or fewer open files"
            ) from problem

    def read(self, block: int, size: int) -> bytes:
        """Return the first bytes of a block."""
        with self._lock:
            where = self._opened()
        made, start = b"", block * BLOCK_BYTES
        while len(made) < size:
            found = os.pread(where, size - len(made), start + len(made))
            if not found:
                raise ConnectError("bytes put on the disk are not there any more")
            made += found
        return made

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None


class Parked:
    """Bytes of one owner in a spool, in their order. Not safe from several threads at once."""

    __slots__ = ("_blocks", "_spool", "size")

    def __init__(self, spool: Spool) -> None:
        """Hold nothing yet."""
        self._spool = spool
        self._blocks: list[int] = []
        self.size = 0

    def add(self, data: bytes) -> None:
        """Append bytes; raises ConnectError, and holds what it held then."""
        size, left = self.size, memoryview(data)
        blocks: list[int] = []
        try:
            while left:
                at = size % BLOCK_BYTES
                if at == 0:
                    blocks.append(self._spool.block())
                block = blocks[-1] if blocks else self._blocks[-1]
                piece, left = left[: BLOCK_BYTES - at], left[BLOCK_BYTES - at :]
                self._spool.write(block, at, piece)
                size += len(piece)
        except ConnectError:
            self._spool.release(blocks)
            raise
        self._blocks += blocks
        self.size = size

    def read(self) -> bytes:
        """Return all bytes."""
        left, pieces = self.size, []
        for block in self._blocks:
            pieces.append(self._spool.read(block, min(left, BLOCK_BYTES)))
            left -= BLOCK_BYTES
        return b"".join(pieces)

    def free(self) -> None:
        """Hold nothing any more."""
        blocks, self._blocks = self._blocks, []
        self.size = 0
        self._spool.release(blocks)
