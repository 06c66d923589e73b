"""Read lines of files or of standard input, a batch a poll (source: FileStreamSourceTask)."""

from __future__ import annotations

import glob
import logging
import os
import select
import stat
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from penstock.api import SourceTask
from penstock.data import Batch, PollTime, Repeat, Schema, Text
from penstock.errors import ConnectError
from penstock_file._lines import Lines, LineSplitter
from penstock_file._source import FileStreamSourceConfig
from penstock_file._tail import BLOCK_BYTES, ROTATION_WAIT_S, Identity, Place, Tail, identity_of

__all__ = ["FileStreamSourceTask"]

log = logging.getLogger(__name__)

WAIT_FIRST_S: Final = 0.05
WAIT_MAX_S: Final = 1.0
"""An idle task looks for news after the first wait, then ever later up to this."""
STDIN_WAIT_S: Final = 0.25
GLOB_INTERVAL_S: Final = 1.0
EXACTLY_ONCE_ROWS: Final = 80_000
"""Lines of one poll where polls are transactions and ``batch.size`` is not set: a transaction
costs a few milliseconds, however large it is."""
EXACTLY_ONCE_BLOCK_BYTES: Final = 8 * BLOCK_BYTES
"""Read at once then, of which the lines come."""
FILES_MAX: Final = 500
"""Files of one pattern that are followed at once; each keeps a descriptor open."""

K = TypeVar("K")
V = TypeVar("V")

_STDIN: Final = 0
_STDIN_NAME: Final = "standard input"


class FileStreamSourceTask(SourceTask[FileStreamSourceConfig]):
    """Reads the lines. Owner: the task's thread.

    Holds one block of one file at a time, and of each file at most its unfinished line.
    """

    def start(self) -> None:
        """Find the stored places; opens nothing yet, a missing file is waited for."""
        self._tails: deque[Tail] = deque()
        self._lines: Lines | None = None
        self._partition: Mapping[str, Any] | None = None
        self._wait_s = WAIT_FIRST_S
        big = self.context.exactly_once and "batch.size" not in self.context.raw_config
        self._rows_max = EXACTLY_ONCE_ROWS if big else self.config.batch_size
        pattern = self.config.file_glob
        self._files = _Pattern(self, pattern) if pattern else None
        self._stdin: LineSplitter | None = None
        if self.config.file and not pattern:
            self.follow({self.config.file: None})
        elif not pattern:
            self._stdin = LineSplitter(
                0, name=_STDIN_NAME, line_bytes_max=self.config.file_line_bytes_max
            )

    @property
    def tails(self) -> deque[Tail]:
        """The files that are followed, the next to be read first."""
        return self._tails

    def follow(self, places: Mapping[str, Place | None]) -> None:
        """Follow files from the given places, where None from those that are stored."""
        stored = self.context.offsets([{"filename": path} for path in places])
        for (path, place), offset in zip(places.items(), stored, strict=True):
            compression = self.config.file_compression
            self._tails.append(
                Tail(
                    path,
                    Place(_position(path, offset)) if place is None else place,
                    gzip=compression == "gzip" or (compression == "auto" and path.endswith(".gz")),
                    line_bytes_max=self.config.file_line_bytes_max,
                    stopping=lambda: self.context.stopping,
                    block_bytes=EXACTLY_ONCE_BLOCK_BYTES
                    if self.context.exactly_once
                    else BLOCK_BYTES,
                )
            )

    def poll(self) -> Batch | None:
        """Return at most ``batch.size`` lines of one file, or None after a short wait."""
        lines = self._lines
        if lines is None:
            lines = self._read_stdin() if self._stdin is not None else self._read_files()
            if lines is None:
                self.context.wait(self._wait_s)
                self._wait_s = min(self._wait_s * 2, WAIT_MAX_S)
                return None
            self._wait_s = WAIT_FIRST_S
        raw, positions = lines.take(self._rows_max)
        self._lines = lines if len(lines) else None
        n = len(raw)
        return Batch.source(
            topic=self.config.topic,
            values=Text(raw),
            value_schema=Schema.STRING,
            timestamps=PollTime(time.time_ns() // 1_000_000, n),
            source_partitions=Repeat(self._partition, n),
            source_offsets=Repeat(None, n) if self._partition is None else positions,
        )

    def _read_files(self) -> Lines | None:
        """Read on in the next file that has lines, each in its turn."""
        if self._files is not None:
            left = self._files.look()
            if left is not None:
                self._partition, lines = left
                return lines
        for _ in range(len(self._tails)):
            tail = self._tails[0]
            self._tails.rotate(-1)
            lines_read = tail.read()
            if lines_read is not None:
                self._partition = {"filename": tail.path}
                return lines_read
        return None

    def _read_stdin(self) -> Lines | None:
        """Wait a little for standard input; its last line needs no end once it is closed."""
        splitter = self._stdin
        assert splitter is not None  # noqa: S101 - asked by poll
        try:
            ready, _, _ = select.select([_STDIN], [], [], STDIN_WAIT_S)
            block = os.read(_STDIN, BLOCK_BYTES) if ready else None
        except BlockingIOError:
            return None
        except OSError as problem:
            raise ConnectError(
                f"standard input cannot be read: {problem.strerror}; set 'file'"
            ) from problem
        if block is None:
            self._wait_s = 0.0
            return None
        self._wait_s = self._wait_s or WAIT_FIRST_S
        return splitter.feed(block) if block else splitter.finish()

    def stop(self) -> None:
        """Close the files."""
        for tail in self._tails:
            tail.close()


class _Pattern:
    """Finds the files of ``file.glob`` as they come and go. Owner: the task's thread."""

    def __init__(self, task: FileStreamSourceTask, pattern: str) -> None:
        self._task = task
        self._pattern = pattern
        self._look_at_s = 0.0
        self._is_empty_told = False
        self._renamed: dict[Identity, Place] = {}
        self._gone: dict[str, None] = {}

    def look(self) -> tuple[Mapping[str, Any], Lines] | None:
        """Take up new files and let go of deleted ones; return the last line of such a one."""
        if time.monotonic() < self._look_at_s:
            return None
        for tail in self._task.tails:
            if tail.quiet_s >= ROTATION_WAIT_S and identity_of(tail.path) is None:
                return self._let_go(tail)
        self._look_at_s = time.monotonic() + GLOB_INTERVAL_S
        self._find()
        return None

    def _let_go(self, tail: Tail) -> tuple[Mapping[str, Any], Lines] | None:
        self._task.tails.remove(tail)
        _remember(self._gone, tail.path, None)
        last = tail.leave()
        self._note(tail)
        return None if last is None else ({"filename": tail.path}, last)

    def _note(self, tail: Tail) -> None:
        """Note how far a file was read that stands at its path no more; it may turn up again."""
        if tail.left is not None:
            _remember(self._renamed, *tail.left)
            tail.left = None

    def _find(self) -> None:
        tails = self._task.tails
        for tail in tails:
            self._note(tail)
        known = {tail.path for tail in tails}
        followed = {tail.identity for tail in tails}
        # pathlib's glob takes no absolute patterns.
        found = glob.iglob(self._pattern, recursive=True)  # noqa: PTH207
        new: dict[str, Place | None] = {}
        for path in sorted(found):
            identity = identity_of(path)
            # A file that was renamed is read to its end under its old name first.
            if path in known or identity is None or identity in followed or not _is_file(path):
                continue
            new[path] = self._renamed.get(identity, Place(0) if path in self._gone else None)
            followed.add(identity)
            self._gone.pop(path, None)
        if len(tails) + len(new) > FILES_MAX:
            raise ConnectError(
                f"'file.glob' {self._pattern} matches more than {FILES_MAX} files; split it over "
                "several connectors"
            )
        if new:
            self._task.follow(new)
        elif not tails and not self._is_empty_told:
            log.warning("no file matches %s yet, waiting for one", self._pattern)
            self._is_empty_told = True


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except OSError:
        return False


def _remember(notes: dict[K, V], name: K, what: V) -> None:
    """Keep a note; the oldest goes when there are too many."""
    notes.pop(name, None)
    notes[name] = what
    if len(notes) > 2 * FILES_MAX:
        del notes[next(iter(notes))]


def _position(path: str, offset: Mapping[str, Any] | None) -> int:
    position = None if offset is None else offset.get("position")
    if position is None:
        return 0
    if not isinstance(position, int) or isinstance(position, bool) or position < 0:
        raise ConnectError(
            f"'{path}': the stored offset has position {position!r}, which is no whole number of "
            "at least 0; reset or alter the connector's offsets"
        )
    return position
