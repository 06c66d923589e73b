"""Strategies for headers, records and batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from hypothesis import strategies as st

from penstock.data import (
    Batch,
    Column,
    Header,
    Headers,
    Lazy,
    Record,
    Repeat,
    Schema,
    SinkOrigin,
    SinkRecord,
    SourceRecord,
    Structs,
    Text,
    Type,
)
from penstock.testing._schemas import schema_and_value, schemas
from penstock.testing._values import schemaless_values, topics, values

__all__ = ["batches", "columns", "headers", "records"]

Kind = Literal["source", "sink", "both"]
_NAMES: Final = ("h", "trace-id", "H", "ü")
_STAMP_MAX: Final = 2**41


@st.composite
def headers(draw: st.DrawFn, max_size: int = 3) -> Headers:
    """Headers whose names may repeat, with values of any schema or without a schema."""
    found = []
    for name in draw(st.lists(st.sampled_from(_NAMES), max_size=max_size)):
        schema, value = draw(_sides(1))
        found.append(Header(name, value, schema))
    return Headers(found)


def _sides(max_depth: int) -> st.SearchStrategy[tuple[Schema | None, Any]]:
    with_schema = schema_and_value(max_depth=max_depth)
    without = schemaless_values().map(lambda value: (None, value))
    return st.one_of(with_schema, without)


@st.composite
def records(
    draw: st.DrawFn,
    kind: Kind = "both",
    *,
    key: st.SearchStrategy[tuple[Schema | None, Any]] | None = None,
    value: st.SearchStrategy[tuple[Schema | None, Any]] | None = None,
    max_depth: int = 2,
) -> Record:
    """Records of a source or a sink.

    Args:
        draw: hypothesis' own.
        kind: which of the two, or both.
        key, value: strategies of (schema, value) pairs for that side; anything by default.
        max_depth: how deep schemas nest that are drawn here.
    """
    key_schema, key_value = draw(_sides(max_depth) if key is None else key)
    value_schema, value_value = draw(_sides(max_depth) if value is None else value)
    common: dict[str, Any] = {
        "topic": draw(topics()),
        "key": key_value,
        "key_schema": key_schema,
        "value": value_value,
        "value_schema": value_schema,
        "timestamp": draw(st.one_of(st.none(), st.integers(0, _STAMP_MAX))),
        "headers": draw(headers()),
    }
    is_sink = kind == "sink" or (kind == "both" and draw(st.booleans()))
    if is_sink:
        place: dict[str, Any] = {
            "partition": draw(st.integers(0, 9)),
            "offset": draw(st.integers(0, 2**40)),
        }
        place |= {"original_topic": common["topic"], "original_partition": place["partition"]}
        return SinkRecord(**common, **place)
    return SourceRecord(
        **common,
        partition=draw(st.one_of(st.none(), st.integers(0, 9))),
        source_partition={"p": draw(st.integers(0, 3))},
        source_offset={"o": draw(st.integers(0, 99))},
    )


@st.composite
def columns(draw: st.DrawFn, schema: Schema | None, size: int) -> Column:
    """Columns of values of a schema, in each form that converters and sources give.

    A plain list, :class:`penstock.data.Repeat`, :class:`penstock.data.Lazy`,
    :class:`penstock.data.Text` of strings and :class:`penstock.data.Structs` of structs.
    """
    form = draw(st.sampled_from(["list", "list", "structs", "repeat", "lazy", "text"]))
    if form == "repeat":
        return Repeat(draw(values(schema)), size)
    column = draw(st.lists(values(schema), min_size=size, max_size=size))
    if form == "lazy":
        return Lazy(size, lambda: column)
    if form == "structs" and schema is not None and schema.type is Type.STRUCT:
        return column if None in column else _by_field(schema, column)
    if form == "text" and schema is not None and schema.type is Type.STRING:
        text = Text.checked([None if one is None else one.encode() for one in column])
        return column if text is None else text
    return column


def _by_field(schema: Schema, rows: Sequence[dict[str, Any]]) -> Structs:
    names = [field.name for field in schema.fields]
    return Structs({name: [row.get(name) for row in rows] for name in names}, len(rows))


@st.composite
def batches(
    draw: st.DrawFn,
    kind: Kind = "both",
    *,
    key_schema: st.SearchStrategy[Schema | None] | None = None,
    value_schema: st.SearchStrategy[Schema | None] | None = None,
    max_size: int = 5,
    max_depth: int = 2,
) -> Batch:
    """Batches of one topic and one pair of schemas, their columns in every form there is.

    Args:
        draw: hypothesis' own.
        kind: of a source, of a sink, or both.
        key_schema, value_schema: strategies for that side's schema; anything, and none, by default.
        max_size: rows at most, one at least.
        max_depth: how deep schemas nest that are drawn here.
    """
    anything: st.SearchStrategy[Schema | None] = st.one_of(st.none(), schemas(max_depth=max_depth))
    size = draw(st.integers(1, max_size))
    of_key = draw(anything if key_schema is None else key_schema)
    of_value = draw(anything if value_schema is None else value_schema)
    parts: dict[str, Any] = {
        "topic": draw(topics()),
        "keys": draw(columns(of_key, size)),
        "key_schema": of_key,
        "values": draw(columns(of_value, size)),
        "value_schema": of_value,
        "timestamps": draw(_rows(st.one_of(st.none(), st.integers(0, _STAMP_MAX)), size)),
        "headers": draw(_rows(headers(), size)),
    }
    is_sink = kind == "sink" or (kind == "both" and draw(st.booleans()))
    if not is_sink:
        return Batch.source(
            **parts,
            partitions=draw(_rows(st.one_of(st.none(), st.integers(0, 9)), size)),
            source_partitions=[{"p": 0}] * size,
            source_offsets=[{"o": row} for row in range(size)],
        )
    partition = draw(st.integers(0, 9))
    first = draw(st.integers(0, 2**40))
    origin = SinkOrigin(
        topic=parts["topic"], partition=partition, offsets=range(first, first + size)
    )
    return Batch(**parts, partitions=Repeat(partition, size), rows=range(size), origin=origin)


def _rows(one: st.SearchStrategy[Any], size: int) -> st.SearchStrategy[Any]:
    same = one.map(lambda value: Repeat(value, size))
    several = st.lists(one, min_size=size, max_size=size)
    return st.one_of(several, same, several.map(lambda rows: Lazy(size, lambda: rows)))
