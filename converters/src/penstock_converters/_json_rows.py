"""Payloads of one schema, read at the speed of msgspec (source: JsonConverter).

A schema is compiled once into a type by which msgspec reads and checks a payload in one go, and
into a function that mends what JSON cannot say: moments, decimals, keys that are no text, fields
left out. Whatever does not fit goes to :mod:`penstock_converters._json_read`.
"""

from __future__ import annotations

import decimal
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, NotRequired, Protocol, TypedDict

import msgspec

from penstock.data import INTEGER_BITS, Date, Decimal, Schema, Time, Timestamp, Type
from penstock.errors import DataError
from penstock_converters._javatext import to_float32
from penstock_converters._json_parse import EMPTY, parse_bare, parse_exact
from penstock_converters._json_read import JsonReader, read_base64, scale_of

__all__ = ["BareReader", "PayloadReader", "RowReader"]

Mend = Callable[[Any], Any]
_DEPTH_MAX: Final = 20
_INT64_END: Final = 1 << 63
_NULL: Final = b"null"


class _UnfitError(Exception):
    """The fast way does not take this schema or this value."""


_FAILURES: Final = (
    _UnfitError,
    msgspec.MsgspecError,
    DataError,
    ArithmeticError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class RowReader(Protocol):
    """Reads payloads that share one schema, or have none."""

    schema: Schema | None

    def read(self, payload: Any) -> Any:
        """Return the value of a payload given as JSON; raises DataError when it does not fit."""

    def read_all(self, payloads: list[bytes]) -> list[Any] | None:
        """Return the values of payloads, or None when they have to be read one by one."""


class BareReader:
    """Reads payloads without a schema: objects, arrays, INT64s, FLOAT64s, texts, flags, nulls."""

    schema: Schema | None = None

    def __init__(self) -> None:
        """Prepare the decoder."""
        self._decode = msgspec.json.Decoder().decode

    def read(self, payload: Any) -> Any:
        """Return the value, EMPTY for no JSON at all; raises DataError."""
        try:
            value = self._decode(payload)
            if _integers_fit((value,)):
                return value
        except _FAILURES:
            pass
        return parse_bare(payload)

    def read_all(self, payloads: list[bytes]) -> list[Any] | None:
        """Return the values of payloads, or None when they have to be read one by one."""
        try:
            values = list(map(self._decode, payloads))
        except _FAILURES:
            return None
        return values if _integers_fit(values) else None


def _integers_fit(values: Sequence[Any]) -> bool:
    """Whether no integer is beyond 64 bits; looks level by level, and gives up where it is deep."""
    level: Sequence[Any] = values
    for _ in range(_DEPTH_MAX):
        kinds = set(map(type, level))
        if int in kinds:
            integers = [one for one in level if type(one) is int]
            if min(integers) < -_INT64_END or max(integers) >= _INT64_END:
                return False
        inner: list[Iterable[Any]] = []
        if dict in kinds:
            inner.extend(one.values() for one in level if type(one) is dict)
        if list in kinds:
            inner.extend(one for one in level if type(one) is list)
        if not inner:
            return True
        level = list(itertools.chain.from_iterable(inner))
    return False


class PayloadReader:
    """Reads payloads of one schema. Owner: the converter, on one thread."""

    schema: Schema | None

    def __init__(self, schema: Schema, reader: JsonReader) -> None:
        """Compile a schema."""
        self.schema = schema
        self._solid = schema
        self._exact = reader
        self._decode: Callable[[Any], Any] | None = None
        self._mend: Mend | None = None
        self._size: int | None = None
        try:
            kind, self._mend = _compile(schema, reader, 0)
            self._decode = msgspec.json.Decoder(_or_none(schema, kind)).decode
            if schema.type is Type.STRUCT and _only_fills(schema, reader):
                # Nothing to mend when all rows have all fields, which is cheap to see.
                self._size = len(schema.fields)
        except _UnfitError:
            pass

    def read(self, payload: Any) -> Any:
        """Return the value of a payload given as JSON; raises DataError when it does not fit."""
        if self._decode is not None:
            try:
                value = self._decode(payload)
                return value if self._mend is None or value is None else self._mend(value)
            except _FAILURES:
                pass
        node = parse_exact(payload)
        if node is EMPTY:
            raise DataError("payload: there is no JSON")
        return self.read_parsed(node)

    def read_parsed(self, node: Any) -> Any:
        """Return the value of a payload that is parsed already."""
        try:
            return self._exact.value(self._solid, node)
        except RecursionError as problem:
            raise DataError("payload: nested too deep") from problem

    def read_all(self, payloads: list[bytes]) -> list[Any] | None:
        """Return the values of payloads, or None when they have to be read one by one."""
        if self._decode is None:
            return None
        try:
            values = list(map(self._decode, payloads))
            if self._mend is None or self._is_whole(values):
                return values
            mend = self._mend
            return [value if value is None else mend(value) for value in values]
        except _FAILURES:
            return None

    def _is_whole(self, values: list[Any]) -> bool:
        return self._size is not None and None not in values and {*map(len, values)} == {self._size}


def _or_none(schema: Schema, kind: Any) -> Any:
    """Return a type that takes null also where the schema does; Raw takes it anyhow."""
    if kind is msgspec.Raw or not schema.optional or schema.default is not None:
        return kind
    return kind | None


def _only_fills(schema: Schema, reader: JsonReader) -> bool:
    """Whether all there is to mend of a struct are fields left out."""
    return all(
        field.schema.default is None and _compile(field.schema, reader, 0)[1] is None
        for field in schema.fields
    )


def _compile(schema: Schema, reader: JsonReader, depth: int) -> tuple[Any, Mend | None]:
    """Return the type to read a value that is not null, and what mends the value."""
    if depth > _DEPTH_MAX:
        raise _UnfitError
    if schema.name in _LOGICAL:
        return _logical(schema)
    bits = INTEGER_BITS.get(schema.type)
    if bits is not None:
        edge = 1 << (bits - 1)
        return Annotated[int, msgspec.Meta(ge=-edge, le=edge - 1)], None
    if schema.type is Type.FLOAT32:
        return float, _single
    if schema.type is Type.STRUCT:
        return _struct(schema, reader, depth)
    if schema.type is Type.ARRAY:
        return _array(schema, reader, depth)
    if schema.type is Type.MAP:
        return _map(schema, reader, depth)
    return _PRIMITIVES[schema.type], None


_PRIMITIVES: Final[Mapping[Type, Any]] = {
    Type.FLOAT64: float,
    Type.BOOLEAN: bool,
    Type.STRING: str,
    Type.BYTES: bytes,
}


def _single(value: float) -> float:
    rounded = to_float32(value)
    if rounded - rounded != 0.0:
        raise _UnfitError
    return rounded


def _logical(schema: Schema) -> tuple[Any, Mend]:
    if schema.name == Decimal.NAME:
        if schema.type is not Type.BYTES:
            raise _UnfitError
        return msgspec.Raw, _decimal_mender(schema)
    kind, make = _LOGICAL[schema.name or ""]
    if schema.type is not kind:
        raise _UnfitError
    edge = 1 << (63 if kind is Type.INT64 else 31)
    return Annotated[int, msgspec.Meta(ge=-edge, le=edge - 1)], make


_LOGICAL: Final[Mapping[str | None, tuple[Type, Mend]]] = {
    Decimal.NAME: (Type.BYTES, bytes),
    Date.NAME: (Type.INT32, Date.from_days),
    Time.NAME: (Type.INT32, Time.from_ms),
    Timestamp.NAME: (Type.INT64, Timestamp.from_ms),
}


def _decimal_mender(schema: Schema) -> Mend:
    scale = scale_of(schema) if Decimal.SCALE in schema.parameters else None

    def mend(raw: Any) -> decimal.Decimal | None:
        text = bytes(raw)
        if text == _NULL and schema.optional and schema.default is None:
            return None
        if scale is None or text[:1] != b'"' or b"\\" in text:
            raise _UnfitError
        data = read_base64(text[1:-1].decode())
        if not data:
            raise _UnfitError
        return Decimal.from_bytes(schema, data)

    return mend


def _inner(schema: Schema | None, reader: JsonReader, depth: int) -> tuple[Any, Mend | None]:
    """Compile the schema of elements, which have no name by which a default could be found."""
    if schema is None or schema.default is not None:
        raise _UnfitError
    kind, mend = _compile(schema, reader, depth + 1)
    return _or_none(schema, kind), mend


def _array(schema: Schema, reader: JsonReader, depth: int) -> tuple[Any, Mend | None]:
    kind, mend = _inner(schema.value_schema, reader, depth)
    if mend is None:
        return list[kind], None
    return list[kind], lambda values: [one if one is None else mend(one) for one in values]


def _map(schema: Schema, reader: JsonReader, depth: int) -> tuple[Any, Mend | None]:
    kind, mend = _inner(schema.value_schema, reader, depth)
    key = schema.key_schema
    if key is not None and key.type is Type.STRING:
        if mend is None:
            return dict[str, kind], None
        return dict[str, kind], lambda found: {
            name: one if one is None else mend(one) for name, one in found.items()
        }
    key_kind, mend_key = _inner(key, reader, depth)

    def from_pairs(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        return {
            name if name is None or mend_key is None else mend_key(name): (
                one if one is None or mend is None else mend(one)
            )
            for name, one in pairs
        }

    return list[tuple[key_kind, kind]], from_pairs


def _struct(schema: Schema, reader: JsonReader, depth: int) -> tuple[Any, Mend | None]:
    members: dict[str, Any] = {}
    mends: list[tuple[str, Mend]] = []
    absent: list[tuple[str, Schema]] = []
    defaults: list[tuple[str, Schema]] = []
    for field in schema.fields:
        kind, mend = _compile(field.schema, reader, depth + 1)
        if mend is not None:
            mends.append((field.name, mend))
        if field.schema.default is not None:
            defaults.append((field.name, field.schema))
            members[field.name] = NotRequired[kind if kind is msgspec.Raw else kind | None]
        elif field.schema.optional:
            absent.append((field.name, field.schema))
            members[field.name] = NotRequired[_or_none(field.schema, kind)]
        else:
            members[field.name] = kind
    # The functional form takes names that are no Python names.
    made = TypedDict("Struct", members)  # type: ignore[operator]  # made for this schema
    if not (mends or absent or defaults):
        return made, None
    return made, _struct_mender(len(schema.fields), mends, absent, defaults, reader)


def _struct_mender(
    size: int,
    mends: list[tuple[str, Mend]],
    absent: list[tuple[str, Schema]],
    defaults: list[tuple[str, Schema]],
    reader: JsonReader,
) -> Mend:
    def mend_struct(found: dict[str, Any]) -> dict[str, Any]:
        if len(found) != size:
            for name, _ in absent:
                found.setdefault(name, None)
        standing_in = set()
        for name, schema in defaults:
            value = found.get(name)
            if value is None or (isinstance(value, msgspec.Raw) and bytes(value) == _NULL):
                found[name] = reader.missing(schema, None)
                standing_in.add(name)
        for name, mend in mends:
            value = found[name]
            if value is not None and name not in standing_in:
                found[name] = mend(value)
        return found

    return mend_struct
