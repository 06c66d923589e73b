"""Columns checked against their schema and made what is stored: integers, bytes, texts.

What Avro and Parquet have in common: a wrong class, a number out of range, a null where none may
be and an unknown field are told before anything of the batch is written.
"""

from __future__ import annotations

import datetime as dt
import decimal
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from penstock.data import (
    INTEGER_BITS,
    Column,
    Date,
    Decimal,
    EpochMillis,
    Repeat,
    Schema,
    Structs,
    Text,
    Time,
    Timestamp,
    Type,
)
from penstock.errors import DataError

__all__ = ["Check", "compile_check", "is_logical"]

Check = Callable[[Column], Column]

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MS: Final = dt.timedelta(milliseconds=1)
_FLOAT32_MAX: Final = 3.4028235677973366e38
_LOGICAL: Final[Mapping[str | None, tuple[Type, tuple[type, ...], Callable[[Any], int]]]] = {
    Date.NAME: (Type.INT32, (dt.date, EpochMillis), Date.to_days),
    Time.NAME: (Type.INT32, (dt.time, EpochMillis), Time.to_ms),
    Timestamp.NAME: (Type.INT64, (dt.datetime, EpochMillis), Timestamp.to_ms),
}
_CLASSES: Final[Mapping[Type, frozenset[type]]] = {
    Type.INT8: frozenset({int}),
    Type.INT16: frozenset({int}),
    Type.INT32: frozenset({int}),
    Type.INT64: frozenset({int}),
    Type.FLOAT32: frozenset({float}),
    Type.FLOAT64: frozenset({float}),
    Type.BOOLEAN: frozenset({bool}),
    Type.STRING: frozenset({str}),
    Type.BYTES: frozenset({bytes, bytearray, memoryview}),
}


def is_logical(schema: Schema) -> bool:
    """Whether values are richer than what is stored of them."""
    return schema.name == Decimal.NAME or schema.name in _LOGICAL


def compile_check(schema: Schema, where: str, *, decimals_as_bytes: bool) -> Check:
    """Return what checks columns of a schema; ``where`` is their path for messages.

    Structs come out as Structs, or as dicts where some are null; decimals stay decimals, or
    become bytes of their unscaled value.
    """
    solid = _solid(schema, where, as_bytes=decimals_as_bytes)
    default = schema.default
    if default is not None:
        default = solid([default])[0]

    def check(column: Column) -> Column:
        if isinstance(column, Repeat):
            return Repeat(check([column.value])[0], len(column)) if len(column) else column
        nullable = column.utf8 if isinstance(column, Text) else column
        if isinstance(column, Structs) or None not in nullable:
            return solid(column)
        if default is None and not schema.optional:
            raise DataError(f"{where}: null given for a required {schema.type.value}")
        made = iter(solid([one for one in column if one is not None]))
        return [default if one is None else next(made) for one in column]

    return check


def _bad(where: str, schema: Schema, value: Any, why: str = "") -> DataError:
    name = f" {schema.name}" if schema.name else ""
    return DataError(
        f"{where}: expected {schema.type.value}{name}, got {type(value).__name__}"
        f" {value!r:.60}{why}"
    )


def _solid(schema: Schema, where: str, *, as_bytes: bool) -> Check:
    """Return the check of columns without null."""
    if schema.name == Decimal.NAME and schema.type is Type.BYTES:
        return _decimals(schema, where, as_bytes=as_bytes)
    if schema.name in _LOGICAL and _LOGICAL[schema.name][0] is schema.type:
        return _moments(schema, where)
    if schema.type is Type.STRUCT:
        return _structs(schema, where, as_bytes=as_bytes)
    if schema.type is Type.ARRAY:
        return _arrays(schema, where, as_bytes=as_bytes)
    if schema.type is Type.MAP:
        return _maps(schema, where, as_bytes=as_bytes)
    return _primitives(schema, where)


def _primitives(schema: Schema, where: str) -> Check:
    classes = _CLASSES[schema.type]
    bits = INTEGER_BITS.get(schema.type)
    edge = 0 if bits is None else 1 << (bits - 1)

    def check(column: Column) -> Column:
        if isinstance(column, Text) and schema.type is Type.STRING:
            return column
        if not classes.issuperset(map(type, column)):
            bad = next(one for one in column if type(one) not in classes)
            raise _bad(where, schema, bad)
        if edge and column and (min(column) < -edge or max(column) >= edge):
            bad = next(one for one in column if not -edge <= one < edge)
            raise _bad(where, schema, bad, " (out of range)")
        if schema.type is Type.FLOAT32:
            for one in column:
                if _FLOAT32_MAX <= abs(one) < float("inf"):
                    raise _bad(where, schema, one, " (out of range)")
        return column

    return check


def _decimals(schema: Schema, where: str, *, as_bytes: bool) -> Check:
    scale = Decimal.scale_of(schema)

    def check(column: Column) -> Column:
        for one in column:
            if not isinstance(one, decimal.Decimal):
                raise _bad(where, schema, one)
            exponent = one.as_tuple().exponent
            if exponent != -scale:
                why = f" (scale {scale} wanted, so that nothing is rounded)"
                raise _bad(where, schema, one, why)
        return [Decimal.to_bytes(schema, one) for one in column] if as_bytes else column

    return check


def _moments(schema: Schema, where: str) -> Check:
    _, classes, convert = _LOGICAL[schema.name]

    def check(column: Column) -> Column:
        if schema.name == Timestamp.NAME:
            try:
                return [(one - _EPOCH) // _MS for one in column]
            except TypeError:
                pass  # one without a zone, or beyond what Python has
        for one in column:
            if not isinstance(one, classes):
                raise _bad(where, schema, one)
        try:
            return list(map(convert, column))
        except DataError as problem:
            raise DataError(f"{where}: {problem}") from problem

    return check


def _structs(schema: Schema, where: str, *, as_bytes: bool) -> Check:
    names = [field.name for field in schema.fields]
    known = frozenset(names)
    checks = [
        compile_check(field.schema, f"{where}.{field.name}", decimals_as_bytes=as_bytes)
        for field in schema.fields
    ]

    def check(column: Column) -> Column:
        if isinstance(column, Structs):
            found = set(column.columns)
            columns = [column.field(name) for name in names]
        else:
            for one in column:
                if not isinstance(one, dict):
                    raise _bad(where, schema, one)
            found = set(itertools.chain.from_iterable(column))
            columns = [[one.get(name) for one in column] for name in names]
        if not known >= found:
            extra = ", ".join(map(str, sorted(found - known, key=str)))
            raise DataError(f"{where}: no field {extra}; its fields: {', '.join(names)}")
        count = len(column)
        solid = [Repeat(None, count) if one is None else one for one in columns]
        made = zip(names, [one(col) for one, col in zip(checks, solid, strict=True)], strict=True)
        return Structs(dict(made), count)

    return check


def _arrays(schema: Schema, where: str, *, as_bytes: bool) -> Check:
    check_parts = compile_check(
        _part(schema.value_schema), f"{where}[]", decimals_as_bytes=as_bytes
    )

    def check(column: Column) -> Column:
        for one in column:
            if not isinstance(one, list | tuple):
                raise _bad(where, schema, one)
        flat = list(itertools.chain.from_iterable(column))
        made = check_parts(flat)
        if made is flat:
            return column
        return _regrouped(made, map(len, column))

    return check


def _regrouped(parts: Sequence[Any], sizes: Any) -> list[list[Any]]:
    left = iter(parts)
    return [list(itertools.islice(left, size)) for size in sizes]


def _maps(schema: Schema, where: str, *, as_bytes: bool) -> Check:
    check_keys = compile_check(_part(schema.key_schema), f"{where} key", decimals_as_bytes=as_bytes)
    check_values = compile_check(
        _part(schema.value_schema), f"{where}{{}}", decimals_as_bytes=as_bytes
    )

    def check(column: Column) -> Column:
        for one in column:
            if not isinstance(one, dict):
                raise _bad(where, schema, one)
        keys = list(itertools.chain.from_iterable(column))
        values = list(itertools.chain.from_iterable(map(dict.values, column)))
        made_keys, made = check_keys(keys), check_values(values)
        if made_keys is keys and made is values:
            return column
        left = iter(zip(made_keys, made, strict=True))
        return [dict(itertools.islice(left, len(one))) for one in column]

    return check


def _part(schema: Schema | None) -> Schema:
    if schema is None:  # pragma: no cover - refused when the schema was built
        raise DataError("schema without the schema of its elements")
    return schema
