"""ByteArrayConverter: bytes as they are (source: ByteArrayConverter)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from penstock.api import Converter, Decoded, HeaderConverter
from penstock.config import config, key
from penstock.data import Column, Repeat, Schema, Type
from penstock.errors import DataError

__all__ = ["ByteArrayConverter", "ByteArrayConverterConfig", "ByteArrayHeaderConverter"]

_UNTOUCHED: Final = frozenset({bytes, type(None)})


@config
class ByteArrayConverterConfig:
    """Configuration of the ByteArrayConverter."""

    converter_type: str | None = key(
        "converter.type",
        default=None,
        doc="What is converted: key, value or header. Set by the runtime; it changes nothing.",
        importance="low",
    )


def _to_bytes(schema: Schema | None, value: Any) -> bytes | None:
    if schema is not None and schema.type is not Type.BYTES:
        raise DataError(
            f"expected a bytes schema, got {schema.type.value}; the ByteArrayConverter writes"
            " bytes only, use another converter"
        )
    if value is None or type(value) is bytes:
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise DataError(f"expected bytes, got {type(value).__name__}; use another converter")


class ByteArrayConverter(Converter[ByteArrayConverterConfig]):
    """Passes bytes through (source: org.apache.kafka.connect.converters.ByteArrayConverter)."""

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        """Return the bytes themselves."""
        return _to_bytes(schema, value)

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        """Return the bytes themselves as OPTIONAL_BYTES."""
        return Schema.OPTIONAL_BYTES, data

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Column
    ) -> Sequence[bytes | None]:
        """Return the column itself when it holds bytes alone."""
        fits = schema is None or schema.type is Type.BYTES
        if isinstance(values, Repeat):
            return Repeat(_to_bytes(schema, values.value), len(values)) if len(values) else values
        if fits and _UNTOUCHED.issuperset(map(type, values)):
            return values
        return [_to_bytes(schema, value) for value in values]

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Decoded:
        """Return the column itself as OPTIONAL_BYTES."""
        return Decoded(data, Schema.OPTIONAL_BYTES)


class ByteArrayHeaderConverter(HeaderConverter[ByteArrayConverterConfig]):
    """Passes a header's bytes through (source: ByteArrayConverter as a HeaderConverter)."""

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        """Return the bytes themselves."""
        return _to_bytes(schema, value)

    def to_connect_header(
        self, topic: str, key: str, data: bytes | None
    ) -> tuple[Schema | None, Any]:
        """Return the bytes themselves as OPTIONAL_BYTES."""
        return Schema.OPTIONAL_BYTES, data
