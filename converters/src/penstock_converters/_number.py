"""The converters of numbers: a value as the big-endian bytes of its type (source: NumberConverter).

Java looks at the class of a value alone; an ``int`` or ``float`` of Python tells its class by its
schema, and by its range where there is none.
"""

from __future__ import annotations

import array
import struct
import sys
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from penstock.api import Converter, Decoded, HeaderConverter
from penstock.config import config, key
from penstock.data import INTEGER_BITS, Column, Repeat, Schema
from penstock.errors import DataError

__all__ = [
    "DoubleConverter",
    "DoubleHeaderConverter",
    "FloatConverter",
    "FloatHeaderConverter",
    "IntegerConverter",
    "IntegerHeaderConverter",
    "LongConverter",
    "LongHeaderConverter",
    "NumberConverterConfig",
    "ShortConverter",
    "ShortHeaderConverter",
]

_NONE: Final = type(None)
_SHOWN_MAX: Final = 80


@config
class NumberConverterConfig:
    """Configuration of the converters of numbers."""

    converter_type: str | None = key(
        "converter.type",
        default=None,
        doc="What is converted: key, value or header. Set by the runtime; it changes nothing.",
        importance="low",
    )


class _Number:
    """One type of number: its Java name, its schema, and how it is packed."""

    def __init__(self, name: str, schema: Schema, code: str) -> None:
        """Take the schema that is read, and the code of the type in ``struct`` and ``array``."""
        self.name = name
        self.schema = schema
        self._kind: type = int if schema.type in INTEGER_BITS else float
        packer = struct.Struct(f">{code}")
        self._pack, self._unpack, self._size = packer.pack, packer.unpack, packer.size
        self._code = code
        # The array module counts in C types; elsewhere they may be of another width.
        self._has_array = array.array(code).itemsize == packer.size

    def write(self, schema: Schema | None, value: Any) -> bytes | None:
        """Return the bytes of a value; raises DataError when Java's class would be another."""
        if value is None:
            return None
        if schema is not None and schema.type is not self.schema.type:
            raise DataError(
                f"Failed to serialize to {self.name} (was {schema.type.value}): this converter"
                f" writes {self.schema.type.value} alone; use that of the type, or a Cast"
            )
        if isinstance(value, bool) or not isinstance(value, self._kind):
            raise DataError(
                f"Failed to serialize to {self.name} (was {type(value).__name__}"
                f" {_shown(value)}): expected {self._kind.__name__}; use another converter"
            )
        try:
            return self._pack(value)
        except (struct.error, OverflowError):
            raise DataError(
                f"Failed to serialize to {self.name}: {_shown(value)} is out of the range of"
                f" {self.schema.type.value}"
            ) from None

    def read(self, data: bytes | None) -> Any:
        """Return the number; raises DataError when the bytes are more or fewer than its size."""
        if data is None:
            return None
        if len(data) != self._size:
            raise DataError(
                f"Failed to deserialize {self.name}: Size of data received is not {self._size},"
                f" it is {len(data)}"
            )
        return self._unpack(data)[0]

    def write_all(self, schema: Schema | None, values: Column) -> Sequence[bytes | None]:
        """Return the bytes of a column."""
        kinds = set(map(type, values))
        if (schema is None or schema.type is self.schema.type) and kinds <= {self._kind, _NONE}:
            try:
                if _NONE not in kinds:
                    return list(map(self._pack, values))
                pack = self._pack
                return [None if value is None else pack(value) for value in values]
            except (struct.error, OverflowError):
                pass
        return [self.write(schema, value) for value in values]

    def read_all(self, data: Sequence[bytes | None]) -> Decoded:
        """Return the numbers of a column; rows of a wrong size are left unread."""
        sizes = {self._size}
        if None not in data:
            solid: Sequence[Any] = data
            if sizes.issuperset(map(len, solid)):
                return Decoded(self._unpacked(solid), self.schema)
        solid = [one for one in data if one is not None and len(one) == self._size]
        numbers = iter(self._unpacked(solid))
        values: list[Any] = []
        unread: list[int] = []
        for i, one in enumerate(data):
            if one is None:
                values.append(None)
            elif len(one) == self._size:
                values.append(next(numbers))
            else:
                values.append(None)
                unread.append(i)
        return Decoded(values, self.schema, unread=unread)

    def _unpacked(self, data: Sequence[bytes]) -> list[Any]:
        if not self._has_array:  # pragma: no cover - no platform of ours
            return [self._unpack(one)[0] for one in data]
        numbers = array.array(self._code, b"".join(data))
        if sys.byteorder == "little":
            numbers.byteswap()
        return numbers.tolist()


def _shown(value: Any) -> str:
    shown = repr(value) if not isinstance(value, int) or value.bit_length() < _INT_BITS else "..."
    return shown if len(shown) <= _SHOWN_MAX else f"{shown[:_SHOWN_MAX]}..."


_INT_BITS: Final = 1000
"""Python refuses to print integers far beyond this."""


class _NumberConverter(Converter[NumberConverterConfig]):
    """What the converters of numbers share; each names its number."""

    _number: ClassVar[_Number]

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        """Return the bytes of a number; None is a tombstone, whatever the schema."""
        return self._number.write(schema, value)

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        """Return the number, under an optional schema of its type."""
        return self._number.schema, self._number.read(data)

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Column
    ) -> Sequence[bytes | None]:
        """Return the bytes of a column."""
        if isinstance(values, Repeat) and len(values):
            return Repeat(self._number.write(schema, values.value), len(values))
        return self._number.write_all(schema, values)

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Decoded:
        """Return the numbers of a column."""
        if isinstance(data, Repeat) and len(data):
            return Decoded(Repeat(self._number.read(data.value), len(data)), self._number.schema)
        return self._number.read_all(data)


class _NumberHeaderConverter(HeaderConverter[NumberConverterConfig]):
    """What the header converters of numbers share."""

    _number: ClassVar[_Number]

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        """Return the bytes of a header's number."""
        return self._number.write(schema, value)

    def to_connect_header(
        self, topic: str, key: str, data: bytes | None
    ) -> tuple[Schema | None, Any]:
        """Return the number, under an optional schema of its type."""
        return self._number.schema, self._number.read(data)


_SHORT: Final = _Number("short", Schema.OPTIONAL_INT16, "h")
_INTEGER: Final = _Number("integer", Schema.OPTIONAL_INT32, "i")
_LONG: Final = _Number("long", Schema.OPTIONAL_INT64, "q")
_FLOAT: Final = _Number("float", Schema.OPTIONAL_FLOAT32, "f")
_DOUBLE: Final = _Number("double", Schema.OPTIONAL_FLOAT64, "d")


class ShortConverter(_NumberConverter):
    """INT16 in two bytes (source: org.apache.kafka.connect.converters.ShortConverter)."""

    _number = _SHORT


class IntegerConverter(_NumberConverter):
    """INT32 in four bytes (source: org.apache.kafka.connect.converters.IntegerConverter)."""

    _number = _INTEGER


class LongConverter(_NumberConverter):
    """INT64 in eight bytes (source: org.apache.kafka.connect.converters.LongConverter)."""

    _number = _LONG


class FloatConverter(_NumberConverter):
    """FLOAT32 in four bytes (source: org.apache.kafka.connect.converters.FloatConverter)."""

    _number = _FLOAT


class DoubleConverter(_NumberConverter):
    """FLOAT64 in eight bytes (source: org.apache.kafka.connect.converters.DoubleConverter)."""

    _number = _DOUBLE


class ShortHeaderConverter(_NumberHeaderConverter):
    """A header as INT16 (source: ShortConverter as a HeaderConverter)."""

    _number = _SHORT


class IntegerHeaderConverter(_NumberHeaderConverter):
    """A header as INT32 (source: IntegerConverter as a HeaderConverter)."""

    _number = _INTEGER


class LongHeaderConverter(_NumberHeaderConverter):
    """A header as INT64 (source: LongConverter as a HeaderConverter)."""

    _number = _LONG


class FloatHeaderConverter(_NumberHeaderConverter):
    """A header as FLOAT32 (source: FloatConverter as a HeaderConverter)."""

    _number = _FLOAT


class DoubleHeaderConverter(_NumberHeaderConverter):
    """A header as FLOAT64 (source: DoubleConverter as a HeaderConverter)."""

    _number = _DOUBLE
