"""How many records a second the S3 sink's encoders take, without a server: ``python -m`` this.

Batches are as a sink is given them: 1,000 rows, values as structs by column, as dicts without a
schema, or as dicts with one. Planning, paths and cuts are part of it. A few seconds in all.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from penstock.config import ConfigSpec
from penstock.data import Batch, Headers, Repeat, Schema, SinkOrigin, Structs
from penstock_s3._border import Cut
from penstock_s3._config import S3SinkConfig
from penstock_s3._layout import layout_of

ROWS = 1_000
SECONDS = 1.0
ORDER = Schema.struct(
    {
        "id": Schema.INT64,
        "country": Schema.STRING,
        "amount": Schema.FLOAT64,
        "paid": Schema.BOOLEAN,
        "comment": Schema.OPTIONAL_STRING,
    },
    name="Order",
)
Make = Callable[[int], Batch]


def columns(first: int) -> Structs:
    ids = range(first, first + ROWS)
    made = {
        "id": list(ids),
        "country": [("ch", "de", "fr")[i % 3] for i in ids],
        "amount": [i / 4 for i in ids],
        "paid": [i % 2 == 0 for i in ids],
        "comment": [f"order number {i} of many" for i in ids],
    }
    return Structs(made, ROWS)


def batch(values: object, schema: Schema | None, first: int) -> Batch:
    return Batch(
        topic="orders",
        values=values,  # type: ignore[arg-type]
        value_schema=schema,
        keys=Repeat(None, ROWS),
        key_schema=None,
        partitions=Repeat(0, ROWS),
        timestamps=range(first, first + ROWS),
        headers=Repeat(Headers.EMPTY, ROWS),
        rows=range(ROWS),
        origin=SinkOrigin(topic="orders", partition=0, offsets=range(first, first + ROWS)),
    )


def dicts(first: int) -> list[dict[str, object]]:
    return [dict(row) for row in columns(first)]


CASES: dict[str, tuple[Make, dict[str, str]]] = {
    "JSON, structs by column": (lambda i: batch(columns(i), ORDER, i), {}),
    "JSON, dicts with schema": (lambda i: batch(dicts(i), ORDER, i), {}),
    "JSON, dicts without schema": (lambda i: batch(dicts(i), None, i), {}),
    "JSON in gzip, dicts without schema": (
        lambda i: batch(dicts(i), None, i),
        {"s3.compression.type": "gzip"},
    ),
    "JSON by field": (
        lambda i: batch(dicts(i), None, i),
        {"partitioner.class": "field", "partition.field.name": "country"},
    ),
    "JSON by hour of the record": (
        lambda i: batch(dicts(i), None, i),
        {
            "partitioner.class": "hourly",
            "locale": "en",
            "timezone": "Europe/Berlin",
            "timestamp.extractor": "Record",
            "rotate.interval.ms": "3600000",
        },
    ),
    "Parquet, structs by column": (
        lambda i: batch(columns(i), ORDER, i),
        {"format.class": "parquet"},
    ),
    "Parquet, dicts with schema": (
        lambda i: batch(dicts(i), ORDER, i),
        {"format.class": "parquet"},
    ),
    "Avro, dicts with schema": (lambda i: batch(dicts(i), ORDER, i), {"format.class": "avro"}),
    "CSV, structs by column": (lambda i: batch(columns(i), ORDER, i), {"format.class": "csv"}),
}


def measured(make: Make, keys: dict[str, str]) -> tuple[float, float]:
    """Return records a second, and bytes a record."""
    raw = {"s3.bucket.name": "b", "flush.size": "100000", **keys}
    layout = layout_of(ConfigSpec.of(S3SinkConfig).parse(raw), raw)
    batches = [make(at * ROWS) for at in range(100)]
    span, rows, size = layout.span(), 0, 0
    opened: dict[object, object] = {}
    start = time.process_time()
    while time.process_time() - start < SECONDS:
        for one in batches:
            for step in span.plan([layout.lot(one, 0)], 0):
                if isinstance(step, Cut):
                    for encoder in opened.values():
                        size += sum(map(len, encoder.finish()))  # type: ignore[attr-defined]
                    opened.clear()
                    continue
                file = (step.path, step.schemas)
                if file not in opened:
                    opened[file] = layout.formats["value"].open("x", step.schemas)
                encoder = opened[file]
                encoder.write(step.batch)  # type: ignore[attr-defined]
                size += sum(map(len, encoder.take()))  # type: ignore[attr-defined]
        rows += ROWS * len(batches)
    return rows / (time.process_time() - start), size / rows


def main() -> None:
    for name, (make, keys) in CASES.items():
        speed, size = measured(make, keys)
        print(f"{name:36} {speed:12,.0f} records/s of CPU  {size:6.1f} bytes/record")


if __name__ == "__main__":
    main()
