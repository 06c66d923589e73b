from __future__ import annotations

import copy
import datetime as dt
from typing import Any

import pytest

from penstock.data import Batch, Date, Header, Headers, Schema, SourceRecord
from penstock.errors import ConfigError, DataError
from penstock_transforms import DropHeaders, HeaderFrom, InsertHeader

BEFORE = Headers((Header("a", 1, Schema.INT8), Header("b", "x", Schema.STRING), Header("a", 2)))
SCHEMA = Schema.struct({"n": Schema.INT32, "s": Schema.STRING.evolve(default="d")}, name="S")


def opened(cls: Any, **config: str) -> Any:
    made = cls(cls.config_spec().parse({k.replace("_", "."): v for k, v in config.items()}))
    made.open()
    return made


def test_dropping_removes_every_header_of_a_key() -> None:
    record = SourceRecord(topic="t", headers=BEFORE)
    changed = opened(DropHeaders, headers="a,z").apply(record)
    assert changed.headers == Headers((Header("b", "x", Schema.STRING),))
    assert record.headers is BEFORE
    assert len(BEFORE) == 3


def test_headers_that_stay_are_not_copied() -> None:
    batch = Batch.source(topic="t", values=[1, 2], headers=[BEFORE, Headers.EMPTY])
    changed = opened(DropHeaders, headers="z").apply_batch(batch)
    assert [one is other for one, other in zip(changed.headers, batch.headers, strict=True)] == [
        True,
        True,
    ]


def test_an_inserted_value_has_the_type_of_its_text() -> None:
    changed = opened(InsertHeader, header="d", value_literal="2024-01-02").apply(
        SourceRecord(topic="t", headers=BEFORE)
    )
    assert changed.headers == (*BEFORE, Header("d", dt.date(2024, 1, 2), Date.SCHEMA))


def test_inserting_adds_to_every_row() -> None:
    batch = Batch.source(topic="t", values=[1, 2], headers=[BEFORE, Headers.EMPTY])
    changed = opened(InsertHeader, header="a", value_literal="x").apply_batch(batch)
    new = Header("a", "x", Schema.STRING)
    assert [list(one) for one in changed.headers] == [[*BEFORE, new], [new]]
    assert list(batch.headers) == [BEFORE, Headers.EMPTY]


def test_moving_takes_the_field_out() -> None:
    rows = [{"n": 1, "s": "x"}, {"n": 2}]
    before = copy.deepcopy(rows)
    batch = Batch.source(topic="t", values=rows, value_schema=SCHEMA)
    changed = opened(HeaderFrom, fields="s", headers="h", operation="move").apply_batch(batch)
    assert list(changed.values) == [{"n": 1}, {"n": 2}]
    assert changed.value_schema == Schema.struct({"n": Schema.INT32}, name="S")
    assert [one[0].value for one in changed.headers] == ["x", "d"]
    assert rows == before


def test_refusals_say_why() -> None:
    with pytest.raises(ConfigError, match="same number of elements as 'headers' config"):
        opened(HeaderFrom, fields="a,b", headers="h", operation="copy")
    with pytest.raises(ConfigError, match="operation"):
        opened(HeaderFrom, fields="a", headers="h", operation="take")
    with pytest.raises(ConfigError, match="headers"):
        opened(DropHeaders, headers="")
    take = opened(HeaderFrom, fields="x", headers="h", operation="move")
    with pytest.raises(DataError, match=r"no field 'x'; its fields: 'n', 's'"):
        take.apply(SourceRecord(topic="t", value={"n": 1}, value_schema=SCHEMA))
    with pytest.raises(DataError, match=r"Only Map objects supported .*moving fields to headers"):
        take.apply(SourceRecord(topic="t", value=1))
