"""Follow one file as it grows, is cut, renamed, deleted and made again."""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from penstock.errors import ConnectError
from penstock_file._gzip import Inflater
from penstock_file._lines import Lines, LineSplitter
from penstock_file._resume import find_place

__all__ = ["BLOCK_BYTES", "ROTATION_WAIT_S", "Identity", "Place", "Tail", "identity_of"]

log = logging.getLogger(__name__)

BLOCK_BYTES: Final = 1024 * 1024
"""Bytes read at once; with the longest line, the bound of what a task holds of a file."""
ROTATION_WAIT_S: Final = 5.0
"""How long a renamed file must be quiet before it is left: its writer may not know yet."""
TRAIL_BYTES: Final = 256
"""The last bytes read, compared before reading on, to notice a file cut and written again."""

Identity = tuple[int, int]
"""Device and inode."""


@attrs.frozen
class Place:
    """Where reading goes on, and the bytes that stand before it when they are known."""

    position: int
    trail: bytes = b""


class _RewrittenError(Exception):
    """What stands before the place is not what was read."""


class Tail:
    """One file and the place in it. Owner: the task's thread.

    The file is known by device and inode. When another stands at the path, the old one is read
    to its end first; a file that became shorter than the place, or has other content before it,
    is read from its start. Each is told by one warning. Lines are never cut in two, and never
    left out; in doubt they come twice.
    """

    def __init__(
        self,
        path: str,
        place: Place,
        *,
        gzip: bool,
        line_bytes_max: int,
        stopping: Callable[[], bool],
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        """Begin at a place; opens nothing yet. ``stopping`` ends long skips early."""
        self._block_bytes = block_bytes
        self.path = path
        self.identity: Identity | None = None
        self.left: tuple[Identity, Place] | None = None
        self._gzip = gzip
        self._max = line_bytes_max
        self._stopping = stopping
        self._fd = -1
        self._resume_at = place
        self._splitter = self._splitter_at(place.position)
        self._inflater: Inflater | None = None
        self._at = 0
        self._trail = b""
        self._is_missing_told = False
        self._quiet_since_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the file was found and is held open."""
        return self._fd >= 0

    def _splitter_at(self, position: int) -> LineSplitter:
        return LineSplitter(position, name=self.path, line_bytes_max=self._max)

    def read(self) -> Lines | None:
        """Return the next complete lines, or None when there are none now.

        Raises:
            ConnectError: what stands at the path cannot be read as a file of text.
        """
        try:
            if self._fd < 0 and not self._open():
                return None
            self._splitter.check()
            while block := self._block(self._block_bytes):
                self._quiet_since_s = None
                lines = self._splitter.feed(block)
                if lines is not None:
                    return lines
        except _RewrittenError:
            return self._start_over("was cut and written again")
        return self._at_end()

    def _open(self) -> bool:
        try:
            # Without O_NONBLOCK the opening of a FIFO would wait for its writer.
            fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError) as problem:
            if isinstance(problem, OSError) and problem.errno in (errno.ENOENT, errno.ENOTDIR):
                self._tell_missing("couldn't find file %s, waiting for it to be created")
                self._quiet_since_s = self._quiet_since_s or time.monotonic()
                return False
            why = problem.strerror if isinstance(problem, OSError) else str(problem)
            raise ConnectError(
                f"'{self.path}' cannot be read: {why}; check the name and its permissions"
            ) from problem
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            os.close(fd)
            kind = "a directory" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
            raise ConnectError(
                f"'{self.path}' is {kind}, which has no positions to go on from; set 'file' to a "
                "file of text, or leave it out to read standard input"
            )
        self._fd = fd
        self.identity = (found.st_dev, found.st_ino)
        self._is_missing_told = False
        self._quiet_since_s = None
        self._go_to(self._resume_at, found.st_size)
        if self._stopping():
            # The place may not have been reached.
            self._close_fd()
        return self._fd >= 0

    def _tell_missing(self, text: str) -> None:
        if not self._is_missing_told:
            log.warning(text, self.path)
            self._is_missing_told = True

    def _go_to(self, wanted: Place, size: int) -> None:
        """Go to the stored place, or to the nearest one that loses nothing."""
        trail = wanted.trail
        if self._gzip:
            self._restart(0)
            self._skip_inflated(wanted.position)
            return
        if trail and self._read_at(len(trail), wanted.position - len(trail)) != trail:
            self._restart(0)
            return
        place, why = find_place(self._read_at, wanted.position, size, self._stopping)
        if why:
            log.warning("%s %s", self.path, why)
        self._restart(place)

    def _read_at(self, size: int, position: int) -> bytes:
        try:
            return os.pread(self._fd, size, position)
        except OSError as problem:
            raise ConnectError(
                f"reading '{self.path}' at byte {position} failed: {problem.strerror}; restart "
                "the task when the file can be read"
            ) from problem

    def _restart(self, position: int) -> None:
        self._at = 0 if self._gzip else position
        first = max(0, self._at - TRAIL_BYTES)
        self._trail = self._read_at(self._at - first, first) if self._at else b""
        self._inflater = Inflater(self._raw) if self._gzip else None
        self._splitter = self._splitter_at(position)

    def _skip_inflated(self, position: int) -> None:
        left, last = position, b"\n"
        while left > 0:
            block = self._block(min(BLOCK_BYTES, left))
            if not block or self._stopping():
                break
            left -= len(block)
            last = block[-1:]
        if left or last not in (b"\n", b"\r"):
            log.warning(
                "%s has no line that begins at the stored position %d: it was replaced, and is "
                "read from its start",
                self.path,
                position,
            )
            self._restart(0)
            return
        self._splitter = self._splitter_at(position)

    def _block(self, most: int) -> bytes:
        if self._inflater is None:
            return self._raw()
        try:
            return self._inflater.block(most)
        except zlib.error as problem:
            raise ConnectError(
                f"'{self.path}' is no gzip file, or is damaged before byte {self._at} "
                f"({problem}); set 'file.compression' to none for plain text"
            ) from problem

    def _raw(self) -> bytes:
        block = self._read_at(self._block_bytes, self._at)
        if not block:
            return block
        trail = self._trail
        if trail and self._read_at(len(trail), self._at - len(trail)) != trail:
            raise _RewrittenError
        self._at += len(block)
        whole = block if len(block) >= TRAIL_BYTES else trail + block
        self._trail = whole[-TRAIL_BYTES:]
        return block

    def _at_end(self) -> Lines | None:
        """At the end of the open file: was it cut, or does another stand at the path?"""
        size = os.fstat(self._fd).st_size
        if size < self._at:
            return self._start_over(f"was cut from {self._at} to {size} bytes")
        there = identity_of(self.path)
        if there is None:
            self._tell_missing("%s was deleted or renamed, waiting for it to be created again")
        if there is None or there != self.identity:
            if self._quiet_since_s is None:
                self._quiet_since_s = time.monotonic()
            elif there is not None and self.quiet_s >= ROTATION_WAIT_S:
                log.warning("another file stands at %s: it is read from its start", self.path)
                return self.leave()
            return None
        self._is_missing_told = False
        self._quiet_since_s = None
        return None

    @property
    def quiet_s(self) -> float:
        """For how long the open file, which is no longer at the path, has not grown."""
        return 0.0 if self._quiet_since_s is None else time.monotonic() - self._quiet_since_s

    def _start_over(self, why: str) -> Lines | None:
        log.warning("%s %s: going on from its start", self.path, why)
        last = self._unfinished()
        self._restart(0)
        return last

    def leave(self) -> Lines | None:
        """Close the file for good; return its last line when that has no end."""
        last = self._unfinished()
        if self.identity is not None and not self._gzip:
            self.left = (self.identity, Place(self._splitter.position, self._trail))
        self._close_fd()
        self._resume_at = Place(0)
        self._is_missing_told = True
        return last

    def _unfinished(self) -> Lines | None:
        if self._splitter.has_unfinished:
            log.warning("the last line of the old %s has no end; it is sent as it is", self.path)
        return self._splitter.finish()

    def close(self) -> None:
        """Close the file; a later read goes on where this one was."""
        if self._fd >= 0:
            self._resume_at = Place(self._splitter.position)
        self._close_fd()

    def _close_fd(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self.identity = None


def identity_of(path: str) -> Identity | None:
    """Return device and inode of what stands at a path, or None when nothing can be seen there."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
