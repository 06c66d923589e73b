"""The configuration of the S3 sink: the keys of the original, and how they go together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.config import ConfigSpec, ConfigValue, config
from penstock.errors import ConfigError, DataError
from penstock_s3._config_files import FileKeys
from penstock_s3._joda import JodaPattern
from penstock_s3._names import EXTRACTORS, FORMATS, PARTITIONERS, known
from penstock_s3._plugins import partitioner_names
from penstock_s3._template import Template
from penstock_s3._zones import is_zone

__all__ = ["S3SinkConfig", "check_together", "checked"]

_COMPRESSIBLE: Final = frozenset({"json", "bytes", "csv"})
_ASSUME_ROLE: Final = "AwsAssumeRoleCredentialsProvider"
_TIMED: Final = frozenset({"time", "daily", "hourly"})

Values = Mapping[str, Any]
Found = Callable[[str, str], None]


@config
class S3SinkConfig(FileKeys):
    """Keys of the S3 sink (source: S3SinkConnectorConfig, StorageCommonConfig, PartitionerConfig).

    Four are enough for a new one: connector.class, topics, s3.bucket.name and flush.size.
    """


def checked(raw: Mapping[str, str | None]) -> list[ConfigValue]:
    """Return every key checked, by itself and against the others; never raises."""
    values = ConfigSpec.of(S3SinkConfig).check(raw)
    check_together(values)
    return values


def check_together(values: list[ConfigValue]) -> None:
    """Add what is wrong between keys to the errors of the key to change; all of it at once."""
    by_name = {value.name: value for value in values}
    parsed = {value.name: value.parsed for value in values if not value.errors}

    def add(name: str, problem: str) -> None:
        value = by_name[name]
        if not value.errors:
            shown = "" if value.parsed is None else value.parsed
            value.errors.append(f"Invalid value {shown} for configuration {name}: {problem}")

    for check in _CHECKS:
        check(_WithDefaults(parsed, by_name), add)


class _WithDefaults(dict[str, Any]):
    """Values by key; a key with an error of its own stands at its default."""

    def __init__(self, parsed: Values, by_name: Mapping[str, ConfigValue]) -> None:
        super().__init__(parsed)
        self._by_name = by_name

    def __missing__(self, name: str) -> Any:
        spec = self._by_name[name].spec
        return "" if spec.is_required else spec.default


def _partitioner(values: Values, add: Found) -> None:
    name = values["partitioner.class"]
    kind = known(PARTITIONERS, name)
    if kind is None:
        names = partitioner_names()
        if name not in names:
            offered = ", ".join([*PARTITIONERS, *names])
            add("partitioner.class", f"no partitioner of that name; known: {offered}")
        return
    if kind == "field" and not values["partition.field.name"]:
        add("partition.field.name", "the field partitioner needs at least one field")
    if kind in _TIMED:
        for one in ("locale", "timezone"):
            if not values[one]:
                add(one, f"a time-based partitioner needs a {one}")
    if kind == "time":
        if values["partition.duration.ms"] <= 0:
            add("partition.duration.ms", "the time-based partitioner needs a positive duration")
        if not values["path.format"]:
            add(
                "path.format", "the time-based partitioner needs a pattern, such as 'dt'=YYYY-MM-dd"
            )


def _times(values: Values, add: Found) -> None:
    zone = values["timezone"]
    if zone and not is_zone(zone):
        add("timezone", "no time zone of that name; give one such as UTC or Europe/Berlin")
    pattern = values["path.format"]
    if pattern:
        try:
            JodaPattern.of(pattern, values["locale"])
        except ConfigError as problem:
            add("path.format", str(problem))
    extractor = values["timestamp.extractor"]
    if known(EXTRACTORS, extractor) is None:
        add("timestamp.extractor", "it is none of Wallclock, Record, RecordField")
    elif known(EXTRACTORS, extractor) == "recordfield" and not values["timestamp.field"]:
        add("timestamp.field", "the RecordField extractor needs a field")
    if values["rotate.schedule.interval.ms"] > 0 and not zone:
        add("timezone", "rotate.schedule.interval.ms counts from midnight: it needs a timezone")


def _compression(values: Values, add: Found) -> None:
    kind = values["s3.compression.type"]
    if kind == "none":
        return
    wanted = [("format.class", True)]
    wanted.append(("keys.format.class", values["store.kafka.keys"]))
    wanted.append(("headers.format.class", values["store.kafka.headers"]))
    for name, is_used in wanted:
        chosen = known(FORMATS, values[name])
        if is_used and chosen not in _COMPRESSIBLE:
            add(
                "s3.compression.type",
                f"{name} is {values[name]}, which compresses by its own key; only JSON, bytes and"
                " CSV files are compressed as a whole",
            )


def _nulls(values: Values, add: Found) -> None:
    if values["behavior.on.null.values"] == "write" and not values["store.kafka.keys"]:
        add(
            "behavior.on.null.values",
            "of a null value only the key can be written: set store.kafka.keys=true",
        )
    if values["store.envelope"]:
        for name in ("store.kafka.keys", "store.kafka.headers"):
            if values[name]:
                add(name, "store.envelope has keys and headers beside the values; use one of both")
        if known(FORMATS, values["format.class"]) == "bytes":
            add("store.envelope", "bytes files hold no structs; use another format.class")


def _encryption(values: Values, add: Found) -> None:
    algorithm = values["s3.ssea.name"]
    if values["s3.sse.customer.key"] is not None and values["s3.sse.customer.key"].value:
        if algorithm != "AES256":
            add("s3.sse.customer.key", "a key of our own needs s3.ssea.name=AES256")
        if values["s3.sse.kms.key.id"]:
            add("s3.sse.kms.key.id", "it contradicts s3.sse.customer.key; use one of both")
    elif values["s3.sse.kms.key.id"] and not algorithm.startswith("aws:kms"):
        add("s3.sse.kms.key.id", "a key of KMS needs s3.ssea.name=aws:kms")


def _access(values: Values, add: Found) -> None:
    if values["s3.wan.mode"] and values["s3.path.style.access.enabled"]:
        add(
            "s3.wan.mode",
            "the accelerated address has the bucket in its host name: set"
            " s3.path.style.access.enabled=false",
        )
    has_id = bool(values["aws.access.key.id"])
    secret = values["aws.secret.access.key"]
    if has_id != bool(secret is not None and secret.value):
        missing = "aws.secret.access.key" if has_id else "aws.access.key.id"
        add(missing, "static credentials need both the access key and its secret")
    provider = values["s3.credentials.provider.class"]
    if provider and _ASSUME_ROLE in provider:
        for name in ("role.arn", "role.session.name"):
            key = f"s3.credentials.provider.sts.{name}"
            if not values[key]:
                add(key, "the assume-role provider needs it")
    elif provider and not provider.endswith("DefaultAWSCredentialsProviderChain"):
        add("s3.credentials.provider.class", "a Java class cannot be run; use the keys instead")


def _template(values: Values, add: Found) -> None:
    text = values["file.name.template"]
    if not text:
        return
    try:
        template = Template.of(text)
    except DataError as problem:
        add("file.name.template", str(problem))
        return
    missing = {"topic", "partition", "start_offset"} - template.variables
    if missing:
        add("file.name.template", f"two files could get one name: add {_braced(missing)}")


def _braced(names: set[str]) -> str:
    return ", ".join(f"{{{{{name}}}}}" for name in sorted(names))


_CHECKS: Final = (_partitioner, _times, _compression, _nulls, _encryption, _access, _template)
