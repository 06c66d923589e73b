from __future__ import annotations

import datetime as dt
import decimal
import math
from typing import Any

import pytest
from tests.unit.converters.records import json_converter

from penstock.data import (
    Date,
    Decimal,
    EpochMillis,
    Lazy,
    Repeat,
    Schema,
    Text,
    Time,
    Timestamp,
    Type,
)
from penstock.errors import ConfigError, DataError
from penstock_converters import JsonConverter, JsonHeaderConverter

STRUCT = Schema.struct(
    {"a": Schema.INT8, "b": Schema.OPTIONAL_STRING, "c": Schema.array(Schema.FLOAT64)},
    name="s",
    version=2,
    doc="d",
)


def written(schema: Schema | None, value: Any, **settings: str) -> str:
    data = json_converter(schemas_enable="false", **settings).from_connect_data("t", schema, value)
    assert data is not None
    return data.decode()


def read(schema: str, payload: str, **settings: str) -> Any:
    data = f'{{"schema":{schema},"payload":{payload}}}'.encode()
    return json_converter(**settings).to_connect_data("t", data)[1]


def test_schema_members_stand_in_the_order_of_java() -> None:
    schema = Schema(
        Type.INT32, optional=True, name="n", version=3, doc="d", default=5, parameters={"p": "q"}
    )
    data = json_converter().from_connect_data("t", Schema.struct({"f": schema}), {"f": 1})
    assert data == (
        b'{"schema":{"type":"struct","fields":[{"type":"int32","optional":true,"name":"n",'
        b'"version":3,"doc":"d","parameters":{"p":"q"},"default":5,"field":"f"}],'
        b'"optional":false},"payload":{"f":1}}'
    )


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        (Schema.FLOAT64, 1e10, "1.0E10"),
        (Schema.FLOAT64, -0.0, "-0.0"),
        (Schema.FLOAT64, math.nan, '"NaN"'),
        (Schema.FLOAT64, -math.inf, '"-Infinity"'),
        (Schema.FLOAT32, 0.1, "0.1"),
        (Schema.FLOAT32, 16777216.0, "1.6777216E7"),
        (
            Schema.STRING,
            '\x1b\x7f/"\\\u2028é😀\ud800',
            '"\\u001B\x7f/\\"\\\\\u2028é\\uD83D\\uDE00\\uD800"',
        ),
        (Schema.BYTES, b"\xff\x00", '"/wA="'),
        (Schema.map(Schema.INT32, Schema.STRING), {1: "a"}, '[[1,"a"]]'),
        (Schema.map(Schema.STRING, Schema.INT8), {"a": 1}, '{"a":1}'),
        (Decimal.schema(2), decimal.Decimal("-1.28"), '"gA=="'),
        (Date.SCHEMA, dt.date(1970, 1, 2), "1"),
        (Date.SCHEMA, EpochMillis((2**31 - 1) * 86_400_000), "2147483647"),
        (Time.SCHEMA, EpochMillis(86_400_000), "86400000"),
        (Timestamp.SCHEMA, dt.datetime(1970, 1, 1, 0, 0, 1), "1000"),  # noqa: DTZ001 - UTC is meant
        (None, {"a": [1, 1.5, None, True, b"x"]}, '{"a":[1,1.5,null,true,"eA=="]}'),
        (None, {1: "a", "b": None}, '[[1,"a"],["b",null]]'),
    ],
)
def test_written_json_is_that_of_java(schema: Schema | None, value: Any, text: str) -> None:
    assert written(schema, value) == text.encode("utf-8", "surrogatepass").decode(
        "utf-8", "replace"
    )
    converter = json_converter(schemas_enable="false")
    column = [value] * 20
    assert list(converter.from_connect_batch("t", schema, column)) == [text.encode()] * 20


@pytest.mark.parametrize("form", ["NUMERIC", "numeric"])
def test_numeric_decimals_are_numbers_of_any_scale(form: str) -> None:
    assert written(Decimal.schema(2), decimal.Decimal("1.500"), decimal_format=form) == "1.500"
    assert written(Decimal.schema(2), decimal.Decimal("1E+9"), decimal_format=form) == "1E+9"
    with pytest.raises(DataError, match="scale"):
        written(Decimal.schema(2), decimal.Decimal("1.500"))


@pytest.mark.parametrize(
    ("schema", "value", "where"),
    [
        (Schema.INT8, 300, "payload: expected int8, got int 300"),
        (Schema.INT8, True, "payload: expected int8"),
        (Schema.INT8, None, "payload: None given for a required int8"),
        (STRUCT, {"a": 1, "c": [1.0, "x"]}, r"payload\.c\[1\]: expected double|payload\.c\[1\]"),
        (STRUCT, {"a": "1", "c": []}, r"payload\.a: expected int8, got str '1'"),
        (STRUCT, {"a": 1, "c": [], "d": 5}, "no field 'd'"),
        (Schema.map(Schema.STRING, Schema.INT8), {"k": "x"}, r"payload\['k'\]"),
        (Schema.FLOAT32, 1e300, "out of range"),
        (Schema.FLOAT64, 1, "expected float64, got int 1"),
        (Schema.BYTES, "AQ==", "expected bytes"),
        (Date.SCHEMA, dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "expected int32"),
        (Date.SCHEMA.evolve(type=Type.STRING), dt.date(2024, 1, 1), "wrong type for its name"),
        (Timestamp.SCHEMA, EpochMillis(1 << 63), "beyond 64 bits"),
        (None, 1 << 63, "out of range"),
        (None, decimal.Decimal(1), "expected a value of Connect, got Decimal"),
        (None, {"a": dt.datetime(2024, 1, 1, tzinfo=dt.UTC)}, "datetime"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    schema: Schema | None, value: Any, where: str
) -> None:
    converter = json_converter()
    with pytest.raises(DataError, match=where):
        converter.from_connect_data("t", schema, value)
    with pytest.raises(DataError, match=where):
        converter.from_connect_batch("t", schema, [value] * 20)


def test_fields_stand_in_the_order_of_the_schema_and_missing_ones_are_null() -> None:
    rows = [{"c": [], "a": 1}, {"b": "x", "c": [1.5], "a": 2}] * 10
    found = json_converter(schemas_enable="false").from_connect_batch("t", STRUCT, rows)
    assert found[:2] == [b'{"a":1,"b":null,"c":[]}', b'{"a":2,"b":"x","c":[1.5]}']
    plain = Schema.struct({"a": Schema.STRING, "b": Schema.OPTIONAL_STRING})
    more = json_converter(schemas_enable="false").from_connect_batch("t", plain, [{"a": "x"}] * 10)
    assert set(more) == {b'{"a":"x","b":null}'}


def test_default_stands_for_null_unless_told_otherwise() -> None:
    schema = Schema.struct({"a": Schema(Type.INT32, optional=True, default=5)})
    assert written(schema, {"a": None}) == '{"a":5}'
    assert written(schema, {"a": None}, replace_null_with_default="false") == '{"a":null}'
    text = '{"type":"struct","fields":[{"type":"int32","optional":true,"default":5,"field":"a"}]}'
    assert read(text, "{}") == {"a": 5}
    assert read(text, '{"a":null}', replace_null_with_default="false") == {"a": None}


def test_struct_default_is_written_and_read() -> None:
    schema = Schema.struct({"a": Schema.INT8}, default={"a": 1})
    data = json_converter().from_connect_data("t", schema, None)
    assert json_converter().to_connect_data("t", data) == (schema, {"a": 1})


def test_defaults_that_are_read_are_not_shared() -> None:
    text = '{"type":"array","items":{"type":"int8"},"default":[1]}'
    converter = json_converter()
    data = f'{{"schema":{text},"payload":null}}'.encode()
    first, second = (converter.to_connect_data("t", data)[1] for _ in range(2))
    assert first == second == [1]
    assert first is not second


def test_tombstones_keep_their_place() -> None:
    converter = json_converter()
    assert converter.from_connect_batch("t", None, [None, 5, None])[0] is None
    data = [None, *converter.from_connect_batch("t", STRUCT, [{"a": 1, "c": []}]), None]
    decoded = converter.to_connect_batch("t", data)
    assert list(decoded.values) == [None, {"a": 1, "b": None, "c": []}, None]
    assert decoded.schemas is not None
    assert list(decoded.schemas) == [None, STRUCT, None]


def test_none_column_costs_nothing() -> None:
    converter = json_converter()
    nothing = converter.from_connect_batch("t", None, Repeat(None, 1_000_000_000))
    assert isinstance(nothing, Repeat)
    assert nothing.value is None
    decoded = converter.to_connect_batch("t", Repeat(None, 1_000_000_000))
    assert isinstance(decoded.values, Repeat)
    repeated = converter.from_connect_batch("t", Schema.OPTIONAL_INT8, Repeat(None, 5))
    assert set(repeated) == {b'{"schema":{"type":"int8","optional":true},"payload":null}'}


def test_special_columns_are_taken() -> None:
    converter = json_converter(schemas_enable="false")
    text = Text([b"a", b"b"])
    assert list(converter.from_connect_batch("t", Schema.STRING, text)) == [b'"a"', b'"b"']
    lazy = Lazy(2, lambda: [1, 2])
    assert list(converter.from_connect_batch("t", Schema.INT8, lazy)) == [b"1", b"2"]


def test_empty_batch() -> None:
    assert list(json_converter().from_connect_batch("t", STRUCT, [])) == []
    assert list(json_converter().to_connect_batch("t", []).values) == []


def test_rows_of_equal_schemas_share_one() -> None:
    one = b'{"schema":{"type":"int8"},"payload":1}'
    two = b'{"schema": {"type":"int8", "optional":false},"payload":2}'
    decoded = json_converter().to_connect_batch("t", [one, two])
    assert decoded.schema is not None
    assert list(decoded.values) == [1, 2]


def test_caches_are_bounded() -> None:
    converter = json_converter(schemas_cache_size="2")
    for i in range(20):
        schema = Schema.struct({f"f{i}": Schema.INT8})
        data = converter.from_connect_data("t", schema, {f"f{i}": 1})
        assert converter.to_connect_data("t", data) == (schema, {f"f{i}": 1})
    for cache in (converter._writers, converter._readers, converter._readers_by_json):
        assert len(cache) <= 2


def test_schema_content_stands_for_the_envelope_on_reading() -> None:
    converter = json_converter(schema_content='{"type":"int32","optional":true}')
    assert converter.to_connect_data("t", b"5") == (Schema.OPTIONAL_INT32, 5)
    assert converter.to_connect_data("t", None) == (None, None)
    assert converter.to_connect_batch("t", [b"5", b"null"]).values == [5, None]
    with pytest.raises(DataError):
        converter.to_connect_data("t", b'{"schema":null,"payload":5}')
    data = converter.from_connect_data("t", Schema.STRING, "x")
    assert data == b'{"schema":{"type":"string","optional":false},"payload":"x"}'


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema.content", "nope"),
        ("schema.content", '{"type":"x"}'),
        ("decimal.format", "x"),
        ("schemas.enable", "maybe"),
        ("schemas.cache.size", "many"),
    ],
)
def test_bad_configuration_names_its_key(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        JsonConverter.config_spec().parse({key: value})


def test_empty_schema_content_is_none() -> None:
    data = b'{"schema":null,"payload":5}'
    assert json_converter(schema_content="").to_connect_data("t", data) == (None, 5)
    assert json_converter(schema_content="null").to_connect_data("t", data) == (None, 5)


@pytest.mark.parametrize("depth", [999, 1000, 1001, 100_000])
def test_depth_is_bounded_where_jackson_bounds_it(depth: int) -> None:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    converter = json_converter(schemas_enable="false")
    text = b"[" * depth + b"]" * depth
    if depth <= 1000:
        assert converter.from_connect_data("t", None, value) == text
        assert (
            converter.from_connect_data("t", None, converter.to_connect_data("t", text)[1]) == text
        )
        return
    with pytest.raises(DataError, match="nested deeper"):
        converter.from_connect_data("t", None, value)
    with pytest.raises(DataError, match="nested deeper"):
        converter.to_connect_data("t", text)


def test_deep_schemas_are_refused() -> None:
    text = '{"type":"array","items":' * 400 + '{"type":"int8"}' + "}" * 400
    with pytest.raises(DataError, match="deeper"):
        read(text, "[]")
    schema = Schema.INT8
    for _ in range(150):
        schema = Schema.array(schema)
    with pytest.raises(DataError, match="deeper"):
        json_converter().from_connect_data("t", schema, [])


def test_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(DataError):
        json_converter().from_connect_batch("t", None, [value])


def test_json_header() -> None:
    converter = JsonHeaderConverter(JsonConverter.config_spec().parse({"schemas.enable": "false"}))
    assert converter.from_connect_header("t", "h", Schema.INT8, 5) == b"5"
    assert converter.to_connect_header("t", "h", b"5") == (None, 5)


@pytest.mark.parametrize(
    ("schema", "value"),
    [(Schema.INT32, 10**6000), (None, [10**6000]), (Schema.STRING, 10**6000)],
    ids=["int32", "no schema", "string"],
)
def test_integer_that_python_cannot_print_is_a_data_error(
    schema: Schema | None, value: Any
) -> None:
    for call in (
        lambda: json_converter().from_connect_data("t", schema, value),
        lambda: json_converter().from_connect_batch("t", schema, [value] * 9),
    ):
        with pytest.raises(DataError, match="payload"):
            call()


def test_message_about_a_large_value_is_short() -> None:
    schema = Schema.struct({"a" * 60_000: Schema.INT8})
    for value in ({"a" * 60_000: "x" * 1_000_000}, {"b" * 1_000_000: 1}, ["x" * 1_000_000]):
        with pytest.raises(DataError) as caught:
            json_converter().from_connect_data("t", schema, value)
        assert len(str(caught.value)) < 600


@pytest.mark.parametrize("sign", ["", "-"])
def test_decimal_of_more_digits_than_python_reads_comes_back(sign: str) -> None:
    value = decimal.Decimal(f"{sign}{'7' * 5000}.1")
    converter = json_converter()
    row = converter.from_connect_data("t", Decimal.schema(1), value)
    assert list(converter.from_connect_batch("t", Decimal.schema(1), [value] * 9)) == [row] * 9
    assert converter.to_connect_data("t", row)[1] == value
    assert list(converter.to_connect_batch("t", [row] * 9).values) == [value] * 9
