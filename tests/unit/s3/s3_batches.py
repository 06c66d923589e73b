"""Batches as a sink is given them, for the tests of the S3 sink."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.data import Batch, Column, Headers, Repeat, Schema, SinkOrigin, Structs

ORDER = Schema.struct(
    {
        "id": Schema.INT32,
        "country": Schema.OPTIONAL_STRING,
        "amount": Schema.FLOAT64,
        "paid": Schema.BOOLEAN,
    },
    name="com.example.Order",
    version=1,
)


def sink_batch(
    values: Column,
    schema: Schema | None = None,
    *,
    first: int = 0,
    offsets: Sequence[int] | None = None,
    keys: Column | None = None,
    key_schema: Schema | None = None,
    headers: Sequence[Headers] | None = None,
    times: Sequence[int | None] | None = None,
    topic: str = "orders",
    partition: int = 0,
) -> Batch:
    count = len(values)
    offsets = range(first, first + count) if offsets is None else offsets
    return Batch(
        topic=topic,
        values=values,
        value_schema=schema,
        keys=Repeat(None, count) if keys is None else keys,
        key_schema=key_schema,
        partitions=Repeat(partition, count),
        timestamps=list(range(count)) if times is None else times,
        headers=Repeat(Headers.EMPTY, count) if headers is None else headers,
        rows=range(count),
        origin=SinkOrigin(topic=topic, partition=partition, offsets=offsets),
    )


def orders(count: int, *, first: int = 0, **parts: Any) -> Batch:
    ids = range(first, first + count)
    columns = {
        "id": list(ids),
        "country": [("ch", "de", None)[i % 3] for i in ids],
        "amount": [i / 4 for i in ids],
        "paid": [i % 2 == 0 for i in ids],
    }
    return sink_batch(Structs(columns, count), ORDER, first=first, **parts)
