"""The configuration of the S3 sink: keys, defaults, and what is wrong between keys."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from penstock.config import ConfigSpec, KeySpec, to_text
from penstock_s3._aiven_config import AivenS3SinkConfig
from penstock_s3._config import S3SinkConfig, checked

FOUR = {"s3.bucket.name": "b", "flush.size": "3"}
README = Path(__file__).parents[3] / "plugins/s3/README.md"
SOURCE = README.parent / "src"


def problems(**keys: str) -> dict[str, list[str]]:
    raw = {**FOUR, **{name.replace("_", "."): value for name, value in keys.items()}}
    return {value.name: value.errors for value in checked(raw) if value.errors}


def test_four_keys_are_enough() -> None:
    assert problems() == {}


def test_what_is_required_is_told() -> None:
    missing = {value.name for value in checked({}) if value.errors}
    assert missing == {"s3.bucket.name", "flush.size"}


CONFLUENT = {
    "s3.region": "us-west-2",
    "s3.part.size": 26214400,
    "rotate.interval.ms": -1,
    "rotate.schedule.interval.ms": -1,
    "schema.compatibility": "NONE",
    "partitioner.class": "io.confluent.connect.storage.partitioner.DefaultPartitioner",
    "topics.dir": "topics",
    "directory.delim": "/",
    "file.delim": "+",
    "filename.offset.zero.pad.width": 10,
    "avro.codec": "null",
    "parquet.codec": "snappy",
    "s3.compression.type": "none",
    "behavior.on.null.values": "fail",
    "keys.format.class": "io.confluent.connect.s3.format.avro.AvroFormat",
    "timestamp.extractor": "Wallclock",
    "timestamp.field": "timestamp",
    "s3.part.retries": 3,
    "s3.retry.backoff.ms": 200,
    "s3.path.style.access.enabled": True,
    "enable.conditional.writes": True,
    "tombstone.encoded.partition": "tombstone",
    "report.null.values.to.dlq": True,
    "json.decimal.format": "BASE64",
    "format.bytearray.extension": ".bin",
}


def test_defaults_are_those_of_the_original() -> None:
    config = {value.name: value.parsed for value in checked(FOUR)}
    assert {name: config[name] for name in CONFLUENT} == CONFLUENT


def test_a_configuration_of_the_original_is_taken_as_it_is() -> None:
    partitioner = "io.confluent.connect.storage.partitioner.TimeBasedPartitioner"
    assert (
        problems(
            storage_class="io.confluent.connect.s3.storage.S3Storage",
            format_class="io.confluent.connect.s3.format.parquet.ParquetFormat",
            partitioner_class=partitioner,
            path_format="'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH",
            partition_duration_ms="3600000",
            locale="en-US",
            timezone="UTC",
            timestamp_extractor="RecordField",
            timestamp_field="created_at",
            rotate_interval_ms="600000",
            schema_compatibility="BACKWARD",
            s3_compression_level="-1",
        )
        == {}
    )


TOGETHER = [
    ({"partitioner_class": "nonsense"}, "partitioner.class", "no partitioner of that name"),
    ({"partitioner_class": "field"}, "partition.field.name", "at least one field"),
    ({"partitioner_class": "daily"}, "timezone", "needs a timezone"),
    ({"partitioner_class": "daily"}, "locale", "needs a locale"),
    ({"partitioner_class": "time"}, "partition.duration.ms", "positive duration"),
    ({"partitioner_class": "time"}, "path.format", "needs a pattern"),
    ({"path_format": "bogus"}, "path.format", "Illegal pattern component: b"),
    ({"timezone": "Mars/Base"}, "timezone", "no time zone of that name"),
    ({"timestamp_extractor": "Guess"}, "timestamp.extractor", "none of Wallclock"),
    ({"rotate_schedule_interval_ms": "1"}, "timezone", "it needs a timezone"),
    ({"s3_compression_type": "gzip", "format_class": "avro"}, "s3.compression.type", "own key"),
    (
        {"s3_compression_type": "gzip", "store_kafka_keys": "true"},
        "s3.compression.type",
        "keys.format.class is",
    ),
    ({"behavior_on_null_values": "write"}, "behavior.on.null.values", "store.kafka.keys=true"),
    ({"store_envelope": "true", "store_kafka_keys": "true"}, "store.kafka.keys", "one of both"),
    ({"s3_sse_kms_key_id": "k"}, "s3.sse.kms.key.id", "aws:kms"),
    ({"s3_wan_mode": "true"}, "s3.wan.mode", "path.style.access.enabled=false"),
    ({"aws_access_key_id": "AK"}, "aws.secret.access.key", "needs? both|need both"),
    (
        {
            "s3_credentials_provider_class": (
                "io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider"
            )
        },
        "s3.credentials.provider.sts.role.arn",
        "needs it",
    ),
    ({"s3_credentials_provider_class": "com.x.Mine"}, "s3.credentials.provider.class", "Java"),
    ({"file_name_template": "{{topic}}"}, "file.name.template", "start_offset"),
    ({"file_name_template": "{{nope}}"}, "file.name.template", "no variable 'nope'"),
]


@pytest.mark.parametrize(("keys", "name", "text"), TOGETHER)
def test_what_is_wrong_between_keys(keys: dict[str, str], name: str, text: str) -> None:
    found = problems(**keys)
    assert re.search(text, "".join(found[name])), found


ALONE = [
    ({"s3_part_size": "1000"}, "s3.part.size"),
    ({"flush_size": "0"}, "flush.size"),
    ({"format_class": "com.x.Mine"}, "format.class"),
    ({"headers_format_class": "bytes"}, "headers.format.class"),
    ({"storage_class": "com.x.Mine"}, "storage.class"),
    ({"rotate_interval_ms": "0"}, "rotate.interval.ms"),
    ({"partition_field_name": "a..b"}, "partition.field.name"),
    ({"s3_compression_level": "10"}, "s3.compression.level"),
    ({"s3_acl_canned": "all"}, "s3.acl.canned"),
    ({"s3_object_tagging_key_value_pairs": "a:b,c"}, "s3.object.tagging.key.value.pairs"),
    ({"s3_sse_customer_key": "c2hvcnQ="}, "s3.sse.customer.key"),
]


@pytest.mark.parametrize(("keys", "name"), ALONE)
def test_what_is_wrong_with_one_key(keys: dict[str, str], name: str) -> None:
    assert list(problems(**keys)) == [name]


def test_all_problems_are_told_at_once() -> None:
    found = problems(partitioner_class="time", s3_wan_mode="true", aws_access_key_id="AK")
    assert set(found) == {
        "locale",
        "timezone",
        "partition.duration.ms",
        "path.format",
        "s3.wan.mode",
        "aws.secret.access.key",
    }


def test_a_secret_is_never_shown() -> None:
    found = problems(s3_sse_customer_key="c2VjcmV0LXNlY3JldA==")
    assert "c2VjcmV0" not in str(found)


def row(spec: KeySpec) -> str:
    default = "required" if spec.is_required else to_text(spec.type, spec.default)
    shown = default if default == "required" else f"`{default}`" if default else "-"
    return f"| `{spec.name}` | {shown} | {spec.doc} |"


@pytest.mark.parametrize(
    ("heading", "config"),
    [("## Keys", S3SinkConfig), ("## Aiven's keys", AivenS3SinkConfig)],
)
def test_the_readme_has_every_key_as_the_configuration_says(heading: str, config: type) -> None:
    table = README.read_text("utf-8").split(f"{heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert rows == [row(spec) for spec in ConfigSpec.of(config).keys]


@pytest.mark.parametrize("config", [S3SinkConfig, AivenS3SinkConfig])
def test_a_key_that_nothing_reads_says_accepted(config: type[attrs.AttrsInstance]) -> None:
    source = "\n".join(path.read_text("utf-8") for path in sorted(SOURCE.rglob("*.py")))
    fields = [field.name for field in attrs.fields(config)]
    specs = ConfigSpec.of(config).keys
    unread = {
        spec.name
        for field, spec in zip(fields, specs, strict=True)
        if not re.search(rf"\.{field}\b", source) and f'"{spec.name}"' not in source
    }
    assert unread == {spec.name for spec in specs if spec.doc.startswith("Accepted")}
