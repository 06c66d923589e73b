"""Parsed JSON as Connect values, exactly (source: JsonConverter.convertToConnect).

Where the original changes data without a word, this raises DataError: integers out of range,
fractions cut off, texts taken for numbers or flags, scalars taken for arrays, doubles too large.
"""

from __future__ import annotations

import binascii
import copy
import decimal
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from penstock.data import INTEGER_BITS, Date, Decimal, Schema, Time, Timestamp, Type
from penstock.errors import DataError
from penstock_converters._javatext import to_float32
from penstock_converters._json_write import Path, mismatch, path_text, shown

__all__ = ["JsonReader", "read_base64", "scale_of"]

_INT64_DIGITS: Final = 19
_SCALE_END: Final = 1 << 31
_SCALE: Final = re.compile(r"[+-]?\d{1,10}")
_SPECIAL_FLOATS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_BASE64_CHUNK: Final = re.compile(
    r"[\x00-\x20]*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)", re.ASCII
)


def read_base64(text: str) -> bytes | None:
    """Return the bytes of base64 as Jackson reads it, or None when it is malformed.

    Padding is needed; blanks may stand between groups of four, and groups may follow padding.
    """
    # Python takes padding after a whole group, too: "AIA0=".
    if len(text) % 4 == 0 and not text.endswith("==="):
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except ValueError:
            pass
    found = bytearray()
    at, end = 0, len(text.rstrip("".join(map(chr, range(33)))))
    while at < end:
        match = _BASE64_CHUNK.match(text, at)
        if match is None:
            return None
        found += binascii.a2b_base64(match[0])
        at = match.end()
    return bytes(found)


def scale_of(schema: Schema) -> int:
    """Return a decimal schema's scale; raises DataError when Java would not take it."""
    text = schema.parameters.get(Decimal.SCALE)
    # Python takes blanks and underscores, too.
    if text is not None and _SCALE.fullmatch(text) is None:
        raise DataError(f"Invalid scale parameter found in Decimal schema: {shown(text)}")
    scale = Decimal.scale_of(schema)
    if not -_SCALE_END <= scale < _SCALE_END:
        raise DataError(f"Invalid scale parameter found in Decimal schema: {scale}")
    return scale


@attrs.frozen
class JsonReader:
    """Reads values.

    Attributes:
        replace_nulls: take a schema's default where the JSON has null or nothing.
    """

    replace_nulls: bool = True

    def value(self, schema: Schema, node: Any, path: Path = None) -> Any:
        """Return the value that parsed JSON holds under a schema.

        Raises:
            DataError: it does not fit; the message names the place.
        """
        if node is None:
            return self.missing(schema, path)
        logical = _LOGICAL.get(schema.name)
        if logical is not None:
            return logical(schema, node, path)
        if schema.type is Type.STRUCT:
            if not isinstance(node, dict):
                raise mismatch(schema, node, path)
            return {
                field.name: self.value(field.schema, node.get(field.name), (path, f".{field.name}"))
                for field in schema.fields
            }
        if schema.type is Type.ARRAY:
            if not isinstance(node, list):
                raise mismatch(schema, node, path)
            element = _part(schema.value_schema)
            return [self.value(element, one, (path, f"[{i}]")) for i, one in enumerate(node)]
        if schema.type is Type.MAP:
            return self._map(schema, node, path)
        return _primitive(schema, node, path)

    def missing(self, schema: Schema, path: Path) -> Any:
        """Return what stands for null; raises DataError when nothing may."""
        if schema.default is not None and self.replace_nulls:
            return copy.deepcopy(schema.default)
        if schema.optional:
            return None
        raise DataError(f"{path_text(path)}: null given for a required {schema.type.value}")

    def _map(self, schema: Schema, node: Any, path: Path) -> dict[Any, Any]:
        key, element = _part(schema.key_schema), _part(schema.value_schema)
        if key.type is Type.STRING:
            if not isinstance(node, dict):
                raise mismatch(schema, node, path, "a map with text keys is a JSON object")
            return {
                name: self.value(element, one, (path, f"[{name!r}]")) for name, one in node.items()
            }
        if not isinstance(node, list):
            raise mismatch(schema, node, path, "a map with such keys is a JSON array of pairs")
        found = {}
        for i, pair in enumerate(node):
            place = (path, f"[{i}]")
            if not isinstance(pair, list) or len(pair) != 2:  # noqa: PLR2004 - a key and a value
                raise mismatch(schema, pair, place, "an entry of a map is a pair")
            name = self.value(key, pair[0], place)
            if isinstance(name, list | dict):
                raise mismatch(key, name, place, "it cannot be the key of a dict")
            found[name] = self.value(element, pair[1], place)
        return found


def _part(schema: Schema | None) -> Schema:
    if schema is None:  # pragma: no cover - refused when the schema was built
        raise DataError("schema without the schema of its elements")
    return schema


def _primitive(schema: Schema, node: Any, path: Path) -> Any:
    if schema.type in INTEGER_BITS:
        return _integer(schema, node, path)
    if schema.type in (Type.FLOAT32, Type.FLOAT64):
        return _floating(schema, node, path)
    if schema.type is Type.BYTES:
        return _bytes(schema, node, path)
    if not isinstance(node, bool if schema.type is Type.BOOLEAN else str):
        raise mismatch(schema, node, path)
    return node


def _integer(schema: Schema, node: Any, path: Path) -> int:
    number = node
    if isinstance(node, decimal.Decimal):
        # A huge exponent must not be written out.
        if node.is_zero():
            return 0
        if node.adjusted() >= _INT64_DIGITS or node.adjusted() < 0 or node != int(node):
            raise mismatch(schema, node, path)
        number = int(node)
    if not isinstance(number, int) or isinstance(number, bool):
        raise mismatch(schema, node, path)
    bits = INTEGER_BITS[schema.type]
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise mismatch(schema, node, path, "out of range")
    return number


def _floating(schema: Schema, node: Any, path: Path) -> float:
    if isinstance(node, str) and node in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[node]
    if not isinstance(node, int | decimal.Decimal) or isinstance(node, bool):
        raise mismatch(schema, node, path)
    try:
        number = float(node)
    except OverflowError:
        number = math.inf
    if schema.type is Type.FLOAT32:
        number = to_float32(number)
    if math.isinf(number):
        raise mismatch(schema, node, path, "out of range")
    return number


def _bytes(schema: Schema, node: Any, path: Path) -> bytes:
    data = read_base64(node) if isinstance(node, str) else None
    if data is None:
        raise mismatch(schema, node, path, "bytes are base64 text")
    return data


def _decimal(schema: Schema, node: Any, path: Path) -> decimal.Decimal:
    if schema.type is not Type.BYTES:
        raise mismatch(schema, node, path, "the schema has the wrong type for its name")
    if isinstance(node, int) and not isinstance(node, bool):
        return decimal.Decimal(node)
    if isinstance(node, decimal.Decimal):
        return node.copy_abs() if node.is_zero() else node
    data = _bytes(schema, node, path)
    if not data:
        raise mismatch(schema, node, path, "the unscaled value has no bytes")
    try:
        scale_of(schema)
    except DataError as problem:
        raise DataError(f"{path_text(path)}: {problem}") from problem
    return Decimal.from_bytes(schema, data)


def _moment(kind: Type, make: Callable[[int], Any]) -> Callable[[Schema, Any, Path], Any]:
    def read(schema: Schema, node: Any, path: Path) -> Any:
        if schema.type is not kind:
            raise mismatch(schema, node, path, "the schema has the wrong type for its name")
        if isinstance(node, decimal.Decimal):
            raise mismatch(schema, node, path, "a moment is an integer, without point or exponent")
        number = _integer(schema, node, path)
        try:
            return make(number)
        except DataError as problem:
            raise DataError(f"{path_text(path)}: {problem}") from problem

    return read


_LOGICAL: Final[Mapping[str | None, Callable[[Schema, Any, Path], Any]]] = {
    Decimal.NAME: _decimal,
    Date.NAME: _moment(Type.INT32, Date.from_days),
    Time.NAME: _moment(Type.INT32, Time.from_ms),
    Timestamp.NAME: _moment(Type.INT64, Timestamp.from_ms),
}
