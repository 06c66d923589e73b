"""Strategies for schemas."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from hypothesis import strategies as st

from penstock.data import Date, Decimal, Schema, Time, Timestamp, Type
from penstock.testing._values import values

__all__ = ["schema_and_value", "schemas"]

_PRIMITIVE: Final = (
    Schema.INT8,
    Schema.INT16,
    Schema.INT32,
    Schema.INT64,
    Schema.FLOAT32,
    Schema.FLOAT64,
    Schema.BOOLEAN,
    Schema.STRING,
    Schema.BYTES,
)
_LOGICAL: Final = (
    Date.SCHEMA,
    Time.SCHEMA,
    Timestamp.SCHEMA,
    Decimal.schema(0),
    Decimal.schema(2),
    Decimal.schema(20),
)
_FIELDS: Final = ("a", "b", "c", "id", "name", "créé", "with space", "dot.ted", "x_1")
_KEYS: Final = (Schema.STRING, Schema.INT32, Schema.BOOLEAN, Schema.INT64)


@st.composite
def schemas(
    draw: st.DrawFn,
    *,
    types: Collection[Type] | None = None,
    max_depth: int = 2,
    logical: bool = True,
    optional: bool | None = None,
    defaults: bool = True,
    names: bool = True,
) -> Schema:
    """Schemas of every type.

    Args:
        draw: hypothesis' own.
        types: only these are outermost; all by default.
        max_depth: how deep arrays, maps and structs may nest; 0 for none of them.
        logical: whether logical types (decimal, date, time, timestamp) are among them.
        optional: True or False for all outermost schemas; None for both.
        defaults: whether schemas, but for structs', may have a default.
        names: whether schemas may have a name, a version, a doc and parameters of their own.
    """
    allowed = set(Type) if types is None else set(types)
    flat: list[Schema] = [one for one in _PRIMITIVE if one.type in allowed]
    if logical:
        flat += [one for one in _LOGICAL if one.type in allowed]
    nested = [kind for kind in (Type.STRUCT, Type.ARRAY, Type.MAP) if kind in allowed]
    if max_depth > 0 and nested and (not flat or draw(st.booleans())):
        inner = schemas(max_depth=max_depth - 1, logical=logical, defaults=defaults, names=names)
        schema = _nested(draw, draw(st.sampled_from(nested)), inner)
    elif flat:
        schema = draw(st.sampled_from(flat))
    else:
        schema = Schema.struct({})
    if names and schema.name is None:
        schema = _named(draw, schema)
    # The default of a struct is beyond Java: it can neither be built nor written there.
    if defaults and schema.type is not Type.STRUCT and draw(st.integers(0, 3)) == 3:  # noqa: PLR2004 - one in four
        schema = schema.evolve(default=draw(values(schema)))
    wanted = draw(st.booleans()) if optional is None else optional
    return schema.as_optional() if wanted else schema


def _nested(draw: st.DrawFn, kind: Type, inner: st.SearchStrategy[Schema]) -> Schema:
    if kind is Type.ARRAY:
        return Schema.array(draw(inner))
    if kind is Type.MAP:
        keys = draw(st.sampled_from(_KEYS))
        return Schema.map(keys, draw(inner))
    fields = draw(st.lists(st.sampled_from(_FIELDS), unique=True, max_size=4))
    return Schema.struct({field: draw(inner) for field in fields})


def _named(draw: st.DrawFn, schema: Schema) -> Schema:
    if not draw(st.booleans()):
        return schema
    parts: dict[str, Any] = {"name": draw(st.sampled_from(["S", "org.example.Order", "ü"]))}
    parts["version"] = draw(st.one_of(st.none(), st.integers(1, 9)))
    parts["doc"] = draw(st.one_of(st.none(), st.just("What it is.")))
    parts["parameters"] = draw(st.sampled_from([{}, {"k": "v"}]))
    return schema.evolve(**parts)


@st.composite
def schema_and_value(draw: st.DrawFn, /, **wanted: Any) -> tuple[Schema, Any]:
    """A schema, as :func:`schemas` draws with the same arguments, and a value that fits it."""
    schema = draw(schemas(**wanted))
    return schema, draw(values(schema))
