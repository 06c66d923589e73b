"""The laws that the test kit publishes hold for everything that Penstock ships."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from penstock.data import Schema, Type
from penstock.runtime.plugins import registry
from penstock.testing import (
    assert_config_spec,
    assert_converter_round_trip,
    assert_header_converter_round_trip,
    assert_predicate_laws,
    assert_transform_laws,
    schemas,
)

EXAMPLES = 60
TRANSFORMS: dict[str, list[dict[str, str]]] = {
    "Cast": [{"spec": "int64"}, {"spec": "a:string,id:int32,b:boolean"}],
    "DropHeaders": [{"headers": "h,other"}],
    "ExtractField": [{"field": "a"}, {"field": "a.b", "field.syntax.version": "V2"}],
    "Filter": [{}],
    "Flatten": [{}, {"delimiter": "_"}],
    "HeaderFrom": [
        {"fields": "a,b", "headers": "x,y", "operation": "move"},
        {"fields": "a", "headers": "x", "operation": "copy"},
    ],
    "HoistField": [{"field": "line"}],
    "InsertField": [
        {"static.field": "s", "static.value": "v"},
        {"topic.field": "t!", "partition.field": "p", "timestamp.field": "ts"},
    ],
    "InsertHeader": [{"header": "h", "value.literal": "1"}],
    "MaskField": [{"fields": "a,b"}, {"fields": "a", "replacement": "7"}],
    "RegexRouter": [{"regex": "orders-(.*)", "replacement": "all-$1"}],
    "ReplaceField": [{"exclude": "a"}, {"include": "a,b", "renames": "a:z"}],
    "SetSchemaMetadata": [{"schema.name": "n", "schema.version": "3"}],
    "TimestampConverter": [
        {"target.type": "string", "format": "yyyy-MM-dd HH:mm:ss.SSS"},
        {"target.type": "unix", "field": "a"},
        {"target.type": "Timestamp"},
    ],
    "TimestampRouter": [{"topic.format": "${topic}-${timestamp}", "timestamp.format": "yyyyMM"}],
    "ValueToKey": [{"fields": "a"}, {"fields": "a,id"}],
}
PREDICATES: dict[str, dict[str, str]] = {
    "HasHeaderKey": {"name": "h"},
    "RecordIsTombstone": {},
    "TopicNameMatches": {"pattern": "orders.*"},
}
NUMBERS: dict[str, Schema] = {
    "Boolean": Schema.BOOLEAN,
    "Double": Schema.FLOAT64,
    "Float": Schema.FLOAT32,
    "Integer": Schema.INT32,
    "Long": Schema.INT64,
    "Short": Schema.INT16,
}


def loaded(kind: str, name: str) -> Any:
    return registry().load(kind, name)


def test_every_plugin_that_is_shipped_is_tried() -> None:
    ours = {"penstock-transforms", "penstock-converters"}
    shipped = [one for one in registry().list() if one.distribution in ours]
    names = {one.name for one in shipped if one.kind == "transforms"}
    assert names == set(TRANSFORMS)
    assert {one.name for one in shipped if one.kind == "predicates"} == set(PREDICATES)
    converters = {one.name for one in shipped if one.kind == "converters"}
    assert converters == {*NUMBERS, "Json", "String", "ByteArray"}


@pytest.mark.parametrize(
    ("name", "config"),
    [(name, config) for name, configs in TRANSFORMS.items() for config in configs],
)
def test_transforms(name: str, config: dict[str, str]) -> None:
    assert_transform_laws(loaded("transforms", name), config, max_examples=EXAMPLES)


@pytest.mark.parametrize(("name", "config"), PREDICATES.items())
def test_predicates(name: str, config: dict[str, str]) -> None:
    assert_predicate_laws(loaded("predicates", name), config, max_examples=EXAMPLES)


@pytest.mark.parametrize(("name", "schema"), NUMBERS.items())
def test_converters_of_single_values(name: str, schema: Schema) -> None:
    assert_converter_round_trip(
        loaded("converters", name),
        schemas=st.sampled_from([schema, schema.as_optional()]),
        normalize=lambda _, value: (schema.as_optional(), value),
        max_examples=EXAMPLES,
    )


def test_byte_arrays() -> None:
    assert_converter_round_trip(
        loaded("converters", "ByteArray"),
        schemas=st.just(Schema.OPTIONAL_BYTES),
        max_examples=EXAMPLES,
    )


def test_strings() -> None:
    optional = Schema.OPTIONAL_STRING
    assert_converter_round_trip(
        loaded("converters", "String"), schemas=st.just(optional), max_examples=EXAMPLES
    )
    assert_header_converter_round_trip(
        loaded("header_converters", "String"), schemas=st.just(optional), max_examples=EXAMPLES
    )


def test_json_with_schemas() -> None:
    # Infinity is no JSON number, and a default that stands for a null is read in its place.
    kinds = [kind for kind in Type if kind not in (Type.FLOAT32, Type.FLOAT64)]
    assert_converter_round_trip(
        loaded("converters", "Json"),
        {"decimal.format": "BASE64"},
        schemas=schemas(types=kinds, max_depth=0, defaults=False),
        max_examples=EXAMPLES,
    )


def test_json_without_schemas() -> None:
    assert_converter_round_trip(
        loaded("converters", "Json"),
        {"schemas.enable": "false"},
        schemas=st.none(),
        max_examples=EXAMPLES,
    )


@pytest.mark.parametrize(("name", "config"), [(n, configs[0]) for n, configs in TRANSFORMS.items()])
def test_settings_of_transforms(name: str, config: dict[str, str]) -> None:
    assert_config_spec(loaded("transforms", name), config, max_examples=EXAMPLES)


@pytest.mark.parametrize(("name", "config"), PREDICATES.items())
def test_settings_of_predicates(name: str, config: dict[str, str]) -> None:
    assert_config_spec(loaded("predicates", name), config, max_examples=EXAMPLES)


@pytest.mark.parametrize("name", [*NUMBERS, "Json", "String", "ByteArray"])
def test_settings_of_converters(name: str) -> None:
    assert_config_spec(loaded("converters", name), max_examples=EXAMPLES)


@pytest.mark.parametrize("name", ["FileStreamSource", "FileStreamSink"])
def test_settings_of_connectors(name: str) -> None:
    config = {"topic": "t", "file": "in"} if name.endswith("Source") else {"file": "out"}
    assert_config_spec(loaded("connectors", name), config, max_examples=EXAMPLES)
