"""Objects of random schemas, read back by pyarrow and fastavro, written whole and in pieces."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Sequence
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.converters.records import values
from tests.unit.s3.s3_batches import sink_batch

from penstock.data import Date, Decimal, EpochMillis, Schema, Structs, Time, Timestamp, Type
from penstock_s3._border import Schemas
from penstock_s3._formats import FormatOptions, format_of

DAY_MS = 86_400_000
LEAVES = [
    *(Schema(kind) for kind in Type if kind.is_primitive),
    Date.SCHEMA,
    Time.SCHEMA,
    Timestamp.SCHEMA,
    Decimal.schema(3),
]


def _maybe(schema: Schema) -> st.SearchStrategy[Schema]:
    return st.sampled_from([schema, schema.as_optional()])


def _fields(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    fields = st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, min_size=1, max_size=3)
    return fields.map(Schema.struct)


def _nested(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    maps = inner.map(lambda value: Schema.map(Schema.STRING, value))
    return st.one_of(_fields(inner), inner.map(Schema.array), maps).flatmap(_maybe)


leaves = st.sampled_from(LEAVES).flatmap(_maybe)
structs = _fields(st.recursive(leaves, _nested, max_leaves=4))
cuts = st.lists(st.integers(1, 4), min_size=1, max_size=5)


def written(kind: str, schema: Schema, pieces: Sequence[Any]) -> bytes:
    encoder = format_of(kind, "value", FormatOptions(avro_metadata=False)).open(
        "x", Schemas(None, schema)
    )
    parts = []
    for piece in pieces:
        encoder.write(sink_batch(piece, schema))
        parts += encoder.take()
    return b"".join([*parts, *encoder.finish()])


def told(schema: Schema, value: Any) -> Any:
    """Return a value with moments as numbers and all fields there, as both readers tell them."""
    if value is None:
        return None
    convert = {Date.NAME: Date.to_days, Time.NAME: Time.to_ms, Timestamp.NAME: Timestamp.to_ms}
    if schema.name in convert:
        return convert[schema.name](value)
    if schema.type is Type.STRUCT:
        return {field.name: told(field.schema, value.get(field.name)) for field in schema.fields}
    part = schema.value_schema
    if schema.type is Type.ARRAY and part is not None:
        return [told(part, one) for one in value]
    if schema.type is Type.MAP and part is not None:
        return {name: told(part, one) for name, one in value.items()}
    return value


def in_pieces(rows: list[Any], sizes: list[int]) -> list[list[Any]]:
    found, at, turn = [], 0, 0
    while at < len(rows):
        size = sizes[turn % len(sizes)]
        found.append(rows[at : at + size])
        at, turn = at + size, turn + 1
    return found


def bare(kind: pa.DataType) -> pa.DataType:
    """Return a type whose moments are numbers, which Python's classes cannot all hold."""
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(bare(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(kind.key_type, kind.item_field.with_type(bare(kind.item_type)))
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(bare(kind.value_type)))
    if pa.types.is_timestamp(kind):
        return pa.int64()
    return pa.int32() if pa.types.is_date32(kind) or pa.types.is_time32(kind) else kind


def by_pyarrow(data: bytes) -> list[Any]:
    table = pq.read_table(io.BytesIO(data))
    columns = {
        name: column.combine_chunks().view(bare(column.type)).to_pylist(maps_as_pydicts="strict")
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@settings(deadline=None)
@given(data=st.data(), schema=structs, sizes=cuts)
def test_parquet(data: st.DataObject, schema: Schema, sizes: list[int]) -> None:
    rows = data.draw(st.lists(values(schema), min_size=1, max_size=6))
    whole = written("parquet", schema, [rows])
    assert by_pyarrow(whole) == [told(schema, row) for row in rows]
    assert written("parquet", schema, in_pieces(rows, sizes)) == whole
    columns = {f.name: [row.get(f.name) for row in rows] for f in schema.fields}
    assert written("parquet", schema, [Structs(columns, len(rows))]) == whole


def without_logical(avro: Any) -> Any:
    if isinstance(avro, dict):
        return {name: without_logical(one) for name, one in avro.items() if name != "logicalType"}
    return [without_logical(one) for one in avro] if isinstance(avro, list) else avro


@settings(deadline=None)
@given(data=st.data(), schema=structs, sizes=cuts)
def test_avro(data: st.DataObject, schema: Schema, sizes: list[int]) -> None:
    rows = data.draw(st.lists(values(schema), min_size=1, max_size=6))
    whole = written("avro", schema, [rows])
    reader = fastavro.block_reader(io.BytesIO(whole))
    plain = without_logical(json.loads(reader.metadata["avro.schema"]))
    found = []
    for block in reader:
        found += [
            fastavro.schemaless_reader(block.bytes_, plain, None) for _ in range(block.num_records)
        ]
    assert found == [stored(schema, told(schema, row)) for row in rows]
    assert written("avro", schema, in_pieces(rows, sizes)) == whole


def stored(schema: Schema, value: Any) -> Any:
    """Return a told value with its decimals as Avro stores them."""
    if value is None:
        return None
    if schema.name == Decimal.NAME:
        return Decimal.to_bytes(schema, value)
    if schema.type is Type.STRUCT:
        return {field.name: stored(field.schema, value[field.name]) for field in schema.fields}
    part = schema.value_schema
    if schema.type is Type.ARRAY and part is not None:
        return [stored(part, one) for one in value]
    if schema.type is Type.MAP and part is not None:
        return {name: stored(part, one) for name, one in value.items()}
    return value


def test_moments_that_python_has_no_class_for_are_kept() -> None:
    schema = Schema.struct({"at": Timestamp.SCHEMA, "day": Date.SCHEMA})
    far = 400_000 * 365 * DAY_MS
    row = {"at": EpochMillis(far + 1), "day": EpochMillis(far)}
    (found,) = by_pyarrow(written("parquet", schema, [[row]]))
    assert found == {"at": far + 1, "day": far // DAY_MS}
    near = {"at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "day": dt.date(2026, 1, 1)}
    (found,) = by_pyarrow(written("parquet", schema, [[near]]))
    assert found["at"] == found["day"] * DAY_MS
