"""Keys about files: their format, where they lie, what they are called and when they end."""

from __future__ import annotations

from typing import Any, Final, Literal

from penstock.config import ClassName, Long, config, key
from penstock_s3._config_s3 import S3Keys
from penstock_s3._names import FORMATS, known

__all__ = ["FileKeys"]

_AVRO: Final = "io.confluent.connect.s3.format.avro.AvroFormat"
_STORAGE: Final = "io.confluent.connect.s3.storage.S3Storage"
_PARTITIONER: Final = "io.confluent.connect.storage.partitioner.DefaultPartitioner"
PARQUET_CODECS: Final = ("none", "snappy", "gzip", "brotli", "lz4", "lz4_raw", "zstd")


def _format(_name: str, value: str) -> str | None:
    if known(FORMATS, value) is None:
        return f"no format of that name; known: {', '.join(FORMATS)}"
    return None


def _headers_format(name: str, value: str) -> str | None:
    found = known(FORMATS, value)
    if found in {"bytes", "csv"}:
        return "headers are written as Avro, JSON or Parquet"
    return _format(name, value)


def _storage(_name: str, value: Any) -> str | None:
    return None if value == _STORAGE else f"the only storage is {_STORAGE}"


def _positive_or_off(_name: str, value: int) -> str | None:
    return None if value == -1 or value > 0 else "give a positive number, or -1 for off"


def _segments(_name: str, value: list[str]) -> str | None:
    bad = [one for one in value if any(not part.strip() for part in one.split("."))]
    return f"'{bad[0]}' has an empty part; nested fields are written a.b.c" if bad else None


@config
class FileKeys(S3Keys):
    """Keys of the original about files, and a few of our own, which say so."""

    format_class: ClassName = key(
        default="io.confluent.connect.s3.format.json.JsonFormat",
        doc="The format of values: a class of the original, or json, avro, parquet, bytes, csv.",
        importance="high",
        validator=_format,
    )
    storage_class: ClassName = key(
        default=_STORAGE, doc="Accepted; only S3Storage.", importance="low", validator=_storage
    )
    flush_size: int = key(
        doc="Records of a topic partition after which its files are completed.",
        importance="high",
        min=1,
    )
    flush_size_bytes: Long = key(
        default=-1,
        validator=_positive_or_off,
        doc="Our own. The size of the values of a topic partition, as about their JSON without"
        " compression, after which its files are completed; -1 for off.",
    )
    flush_idle_ms: Long = key(
        default=-1,
        validator=_positive_or_off,
        doc="Our own. Complete the files of a topic partition that got no record for so long (ms),"
        " so that the last ones do not wait for others; -1 for off.",
    )
    rotate_interval_ms: Long = key(
        default=-1,
        validator=_positive_or_off,
        doc="Complete the files when a record's time is so far past that of the first (ms); needs a"
        " time-based partitioner; -1 for off.",
        importance="high",
    )
    rotate_schedule_interval_ms: Long = key(
        default=-1,
        validator=_positive_or_off,
        doc="Complete the files each time so much wall clock time has passed since midnight (ms);"
        " needs timezone; -1 for off.",
    )
    rotate_file_on_partition_change: bool = key(
        default=True,
        doc="With rotate.interval.ms: complete the files when a record belongs to another path.",
        importance="low",
    )
    partitioner_max_open_files: int = key(
        default=-1,
        validator=_positive_or_off,
        doc="The most open files of a topic partition; all are completed before one more is opened;"
        " -1 for any number.",
        importance="low",
    )
    schema_compatibility: Literal["NONE", "BACKWARD", "FORWARD", "FULL"] = key(
        default="NONE",
        any_case=True,
        doc="What to do when the schema of a record is not that of the open file: NONE completes"
        " the files; BACKWARD and FULL write older records with the file's schema and complete the"
        " files for newer ones; FORWARD the other way round. All but NONE need schema versions.",
        importance="high",
    )
    schema_rotate_min_records: int = key(
        default=100,
        min=0,
        doc="Our own. With fewer records than this in the open files, another schema gets a file"
        " beside them and they are not completed, so that records of mixed schemas do not become a"
        " file each; 0 completes them always, as the original does.",
        importance="low",
    )
    schemas_cache_size: int = key(
        default=1000, min=1, doc="Schemas remembered by what they became.", importance="low"
    )
    enhanced_avro_schema_support: bool = key(
        default=True,
        doc="Keep names of enums and packages in Avro schemas.",
        importance="low",
    )
    connect_meta_data: bool = key(
        default=True,
        doc="Keep what Connect knows of a schema (version, doc, parameters) in Avro schemas.",
        importance="low",
    )
    avro_codec: Literal["null", "deflate", "snappy", "bzip2", "zstandard"] = key(
        default="null", doc="The compression in Avro files; zstandard is our own.", importance="low"
    )
    parquet_codec: str = key(
        default="snappy",
        choices=PARQUET_CODECS,
        any_case=True,
        doc="The compression in Parquet files.",
        importance="low",
    )
    parquet_row_group_records: int = key(
        default=100_000,
        min=1000,
        doc="Our own. Records of one row group of a Parquet file.",
        importance="low",
    )
    allow_optional_map_keys: bool = key(
        default=False,
        doc="Write maps whose keys may be null to Avro and Parquet as lists of entries.",
        importance="low",
    )
    s3_compression_type: Literal["none", "gzip", "snappy", "zstd"] = key(
        "s3.compression.type",
        default="none",
        any_case=True,
        doc="The compression of JSON, bytes and CSV files; snappy and zstd are our own.",
        importance="low",
    )
    s3_compression_level: int = key(
        "s3.compression.level",
        default=-1,
        min=-1,
        max=9,
        doc="The level of that compression: 0 to 9, or -1 for its default.",
        importance="low",
    )
    json_decimal_format: Literal["BASE64", "NUMERIC"] = key(
        default="BASE64", any_case=True, doc="How JSON files hold decimals.", importance="low"
    )
    format_bytearray_extension: str = key(
        default=".bin", doc="What names of bytes files end with.", importance="low"
    )
    format_bytearray_separator: str | None = key(
        default=None,
        doc="What stands after each record of a bytes file, spaces included; a line break if left"
        " out.",
        importance="low",
    )
    store_kafka_keys: bool = key(default=False, doc="Write keys to files of their own.")
    store_kafka_headers: bool = key(default=False, doc="Write headers to files of their own.")
    keys_format_class: ClassName = key(
        default=_AVRO, doc="The format of files of keys.", importance="low", validator=_format
    )
    headers_format_class: ClassName = key(
        default=_AVRO,
        doc="The format of files of headers: Avro, JSON or Parquet.",
        importance="low",
        validator=_headers_format,
    )
    store_envelope: bool = key(
        default=False,
        doc="Our own. Write each record as one struct of key, value, headers, topic, partition,"
        " offset and timestamp.",
    )
    behavior_on_null_values: Literal["fail", "ignore", "write"] = key(
        "behavior.on.null.values",
        default="fail",
        any_case=True,
        doc="What to do with records whose value is null: fail, ignore, or write their keys, which"
        " needs store.kafka.keys.",
        importance="low",
    )
    report_null_values_to_dlq: bool = key(
        default=True,
        doc="Report ignored records to the dead letter queue if there is one.",
        importance="low",
    )
    tombstone_encoded_partition: str = key(
        default="tombstone", doc="The folder for the keys of null values.", importance="low"
    )
    topics_dir: str = key(
        default="topics", doc="The folder all others are in; empty is none.", importance="high"
    )
    directory_delim: str = key(default="/", doc="What stands between folders.")
    file_delim: str = key(default="+", doc="What stands between the parts of a file's name.")
    filename_offset_zero_pad_width: int = key(
        default=10, min=0, doc="Digits of the offset in a file's name.", importance="low"
    )
    file_name_template: str = key(
        default="",
        doc="Our own. The name of a file under topics.dir instead, with {{topic}}, {{partition}},"
        " {{start_offset}}, {{path}}, {{timestamp:unit=yyyy}}; partition and start_offset take"
        " :padding=true.",
        importance="low",
    )
    s3_schema_partition_affix_type: Literal["NONE", "PREFIX", "SUFFIX"] = key(
        default="NONE",
        any_case=True,
        doc="Put a folder schema_name=<name> before or after the path.",
        importance="low",
    )
    partitioner_class: ClassName = key(
        default=_PARTITIONER,
        doc="What gives a record its path: a class of the original, default, field, time, daily,"
        " hourly, or the name of an entry point of penstock_s3.partitioners.",
        importance="high",
    )
    partition_field_name: list[str] = key(
        default=[],
        doc="The fields whose values make the path; nested ones as a.b.",
        validator=_segments,
    )
    partition_duration_ms: Long = key(
        default=-1, doc="How much record time one path of the time partitioner spans (ms)."
    )
    path_format: str = key(default="", doc="The path of a time, as a pattern of Joda-Time.")
    locale: str = key(default="", doc="The language of names in the path, as en or de-CH.")
    timezone: str = key(default="", doc="The time zone of paths and schedules, as Europe/Berlin.")
    timestamp_extractor: str = key(
        default="Wallclock", doc="The time of a record: Wallclock, Record or RecordField."
    )
    timestamp_field: str = key(
        default="timestamp", doc="The field that RecordField takes the time from; nested as a.b."
    )
    max_write_duration_ms: Long = key(
        default=(1 << 63) - 1, doc="Accepted; uploads do not hold up polling.", importance="low"
    )
    shutdown_timeout_ms: Long = key(default=3000, doc="Accepted.", importance="low")
    max_files_scan_limit: int = key(
        default=100,
        min=1,
        doc="Accepted; where an object is there already, no other name is tried.",
        importance="low",
    )
