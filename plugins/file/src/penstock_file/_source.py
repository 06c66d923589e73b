"""FileStreamSource: the lines of a file as records (source: FileStreamSourceConnector, -Task)."""

from __future__ import annotations

import glob
import logging
import os
import select
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from penstock.api import SourceConnector, SourceTask
from penstock.config import config, key
from penstock.data import Batch, PollTime, Repeat, Schema, Text
from penstock.errors import ConnectError
from penstock_file._lines import LINE_BYTES_MAX, Lines, LineSplitter
from penstock_file._tail import BLOCK_BYTES, Tail

__all__ = ["FileStreamSourceConfig", "FileStreamSourceConnector", "FileStreamSourceTask"]

log = logging.getLogger(__name__)

WAIT_FIRST_S: Final = 0.02
WAIT_MAX_S: Final = 1.0
GLOB_INTERVAL_S: Final = 1.0
FILES_MAX: Final = 1000
"""Files of one pattern that are followed at once; each keeps a descriptor open."""


@config
class FileStreamSourceConfig:
    """Keys of FileStreamSource; the first three are the original's."""

    file: str | None = key(
        default=None,
        importance="high",
        doc="The file to read and follow; left out or empty, standard input.",
    )
    topic: str = key(importance="high", non_empty=True, doc="The topic to write to.")
    batch_size: int = key(default=2000, min=1, importance="low", doc="The most lines of one poll.")
    file_glob: str | None = key(
        default=None,
        importance="low",
        doc="A pattern of files to read and follow, each from its own place, instead of 'file'.",
    )
    file_compression: str = key(
        default="none",
        choices=("none", "gzip", "auto"),
        importance="low",
        doc="gzip: the files are gzip. auto: those whose name ends with .gz are.",
    )
    file_line_bytes_max: int = key(
        default=LINE_BYTES_MAX, min=1, importance="low", doc="The longest line, in bytes."
    )


class FileStreamSourceConnector(SourceConnector[FileStreamSourceConfig]):
    """Reads lines of a file, or of all files of a pattern, and follows them as they grow."""

    def start(self) -> None:
        """Warn of two keys that exclude each other."""
        if self.config.file and self.config.file_glob:
            log.warning("both file and file.glob are set: file.glob is used")

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """One task, whatever ``tasks.max`` says: one reader keeps the order."""
        return [self.context.raw_config]

    def exactly_once_support(self) -> bool:
        """A file can be read again from any place, standard input cannot."""
        return bool(self.config.file or self.config.file_glob)

    def alter_offsets(
        self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]
    ) -> bool:
        """Accept ``{"filename": F}`` with ``{"position": N}`` or None."""
        if not self.config.file and not self.config.file_glob:
            raise ConnectError(
                "The 'file' configuration is not set: standard input has no offsets to alter"
            )
        for partition, offset in offsets:
            if set(partition) != {"filename"}:
                raise ConnectError(
                    f"Partition objects must hold the key 'filename', got {partition}"
                )
            if offset is None:
                continue
            position = offset.get("position")
            if not isinstance(position, int) or isinstance(position, bool) or position < 0:
                raise ConnectError(
                    f"The value of the 'position' key must be a whole number of at least 0, "
                    f"got {position!r}"
                )
        return True


class FileStreamSourceTask(SourceTask[FileStreamSourceConfig]):
    """Reads the lines. Owner: the task's thread."""

    def start(self) -> None:
        """Find the stored places; opens nothing yet, a missing file is waited for."""
        self._tails: dict[str, Tail] = {}
        self._ready: list[tuple[str | None, Lines, int]] = []
        self._wait_s = WAIT_FIRST_S
        self._glob_at_s = 0.0
        self._stdin = LineSplitter(0, line_bytes_max=self.config.file_line_bytes_max)
        if self.config.file and not self.config.file_glob:
            self._add([self.config.file])

    def _add(self, paths: Sequence[str]) -> None:
        stored = self.context.offsets([{"filename": path} for path in paths])
        for path, offset in zip(paths, stored, strict=True):
            compression = self.config.file_compression
            gzip = compression == "gzip" or (compression == "auto" and path.endswith(".gz"))
            self._tails[path] = Tail(
                path,
                _position(path, offset),
                gzip=gzip,
                line_bytes_max=self.config.file_line_bytes_max,
            )

    def _look_for_files(self) -> None:
        if self.config.file_glob is None or time.monotonic() < self._glob_at_s:
            return
        self._glob_at_s = time.monotonic() + GLOB_INTERVAL_S
        # pathlib's glob takes no absolute patterns.
        found = sorted(glob.glob(self.config.file_glob, recursive=True))  # noqa: PTH207
        new = [path for path in found if path not in self._tails and Path(path).is_file()]
        if len(self._tails) + len(new) > FILES_MAX:
            raise ConnectError(
                f"file.glob '{self.config.file_glob}' matches more than {FILES_MAX} files; "
                "split it over several connectors"
            )
        if new:
            self._add(new)

    def poll(self) -> Batch | None:
        """Return at most ``batch.size`` lines of one file, or None after a short wait."""
        if not self._ready and not self._read():
            self.context.wait(self._wait_s)
            self._wait_s = min(self._wait_s * 2, WAIT_MAX_S)
            return None
        self._wait_s = WAIT_FIRST_S
        filename, lines, at = self._ready[0]
        last = min(at + self.config.batch_size, len(lines.raw))
        raw, positions = lines.piece(at, last)
        if last == len(lines.raw):
            del self._ready[0]
        else:
            self._ready[0] = (filename, lines, last)
        n = len(raw)
        return Batch.source(
            topic=self.config.topic,
            values=_text(raw),
            value_schema=Schema.STRING,
            timestamps=PollTime(time.time_ns() // 1_000_000, n),
            source_partitions=Repeat(None if filename is None else {"filename": filename}, n),
            source_offsets=Repeat(None, n) if filename is None else positions,
        )

    def _read(self) -> bool:
        """Read a block of every file; return whether there are lines."""
        if not self.config.file and self.config.file_glob is None:
            lines = self._read_stdin()
            if lines is not None:
                self._ready.append((None, lines, 0))
            return bool(self._ready)
        self._look_for_files()
        for path, tail in self._tails.items():
            lines = tail.read()
            if lines is not None and lines.raw:
                self._ready.append((path, lines, 0))
        return bool(self._ready)

    def _read_stdin(self) -> Lines | None:
        readable, _, _ = select.select([0], [], [], 0.1)
        if not readable:
            return None
        block = os.read(0, BLOCK_BYTES)
        return self._stdin.feed(block) if block else self._stdin.finish()

    def stop(self) -> None:
        """Close the files."""
        for tail in self._tails.values():
            tail.close()


def _position(path: str, offset: Mapping[str, Any] | None) -> int:
    if offset is None:
        return 0
    position = offset.get("position")
    if not isinstance(position, int) or isinstance(position, bool) or position < 0:
        raise ConnectError(
            f"the stored offset of '{path}' has no usable position: {dict(offset)}; "
            "reset the connector's offsets"
        )
    return position


def _text(raw: list[bytes]) -> Text:
    """Return the lines as text; bytes that are no UTF-8 become U+FFFD, as Java reads them."""
    checked = Text.checked(raw)
    if checked is not None:
        return checked
    return Text([line.decode("utf-8", "replace").encode() for line in raw])
