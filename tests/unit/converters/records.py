"""Hypothesis strategies: schemas of every shape, and values that fit them."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import math
import struct
from typing import Any, Final

from hypothesis import strategies as st

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
from penstock_converters import JsonConverter, StringConverter
from penstock_converters._tostring import moment_ms

DAY_MS: Final = 86_400_000

# What Java writes escaped, what msgspec writes in another way, and what is neither.
texts = st.text(st.sampled_from('ab01 ,:{}[]"\\/\b\f\n\r\t\x00\x0b\x1f\x7fé€\u2028😀𝄞'), max_size=6)
names = st.text(st.sampled_from('abcxyz_ ."\\é😀'), min_size=1, max_size=4)


def json_converter(**settings: str) -> JsonConverter:
    """Make a converter; underscores in the names of settings stand for dots."""
    raw: dict[str, str | None] = {name.replace("_", "."): text for name, text in settings.items()}
    return JsonConverter(JsonConverter.config_spec().parse(raw))


def string_converter(**settings: str) -> StringConverter:
    """Likewise."""
    raw: dict[str, str | None] = {name.replace("_", "."): text for name, text in settings.items()}
    return StringConverter(StringConverter.config_spec().parse(raw))


def integers(bits: int) -> st.SearchStrategy[int]:
    """Give integers of so many bits, often those at the edges."""
    edge = 1 << (bits - 1)
    near = st.sampled_from([0, 1, -1, edge - 1, -edge])
    return near | st.integers(-edge, edge - 1)


def _single(bits: int) -> float:
    value: float = struct.unpack(">f", bits.to_bytes(4, "big"))[0]
    return 0.5 if math.isnan(value) else value


singles = st.integers(0, (1 << 32) - 1).map(_single)
doubles = st.floats(allow_nan=False) | st.sampled_from([0.0, -0.0, 1e7, 1e-3, 1e10, 5e-324, 2e22])
_unscaled = st.integers(-(10**22), 10**22) | st.integers(-300, 300)
_near_ms = st.integers(-62_135_596_800_000, 253_402_300_799_999)

_MOMENTS: Final[dict[str | None, st.SearchStrategy[Any]]] = {
    Date.NAME: integers(32).map(Date.from_days),
    Time.NAME: st.integers(0, DAY_MS).map(Time.from_ms),
    Timestamp.NAME: (integers(64) | _near_ms).map(Timestamp.from_ms),
}
_PRIMITIVE_VALUES: Final[dict[Type, st.SearchStrategy[Any]]] = {
    **{kind: integers(bits) for kind, bits in INTEGER_BITS.items()},
    Type.FLOAT32: singles,
    Type.FLOAT64: doubles,
    Type.BOOLEAN: st.booleans(),
    Type.STRING: texts,
    Type.BYTES: st.binary(max_size=5),
}


def solid_values(schema: Schema) -> st.SearchStrategy[Any]:
    """Give values of a schema that are not None."""
    if schema.name == Decimal.NAME:
        scale = Decimal.scale_of(schema)
        return _unscaled.map(lambda number: decimal.Decimal(number).scaleb(-scale))
    if schema.name in _MOMENTS:
        return _MOMENTS[schema.name]
    if schema.type is Type.STRUCT:
        members = {field.name: values(field.schema) for field in schema.fields}
        return st.fixed_dictionaries(members)
    element = schema.value_schema
    if schema.type is Type.ARRAY and element is not None:
        return st.lists(_elements(element), max_size=3)
    key = schema.key_schema
    if schema.type is Type.MAP and element is not None and key is not None:
        return st.dictionaries(solid_values(key), _elements(element), max_size=3)
    return _PRIMITIVE_VALUES[schema.type]


def _elements(schema: Schema) -> st.SearchStrategy[Any]:
    """Give values of elements, for which Java takes no default."""
    solid = solid_values(schema)
    return st.none() | solid if schema.optional else solid


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """Give values of a schema, None where there may be one."""
    solid = solid_values(schema)
    return st.none() | solid if schema.optional or schema.default is not None else solid


_primitive_schemas = st.sampled_from([Schema(kind) for kind in _PRIMITIVE_VALUES])
_logical_schemas = st.sampled_from(
    [Date.SCHEMA, Time.SCHEMA, Timestamp.SCHEMA, Decimal.schema(0), Decimal.schema(2)]
)
_leaves = _primitive_schemas | _logical_schemas
_KEYS: Final = [Schema.STRING, Schema.STRING, Schema.INT32, Schema.BOOLEAN, Timestamp.SCHEMA]


@st.composite
def _dressed(draw: st.DrawFn, bare: st.SearchStrategy[Schema]) -> Schema:
    """Add the parts that any schema may have."""
    schema = draw(bare)
    parts: dict[str, Any] = {"optional": draw(st.booleans())}
    if schema.name is None and draw(st.booleans()):
        parts["name"] = draw(texts)
        parts["version"] = draw(st.none() | integers(32))
        parts["doc"] = draw(st.none() | texts)
        parts["parameters"] = draw(st.dictionaries(texts, texts, max_size=2))
    schema = schema.evolve(**parts)
    # The default of a struct is beyond Java: it can neither be built nor written there.
    if schema.type is not Type.STRUCT and draw(st.integers(0, 3)) == 0:
        schema = schema.evolve(default=filled(schema, draw(solid_values(schema))))
    return schema


def _nested(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    arrays = inner.map(Schema.array)
    maps = st.builds(Schema.map, st.sampled_from(_KEYS), inner)
    structs = st.dictionaries(names, inner, max_size=4).map(Schema.struct)
    return _dressed(arrays | maps | structs)


schemas = st.recursive(_dressed(_leaves), _nested, max_leaves=6)

bare_values = st.recursive(
    st.none() | st.booleans() | integers(64) | doubles | texts | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts, inner, max_size=3)
        | st.dictionaries(integers(64) | texts, inner, max_size=2)
    ),
    max_leaves=8,
)


@st.composite
def columns(draw: st.DrawFn) -> tuple[Schema | None, list[Any]]:
    """Give a schema and a column of values that fit it; more of them than one."""
    size = draw(st.integers(1, 12))
    schema = draw(schemas)
    if draw(st.integers(0, 5)) == 0:
        return None, draw(st.lists(bare_values, min_size=size, max_size=size))
    return schema, draw(st.lists(values(schema), min_size=size, max_size=size))


def filled(schema: Schema, value: Any) -> Any:
    """Return a value as it comes back: fields left out, and nulls that have a default."""
    if value is None:
        return copy.deepcopy(schema.default)
    if schema.type is Type.STRUCT:
        return {f.name: filled(f.schema, value.get(f.name)) for f in schema.fields}
    if schema.type is Type.ARRAY and schema.value_schema is not None:
        return [filled(schema.value_schema, one) for one in value]
    if schema.type is Type.MAP and schema.value_schema is not None:
        return {name: filled(schema.value_schema, one) for name, one in value.items()}
    return value


def comparable(value: Any) -> Any:
    """Return a value in a form in which NaN equals itself, and -0.0 is not 0.0, nor 1 is 1.0."""
    if isinstance(value, dict):
        pairs = [(comparable(key), comparable(one)) for key, one in value.items()]
        return ("dict", sorted(pairs, key=repr))
    if isinstance(value, list | tuple):
        return [comparable(one) for one in value]
    if isinstance(value, dt.date | dt.time | EpochMillis):
        return ("ms", moment_ms(value))
    if isinstance(value, bytearray | memoryview):
        return repr(bytes(value))
    return f"{type(value).__name__} {value!r}"
