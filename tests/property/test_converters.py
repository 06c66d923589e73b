"""Laws of the converters: what is written is read back, and batches agree with rows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.converters.records import (
    bare_values,
    columns,
    comparable,
    filled,
    json_converter,
    schemas,
    singles,
    string_converter,
    texts,
    values,
)

from penstock.data import Schema, Type
from penstock.errors import DataError
from penstock_converters import SimpleHeaderConverter

_DECIMALS = st.sampled_from(["BASE64", "numeric"])
_FLAGS = st.sampled_from(["true", "false"])


def _outcome(make: Any) -> Any:
    """Return the result of a call, or that it was refused."""
    try:
        return make()
    except DataError:
        return DataError


@given(schemas.flatmap(lambda schema: st.tuples(st.just(schema), values(schema))), _DECIMALS)
def test_json_with_schema_comes_back_as_it_was(pair: tuple[Schema, Any], decimals: str) -> None:
    schema, value = pair
    converter = json_converter(decimal_format=decimals)
    data = converter.from_connect_data("t", schema, value)
    read_schema, read = converter.to_connect_data("t", data)
    assert read_schema == schema
    assert comparable(read) == comparable(filled(schema, value))


@given(columns(), _DECIMALS, _FLAGS, _FLAGS)
def test_json_batch_agrees_with_rows(
    column: tuple[Schema | None, list[Any]], decimals: str, enable: str, replace: str
) -> None:
    schema, rows = column
    converter = json_converter(
        decimal_format=decimals, schemas_enable=enable, replace_null_with_default=replace
    )
    # A writer compiles a schema only after some rows.
    for _ in range(3):
        one_by_one = [
            _outcome(lambda row=row: converter.from_connect_data("t", schema, row)) for row in rows
        ]
        together = _outcome(lambda: list(converter.from_connect_batch("t", schema, rows)))
        assert together == (DataError if DataError in one_by_one else one_by_one)
    if together is DataError:
        return
    decoded = _outcome(lambda: converter.to_connect_batch("t", together))
    if decoded is DataError:
        # A decimal written as a number may be past what is read without a schema.
        assert enable == "false"
        assert any(
            _outcome(lambda data=data: converter.to_connect_data("t", data)) is DataError
            for data in together
        )
        return
    read = [row for row in range(len(rows)) if row not in set(decoded.unread)]
    pairs = [converter.to_connect_data("t", together[row]) for row in read]
    found = decoded.schemas or [decoded.schema] * len(rows)
    values = list(decoded.values)
    assert [found[row] for row in read] == [pair[0] for pair in pairs]
    assert comparable([values[row] for row in read]) == comparable([pair[1] for pair in pairs])


@given(columns(), st.data())
def test_json_batch_agrees_with_rows_where_bytes_are_damaged(
    column: tuple[Schema | None, list[Any]], data: st.DataObject
) -> None:
    schema, rows = column
    converter = json_converter(schemas_enable="false" if schema is None else "true")
    written = list(converter.from_connect_batch("t", schema, rows))
    victim = data.draw(st.integers(0, len(written) - 1))
    good = written[victim] or b"null"
    at = data.draw(st.integers(0, len(good)))
    patch = data.draw(st.sampled_from([b"", b" ", b"0", b"9", b".5", b"\xff", b'"', b"}", b"null"]))
    cut = data.draw(st.integers(0, 3))
    written[victim] = good[:at] + patch + good[at + cut :]
    one_by_one = [_outcome(lambda one=one: converter.to_connect_data("t", one)) for one in written]
    decoded = _outcome(lambda: converter.to_connect_batch("t", written))
    if decoded is DataError:
        assert DataError in one_by_one
        return
    # What the batch left out, the runtime reads by itself; of the rest all must be as by row.
    read = [row for row in range(len(written)) if row not in set(decoded.unread)]
    assert DataError not in [one_by_one[row] for row in read]
    values = list(decoded.values)
    assert comparable([values[row] for row in read]) == comparable(
        [one_by_one[row][1] for row in read]
    )
    found = decoded.schemas or [decoded.schema] * len(written)
    assert [found[row] for row in read] == [one_by_one[row][0] for row in read]


@given(bare_values)
def test_json_without_schema_comes_back_with_texts_for_bytes(value: Any) -> None:
    converter = json_converter(schemas_enable="false")
    data = converter.from_connect_data("t", None, value)
    again = converter.from_connect_data("t", *converter.to_connect_data("t", data))
    assert again == data


@given(st.binary(max_size=40))
def test_json_of_any_bytes_is_a_value_or_a_data_error(data: bytes) -> None:
    for enable in ("true", "false"):
        _outcome(lambda on=enable: json_converter(schemas_enable=on).to_connect_data("t", data))


@given(st.lists(st.none() | st.binary(max_size=6) | texts.map(str.encode), max_size=8))
def test_string_batch_agrees_with_rows_on_reading(data: list[bytes | None]) -> None:
    converter = string_converter()
    decoded = converter.to_connect_batch("t", data)
    assert list(decoded.values) == [converter.to_connect_data("t", one)[1] for one in data]
    if all(one is None or one.decode(errors="ignore").encode() == one for one in data):
        assert list(converter.from_connect_batch("t", decoded.schema, decoded.values)) == data


@given(columns())
def test_string_batch_agrees_with_rows_on_writing(
    column: tuple[Schema | None, list[Any]],
) -> None:
    schema, rows = column
    converter = string_converter()
    one_by_one = [
        _outcome(lambda row=row: converter.from_connect_data("t", schema, row)) for row in rows
    ]
    together = _outcome(lambda: list(converter.from_connect_batch("t", schema, rows)))
    assert together == (DataError if DataError in one_by_one else one_by_one)


_header_values = st.recursive(
    st.tuples(st.just(Schema.STRING), texts)
    | st.tuples(st.just(Schema.INT64), st.integers(-(1 << 63), (1 << 63) - 1))
    | st.tuples(st.just(Schema.BOOLEAN), st.booleans())
    | st.tuples(st.just(Schema.FLOAT32), singles.filter(lambda one: one % 1 > 0.0)),
    lambda inner: inner.map(lambda pair: (Schema.array(pair[0]), [pair[1], pair[1]])),
    max_leaves=2,
)


@given(_header_values.filter(lambda pair: pair[0].type is Type.ARRAY))
def test_header_arrays_keep_their_elements(pair: tuple[Schema, Any]) -> None:
    converter = SimpleHeaderConverter(SimpleHeaderConverter.config_spec().parse({}))
    data = converter.from_connect_header("t", "h", *pair)
    assert converter.to_connect_header("t", "h", data)[1] == pair[1]


@given(st.binary(max_size=30) | texts.map(str.encode))
def test_header_of_any_bytes_is_read(data: bytes) -> None:
    converter = SimpleHeaderConverter(SimpleHeaderConverter.config_spec().parse({}))
    schema, value = converter.to_connect_header("t", "h", data)
    assert schema is not None or value is None or isinstance(value, list | dict)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 300 + "]" * 300])
def test_deep_nesting_is_no_crash(text: str) -> None:
    for enable in ("true", "false"):
        _outcome(
            lambda on=enable: json_converter(schemas_enable=on).to_connect_data("t", text.encode())
        )
    converter = SimpleHeaderConverter(SimpleHeaderConverter.config_spec().parse({}))
    assert converter.to_connect_header("t", "h", text.encode()) == (Schema.STRING, text)
