from __future__ import annotations

import copy
import datetime as dt
from typing import Any

import pytest

from penstock.data import Batch, Schema, SourceRecord
from penstock.errors import DataError
from penstock_transforms import Flatten

INNER = Schema.struct({"x": Schema.INT32, "y": Schema.STRING.evolve(default="d")}, optional=True)
SCHEMA = Schema.struct(
    {"id": Schema.INT64, "in": INNER, "tags": Schema.array(Schema.STRING)}, name="S", doc="D"
)
ROWS: list[dict[str, Any]] = [
    {"id": 1, "in": {"x": 1, "y": "a"}, "tags": ["t"]},
    {"id": 2, "in": None, "tags": []},
    {"id": 3, "in": {"x": 3}, "tags": []},
    {"id": 4, "tags": []},
]


def flattened(values: list[Any], schema: Schema | None, **config: str) -> Batch:
    made = Flatten(Flatten.config_spec().parse(config))
    made.open()
    batch = Batch.source(topic="t", values=values, value_schema=schema)
    before = copy.deepcopy(values)
    changed = made.apply_batch(batch)
    assert isinstance(changed, Batch)
    assert values == before
    for value, one in zip(values, changed.values, strict=True):
        single = made.apply(SourceRecord(topic="t", value=value, value_schema=schema))
        assert single is not None
        assert (single.value, single.value_schema) == (one, changed.value_schema)
    return changed


def test_structs_are_joined_and_hand_down_that_they_are_optional() -> None:
    changed = flattened(ROWS, SCHEMA, delimiter="_")
    assert changed.values == [
        {"id": 1, "in_x": 1, "in_y": "a", "tags": ["t"]},
        {"id": 2, "in_x": None, "in_y": None, "tags": []},
        {"id": 3, "in_x": 3, "in_y": "d", "tags": []},
        {"id": 4, "in_x": None, "in_y": None, "tags": []},
    ]
    assert changed.value_schema == Schema.struct(
        {
            "id": Schema.INT64,
            "in_x": Schema.OPTIONAL_INT32,
            "in_y": Schema.OPTIONAL_STRING.evolve(default="d"),
            "tags": Schema.array(Schema.STRING),
        },
        name="S",
        doc="D",
    )


def test_a_struct_hands_down_its_default() -> None:
    inner = Schema.struct({"x": Schema.INT32, "y": Schema.INT32.evolve(default=9)})
    schema = Schema.struct({"in": inner.evolve(default={"x": 5, "y": 6})})
    changed = flattened([{"in": {"x": 1, "y": None}}], schema)
    assert changed.values == [{"in.x": 1, "in.y": 9}]
    assert changed.value_schema == Schema.struct(
        {"in.x": Schema.INT32.evolve(default=5), "in.y": Schema.INT32.evolve(default=9)}
    )


def test_maps_of_any_shape_are_joined() -> None:
    rows = [{"a": {"b": 1, "c": {"d": [2]}}, "e": None}, {"a": 3}, {"": {"": {"z": 1}}}, {}]
    assert flattened(rows, None).values == [
        {"a.b": 1, "a.c.d": [2], "e": None},
        {"a": 3},
        {"z": 1},
        {},
    ]


@pytest.mark.parametrize("depth", [99, 101, 102, 900])
def test_deep_maps_are_joined_without_recursion(depth: int) -> None:
    value: Any = {"v": 1, "w": 2}
    for _ in range(depth):
        value = {"a": value, "b": 3}
    made = Flatten(Flatten.config_spec().parse({}))
    made.open()
    changed = made.apply(SourceRecord(topic="t", value=value))
    assert changed is not None
    assert changed.value["a." * depth + "v"] == 1
    assert changed.value["a." * (depth - 1) + "b"] == 3
    assert len(changed.value) == depth + 2


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (None, {"a": {"m": dt.date(2024, 1, 1)}}, r"value of type date .*\(for field a\.m\)"),
        (None, {"a": {5: 1}}, r"takes text as names, got int 5 in 'a\.' of the value"),
        (None, 5, r"Only Map objects supported .*\[flattening\], found: int"),
        (Schema.INT32, 5, r"Only Struct objects supported for \[flattening\], found: int32"),
        (
            Schema.struct({"a": Schema.struct({"m": Schema.map(Schema.STRING, Schema.STRING)})}),
            {"a": {"m": {}}},
            r"does not support map for record with schemas \(for field a\.m\)",
        ),
        (
            Schema.struct({"a.b": Schema.INT32, "a": Schema.struct({"b": Schema.INT32})}),
            {"a.b": 1, "a": {"b": 1}},
            r"field name used twice: a\.b",
        ),
        (SCHEMA, {"id": None, "tags": []}, "null used for required field: 'id'"),
        (SCHEMA, {"id": 1, "in": 5, "tags": []}, r"found: int \(for field in\)"),
    ],
)
def test_refusals_say_why(schema: Schema | None, value: Any, message: str) -> None:
    made = Flatten(Flatten.config_spec().parse({}))
    made.open()
    with pytest.raises(DataError, match=message):
        made.apply(SourceRecord(topic="t", value=value, value_schema=schema))
    with pytest.raises(DataError, match=message):
        made.apply_batch(Batch.source(topic="t", values=[value], value_schema=schema))


def test_a_map_nested_beyond_the_bound_is_refused() -> None:
    value: Any = {}
    for _ in range(1200):
        value = {"a": value}
    made = Flatten(Flatten.config_spec().parse({}))
    made.open()
    with pytest.raises(DataError, match="nested deeper than 1000 levels"):
        made.apply(SourceRecord(topic="t", value=value))
