"""JsonConverter: values as JSON, with their schema beside them or without (source: JsonConverter).

With ``schemas.enable`` a record is an object of two members, ``schema`` and ``payload``. The
schema part is written once a schema and read once for the same bytes; both caches are bounded by
``schemas.cache.size``.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter, methodcaller
from typing import Any, Final, Literal

import attrs
import msgspec

from penstock.api import Converter, Decoded, HeaderConverter
from penstock.config import config, key
from penstock.data import Column, Repeat, Schema
from penstock.errors import DataError
from penstock_converters._json_bare import BareReader, RowReader, node_of
from penstock_converters._json_by_field import spread
from penstock_converters._json_columns import ColumnWriter
from penstock_converters._json_parse import EMPTY, parse_bare, parse_exact
from penstock_converters._json_read import JsonReader
from penstock_converters._json_rows import PayloadReader
from penstock_converters._json_schema import has_zero_default, read_schema, schema_text
from penstock_converters._json_write import JsonWriter, shown
from penstock_converters._lru import Lru

__all__ = ["JsonConverter", "JsonConverterConfig", "JsonHeaderConverter"]

_CONTENT_FIELDS: Final = frozenset({"schema", "payload"})
_NO_ENVELOPE: Final = (
    "with schemas.enable the JSON must be an object of exactly two members, 'schema' and"
    " 'payload'; to read plain JSON, set schemas.enable=false"
)


def _content_schema(content: str | None) -> Schema | None:
    """Return the schema in ``schema.content``; raises DataError when it is none."""
    node = parse_exact((content or "").encode(errors="surrogatepass"))
    return None if node is EMPTY else read_schema(node, JsonReader().value, "schema.content")


def _is_schema(_name: str, content: Any) -> str | None:
    try:
        _content_schema(content)
    except DataError as problem:
        return str(problem)
    return None


@config
class JsonConverterConfig:
    """Configuration of the JsonConverter."""

    converter_type: str | None = key(
        "converter.type",
        default=None,
        doc="What is converted: key, value or header. Set by the runtime; it changes nothing.",
        importance="low",
    )
    schemas_enable: bool = key(
        "schemas.enable",
        default=True,
        doc="Include schemas within each of the serialized values and keys.",
        importance="high",
        group="Schemas",
        order=0,
        width="medium",
        display_name="Enable Schemas",
    )
    schemas_cache_size: int = key(
        "schemas.cache.size",
        default=1000,
        doc="The maximum number of schemas that can be cached in this converter instance.",
        importance="high",
        group="Schemas",
        order=1,
        width="medium",
        display_name="Schema Cache Size",
    )
    schema_content: str | None = key(
        "schema.content",
        default=None,
        doc="A schema, as JSON, for everything that is read; the JSON read then has no envelope."
        " What is written has one nevertheless.",
        importance="high",
        group="Schemas",
        order=2,
        width="medium",
        display_name="Schema Content",
        validator=_is_schema,
    )
    decimal_format: Literal["BASE64", "NUMERIC"] = key(
        "decimal.format",
        default="BASE64",
        doc="How decimals are written: BASE64 of the unscaled value, or NUMERIC, a JSON number."
        " Either is read.",
        importance="low",
        group="Serialization",
        order=0,
        width="medium",
        display_name="Decimal Format",
        choices=("BASE64", "NUMERIC"),
        any_case=True,
    )
    replace_null_with_default: bool = key(
        "replace.null.with.default",
        default=True,
        doc="Whether the default of a field stands for null where there is one.",
        importance="low",
        group="Serialization",
        order=1,
        width="medium",
        display_name="Replace null with default",
    )


class _Envelope(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The two members of a record, both as the bytes that they are."""

    schema: msgspec.Raw
    payload: msgspec.Raw


@attrs.define
class _Prefix:
    """What records begin with, up to their payload, and what reads the payload."""

    text: bytes
    reader: RowReader


class JsonConverter(Converter[JsonConverterConfig]):
    """Writes and reads JSON (source: org.apache.kafka.connect.json.JsonConverter)."""

    def __init__(self, config: JsonConverterConfig) -> None:
        """Prepare the caches; ``schema.content`` is read here."""
        super().__init__(config)
        size = config.schemas_cache_size
        replace = config.replace_null_with_default
        numeric = config.decimal_format.upper() == "NUMERIC"
        self._writer = JsonWriter(numeric_decimals=numeric, replace_nulls=replace)
        self._reader = JsonReader(replace_nulls=replace)
        self._writers: Lru[Schema, ColumnWriter] = Lru(size)
        self._writers_of_same: Lru[int, tuple[Schema, ColumnWriter]] = Lru(size)
        self._bare_writer = self._new_writer(None)
        self._last_writer: tuple[Schema | None, ColumnWriter] = (None, self._bare_writer)
        self._bare_reader = BareReader()
        self._readers: Lru[Schema, PayloadReader] = Lru(size)
        self._readers_by_json: Lru[bytes, RowReader] = Lru(size)
        self._envelope = msgspec.json.Decoder(_Envelope).decode
        self._prefix: _Prefix | None = None
        # Payloads without an envelope all have one reader.
        self._only_reader: RowReader | None = None if config.schemas_enable else self._bare_reader
        if config.schemas_enable and (schema := _content_schema(config.schema_content)) is not None:
            self._only_reader = self._reader_of(schema)

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        """Return the JSON of a value; None without a schema is a tombstone."""
        if schema is None and value is None:
            return None
        return self._writer_of(schema).row(value)

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Column
    ) -> Sequence[bytes | None]:
        """Return the JSON of a column."""
        if isinstance(values, Repeat) and len(values):
            return Repeat(self.from_connect_data(topic, schema, values.value), len(values))
        if schema is not None or None not in values:
            return self._writer_of(schema).rows(values)
        solid = iter(self._bare_writer.rows([value for value in values if value is not None]))
        return [None if value is None else next(solid) for value in values]

    def _writer_of(self, schema: Schema | None) -> ColumnWriter:
        last, writer = self._last_writer
        if schema is last:
            return writer
        if schema is None:
            writer = self._bare_writer
        else:
            writer = (
                self._writers.get(schema)
                or self._writer_of_same(schema)
                or self._keep(schema, self._new_writer(schema))
            )
        self._last_writer = (schema, writer)
        return writer

    def _writer_of_same(self, schema: Schema) -> ColumnWriter | None:
        known = self._writers_of_same.get(id(schema))
        return None if known is None else known[1]

    def _keep(self, schema: Schema, writer: ColumnWriter) -> ColumnWriter:
        """Keep the writer for equal schemas, or for this very one where equality is too coarse."""
        if has_zero_default(schema):
            # The schema is kept, too, so that no other gets its id.
            self._writers_of_same.put(id(schema), (schema, writer))
        else:
            self._writers.put(schema, writer)
        return writer

    def _new_writer(self, schema: Schema | None) -> ColumnWriter:
        envelope = None
        if self.config.schemas_enable:
            envelope = schema_text(schema, self._writer).encode()
        return ColumnWriter(schema, envelope, self._writer)

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        """Return the schema and the value that JSON holds; no bytes are no value."""
        if data is None:
            return None, None
        reader, payload = self._only_reader, data
        if reader is None:
            opened = self._opened(data)
            if opened is None:
                return self._read_tolerantly(data)
            reader, payload = opened
        value = reader.read(payload)
        return reader.schema, None if value is EMPTY else value

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Decoded:
        """Return the values of a column of JSON."""
        if isinstance(data, Repeat) and len(data):
            schema, value = self.to_connect_data(topic, data.value)
            return Decoded(Repeat(value, len(data)), schema)
        if not data:
            return super().to_connect_batch(topic, data)
        return (
            self._read_together(data)
            or self._read_most(data)
            or super().to_connect_batch(topic, data)
        )

    def _read_together(self, data: Sequence[bytes | None]) -> Decoded | None:
        """Read rows that all begin the same; None when some have to be looked at by itself."""
        reader = self._only_reader
        if None in data:
            return None
        payloads: list[Any] = list(data)
        if reader is None:
            prefix = self._prefix_of(payloads[0])
            if prefix is None or not all(map(methodcaller("startswith", prefix.text), payloads)):
                return None
            if set(map(_LAST_BYTE, payloads)) != _CLOSED:
                return None
            reader, start = prefix.reader, len(prefix.text)
            payloads = [one[start:-1] for one in payloads]
        values = reader.read_all(payloads)
        return None if values is None else Decoded(values, reader.schema)

    def _read_most(self, data: Sequence[bytes | None]) -> Decoded | None:
        """Read rows of which a few are bad or odd, and leave these out; None when they are many."""
        if None in data:
            return None
        payloads: list[Any] = list(data)
        rows: Sequence[int] = range(len(payloads))
        reader = self._only_reader
        if reader is None:
            prefix = self._prefix
            if prefix is None:
                return None
            reader, text, start = prefix.reader, prefix.text, len(prefix.text)
            rows = [i for i, one in enumerate(payloads) if one.startswith(text) and one[-1] == _END]
            payloads = [payloads[i][start:-1] for i in rows]
        if len(rows) < len(data) * (1 - _ODD_SHARE_MAX):
            return None
        read = reader.read_most(payloads)
        if read is None or len(read[1]) > len(data) * _ODD_SHARE_MAX:
            return None
        values, odd = read
        if len(rows) == len(data):
            return Decoded(values, reader.schema, unread=odd)
        column = spread(values, rows, len(data))
        good = set(rows).difference(rows[i] for i in odd)
        unread = [i for i in range(len(data)) if i not in good]
        return Decoded(column, reader.schema, unread=unread)

    def _prefix_of(self, row: bytes) -> _Prefix | None:
        """Return what a row begins with, when its payload comes last; remembers the latest."""
        prefix = self._prefix
        if prefix is not None and row.startswith(prefix.text):
            return prefix
        opened = self._opened(row)
        if opened is None:
            return None
        reader, payload = opened
        text = bytes(payload)
        # What follows the payload are blanks and a bracket, so its last occurrence is itself.
        start = row.rindex(text)
        if row[start + len(text) :].strip() != b"}":
            return None
        self._prefix = _Prefix(row[:start], reader)
        return self._prefix

    def _opened(self, row: bytes) -> tuple[RowReader, Any] | None:
        """Return the reader and the payload of an envelope, or None when it is an odd one."""
        try:
            envelope = self._envelope(row)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        return self._reader_of_json(bytes(envelope.schema)), envelope.payload

    def _reader_of_json(self, text: bytes) -> RowReader:
        known = self._readers_by_json.get(text)
        if known is not None:
            return known
        return self._readers_by_json.put(text, self._reader_of_node(node_of(text, "schema")))

    def _reader_of_node(self, node: Any) -> RowReader:
        schema = read_schema(node, self._reader.value)
        return self._bare_reader if schema is None else self._reader_of(schema)

    def _reader_of(self, schema: Schema) -> PayloadReader:
        """Return the one reader of equal schemas, so that their rows form one batch."""
        if has_zero_default(schema):
            return PayloadReader(schema, self._reader)
        known = self._readers.get(schema)
        return known or self._readers.put(schema, PayloadReader(schema, self._reader))

    def _read_tolerantly(self, data: bytes) -> tuple[Schema | None, Any]:
        """Read an envelope that only Jackson takes, or say what is wrong with it."""
        _refuse_cut(data)
        node = parse_exact(data)
        if not isinstance(node, dict) or node.keys() != _CONTENT_FIELDS:
            raise DataError(_NO_ENVELOPE)
        reader = self._reader_of_node(node["schema"])
        if isinstance(reader, PayloadReader):
            return reader.schema, reader.read_parsed(node["payload"])
        return None, parse_bare(data)["payload"]


def _refuse_cut(data: bytes) -> None:
    """Refuse an object that ends in its middle, which is seen at once; the usual bad row is one."""
    # An escape may be half of a surrogate, of which msgspec says the same.
    if data[:1] != b"{" or 0 in data[:4] or b"\\u" in data:
        return
    try:
        _decode_any(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
        if str(problem) != _TRUNCATED:
            return
    else:
        return
    near = data[-_NEAR_MAX:].decode("utf-8", "replace")
    text = f"JSON is malformed: it ends in its middle, at byte {len(data)}, near {shown(near)}"
    raise DataError(text) from None


_NEAR_MAX: Final = 24
_TRUNCATED: Final = "Input data was truncated"
_decode_any: Final = msgspec.json.Decoder(msgspec.Raw).decode


_LAST_BYTE: Final = itemgetter(-1)
_END: Final = ord("}")
_CLOSED: Final = {_END}
_ODD_SHARE_MAX: Final = 0.25
"""Of more rows than this each is read by itself."""


class JsonHeaderConverter(HeaderConverter[JsonConverterConfig]):
    """Writes and reads a header as JSON (source: JsonConverter as a HeaderConverter)."""

    def __init__(self, config: JsonConverterConfig) -> None:
        """Wrap the converter."""
        super().__init__(config)
        self._converter = JsonConverter(config)

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        """Return the JSON of a header's value."""
        return self._converter.from_connect_data(topic, schema, value)

    def to_connect_header(
        self, topic: str, key: str, data: bytes | None
    ) -> tuple[Schema | None, Any]:
        """Return the schema and the value that JSON holds."""
        return self._converter.to_connect_data(topic, data)
