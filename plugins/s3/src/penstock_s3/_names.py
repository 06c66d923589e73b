"""The class names that existing configurations use, and our short ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["EXTRACTORS", "FORMATS", "PARTITIONERS", "known"]

_FORMAT: Final = "io.confluent.connect.s3.format."
_PARTITIONER: Final = "io.confluent.connect.storage.partitioner."

FORMATS: Final[Mapping[str, str]] = {
    _FORMAT + "json.JsonFormat": "json",
    _FORMAT + "avro.AvroFormat": "avro",
    _FORMAT + "parquet.ParquetFormat": "parquet",
    _FORMAT + "bytearray.ByteArrayFormat": "bytes",
    "json": "json",
    "avro": "avro",
    "parquet": "parquet",
    "bytes": "bytes",
    "csv": "csv",
}
PARTITIONERS: Final[Mapping[str, str]] = {
    _PARTITIONER + "DefaultPartitioner": "default",
    _PARTITIONER + "FieldPartitioner": "field",
    _PARTITIONER + "TimeBasedPartitioner": "time",
    _PARTITIONER + "DailyPartitioner": "daily",
    _PARTITIONER + "HourlyPartitioner": "hourly",
    "default": "default",
    "field": "field",
    "time": "time",
    "daily": "daily",
    "hourly": "hourly",
}
EXTRACTORS: Final[Mapping[str, str]] = {
    "wallclock": "wallclock",
    "record": "record",
    "recordfield": "recordfield",
    _PARTITIONER + "TimeBasedPartitioner$WallclockTimestampExtractor": "wallclock",
    _PARTITIONER + "TimeBasedPartitioner$RecordTimestampExtractor": "record",
    _PARTITIONER + "TimeBasedPartitioner$RecordFieldTimestampExtractor": "recordfield",
}


def known(names: Mapping[str, str], given: str) -> str | None:
    """Return what a name stands for; short ones in any case; None when it is not known."""
    return names.get(given) or names.get(given.lower())
