"""The open files of one topic partition: rows to encoders, encoders to uploads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from penstock.data import Batch, SinkOrigin, TopicPartition
from penstock.errors import DataError
from penstock_s3._border import Cut, Encoder, Part, Schemas, Write
from penstock_s3._layout import Layout
from penstock_s3._upload import Desk, Upload

__all__ = ["PartitionFiles", "first_offset"]

BadRow = Callable[[Batch, int, DataError], None]
_ONE: Final = 1


def first_offset(batch: Batch, i: int = 0) -> int:
    """Return the offset of a row."""
    origin = batch.origin
    assert isinstance(origin, SinkOrigin)  # noqa: S101 - a sink is given batches of a sink
    return origin.offsets[batch.rows[i]]


@attrs.define(eq=False)
class _Object:
    """One object of a file."""

    upload: Upload
    encoder: Encoder


@attrs.define(eq=False)
class _File:
    """A path and its schemas; ``objects`` is empty until a row is written."""

    start: int
    rows: int = 0
    last: int = 0
    objects: dict[Part, _Object] = attrs.field(factory=dict)


class PartitionFiles:
    """What is open and what is being completed. Owner: the task's thread."""

    def __init__(self, place: TopicPartition, layout: Layout, desk: Desk, bad_row: BadRow) -> None:
        """Start with nothing; ``bad_row`` is told of each row that cannot be written."""
        self.place = place
        self.span = layout.span()
        self.committed: int | None = None
        self._layout = layout
        self._desk = desk
        self._bad_row = bad_row
        self._open: dict[tuple[str, Schemas], _File] = {}
        self._closing: deque[tuple[int, list[Upload]]] = deque()
        rules = layout.rules
        self._replaces = not layout.is_deterministic or rules.schedule > 0 or rules.idle > 0
        self._replaces = self._replaces or layout.ends_at_commit or not layout.names.has_offset

    def write(self, step: Write) -> None:
        """Add rows to their file; raises what ``bad_row`` raises."""
        file = self._open.get((step.path, step.schemas))
        if file is None:
            file = self._open[step.path, step.schemas] = _File(step.offset)
        self._write(file, step, step.batch)

    def _write(self, file: _File, step: Write, batch: Batch) -> None:
        """Write rows, in halves around those that cannot be written."""
        try:
            self._write_all(file, step, batch)
        except DataError as problem:
            count = len(batch)
            if count == _ONE:
                self._bad_row(batch, 0, problem)
                return
            self._write(file, step, batch.select(range(count // 2)))
            self._write(file, step, batch.select(range(count // 2, count)))

    def _write_all(self, file: _File, step: Write, batch: Batch) -> None:
        if len(step.parts) > _ONE:
            # A row is in all objects of a file or in none: the others are tried out before.
            for part in step.parts[1:]:
                self._layout.formats[part].open("", step.schemas).write(batch)
        for part in step.parts:
            one = file.objects.get(part)
            is_new = one is None
            one = one or self._opened(file, step, part)
            one.encoder.write(batch)
            if is_new:
                file.objects[part] = one
                self._desk.open.add(one.upload)
            one.upload.add(one.encoder.take())
        file.rows += len(batch)
        file.last = first_offset(batch, len(batch) - 1)

    def _opened(self, file: _File, step: Write, part: Part) -> _Object:
        place = self.place
        key = self._layout.object_key(part, place.topic, place.partition, step.path, file.start)
        chosen = self._layout.formats[part]
        upload = Upload(self._desk, key, chosen.content_type, replaces=self._replaces)
        return _Object(upload, chosen.open(key, step.schemas))

    @property
    def held(self) -> int:
        """Bytes that encoders hold."""
        return sum(one.encoder.held for one in self._objects())

    def _objects(self) -> Iterator[_Object]:
        return (one for file in self._open.values() for one in file.objects.values())

    def shed(self, least: int) -> None:
        """Put on the disk what encoders hold, of those that hold so many bytes."""
        for one in self._objects():
            if one.encoder.held >= least:
                one.encoder.shed(self._desk.spool)

    def cut(self, step: Cut) -> None:
        """Complete all open files; their offset may be committed once they are."""
        uploads: list[Upload] = []
        for file in self._open.values():
            notes = {
                "startOffset": str(file.start),
                "endOffset": str(file.last),
                "recordCount": str(file.rows),
            }
            for one in file.objects.values():
                one.upload.finish(one.encoder.finish(), notes)
                uploads.append(one.upload)
            # The files of a cut may be thousands: some are written before the last are finished.
            self._desk.make_room()
        self._open.clear()
        self._closing.append((step.offset, uploads))

    def settle(self) -> None:
        """Note which cuts are complete, in order."""
        while self._closing:
            offset, uploads = self._closing[0]
            ends = [upload.end for upload in uploads]
            if not all(end is not None and end.done() and not end.exception() for end in ends):
                return
            self.committed = offset
            self._closing.popleft()

    def safe(self, consumed: int) -> int | None:
        """Return the offset that may be committed; all of it when nothing is open."""
        self.settle()
        if not self._closing and not self.span.rows:
            return consumed
        return self.committed

    def drop(self) -> None:
        """Forget all that is not complete: its rows will come again, to whom has them next."""
        for one in self._objects():
            one.upload.drop()
            one.encoder.drop()
        for _, uploads in self._closing:
            for upload in uploads:
                upload.drop()
        self._open.clear()
        self._closing.clear()
        self.span.reset()
