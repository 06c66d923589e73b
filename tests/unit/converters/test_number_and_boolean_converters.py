"""Numbers and flags as bytes: what is refused and how it is told, whole columns, tombstones."""

from __future__ import annotations

from typing import Any

import pytest

import penstock_converters
from penstock.api import Converter
from penstock.data import Date, Repeat, Schema
from penstock.errors import DataError


def made(name: str) -> Converter[Any]:
    cls = getattr(penstock_converters, name)
    found: Converter[Any] = cls(cls.config_spec().parse({}))
    return found


@pytest.mark.parametrize(
    ("name", "value", "data"),
    [
        ("ShortConverter", -2, b"\xff\xfe"),
        ("IntegerConverter", 1, b"\0\0\0\1"),
        ("LongConverter", -(1 << 63), b"\x80" + b"\0" * 7),
        ("FloatConverter", 1.5, b"\x3f\xc0\0\0"),
        ("DoubleConverter", -0.0, b"\x80" + b"\0" * 7),
        ("BooleanConverter", True, b"\1"),
    ],
)
def test_value_is_its_bytes_both_ways(name: str, value: Any, data: bytes) -> None:
    converter = made(name)
    schema = converter.to_connect_data("t", None)[0]
    assert schema is not None
    for given in (None, schema, schema.as_required()):
        assert converter.from_connect_data("t", given, value) == data
        assert converter.from_connect_batch("t", given, [value, None]) == [data, None]
    assert converter.to_connect_data("t", data) == (schema, value)
    decoded = converter.to_connect_batch("t", [data, None, data])
    assert list(decoded.values) == [value, None, value]
    assert type(next(iter(decoded.values))) is type(value)
    assert (decoded.schema, list(decoded.unread)) == (schema, [])
    assert list(converter.to_connect_batch("t", []).values) == []
    repeated = converter.to_connect_batch("t", Repeat(data, 1_000_000_000))
    assert isinstance(repeated.values, Repeat)
    written = converter.from_connect_batch("t", None, Repeat(value, 1_000_000_000))
    assert isinstance(written, Repeat)


@pytest.mark.parametrize(
    ("name", "schema", "value", "message"),
    [
        ("IntegerConverter", Schema.INT64, 5, r"Failed to serialize to integer \(was int64\)"),
        ("IntegerConverter", None, "5", r"\(was str '5'\).*expected int"),
        ("IntegerConverter", None, True, r"\(was bool True\)"),
        ("IntegerConverter", Date.SCHEMA, b"x" * 500, r"\(was bytes b'xx.*\.\.\.\)"),
        ("ShortConverter", Schema.INT16, 1 << 15, "32768 is out of the range of int16"),
        ("LongConverter", None, 1 << 9000, "out of the range of int64"),
        ("FloatConverter", Schema.FLOAT32, 1e39, r"1e\+39 is out of the range of float32"),
        ("DoubleConverter", None, 5, "expected float"),
        ("BooleanConverter", Schema.INT8, True, "Invalid schema type for BooleanConverter: int8"),
        ("BooleanConverter", Schema.STRING, None, "Invalid schema type"),
        ("BooleanConverter", None, 1, "not compatible with objects of type int"),
    ],
)
def test_what_is_no_such_value_is_refused(
    name: str, schema: Schema | None, value: Any, message: str
) -> None:
    converter = made(name)
    with pytest.raises(DataError, match=message):
        converter.from_connect_data("t", schema, value)
    for column in ([value], [None, value], Repeat(value, 2)):
        with pytest.raises(DataError, match=message):
            converter.from_connect_batch("t", schema, column)


def test_none_is_a_tombstone_for_numbers_whatever_the_schema() -> None:
    assert made("LongConverter").from_connect_data("t", Schema.STRING, None) is None
    assert made("LongConverter").from_connect_batch("t", Schema.STRING, [None]) == [None]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("ShortConverter", b"\0", "deserialize short.*is not 2, it is 1"),
        ("IntegerConverter", b"", "is not 4, it is 0"),
        ("LongConverter", b"\0" * 9, "is not 8, it is 9"),
        ("FloatConverter", b"\0" * 8, "is not 4, it is 8"),
        ("DoubleConverter", b"\0" * 4, "is not 8, it is 4"),
        ("BooleanConverter", b"\2", "expected one byte, 01 or 00, got 1 bytes: 02"),
        ("BooleanConverter", b"", "got 0 bytes"),
    ],
)
def test_bytes_of_a_wrong_size_are_refused_and_left_unread_in_a_batch(
    name: str, data: bytes, message: str
) -> None:
    converter = made(name)
    with pytest.raises(DataError, match=message):
        converter.to_connect_data("t", data)
    good = converter.from_connect_data("t", None, {"B": False, "F": 2.0, "D": 2.0}.get(name[0], 2))
    decoded = converter.to_connect_batch("t", [good, data, None, good])
    assert list(decoded.unread) == [1]
    values = list(decoded.values)
    assert values[3] == values[0] == converter.to_connect_data("t", good)[1]
