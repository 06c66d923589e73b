"""From records to objects, all that decides at once: every record in its object, exactly once."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import fastavro
import pyarrow.parquet as pq
import pytest
from tests.unit.s3.s3_batches import ORDER, orders, sink_batch

from penstock.config import ConfigSpec
from penstock.data import Batch, Headers, Schema
from penstock_s3._border import Cut, Encoder, Part
from penstock_s3._config import S3SinkConfig
from penstock_s3._layout import Layout, layout_of


def layout(**keys: str) -> Layout:
    raw = {"s3.bucket.name": "b", "flush.size": "50"}
    raw |= {name.replace("_", "."): value for name, value in keys.items()}
    return layout_of(ConfigSpec.of(S3SinkConfig).parse(raw), raw)


def objects(made: Layout, batches: Iterable[Batch]) -> dict[str, bytes]:
    """Do what a task does with the steps; return the completed objects by key."""
    span = made.span()
    opened: dict[Any, tuple[int, dict[Part, Encoder], dict[Part, list[bytes]]]] = {}
    done: dict[str, bytes] = {}
    for batch in batches:
        for step in span.plan([made.lot(batch, 0)], 0):
            if isinstance(step, Cut):
                done |= completed(made, opened)
                opened.clear()
                continue
            file = (step.path, step.schemas)
            if file not in opened:
                encoders = {
                    part: made.formats[part].open(
                        made.object_key(part, batch.topic, 0, step.path, step.offset), step.schemas
                    )
                    for part in step.parts
                }
                opened[file] = (step.offset, encoders, {part: [] for part in step.parts})
            _, encoders, parts = opened[file]
            for part, encoder in encoders.items():
                encoder.write(step.batch)
                parts[part] += encoder.take()
    return done


def completed(made: Layout, opened: dict[Any, Any]) -> dict[str, bytes]:
    found = {}
    for (path, _), (offset, encoders, parts) in opened.items():
        for part, encoder in encoders.items():
            key = made.object_key(part, "orders", 0, path, offset)
            assert key not in found
            found[key] = b"".join([*parts[part], *encoder.finish()])
    return found


def ids(key: str, data: bytes) -> list[int]:
    if ".json" in key:
        return [json.loads(line)["id"] for line in data.splitlines()]
    if key.endswith(".avro"):
        return [row["id"] for row in fastavro.reader(io.BytesIO(data))]
    return pq.read_table(io.BytesIO(data)).column("id").to_pylist()


TIMED = {
    "partitioner_class": "io.confluent.connect.storage.partitioner.HourlyPartitioner",
    "locale": "en-US",
    "timezone": "Europe/Berlin",
    "timestamp_extractor": "Record",
}
CASES = [
    {"format_class": "json"},
    {"format_class": "avro", "partitioner_class": "field", "partition_field_name": "country"},
    {"format_class": "parquet", **TIMED, "rotate_interval_ms": "600000"},
    {"format_class": "json", "flush_size_bytes": "700"},
    {"format_class": "json", "partitioner_class": "field", "partition_field_name": "id"}
    | {"partitioner_max_open_files": "4"},
]


@pytest.mark.parametrize("keys", CASES)
def test_every_record_is_in_one_object_of_its_path(keys: dict[str, str]) -> None:
    made = layout(**keys)
    batches = [
        orders(size, first=at, times=[60_000 * i for i in range(at, at + size)])
        for at, size in ((0, 7), (7, 93), (100, 100))
    ]
    found = objects(made, batches)
    written = Counter(one for key, data in found.items() for one in ids(key, data))
    assert set(written.values()) == {1}
    assert sorted(written) == list(range(len(written)))
    assert len(written) >= 150
    for key, data in found.items():
        assert int(key.rpartition("+")[2].partition(".")[0]) == ids(key, data)[0]
        if "country=" in key:
            assert {str(one % 3) for one in ids(key, data)} == {
                {"country=ch": "0", "country=de": "1", "country=null": "2"}[key.split("/")[2]]
            }


def test_values_keys_and_headers_are_in_line_and_tombstones_are_keys_alone() -> None:
    made = layout(
        store_kafka_keys="true",
        store_kafka_headers="true",
        keys_format_class="json",
        headers_format_class="json",
        behavior_on_null_values="write",
        flush_size="5",
    )
    rows = [None if one["id"] == 2 else dict(one) for one in orders(5).values]
    batch = sink_batch(
        rows,
        ORDER.as_optional(),
        keys=[f"k{i}" for i in range(5)],
        key_schema=Schema.STRING,
        headers=[Headers().add("n", i) for i in range(5)],
    )
    found = {key.removeprefix("topics/orders/"): one for key, one in objects(made, [batch]).items()}
    start = "partition=0/orders+0+0000000000"
    assert sorted(found) == [
        f"{start}.headers.json",
        f"{start}.json",
        f"{start}.keys.json",
        "tombstone/orders+0+0000000002.keys.json",
    ]
    assert [json.loads(line)["id"] for line in found[f"{start}.json"].splitlines()] == [0, 1, 3, 4]
    assert found[f"{start}.keys.json"] == b'"k0"\n"k1"\n"k3"\n"k4"\n'
    assert found["tombstone/orders+0+0000000002.keys.json"] == b'"k2"\n'
    headers = [json.loads(line)[0]["value"] for line in found[f"{start}.headers.json"].split()]
    assert headers == ["0", "1", "3", "4"]
