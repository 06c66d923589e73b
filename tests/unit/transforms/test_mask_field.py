from __future__ import annotations

import copy
import datetime as dt
import decimal
from typing import Any

import pytest

from penstock.data import Batch, Date, Decimal, EpochMillis, Schema, SourceRecord, Time, Timestamp
from penstock.errors import ConfigError, DataError
from penstock_transforms import MaskField

SCHEMA = Schema.struct(
    {
        "n": Schema.INT8,
        "f": Schema.FLOAT32,
        "s": Schema.STRING.evolve(default="d"),
        "m": Decimal.schema(2, optional=True),
        "day": Date.OPTIONAL_SCHEMA,
        "time": Time.OPTIONAL_SCHEMA,
        "at": Timestamp.OPTIONAL_SCHEMA,
        "list": Schema.array(Schema.INT32),
        "raw": Schema.OPTIONAL_BYTES,
        "in": Schema.struct({}, optional=True),
    },
    name="S",
)
ROW: dict[str, Any] = {
    "n": 1,
    "f": 1.5,
    "s": "x",
    "m": decimal.Decimal("1.25"),
    "day": dt.date(2024, 1, 1),
    "time": dt.time(1),
    "at": Timestamp.from_ms(1),
    "list": [1],
    "raw": b"x",
    "in": {},
}
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def masked(fields: str, values: list[Any], schema: Schema | None, **config: str) -> list[Any]:
    keys = {name.replace("_", "."): value for name, value in config.items()}
    made = MaskField(MaskField.config_spec().parse({"fields": fields, **keys}))
    made.open()
    before = copy.deepcopy(values)
    batch = Batch.source(topic="t", values=values, value_schema=schema)
    changed = made.apply_batch(batch)
    assert isinstance(changed, Batch)
    assert changed.value_schema == schema
    assert values == before
    for value, one in zip(values, changed.values, strict=True):
        single = made.apply(SourceRecord(topic="t", value=value, value_schema=schema))
        assert single is not None
        assert single.value == one
    return list(changed.values)


def test_each_type_has_its_null_value() -> None:
    every = "n,f,s,m,day,time,at,list,none"
    nulls = dict.fromkeys(("m", "day", "time", "at", "raw", "in"))
    full, empty = masked(every, [ROW, {**ROW, **nulls, "s": None}], SCHEMA)
    assert full == {
        "n": 0,
        "f": 0.0,
        "s": "",
        "m": decimal.Decimal("0.00"),
        "day": dt.date(1970, 1, 1),
        "time": dt.time(0),
        "at": EPOCH,
        "list": [],
        "raw": b"x",
        "in": {},
    }
    assert full["m"].as_tuple().exponent == -2
    assert empty == {"n": 0, "f": 0.0, "s": "", **nulls, "list": []}


def test_replacements_are_read_for_each_type() -> None:
    (row,) = masked("n,f,s,m", [ROW], SCHEMA, replacement="7.5")
    assert row == {**ROW, "n": 7, "f": 7.5, "s": "7.5", "m": decimal.Decimal("7.50")}


def test_without_a_schema_the_value_s_class_decides() -> None:
    day = dt.date(2024, 1, 1)
    given = [True, 5, 1.5, "x", None, [1], {"b": 1}, decimal.Decimal(3), day, EpochMillis(5)]
    rows = masked("a,z", [{"a": one, "b": 1} for one in given], None)
    nulls = [False, 0, 0.0, "", None, [], {}, decimal.Decimal(0), dt.date(1970, 1, 1), EPOCH]
    assert [row["a"] for row in rows] == nulls
    assert [type(row["a"]) for row in rows] == [type(one) for one in nulls]
    assert all(row["b"] == 1 and row["z"] is None for row in rows)


@pytest.mark.parametrize(
    ("fields", "schema", "value", "config", "message"),
    [
        ("n", SCHEMA, ROW, {"replacement": "300"}, "300 to number: it does not fit int8; found in"),
        ("n", SCHEMA, ROW, {"replacement": "1e999999999"}, "does not fit int8"),
        ("n", SCHEMA, ROW, {"replacement": "x"}, "convert x to number, for a field of type int8"),
        ("f", SCHEMA, ROW, {"replacement": "1e40"}, "does not fit float32"),
        ("m", SCHEMA, ROW, {"replacement": "0.125"}, "does not fit Decimal; found in field 'm'"),
        ("m", SCHEMA, ROW, {"replacement": "1e999999999"}, "does not fit Decimal"),
        ("day", SCHEMA, ROW, {"replacement": "1"}, "Cannot mask value of type Date with custom"),
        ("list", SCHEMA, ROW, {"replacement": "1"}, "Cannot mask value of type array with custom"),
        ("raw", SCHEMA, ROW, {}, "Cannot mask value of type: bytes; found in field 'raw'"),
        ("in", SCHEMA, ROW, {}, "Cannot mask value of type: struct; found in field 'in'"),
        ("n", SCHEMA, {**ROW, "n": None}, {}, "null used for required field 'n'"),
        ("n", SCHEMA, None, {}, r"Only Struct objects supported for \[mask fields\], found: null"),
        ("s", SCHEMA, {**ROW, "s": None}, {"replace_null_with_default": "false"},
         "null used for required field 's'"),
        ("a", None, {"a": b"x"}, {}, "Cannot mask value of type: bytes; found in field 'a'"),
        ("a", None, {"a": True}, {"replacement": "1"}, "type boolean with custom replacement"),
        ("a", None, 5, {}, r"Only Map objects supported .*\[mask fields\], found: int"),
    ],
)  # fmt: skip
def test_refusals_say_why(
    fields: str, schema: Schema | None, value: Any, config: dict[str, str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        masked(fields, [value], schema, **config)


@pytest.mark.parametrize("config", [{"fields": ""}, {}, {"fields": "a", "replacement": ""}])
def test_wrong_configurations_are_refused(config: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        MaskField.config_spec().parse(config)
