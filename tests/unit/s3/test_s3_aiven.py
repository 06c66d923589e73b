"""Aiven's S3 sink: its keys, names and files."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Sequence

import fastavro
import pyarrow.parquet as pq
import pytest
from tests.unit.s3.s3_batches import orders, sink_batch

from penstock.config import ConfigSpec
from penstock.data import Batch, Headers, Schema
from penstock.errors import DataError
from penstock_s3._aiven import aiven_layout
from penstock_s3._aiven_config import AivenS3SinkConfig, checked_aiven, core_of
from penstock_s3._border import Cut, Write
from penstock_s3._layout import Layout

TEXT = Schema.STRING


def config(**keys: str) -> AivenS3SinkConfig:
    raw = {"aws.s3.bucket.name": "bucket"}
    raw |= {name.replace("_", "."): value for name, value in keys.items()}
    return ConfigSpec.of(AivenS3SinkConfig).parse(raw)


def files(layout: Layout, *batches: Batch, now_ms: int = 0) -> dict[str, bytes]:
    """Write all rows, then commit, as the task does it; return the objects by key."""
    span = layout.span()
    done: dict[str, bytes] = {}
    opened: dict[object, tuple[str, object, list[bytes]]] = {}

    def complete() -> None:
        for name, encoder, parts in opened.values():
            done[name] = b"".join([*parts, *encoder.finish()])  # type: ignore[attr-defined]
        opened.clear()

    for batch in batches:
        for step in span.plan([layout.lot(batch, now_ms)], now_ms):
            if isinstance(step, Cut):
                complete()
                continue
            write(layout, opened, step)
    assert span.end() is not None
    complete()
    return done


def write(layout: Layout, opened: dict, step: Write) -> None:
    file = (step.path, step.schemas)
    if file not in opened:
        name = layout.object_key("value", step.batch.topic, 0, step.path, step.offset)
        opened[file] = (name, layout.formats["value"].open(name, step.schemas), [])
    opened[file][1].write(step.batch)
    opened[file][2].extend(opened[file][1].take())


def texts(values: Sequence[str], **parts: object) -> Batch:
    return sink_batch(values, TEXT, **parts)  # type: ignore[arg-type]


def test_the_defaults_are_csv_of_base64_in_gzip() -> None:
    made = files(aiven_layout(config()), texts(["a", "b"], first=7))
    assert list(made) == ["orders-0-7.gz"]
    lines = gzip.decompress(made["orders-0-7.gz"]).split()
    assert [base64.b64decode(line) for line in lines] == [b"a", b"b"]


ALL = "key,value,offset,timestamp,headers"
EVERYTHING = {
    "keys": ["k"],
    "key_schema": TEXT,
    "headers": [Headers().add("h", "x")],
    "times": [1_767_323_045_000],
    "first": 5,
}


def test_csv_of_all_fields() -> None:
    layout = aiven_layout(config(format_output_fields=ALL, file_compression_type="none"))
    (data,) = files(layout, texts(["v"], **EVERYTHING)).values()
    assert data == b"aw==,dg==,5,2026-01-02T03:04:05Z,aA==:eA==\n"


def test_csv_of_plain_values() -> None:
    plain = config(file_compression_type="none", format_output_fields_value_encoding="none")
    (data,) = files(aiven_layout(plain), texts(["v", "w"])).values()
    assert data == b"v\nw\n"
    with pytest.raises(DataError, match="Record value schema type must be BYTES or STRING"):
        files(aiven_layout(plain), sink_batch([1], Schema.INT32))


def test_json_and_jsonl() -> None:
    common = {"format_output_fields": ALL, "file_compression_type": "none"}
    row = {
        "key": "k",
        "value": "v",
        "offset": 5,
        "timestamp": "2026-01-02T03:04:05Z",
        "headers": {"h": "x"},
    }
    layout = aiven_layout(config(format_output_type="jsonl", **common))
    (data,) = files(layout, texts(["v"], **EVERYTHING)).values()
    assert json.loads(data) == row
    layout = aiven_layout(config(format_output_type="json", **common))
    second = texts(["w"], **{**EVERYTHING, "first": 6})
    (data,) = files(layout, texts(["v"], **EVERYTHING), second).values()
    assert json.loads(data) == [row, {**row, "value": "w", "offset": 6}]


def test_values_without_an_envelope() -> None:
    keys = {"file_compression_type": "none", "format_output_envelope": "false"}
    layout = aiven_layout(config(format_output_type="jsonl", **keys))
    (data,) = files(layout, orders(2)).values()
    assert [json.loads(line)["id"] for line in data.splitlines()] == [0, 1]
    layout = aiven_layout(config(format_output_type="parquet", **keys))
    (data,) = files(layout, orders(2)).values()
    assert pq.read_table(io.BytesIO(data)).column("id").to_pylist() == [0, 1]


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy"])
def test_avro_and_parquet_of_all_fields(compression: str) -> None:
    row = {
        "key": "k",
        "value": {"id": 5, "country": None, "amount": 1.25, "paid": False},
        "offset": 5,
        "timestamp": 1_767_323_045_000,
        "headers": {"h": "x"},
    }
    keys = {"format_output_fields": ALL, "file_compression_type": compression}
    batch = orders(1, **EVERYTHING)
    (data,) = files(aiven_layout(config(format_output_type="avro", **keys)), batch).values()
    assert list(fastavro.reader(io.BytesIO(data))) == [row]
    (data,) = files(aiven_layout(config(format_output_type="parquet", **keys)), batch).values()
    assert pq.read_table(io.BytesIO(data)).to_pylist() == [{**row, "headers": [("h", "x")]}]


def test_files_of_a_number_of_records() -> None:
    keys = {"file_max_records": "2", "file_compression_type": "none"}
    made = files(aiven_layout(config(**keys)), texts(["a", "b", "c"]))
    assert list(made) == ["orders-0-0", "orders-0-2"]


def test_names_by_time_and_by_prefix() -> None:
    template = "{{topic}}/{{timestamp:unit=yyyy}}/{{partition:padding=true}}-{{start_offset}}.csv"
    keys = {"file_name_timestamp_source": "event", "file_name_template": template}
    made = files(aiven_layout(config(**keys)), texts(["a", "b"], times=[0, 1_767_323_045_000]))
    assert sorted(made) == ["orders/1970/0000000000-0.csv", "orders/2026/0000000000-1.csv"]
    made = files(aiven_layout(config(aws_s3_prefix="in/")), texts(["a"], first=3))
    assert list(made) == ["in/orders-0-00000000000000000003.gz"]


def test_files_by_key_hold_the_latest_record() -> None:
    keys = {"file_name_template": "{{key}}", "file_compression_type": "none"}
    layout = aiven_layout(config(**keys, format_output_fields_value_encoding="none"))
    assert not layout.names.has_offset
    batch = texts(["1", "2", "3"], keys=["a", "b", "a"], key_schema=TEXT)
    assert files(layout, batch, texts(["4"], keys=[None], first=3)) == {
        "a": b"3\n",
        "b": b"2\n",
        "null": b"4\n",
    }


def test_the_core_is_told_what_the_client_needs() -> None:
    given = config(
        aws_access_key_id="AK",
        aws_secret_access_key="secret",  # noqa: S106 - no secret
        aws_s3_region="eu-west-1",
        aws_s3_endpoint="http://localhost:1",
        aws_s3_part_size_bytes="6291456",
        aws_s3_backoff_max_retries="7",
    )
    core = core_of(given)
    assert (core.s3_bucket_name, core.s3_region) == ("bucket", "eu-west-1")
    assert (core.store_url, core.s3_part_size) == ("http://localhost:1", 6291456)
    assert core.s3_part_retries == 7
    assert core.aws_secret_access_key is not None
    assert core.aws_secret_access_key.value == "secret"


PROBLEMS = [
    ({}, "aws.s3.bucket.name", "missing"),
    ({"aws_s3_bucket_name": "UPPER"}, "aws.s3.bucket.name", "lower case"),
    (
        {"aws_s3_bucket_name": "abc", "file_name_template": "{{topic}}"},
        "file.name.template",
        "supported sets are",
    ),
    (
        {
            "aws_s3_bucket_name": "abc",
            "format_output_fields": "key,value",
            "format_output_envelope": "false",
        },
        "format.output.envelope",
        "an envelope is needed",
    ),
    (
        {"aws_s3_bucket_name": "abc", "file_name_template": "{{key}}", "file_max_records": "2"},
        "file.max.records",
        "must be 1",
    ),
    (
        {"aws_s3_bucket_name": "abc", "format_output_fields": "value,nope"},
        "format.output.fields",
        "no field 'nope'",
    ),
]


@pytest.mark.parametrize(("keys", "name", "text"), PROBLEMS)
def test_what_is_wrong(keys: dict[str, str], name: str, text: str) -> None:
    raw = {key.replace("_", "."): value for key, value in keys.items()}
    found = {value.name: value.errors for value in checked_aiven(raw) if value.errors}
    assert text in "".join(found[name])


def test_the_old_name_of_the_bucket_is_enough() -> None:
    raw = {"aws_s3_bucket": "bucket"}
    assert [value for value in checked_aiven(raw) if value.errors] == []
    assert core_of(ConfigSpec.of(AivenS3SinkConfig).parse(raw)).s3_bucket_name == "bucket"
