"""A batch: consecutive records of one topic, one key schema and one value schema, by column."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Self, cast

import attrs

from penstock.data._columns import Column, Repeat, pick
from penstock.data._headers import Headers
from penstock.data._record import Record, SinkRecord, SourceRecord
from penstock.data._schema import Schema

__all__ = ["Batch", "SinkOrigin", "SourceOrigin"]

_KEEP: Final[Any] = object()


@attrs.define(eq=False)
class SourceOrigin:
    """What one poll of a source task was read from, a row a record as polled.

    Attributes:
        partitions: the source partition of each row.
        offsets: the source offset after each row.
    """

    partitions: Sequence[Mapping[str, Any] | None]
    offsets: Sequence[Mapping[str, Any] | None]

    def record(self, batch: Batch, i: int) -> SourceRecord:
        """Return row ``i`` of a batch that has this origin."""
        row = batch.rows[i]
        return SourceRecord(
            topic=batch.topic,
            value=batch.values[i],
            value_schema=batch.value_schema,
            key=batch.keys[i],
            key_schema=batch.key_schema,
            partition=batch.partitions[i],
            timestamp=batch.timestamps[i],
            headers=batch.headers[i],
            source_partition=self.partitions[row],
            source_offset=self.offsets[row],
        )


@attrs.define(eq=False)
class SinkOrigin:
    """Where the rows of one fetched batch stand in Kafka: one topic partition.

    ``raw`` is the runtime's: what it needs to report a row; a task leaves it alone.
    """

    topic: str
    partition: int
    offsets: Sequence[int]
    timestamp_type: str = "CreateTime"
    raw: Any = attrs.field(default=None, repr=False)

    def record(self, batch: Batch, i: int) -> SinkRecord:
        """Return row ``i`` of a batch that has this origin."""
        return SinkRecord(
            topic=batch.topic,
            value=batch.values[i],
            value_schema=batch.value_schema,
            key=batch.keys[i],
            key_schema=batch.key_schema,
            partition=batch.partitions[i],
            timestamp=batch.timestamps[i],
            headers=batch.headers[i],
            offset=self.offsets[batch.rows[i]],
            timestamp_type=self.timestamp_type,
            original_topic=self.topic,
            original_partition=self.partition,
            origin=self,
        )


@attrs.define(eq=False, kw_only=True)
class Batch:
    """Records of one topic and one pair of schemas, in order, stored by column.

    Treat it and its columns as immutable; the ``with_`` methods return changed copies that share
    the untouched columns. All columns have the same length.

    Attributes:
        topic: the topic of every row.
        values, value_schema: the value of each row and the schema of all of them.
        keys, key_schema: likewise.
        partitions: the Kafka partition of each row, or None in a row to let the key decide.
        timestamps: Unix ms of each row, or None in a row.
        headers: the :class:`Headers` of each row.
        rows: for each row, its row in the origin; a transform that drops rows leaves gaps.
        origin: what was polled or fetched; transforms never change it.
    """

    topic: str
    values: Column
    value_schema: Schema | None
    keys: Column
    key_schema: Schema | None
    partitions: Sequence[int | None]
    timestamps: Sequence[int | None]
    headers: Sequence[Headers]
    rows: Sequence[int]
    origin: SourceOrigin | SinkOrigin

    @classmethod
    def source(
        cls,
        *,
        topic: str,
        values: Column,
        value_schema: Schema | None = None,
        keys: Column | None = None,
        key_schema: Schema | None = None,
        partitions: Sequence[int | None] | None = None,
        timestamps: Sequence[int | None] | None = None,
        headers: Sequence[Headers] | None = None,
        source_partitions: Sequence[Mapping[str, Any] | None] | None = None,
        source_offsets: Sequence[Mapping[str, Any] | None] | None = None,
    ) -> Self:
        """Make the batch that a source task polled; a column left out is None in every row."""
        n = len(values)
        return cls(
            topic=topic,
            values=values,
            value_schema=value_schema,
            keys=Repeat(None, n) if keys is None else keys,
            key_schema=key_schema,
            partitions=Repeat(None, n) if partitions is None else partitions,
            timestamps=Repeat(None, n) if timestamps is None else timestamps,
            headers=Repeat(Headers.EMPTY, n) if headers is None else headers,
            rows=range(n),
            origin=SourceOrigin(
                partitions=Repeat(None, n) if source_partitions is None else source_partitions,
                offsets=Repeat(None, n) if source_offsets is None else source_offsets,
            ),
        )

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def with_values(self, values: Column, schema: Schema | None = _KEEP) -> Self:
        """Return a copy with other values; the schema stays unless one is given."""
        changed = copy.copy(self)
        changed.values = values
        if schema is not _KEEP:
            changed.value_schema = schema
        return changed

    def with_keys(self, keys: Column, schema: Schema | None = _KEEP) -> Self:
        """Return a copy with other keys; the schema stays unless one is given."""
        changed = copy.copy(self)
        changed.keys = keys
        if schema is not _KEEP:
            changed.key_schema = schema
        return changed

    def with_topic(self, topic: str) -> Self:
        """Return a copy for another topic."""
        changed = copy.copy(self)
        changed.topic = topic
        return changed

    def with_headers(self, headers: Sequence[Headers]) -> Self:
        """Return a copy with other headers."""
        changed = copy.copy(self)
        changed.headers = headers
        return changed

    def with_timestamps(self, timestamps: Sequence[int | None]) -> Self:
        """Return a copy with other timestamps (Unix ms)."""
        changed = copy.copy(self)
        changed.timestamps = timestamps
        return changed

    def select(self, rows: Sequence[int]) -> Batch:
        """Return the rows at these ascending places (0 to ``len - 1``), with their origin."""
        if len(rows) == len(self):
            return self
        return Batch(
            topic=self.topic,
            values=pick(self.values, rows),
            value_schema=self.value_schema,
            keys=pick(self.keys, rows),
            key_schema=self.key_schema,
            partitions=pick(self.partitions, rows),
            timestamps=pick(self.timestamps, rows),
            headers=pick(self.headers, rows),
            rows=pick(self.rows, rows),
            origin=self.origin,
        )

    def record(self, i: int) -> Record:
        """Return row ``i`` as a SourceRecord or SinkRecord."""
        return self.origin.record(self, i)

    def records(self) -> Iterator[Record]:
        """Yield every row as a record; slow next to the columns, easy next to them."""
        record = self.origin.record
        return (record(self, i) for i in range(len(self.rows)))

    @staticmethod
    def of_records(records: Sequence[SourceRecord] | Sequence[Batch]) -> list[Batch]:
        """Group what a source task polled into batches that share one origin.

        Rows of one topic and one pair of schemas form one batch, however they were interleaved;
        ``rows`` tells the place of each, by which the runtime restores the order. Batches that
        were grouped so already, and share one origin, stay as they are.
        """
        batches = [one for one in records if isinstance(one, Batch)]
        if batches:
            return batches
        records = cast("Sequence[SourceRecord]", records)
        origin = SourceOrigin(
            partitions=[record.source_partition for record in records],
            offsets=[record.source_offset for record in records],
        )
        return Batch.regroup(origin, range(len(records)), records)

    @staticmethod
    def regroup(
        origin: SourceOrigin | SinkOrigin, rows: Sequence[int], records: Iterable[Record]
    ) -> list[Batch]:
        """Group records, whose rows in ``origin`` are ``rows``, by topic and schemas."""
        groups: dict[tuple[str, Schema | None, Schema | None], list[tuple[int, Record]]] = {}
        for row, record in zip(rows, records, strict=True):
            kind = (record.topic, record.key_schema, record.value_schema)
            groups.setdefault(kind, []).append((row, record))
        return [_of_group(origin, kind, group) for kind, group in groups.items()]


def _of_group(
    origin: SourceOrigin | SinkOrigin,
    kind: tuple[str, Schema | None, Schema | None],
    group: Sequence[tuple[int, Record]],
) -> Batch:
    topic, key_schema, value_schema = kind
    return Batch(
        topic=topic,
        values=[record.value for _, record in group],
        value_schema=value_schema,
        keys=[record.key for _, record in group],
        key_schema=key_schema,
        partitions=[record.partition for _, record in group],
        timestamps=[record.timestamp for _, record in group],
        headers=[record.headers for _, record in group],
        rows=[row for row, _ in group],
        origin=origin,
    )
