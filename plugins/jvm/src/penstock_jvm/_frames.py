"""Polls from Java as batches, batches for Java as bytes; ``SourceFrames``, ``SinkRunner`` there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from penstock.api import RecordMetadata
from penstock.data import Batch, Header, Headers, Repeat, Schema, SinkOrigin, SourceOrigin
from penstock_jvm import _columns
from penstock_jvm._bytes import In, Out
from penstock_jvm._schemas import decoded, encoded

__all__ = ["Place", "Poll", "ToldRows", "read_poll", "write_batches"]


_TOLD_NUMBERS: Final = 6


class Place(dict[str, Any]):
    """A source offset that knows which poll and row of the Java task it belongs to."""

    __slots__ = ("poll", "row")
    poll: int
    row: int


class ToldRows:
    """Rows of polls that were stored or dropped, and where, for ``SourceRunner.commitRecords``."""

    def __init__(self) -> None:
        """Begin with none."""
        self._topics: dict[str, int] = {}
        self._numbers: list[int] = []

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._numbers) // _TOLD_NUMBERS

    def add(self, place: Place, metadata: RecordMetadata | None) -> None:
        """Add a row; -1 is what is not known, the topic of a record that was not stored, too."""
        if metadata is None:
            self._numbers += (place.poll, place.row, -1, -1, -1, -1)
            return
        offset, timestamp = metadata.offset, metadata.timestamp
        self._numbers += (
            place.poll,
            place.row,
            self._topics.setdefault(metadata.topic, len(self._topics)),
            metadata.partition,
            -1 if offset is None else offset,
            -1 if timestamp is None else timestamp,
        )

    def taken(self) -> bytes:
        """Return all rows as bytes, and forget them."""
        out = Out()
        out.i32(len(self._topics))
        for topic in self._topics:
            out.text(topic)
        out.i32(len(self))
        out.numbers("q", self._numbers)
        self._topics, self._numbers = {}, []
        return out.done()


@attrs.frozen
class Poll:
    """One poll: its batches share one origin; marks are (row, ``c`` or ``a``), row -1 the end."""

    batches: Sequence[Batch]
    rows: int
    marks: Sequence[tuple[int, str]]


def read_poll(raw: bytes, *, placed: bool) -> Poll:
    """Return what a Java task polled.

    Args:
        raw: what ``SourceFrames`` wrote.
        placed: whether offsets must be :class:`Place`, for a task that is told of each record.
    """
    source = In(raw)
    number, total = source.i64(), source.i32()
    partitions = json.loads(source.text() or "[]")
    by_row: Sequence[Any] = Repeat(partitions[0], total)
    if len(partitions) > 1:
        by_row = list(map(partitions.__getitem__, source.numbers("i", total)))
    offsets = json.loads(source.text() or "[]")
    if placed:
        offsets = [_place(offset, number, row) for row, offset in enumerate(offsets)]
    end = chr(source.u8())
    marks = [(source.i32(), chr(source.u8())) for _ in range(source.i32())]
    if end != "0":
        marks.append((-1, end))
    schemas = [decoded(source.take(source.i32())) for _ in range(source.i32())]
    origin = SourceOrigin(partitions=by_row, offsets=offsets)
    groups = source.i32()
    batches = [_group(source, schemas, origin, total) for _ in range(groups)]
    if not batches:
        batches = [_nothing(origin)]
    return Poll(batches, total, marks)


def _place(offset: Any, number: int, row: int) -> Place:
    place = Place(offset or {})
    place.poll, place.row = number, row
    return place


def _nothing(origin: SourceOrigin) -> Batch:
    return Batch(
        topic="",
        values=[],
        value_schema=None,
        keys=[],
        key_schema=None,
        partitions=[],
        timestamps=[],
        headers=[],
        rows=[],
        origin=origin,
    )


def _schema(schemas: Sequence[Schema], place: int) -> Schema | None:
    return None if place < 0 else schemas[place]


def _group(source: In, schemas: Sequence[Schema], origin: SourceOrigin, total: int) -> Batch:
    topic = source.text() or ""
    key_schema, value_schema = _schema(schemas, source.i32()), _schema(schemas, source.i32())
    count = source.i32()
    rows: Sequence[int] = range(count) if count == total else source.numbers("i", count)
    partitions = _columns.read(source, Schema.OPTIONAL_INT64, count)
    timestamps = _columns.read(source, Schema.OPTIONAL_INT64, count)
    headers: Sequence[Headers] = Repeat(Headers.EMPTY, count)
    if source.u8():
        headers = [_headers(source, schemas) for _ in range(count)]
    keys = _columns.read(source, key_schema, count)
    return Batch(
        topic=topic,
        values=_columns.read(source, value_schema, count),
        value_schema=value_schema,
        keys=keys,
        key_schema=key_schema,
        partitions=partitions,
        timestamps=timestamps,
        headers=headers,
        rows=rows,
        origin=origin,
    )


def _headers(source: In, schemas: Sequence[Schema]) -> Headers:
    found = []
    for _ in range(source.i32()):
        name = source.text() or ""
        schema = _schema(schemas, source.i32())
        found.append(Header(name, _columns.read(source, schema, 1)[0], schema))
    return Headers(found)


def write_batches(batches: Iterable[Batch]) -> bytes:
    """Return sink batches as ``SinkRunner.put`` reads them.

    Raises:
        DataError: a value does not fit its schema.
    """
    table: dict[Schema, int] = {}
    body = Out()
    count = 0
    for batch in batches:
        _write_batch(body, batch, table)
        count += 1
    out = Out()
    out.i32(len(table))
    for schema in table:
        out.blob(encoded(schema))
    out.i32(count)
    out.parts += body.parts
    return out.done()


def _number(table: dict[Schema, int], schema: Schema | None) -> int:
    return -1 if schema is None else table.setdefault(schema, len(table))


def _write_batch(out: Out, batch: Batch, table: dict[Schema, int]) -> None:
    origin = batch.origin
    assert isinstance(origin, SinkOrigin)  # noqa: S101 - a sink task is given no other
    out.text(batch.topic)
    out.text(origin.topic)
    out.i32(origin.partition)
    out.text(origin.timestamp_type)
    out.i32(_number(table, batch.key_schema))
    out.i32(_number(table, batch.value_schema))
    out.i32(len(batch))
    out.numbers("q", list(map(origin.offsets.__getitem__, batch.rows)))
    _columns.write(out, Schema.OPTIONAL_INT64, batch.partitions)
    _columns.write(out, Schema.OPTIONAL_INT64, batch.timestamps)
    _write_headers(out, batch.headers, table)
    _columns.write(out, batch.key_schema, batch.keys)
    _columns.write(out, batch.value_schema, batch.values)


def _write_headers(out: Out, headers: Sequence[Headers], table: dict[Schema, int]) -> None:
    if isinstance(headers, Repeat) and not headers.value:
        out.u8(0)
        return
    out.u8(1)
    for row in headers:
        out.i32(len(row))
        for header in row:
            out.text(header.key)
            out.i32(_number(table, header.schema))
            _columns.write(out, header.schema, [header.value])
