"""FileStreamSink: the values of records as lines of a file (source: FileStreamSinkConnector)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from penstock.api import SinkConnector, SinkTask
from penstock.config import config, key
from penstock.data import Batch, Column, Schema, SinkRecord, Structs, Text, TopicPartition
from penstock_file._append import Output, Stream, open_output
from penstock_file._columns import render_column, render_texts
from penstock_file._render import render_line

__all__ = ["FileStreamSinkConfig", "FileStreamSinkConnector", "FileStreamSinkTask"]

_STDOUT: Final = 1
_BYTES: Final = (bytes, bytearray, memoryview)


@config
class FileStreamSinkConfig:
    """Keys of FileStreamSink, the original's."""

    file: str | None = key(
        default=None,
        importance="high",
        doc="The file to append to. Left out or empty, lines go to standard output.",
    )


class FileStreamSinkConnector(SinkConnector[FileStreamSinkConfig]):
    """Appends the values of records to a file, a line each."""

    def alter_offsets(self, offsets: Mapping[TopicPartition, int | None]) -> bool:
        """Any offsets make sense: the file remembers nothing."""
        return True


class FileStreamSinkTask(SinkTask[FileStreamSinkConfig]):
    """Writes the lines (source: FileStreamSinkTask). Owner: the task's thread.

    Lines are written as they are put, for whoever follows the file to see; they are on the disk
    before their offsets are committed.
    """

    def start(self) -> None:
        """Open the file for appending; raises ConnectError when that cannot be."""
        path = self.config.file
        self._output: Output = (
            open_output(path, self._wait)
            if path
            else Stream("standard output", _STDOUT, self._wait)
        )

    def _wait(self, timeout_s: float) -> bool:
        return self.context.wait(timeout_s)

    def put_batch(self, batch: Batch) -> None:
        """Add the lines of a batch; text is passed on as the bytes it came in."""
        if len(batch):
            self._output.append(_lines(batch.values, batch.value_schema))

    def put_batches(self, batches: Sequence[Batch]) -> None:
        """Add the lines of batches that differ in schema, in the order of their rows."""
        lines: dict[int, bytes] = {}
        for batch in batches:
            texts = render_column(batch.values, batch.value_schema)
            lines.update(zip(batch.rows, texts, strict=True))
        if lines:
            self._output.append(b"\n".join([*(lines[row] for row in sorted(lines)), b""]))

    def put(self, records: Sequence[SinkRecord]) -> None:
        """Add the lines of records."""
        if records:
            lines = [render_line(record.value, record.value_schema) for record in records]
            self._output.append(b"\n".join([*lines, b""]))

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Have the disk keep what was written, before its offsets are committed."""
        self._output.sync()

    def stop(self) -> None:
        """Close the file; what was not flushed was not committed either, and comes again."""
        self._output.close()


def _lines(values: Column, schema: Schema | None) -> bytes:
    """Return the lines of a column; all text and all bytes are joined without looking at each."""
    try:
        if isinstance(values, Text):
            return b"\n".join([*values.utf8, b""])  # type: ignore[list-item]  # None raises
        first = None if isinstance(values, Structs) else values[0]
        if isinstance(first, str):
            return "\n".join([*values, ""]).encode("utf-8", "replace")
        if isinstance(first, _BYTES):
            return b"\n".join([*values, b""])
    except TypeError:
        pass  # some values are of another kind: one by one, then
    texts = render_texts(values, schema)
    if texts is not None:
        return "\n".join([*texts, ""]).encode("utf-8", "replace")
    return b"\n".join([render_line(value, schema) for value in values] + [b""])
