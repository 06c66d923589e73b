"""The configuration of Aiven's S3 sink: its keys, and what they are in ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from penstock.config import ConfigSpec, ConfigValue, Long, Password, config, key
from penstock.errors import DataError
from penstock_s3._config import S3SinkConfig
from penstock_s3._config_s3 import PART_BYTES_MIN
from penstock_s3._template import Template
from penstock_s3._zones import is_zone

__all__ = ["OUTPUT_FIELDS", "AivenS3SinkConfig", "checked_aiven", "core_of"]

OUTPUT_FIELDS: Final = ("key", "value", "offset", "timestamp", "headers")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_DAY_MS: Final = 86_400_000
_GROUPS: Final = (
    {"topic", "partition", "start_offset"},
    {"topic", "partition", "start_offset", "timestamp"},
    {"key"},
    {"key", "topic", "partition"},
)


def _bucket(_name: str, value: Any) -> str | None:
    if not value or _BUCKET.fullmatch(value):
        return None
    return "a bucket's name has 3 to 63 lower case letters, digits, dots and hyphens"


def _template(_name: str, value: Any) -> str | None:
    if not value:
        return None
    try:
        variables = Template.of(value).variables
    except DataError as problem:
        return str(problem)
    if variables in _GROUPS:
        return None
    offered = "; ".join(", ".join(sorted(group)) for group in _GROUPS)
    return f"unsupported set of template variables, supported sets are: {offered}"


def _fields(_name: str, value: list[str]) -> str | None:
    unknown = [one for one in value if one not in OUTPUT_FIELDS]
    return f"no field '{unknown[0]}'; known: {', '.join(OUTPUT_FIELDS)}" if unknown else None


def _zone(_name: str, value: str) -> str | None:
    return None if is_zone(value) else "no time zone of that name; give one such as Z or +01:00"


@config
class AivenS3SinkConfig:
    """Keys of Aiven's S3 sink, with its defaults (source: S3SinkConfig of Aiven)."""

    aws_access_key_id: Password | None = key(default=None, doc="A static access key.")
    aws_secret_access_key: Password | None = key(
        default=None, doc="The secret of the static access key."
    )
    aws_s3_bucket_name: str | None = key(
        default=None, doc="The bucket to write to.", importance="high", validator=_bucket
    )
    aws_s3_bucket: str | None = key(
        "aws_s3_bucket",
        default=None,
        doc="The old name of aws.s3.bucket.name.",
        importance="low",
        validator=_bucket,
    )
    aws_s3_region: str | None = key(default=None, doc="The region; us-east-1 if left out.")
    aws_s3_endpoint: str | None = key(default=None, doc="The address of another S3 server.")
    aws_s3_prefix: str | None = key(
        default=None,
        doc="What names begin with. Names are prefix, topic, partition and padded offset then.",
    )
    aws_s3_sse_algorithm: str | None = key(default=None, doc="Encryption at the server.")
    aws_s3_part_size_bytes: int = key(
        default=5242880, min=PART_BYTES_MIN, doc="Bytes of one part of an upload."
    )
    aws_sts_role_arn: str | None = key(default=None, doc="The role to assume.")
    aws_sts_role_external_id: Password | None = key(
        default=None, doc="The external id that the role's owner asks for."
    )
    aws_sts_role_session_name: str | None = key(
        default=None, doc="The session name of the assumed role."
    )
    aws_sts_role_session_duration: int = key(
        default=3600,
        min=900,
        max=43200,
        doc="Accepted; a role is assumed for the hour that the token service gives, then anew.",
    )
    aws_s3_backoff_delay_ms: Long = key(
        default=100, min=0, doc="The first wait before a request is tried again (ms)."
    )
    aws_s3_backoff_max_delay_ms: Long = key(
        default=20000,
        min=0,
        doc="Accepted; the longest wait before a request is tried again is 20 s.",
    )
    aws_s3_backoff_max_retries: int = key(
        default=3, min=1, max=30, doc="How often a request is tried again."
    )
    kafka_retry_backoff_ms: Long | None = key(
        default=None, min=0, max=_DAY_MS, doc="Wait before rows are given again (ms)."
    )
    file_name_template: str | None = key(
        default=None,
        doc="Names of files, with {{topic}}, {{partition}}, {{start_offset}}, {{timestamp:unit=..}}"
        " or {{key}}; {{topic}}-{{partition}}-{{start_offset}} and the compression's extension if"
        " left out.",
        validator=_template,
    )
    file_compression_type: Literal["none", "gzip", "snappy", "zstd"] = key(
        default="gzip", any_case=True, doc="The compression of files."
    )
    file_max_records: int = key(
        default=0, min=0, doc="The most records of a file; 0 is any number."
    )
    file_name_timestamp_timezone: str = key(
        default="Z", doc="The time zone of {{timestamp}}.", validator=_zone
    )
    file_name_timestamp_source: Literal["wallclock", "event"] = key(
        default="wallclock",
        any_case=True,
        doc="What {{timestamp}} is: the wall clock or the record's.",
    )
    format_output_type: Literal["avro", "csv", "json", "jsonl", "parquet"] = key(
        default="csv", any_case=True, doc="The format of files."
    )
    format_output_fields: list[str] = key(
        default=["value"], doc="What of a record is written.", validator=_fields, non_empty=True
    )
    format_output_fields_value_encoding: Literal["none", "base64"] = key(
        default="base64", any_case=True, doc="How CSV has values."
    )
    format_output_envelope: bool = key(
        default=True, doc="Write fields in an object; false, of one field only, writes it bare."
    )


def checked_aiven(raw: Mapping[str, str | None]) -> list[ConfigValue]:
    """Return every key checked, by itself and against the others; never raises."""
    values = ConfigSpec.of(AivenS3SinkConfig).check(raw)
    by_name = {value.name: value for value in values}
    given = {value.name: value.parsed for value in values if not value.errors}

    def add(name: str, problem: str) -> None:
        if not by_name[name].errors:
            shown = by_name[name].parsed
            by_name[name].errors.append(
                f"Invalid value {shown} for configuration {name}: {problem}"
            )

    if not given.get("aws.s3.bucket.name", "") and not given.get("aws_s3_bucket", ""):
        add("aws.s3.bucket.name", "the bucket to write to is missing")
    if (
        not given.get("format.output.envelope", True)
        and len(given.get("format.output.fields", [])) > 1
    ):
        add("format.output.envelope", "with several format.output.fields an envelope is needed")
    template = given.get("file.name.template") or ""
    if given.get("file.max.records", 0) > 1 and "key" in Template.of(template).variables:
        add("file.max.records", "with {{key}} in file.name.template it must be 1, or left out")
    if bool(given.get("aws.access.key.id")) != bool(given.get("aws.secret.access.key")):
        add("aws.secret.access.key", "static credentials need both the access key and its secret")
    if given.get("aws.sts.role.arn") and not given.get("aws.sts.role.session.name"):
        add("aws.sts.role.session.name", "an assumed role needs a session name")
    return values


def core_of(given: AivenS3SinkConfig) -> S3SinkConfig:
    """Return what the client is to know, in our keys."""
    raw: dict[str, str] = {
        "s3.bucket.name": given.aws_s3_bucket_name or given.aws_s3_bucket or "",
        "s3.region": given.aws_s3_region or "us-east-1",
        "s3.part.size": str(given.aws_s3_part_size_bytes),
        "s3.retry.backoff.ms": str(given.aws_s3_backoff_delay_ms),
        "s3.part.retries": str(given.aws_s3_backoff_max_retries),
        "flush.size": "1",
        "topics.dir": "",
    }
    if given.aws_s3_endpoint:
        raw["store.url"] = given.aws_s3_endpoint
    if given.aws_s3_sse_algorithm:
        raw["s3.ssea.name"] = given.aws_s3_sse_algorithm
    if given.kafka_retry_backoff_ms is not None:
        raw["retry.backoff.ms"] = str(given.kafka_retry_backoff_ms)
    if given.aws_access_key_id is not None and given.aws_secret_access_key is not None:
        raw["aws.access.key.id"] = given.aws_access_key_id.value
        raw["aws.secret.access.key"] = given.aws_secret_access_key.value
    if given.aws_sts_role_arn:
        start = "s3.credentials.provider."
        raw[start + "class"] = "io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider"
        raw[start + "sts.role.arn"] = given.aws_sts_role_arn
        raw[start + "sts.role.session.name"] = given.aws_sts_role_session_name or ""
        if given.aws_sts_role_external_id is not None:
            raw[start + "sts.role.external.id"] = given.aws_sts_role_external_id.value
    return ConfigSpec.of(S3SinkConfig).parse(raw, who="Aiven's S3 sink")
