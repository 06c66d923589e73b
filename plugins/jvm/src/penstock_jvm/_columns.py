"""The values of one schema to bytes and back, a column at a time; ``Columns`` in Java."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from penstock.data import (
    Column,
    Date,
    Decimal,
    Repeat,
    Schema,
    Structs,
    Text,
    Time,
    Timestamp,
    Type,
)
from penstock.errors import DataError
from penstock_jvm import _anything
from penstock_jvm._bytes import In, Out

__all__ = ["read", "write"]

_SOLID: Final = 0
_HOLES: Final = 1
_EMPTY: Final = 2
_TEXTS: Final = 3
_MIXED: Final = 4
_LETTERS: Final[Mapping[Type, str]] = {
    Type.INT8: "b",
    Type.INT16: "h",
    Type.INT32: "i",
    Type.INT64: "q",
    Type.FLOAT32: "f",
    Type.FLOAT64: "d",
    Type.BOOLEAN: "?",
}
_Change = Callable[[Schema], Callable[[Any], Any]]
_RICH: Final[Mapping[tuple[str, Type], _Change]] = {
    (Decimal.NAME, Type.BYTES): lambda schema: lambda value: Decimal.from_bytes(schema, value),
    (str(Date.SCHEMA.name), Type.INT32): lambda _: Date.from_days,
    (str(Time.SCHEMA.name), Type.INT32): lambda _: Time.from_ms,
    (str(Timestamp.SCHEMA.name), Type.INT64): lambda _: Timestamp.from_ms,
}
_PLAIN: Final[Mapping[tuple[str, Type], _Change]] = {
    (Decimal.NAME, Type.BYTES): lambda schema: lambda value: Decimal.to_bytes(schema, value),
    (str(Date.SCHEMA.name), Type.INT32): lambda _: Date.to_days,
    (str(Time.SCHEMA.name), Type.INT32): lambda _: Time.to_ms,
    (str(Timestamp.SCHEMA.name), Type.INT64): lambda _: Timestamp.to_ms,
}


def read(source: In, schema: Schema | None, count: int) -> Column:
    """Return the next column."""
    kind = source.u8()
    if kind == _EMPTY:
        return Repeat(None, count)
    if kind == _TEXTS:
        return Text(source.blobs(count))
    if kind == _MIXED or schema is None:
        return [_anything.read(source) for _ in range(count)]
    if kind == _SOLID:
        return _solid(source, schema, count)
    holes = source.take(count)
    values = iter(_solid(source, schema, holes.count(0)))
    return [None if hole else next(values) for hole in holes]


def _solid(source: In, schema: Schema, count: int) -> Column:
    values = _plain(source, schema, count)
    rich = _RICH.get((schema.name, schema.type)) if schema.name else None
    return values if rich is None else list(map(rich(schema), values))


def _plain(source: In, schema: Schema, count: int) -> Column:
    letter = _LETTERS.get(schema.type)
    if letter is not None:
        return source.numbers(letter, count)
    match schema.type:
        case Type.STRING:
            return Text(source.blobs(count))
        case Type.BYTES:
            return source.blobs(count)
        case Type.ARRAY:
            lengths = source.numbers("i", count)
            elements = iter(read(source, schema.value_schema, sum(lengths)))
            return [list(itertools.islice(elements, length)) for length in lengths]
        case Type.MAP:
            lengths = source.numbers("i", count)
            keys = read(source, schema.key_schema, sum(lengths))
            items = read(source, schema.value_schema, sum(lengths))
            pairs = iter(zip(keys, items, strict=True))
            return [dict(itertools.islice(pairs, length)) for length in lengths]
    fields = {field.name: read(source, field.schema, count) for field in schema.fields}
    return Structs(fields, count)


def write(out: Out, schema: Schema | None, values: Column) -> None:
    """Write a column.

    Raises:
        DataError: a value does not fit the schema.
    """
    if isinstance(values, Text):
        raw = values.utf8
        if None not in raw and (schema is None or schema.type is Type.STRING):
            out.u8(_TEXTS if schema is None else _SOLID)
            out.blobs(list(raw))  # type: ignore[arg-type]  # no None is in it
            return
    given = values if isinstance(values, Structs) else list(values)
    holes = bytes(value is None for value in given) if None in given else b""
    if len(holes) == len(given) and holes.count(1) == len(holes):
        out.u8(_EMPTY)
    elif schema is None:
        _write_any(out, given)
    else:
        solid = [value for value in given if value is not None] if holes else given
        out.u8(_HOLES if holes else _SOLID)
        out.parts.append(holes)
        try:
            _write_solid(out, schema, solid)
        except DataError:
            raise
        except Exception as problem:
            wrong = sorted({type(value).__name__ for value in solid})
            raise DataError(
                f"jvm: a value does not fit its schema {schema.type.value} "
                f"{schema.name or ''}(types: {', '.join(wrong)}): {problem}"
            ) from problem


def _write_any(out: Out, values: Sequence[Any]) -> None:
    if all(type(value) is str for value in values):
        out.u8(_TEXTS)
        out.blobs([value.encode() for value in values])
        return
    out.u8(_MIXED)
    for value in values:
        _anything.write(out, value)


def _write_solid(out: Out, schema: Schema, values: Sequence[Any]) -> None:
    plain = _PLAIN.get((schema.name, schema.type)) if schema.name else None
    if plain is not None:
        values = list(map(plain(schema), values))
    letter = _LETTERS.get(schema.type)
    if letter is not None:
        out.numbers(letter, values)
        return
    match schema.type:
        case Type.STRING:
            out.blobs([value.encode() for value in values])
        case Type.BYTES:
            out.blobs(list(map(bytes, values)))
        case Type.ARRAY:
            out.numbers("i", list(map(len, values)))
            write(out, schema.value_schema, list(itertools.chain.from_iterable(values)))
        case Type.MAP:
            out.numbers("i", list(map(len, values)))
            keys = list(itertools.chain.from_iterable(values))
            items = itertools.chain.from_iterable(value.values() for value in values)
            write(out, schema.key_schema, keys)
            write(out, schema.value_schema, list(items))
        case _:
            _write_structs(out, schema, values)


def _write_structs(out: Out, schema: Schema, values: Sequence[Any]) -> None:
    for field in schema.fields:
        column: Sequence[Any] | None
        if isinstance(values, Structs):
            column = values.field(field.name)
        else:
            column = [value.get(field.name) for value in values]
        write(out, field.schema, Repeat(None, len(values)) if column is None else column)
