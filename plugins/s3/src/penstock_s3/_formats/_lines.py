"""Formats of rows that stand for themselves: JSON lines, raw bytes, CSV."""

from __future__ import annotations

import abc
import base64
import datetime as dt
import decimal
from collections.abc import Callable, Sequence
from typing import Any, Final

from penstock.api import Converter
from penstock.data import Batch, Column, EpochMillis, Schema, Structs, Text, Type
from penstock.errors import DataError
from penstock_s3._border import Encoder, Schemas
from penstock_s3._formats._compression import Compression
from penstock_s3._formats._parts import PartReader, Read
from penstock_s3._spool import Spool

__all__ = ["BytesFormat", "CsvFormat", "JsonFormat", "LineEncoder"]

Lines = Callable[[str, Column], bytes]
"""Returns the bytes of a column's rows, for a topic; raises DataError."""


class LineEncoder:
    """Adds the bytes of rows to those of the rows before, compressed or not."""

    def __init__(
        self, read: Read, lines: Lines, compression: Compression, *, end: bytes = b""
    ) -> None:
        """Take what reads a batch, what writes its rows, and what their bytes go through."""
        self._end = end
        self._read = read
        self._lines = lines
        self._compressor = compression.start()
        self._done: list[bytes] = []

    def begin(self, text: bytes) -> None:
        """Add what stands before all rows."""
        self._add(text)

    @property
    def held(self) -> int:
        """About the bytes that are in the compressor."""
        return self._compressor.held

    def shed(self, spool: Spool) -> None:
        """Put what waits for the compressor on the disk; raises ConnectError."""
        self._compressor.shed(spool)

    def drop(self) -> None:
        """Free what is on the disk."""
        self._compressor.drop()

    def write(self, batch: Batch) -> None:
        """Add rows; raises DataError, and has added none then."""
        self._add(self._lines(batch.topic, self._read(batch)))

    def _add(self, text: bytes) -> None:
        made = self._compressor.compress(text)
        if made:
            self._done.append(made)

    def take(self) -> list[bytes]:
        """Return the bytes since the last call."""
        done, self._done = self._done, []
        return done

    def finish(self) -> list[bytes]:
        """Return the last bytes."""
        if self._end:
            self._add(self._end)
        return [*self.take(), self._compressor.finish()]


class _LineFormat(abc.ABC):
    """What the three share: a reader of the part, an extension, a compression."""

    content_type = "application/octet-stream"

    def __init__(self, reader: PartReader, extension: str, compression: Compression) -> None:
        self._reader = reader
        self._compression = compression
        self.extension = extension + compression.extension

    def open(self, name: str, schemas: Schemas) -> Encoder:
        """Return the encoder of a new object."""
        schema, read = self._reader(schemas)
        return LineEncoder(read, self.lines(schema), self._compression)

    @abc.abstractmethod
    def lines(self, schema: Schema | None) -> Lines:
        """Return what writes rows of a schema."""


class JsonFormat(_LineFormat):
    """A JSON text a line, without schemas (source: JsonFormat).

    Structs are written by the JSON converter. So are values of other schemas, but for what
    Jackson itself writes otherwise: a decimal is a number, and keys of a map become texts.
    """

    content_type = "application/json"

    def __init__(
        self,
        reader: PartReader,
        compression: Compression,
        converter: Converter[Any],
        numbers: Converter[Any],
        *,
        separator: bytes = b"\n",
    ) -> None:
        """Take the converter of structs, and the one that writes decimals as numbers."""
        super().__init__(reader, ".json", compression)
        self._converter = converter
        self._numbers = numbers
        self._separator = separator

    def lines(self, schema: Schema | None) -> Lines:
        """Return what writes rows of a schema."""
        is_struct = schema is None or schema.type is Type.STRUCT
        convert = (self._converter if is_struct else self._numbers).from_connect_batch
        separator = self._separator
        texts_for_keys = schema is not None and _has_other_keys(schema)

        def lines(topic: str, column: Column) -> bytes:
            if texts_for_keys:
                column = [_with_text_keys(one) for one in column]
                rows = convert(topic, None, column)
            else:
                rows = convert(topic, schema, column)
            if None in rows:
                rows = [b"null" if row is None else row for row in rows]
            return separator.join([*rows, b""])  # type: ignore[list-item]  # no None is left

        return lines


def _has_other_keys(schema: Schema) -> bool:
    keys = schema.key_schema
    return schema.type is Type.MAP and keys is not None and keys.type in _TEXT_KEYS


_TEXT_KEYS: Final = frozenset({Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.BOOLEAN})


def _with_text_keys(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {_key_text(key): one for key, one in value.items()}


def _key_text(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


class BytesFormat(_LineFormat):
    """Bytes as they are, a separator after each row (source: ByteArrayFormat)."""

    def __init__(
        self,
        reader: PartReader,
        compression: Compression,
        *,
        extension: str = ".bin",
        separator: bytes = b"\n",
    ) -> None:
        """Take what names end with and what stands after each row."""
        super().__init__(reader, extension, compression)
        self._separator = separator

    def lines(self, schema: Schema | None) -> Lines:
        """Return what writes rows of a schema."""
        separator = self._separator
        if schema is not None and schema.type is not Type.BYTES:
            raise DataError(
                f"Invalid schema type for ByteArrayConverter: {schema.type.value}; bytes files need"
                " ByteArrayConverter as converter"
            )

        def lines(topic: str, column: Column) -> bytes:
            rows = column.utf8 if isinstance(column, Text) else column
            try:
                return separator.join([*rows, b""])
            except TypeError:
                pass
            bad = next(one for one in rows if not isinstance(one, bytes | bytearray | memoryview))
            kind = "null" if bad is None else type(bad).__name__
            raise DataError(
                f"topic {topic}: ByteArrayConverter is not compatible with objects of type {kind};"
                " bytes files need ByteArrayConverter as converter"
            )

        return lines


class CsvFormat(_LineFormat):
    """The fields of structs as RFC 4180 has them, their names in the first line. Our own."""

    content_type = "text/csv"

    def __init__(self, reader: PartReader, compression: Compression) -> None:
        """Take what reads the part."""
        super().__init__(reader, ".csv", compression)

    def open(self, name: str, schemas: Schemas) -> Encoder:
        """Return the encoder of a new object; raises DataError for values that are no structs."""
        schema, read = self._reader(schemas)
        if schema is None or schema.type is not Type.STRUCT:
            kind = "no schema" if schema is None else schema.type.value
            raise DataError(
                f"CSV files hold structs, whose fields are their columns; got values of {kind}"
            )
        encoder = LineEncoder(read, self.lines(schema), self._compression)
        encoder.begin(_row([field.name for field in schema.fields]))
        return encoder

    def lines(self, schema: Schema | None) -> Lines:
        """Return what writes rows of a schema."""
        fields = () if schema is None else schema.fields

        def lines(topic: str, column: Column) -> bytes:
            cells = [_cells(topic, field.schema, _of(column, field.name)) for field in fields]
            rows = map(",".join, zip(*cells, strict=True))
            return "\r\n".join([*rows, ""]).encode()

        return lines


def _of(column: Column, name: str) -> Sequence[Any]:
    if isinstance(column, Structs):
        found = column.field(name)
        return [None] * len(column) if found is None else found
    return [one.get(name) for one in column]


def _cells(topic: str, schema: Schema, column: Sequence[Any]) -> list[str]:
    kinds = set(map(type, column))
    if kinds == {int}:
        return list(map(str, column))
    return [_cell(topic, schema, value) for value in column]


def _cell(topic: str, schema: Schema, value: Any) -> str:
    if value is None:
        value = schema.default
    if isinstance(value, str):
        return _quoted(value)
    for kinds, write in _CELLS:
        if isinstance(value, kinds):
            return write(value)
    raise DataError(
        f"topic {topic}: a cell of a CSV file holds no {schema.type.value}: flatten the value by a"
        " transform (Flatten), or use JSON"
    )


_CELLS: Final[Sequence[tuple[Any, Callable[[Any], str]]]] = (
    (type(None), lambda _: ""),
    (bool, lambda value: "true" if value else "false"),
    ((int, float), str),
    (decimal.Decimal, lambda value: f"{value:f}"),
    ((bytes, bytearray, memoryview), lambda value: base64.b64encode(value).decode()),
    ((dt.date, dt.time), lambda value: value.isoformat()),
    (EpochMillis, lambda value: str(value.ms)),
)


def _quoted(text: str) -> str:
    # An empty text is quoted, to tell it from null.
    if not text or any(char in text for char in '",\r\n') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


def _row(names: Sequence[str]) -> bytes:
    return (",".join(map(_quoted, names)) + "\r\n").encode()
