from __future__ import annotations

import copy
import datetime as dt
import decimal
import math
from typing import Any

import pytest

from penstock.api import Side
from penstock.data import Batch, Date, Decimal, EpochMillis, Schema, SourceRecord, Time, Timestamp
from penstock.errors import ConfigError, DataError
from penstock_transforms import Cast

SCHEMA = Schema.struct(
    {
        "n": Schema.INT64,
        "f": Schema.FLOAT64,
        "s": Schema.OPTIONAL_STRING,
        "d": Schema.INT32.evolve(default=7),
        "at": Timestamp.OPTIONAL_SCHEMA,
    },
    name="S",
    version=2,
)
OUT_OF_INT8 = (
    r"Value \(300\) was out of range for requested data type int8: it ends at -128 and 127;"
    " got int; found in field 'n', which is int64"
)
NOON = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
ROWS: list[dict[str, Any]] = [
    {"n": 1, "f": 1.9, "s": "12", "d": 3, "at": Timestamp.from_ms(86_400_000)},
    {"n": -1, "f": -1.9, "s": None, "d": None, "at": None},
    {"n": 127, "f": 0.0, "d": 0, "at": Timestamp.from_ms(90_061_001)},
]


def opened(spec: str, side: Side = Side.VALUE, **config: str) -> Cast:
    keys = {name.replace("_", "."): value for name, value in config.items()}
    made = Cast(Cast.config_spec().parse({"spec": spec, **keys}))
    made.side = side
    made.open()
    return made


def values_of(made: Cast, values: list[Any], schema: Schema | None) -> tuple[list[Any], Any]:
    batch = Batch.source(topic="t", values=values, value_schema=schema)
    changed = made.apply_batch(batch)
    assert isinstance(changed, Batch)
    return list(changed.values), changed.value_schema


def test_fields_are_cast_and_the_input_stays() -> None:
    before = copy.deepcopy(ROWS)
    made = opened("n:int8,f:int32,s:float64,d:string,at:string,missing:int8")
    rows, schema = values_of(made, ROWS, SCHEMA)
    assert rows == [
        {"n": 1, "f": 1, "s": 12.0, "d": "3", "at": "1970-01-02"},
        {"n": -1, "f": -1, "s": None, "d": "7", "at": None},
        {"n": 127, "f": 0, "s": None, "d": "0", "at": "1970-01-02T01:01:01.001Z"},
    ]
    assert schema == Schema.struct(
        {
            "n": Schema.INT8,
            "f": Schema.INT32,
            "s": Schema.OPTIONAL_FLOAT64,
            "d": Schema.STRING.evolve(default="7"),
            "at": Schema.OPTIONAL_STRING,
        },
        name="S",
        version=2,
    )
    assert before == ROWS


def test_maps_get_the_fields_they_lack_as_nulls() -> None:
    rows = [{"a": "5", "b": [1]}, {"b": [2]}]
    before = copy.deepcopy(rows)
    changed, schema = values_of(opened("a:int32,c:string"), rows, None)
    assert changed == [{"a": 5, "b": [1], "c": None}, {"a": None, "b": [2], "c": None}]
    assert schema is None
    assert rows == before


def test_nulls_pass_and_part_from_the_rest() -> None:
    batch = Batch.source(topic="t", values=["1", None, "3"], value_schema=Schema.OPTIONAL_STRING)
    solid, nulls = opened("int16").apply_batch(batch)
    assert (list(solid.values), solid.value_schema) == ([1, 3], Schema.OPTIONAL_INT16)
    assert (list(nulls.values), nulls.value_schema) == ([None], Schema.OPTIONAL_STRING)
    assert (list(solid.rows), list(nulls.rows)) == ([0, 2], [1])


@pytest.mark.parametrize(
    ("schema", "value", "target", "expected"),
    [
        (None, True, "string", "true"),
        (None, True, "float32", 1.0),
        (None, 0.5, "boolean", False),
        (None, math.inf, "boolean", True),
        (None, -math.inf, "float32", -math.inf),
        (None, 1e21, "string", "1.0E21"),
        (Schema.FLOAT32, 0.10000000149011612, "string", "0.1"),
        (Schema.FLOAT32, 0.10000000149011612, "float32", 0.10000000149011612),
        (None, 0.1, "float32", 0.10000000149011612),
        (None, (1 << 53) + 1, "float32", 9007199254740992.0),
        (None, (1 << 62) + (1 << 38) + 1, "float32", float((1 << 62) + (1 << 39))),
        (None, b"\x00\xff", "string", "AP8="),
        (None, memoryview(b"a"), "string", "YQ=="),
        (Decimal.schema(1), decimal.Decimal("-7.9"), "int8", -7),
        (Decimal.schema(1), decimal.Decimal("0.9"), "boolean", False),
        (Decimal.schema(1), decimal.Decimal("7.0"), "string", "7.0"),
        (Date.SCHEMA, dt.date(1970, 1, 1), "string", "00:00:00.000Z"),
        (Date.SCHEMA, dt.date(2024, 2, 29), "string", "2024-02-29"),
        (Date.SCHEMA, EpochMillis(253_402_300_800_000), "int32", 2_932_897),
        (Time.SCHEMA, dt.time(1, 2, 3, 4999), "string", "01:02:03.004Z"),
        (Time.SCHEMA, EpochMillis(86_400_000), "int64", 86_400_000),
        (Timestamp.SCHEMA, EpochMillis(253_402_300_800_000), "string", "10000-01-01"),
        (Timestamp.SCHEMA, NOON.replace(tzinfo=None), "string", "2024-01-01T12:00:00.000Z"),
    ],
)
def test_values_of_every_type(
    schema: Schema | None, value: Any, target: str, expected: Any
) -> None:
    ((found,), _) = values_of(opened(target), [value], schema)
    assert (type(found), found) == (type(expected), expected)


def test_columns_of_several_classes() -> None:
    rows = [{"a": one} for one in (1, True, "3", None, 4.9)]
    changed, _ = values_of(opened("a:int32"), rows, None)
    assert [row["a"] for row in changed] == [1, 1, 3, None, 4]


@pytest.mark.parametrize(
    ("schema", "value", "spec", "message"),
    [
        (SCHEMA, {**ROWS[0], "n": 300}, "n:int8", OUT_OF_INT8),
        (SCHEMA, {**ROWS[0], "s": "x"}, "s:int8", r"Value \(x\) .*got str; found in field 's'"),
        (SCHEMA, {**ROWS[0], "n": None}, "n:int8", "null used for required field 'n'"),
        (SCHEMA, {**ROWS[0], "at": 5}, "at:int8", "Unexpected type in Cast transformation: int"),
        (None, {"a": math.nan}, "a:int8", r"Value \(nan\) .* a whole part; got float; found in"),
        (None, {"a": "1e400"}, "a:float64", r"Value \(1e400\) .*: it would be infinite"),
        (None, {"a": "yes"}, "a:boolean", "only true and false are booleans; got str"),
        (None, {"a": b"x"}, "a:int8", "Unexpected type in Cast transformation: bytes"),
        (None, {"a": [1]}, "a:int8", "does not support casting from array; .*field 'a'"),
        (None, {"a": dt.date(2024, 1, 1)}, "a:string", "value of type date which is not supported"),
        (None, {"a": object()}, "a:string", "value of type object which is not supported"),
        (None, 300, "int8", "found in the value$"),
        (Schema.INT16, 300, "int8", "found in the value, which is int16"),
        (None, 300, "a:int8", r"Only Map objects supported .*\[cast types\], found: int"),
        (Schema.INT16, 300, "a:int8", r"Only Struct objects supported for \[cast types\], found"),
        (None, "9" * 200, "int64", r"9{80}\.\.\.\)"),
        (None, "9" * 5000, "int64", r"9{80}\.\.\.\)"),
    ],
)  # fmt: skip
def test_refusals_say_why(schema: Schema | None, value: Any, spec: str, message: str) -> None:
    record = SourceRecord(topic="t", value=value, value_schema=schema)
    with pytest.raises(DataError, match=message):
        opened(spec).apply(record)
    with pytest.raises(DataError, match=message):
        values_of(opened(spec), [value, value], schema)


def test_a_struct_with_a_default_is_refused() -> None:
    schema = Schema.struct({"a": Schema.INT32}, default={"a": 1})
    with pytest.raises(DataError, match="does not support casting from struct"):
        values_of(opened("a:int8"), [{"a": 1}], schema)


def test_a_default_that_does_not_fit_is_refused() -> None:
    schema = Schema.struct({"a": Schema.INT32.evolve(default=300)})
    with pytest.raises(DataError, match=r"Value \(300\) .*field 'a'"):
        values_of(opened("a:int8"), [{"a": 1}], schema)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("a:bytes", "Invalid type found in casting spec: BYTES; one of int8, int16"),
        ("a:b:int8", "Invalid cast mapping: a:b:int8; write field:type"),
        ("int8,a:int8", "may only specify a single cast"),
        ("", "must be non-empty"),
    ],
)
def test_wrong_specs_are_refused(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        opened(spec)


def test_keys_are_cast_too() -> None:
    record = SourceRecord(topic="t", key="7", key_schema=Schema.STRING, value="7")
    changed = opened("int8", Side.KEY).apply(record)
    assert changed is not None
    assert (changed.key, changed.key_schema, changed.value) == (7, Schema.INT8, "7")
