"""Follow one file as it grows, is cut, renamed, deleted and made again."""

from __future__ import annotations

import errno
import logging
import os
import stat
import zlib
from pathlib import Path
from typing import Final

from penstock.errors import ConnectError
from penstock_file._lines import Lines, LineSplitter

__all__ = ["BLOCK_BYTES", "Tail"]

log = logging.getLogger(__name__)

BLOCK_BYTES: Final = 1024 * 1024
"""Bytes read at once; with the longest line, the bound of what a task holds of a file."""
LOOK_BACK_BYTES: Final = 64 * 1024


class Tail:
    """One file and the place in it. Owner: the task's thread.

    The file is known by device and inode. When another stands at the path, the old one is read
    to its end first; a file that became shorter than the place is read from its start. Each is
    told by one warning.
    """

    def __init__(self, path: str, position: int, *, gzip: bool, line_bytes_max: int) -> None:
        self.path = path
        self._position = position
        self._gzip = gzip
        self._max = line_bytes_max
        self._fd = -1
        self._identity: tuple[int, int] | None = None
        self._splitter = LineSplitter(position, line_bytes_max=line_bytes_max)
        self._inflate: zlib._Decompress | None = None
        self._raw_position = 0
        self._missing_told = False

    def read(self) -> Lines | None:
        """Return the next complete lines, or None when there are none now.

        Raises:
            ConnectError: what stands at the path cannot be read as a file of text.
        """
        if self._fd < 0 and not self._open():
            return None
        block = self._block()
        if block:
            return self._splitter.feed(block)
        return self._look_again()

    def _open(self) -> bool:
        try:
            # Without O_NONBLOCK the opening of a FIFO would wait for its writer.
            fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as problem:
            if problem.errno in (errno.ENOENT, errno.ENOTDIR):
                if not self._missing_told:
                    log.warning("couldn't find file %s, waiting for it to appear", self.path)
                    self._missing_told = True
                return False
            raise ConnectError(
                f"file '{self.path}' cannot be read: {problem.strerror}; check its permissions"
            ) from problem
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            os.close(fd)
            kind = "a directory" if stat.S_ISDIR(found.st_mode) else "no regular file"
            raise ConnectError(f"'{self.path}' is {kind}; set 'file' to a file of text")
        self._missing_told = False
        self._fd = fd
        self._identity = (found.st_dev, found.st_ino)
        self._begin(found.st_size)
        return True

    def _begin(self, size: int) -> None:
        """Go to the stored place, or to the nearest one that makes sense in this file."""
        if self._gzip:
            wanted = self._position
            self._restart(0)
            self._skip_inflated(wanted)
            return
        position = self._position
        if position > size:
            log.warning(
                "%s has %d bytes, fewer than the stored position %d: it was cut or replaced and is "
                "read from its start",
                self.path,
                size,
                position,
            )
            position = 0
        elif position > 0:
            position = self._line_start(position)
        self._restart(position)

    def _line_start(self, position: int) -> int:
        """Return ``position`` when a line begins there, else the start of the line around it."""
        first = max(0, position - LOOK_BACK_BYTES)
        before = os.pread(self._fd, position - first, first)
        if before.endswith((b"\n", b"\r")):
            return position
        found = first + max(before.rfind(b"\n"), before.rfind(b"\r")) + 1
        log.warning(
            "the stored position %d of %s is inside a line (a position of characters, or another "
            "file): going on from the start of that line, %d",
            position,
            self.path,
            found,
        )
        return found

    def _restart(self, position: int) -> None:
        os.lseek(self._fd, position if not self._gzip else 0, os.SEEK_SET)
        self._position = position
        self._raw_position = position if not self._gzip else 0
        self._inflate = zlib.decompressobj(wbits=31) if self._gzip else None
        self._splitter = LineSplitter(position, line_bytes_max=self._max)

    def _skip_inflated(self, position: int) -> None:
        left = position
        while left > 0:
            block = self._block(min(BLOCK_BYTES, left))
            if not block:
                log.warning("%s ends before the stored position %d", self.path, position)
                self._restart(0)
                return
            left -= len(block)
        self._splitter = LineSplitter(position, line_bytes_max=self._max)

    def _block(self, most: int = BLOCK_BYTES) -> bytes:
        try:
            if self._inflate is None:
                block = os.read(self._fd, most)
                self._raw_position += len(block)
                return block
            return self._inflated(most)
        except OSError as problem:
            raise ConnectError(f"reading '{self.path}' failed: {problem.strerror}") from problem
        except zlib.error as problem:
            raise ConnectError(
                f"'{self.path}' is no gzip file, or is damaged near byte {self._raw_position} "
                f"({problem}); set file.compression=none for plain text"
            ) from problem

    def _inflated(self, most: int) -> bytes:
        """Return at most ``most`` bytes of the content; a file may hold several gzip members."""
        inflate = self._inflate
        while inflate is not None:
            if inflate.eof:
                # At the end of a member, what is left of the input is the next one's.
                data = inflate.unused_data
                inflate = self._inflate = zlib.decompressobj(wbits=31)
            else:
                data = inflate.unconsumed_tail
            if not data:
                data = os.read(self._fd, BLOCK_BYTES)
                self._raw_position += len(data)
                if not data:
                    return b""
            block = inflate.decompress(data, most)
            if block:
                return block
        return b""

    def _look_again(self) -> Lines | None:
        """At the end of the open file: has it been cut, or does another stand at the path?"""
        size = os.fstat(self._fd).st_size
        if size < self._raw_position:
            log.warning(
                "%s was cut from %d to %d bytes: going on from its start",
                self.path,
                self._raw_position,
                size,
            )
            self._restart(0)
            return None
        try:
            there = Path(self.path).stat()
        except OSError:
            if not self._missing_told:
                log.warning("%s was deleted or renamed, waiting for it to appear again", self.path)
                self._missing_told = True
            return None
        if (there.st_dev, there.st_ino) == self._identity:
            self._missing_told = False
            return None
        return self._leave()

    def _leave(self) -> Lines | None:
        """Another file stands at the path, and the old one is read to its end: change over."""
        log.warning("another file stands at %s: reading it from its start", self.path)
        last = self._splitter.finish()
        if last is not None:
            log.warning("the old %s ended without a line end; its last line is sent", self.path)
        self.close()
        self._position = 0
        self._missing_told = True
        return last

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
