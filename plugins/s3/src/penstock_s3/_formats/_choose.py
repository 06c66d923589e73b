"""From the configuration to the format of each part."""

from __future__ import annotations

import attrs

from penstock.errors import ConfigError, Problem
from penstock_s3._border import Format, Part
from penstock_s3._formats._compression import Compression
from penstock_s3._formats._lines import BytesFormat, CsvFormat, JsonFormat
from penstock_s3._formats._parts import PartReader, reader_of
from penstock_s3._plugins import json_converter

__all__ = ["FormatOptions", "format_of", "parquet_of"]


@attrs.frozen(kw_only=True)
class FormatOptions:
    """What formats can be told; each takes what concerns it."""

    compression: Compression = attrs.field(factory=Compression)
    numeric_decimals: bool = False
    bytes_extension: str = ".bin"
    bytes_separator: bytes = b"\n"
    avro_codec: str = "null"
    avro_metadata: bool = True
    avro_enhanced: bool = True
    parquet_codec: str = "snappy"
    row_group: int = 100_000
    entries_for_maps: bool = False
    envelope: bool = False
    cached: int = 1000


def format_of(kind: str, part: Part, options: FormatOptions) -> Format:
    """Return the format of a part: ``json``, ``avro``, ``parquet``, ``bytes`` or ``csv``.

    Raises:
        ConfigError: Parquet was chosen, and pyarrow is not installed.
    """
    reader = reader_of(part, envelope=options.envelope, in_struct=kind == "parquet")
    match kind:
        case "json":
            numeric = options.numeric_decimals
            converter = json_converter(numeric_decimals=numeric, cached=options.cached)
            numbers = json_converter(numeric_decimals=True, cached=options.cached)
            return JsonFormat(reader, options.compression, converter, numbers)
        case "bytes":
            return BytesFormat(
                reader,
                options.compression,
                extension=options.bytes_extension,
                separator=options.bytes_separator,
            )
        case "csv":
            return CsvFormat(reader, options.compression)
        case "avro":
            from penstock_s3._formats._avro import AvroFormat  # noqa: PLC0415 - loads fastavro

            return AvroFormat(
                reader,
                codec=options.avro_codec,
                metadata=options.avro_metadata,
                enhanced=options.avro_enhanced,
                entries_for_maps=options.entries_for_maps,
            )
    return parquet_of(reader, options)


def parquet_of(reader: PartReader, options: FormatOptions) -> Format:
    """Return the Parquet format; raises ConfigError when pyarrow is not installed."""
    try:
        from penstock_s3._formats._parquet import ParquetFormat  # noqa: PLC0415 - may be missing
    except ModuleNotFoundError as problem:
        text = "format.class: Parquet needs pyarrow, which is not installed: pip install"
        raise ConfigError([Problem("format.class", f"{text} 'penstock-s3[parquet]'")]) from problem
    return ParquetFormat(reader, codec=options.parquet_codec, row_group=options.row_group)
