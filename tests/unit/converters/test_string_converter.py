from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import pytest
from tests.unit.converters.records import string_converter

from penstock.data import Decimal, Repeat, Schema, Text, Timestamp
from penstock.errors import ConfigError, DataError
from penstock_converters import (
    ByteArrayConverter,
    ByteArrayHeaderConverter,
    StringConverter,
    StringHeaderConverter,
)

STRUCT = Schema.struct({"a": Schema.INT8, "b": Schema.OPTIONAL_STRING, "f": Schema.FLOAT32})


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        (None, "é😀", "é😀"),
        (None, True, "true"),
        (None, 12, "12"),
        (None, 1e10, "1.0E10"),
        (None, 1e-5, "1.0E-5"),
        (None, float("nan"), "NaN"),
        (Schema.FLOAT32, 0.1, "0.1"),
        (Schema.FLOAT64, 0.1, "0.1"),
        (Decimal.schema(3), decimal.Decimal("1.500"), "1.500"),
        (None, decimal.Decimal("1E+3"), "1E+3"),
        (None, decimal.Decimal("-0.0"), "0.0"),
        (STRUCT, {"a": 1, "b": None, "f": 2.5}, "Struct{a=1,f=2.5}"),
        (None, {"a": [1, None, {"b": False}]}, "{a=[1, null, {b=false}]}"),
        (Schema.map(Schema.INT32, Schema.FLOAT32), {1: 0.1, 2: 2.0}, "{1=0.1, 2=2.0}"),
        (Timestamp.SCHEMA, dt.datetime(2024, 2, 29, tzinfo=dt.UTC), "Thu Feb 29 00:00:00 UTC 2024"),
        (None, dt.time(1, 2, 3), "Thu Jan 01 01:02:03 UTC 1970"),
    ],
)
def test_written_text_is_that_of_java(schema: Schema | None, value: Any, text: str) -> None:
    assert string_converter().from_connect_data("t", schema, value) == text.encode()


@pytest.mark.parametrize("value", [b"x", [b"x"], {"a": b"x"}, object(), {1, 2}])
def test_what_has_no_text_is_refused(value: Any) -> None:
    with pytest.raises(DataError):
        string_converter().from_connect_data("t", None, value)


def test_deep_value_is_refused() -> None:
    value: Any = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(DataError, match="nested deeper"):
        string_converter().from_connect_data("t", None, value)


def test_none_is_a_tombstone_both_ways() -> None:
    assert string_converter().from_connect_data("t", Schema.OPTIONAL_STRING, None) is None
    assert string_converter().to_connect_data("t", None) == (Schema.OPTIONAL_STRING, None)


def test_text_column_passes_untouched() -> None:
    raw = [b"a", None, "é".encode()]
    converter = string_converter()
    decoded = converter.to_connect_batch("t", raw)
    assert isinstance(decoded.values, Text)
    assert decoded.schema is Schema.OPTIONAL_STRING
    assert converter.from_connect_batch("t", None, decoded.values) is raw


def test_column_that_is_no_utf8_is_replaced_as_java_does() -> None:
    decoded = string_converter().to_connect_batch("t", [b"\xed\xa0\x80", b"a\xffb", None])
    assert list(decoded.values) == ["\ufffd", "a\ufffdb", None]


def test_repeated_value_stays_one_value() -> None:
    converter = string_converter()
    nothing = converter.from_connect_batch("t", None, Repeat(None, 1_000_000_000))
    assert isinstance(nothing, Repeat)
    assert nothing.value is None
    assert list(converter.from_connect_batch("t", None, Repeat(5, 2))) == [b"5", b"5"]
    decoded = converter.to_connect_batch("t", Repeat(None, 1_000_000_000))
    assert isinstance(decoded.values, Repeat)


def test_lone_surrogate_is_written_as_a_question_mark() -> None:
    converter = string_converter()
    assert converter.from_connect_data("t", None, "a\ud800") == b"a?"
    assert converter.from_connect_batch("t", None, ["a\ud800", "b"]) == [b"a?", b"b"]


@pytest.mark.parametrize(
    ("encoding", "text", "data"),
    [
        ("ISO-8859-1", "é€", b"\xe9?"),
        ("UTF-16", "a", b"\xfe\xff\x00a"),
        ("UTF-16LE", "a", b"a\x00"),
        ("US-ASCII", "é", b"?"),
        ("Cp1252", "€", b"\x80"),
        ("Shift_JIS", "字", b"\x8e\x9a"),
    ],
)
def test_charsets_have_java_names(encoding: str, text: str, data: bytes) -> None:
    converter = string_converter(converter_encoding=encoding)
    assert converter.from_connect_data("t", None, text) == data
    assert converter.from_connect_batch("t", None, [text, None]) == [data, None]
    again = converter.to_connect_data("t", data)[1]
    assert again == text.replace("€", "?" if data.endswith(b"?") else "€").replace(
        "é", "?" if data == b"?" else "é"
    )


@pytest.mark.parametrize("encoding", ["nope", "base64", "rot13", "idna", "", "unicode_escape"])
def test_unknown_charset_is_refused_by_its_key(encoding: str) -> None:
    with pytest.raises(ConfigError, match=r"converter\.encoding"):
        string_converter(converter_encoding=encoding)


def test_plain_encoding_is_no_option() -> None:
    assert string_converter(encoding="UTF-16").from_connect_data("t", None, "a") == b"a"


def test_string_header_has_the_text() -> None:
    converter = StringHeaderConverter(StringConverter.config_spec().parse({}))
    assert converter.from_connect_header("t", "h", None, 1.5) == b"1.5"
    assert converter.to_connect_header("t", "h", b"x") == (Schema.OPTIONAL_STRING, "x")


def test_byte_array_passes_bytes_alone() -> None:
    converter = ByteArrayConverter(ByteArrayConverter.config_spec().parse({}))
    column = [b"a", None]
    assert converter.from_connect_batch("t", Schema.BYTES, column) is column
    assert converter.from_connect_batch("t", None, [bytearray(b"a"), memoryview(b"b")]) == [
        b"a",
        b"b",
    ]
    nothing = converter.from_connect_batch("t", None, Repeat(None, 1_000_000_000))
    assert isinstance(nothing, Repeat)
    decoded = converter.to_connect_batch("t", column)
    assert decoded.values is column
    assert decoded.schema is Schema.OPTIONAL_BYTES
    assert converter.to_connect_data("t", None) == (Schema.OPTIONAL_BYTES, None)


@pytest.mark.parametrize(
    ("schema", "value"), [(None, "text"), (Schema.BYTES, "text"), (Schema.STRING, b"x"), (None, 5)]
)
def test_byte_array_refuses_all_else(schema: Schema | None, value: Any) -> None:
    converter = ByteArrayConverter(ByteArrayConverter.config_spec().parse({}))
    with pytest.raises(DataError, match="bytes"):
        converter.from_connect_data("t", schema, value)
    with pytest.raises(DataError, match="bytes"):
        converter.from_connect_batch("t", schema, [value])


def test_byte_array_header_passes_bytes() -> None:
    converter = ByteArrayHeaderConverter(ByteArrayConverter.config_spec().parse({}))
    assert converter.from_connect_header("t", "h", Schema.BYTES, b"x") == b"x"
    assert converter.to_connect_header("t", "h", b"x") == (Schema.OPTIONAL_BYTES, b"x")
