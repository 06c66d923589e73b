"""What one read gave, as columns, and batches of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.data import (
    Batch,
    Column,
    Header,
    Headers,
    Repeat,
    Schema,
    SchemaBuilder,
    Structs,
    Text,
    Timestamp,
)
from penstock_kinesis._aggregated import MAGIC, deaggregate
from penstock_kinesis._cursor import Cursor
from penstock_kinesis._keys import Settings
from penstock_kinesis._offsets import Place

__all__ = ["KEY_SCHEMA", "VALUE_SCHEMA", "Chunk", "Maker", "chunk_of", "marks"]

_PACKAGE: Final = "com.github.jcustenborder.kafka.connect.kinesis."
KEY_SCHEMA: Final = (
    SchemaBuilder.struct()
    .name(_PACKAGE + "KinesisKey")
    .field("partitionKey", Schema.OPTIONAL_STRING)
    .build()
)
VALUE_SCHEMA: Final = (
    SchemaBuilder.struct()
    .name(_PACKAGE + "KinesisValue")
    .field("sequenceNumber", Schema.OPTIONAL_STRING)
    .field("approximateArrivalTimestamp", Timestamp.OPTIONAL_SCHEMA)
    .field("data", Schema.OPTIONAL_BYTES)
    .field("partitionKey", Schema.OPTIONAL_STRING)
    .field("shardId", Schema.OPTIONAL_STRING)
    .field("streamName", Schema.OPTIONAL_STRING)
    .build()
)
_ROW_BYTES: Final = 400
"""About what a row takes in memory besides its data."""


@attrs.define(eq=False)
class Chunk:
    """Rows of one shard, in order; ``place`` is reached when all of them are handed on.

    ``finished``: the shard holds nothing more, and never will.
    """

    shard: str
    partition: Mapping[str, Any]
    data: list[bytes]
    keys: list[str]
    arrived: list[dt.datetime]
    sequences: list[str]
    offsets: list[Mapping[str, Any]]
    place: Place
    finished: bool = False

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.data)

    @property
    def held(self) -> int:
        """Return about how many bytes of memory the rows take."""
        return sum(map(len, self.data)) + _ROW_BYTES * len(self.data)

    def cut(self, rows: int) -> Chunk:
        """Take the first rows out; what is left stays here."""
        taken = attrs.evolve(
            self,
            data=self.data[:rows],
            keys=self.keys[:rows],
            arrived=self.arrived[:rows],
            sequences=self.sequences[:rows],
            offsets=self.offsets[:rows],
            finished=False,
        )
        for column in (self.data, self.keys, self.arrived, self.sequences, self.offsets):
            del column[:rows]
        return taken


def chunk_of(
    records: Sequence[Mapping[str, Any]],
    cursor: Cursor,
    partition: Mapping[str, Any],
    created_ms: int | None,
    *,
    has_aggregates: bool,
) -> Chunk:
    """Return the rows of one read that were not read before; the cursor's place moves on."""
    sequences = [record["SequenceNumber"] for record in records]
    skipped = cursor.unread(sequences)
    if skipped:
        records, sequences = records[skipped:], sequences[skipped:]
    data = [record["Data"] for record in records]
    if has_aggregates and (
        cursor.place.sub is not None or any(one.startswith(MAGIC) for one in data)
    ):
        chunk = _unpacked(records, cursor, partition, created_ms)
    else:
        base = {} if created_ms is None else {"streamCreated": created_ms}
        chunk = Chunk(
            cursor.shard,
            partition,
            data,
            [record["PartitionKey"] for record in records],
            [record["ApproximateArrivalTimestamp"] for record in records],
            sequences,
            [{"sequenceNumber": one, **base} for one in sequences],
            cursor.place,
        )
    if sequences:
        # Of the whole read, so that a record without rows is not read again either.
        chunk.place = cursor.place = Place(sequences[-1])
    return chunk


def _unpacked(
    records: Sequence[Mapping[str, Any]],
    cursor: Cursor,
    partition: Mapping[str, Any],
    created_ms: int | None,
) -> Chunk:
    """Return the user records; of one that was cut at the last stop, only its later ones."""
    chunk = Chunk(cursor.shard, partition, [], [], [], [], [], cursor.place)
    stopped = cursor.place
    for record in records:
        sequence = record["SequenceNumber"]
        users = deaggregate(record["Data"])
        if users is None:
            parts = [(record["PartitionKey"], record["Data"])]
        else:
            parts = [(user.key, user.data) for user in users]
        last = len(parts) - 1
        for sub, (name, data) in enumerate(parts):
            if stopped.sub is not None and sequence == stopped.sequence and sub <= stopped.sub:
                continue
            place = Place(sequence) if sub == last else Place(sequence, sub)
            chunk.data.append(data)
            chunk.keys.append(name)
            chunk.arrived.append(record["ApproximateArrivalTimestamp"])
            chunk.sequences.append(sequence)
            chunk.offsets.append(place.offset(created_ms))
    return chunk


def marks(places: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], topic: str) -> Batch:
    """Return a batch without rows whose places are stored once all before them are."""
    whole = Batch.source(
        topic=topic,
        values=[None] * len(places),
        source_partitions=[partition for partition, _ in places],
        source_offsets=[offset for _, offset in places],
    )
    return whole.select([])


class Maker:
    """Makes batches of chunks. Owner: the task's thread."""

    def __init__(self, settings: Settings) -> None:
        """Take what decides keys, values and headers."""
        self._settings = settings
        self._stream = settings.stream.name
        self._values = {"bytes": _bytes, "string": _text, "struct": self._structs}[
            settings.value_format
        ]
        self._value_schema = {
            "bytes": Schema.BYTES,
            "string": Schema.STRING,
            "struct": VALUE_SCHEMA,
        }[settings.value_format]

    def batch(self, chunks: Sequence[Chunk]) -> Batch:
        """Return the rows of all chunks, in their order."""
        n = sum(map(len, chunks))
        keys = _joined(chunks, lambda chunk: chunk.keys)
        arrived = _joined(chunks, lambda chunk: chunk.arrived)
        is_struct = self._settings.key_format == "struct"
        return Batch.source(
            topic=self._settings.topic,
            values=self._values(chunks),
            value_schema=self._value_schema,
            keys=Structs({"partitionKey": keys}, n) if is_struct else keys,
            key_schema=KEY_SCHEMA if is_struct else Schema.STRING,
            timestamps=[int(moment.timestamp() * 1000 + 0.5) for moment in arrived],
            headers=self._headers(chunks) if self._settings.has_headers else None,
            source_partitions=(
                Repeat(chunks[0].partition, n)
                if len(chunks) == 1
                else [chunk.partition for chunk in chunks for _ in chunk.data]
            ),
            source_offsets=_joined(chunks, lambda chunk: chunk.offsets),
        )

    def _headers(self, chunks: Sequence[Chunk]) -> list[Headers]:
        prefix = self._settings.header_prefix
        is_camel = prefix.startswith("Camel")
        sequence, arrival, name, shard = (
            ("SequenceNumber", "ApproximateArrivalTimestamp", "PartitionKey", "ShardId")
            if is_camel
            else ("sequence.number", "arrival.time", "partition.key", "shard.id")
        )
        text, moment = Schema.STRING, Timestamp.SCHEMA
        found: list[Headers] = []
        for chunk in chunks:
            of_shard = Header(prefix + shard, chunk.shard, text)
            found.extend(
                Headers(
                    (
                        Header(prefix + sequence, number, text),
                        Header(prefix + arrival, arrived, moment),
                        Header(prefix + name, key, text),
                        of_shard,
                    )
                )
                for number, arrived, key in zip(
                    chunk.sequences, chunk.arrived, chunk.keys, strict=True
                )
            )
        return found

    def _structs(self, chunks: Sequence[Chunk]) -> Column:
        n = sum(map(len, chunks))
        return Structs(
            {
                "sequenceNumber": _joined(chunks, lambda chunk: chunk.sequences),
                "approximateArrivalTimestamp": _joined(chunks, lambda chunk: chunk.arrived),
                "data": _joined(chunks, lambda chunk: chunk.data),
                "partitionKey": _joined(chunks, lambda chunk: chunk.keys),
                "shardId": [chunk.shard for chunk in chunks for _ in chunk.data],
                "streamName": Repeat(self._stream, n),
            },
            n,
        )


def _joined(chunks: Sequence[Chunk], column: Callable[[Chunk], list[Any]]) -> list[Any]:
    if len(chunks) == 1:
        return column(chunks[0])
    return [value for chunk in chunks for value in column(chunk)]


def _bytes(chunks: Sequence[Chunk]) -> Column:
    return _joined(chunks, lambda chunk: chunk.data)


def _text(chunks: Sequence[Chunk]) -> Column:
    data = _joined(chunks, lambda chunk: chunk.data)
    return Text.checked(data) or [_decoded(one) for one in data]


def _decoded(data: bytes) -> str | bytes:
    """Return the text; bytes that are none stay, so that the converter refuses that record."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
