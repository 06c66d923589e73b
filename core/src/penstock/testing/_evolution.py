"""Strategies for schemas that change over time."""

from __future__ import annotations

from typing import Any, Final

import attrs
from hypothesis import strategies as st

from penstock.data import Schema
from penstock.testing._schemas import schemas
from penstock.testing._values import values

__all__ = ["CHANGES", "Evolution", "schema_evolutions"]


@attrs.frozen
class Evolution:
    """A struct's schema before and after a change, and a value of the one before.

    ``change`` names it: ``added`` (an optional field), ``added with default``, ``removed`` (the
    last field), ``made optional`` (all fields), ``given defaults`` (all flat fields),
    ``redocumented``, ``none``.
    """

    old: Schema
    new: Schema
    value: Any
    change: str


CHANGES: Final = (
    "none",
    "redocumented",
    "added",
    "added with default",
    "removed",
    "made optional",
    "given defaults",
)


@st.composite
def _with_default(draw: st.DrawFn, schema: Schema) -> Schema:
    if not schema.type.is_primitive:
        return schema
    return schema.evolve(default=draw(values(schema.as_required())))


@st.composite
def schema_evolutions(draw: st.DrawFn, max_depth: int = 1) -> Evolution:
    """Changes that keep older readers and writers working."""
    names = draw(st.lists(st.sampled_from("abcde"), unique=True, min_size=1, max_size=4))
    inner = schemas(max_depth=max_depth)
    fields = {name: draw(inner) for name in names}
    old = Schema.struct(fields, name="evolving", version=1)
    change = draw(st.sampled_from(CHANGES))
    doc = None
    if change == "added":
        fields = {**fields, "added": draw(schemas(max_depth=0, optional=True))}
    elif change == "added with default":
        added = draw(schemas(max_depth=0, optional=False, defaults=False))
        fields = {**fields, "added": added.evolve(default=draw(values(added)))}
    elif change == "given defaults":
        fields = {name: draw(_with_default(schema)) for name, schema in fields.items()}
    elif change == "removed":
        fields = dict(list(fields.items())[:-1])
    elif change == "made optional":
        fields = {name: schema.as_optional() for name, schema in fields.items()}
    elif change == "redocumented":
        doc = "Changed."
    new = Schema.struct(fields, name="evolving", version=2, doc=doc)
    return Evolution(old, new, draw(values(old)), change)
