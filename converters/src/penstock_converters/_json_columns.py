"""Whole columns as JSON, at the speed of msgspec (source: JsonConverter).

A schema is compiled once into functions that check a column with a few loops in C and hand on
what msgspec writes as Java does. They refuse by :class:`UnfitError` what they cannot write
exactly; such a column goes through :mod:`penstock_converters._json_write` row by row.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import GenericAlias
from typing import Annotated, Any, Final

import msgspec

from penstock.data import INTEGER_BITS, Decimal, Schema, Structs, Timestamp, Type
from penstock.errors import DataError
from penstock_converters._javatext import double_text
from penstock_converters._json_template import StructTemplate
from penstock_converters._json_write import JsonWriter, as_jackson, to_wire

__all__ = ["ColumnWriter", "UnfitError", "compile_column"]

Column = Callable[[Sequence[Any]], Sequence[Any]]
"""Checks values and returns what msgspec writes for them."""

_DEPTH_MAX: Final = 20
# To compile takes as long as to write a few rows; a schema seen once is not worth it.
_ROWS_BEFORE_COMPILED: Final = 8
_NONE: Final = type(None)
_INT64_MIN: Final = -(1 << 63)
_INT64_MAX: Final = (1 << 63) - 1
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MS: Final = dt.timedelta(milliseconds=1)
_PLAIN_MIN: Final = 1e-3
_PLAIN_MAX: Final = 1e7
_UNFIT_NAME: Final = re.compile('["\\\\\x00-\x1f\ud800-\udfff]')
_FAILURES: Final = (DataError, TypeError, ValueError, OverflowError, RecursionError, LookupError)


class UnfitError(Exception):
    """The fast way does not take this schema or these values, fit or not."""


class ColumnWriter:
    """Writes columns of one schema. Owner: the converter, on one thread."""

    def __init__(self, schema: Schema | None, envelope: bytes | None, writer: JsonWriter) -> None:
        """Write values of a schema; ``envelope`` is its JSON, None to write payloads alone."""
        self._schema = schema
        self._writer = writer
        self._encode_lines = msgspec.json.Encoder().encode_lines
        self._prefix = b"" if envelope is None else b'{"schema":' + envelope + b',"payload":'
        self._column: Column | None = None
        self._template: StructTemplate | None = None
        self._until_compiled = _ROWS_BEFORE_COMPILED

    def rows(self, values: Sequence[Any]) -> list[bytes]:
        """Return the JSON of each value; raises DataError when one does not fit."""
        if self._until_compiled > 0:
            self._until_compiled -= len(values)
            if self._until_compiled <= 0:
                self._column = self._compiled()
        if self._column is not None:
            try:
                if isinstance(values, Structs) and self._template is not None:
                    found = self._template.rows(values)
                    if found is not None:
                        return found
                solid = values if isinstance(values, list | Structs) else list(values)
                return self._rows_at_once(self._column(solid))
            except (UnfitError, msgspec.MsgspecError, *_FAILURES):
                # The rows tell what is wrong, or are written exactly where only they can be.
                pass
        return [self.row(value) for value in values]

    def _compiled(self) -> Column | None:
        try:
            if self._schema is None:
                return _bare_column
            if self._schema.type is Type.STRUCT and self._schema.name not in _LOGICAL_NAMES:
                self._template = self._made_template(self._schema)
            return compile_column(self._schema, self._writer)
        except (UnfitError, DataError):
            return None

    def _made_template(self, schema: Schema) -> StructTemplate:
        columns = [compile_column(field.schema, self._writer, 1) for field in schema.fields]
        return StructTemplate.of(
            schema, self._writer, [partial(self._lines, one) for one in columns], self._prefix
        )

    def _lines(self, column: Column, values: Sequence[Any]) -> Sequence[bytes]:
        """Return the JSON of each value."""
        solid = values if isinstance(values, list) else list(values)
        return as_jackson(self._encode_lines(column(solid))[:-1]).split(b"\n")

    def _rows_at_once(self, payloads: Sequence[Any]) -> list[bytes]:
        if not payloads:
            return []
        # No line break stands in JSON as it is written here, so that one marks the end of a row.
        lines = as_jackson(self._encode_lines(payloads)[:-1])
        if not self._prefix:
            return lines.split(b"\n")
        return list(map(self._prefix.__add__, (lines.replace(b"\n", b"}\n") + b"}").split(b"\n")))

    def row(self, value: Any) -> bytes:
        """Return the JSON of one value; raises DataError when it does not fit."""
        depth = 1 if self._prefix else 0
        payload = self._writer.text(self._schema, value, depth).encode()
        return self._prefix + payload + b"}" if self._prefix else payload


def compile_column(schema: Schema, writer: JsonWriter, depth: int = 0) -> Column:
    """Return the function for columns of a schema; raises UnfitError when there is none."""
    if depth > _DEPTH_MAX:
        raise UnfitError
    if schema.type is Type.STRUCT and schema.name not in _LOGICAL_NAMES:
        by_row = _rows_column(schema, writer, depth)
        by_field = _struct_column(schema, writer, depth)
        return lambda v: by_field(v) if isinstance(v, Structs) else by_row(v)
    return _rows_column(schema, writer, depth)


def _rows_column(schema: Schema, writer: JsonWriter, depth: int) -> Column:
    plain = _plain_type(schema, 0)
    if plain is not None and schema.type is Type.STRUCT:
        rows = GenericAlias(list, (plain,))
        return lambda values: msgspec.convert(values, rows)
    kinds, write = _solid_column(schema, writer, depth)
    missing = _missing(schema, writer)

    def column(values: Sequence[Any]) -> Sequence[Any]:
        found = set(map(type, values))
        has_none = _NONE in found
        found.discard(_NONE)
        if (kinds is not None and not kinds.issuperset(found)) or (has_none and missing is None):
            raise UnfitError
        if not has_none or missing is None:
            return write(values)
        done = iter(write([value for value in values if value is not None]))
        stand_in = missing[0]
        return [stand_in if value is None else next(done) for value in values]

    return column


def _missing(schema: Schema, writer: JsonWriter) -> tuple[Any] | None:
    """Return what is written for None, in a tuple; None when None is refused."""
    if schema.default is not None and writer.replace_nulls:
        return (msgspec.Raw(writer.text(schema, schema.default).encode()),)
    return (None,) if schema.optional else None


def _plain_type(schema: Schema, depth: int) -> Any:
    """Return the type by which msgspec checks values that it writes as Java does, else None.

    Those are texts, integers, flags, and structs of them.
    """
    if depth > _DEPTH_MAX or schema.default is not None or schema.name in _LOGICAL_NAMES:
        return None
    bits = INTEGER_BITS.get(schema.type)
    found: Any
    if bits is not None:
        edge = 1 << (bits - 1)
        found = Annotated[int, msgspec.Meta(ge=-edge, le=edge - 1)]
    elif schema.type is Type.STRUCT:
        found = _plain_struct(schema, depth)
    else:
        found = {Type.STRING: str, Type.BOOLEAN: bool}.get(schema.type)
    return found | None if found is not None and schema.optional else found


def _plain_struct(schema: Schema, depth: int) -> Any:
    if any(_UNFIT_NAME.search(field.name) for field in schema.fields):
        return None
    members: list[Any] = []
    for i, field in enumerate(schema.fields):
        found = _plain_type(field.schema, depth + 1)
        if found is None:
            return None
        members.append((f"f{i}", found, None) if field.schema.optional else (f"f{i}", found))
    return _row_class(schema, members, kw_only=True)


def _row_class(schema: Schema, members: list[Any], *, kw_only: bool = False) -> type[Any]:
    names = {f"f{i}": field.name for i, field in enumerate(schema.fields)}
    return msgspec.defstruct(
        "Row", members, rename=names, gc=False, kw_only=kw_only, forbid_unknown_fields=True
    )


def _solid_column(
    schema: Schema, writer: JsonWriter, depth: int
) -> tuple[frozenset[type] | None, Column]:
    """Return the function for columns without None, and the classes it takes; None is any."""
    if schema.name in _LOGICAL_NAMES:
        return None, _logical_column(schema, writer)
    bits = INTEGER_BITS.get(schema.type)
    if bits is not None:
        edge = 1 << (bits - 1)
        return frozenset({int}), lambda values: _integers(values, -edge, edge - 1)
    nested = _NESTED.get(schema.type)
    if nested is not None:
        kinds, compile_nested = nested
        return kinds, compile_nested(schema, writer, depth)
    if schema.type is Type.FLOAT32:
        return frozenset({float}), lambda values: _floats(schema, writer, values)
    return _SOLID[schema.type]


def _as_they_are(values: Sequence[Any]) -> Sequence[Any]:
    return values


def _integers(values: Sequence[int], low: int, high: int) -> Sequence[int]:
    if values and (min(values) < low or max(values) > high):
        raise UnfitError
    return values


def _doubles(values: Sequence[float]) -> Sequence[Any]:
    # Within these borders the shortest text is the same for msgspec and for Java.
    return [value if _PLAIN_MIN <= value < _PLAIN_MAX else _odd_double(value) for value in values]


def _odd_double(value: float) -> Any:
    if value == 0.0 or -_PLAIN_MAX < value <= -_PLAIN_MIN:
        return value
    text = double_text(value)
    return text if text[-1] in "Ny" else msgspec.Raw(text.encode())


def _floats(schema: Schema, writer: JsonWriter, values: Sequence[float]) -> Sequence[Any]:
    write = writer.text
    return [msgspec.Raw(write(schema, value).encode()) for value in values]


def _logical_column(schema: Schema, writer: JsonWriter) -> Column:
    if schema.name == Decimal.NAME and writer.numeric_decimals:
        write = writer.text
        return lambda values: [msgspec.Raw(write(schema, value).encode()) for value in values]
    if _LOGICAL_NAMES[schema.name] is not schema.type:
        raise UnfitError
    if schema.name == Timestamp.NAME:
        return lambda values: _timestamps(schema, values)
    return lambda values: [to_wire(schema, value) for value in values]


def _timestamps(schema: Schema, values: Sequence[Any]) -> Sequence[int]:
    try:
        return [(value - _EPOCH) // _MS for value in values]
    except TypeError:
        return [to_wire(schema, value) for value in values]


def _struct_column(schema: Schema, writer: JsonWriter, depth: int) -> Column:
    names = [field.name for field in schema.fields]
    known = frozenset(names)
    columns = [compile_column(field.schema, writer, depth + 1) for field in schema.fields]
    build: Callable[..., Any] = lambda *parts: dict(zip(names, parts, strict=True))  # noqa: E731
    if not any(map(_UNFIT_NAME.search, names)):
        build = _row_class(schema, [(f"f{i}", Any) for i in range(len(names))])

    def column(values: Sequence[dict[Any, Any]]) -> Sequence[Any]:
        if isinstance(values, Structs):
            if not known.issuperset(values.columns):
                raise UnfitError
            given = [values.field(name) or [None] * len(values) for name in names]
        else:
            if not known.issuperset(itertools.chain.from_iterable(values)):
                raise UnfitError
            given = [[value.get(name) for value in values] for name in names]
        if not names:
            return list(values)
        parts = [write(one) for one, write in zip(given, columns, strict=True)]
        return list(map(build, *parts))

    return column


def _array_column(schema: Schema, writer: JsonWriter, depth: int) -> Column:
    write = compile_column(_part(schema.value_schema), writer, depth + 1)

    def column(values: Sequence[Sequence[Any]]) -> Sequence[Any]:
        parts = iter(write(list(itertools.chain.from_iterable(values))))
        return [list(itertools.islice(parts, len(value))) for value in values]

    return column


def _map_column(schema: Schema, writer: JsonWriter, depth: int) -> Column:
    key = _part(schema.key_schema)
    by_text = key.type is Type.STRING
    write_keys = compile_column(key, writer, depth + 1)
    write = compile_column(_part(schema.value_schema), writer, depth + 1)

    def column(values: Sequence[dict[Any, Any]]) -> Sequence[Any]:
        names = list(itertools.chain.from_iterable(values))
        if by_text and not {str}.issuperset(map(type, names)):
            raise UnfitError
        keys = iter(write_keys(names))
        parts = iter(write(list(itertools.chain.from_iterable(map(dict.values, values)))))
        sizes = map(len, values)
        pairs = ([(next(keys), next(parts)) for _ in range(size)] for size in sizes)
        return list(map(dict, pairs)) if by_text else list(pairs)

    return column


_NESTED: Final[
    Mapping[Type, tuple[frozenset[type], Callable[[Schema, JsonWriter, int], Column]]]
] = {
    Type.STRUCT: (frozenset({dict}), _struct_column),
    Type.MAP: (frozenset({dict}), _map_column),
    Type.ARRAY: (frozenset({list, tuple}), _array_column),
}


def _part(schema: Schema | None) -> Schema:
    if schema is None:  # pragma: no cover - refused when the schema was built
        raise UnfitError
    return schema


def _bare_column(values: Sequence[Any]) -> Sequence[Any]:
    """Check values without a schema, level by level; return them, or copies Java would print."""
    level: Sequence[Any] = values
    for _ in range(_DEPTH_MAX):
        kinds = set(map(type, level))
        if not _BARE.issuperset(kinds):
            raise UnfitError
        if int in kinds:
            _integers([one for one in level if type(one) is int], _INT64_MIN, _INT64_MAX)
        if float in kinds:
            # A few floats are printed another way; whether here, only each value tells.
            floats = [one for one in level if type(one) is float]
            if any(one is not two for one, two in zip(floats, _doubles(floats), strict=True)):
                return list(map(_patched, values))
        dicts = [one for one in level if type(one) is dict] if dict in kinds else []
        if not {str}.issuperset(map(type, set(itertools.chain.from_iterable(dicts)))):
            raise UnfitError
        lists = [one for one in level if type(one) is list] if list in kinds else []
        inner = [*map(dict.values, dicts), *lists]
        if not inner:
            return values
        level = list(itertools.chain.from_iterable(inner))
    raise UnfitError


def _patched(value: Any) -> Any:
    """Return a copy whose floats are printed as Java does; raises UnfitError as checks do."""
    kind = type(value)
    if kind is float:
        return _doubles((value,))[0]
    if kind is dict:
        if not {str}.issuperset(map(type, value)):
            raise UnfitError
        return {name: _patched(one) for name, one in value.items()}
    if kind is list:
        return [_patched(one) for one in value]
    if kind is int:
        _integers((value,), _INT64_MIN, _INT64_MAX)
    elif kind not in _BARE:
        raise UnfitError
    return value


_BARE: Final = frozenset({str, int, bool, float, bytes, dict, list, _NONE})
_LOGICAL_NAMES: Final[Mapping[str | None, Type]] = {
    "org.apache.kafka.connect.data.Decimal": Type.BYTES,
    "org.apache.kafka.connect.data.Date": Type.INT32,
    "org.apache.kafka.connect.data.Time": Type.INT32,
    "org.apache.kafka.connect.data.Timestamp": Type.INT64,
}
_SOLID: Final[Mapping[Type, tuple[frozenset[type], Column]]] = {
    Type.FLOAT64: (frozenset({float}), _doubles),
    Type.BOOLEAN: (frozenset({bool}), _as_they_are),
    Type.STRING: (frozenset({str}), _as_they_are),
    Type.BYTES: (frozenset({bytes, bytearray}), _as_they_are),
}
