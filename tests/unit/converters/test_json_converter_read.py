"""The JsonConverter reads what Java reads, and refuses what Java would change."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.unit.converters.records import comparable, json_converter

from penstock.data import Schema
from penstock.errors import DataError
from penstock_converters import JsonConverter


def read(schema: str, payload: str, **settings: str) -> Any:
    """Read a record by a converter that has seen enough of its schema to compile it."""
    data = f'{{"schema":{schema},"payload":{payload}}}'.encode()
    converter = json_converter(**settings)
    first = outcome(converter, data)
    for _ in range(9):
        assert comparable(outcome(converter, data)) == comparable(first)
    return converter.to_connect_data("t", data)[1]


def outcome(converter: JsonConverter, data: bytes) -> Any:
    try:
        return converter.to_connect_data("t", data)[1]
    except DataError as problem:
        return str(problem)


@pytest.mark.parametrize(
    ("schema", "payload", "value"),
    [
        ('{"type":"int32"}', "1.0", 1),
        ('{"type":"int64"}', "1e3", 1000),
        ('{"type":"int8"}', "007", 7),
        ('{"type":"double"}', "1", 1.0),
        ('{"type":"double"}', '"NaN"', math.nan),
        ('{"type":"double"}', "-0.0", -0.0),
        ('{"type":"float"}', "0.1", 0.10000000149011612),
        ('{"type":"float"}', '"-Infinity"', -math.inf),
        ('{"type":"bytes"}', '"AQ=="', b"\x01"),
        ('{"type":"bytes"}', '" AQ==\\nAQID "', b"\x01\x01\x02\x03"),
        ('{"type":"string"}', '"\\ud83d\\ude00\\ud800"', "😀\ud800"),
        ('{"type":"map","keys":{"type":"int8"},"values":{"type":"int8"}}', "[[1,2],[1,3]]", {1: 3}),
        ('{"type":"struct","fields":[]}', '{"more":1}', {}),
        ("null", '{"a":[1,2.5,null]}', {"a": [1, 2.5, None]}),
    ],
)
def test_json_is_read(schema: str, payload: str, value: Any) -> None:
    assert comparable(read(schema, payload)) == comparable(value)


DECIMAL = (
    '{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}}'
)


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        ('"fQ=="', "1.25"),
        ("1.5", "1.5"),
        ("15", "15"),
        ("-0.0", "0.0"),
        ("1e1000000", "1E+1000000"),
    ],
)
def test_decimals_are_read_in_either_form_and_never_rounded(payload: str, value: str) -> None:
    assert str(read(DECIMAL, payload)) == value
    many = "1" * 60 + "." + "2" * 60
    assert str(read(DECIMAL, many)) == many


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        ('{"type":"bytes"}', '"AQ"'),
        ('{"type":"bytes"}', '"!!!"'),
        ('{"type":"bytes"}', '"AIA0="'),
        ('{"type":"bytes"}', '"AIA0===="'),
        ('{"type":"bytes"}', '"A Q=="'),
        ('{"type":"array"}', "[]"),
        ('{"type":"array","items":null}', "[]"),
        ('{"type":"map","keys":{"type":"string"}}', "{}"),
        ('{"type":"map","keys":{"type":"string"},"values":{"type":"int8"}}', "[]"),
        ('{"type":"map","keys":{"type":"int8"},"values":{"type":"int8"}}', "{}"),
        ('{"type":"map","keys":{"type":"int8"},"values":{"type":"int8"}}', "[[1]]"),
        ('{"type":"struct","fields":5}', "{}"),
        ('{"type":"struct","fields":[5]}', "{}"),
        ('{"type":"struct","fields":[{"type":"int8","field":""}]}', "{}"),
        (
            '{"type":"struct","fields":[{"type":"int8","field":"a"},{"type":"int8","field":"a"}]}',
            '{"a":1}',
        ),
        ('{"type":"struct","fields":[{"type":"int8","field":"a"}]}', "{}"),
        ('{"type":"unknown"}', "1"),
        ('"int8"', "1"),
        ('{"type":"int8","parameters":{"a":5}}', "1"),
        ('{"type":"int8","default":null}', "1"),
        ('{"type":"int8","default":300}', "1"),
        ('{"type":"int8"}', "null"),
        (DECIMAL.replace('"2"', '"x"'), '"AQ=="'),
        (DECIMAL.replace('"2"', '"99999999999"'), '"AQ=="'),
        (DECIMAL, '""'),
        ('{"type":"string","name":"org.apache.kafka.connect.data.Date"}', '"x"'),
        ('{"type":"int32","name":"org.apache.kafka.connect.data.Time"}', "-5"),
    ],
)
def test_bad_records_are_data_errors(schema: str, payload: str) -> None:
    with pytest.raises(DataError):
        read(schema, payload)


@pytest.mark.parametrize(
    "data", [b"", b"null", b"{}", b'{"payload":1}', b'{"schema":null,"payload":1,"x":2}', b"[1]"]
)
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match=r"schemas\.enable"):
        json_converter().to_connect_data("t", data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"schema":{"type":"int8"},"payload":5}',
        b' {"payload" : 5, "schema" : {"type":"int8"}}\n',
        b'{"schema":1,"payload":0,"payload":5,"schema":{"type":"int8"}} tail',
        b'\xef\xbb\xbf{"schema":{"type":"int8"},"payload":05}',
        '{"schema":{"type":"int8"},"payload":5}'.encode("utf-16-be"),
        '{"schema":{"type":"int8"},"payload":5}'.encode("utf-32"),
        b'{"schema":{"type":"int8"},"payload":5}\xff',
    ],
)
def test_envelopes_are_read_as_tolerantly_as_by_java(data: bytes) -> None:
    assert json_converter().to_connect_data("t", data) == (Schema.INT8, 5)
    decoded = json_converter().to_connect_batch("t", [data] * 3)
    assert list(decoded.values) == [5, 5, 5]


def test_truncated_envelope_is_never_taken_for_a_shorter_one() -> None:
    good = b'{"schema":{"type":"int32"},"payload":12}'
    converter = json_converter()
    assert list(converter.to_connect_batch("t", [good, good]).values) == [12, 12]
    with pytest.raises(DataError):
        converter.to_connect_batch("t", [good, good[:-1]])


def test_no_bytes_without_schemas_are_no_value() -> None:
    converter = json_converter(schemas_enable="false")
    for data in (None, b"", b" ", b"null"):
        assert converter.to_connect_data("t", data) == (None, None)


def test_broken_text_is_seen_in_members_that_are_ignored() -> None:
    start = b'{"schema":{"type":"struct","fields":[{"type":"int8","optional":true,"field":"a"}]},'
    good, bad = start + b'"payload":{"b":"\xc3\xa9"}}', start + b'"payload":{"b":"\xff"}}'
    converter = json_converter()
    assert list(converter.to_connect_batch("t", [good] * 2).values) == [{"a": None}] * 2
    for call in (
        lambda: converter.to_connect_data("t", bad),
        lambda: converter.to_connect_batch("t", [good, bad]),
    ):
        with pytest.raises(DataError, match="malformed"):
            call()
