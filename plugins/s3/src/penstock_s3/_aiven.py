"""Aiven's S3 sink: its files, by the same core."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from penstock.data import Batch, Column, Headers, Schema, SinkOrigin, Structs, Timestamp, pick
from penstock.errors import DataError
from penstock_s3._aiven_config import AivenS3SinkConfig
from penstock_s3._border import Encoder, Extractor, Format, Schemas
from penstock_s3._compat import Compatibility
from penstock_s3._extractors import RecordTime, Wallclock
from penstock_s3._formats._avro import AvroFormat
from penstock_s3._formats._compression import Compression
from penstock_s3._formats._lines import JsonFormat, LineEncoder
from penstock_s3._formats._parts import HeaderTexts, PartReader, Read
from penstock_s3._layout import Layout
from penstock_s3._naming import TemplateNames, TemplatePaths
from penstock_s3._plugins import json_converter
from penstock_s3._rotation import Rules
from penstock_s3._spool import Spool
from penstock_s3._template import Template
from penstock_s3._zones import zone_of

__all__ = ["aiven_layout"]

_ANY_NUMBER: Final = 1 << 62
_DEFAULT_TEMPLATE: Final = "{{topic}}-{{partition}}-{{start_offset}}"
_PREFIX_TEMPLATE: Final = "{{topic}}-{{partition}}-{{start_offset:padding=true}}"
_AVRO_CODECS: Final = {"none": "null", "gzip": "deflate", "snappy": "snappy", "zstd": "zstandard"}
_HEADERS_SCHEMA: Final = Schema.map(Schema.STRING, Schema.OPTIONAL_STRING)


def aiven_layout(config: AivenS3SinkConfig) -> Layout:
    """Return the layout of a configuration of Aiven's sink.

    Raises:
        ConfigError: Parquet was chosen, and pyarrow is not installed.
    """
    kind = config.file_compression_type.lower()
    extension = Compression(kind).extension
    text = config.file_name_template or ""
    if text:
        extension = ""
    elif config.aws_s3_prefix:
        text = config.aws_s3_prefix + _PREFIX_TEMPLATE
    else:
        text = _DEFAULT_TEMPLATE
    template = Template.of(text)
    is_compact = "key" in template.variables
    by_event = config.file_name_timestamp_source.lower() == "event"
    times: Extractor = RecordTime() if by_event else Wallclock()
    zone = zone_of(config.file_name_timestamp_timezone)
    made = _format(config, kind)
    rows = _ANY_NUMBER if is_compact else config.file_max_records or _ANY_NUMBER
    return Layout(
        formats={"value": _Latest(made) if is_compact else made},
        partitioner=TemplatePaths(template, times, zone),
        # A file is by schema, as all have one schema; but files of several lie beside each other.
        rules=Rules(rows=rows, rows_before_schema=_ANY_NUMBER),
        compatibility=Compatibility("NONE", keys_matter="key" in config.format_output_fields),
        names=TemplateNames(has_offset="start_offset" in template.variables, extension=extension),
        is_deterministic=False,
        ends_at_commit=True,
    )


def _format(config: AivenS3SinkConfig, compression: str) -> Format:
    kind = config.format_output_type.lower()
    fields = tuple(config.format_output_fields)
    envelope = config.format_output_envelope
    whole = Compression(compression)
    if kind == "csv":
        return _CsvFormat(fields, config.format_output_fields_value_encoding.lower(), whole)
    if kind in {"json", "jsonl"}:
        converter = json_converter(numeric_decimals=True, cached=1000)
        reader = _reader(fields, envelope=envelope, is_text=True)
        lines = JsonFormat(reader, whole, converter, converter)
        return lines if kind == "jsonl" else _JsonArray(lines, reader, whole)
    reader = _reader(fields, envelope=envelope, is_text=False)
    if kind == "avro":
        return AvroFormat(reader, codec=_AVRO_CODECS[compression])
    from penstock_s3._formats._choose import FormatOptions, parquet_of  # noqa: PLC0415 - pyarrow

    return parquet_of(reader, FormatOptions(parquet_codec=compression))


def _reader(fields: Sequence[str], *, envelope: bool, is_text: bool) -> PartReader:
    """Return what reads these fields, in an object or the only one bare."""

    def of(schemas: Schemas) -> tuple[Schema | None, Read]:
        columns = {name: _column(name, is_text=is_text) for name in fields}
        if not envelope:
            (name,) = fields
            return _schema(name, schemas, is_text=is_text), columns[name]
        schema: Schema | None = None
        found = {name: _schema(name, schemas, is_text=is_text) for name in fields}
        known = {name: one for name, one in found.items() if one is not None}
        if len(known) == len(found):
            schema = Schema.struct(known, name=None if is_text else "connector_records")
        elif not is_text:
            missing = ", ".join(name for name, one in found.items() if one is None)
            raise DataError(
                f"Avro and Parquet files need a schema, and there is none of {missing}: use a"
                " converter that gives one, or format.output.type=jsonl"
            )
        return schema, lambda batch: Structs(
            {name: column(batch) for name, column in columns.items()}, len(batch)
        )

    return of


def _schema(name: str, schemas: Schemas, *, is_text: bool) -> Schema | None:
    match name:
        case "key":
            return schemas.key
        case "value":
            return schemas.value
        case "offset":
            return Schema.INT64
        case "timestamp":
            return Schema.OPTIONAL_STRING if is_text else Schema.OPTIONAL_INT64
    return _HEADERS_SCHEMA


def _column(name: str, *, is_text: bool) -> Read:
    match name:
        case "key":
            return lambda batch: batch.keys
        case "value":
            return lambda batch: batch.values
        case "offset":
            return _offsets
        case "timestamp":
            return _moments if is_text else lambda batch: batch.timestamps
    texts = HeaderTexts()
    return lambda batch: [_as_map(texts, batch.topic, one) for one in batch.headers]


def _as_map(texts: HeaderTexts, topic: str, headers: Headers) -> dict[str, str | None]:
    return {str(one["key"]): one["value"] for one in texts.of(topic, headers)}


def _offsets(batch: Batch) -> Column:
    origin = batch.origin
    if not isinstance(origin, SinkOrigin):
        raise TypeError("a sink is given batches of a sink")
    return pick(origin.offsets, batch.rows)


def _moments(batch: Batch) -> Column:
    return [None if one is None else _moment(one) for one in batch.timestamps]


def _moment(ms: int) -> str:
    """Return a time as Java's Instant prints it: no fraction where there is none."""
    moment = Timestamp.from_ms(ms)
    if not isinstance(moment, dt.datetime):
        return str(moment.ms)
    spec = "milliseconds" if ms % 1000 else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=spec) + "Z"


@attrs.frozen
class _JsonArray:
    """One JSON array a file."""

    lines: JsonFormat
    reader: PartReader
    compression: Compression
    extension: str = ".json"
    content_type: str = "application/json"

    def open(self, name: str, schemas: Schemas) -> Encoder:
        schema, read = self.reader(schemas)
        write = self.lines.lines(schema)
        is_first = [True]

        def lines(topic: str, column: Column) -> bytes:
            text = write(topic, column)[:-1].replace(b"\n", b",\n")
            start = b"" if is_first[0] else b",\n"
            is_first[0] = False
            return start + text

        encoder = LineEncoder(read, lines, self.compression, end=b"\n]")
        encoder.begin(b"[\n")
        return encoder


@attrs.frozen
class _CsvFormat:
    """Fields between commas, texts as base64 unless told otherwise (source: PlainOutputWriter)."""

    fields: Sequence[str]
    encoding: str
    compression: Compression
    extension: str = ".csv"
    content_type: str = "text/csv"

    def open(self, name: str, schemas: Schemas) -> Encoder:
        writers = [self._writer(field) for field in self.fields]

        def rows(batch: Batch) -> Column:
            return list(zip(*[write(batch) for write in writers], strict=True))

        def lines(topic: str, column: Column) -> bytes:
            return b"\n".join([*map(b",".join, column), b""])

        return LineEncoder(rows, lines, self.compression)

    def _writer(self, field: str) -> Callable[[Batch], Sequence[bytes]]:
        encode: Callable[[bytes], bytes] = base64.b64encode
        if field == "headers":
            texts = HeaderTexts()
            return lambda batch: [
                b";".join(
                    encode(str(one["key"]).encode()) + b":" + encode((one["value"] or "").encode())
                    for one in texts.of(batch.topic, headers)
                )
                for headers in batch.headers
            ]
        if field in {"key", "value"}:
            plain = field == "value" and self.encoding == "none"
            change = bytes if plain else encode
            read = _column(field, is_text=True)
            return lambda batch: [
                b"" if one is None else change(_raw(batch.topic, field, one)) for one in read(batch)
            ]
        read = _column(field, is_text=True)
        return lambda batch: [b"" if one is None else str(one).encode() for one in read(batch)]


def _raw(topic: str, field: str, value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise DataError(
        f"topic {topic}: Record {field} schema type must be BYTES or STRING for CSV, got"
        f" {type(value).__name__}; use ByteArrayConverter or StringConverter, or another"
        " format.output.type"
    )


@attrs.frozen
class _Latest:
    """Files of one record each, the latest: what compaction would leave."""

    inner: Format

    @property
    def extension(self) -> str:
        return self.inner.extension

    @property
    def content_type(self) -> str:
        return self.inner.content_type

    def open(self, name: str, schemas: Schemas) -> Encoder:
        return _LatestEncoder(self.inner, name, schemas)


class _LatestEncoder:
    """Keeps the last row, as it is written."""

    def __init__(self, inner: Format, name: str, schemas: Schemas) -> None:
        self._open: Callable[[], Encoder] = lambda: inner.open(name, schemas)
        self._last: list[bytes] = []

    @property
    def held(self) -> int:
        return sum(map(len, self._last))

    def write(self, batch: Batch) -> None:
        encoder = self._open()
        encoder.write(batch.select([len(batch) - 1]))
        self._last = [*encoder.take(), *encoder.finish()]

    def take(self) -> list[bytes]:
        return []

    def finish(self) -> list[bytes]:
        return self._last

    def shed(self, spool: Spool) -> None:
        """One record stays."""

    def drop(self) -> None:
        """Nothing is on the disk."""
