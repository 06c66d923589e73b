"""SimpleHeaderConverter, the default one: headers as plain text (source: SimpleHeaderConverter)."""

from __future__ import annotations

from typing import Any

from penstock.api import HeaderConverter
from penstock.config import NoConfig
from penstock.data import Schema
from penstock.data.values import parse_text, plain_text
from penstock_converters._charsets import UTF8

__all__ = ["SimpleHeaderConverter"]


class SimpleHeaderConverter(HeaderConverter[NoConfig]):
    """Writes values as text and guesses their types when it reads them.

    (source: org.apache.kafka.connect.storage.SimpleHeaderConverter)
    """

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        """Return the text of a value."""
        return None if value is None else UTF8.encode(plain_text(schema, value))

    def to_connect_header(
        self, topic: str, key: str, data: bytes | None
    ) -> tuple[Schema | None, Any]:
        """Return what the text stands for; bytes that are no text stay bytes."""
        if data is None:
            return None, None
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return Schema.BYTES, data
        return parse_text(text)
