"""What only bytes show: odd floats in batches, JSON that is malformed, numbers as Java prints."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from typing import Any

import pytest
from tests.unit.converters.records import json_converter

from penstock.data import Date, Decimal, EpochMillis, Schema, Timestamp
from penstock.errors import DataError
from penstock_converters._charsets import UTF8, Charset
from penstock_converters._javadate import date_text
from penstock_converters._javatext import double_text, float_text, to_float32
from penstock_converters._json_parse import EMPTY, parse_bare, parse_exact


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.001, "0.001"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (-1.5e-9, "-1.5E-9"),
        (5e-324, "4.9E-324"),
        (1e23, "1.0E23"),
        (math.inf, "Infinity"),
        (math.nan, "NaN"),
    ],
)
def test_double_text(value: float, text: str) -> None:
    assert double_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (1449676.75, "1449676.8"),
        (2.0**-149, "1.4E-45"),
        (3.4028234663852886e38, "3.4028235E38"),
        (1e300, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
        (-0.0, "-0.0"),
        (0.01, "0.01"),
    ],
)
def test_float_text(value: float, text: str) -> None:
    assert float_text(value) == text


def test_doubles_near_the_largest_float_round_to_it() -> None:
    largest = 3.4028234663852886e38
    assert to_float32(3.4028235e38) == largest
    assert to_float32(-3.4028235e38) == -largest
    assert math.isinf(to_float32(3.4028236e38))


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "Thu Jan 01 00:00:00 UTC 1970"),
        (-12219292800001, "Thu Oct 04 23:59:59 UTC 1582"),
        (185542587100800000, "Fri Jul 11 00:00:00 UTC 5881580"),
        (-62135769600001, "Fri Dec 31 23:59:59 UTC 1"),
    ],
)
def test_date_text(ms: int, text: str) -> None:
    assert date_text(ms) == text


@pytest.mark.parametrize("big", [1e10, 1e-9, math.nan, -math.inf])
def test_odd_floats_without_schema_are_written_at_once_as_one_by_one(big: float) -> None:
    converter = json_converter(schemas_enable="false")
    rows: list[Any] = [{"a": big, "b": [0.5, 1, {"c": big}], "d": "x"}, big, [], None] * 5
    expected = [converter.from_connect_data("t", None, row) for row in rows]
    assert converter.from_connect_batch("t", None, rows) == expected


@pytest.mark.parametrize(
    "bad", [1 << 63, {"a": [1 << 63]}, {"a": {1, 2}}, [decimal.Decimal(1)], {"a": object()}]
)
def test_one_bad_row_without_schema_fails_the_batch(bad: Any) -> None:
    converter = json_converter(schemas_enable="false")
    for good in (1.5, 1e10):
        with pytest.raises(DataError):
            converter.from_connect_batch("t", None, [good] * 20 + [bad])


def test_columns_of_every_kind_are_written_at_once_as_one_by_one() -> None:
    when = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)
    schema = Schema.struct(
        {
            'odd"name': Schema.OPTIONAL_FLOAT64,
            "at": Timestamp.OPTIONAL_SCHEMA,
            "day": Date.SCHEMA,
            "price": Decimal.schema(2, optional=True),
            "pairs": Schema.map(Schema.INT32, Schema.array(Schema.OPTIONAL_STRING)),
            "names": Schema.map(Schema.STRING, Schema.FLOAT32),
            "blob": Schema.OPTIONAL_BYTES,
            "in": Schema.struct({}, optional=True),
        }
    )
    full = {
        'odd"name': 1e10,
        "at": when,
        "day": when.date(),
        "price": decimal.Decimal("1.25"),
        "pairs": {1: ["a", None], 2: []},
        "names": {"😀": 0.5, "b": 1e10},
        "blob": bytearray(b"x"),
        "in": {},
    }
    bare = {"day": EpochMillis(0), "pairs": {}, "names": {}, "at": EpochMillis(5)}
    naive = {
        **bare,
        "at": when.replace(tzinfo=None),
        "pairs": {3: ("a",)},
        "blob": memoryview(b"y"),
    }
    for rows in ([full, bare] * 10, [full, naive] * 10):
        for decimals in ("BASE64", "NUMERIC"):
            converter = json_converter(decimal_format=decimals)
            expected = [converter.from_connect_data("t", schema, row) for row in rows]
            assert converter.from_connect_batch("t", schema, rows) == expected
            decoded = converter.to_connect_batch("t", expected)
            pairs = [converter.to_connect_data("t", data) for data in expected]
            assert list(decoded.values) == [pair[1] for pair in pairs]
            assert decoded.schema == schema


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"01", 1),
        (b"-00.5", -0.5),
        (b' [1 , {"a" : null}, [], {}, true ] x', [1, {"a": None}, [], {}, True]),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'"\\u00e9\\ud83d\\ude00\\ud800"', "é😀\ud800"),
        (b"1 2", 1),
        (b"1\n", 1),
        (b"[1]\xff", [1]),
        (b"0" * 1001 + b"1", 1),
        ("[1]".encode("utf-16-le"), [1]),
        ("[1]".encode("utf-16"), [1]),
        ("[1]".encode("utf-32-le"), [1]),
        ("[1]".encode("utf-32-be"), [1]),
    ],
)
def test_lenient_json_is_parsed(data: bytes, value: Any) -> None:
    assert parse_bare(data) == value


def test_no_json_is_told_from_null() -> None:
    assert parse_bare(b" \n") is EMPTY
    assert parse_exact(b"") is EMPTY
    assert parse_exact(b"null") is None
    assert str(parse_exact(b"1.50e3")) == "1.50E+3"


@pytest.mark.parametrize(
    "text",
    [
        *("+1", ".5", "5.", "1x", "1,2", "truex", "nul", "NaN", "Infinity", "'a'", "/*c*/1", "-"),
        *("[1,]", "[1 2]", "[", '{"a" 1}', '{"a":1,}', "{a:1}", '{"a":1', '"\t"', '"\\x"', '"a'),
        *(
            "1e",
            "0x10",
            "--1",
            "1e99999999999",
            "1e-2147483648",
            "1" * 1001,
            '{"\\ud800":1}',
            "\x00",
        ),
        *("\u00a01", "\u20281", '{"' + "a" * 50_001 + '":1}', "[" * 1001, "1\x01", "tru"),
        '{"\\ud800":1}',
    ],
)
def test_malformed_json_is_refused_with_its_place(text: str) -> None:
    for parse in (parse_bare, parse_exact):
        with pytest.raises(DataError, match=r"JSON is malformed: .* at character \d+"):
            parse(text.encode())


@pytest.mark.parametrize("data", [b'"\xff"', b"\xff", b'{"a":"\xed\xa0\x80"}', b"true\xff"])
def test_bytes_that_are_no_text_are_told(data: bytes) -> None:
    with pytest.raises(DataError, match="JSON is malformed"):
        parse_exact(data)


@pytest.mark.parametrize("text", ["9223372036854775808", "1e400", "[-9223372036854775809]"])
def test_numbers_beyond_their_type_are_refused_without_schema(text: str) -> None:
    converter = json_converter(schemas_enable="false")
    with pytest.raises(DataError, match="beyond"):
        converter.to_connect_data("t", text.encode())
    with pytest.raises(DataError, match="beyond"):
        converter.to_connect_batch("t", [b"1", text.encode()])


def test_charset_that_is_utf8_under_another_name() -> None:
    assert Charset.find("utf8") == UTF8
    assert Charset.find("UTF-32") is not None
    wide = Charset("utf-32")
    assert wide.encode("a") == b"\0\0\0a"
    assert wide.decode(b"\xff\xfe\0\0a\0\0\0") == wide.decode(b"\0\0\xfe\xff\0\0\0a") == "a"
