from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import pytest

from penstock.data import Date, Decimal, EpochMillis, Schema, Time, Timestamp, Type
from penstock.errors import DataError
from penstock_converters import SimpleHeaderConverter
from penstock_converters._javadate import CalendarFields, days_of


def converter() -> SimpleHeaderConverter:
    return SimpleHeaderConverter(SimpleHeaderConverter.config_spec().parse({}))


def read(text: str) -> tuple[Schema | None, Any]:
    return converter().to_connect_header("t", "h", text.encode())


def test_nothing_stays_nothing() -> None:
    assert converter().to_connect_header("t", "h", None) == (None, None)
    assert converter().from_connect_header("t", "h", Schema.OPTIONAL_STRING, None) is None
    assert read("") == (Schema.STRING, "")
    assert read("null") == (None, None)


def test_bytes_that_are_no_text_stay_bytes() -> None:
    assert converter().to_connect_header("t", "h", b"\xff5") == (Schema.BYTES, b"\xff5")


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("0.1", Schema.FLOAT32, 0.10000000149011612),
        ("3.14159265358979", Schema.FLOAT64, 3.14159265358979),
        ("1e-50", Schema.FLOAT64, 1e-50),
        ("99999999999999999999.5", Decimal.schema(1), decimal.Decimal("99999999999999999999.5")),
        ("1e-400", Decimal.schema(400), decimal.Decimal("1e-400")),
        ("[0.1,1e-50]", Schema.array(Schema.FLOAT64), [0.1, 1e-50]),
        ("[16777217,1.5]", Schema.array(Schema.FLOAT64), [16777217.0, 1.5]),
    ],
)
def test_number_keeps_all_its_digits(text: str, schema: Schema, value: Any) -> None:
    assert read(text) == (schema, value)


@pytest.mark.parametrize("text", ["1::2", "1:2", "5,6", "[1,2]x", "{}{}", "2024-01-02:x", "true]"])
def test_what_follows_a_value_makes_it_a_string(text: str) -> None:
    assert read(text) == (Schema.STRING, text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[]", []),
        ("{}", {}),
        ("[null]", [None]),
        ('[1,"a"]', [1, "a"]),
        ('[[1],["a"]]', [[1], ["a"]]),
    ],
)
def test_parts_without_a_common_type_have_no_schema(text: str, value: Any) -> None:
    assert read(text) == (None, value)


def test_null_among_others_makes_them_optional() -> None:
    assert read("[1,null]") == (Schema.array(Schema.OPTIONAL_INT8), [1, None])


def test_mixed_map_has_no_schema() -> None:
    assert read('{"a":1,"b":"x"}') == (None, {"a": 1, "b": "x"})


def test_quoted_text_loses_the_escapes_that_writing_gave_it() -> None:
    values = ['a"b', "c\\d", "x:y,[]{}"]
    schema = Schema.array(Schema.STRING)
    data = converter().from_connect_header("t", "h", schema, values)
    assert data == b'["a\\"b","c\\\\d","x:y,[]{}"]'
    assert converter().to_connect_header("t", "h", data) == (schema, values)


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        (Schema.BYTES, b"\x01", "AQ=="),
        (Schema.array(Schema.BYTES), [b"\x01"], '["AQ=="]'),
        (Schema.FLOAT32, 0.1, "0.1"),
        (None, True, "true"),
        (Date.SCHEMA, dt.date(2024, 2, 29), "2024-02-29"),
        (Time.SCHEMA, dt.time(1, 2, 3, 4000), "01:02:03.004Z"),
        (Timestamp.SCHEMA, dt.datetime(2024, 1, 2, 3, tzinfo=dt.UTC), "2024-01-02T03:00:00.000Z"),
        (Date.SCHEMA, dt.date(1969, 12, 31), "1969-12-31"),
        (Timestamp.SCHEMA, EpochMillis(-1), "1969-12-31T23:59:59.999Z"),
        (
            Schema.struct({"a": Schema.INT8, "b": Schema.OPTIONAL_STRING}),
            {"a": 1, "b": None},
            '{"a":1,"b":null}',
        ),
        (Schema.map(Schema.INT8, Schema.STRING), {1: "x"}, '{1:"x"}'),
        (None, {"a": decimal.Decimal("1.50")}, '{"a":1.50}'),
    ],
)
def test_values_are_written(schema: Schema | None, value: Any, text: str) -> None:
    assert converter().from_connect_header("t", "h", schema, value) == text.encode()


def test_what_has_no_text_is_refused() -> None:
    with pytest.raises(DataError, match="no type of Connect"):
        converter().from_connect_header("t", "h", None, object())
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(DataError, match="deeper"):
        converter().from_connect_header("t", "h", None, deep)


def test_time_beyond_a_day_is_a_string() -> None:
    assert read("25:00:00.000Z") == (Schema.STRING, "25:00:00.000Z")


def test_calendar_counts_back_what_it_counted() -> None:
    for days in (*range(-800_000, 800_000, 9973), -141_427, -141_428):
        at = CalendarFields.of(days * 86_400_000)
        if days > -719_000:
            assert days_of(at.year, at.month, at.day) == days


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("true", Schema.BOOLEAN, True),
        (" 1 ", Schema.INT8, 1),
        ("-129", Schema.INT16, -129),
        ("40000", Schema.INT32, 40000),
        ("3000000000", Schema.INT64, 3000000000),
        ("1e3", Schema.INT16, 1000),
        ("99999999999999999999", Decimal.schema(0), decimal.Decimal(99999999999999999999)),
        ("1e99999999999", Schema.STRING, "1e99999999999"),
        ("-", Schema.STRING, "-"),
        ("a:b", Schema.STRING, "a:b"),
        ("  ", Schema.STRING, "  "),
        ("2024-02-30", Date.SCHEMA, dt.date(2024, 3, 1)),
        ("12:34:56.789Z", Time.SCHEMA, dt.time(12, 34, 56, 789000)),
        (
            "2024-01-02T03\\:04\\:05.006Z",
            Timestamp.SCHEMA,
            dt.datetime(2024, 1, 2, 3, 4, 5, 6000, tzinfo=dt.UTC),
        ),
        ("2024-01-02 03:04:05.006Z", Schema.STRING, "2024-01-02 03:04:05.006Z"),
        ("xxxx-01-02", Schema.STRING, "xxxx-01-02"),
        ("99:99:9x.999Z", Schema.STRING, "99:99:9x.999Z"),
        ("[ 1 , 300 ]", Schema.array(Schema.INT16), [1, 300]),
        ("[1,2.5]", Schema.array(Schema.FLOAT32), [1.0, 2.5]),
        ('["2024-01-02"]', Schema.array(Date.SCHEMA), [dt.date(2024, 1, 2)]),
        ('{"a":{"b":[true]}}', None, {"a": {"b": [True]}}),
        ("[1,", Schema.STRING, "[1,"),
        ("[,]", Schema.STRING, "[,]"),
        ("[a]", Schema.STRING, "[a]"),
        ("{a:1}", Schema.STRING, "{a:1}"),
        ("{null:1}", Schema.STRING, "{null:1}"),
        ("{[1]:1}", Schema.STRING, "{[1]:1}"),
        ('["abc', Schema.STRING, '["abc'),
        ("[0.1,99999999999999999999.5]", None, None),
    ],
)
def test_text_is_read_as_the_smallest_type(text: str, schema: Schema | None, value: Any) -> None:
    found_schema, found = read(text)
    if value is not None:
        assert found == value
    if schema is not None:
        assert found_schema == schema
    else:
        assert found_schema is None or found_schema.type in (Type.MAP, Type.ARRAY)
