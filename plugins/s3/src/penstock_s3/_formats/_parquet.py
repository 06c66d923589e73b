"""Parquet files of structs, row group by row group (source: ParquetFormat)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.data import Batch, Column, Date, Decimal, Schema, Structs, Text, Time, Timestamp, Type
from penstock.errors import DataError
from penstock_s3._border import Encoder, Schemas
from penstock_s3._formats._checked import Check, compile_check
from penstock_s3._formats._parts import PartReader, Read
from penstock_s3._spool import Parked, Spool

__all__ = ["ParquetFormat"]

_PRECISION: Final = 64
_PRECISION_KEY: Final = "connect.decimal.precision"
_PRECISION_MAX: Final = 76
_PAGE_BYTES: Final = 64 * 1024
_SMALL_ROWS: Final = 4096
_TYPES: Final[Mapping[Type, pa.DataType]] = {
    # Narrow integers are 32 bits wide, as they are in the original, by way of Avro.
    Type.INT8: pa.int32(),
    Type.INT16: pa.int32(),
    Type.INT32: pa.int32(),
    Type.INT64: pa.int64(),
    Type.FLOAT32: pa.float32(),
    Type.FLOAT64: pa.float64(),
    Type.BOOLEAN: pa.bool_(),
    Type.STRING: pa.string(),
    Type.BYTES: pa.binary(),
}
_LOGICAL: Final[Mapping[str | None, tuple[Type, pa.DataType]]] = {
    Date.NAME: (Type.INT32, pa.date32()),
    Time.NAME: (Type.INT32, pa.time32("ms")),
    Timestamp.NAME: (Type.INT64, pa.timestamp("ms", tz="UTC")),
}


Make = Callable[[Column], pa.Array]
PLANS_MAX: Final = 100


class ParquetFormat:
    """Parquet files. Stateless but for the plans of schemas that it keeps."""

    content_type = "application/vnd.apache.parquet"

    def __init__(self, reader: PartReader, *, codec: str, row_group: int) -> None:
        """Take the compression of pages and the rows of a row group."""
        self._reader = reader
        self._codec = codec
        self._row_group = row_group
        self._plans: dict[Schema, _Plan] = {}
        self.extension = _EXTENSIONS.get(codec, f".{codec}") + ".parquet"

    def open(self, name: str, schemas: Schemas) -> Encoder:
        """Return the encoder of a new object; raises DataError for values that are no structs."""
        schema, read = self._reader(schemas)
        if schema is None or schema.type is not Type.STRUCT:
            kind = "no schema" if schema is None else f"the schema of {schema.type.value}"
            raise DataError(
                f"Parquet files hold structs, and these records have {kind}: use a converter that"
                " gives structs (JsonConverter with schemas.enable, Avro), or the JSON format"
            )
        plan = self._plans.get(schema)
        if plan is None:
            if len(self._plans) >= PLANS_MAX:
                self._plans.clear()
            plan = self._plans[schema] = _Plan.of(schema)
        return _ParquetEncoder(plan, read, self._codec, self._row_group)


@attrs.frozen
class _Plan:
    """What all files of a schema share; of its own, each of a thousand open ones would be 20 KB."""

    check: Check
    names: Sequence[str]
    makers: Sequence[Make]
    schema: pa.Schema

    @classmethod
    def of(cls, schema: Schema) -> _Plan:
        names = [field.name for field in schema.fields]
        if not names:
            raise DataError("Parquet files need at least one field, and the struct has none")
        return cls(
            check=compile_check(schema, "value", decimals_as_bytes=False),
            names=names,
            makers=[_compiled(field.schema) for field in schema.fields],
            schema=pa.schema([_field(field.name, field.schema) for field in schema.fields]),
        )


_EXTENSIONS: Final = {"none": "", "gzip": ".gz", "brotli": ".br", "lz4_raw": ".lz4raw"}


class _Sink:
    """Takes what pyarrow writes, for :meth:`taken`."""

    closed = False

    def __init__(self) -> None:
        self._done: list[bytes] = []
        self._size = 0

    def write(self, data: Any) -> int:
        made = bytes(data)
        self._done.append(made)
        self._size += len(made)
        return len(made)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self.closed = True

    def taken(self) -> list[bytes]:
        done, self._done = self._done, []
        return done


class _ParquetEncoder:
    """Writes one file; rows wait until a row group is full."""

    def __init__(self, plan: _Plan, read: Read, codec: str, row_group: int) -> None:
        self._read = read
        self._plan = plan
        self._schema = plan.schema
        self._sink = _Sink()
        self._row_group = row_group
        self._waiting: list[pa.RecordBatch] = []
        self._parked: Parked | None = None
        self._rows = 0
        self._held = 0
        self._codec = codec
        self._writer: Any = None

    @property
    def held(self) -> int:
        return self._held

    def write(self, batch: Batch) -> None:
        column = self._plan.check(self._read(batch))
        if not isinstance(column, Structs):
            raise DataError(
                f"topic {batch.topic}: Parquet files hold structs, and a record's value is null"
            )
        arrays = [
            make(_of(column, name))
            for name, make in zip(self._plan.names, self._plan.makers, strict=True)
        ]
        made = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        self._wait(made)
        self._rows += len(column)
        self._held += made.nbytes
        if self._rows >= self._row_group:
            self._write_groups()

    def _wait(self, made: pa.RecordBatch) -> None:
        """Keep rows; those of small writes become one batch, which takes far less memory."""
        waiting = self._waiting
        waiting.append(made)
        while len(waiting) > 1 and waiting[-1].num_rows < _SMALL_ROWS:
            if waiting[-2].num_rows >= 2 * waiting[-1].num_rows:
                return
            table = pa.Table.from_batches(waiting[-2:], self._schema)
            waiting[-2:] = table.combine_chunks().to_batches()

    def shed(self, spool: Spool) -> None:
        """Put the rows that wait for a row group on the disk."""
        if not self._waiting:
            return
        made = pa.BufferOutputStream()
        with pa.ipc.new_stream(made, self._schema) as stream:
            for one in self._waiting:
                stream.write_batch(one)
        if self._parked is None:
            self._parked = Parked(spool)
        self._parked.add(made.getvalue())
        self._waiting, self._held = [], 0

    def drop(self) -> None:
        if self._parked is not None:
            self._parked.free()
            self._parked = None

    def _gathered(self) -> pa.Table:
        """Return all rows that wait, those on the disk first."""
        batches: list[pa.RecordBatch] = []
        if self._parked is not None:
            source = pa.BufferReader(self._parked.read())
            while source.tell() < source.size():
                batches += pa.ipc.open_stream(source)
            self.drop()
        return pa.Table.from_batches([*batches, *self._waiting], self._schema)

    def _started(self) -> Any:
        # Not before there is something to write: a writer holds memory of its own.
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                pa.PythonFile(self._sink, mode="w"),
                self._schema,
                compression=self._codec.upper(),
                data_page_size=_PAGE_BYTES,
                store_schema=False,
            )
        return self._writer

    def _write_groups(self, *, rest: bool = False) -> None:
        """Write whole row groups of one chunk each, so that writes do not show in the bytes."""
        table = self._gathered()
        start = 0
        while self._rows - start >= self._row_group or (rest and start < self._rows):
            group = table.slice(start, self._row_group).combine_chunks()
            self._started().write_table(group, row_group_size=self._row_group)
            start += group.num_rows
        left = table.slice(start)
        # A slice would keep all of the table in memory.
        self._waiting = left.combine_chunks().to_batches() if left.num_rows else []
        self._rows = left.num_rows
        self._held = sum(one.nbytes for one in self._waiting)

    def take(self) -> list[bytes]:
        return self._sink.taken()

    def finish(self) -> list[bytes]:
        self._write_groups(rest=True)
        self._started().close()
        return self._sink.taken()


def _of(column: Structs, name: str) -> Column:
    found = column.field(name)
    if found is None:  # pragma: no cover - the check gives all fields
        raise DataError(f"no field {name}")
    return found


def _field(name: str, schema: Schema) -> pa.Field:
    return pa.field(name, _type(schema), nullable=schema.optional)


def _type(schema: Schema) -> pa.DataType:
    if schema.name == Decimal.NAME and schema.type is Type.BYTES:
        precision = int(schema.parameters.get(_PRECISION_KEY, _PRECISION))
        return pa.decimal256(min(precision, _PRECISION_MAX), Decimal.scale_of(schema))
    logical = _LOGICAL.get(schema.name)
    if logical is not None and logical[0] is schema.type:
        return logical[1]
    if schema.type is Type.STRUCT:
        if not schema.fields:
            raise DataError("Parquet: a struct without fields cannot be written")
        return pa.struct([_field(field.name, field.schema) for field in schema.fields])
    if schema.type is Type.ARRAY:
        return pa.list_(_field("element", _part(schema.value_schema)))
    if schema.type is Type.MAP:
        keys = _part(schema.key_schema)
        return pa.map_(_type(keys), _field("value", _part(schema.value_schema)))
    return _TYPES[schema.type]


def _part(schema: Schema | None) -> Schema:
    if schema is None:  # pragma: no cover - refused when the schema was built
        raise DataError("schema without the schema of its elements")
    return schema


def _compiled(schema: Schema) -> Make:
    """Return what makes an array of a checked column."""
    kind = _type(schema)
    if schema.type is Type.STRUCT:
        return _structs(schema, kind)

    def make(column: Column) -> pa.Array:
        if isinstance(column, Text):
            # The bytes as they are; pyarrow checks them faster than Python decodes them.
            return pa.array(column.utf8, pa.binary()).cast(pa.string())
        values: Sequence[Any] = column if isinstance(column, list) else list(column)
        if schema.type is Type.MAP:
            values = [None if one is None else list(one.items()) for one in values]
        try:
            return pa.array(values, kind)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as problem:
            raise DataError(f"a value does not fit into Parquet's {kind}: {problem}") from problem

    return make


def _structs(schema: Schema, kind: pa.DataType) -> Make:
    makers = [_compiled(field.schema) for field in schema.fields]
    names = [field.name for field in schema.fields]

    def make(column: Column) -> pa.Array:
        if not isinstance(column, Structs):
            return pa.array(list(column), kind)
        arrays = [one(_of(column, name)) for name, one in zip(names, makers, strict=True)]
        return pa.StructArray.from_arrays(arrays, fields=list(kind))

    return make
