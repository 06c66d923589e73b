"""Everything that decides, put together from the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import attrs

from penstock.data import Batch, Repeat, Structs, Text
from penstock.errors import ConfigError, Problem
from penstock_s3._border import Extractor, Format, Lot, Part, Partitioner
from penstock_s3._compat import Compatibility
from penstock_s3._config import S3SinkConfig
from penstock_s3._extractors import RecordField, RecordTime, Wallclock
from penstock_s3._formats import FormatOptions, format_of
from penstock_s3._formats._compression import Compression
from penstock_s3._joda import JodaPattern
from penstock_s3._names import EXTRACTORS, FORMATS, PARTITIONERS, known
from penstock_s3._naming import Names, PaddedNames, TemplateNames, TemplatePaths
from penstock_s3._partitioners import (
    ByField,
    ByPartition,
    ByTime,
    DailyPath,
    HourlyPath,
    WithSchemaName,
)
from penstock_s3._plugins import custom_partitioner
from penstock_s3._rotation import Rules, Span
from penstock_s3._sizes import row_sizes
from penstock_s3._template import Template
from penstock_s3._zones import zone_of

__all__ = ["Layout", "layout_of", "null_rows"]

_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000


@attrs.frozen(kw_only=True)
class Layout:
    """Formats, paths, cuts and names of one task.

    Attributes:
        formats: that of each part that is written.
        is_deterministic: the same records make the same files, but for flushes by the wall clock.
        ends_at_commit: files end (``Span.end``) whenever offsets are about to be committed.
    """

    formats: Mapping[Part, Format]
    partitioner: Partitioner
    rules: Rules
    compatibility: Compatibility
    names: Names
    times: Extractor | None = None
    tombstone: str | None = None
    is_deterministic: bool = True
    ends_at_commit: bool = False

    def lot(self, batch: Batch, now_ms: int) -> Lot:
        """Return a batch with its paths; rows without value are tombstones if they are written.

        Raises:
            DataError: a row has no path or no time.
        """
        sizes = row_sizes(batch) if self.rules.size > 0 else None
        nulls = null_rows(batch) if self.tombstone is not None else ()
        if not nulls:
            paths, times = self._places(batch, now_ms)
            return Lot(batch, paths, times, sizes, self.tombstone)
        tombstone = self.tombstone or ""
        is_null = set(nulls)
        solid = [i for i in range(len(batch)) if i not in is_null]
        all_paths = [tombstone] * len(batch)
        all_times: list[int | None] = [None] * len(batch)
        paths, times = self._places(batch.select(solid), now_ms) if solid else ((), None)
        for i, place in enumerate(solid):
            all_paths[place] = paths[i]
            all_times[place] = None if times is None else times[i]
        return Lot(batch, all_paths, None if self.times is None else all_times, sizes, tombstone)

    def _places(self, batch: Batch, now_ms: int) -> tuple[Sequence[str], Sequence[int] | None]:
        times = None if self.times is None else self.times.times(batch, now_ms)
        return self.partitioner.paths(batch, now_ms), times

    def span(self) -> Span:
        """Return the span of a topic partition, with nothing written."""
        return Span(self.rules, self.compatibility)

    def object_key(self, part: Part, topic: str, partition: int, path: str, offset: int) -> str:
        """Return the key of an object; ``offset`` is that of its file's first row."""
        return self.names.key(part, self.formats[part].extension, (topic, partition, path, offset))

    def prefix(self, topic: str) -> str:
        """Return what the keys of all objects of a topic begin with, empty when nothing does."""
        return self.names.prefix(topic)


def null_rows(batch: Batch) -> Sequence[int]:
    """Return the rows whose value is null."""
    values = batch.values
    if isinstance(values, Structs):
        return ()
    if isinstance(values, Repeat):
        return range(len(batch)) if values.value is None else ()
    column = values.utf8 if isinstance(values, Text) else values
    if None not in column:
        return ()
    return [i for i, value in enumerate(column) if value is None]


def layout_of(config: S3SinkConfig, raw: Mapping[str, str] | None = None) -> Layout:
    """Return the layout of a configuration; ``raw`` is the same as texts, spaces included.

    Raises:
        ConfigError: what no check of keys finds: a partitioner or pyarrow is missing.
    """
    raw = raw or {}
    kind = known(PARTITIONERS, config.partitioner_class)
    extractor = _extractor(config)
    partitioner = _partitioner(config, raw, kind, extractor)
    names: Names = PaddedNames(
        config.topics_dir,
        config.directory_delim,
        config.file_delim,
        config.filename_offset_zero_pad_width,
    )
    if config.file_name_template:
        template = Template.of(config.file_name_template)
        zone = zone_of(config.timezone or "UTC")
        partitioner = TemplatePaths(template, extractor, zone, partitioner)
        names = TemplateNames(config.topics_dir, config.directory_delim)
    is_timed = kind in {"time", "daily", "hourly"}
    is_by_clock = isinstance(extractor, Wallclock) and (
        is_timed or "timestamp" in config.file_name_template
    )
    keys_matter = config.store_kafka_keys or config.store_envelope
    writes_nulls = config.behavior_on_null_values.lower() == "write"
    return Layout(
        formats=_formats(config, raw),
        partitioner=partitioner,
        rules=_rules(config, is_timed=is_timed),
        compatibility=Compatibility(config.schema_compatibility.upper(), keys_matter=keys_matter),
        names=names,
        times=extractor if is_timed and config.rotate_interval_ms > 0 else None,
        tombstone=config.tombstone_encoded_partition if writes_nulls else None,
        is_deterministic=not is_by_clock,
    )


def _rules(config: S3SinkConfig, *, is_timed: bool) -> Rules:
    parts: list[Part] = ["value"]
    if config.store_kafka_keys:
        parts.append("keys")
    if config.store_kafka_headers:
        parts.append("headers")
    return Rules(
        rows=config.flush_size,
        size=config.flush_size_bytes,
        # Without a time-based partitioner there is no record time: ignored, as in the original.
        interval=config.rotate_interval_ms if is_timed else -1,
        schedule=config.rotate_schedule_interval_ms,
        idle=config.flush_idle_ms,
        zone=zone_of(config.timezone) if config.timezone else None,
        ends_at_other_path=config.rotate_file_on_partition_change,
        files=config.partitioner_max_open_files,
        rows_before_schema=config.schema_rotate_min_records,
        parts=tuple(parts),
    )


def _formats(config: S3SinkConfig, raw: Mapping[str, str]) -> Mapping[Part, Format]:
    # Spaces are part of a separator, so it is not the trimmed one that counts.
    separator = raw.get("format.bytearray.separator", config.format_bytearray_separator)
    options = FormatOptions(
        compression=Compression(config.s3_compression_type.lower(), config.s3_compression_level),
        numeric_decimals=config.json_decimal_format.upper() == "NUMERIC",
        bytes_extension=config.format_bytearray_extension,
        bytes_separator=(os.linesep if separator is None else separator).encode(),
        avro_codec=config.avro_codec,
        avro_metadata=config.connect_meta_data,
        avro_enhanced=config.enhanced_avro_schema_support,
        parquet_codec=config.parquet_codec.lower(),
        row_group=config.parquet_row_group_records,
        entries_for_maps=config.allow_optional_map_keys,
        envelope=config.store_envelope,
        cached=config.schemas_cache_size,
    )
    chosen: dict[Part, str] = {"value": config.format_class}
    if config.store_kafka_keys:
        chosen["keys"] = config.keys_format_class
    if config.store_kafka_headers:
        chosen["headers"] = config.headers_format_class
    return {
        part: format_of(known(FORMATS, name) or "json", part, options)
        for part, name in chosen.items()
    }


def _extractor(config: S3SinkConfig) -> Extractor:
    match known(EXTRACTORS, config.timestamp_extractor):
        case "record":
            return RecordTime()
        case "recordfield":
            return RecordField(config.timestamp_field)
    return Wallclock()


def _partitioner(
    config: S3SinkConfig, raw: Mapping[str, str], kind: str | None, extractor: Extractor
) -> Partitioner:
    delim = config.directory_delim
    found: Partitioner
    if kind is None:
        found = custom_partitioner(config.partitioner_class, raw)
    elif kind == "default":
        found = ByPartition()
    elif kind == "field":
        found = ByField(tuple(config.partition_field_name), delim)
    else:
        found = _by_time(config, kind, extractor)
    affix = config.s3_schema_partition_affix_type.upper()
    if affix == "NONE":
        return found
    return WithSchemaName(found, affix == "PREFIX", delim)


def _by_time(config: S3SinkConfig, kind: str, extractor: Extractor) -> ByTime:
    delim = config.directory_delim
    pattern, duration = config.path_format, config.partition_duration_ms
    if kind == "daily":
        pattern, duration = DailyPath.format(delim=delim), _DAY_MS
    elif kind == "hourly":
        pattern, duration = HourlyPath.format(delim=delim), _HOUR_MS
    pattern = pattern.removesuffix(delim)
    if duration <= 0 or not pattern or not config.timezone:
        text = "a time-based partitioner needs path.format, partition.duration.ms and timezone"
        raise ConfigError([Problem("partitioner.class", text)])
    zone = zone_of(config.timezone)
    return ByTime(extractor, JodaPattern.of(pattern, config.locale), zone, duration)
