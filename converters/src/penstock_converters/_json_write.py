"""One value as JSON text, byte for byte as Java writes it (source: JsonConverter, Jackson).

This is the exact writer: it takes every value, and says what is wrong with a bad one. Whole
columns go through :mod:`penstock_converters._json_columns`, which agrees with it.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import math
import re
import reprlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from penstock.data import INTEGER_BITS, Date, Decimal, EpochMillis, Schema, Time, Timestamp, Type
from penstock.errors import DataError
from penstock_converters._javatext import decimal_text, double_text, float_text, to_float32

__all__ = [
    "DEPTH_MAX",
    "JsonWriter",
    "as_jackson",
    "mismatch",
    "path_text",
    "quoted",
    "shown",
    "to_wire",
]

DEPTH_MAX: Final = 1000
"""How deep JSON may be nested, on reading and on writing (source: Jackson's constraints)."""
_INT64_MIN: Final = -(1 << 63)
_INT64_MAX: Final = (1 << 63) - 1
_SHOWN_MAX: Final = 80
_PATH_MAX: Final = 200
_REPR: Final = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 100
_SPECIAL: Final = re.compile('["\\\\\x00-\x1f\ud800-\udfff\U00010000-\U0010ffff]')
_SHORT_ESCAPES: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
}

Path = tuple["Path | None", str] | None
"""Where a value stands: the path of what holds it, and its place in there."""


def path_text(path: Path) -> str:
    """Return a path as ``payload.order.lines[2]``."""
    names: list[str] = []
    while path is not None:
        path, name = path
        names.append(name)
    whole = "".join(["payload", *reversed(names)])
    return whole if len(whole) <= _PATH_MAX else f"{whole[:_PATH_MAX]}..."


def shown(value: Any) -> str:
    """Return a value for a message: short, however large or deep it is."""
    try:
        text = _REPR.repr(value)
    except (ValueError, RecursionError):
        # Python prints no integers of many thousand digits.
        return "..."
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


def mismatch(schema: Schema | None, value: Any, path: Path, why: str = "") -> DataError:
    """Return the error for a value that does not fit: where, expected what, got what."""
    expected = "a value of Connect" if schema is None else schema.type.value
    if schema is not None and schema.name:
        expected += f" {shown(schema.name)}"
    reason = f" ({why})" if why else ""
    got = f"{type(value).__name__} {shown(value)}"
    return DataError(f"{path_text(path)}: expected {expected}, got {got}{reason}")


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    short = _SHORT_ESCAPES.get(char)
    if short is not None:
        return short
    code = ord(char)
    if code <= 0xFFFF:  # noqa: PLR2004 - the end of the basic plane
        return f"\\u{code:04X}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04X}\\u{0xDC00 + (code & 0x3FF):04X}"


def quoted(text: str) -> str:
    """Return a JSON string; what lies past the basic plane as surrogate escapes, as Jackson."""
    return f'"{_SPECIAL.sub(_escape, text)}"'


def to_wire(schema: Schema, value: Any) -> Any:
    """Return the primitive that stands for a Date, Time, Timestamp or Decimal value.

    Raises:
        DataError: the value is beyond its type. TypeError: it is of another class.
    """
    if schema.name == Decimal.NAME:
        if not isinstance(value, decimal.Decimal):
            raise TypeError
        try:
            return Decimal.to_bytes(schema, value)
        except ValueError:
            return _long_unscaled(value)
    kinds, convert = _MOMENTS[schema.name or ""]
    if not isinstance(value, kinds) or (kinds is _DATES and isinstance(value, dt.datetime)):
        raise TypeError
    number = convert(value)
    bits = 64 if schema.name == Timestamp.NAME else 32
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise DataError(f"{value} is beyond {bits} bits")
    return number


def _long_unscaled(value: decimal.Decimal) -> bytes:
    """Return the unscaled value where Python does not read that many digits from a text."""
    sign, digits, _ = value.as_tuple()
    unscaled = int(decimal.Decimal((sign, digits, 0)))
    length = (unscaled if unscaled >= 0 else ~unscaled).bit_length() // 8 + 1
    return unscaled.to_bytes(length, "big", signed=True)


_DATES: Final = (dt.date, EpochMillis)
_MOMENTS: Final[Mapping[str, tuple[tuple[type, ...], Callable[[Any], int]]]] = {
    Date.NAME: (_DATES, Date.to_days),
    Time.NAME: ((dt.time, EpochMillis), Time.to_ms),
    Timestamp.NAME: ((dt.datetime, EpochMillis), Timestamp.to_ms),
}


@attrs.frozen
class JsonWriter:
    """Writes values.

    Attributes:
        numeric_decimals: write decimals as numbers, else as base64 of their unscaled value.
        replace_nulls: write a schema's default where the value is None.
    """

    numeric_decimals: bool = False
    replace_nulls: bool = True

    def text(self, schema: Schema | None, value: Any, depth: int = 0) -> str:
        """Return the JSON text of a value; ``depth`` is how deep it stands already.

        Raises:
            DataError: it does not fit the schema, or has a class that Connect does not know.
        """
        try:
            if schema is None:
                return _bare_text(value, depth)
            return self._text(schema, value, None)
        except RecursionError as problem:
            raise DataError("payload: nested too deep to be written") from problem

    def _text(self, schema: Schema, value: Any, path: Path) -> str:
        if value is None:
            return self._null_text(schema, path)
        if schema.name in _LOGICAL:
            return self._logical_text(schema, value, path)
        if schema.type is Type.STRUCT:
            return self._struct_text(schema, value, path)
        if schema.type is Type.ARRAY:
            if not isinstance(value, list | tuple):
                raise mismatch(schema, value, path)
            element = _part(schema.value_schema)
            parts = [self._text(element, one, (path, f"[{i}]")) for i, one in enumerate(value)]
            return f"[{','.join(parts)}]"
        if schema.type is Type.MAP:
            return self._map_text(schema, value, path)
        return _primitive_text(schema, value, path)

    def _null_text(self, schema: Schema, path: Path) -> str:
        if schema.default is not None and self.replace_nulls:
            return self._text(schema, schema.default, path)
        if schema.optional:
            return "null"
        raise DataError(f"{path_text(path)}: None given for a required {schema.type.value}")

    def _logical_text(self, schema: Schema, value: Any, path: Path) -> str:
        if schema.type is not _LOGICAL[schema.name or ""]:
            raise mismatch(schema, value, path, "the schema has the wrong type for its name")
        try:
            if schema.name == Decimal.NAME and self.numeric_decimals:
                if not (isinstance(value, decimal.Decimal) and value.is_finite()):
                    raise mismatch(schema, value, path)
                return decimal_text(value)
            wire = to_wire(schema, value)
        except TypeError:
            raise mismatch(schema, value, path) from None
        except DataError as problem:
            raise DataError(f"{path_text(path)}: {problem}") from problem
        return str(wire) if isinstance(wire, int) else _bytes_text(wire)

    def _struct_text(self, schema: Schema, value: Any, path: Path) -> str:
        if not isinstance(value, dict):
            raise mismatch(schema, value, path)
        for name in value:
            if schema.field(name) is None:
                known = ", ".join(field.name for field in schema.fields)[:_PATH_MAX]
                raise DataError(f"{path_text(path)}: no field {shown(name)}; its fields: {known}")
        parts = []
        for field in schema.fields:
            text = self._text(field.schema, value.get(field.name), (path, f".{field.name}"))
            parts.append(f"{quoted(field.name)}:{text}")
        return f"{{{','.join(parts)}}}"

    def _map_text(self, schema: Schema, value: Any, path: Path) -> str:
        if not isinstance(value, dict):
            raise mismatch(schema, value, path)
        key, element = _part(schema.key_schema), _part(schema.value_schema)
        parts = []
        for name, one in value.items():
            key_text = self._text(key, name, (path, f" key {name!r}"))
            text = self._text(element, one, (path, f"[{name!r}]"))
            if key.type is not Type.STRING:
                parts.append(f"[{key_text},{text}]")
            else:
                # Java writes a null key as the text "null".
                parts.append(('"null"' if key_text == "null" else key_text) + ":" + text)
        joined = ",".join(parts)
        return f"{{{joined}}}" if key.type is Type.STRING else f"[{joined}]"


_LOGICAL: Final[Mapping[str | None, Type]] = {
    Decimal.NAME: Type.BYTES,
    Date.NAME: Type.INT32,
    Time.NAME: Type.INT32,
    Timestamp.NAME: Type.INT64,
}


def _part(schema: Schema | None) -> Schema:
    if schema is None:  # pragma: no cover - refused when the schema was built
        raise DataError("schema without the schema of its elements")
    return schema


def _primitive_text(schema: Schema, value: Any, path: Path) -> str:
    bits = INTEGER_BITS.get(schema.type)
    if bits is not None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise mismatch(schema, value, path)
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise mismatch(schema, value, path, "out of range")
        return str(int(value))
    kind, write = _PRIMITIVES[schema.type]
    if not isinstance(value, kind):
        raise mismatch(schema, value, path)
    if schema.type is Type.FLOAT32 and _overflows(value):
        raise mismatch(schema, value, path, "out of range")
    return write(value)


def _overflows(value: Any) -> bool:
    return math.isfinite(value) and math.isinf(to_float32(value))


def _bytes_text(value: Any) -> str:
    return f'"{base64.b64encode(value).decode("ascii")}"'


def _bool_text(value: Any) -> str:
    return "true" if value else "false"


def _number_text(text: str) -> str:
    """Return a number, or what is none as a string: that is how Jackson writes NaN."""
    return f'"{text}"' if text[-1] in "Ny" else text


def _double(value: Any) -> str:
    return _number_text(double_text(value))


def _float(value: Any) -> str:
    return _number_text(float_text(value))


_BYTES: Final = (bytes, bytearray, memoryview)
_PRIMITIVES: Final[Mapping[Type, tuple[type | tuple[type, ...], Callable[[Any], str]]]] = {
    Type.FLOAT32: (float, _float),
    Type.FLOAT64: (float, _double),
    Type.BOOLEAN: (bool, _bool_text),
    Type.STRING: (str, quoted),
    Type.BYTES: (_BYTES, _bytes_text),
}


def _scalar_text(value: Any) -> str | None:
    """Return the text of a value without a schema that holds no others, else None."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return _bool_text(value)
    if isinstance(value, int):
        if not _INT64_MIN <= value <= _INT64_MAX:
            raise mismatch(Schema.INT64, value, None, "out of range")
        return str(int(value))
    if isinstance(value, float):
        return _double(value)
    return _bytes_text(value) if isinstance(value, _BYTES) else None


def _bare_text(value: Any, depth: int) -> str:
    """Write a value without a schema; no recursion, so that depth is bounded by us alone."""
    out: list[str] = []
    open_parts: list[tuple[Iterator[tuple[str, Any]], str]] = []
    while True:
        scalar = _scalar_text(value)
        if scalar is not None:
            out.append(scalar)
        else:
            opening, parts, closing = _opened(value)
            out.append(opening)
            open_parts.append((parts, closing))
            if len(open_parts) + depth > DEPTH_MAX:
                raise DataError(f"payload: nested deeper than {DEPTH_MAX} levels")
        while open_parts:
            following = next(open_parts[-1][0], None)
            if following is not None:
                break
            out.append(open_parts.pop()[1])
        else:
            return "".join(out)
        before, value = following
        out.append(before)


def _opened(value: Any) -> tuple[str, Iterator[tuple[str, Any]], str]:
    """Return how a list or dict begins, its parts with what stands before each, and its end."""
    if isinstance(value, list | tuple):
        return "[", (("," if i else "", one) for i, one in enumerate(value)), "]"
    if not isinstance(value, dict):
        raise mismatch(None, value, None)
    if all(isinstance(name, str) for name in value):
        members = enumerate(value.items())
        return "{", ((f"{',' * (i > 0)}{quoted(name)}:", one) for i, (name, one) in members), "}"
    pairs = enumerate(value.items())
    return "[", (("," if i else "", [name, one]) for i, (name, one) in pairs), "]"


_ESCAPE: Final = re.compile(rb'\\u00[01][0-9a-f]|\\["\\bfnrt]')
_ASTRAL: Final = re.compile(rb"[\xf0-\xf4][\x80-\xbf]{3}")


def as_jackson(lines: bytes) -> bytes:
    """Write what lies past the basic plane as escapes, and hex digits in upper case."""
    # To look for one byte is far cheaper than for four.
    if b"\\" in lines and b"\\u00" in lines:
        lines = _ESCAPE.sub(_upper_case, lines)
    return lines if lines.isascii() else _ASTRAL.sub(_surrogates, lines)


def _upper_case(match: re.Match[bytes]) -> bytes:
    escape = match[0]
    return escape[:2] + escape[2:].upper() if escape[1:2] == b"u" else escape


def _surrogates(match: re.Match[bytes]) -> bytes:
    code = ord(match[0].decode()) - 0x10000
    return b"\\u%04X\\u%04X" % (0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF))
