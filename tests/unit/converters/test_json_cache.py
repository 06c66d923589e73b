"""The caches of schemas: bounded by `schemas.cache.size`, and no cliff beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.converters.records import json_converter

from penstock.data import Schema
from penstock_converters import JsonConverter
from penstock_converters._lru import Lru

DISTINCT = 1000


def schemas(default: float | None = None) -> Iterator[Schema]:
    for i in range(DISTINCT):
        field = Schema.FLOAT64 if default is None else Schema(Schema.FLOAT64.type, default=default)
        yield Schema.struct({"id": Schema.INT64, f"field{i}": field})


def sizes(converter: JsonConverter) -> dict[str, int]:
    return {name: len(part) for name, part in vars(converter).items() if isinstance(part, Lru)}


def pass_through(converter: JsonConverter, known: list[Schema]) -> None:
    """Write and read a row and a batch of each schema."""
    for i, schema in enumerate(known):
        row = {"id": i, f"field{i}": 1.5}
        data = converter.from_connect_data("t", schema, row)
        assert converter.to_connect_data("t", data) == (schema, row)
        batch = converter.from_connect_batch("t", schema, [row] * 9)
        assert list(batch) == [data] * 9
        assert list(converter.to_connect_batch("t", batch).values) == [row] * 9


@pytest.mark.parametrize("size", [1, 100, 1000])
@pytest.mark.parametrize("default", [None, 0.0])
def test_caches_are_bounded_and_do_not_grow_on_a_second_round(
    size: int, default: float | None
) -> None:
    converter = json_converter(schemas_cache_size=str(size))
    known = list(schemas(default))
    pass_through(converter, known)
    after_first = sizes(converter)
    assert max(after_first.values()) == size
    pass_through(converter, known)
    assert sizes(converter) == after_first


def test_schema_seen_once_is_not_compiled_and_costs_little() -> None:
    converter = json_converter(schemas_cache_size="10")
    for i, schema in enumerate(schemas()):
        data = converter.from_connect_data("t", schema, {"id": i, f"field{i}": 0.5})
        converter.to_connect_data("t", data)
    readers: Any = converter._readers
    assert all(reader._decode is None for reader in readers._entries.values())


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_schemas_that_differ_in_the_sign_of_a_zero_are_written_as_they_are(zero: float) -> None:
    """They are equal in Python, and were taken for each other."""
    converter = json_converter()
    for default in (zero, -zero, zero):
        schema = Schema(Schema.FLOAT64.type, default=default)
        expected = f'"default":{default}}},"payload":1.5}}'.encode()
        for data in (
            converter.from_connect_data("t", schema, 1.5),
            converter.from_connect_batch("t", schema, [1.5])[0],
        ):
            assert data is not None
            assert data.endswith(expected)
        read, _ = converter.to_connect_data("t", data)
        assert read is not None
        assert str(read.default) == str(default)
