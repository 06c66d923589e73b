"""StringConverter: values as text (source: StringConverter, StringConverterConfig)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from penstock.api import Converter, Decoded, HeaderConverter
from penstock.config import config, key
from penstock.data import Column, Repeat, Schema, Text
from penstock_converters._charsets import UTF8, Charset
from penstock_converters._tostring import value_text

__all__ = ["StringConverter", "StringConverterConfig", "StringHeaderConverter"]

_TEXTS: Final = frozenset({str})
_TEXTS_AND_NONE: Final = frozenset({str, type(None)})


def _known_charset(_name: str, value: Any) -> str | None:
    return None if Charset.find(value) else "no such charset"


@config
class StringConverterConfig:
    """Configuration of the StringConverter."""

    converter_type: str | None = key(
        "converter.type",
        default=None,
        doc="What is converted: key, value or header. Set by the runtime; it changes nothing.",
        importance="low",
    )
    encoding: str = key(
        "converter.encoding",
        default="UTF-8",
        doc="The charset of the text, by a Java name such as UTF-8, ISO-8859-1 or Shift_JIS.",
        importance="high",
        validator=_known_charset,
    )


class StringConverter(Converter[StringConverterConfig]):
    """Writes the text of a value (source: org.apache.kafka.connect.storage.StringConverter)."""

    def __init__(self, config: StringConverterConfig) -> None:
        """Look up the charset."""
        super().__init__(config)
        self._charset = Charset.find(config.encoding) or UTF8

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        """Return the text of a value as bytes."""
        return None if value is None else self._charset.encode(value_text(schema, value))

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        """Return the text as OPTIONAL_STRING."""
        return Schema.OPTIONAL_STRING, None if data is None else self._charset.decode(data)

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Column
    ) -> Sequence[bytes | None]:
        """Return the bytes of a column; a :class:`Text` column is passed on untouched."""
        if isinstance(values, Repeat) and len(values):
            return Repeat(self.from_connect_data(topic, schema, values.value), len(values))
        if self._charset.is_utf8:
            if isinstance(values, Text):
                return values.utf8
            encoded = _encoded_at_once(values)
            if encoded is not None:
                return encoded
        convert = self.from_connect_data
        return [convert(topic, schema, value) for value in values]

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Decoded:
        """Return the texts of a column, undecoded when they are UTF-8 indeed."""
        if isinstance(data, Repeat) and len(data):
            schema, value = self.to_connect_data(topic, data.value)
            return Decoded(Repeat(value, len(data)), schema)
        if self._charset.is_utf8:
            text = Text.checked(data)
            if text is not None:
                return Decoded(text, Schema.OPTIONAL_STRING)
        decode = self._charset.decode
        texts = [None if one is None else decode(one) for one in data]
        return Decoded(texts, Schema.OPTIONAL_STRING)


def _encoded_at_once(values: Column) -> list[bytes | None] | None:
    """Return the UTF-8 of a column of str and None alone, else None."""
    kinds = set(map(type, values))
    try:
        if _TEXTS.issuperset(kinds):
            return list(map(str.encode, values))
        if _TEXTS_AND_NONE.issuperset(kinds):
            return [None if value is None else value.encode() for value in values]
    except UnicodeEncodeError:
        return None
    return None


class StringHeaderConverter(HeaderConverter[StringConverterConfig]):
    """Writes a header's text (source: StringConverter as a HeaderConverter)."""

    def __init__(self, config: StringConverterConfig) -> None:
        """Wrap the converter."""
        super().__init__(config)
        self._converter = StringConverter(config)

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        """Return the text of a header's value as bytes."""
        return self._converter.from_connect_data(topic, schema, value)

    def to_connect_header(
        self, topic: str, key: str, data: bytes | None
    ) -> tuple[Schema | None, Any]:
        """Return the text as OPTIONAL_STRING."""
        return self._converter.to_connect_data(topic, data)
