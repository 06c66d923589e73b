"""Payloads of one schema, read at the speed of msgspec (source: JsonConverter).

A schema is compiled once into a type by which msgspec reads and checks a payload in one go, and
into a function that mends what JSON cannot say: moments, decimals, keys that are no text, fields
left out. Whatever does not fit goes to :mod:`penstock_converters._json_read`.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Mapping, Sequence
from types import GenericAlias
from typing import Annotated, Any, Final, NotRequired, TypedDict

import msgspec

from penstock.data import (
    INTEGER_BITS,
    Date,
    Decimal,
    EpochMillis,
    Schema,
    Time,
    Timestamp,
    Type,
)
from penstock.errors import DataError
from penstock_converters._javatext import to_float32
from penstock_converters._json_bare import DEPTH_MAX, FAILURES, UnfitError, most, node_of
from penstock_converters._json_by_field import ByField, check_text
from penstock_converters._json_parse import EMPTY
from penstock_converters._json_read import JsonReader, read_base64, scale_of

__all__ = ["PayloadReader"]

Mend = Callable[[Any], Any]
# To compile takes as long as to read some rows; a schema seen once is not worth it.
_ROWS_BEFORE_COMPILED: Final = 8
_SCALE_END: Final = 1 << 31
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MS: Final = dt.timedelta(milliseconds=1)


class PayloadReader:
    """Reads payloads of one schema. Owner: the converter, on one thread."""

    schema: Schema | None

    def __init__(self, schema: Schema, reader: JsonReader) -> None:
        """Read payloads of a schema, which is compiled after some rows."""
        self.schema = schema
        self._solid = schema
        self._exact = reader
        self._decode: Callable[[Any], Any] | None = None
        self._mend: Mend | None = None
        self._size: int | None = None
        self._by_field: ByField | None = None
        self._until_compiled = _ROWS_BEFORE_COMPILED

    def _count(self, rows: int) -> None:
        """Compile the schema when it is worth it; one that cannot be is read the exact way."""
        if self._until_compiled <= 0:
            return
        self._until_compiled -= rows
        if self._until_compiled > 0:
            return
        schema, reader = self._solid, self._exact
        try:
            kind, mend = _inner(schema, reader, 0)
            self._mend = mend
            # Decimals are read as whatever they are; everything else has a type of its own.
            self._decode = msgspec.json.Decoder(kind, float_hook=decimal.Decimal).decode
            if schema.type is Type.STRUCT and _only_fills(schema, reader):
                # Nothing to mend when all rows have all fields, which is cheap to see.
                self._size = len(schema.fields)
                self._by_field = _by_field(schema, reader)
        except (UnfitError, DataError):
            pass

    def read(self, payload: Any) -> Any:
        """Return the value of a payload given as JSON; raises DataError when it does not fit."""
        self._count(1)
        if self._decode is not None:
            try:
                check_text(bytes(payload))
                value = self._decode(payload)
                return value if self._mend is None else self._mend(value)
            except FAILURES:
                pass
        node = node_of(payload, "payload")
        if node is EMPTY:
            raise DataError("payload: there is no JSON")
        return self.read_parsed(node)

    def read_parsed(self, node: Any) -> Any:
        """Return the value of a payload that is parsed already."""
        try:
            return self._exact.value(self._solid, node)
        except RecursionError as problem:
            raise DataError("payload: nested too deep") from problem

    def read_all(self, payloads: list[bytes]) -> Sequence[Any] | None:
        """Return the values of payloads, or None when they have to be read one by one."""
        self._count(len(payloads))
        if self._decode is None:
            return None
        try:
            check_text(b"\n".join(payloads))
            if self._by_field is not None:
                found = self._by_field.read(payloads)
                if found is not None:
                    return found
            values = list(map(self._decode, payloads))
            if self._mend is None or self._is_whole(values):
                return values
            return list(map(self._mend, values))
        except FAILURES:
            return None

    def read_most(self, payloads: list[bytes]) -> tuple[Sequence[Any], list[int]] | None:
        """See :class:`RowReader`."""
        self._count(len(payloads))
        if self._decode is None:
            return None
        if self._by_field is not None:
            return self._by_field.read_most(payloads)
        values, odd = most(self._decode, payloads)
        try:
            check_text(b"\n".join(payloads))
        except UnicodeDecodeError:
            odd = sorted({*odd, *most(check_text, payloads)[1]})
        if self._mend is None:
            return values, odd
        bad = set(odd)
        rows = [i for i in range(len(values)) if i not in bad]
        solid = [values[i] for i in rows]
        if not self._is_whole(solid):
            solid, unmended = most(self._mend, solid)
            odd = sorted([*odd, *(rows[i] for i in unmended)])
        for i, value in zip(rows, solid, strict=True):
            values[i] = value
        return values, odd

    def _is_whole(self, values: list[Any]) -> bool:
        return self._size is not None and None not in values and {*map(len, values)} == {self._size}


def _or_none(schema: Schema, kind: Any) -> Any:
    """Return a type that takes null also where the schema does; Any takes it anyhow."""
    if kind is Any or not schema.optional or schema.default is not None:
        return kind
    return kind | None


def _only_fills(schema: Schema, reader: JsonReader) -> bool:
    """Whether all there is to mend of a struct are fields left out."""
    return all(
        field.schema.default is None and _compile(field.schema, reader, 0)[1] is None
        for field in schema.fields
    )


def _by_field(schema: Schema, reader: JsonReader) -> ByField | None:
    kinds = [_or_none(one.schema, _compile(one.schema, reader, 1)[0]) for one in schema.fields]
    return ByField.of(schema, kinds)


def _compile(schema: Schema, reader: JsonReader, depth: int) -> tuple[Any, Mend | None]:
    """Return the type to read a value that is not null, and what mends the value."""
    if depth > DEPTH_MAX:
        raise UnfitError
    if schema.name in _LOGICAL:
        return _logical(schema)
    bits = INTEGER_BITS.get(schema.type)
    if bits is not None:
        edge = 1 << (bits - 1)
        return Annotated[int, msgspec.Meta(ge=-edge, le=edge - 1)], None
    if schema.type is Type.FLOAT32:
        return float, _single
    nested = _NESTED.get(schema.type)
    if nested is not None:
        return nested(schema, reader, depth)
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
        raise UnfitError
    return rounded


def _logical(schema: Schema) -> tuple[Any, Mend]:
    if schema.name == Decimal.NAME:
        if schema.type is not Type.BYTES:
            raise UnfitError
        return Any, _decimal_mender(schema)
    kind, make = _LOGICAL[schema.name or ""]
    if schema.type is not kind:
        raise UnfitError
    edge = 1 << (63 if kind is Type.INT64 else 31)
    return Annotated[int, msgspec.Meta(ge=-edge, le=edge - 1)], make


def _timestamp(ms: int) -> dt.datetime | EpochMillis:
    try:
        return _EPOCH + ms * _MS
    except OverflowError:
        return Timestamp.from_ms(ms)


_LOGICAL: Final[Mapping[str | None, tuple[Type, Mend]]] = {
    Decimal.NAME: (Type.BYTES, bytes),
    Date.NAME: (Type.INT32, Date.from_days),
    Time.NAME: (Type.INT32, Time.from_ms),
    Timestamp.NAME: (Type.INT64, _timestamp),
}


def _decimal_mender(schema: Schema) -> Mend:
    """Return what makes decimals of whatever the decoder found, for it can check none of it."""
    scale_of(schema)

    def mend(found: Any) -> decimal.Decimal | None:
        kind = type(found)
        if kind is str:
            data = read_base64(found)
            if data:
                return Decimal.from_bytes(schema, data)
        elif kind is int:
            return decimal.Decimal(found)
        elif kind is decimal.Decimal:
            return _java_decimal(found)
        elif found is None and schema.optional and schema.default is None:
            return None
        raise UnfitError

    return mend


def _java_decimal(exact: decimal.Decimal) -> decimal.Decimal:
    exponent = exact.as_tuple().exponent
    if not isinstance(exponent, int) or not -_SCALE_END < exponent <= _SCALE_END:
        raise UnfitError
    return exact.copy_abs() if exact.is_zero() else exact


def _null_safe(schema: Schema, mend: Mend | None) -> Mend | None:
    """Let None through where there may be any; what mends decimals looks itself."""
    if mend is None or schema.name == Decimal.NAME or not schema.optional:
        return mend
    return lambda value: None if value is None else mend(value)


def _inner(schema: Schema | None, reader: JsonReader, depth: int) -> tuple[Any, Mend | None]:
    """Compile the schema of elements, which have no name by which a default could be found."""
    if schema is None or schema.default is not None:
        raise UnfitError
    kind, mend = _compile(schema, reader, depth + 1)
    return _or_none(schema, kind), _null_safe(schema, mend)


def _array(schema: Schema, reader: JsonReader, depth: int) -> tuple[Any, Mend | None]:
    kind, mend = _inner(schema.value_schema, reader, depth)
    found = GenericAlias(list, (kind,))
    return found, None if mend is None else lambda values: list(map(mend, values))


def _map(schema: Schema, reader: JsonReader, depth: int) -> tuple[Any, Mend | None]:
    kind, mend = _inner(schema.value_schema, reader, depth)
    key = schema.key_schema
    if key is not None and key.type is Type.STRING:
        by_text = GenericAlias(dict, (str, kind))
        if mend is None:
            return by_text, None
        return by_text, lambda found: {name: mend(one) for name, one in found.items()}
    key_kind, mend_key = _inner(key, reader, depth)
    mend_key, mend = mend_key or _as_it_is, mend or _as_it_is
    pair = GenericAlias(tuple, (key_kind, kind))
    return GenericAlias(list, (pair,)), lambda pairs: {
        mend_key(name): mend(one) for name, one in pairs
    }


def _as_it_is(value: Any) -> Any:
    return value


def _struct(schema: Schema, reader: JsonReader, depth: int) -> tuple[Any, Mend | None]:
    members: dict[str, Any] = {}
    mends: list[tuple[str, Mend]] = []
    absent: list[tuple[str, Schema]] = []
    for field in schema.fields:
        inner = field.schema
        kind, mend = _compile(inner, reader, depth + 1)
        if inner.default is not None:
            members[field.name] = NotRequired[kind if kind is Any else kind | None]
            mends.append((field.name, _default_mender(inner, reader, mend or _as_it_is)))
        elif (safe := _null_safe(inner, mend)) is not None:
            mends.append((field.name, safe))
        if inner.default is not None or inner.optional:
            absent.append((field.name, inner))
            members.setdefault(field.name, NotRequired[_or_none(inner, kind)])
        else:
            members[field.name] = kind
    # The functional form takes names that are no Python names.
    made = TypedDict("Struct", members)  # type: ignore[misc]  # made for this schema
    _make_known(made)
    if not (mends or absent):
        return made, None
    names = [name for name, _ in absent]
    size = len(members)

    def mended(found: dict[str, Any]) -> dict[str, Any]:
        if len(found) != size:
            for name in names:
                found.setdefault(name, None)
        for name, mend in mends:
            found[name] = mend(found[name])
        return found

    return made, mended


def _make_known(struct: Any) -> None:
    """See to it that msgspec finds the members of names beyond ASCII.

    It compares the UTF-8 that a str remembers once it was asked for, which writing it does. Were
    that to change, such structs are read the exact way.
    """
    names = [name for name in struct.__annotations__ if not name.isascii()]
    if not names:
        return
    probe = TypedDict("Probe", dict.fromkeys(names, Any))  # type: ignore[misc]  # likewise
    try:
        text = msgspec.json.encode(dict.fromkeys(names, 0))
        found = msgspec.json.decode(text, type=probe)
    except (msgspec.MsgspecError, UnicodeEncodeError) as problem:
        raise UnfitError from problem
    if found.keys() != probe.__annotations__.keys():
        raise UnfitError


_NESTED: Final[Mapping[Type, Callable[[Schema, JsonReader, int], tuple[Any, Mend | None]]]] = {
    Type.STRUCT: _struct,
    Type.ARRAY: _array,
    Type.MAP: _map,
}


def _default_mender(schema: Schema, reader: JsonReader, mend: Mend) -> Mend:
    return lambda value: reader.missing(schema, None) if value is None else mend(value)
