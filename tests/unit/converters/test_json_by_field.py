"""JSON of structs that are kept by field: what their rows give, written and read."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import pytest

from penstock.data import Repeat, Schema, Structs, Text, Timestamp, Type
from penstock.errors import DataError
from penstock_converters import JsonConverter

ROWS = 20
SCHEMA = Schema.struct(
    {
        "line": Schema.STRING,
        "origin": Schema.OPTIONAL_STRING,
        "at": Timestamp.SCHEMA,
        "count": Schema.INT32,
        "rate": Schema.FLOAT64,
        "flag": Schema.BOOLEAN,
    },
    name="order",
)


def converter(**config: str) -> JsonConverter:
    return JsonConverter(
        JsonConverter.config_spec().parse({k.replace("_", "."): v for k, v in config.items()})
    )


def structs(**columns: Sequence[Any]) -> Structs:
    usual: dict[str, Sequence[Any]] = {
        "line": Text([b"line %d" % n for n in range(ROWS)]),
        "origin": Repeat("t", ROWS),
        "at": Repeat(dt.datetime(2026, 1, 2, tzinfo=dt.UTC), ROWS),
        "count": Repeat(7, ROWS),
        "rate": Repeat(1.5e-7, ROWS),
        "flag": Repeat(True, ROWS),
    }
    return Structs({**usual, **columns}, ROWS)


@pytest.mark.parametrize(
    "given",
    [
        structs(),
        structs(line=Text([b'quote " back \\ tab \t'] * ROWS)),
        structs(line=Text([b"two\nlines"] * ROWS)),
        structs(line=Text(["smile 😀 é \x7f".encode()] * ROWS)),
        structs(line=[f"text {n} \x01" for n in range(ROWS)]),
        structs(origin=Repeat(None, ROWS)),
        structs(origin=[None if n % 2 else f"o{n}" for n in range(ROWS)]),
        structs(rate=[n * 1.5 for n in range(ROWS)], count=list(range(ROWS))),
        structs(line=Repeat("all the same", ROWS)),
    ],
)
@pytest.mark.parametrize("schemas", ["true", "false"])
def test_what_is_kept_by_field_is_written_as_its_rows(given: Structs, schemas: str) -> None:
    by_field = converter(schemas_enable=schemas).from_connect_batch("t", SCHEMA, given)
    exact = converter(schemas_enable=schemas)
    assert list(by_field) == [exact.from_connect_data("t", SCHEMA, row) for row in given]
    assert all(json.loads(one or b"") for one in by_field)


@pytest.mark.parametrize(
    "wrong",
    [
        structs(origin=Repeat(5, ROWS)),
        structs(line=[None] * ROWS),
        structs(line=Text([None] * ROWS)),
        structs(count=Repeat(1 << 31, ROWS)),
        structs(other=Repeat("x", ROWS)),
    ],
    ids=["class", "null", "null text", "range", "unknown field"],
)
def test_what_does_not_fit_is_refused_as_by_row(wrong: Structs) -> None:
    with pytest.raises(DataError) as by_row:
        converter().from_connect_data("t", SCHEMA, wrong[0])
    with pytest.raises(DataError) as by_field:
        converter().from_connect_batch("t", SCHEMA, wrong)
    assert str(by_field.value) == str(by_row.value)


def test_structs_are_read_by_field_and_what_is_left_out_is_null() -> None:
    schema = Schema.struct({"a": Schema.INT32, "b": Schema.OPTIONAL_STRING, "n": Schema.FLOAT64})
    ours = converter()
    envelope = ours.from_connect_data("t", schema, {"a": 1, "b": "x", "n": 1.0})
    assert envelope is not None
    start = envelope[: envelope.index(b'"payload":') + len(b'"payload":')]
    payloads = [b'{"a":1,"b":"x","n":1}', b'{"n":2.5,"a":2}', b'{"a":3,"b":null,"n":0,"z":[1]}'] * 5
    decoded = ours.to_connect_batch("t", [start + one + b"}" for one in payloads])
    assert isinstance(decoded.values, Structs)
    assert decoded.schema == schema
    expected = [{"a": 1, "b": "x", "n": 1.0}, {"a": 2, "b": None, "n": 2.5}]
    assert list(decoded.values)[:2] == expected
    assert decoded.values[2] == {"a": 3, "b": None, "n": 0.0}
    assert schema.type is Type.STRUCT


@pytest.mark.parametrize(
    "payload", [b"null", b'{"a":"x"}', b"{}", b'{"a":1', b"[]", b'{"a":2147483648}']
)
def test_one_odd_row_is_found_among_good_ones(payload: bytes) -> None:
    schema = Schema.struct({"a": Schema.INT32}, optional=True)
    ours = converter()
    good = ours.from_connect_data("t", schema, {"a": 1})
    assert good is not None
    start = good[: good.index(b'"payload":') + len(b'"payload":')]
    odd = start + payload + b"}"
    rows = [good] * 9 + [odd] + [good] * 9
    try:
        expected: Any = converter().to_connect_data("t", odd)[1]
    except DataError:
        with pytest.raises(DataError):
            converter().to_connect_batch("t", [odd] * 3)
        decoded = ours.to_connect_batch("t", rows)
        assert list(decoded.unread) == [9]
    else:
        assert (
            list(ours.to_connect_batch("t", rows).values)
            == [{"a": 1}] * 9 + [expected] + [{"a": 1}] * 9
        )
