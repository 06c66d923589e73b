from __future__ import annotations

import copy
from typing import Any

import pytest

from penstock.data import Batch, Schema, SourceRecord
from penstock.errors import ConfigError, DataError
from penstock_transforms import ValueToKey

SCHEMA = Schema.struct(
    {"a": Schema.INT32, "b": Schema.STRING.evolve(default="d"), "c": Schema.OPTIONAL_INT64},
    name="S",
    version=3,
)


def opened(fields: str, **config: str) -> ValueToKey:
    keys = {name.replace("_", "."): value for name, value in config.items()}
    made = ValueToKey(ValueToKey.config_spec().parse({"fields": fields, **keys}))
    made.open()
    return made


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        ("a", [{"a": 1}, {"a": 2}]),
        ("b,a", [{"b": "x", "a": 1}, {"b": "d", "a": 2}]),
        ("a,b,c", [{"a": 1, "b": "x", "c": 5}, {"a": 2, "b": "d", "c": None}]),
    ],
)
def test_keys_are_structs_of_the_fields(fields: str, keys: list[Any]) -> None:
    rows = [{"a": 1, "b": "x", "c": 5}, {"a": 2, "b": None}]
    before = copy.deepcopy(rows)
    batch = Batch.source(topic="t", values=rows, value_schema=SCHEMA)
    changed = opened(fields).apply_batch(batch)
    assert changed.keys == keys
    names = fields.split(",")
    assert changed.key_schema == Schema.struct({name: SCHEMA.schema_of(name) for name in names})
    assert (changed.values, changed.value_schema) == (rows, SCHEMA)
    assert rows == before
    for row, key in zip(rows, keys, strict=True):
        one = opened(fields).apply(SourceRecord(topic="t", value=row, value_schema=SCHEMA))
        assert one is not None
        assert (one.key, one.key_schema) == (key, changed.key_schema)


def test_maps_give_null_for_what_they_lack() -> None:
    rows = [{"a": 1}, {"b": 2}]
    changed = opened("a,b").apply_batch(Batch.source(topic="t", values=rows))
    assert changed.keys == [{"a": 1, "b": None}, {"a": None, "b": 2}]
    assert changed.key_schema is None


@pytest.mark.parametrize(
    ("schema", "value", "config", "message"),
    [
        (SCHEMA.evolve(fields=()), {}, {}, "Field does not exist: a; the fields of the value: n"),
        (SCHEMA, {"b": "x"}, {}, "null used for required field 'a' of the value, type int32"),
        (
            SCHEMA,
            {"a": 1, "b": None},
            {"replace_null_with_default": "false"},
            "null used for required field 'b' of the value, type string",
        ),
        (SCHEMA, None, {}, r"Only Struct objects supported for \[copying fields from value to"),
        (Schema.INT32, 5, {}, "Only Struct objects .*, found: int32"),
        (None, None, {}, "Only Map objects supported in absence of schema .*, found: null"),
        (None, [1], {}, "Only Map objects .*, found: list"),
    ],
)
def test_refusals_say_why(
    schema: Schema | None, value: Any, config: dict[str, str], message: str
) -> None:
    made = opened("a,b", **config)
    with pytest.raises(DataError, match=message):
        made.apply(SourceRecord(topic="t", value=value, value_schema=schema))
    with pytest.raises(DataError, match=message):
        made.apply_batch(Batch.source(topic="t", values=[value], value_schema=schema))


def test_fields_must_be_named() -> None:
    with pytest.raises(ConfigError, match="must be non-empty"):
        opened("")
