"""Append whole lines to a file, and repair what a crash tore off in the middle of one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import select
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from penstock.errors import ConnectError, RetriableError

__all__ = ["Appender", "Output", "Stream", "open_output"]

log = logging.getLogger(__name__)

TORN_BYTES_MAX: Final = 64 * 1024 * 1024
"""The longest torn line that is looked for; a longer one just gets an end."""
PROOF_BYTES: Final = 1024
"""How much of the first lines must be found in the file again, to know them for ours."""
LOOK_BACK_BYTES: Final = 64 * 1024 * 1024
"""How far back in the file they are looked for."""
LOCK_WAIT_S: Final = 5.0
_LOCK_TRY_S: Final = 0.02
_STREAM_WAIT_MS: Final = 250
_NEW_FILE_MODE: Final = 0o666

Wait = Callable[[float], bool]
"""Waits so many seconds; True at once when the task should stop."""


class Output(Protocol):
    """Where lines go."""

    def append(self, data: bytes) -> None:
        """Write whole lines, or raise and leave nothing of them."""

    def sync(self) -> None:
        """Return when what was appended outlives a power cut, or raise."""

    def close(self) -> None:
        """Release the descriptor."""


def open_output(path: str, wait: Wait) -> Output:
    """Open a file to append to; a pipe or a device is written to as a stream.

    Raises:
        ConnectError: it cannot be opened for writing.
    """
    fd, is_new = _open(path)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return Appender(path, fd, wait, is_new=is_new)
    return Stream(path, fd, wait)


def _open(path: str) -> tuple[int, bool]:
    """Return a descriptor, readable if it can be, and whether the file was made now."""
    flags = os.O_APPEND | os.O_CLOEXEC
    try:
        for more, is_new in (
            (os.O_RDWR, False),
            (os.O_WRONLY, False),
            (os.O_RDWR | os.O_CREAT, True),
        ):
            try:
                return os.open(path, flags | more, _NEW_FILE_MODE), is_new
            except FileNotFoundError:
                if is_new:
                    raise
            except PermissionError:
                if more != os.O_RDWR:
                    raise
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise ConnectError(
            f"file '{path}' cannot be opened for writing: {why}; check that its folder is there "
            "and may be written to, then restart the task: nothing is lost, the records come again"
        ) from problem


def _failed(path: str, problem: OSError) -> ConnectError:
    return ConnectError(
        f"writing to '{path}' failed: {problem.strerror}; make room or mend the disk, then "
        "restart the task: nothing is lost, the records come again"
    )


class Appender:
    """Appends to a regular file, alone or beside other tasks. Owner: the task's thread.

    Each ``append`` is one write under the file's advisory lock; when it cannot be done whole,
    it is taken back. When the file at the path is another one than before, because it was
    renamed or deleted, that one is gone on with.
    """

    def __init__(self, path: str, fd: int, wait: Wait, *, is_new: bool) -> None:
        """Take an open descriptor of the file at ``path``."""
        self._path = path
        self._fd = fd
        self._wait = wait
        self._identity = _identity(os.fstat(fd))
        self._end = -1
        self._is_first = True
        self._is_new = is_new
        self._is_dirty = False
        self._has_lost = False
        self._sync_failure: ConnectError | None = None

    def append(self, data: bytes) -> None:
        """Write whole lines at the end.

        Raises:
            ConnectError: the disk is full or broken; nothing of the lines is left in the file.
            RetriableError: another process holds the file's lock.
        """
        self._follow_path()
        self._lock()
        try:
            size = os.lseek(self._fd, 0, os.SEEK_END)
            if size != self._end:
                data, size = self._joined(data, size)
            self._write(data, size)
        except OSError as problem:
            raise _failed(self._path, problem) from problem
        finally:
            self._unlock()
        self._end = size + len(data)
        self._is_first = False

    def _follow_path(self) -> None:
        """Open what stands at the path now, when the file was renamed or deleted."""
        try:
            # Path.stat takes three times as long, which is felt once a batch.
            found: os.stat_result | None = os.stat(self._path)  # noqa: PTH116
        except FileNotFoundError:
            found = None
        except OSError as problem:
            raise _failed(self._path, problem) from problem
        if found is not None and _identity(found) == self._identity:
            return
        log.warning("'%s' was renamed or deleted: going on in a new file", self._path)
        self._leave()
        self._fd, self._is_new = _open(self._path)
        self._identity = _identity(os.fstat(self._fd))
        self._end = -1

    def _leave(self) -> None:
        """See that the old file keeps its lines; those in a deleted one must come again."""
        if self._is_dirty:
            if os.fstat(self._fd).st_nlink == 0:
                self._has_lost = True
                self._is_dirty = False
            else:
                self._fsync()
        self.close()

    def _lock(self) -> None:
        waited_s = 0.0
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waited_s >= LOCK_WAIT_S or self._wait(_LOCK_TRY_S):
                    raise RetriableError(
                        f"'{self._path}' is locked by another process (flock); the same lines "
                        "are tried again"
                    ) from None
                waited_s += _LOCK_TRY_S
            except OSError:
                return  # some network file systems have no locks
            else:
                return

    def _unlock(self) -> None:
        with contextlib.suppress(OSError):
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _joined(self, data: bytes, size: int) -> tuple[bytes, int]:
        """See to a line without end that somebody left: return what to write, and where.

        A crash tears the line that was being written, and that record comes again. The torn piece
        is ours when a line to be written begins with it, or when the first lines to be written
        stand in the file before it, for then all that follows them comes again. Otherwise it may
        be anybody's, and gets an end.
        """
        torn = self._torn_piece(size)
        if not torn:
            return data, size
        if self._is_first:
            if data.startswith(torn):
                log.warning("'%s' ended in a torn line; it is completed", self._path)
                return data[len(torn) :], size
            if b"\n" + torn in data or self._is_known(data, size - len(torn)):
                log.warning("'%s' ended in a torn line; it is written again, whole", self._path)
                os.ftruncate(self._fd, size - len(torn))
                return data, size - len(torn)
        log.warning("'%s' ended without a line end; one is added", self._path)
        return b"\n" + data, size

    def _torn_piece(self, size: int) -> bytes:
        """Return what stands after the last line end."""
        try:
            if size == 0 or os.pread(self._fd, 1, size - 1) == b"\n":
                return b""
        except OSError as problem:
            if problem.errno == errno.EBADF:
                return b""  # the file may be written but not read
            raise
        first = max(0, size - TORN_BYTES_MAX)
        at = size
        while at > first:
            begin = max(first, at - 65536)
            found = os.pread(self._fd, at - begin, begin).rfind(b"\n")
            if found >= 0:
                first = begin + found + 1
                break
            at = begin
        return os.pread(self._fd, size - first, first)

    def _is_known(self, data: bytes, size: int) -> bool:
        """Whether the first lines of ``data`` stand in the first ``size`` bytes of the file."""
        head = data[: max(data.find(b"\n"), data.rfind(b"\n", 0, PROOF_BYTES)) + 1]
        if not head.strip():
            return False
        first = max(0, size - LOOK_BACK_BYTES)
        at = size
        while at > first:
            begin = max(first, at - 1024 * 1024)
            block = os.pread(self._fd, min(at + len(head), size) - begin, begin)
            if b"\n" + head in block or (begin == 0 and block.startswith(head)):
                return True
            at = begin
        return False

    def _write(self, data: bytes, size: int) -> None:
        done = 0
        try:
            while done < len(data):
                done += os.write(self._fd, memoryview(data)[done:] if done else data)
                self._is_dirty = True
        except OSError:
            self._take_back(size, done)
            raise

    def _take_back(self, size: int, done: int) -> None:
        """Remove what a failed write left, unless somebody wrote behind it."""
        self._end = -1
        try:
            if done and os.fstat(self._fd).st_size == size + done:
                os.ftruncate(self._fd, size)
        except OSError as problem:
            log.warning("'%s' keeps a torn line for now: %s", self._path, problem.strerror)

    def sync(self) -> None:
        """Have the disk keep the lines, before their offsets are committed.

        Raises:
            ConnectError: the disk failed; as the kernel may have dropped what it could not write,
                no later call succeeds.
            RetriableError: lines went into a file that was deleted; they must be put again.
        """
        if self._sync_failure is not None:
            raise self._sync_failure
        if self._is_dirty and os.fstat(self._fd).st_nlink == 0:
            self._has_lost = True
            self._is_dirty = False
        if self._has_lost:
            self._has_lost = False
            raise RetriableError(
                f"'{self._path}' was deleted with lines whose offsets are not committed; they "
                "are written again"
            )
        if self._is_dirty:
            self._fsync()

    def _fsync(self) -> None:
        try:
            os.fdatasync(self._fd)
            if self._is_new:
                _sync_folder(self._path)
        except OSError as problem:
            self._sync_failure = ConnectError(
                f"'{self._path}' is not safely on disk: {problem.strerror}; mend the disk, then "
                "restart the task: the records will be written again"
            )
            raise self._sync_failure from problem
        self._is_new = False
        self._is_dirty = False

    def close(self) -> None:
        """Close the file; what was not synced was not committed either, and comes again."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _sync_folder(path: str) -> None:
    """Have the disk keep the name of a new file, where a folder may be opened for that."""
    try:
        fd = os.open(Path(path).absolute().parent, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Stream:
    """Standard output, a pipe or a device: written to as far as the reader keeps up."""

    def __init__(self, name: str, fd: int, wait: Wait) -> None:
        """Take a descriptor; standard output is left open in the end."""
        self._name = name
        self._fd = fd
        self._wait = wait

    def append(self, data: bytes) -> None:
        """Write lines; raises ConnectError when nobody reads, or at a stop meanwhile."""
        rest = memoryview(data)
        room = select.poll()
        room.register(self._fd, select.POLLOUT)
        try:
            while rest:
                if room.poll(_STREAM_WAIT_MS):
                    # A pipe that is ready takes this much without blocking.
                    rest = rest[os.write(self._fd, rest[: select.PIPE_BUF]) :]
                elif self._wait(0):
                    raise ConnectError(
                        f"{self._name} is not read; what is left comes again after a restart"
                    )
        except OSError as problem:
            raise _failed(self._name, problem) from problem

    def sync(self) -> None:
        """Nothing can be kept here; what was written has left."""

    def close(self) -> None:
        """Close the descriptor, but not standard output."""
        if self._fd > 2:  # noqa: PLR2004 - the standard ones
            os.close(self._fd)
