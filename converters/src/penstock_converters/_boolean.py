"""BooleanConverter: a flag as one byte, 1 or 0 (source: BooleanConverter)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from penstock.api import Converter, Decoded, HeaderConverter
from penstock.config import config, key
from penstock.data import Column, Repeat, Schema, Type
from penstock.errors import DataError

__all__ = ["BooleanConverter", "BooleanConverterConfig", "BooleanHeaderConverter"]

_BYTES: Final[dict[bool | None, bytes | None]] = {True: b"\x01", False: b"\x00", None: None}
_FLAGS: Final[dict[bytes | None, bool | None]] = {b"\x01": True, b"\x00": False, None: None}
_FLAGS_AND_NONE: Final = frozenset({bool, type(None)})
_SHOWN_MAX: Final = 16


@config
class BooleanConverterConfig:
    """Configuration of the BooleanConverter."""

    converter_type: str | None = key(
        "converter.type",
        default=None,
        doc="What is converted: key, value or header. Set by the runtime; it changes nothing.",
        importance="low",
    )


def _to_bytes(schema: Schema | None, value: Any) -> bytes | None:
    if schema is not None and schema.type is not Type.BOOLEAN:
        raise DataError(
            f"Invalid schema type for BooleanConverter: {schema.type.value}; it writes boolean"
            " alone, use another converter or a Cast"
        )
    if value is None or isinstance(value, bool):
        return _BYTES[value]
    raise DataError(
        f"BooleanConverter is not compatible with objects of type {type(value).__name__};"
        " use another converter or a Cast"
    )


def _to_flag(data: bytes | None) -> bool | None:
    if data in _FLAGS:
        return _FLAGS[data]
    shown = (data or b"")[:_SHOWN_MAX].hex()
    raise DataError(
        "Failed to deserialize boolean: expected one byte, 01 or 00, got"
        f" {len(data or b'')} bytes{': ' * bool(shown)}{shown}"
    )


class BooleanConverter(Converter[BooleanConverterConfig]):
    """Writes flags (source: org.apache.kafka.connect.converters.BooleanConverter)."""

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        """Return the byte of a flag; None is a tombstone."""
        return _to_bytes(schema, value)

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        """Return the flag as OPTIONAL_BOOLEAN."""
        return Schema.OPTIONAL_BOOLEAN, _to_flag(data)

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Column
    ) -> Sequence[bytes | None]:
        """Return the bytes of a column."""
        if isinstance(values, Repeat) and len(values):
            return Repeat(_to_bytes(schema, values.value), len(values))
        fits = schema is None or schema.type is Type.BOOLEAN
        # By class first: 1 and 1.0 equal True, but are no flags.
        if fits and _FLAGS_AND_NONE.issuperset(map(type, values)):
            return list(map(_BYTES.__getitem__, values))
        return [_to_bytes(schema, value) for value in values]

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Decoded:
        """Return the flags of a column; rows that hold none are left unread."""
        if isinstance(data, Repeat) and len(data):
            return Decoded(Repeat(_to_flag(data.value), len(data)), Schema.OPTIONAL_BOOLEAN)
        try:
            return Decoded(list(map(_FLAGS.__getitem__, data)), Schema.OPTIONAL_BOOLEAN)
        except KeyError:
            unread = [i for i, one in enumerate(data) if one not in _FLAGS]
            return Decoded(list(map(_FLAGS.get, data)), Schema.OPTIONAL_BOOLEAN, unread=unread)


class BooleanHeaderConverter(HeaderConverter[BooleanConverterConfig]):
    """Writes a header's flag (source: BooleanConverter as a HeaderConverter)."""

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        """Return the byte of a flag."""
        return _to_bytes(schema, value)

    def to_connect_header(
        self, topic: str, key: str, data: bytes | None
    ) -> tuple[Schema | None, Any]:
        """Return the flag as OPTIONAL_BOOLEAN."""
        return Schema.OPTIONAL_BOOLEAN, _to_flag(data)
