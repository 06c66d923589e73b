"""Projection of records to the schema of a file beside Java's SchemaProjector."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jpype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.data import Schema, Structs, Type
from penstock_s3._compat import projector
from tests.conformance.jvm.bridge import Bridge
from tests.unit.converters.records import values

PRIMITIVES = [Schema(kind) for kind in Type if kind.is_primitive]
DEFAULTS = {Type.INT32: 7, Type.STRING: "d", Type.FLOAT64: 0.5}


def _variants(schema: Schema) -> st.SearchStrategy[Schema]:
    found = [schema, schema.as_optional(), schema.evolve(name="n")]
    if schema.type in DEFAULTS:
        found.append(schema.evolve(optional=True, default=DEFAULTS[schema.type]))
        found.append(schema.evolve(default=DEFAULTS[schema.type]))
    return st.sampled_from(found)


leaves = st.sampled_from(PRIMITIVES).flatmap(_variants)


def _nested(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    fields = st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3)
    return st.one_of(
        fields.map(Schema.struct),
        inner.map(Schema.array),
        inner.map(lambda value: Schema.map(Schema.STRING, value)),
    ).flatmap(lambda schema: st.sampled_from([schema, schema.as_optional()]))


schemas = st.recursive(leaves, _nested, max_leaves=4)
structs = st.dictionaries(st.sampled_from("abc"), schemas, min_size=1, max_size=3).map(
    Schema.struct
)


@pytest.fixture(scope="module")
def bridge(jvm: ModuleType) -> Bridge:
    return Bridge(jvm)


def by_java(jvm: ModuleType, bridge: Bridge, given_schema: Schema, target: Schema, row: Any) -> Any:
    java = jvm.java_class("org.apache.kafka.connect.data.SchemaProjector")
    wanted = bridge.schema(target)
    try:
        value = java.project(bridge.schema(given_schema), bridge.value(given_schema, row), wanted)
    except jpype.JClass("org.apache.kafka.connect.errors.DataException"):
        return "refused"
    return bridge.python(wanted, value)


def filled(schema: Schema | None, value: Any) -> Any:
    """Return a value with the defaults of fields for their nulls."""
    if schema is None or value is None:
        return None if schema is None else schema.default
    if schema.type is Type.STRUCT:
        return {field.name: filled(field.schema, value.get(field.name)) for field in schema.fields}
    if schema.type is Type.ARRAY:
        return [one if one is None else filled(schema.value_schema, one) for one in value]
    if schema.type is Type.MAP:
        return {
            key: one if one is None else filled(schema.value_schema, one)
            for key, one in value.items()
        }
    return value


@settings(max_examples=150, deadline=None)
@given(data=st.data(), given_schema=structs, target=structs)
def test_records_are_projected_as_by_java(
    jvm: ModuleType, bridge: Bridge, data: st.DataObject, given_schema: Schema, target: Schema
) -> None:
    if data.draw(st.booleans()):
        # Most pairs of random schemas have nothing in common: now they have.
        target = Schema.struct(
            {
                **{field.name: field.schema for field in target.fields},
                **{field.name: field.schema for field in given_schema.fields[:2]},
            }
        )
    row = data.draw(values(given_schema))
    full = {field.name: row.get(field.name) for field in given_schema.fields}
    project = projector(given_schema, target)
    expected = by_java(jvm, bridge, given_schema, target, row)
    if project is None:
        # Whether schemas fit is asked of schemas: Java asks only of the values it meets.
        return
    found = list(project(Structs({name: [one] for name, one in full.items()}, 1)))
    # Nulls of fields with a default are read, and written by the formats, as that default.
    assert expected != "refused"
    assert [filled(target, one) for one in found] == [filled(target, expected)]
