"""FileStreamSink: the values of records as lines of a file (source: FileStreamSinkConnector)."""

from __future__ import annotations

import fcntl
import logging
import os
import stat
from collections.abc import Mapping, Sequence
from typing import Final

from penstock.api import SinkConnector, SinkTask
from penstock.config import config, key
from penstock.data import Batch, Schema, SinkRecord, Text, TopicPartition, Type
from penstock.errors import ConnectError
from penstock_file._render import render

__all__ = ["FileStreamSinkConfig", "FileStreamSinkConnector", "FileStreamSinkTask"]

log = logging.getLogger(__name__)

TORN_BYTES_MAX: Final = 64 * 1024 * 1024
_STDOUT: Final = 1


@config
class FileStreamSinkConfig:
    """Keys of FileStreamSink, the original's."""

    file: str | None = key(
        default=None,
        importance="high",
        doc="The file to append to; left out or empty, standard output.",
    )


class FileStreamSinkConnector(SinkConnector[FileStreamSinkConfig]):
    """Appends the values of records to a file, a line each."""

    def alter_offsets(self, offsets: Mapping[TopicPartition, int | None]) -> bool:
        """Any offsets make sense: the file remembers nothing."""
        return True


class FileStreamSinkTask(SinkTask[FileStreamSinkConfig]):
    """Writes the lines. Owner: the task's thread.

    What a crash tore off in the middle of a line is repaired by the first lines that come again:
    when they begin with the torn piece it is theirs, and is cut off before they are written whole.
    """

    def start(self) -> None:
        """Open the file for appending; raises ConnectError when that cannot be."""
        self._torn = b""
        path = self.config.file
        self._path = path or "standard output"
        self._is_file = False
        if not path:
            self._fd = _STDOUT
            return
        try:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._fd = os.open(path, flags, 0o644)
        except OSError as problem:
            raise ConnectError(
                f"file '{path}' cannot be opened for writing: {problem.strerror}; check that the "
                "folder is there and may be written"
            ) from problem
        self._is_file = stat.S_ISREG(os.fstat(self._fd).st_mode)
        if self._is_file:
            self._torn = self._torn_piece()

    def _torn_piece(self) -> bytes:
        """Return what stands after the last line end."""
        size = os.fstat(self._fd).st_size
        first = max(0, size - TORN_BYTES_MAX)
        at = size
        while at > first:
            begin = max(first, at - 4096)
            block = os.pread(self._fd, at - begin, begin)
            found = block.rfind(b"\n")
            if found >= 0:
                return os.pread(self._fd, size - begin - found - 1, begin + found + 1)
            at = begin
        return os.pread(self._fd, size - first, first)

    def put_batch(self, batch: Batch) -> None:
        """Add the lines of a batch; text is passed on as the bytes it came in."""
        values = batch.values
        if isinstance(values, Text) and None not in values.utf8:
            data = b"\n".join(values.utf8) + b"\n"  # type: ignore[arg-type]  # no None is in it
        else:
            schema = batch.value_schema
            lines = [*_rendered(values, schema), ""]
            data = "\n".join(lines).encode("utf-8", "replace")
        self._add(data)

    def put(self, records: Sequence[SinkRecord]) -> None:
        """Add the lines of records."""
        lines = [render(record.value, record.value_schema) for record in records]
        if lines:
            self._add("\n".join([*lines, ""]).encode("utf-8", "replace"))

    def _add(self, data: bytes) -> None:
        """Write lines at once, so that whoever follows the file sees them."""
        self._write(self._mend(data) if self._torn else data)

    def _mend(self, data: bytes) -> bytes:
        """See to the torn piece at the file's end, now that the first new line is known.

        Returns:
            What to write for ``data``.
        """
        torn, self._torn = self._torn, b""
        if data.startswith(torn):
            log.warning("%s ended in a torn line; it is written again, whole", self._path)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            try:
                size = os.fstat(self._fd).st_size
                if os.pread(self._fd, len(torn), max(0, size - len(torn))) == torn:
                    os.ftruncate(self._fd, size - len(torn))
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
            return data
        log.warning("%s ended without a line end; one is added", self._path)
        return b"\n" + data

    def _write(self, data: bytes) -> None:
        """Write lines; what cannot be written whole is taken back to the last line end."""
        done = 0
        try:
            while done < len(data):
                done += os.write(self._fd, memoryview(data)[done:] if done else data)
        except OSError as problem:
            self._take_back(data[:done])
            raise ConnectError(
                f"writing to '{self._path}' failed: {problem.strerror}; make room or mend the "
                "disk, then restart the task: nothing is lost, the records come again"
            ) from problem

    def _take_back(self, written: bytes) -> None:
        """Remove the torn line that a failed write left at the end."""
        torn = len(written) - (written.rfind(b"\n") + 1)
        if not torn or not self._is_file:
            return
        try:
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - torn)
        except OSError as problem:
            log.warning("%s keeps a torn line for now: %s", self._path, problem.strerror)

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Have the disk keep what was written, before its offsets are committed."""
        if self._is_file:
            try:
                os.fdatasync(self._fd)
            except OSError as problem:
                raise ConnectError(
                    f"'{self._path}' is not safely on disk: {problem.strerror}; the records will "
                    "be written again after a restart of the task"
                ) from problem

    def stop(self) -> None:
        """Close the file; what was not flushed was not committed either, and comes again."""
        if self._fd != _STDOUT:
            os.close(self._fd)


def _rendered(values: Sequence[object], schema: Schema | None) -> list[str]:
    if schema is not None and schema.type is Type.STRING and schema.name is None:
        return ["null" if value is None else str(value) for value in values]
    return [render(value, schema) for value in values]
