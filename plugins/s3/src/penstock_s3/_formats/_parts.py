"""Which columns of a batch an object holds: values, keys, headers, or all in an envelope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from penstock.data import Batch, Column, Headers, Repeat, Schema, SinkOrigin, Structs, pick
from penstock.errors import DataError
from penstock_s3._border import Part, Schemas
from penstock_s3._plugins import header_converter

__all__ = ["HEADERS_SCHEMA", "PartReader", "reader_of"]

_HEADER: Final = Schema.struct({"key": Schema.STRING, "value": Schema.OPTIONAL_STRING})
HEADERS_SCHEMA: Final = Schema.array(_HEADER)

Read = Callable[[Batch], Column]
PartReader = Callable[[Schemas], tuple["Schema | None", Read]]
"""Gives the schema of a part and what reads its column from a batch."""


def reader_of(part: Part, *, envelope: bool = False, in_struct: bool = False) -> PartReader:
    """Return the reader of a part; ``in_struct`` puts keys and headers into a struct's field.

    Parquet holds nothing but structs: a key becomes the field ``key``, headers ``headers``.
    """
    if part == "value":
        return _enveloped if envelope else _values
    if part == "keys":
        return _in_struct("key", _keys) if in_struct else _keys
    return _in_struct("headers", _headers) if in_struct else _headers


def _values(schemas: Schemas) -> tuple[Schema | None, Read]:
    return schemas.value, lambda batch: batch.values


def _keys(schemas: Schemas) -> tuple[Schema | None, Read]:
    def read(batch: Batch) -> Column:
        keys = batch.keys
        if isinstance(keys, Structs):
            return keys
        if keys.value is None if isinstance(keys, Repeat) else None in keys:
            raise DataError(
                f"topic {batch.topic}: Key cannot be null for SinkRecord: with"
                " store.kafka.keys=true each record needs a key"
            )
        return keys

    return schemas.key, read


def _headers(_: Schemas) -> tuple[Schema | None, Read]:
    texts = HeaderTexts()

    def read(batch: Batch) -> Column:
        rows = [texts.of(batch.topic, headers) for headers in batch.headers]
        if not all(rows):
            raise DataError(
                f"topic {batch.topic}: Headers cannot be null or empty for SinkRecord: with"
                " store.kafka.headers=true each record needs one"
            )
        return rows

    return HEADERS_SCHEMA, read


class HeaderTexts:
    """Headers as lists of key and text (source: HeaderRecordView)."""

    def __init__(self) -> None:
        """Take the converter that makes texts."""
        self._convert = header_converter().from_connect_header

    def of(self, topic: str, headers: Headers) -> list[dict[str, str | None]]:
        """Return a dict a header; raises DataError when a value makes no text."""
        made = []
        for header in headers:
            data = self._convert(topic, header.key, header.schema, header.value)
            made.append({"key": header.key, "value": None if data is None else data.decode()})
        return made


def _in_struct(name: str, inner: PartReader) -> PartReader:
    def wrapped(schemas: Schemas) -> tuple[Schema | None, Read]:
        schema, read = inner(schemas)
        if schema is None:
            return None, lambda batch: Structs({name: read(batch)}, len(batch))
        struct = Schema.struct({name: schema})
        return struct, lambda batch: Structs({name: read(batch)}, len(batch))

    return wrapped


def _enveloped(schemas: Schemas) -> tuple[Schema | None, Read]:
    """Everything of a record; without a schema where its value or key has none."""
    texts = HeaderTexts()
    fields: dict[str, Schema] = {
        "headers": HEADERS_SCHEMA,
        "topic": Schema.STRING,
        "partition": Schema.INT32,
        "offset": Schema.INT64,
        "timestamp": Schema.OPTIONAL_INT64,
    }
    schema: Schema | None = None
    if schemas.value is not None:
        keys = Schema.OPTIONAL_STRING if schemas.key is None else schemas.key
        schema = Schema.struct(
            {"key": keys.as_optional(), "value": schemas.value.as_optional(), **fields},
            name="io.penstock.s3.Envelope",
        )

    def read(batch: Batch) -> Column:
        origin = batch.origin
        if not isinstance(origin, SinkOrigin):
            raise TypeError("a sink is given batches of a sink")
        count = len(batch)
        columns: dict[str, Sequence[Any]] = {
            "key": batch.keys,
            "value": batch.values,
            "headers": [texts.of(batch.topic, one) for one in batch.headers],
            "topic": Repeat(batch.topic, count),
            "partition": Repeat(origin.partition, count),
            "offset": pick(origin.offsets, batch.rows),
            "timestamp": batch.timestamps,
        }
        return Structs(columns, count)

    return schema, read
