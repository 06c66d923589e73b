"""Between batches and what the broker carries: key, value and header converters."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import attrs

from penstock.api import Converter, Decoded, HeaderConverter
from penstock.data import (
    Batch,
    Header,
    Headers,
    PollTime,
    Repeat,
    Schema,
    SinkOrigin,
    SinkRecord,
    pick,
    without,
)
from penstock.errors import DataError
from penstock.runtime.broker import EncodedBatch, EncodedHeaders, FetchedBatch
from penstock.runtime.pipeline.failure import Consumed, row_of
from penstock.runtime.pipeline.guard import RowGuard
from penstock.runtime.pipeline.pieces import in_pieces, join_columns
from penstock.runtime.pipeline.policy import Stage

__all__ = ["Encoded", "RecordCodec", "in_order"]

T = TypeVar("T")


@attrs.define(eq=False)
class Encoded:
    """A batch as bytes, and the row in the origin of each of its rows."""

    batch: EncodedBatch
    rows: Sequence[int]


class RecordCodec:
    """The three converters of a task. Owner: the task's thread."""

    def __init__(
        self,
        key: Converter[Any],
        value: Converter[Any],
        header: HeaderConverter[Any],
        guard: RowGuard,
    ) -> None:
        """Take opened converters."""
        self._key = key
        self._value = value
        self._header = header
        self._guard = guard

    def encode(self, batch: Batch) -> Encoded:
        """Return the bytes of a batch, without rows that were skipped.

        Raises:
            StageError: a record failed and the policy is to fail the task.
        """
        rows: Sequence[int] = range(len(batch))
        headers: Sequence[Any] | None = None
        if not (isinstance(batch.headers, Repeat) and not batch.headers.value) and any(
            batch.headers
        ):
            headers, rows = self._encode_headers(batch)
            batch = batch.select(rows)
        keys, rows = self._encode_column(Stage.KEY_CONVERTER, self._key, batch)
        if len(rows) < len(batch):
            batch = batch.select(rows)
            headers = None if headers is None else pick(headers, rows)
        values, rows = self._encode_column(Stage.VALUE_CONVERTER, self._value, batch)
        return Encoded(
            EncodedBatch(
                topic=batch.topic,
                values=values,
                keys=None if _is_none(keys) else pick(keys, rows),
                partitions=None if _is_none(batch.partitions) else pick(batch.partitions, rows),
                timestamps=_stamps(batch.timestamps, rows),
                headers=None if headers is None else pick(headers, rows),
            ),
            pick(batch.rows, rows),
        )

    def encode_record(self, record: SinkRecord) -> FetchedBatch:
        """Return a sink's record as it would stand in Kafka; raises DataError."""
        topic = record.topic
        convert = self._header.from_connect_header
        return FetchedBatch(
            topic=topic,
            partition=-1 if record.partition is None else record.partition,
            offsets=[record.offset],
            keys=[self._key.from_connect_data(topic, record.key_schema, record.key)],
            values=[self._value.from_connect_data(topic, record.value_schema, record.value)],
            timestamps=[-1 if record.timestamp is None else record.timestamp],
            timestamp_type=record.timestamp_type,
            headers=[[(h.key, convert(topic, h.key, h.schema, h.value)) for h in record.headers]],
        )

    def _encode_column(
        self, stage: Stage, converter: Converter[Any], batch: Batch
    ) -> tuple[Sequence[bytes | None], Sequence[int]]:
        """Return the bytes of a column, and the rows of the batch that they are of."""
        topic = batch.topic
        is_key = stage is Stage.KEY_CONVERTER
        column = batch.keys if is_key else batch.values
        schema = batch.key_schema if is_key else batch.value_schema

        def whole(start: int, stop: int) -> Sequence[bytes | None]:
            return converter.from_connect_batch(topic, schema, _part(column, start, stop))

        def single(i: int) -> Sequence[bytes | None] | None:
            good, data = self._guard.run(
                stage,
                converter,
                type(converter).__name__,
                lambda: row_of(batch, i),
                lambda: converter.from_connect_data(topic, schema, column[i]),
            )
            return [data] if good else None

        return _staged(len(batch), whole, single, join_columns)

    def _encode_headers(self, batch: Batch) -> tuple[Sequence[Any], Sequence[int]]:
        topic, columns = batch.topic, batch.headers
        convert = self._header.from_connect_header

        def one(headers: Headers) -> list[tuple[str, bytes | None]]:
            return [(h.key, convert(topic, h.key, h.schema, h.value)) for h in headers]

        def single(i: int) -> Sequence[Any] | None:
            good, pairs = self._guard.run(
                Stage.HEADER_CONVERTER,
                self._header,
                type(self._header).__name__,
                lambda: row_of(batch, i),
                lambda: one(columns[i]),
            )
            return [pairs] if good else None

        return _staged(
            len(batch),
            lambda start, stop: [one(headers) for headers in _part(columns, start, stop)],
            single,
            join_columns,
        )

    def decode(self, fetched: FetchedBatch) -> list[Batch]:
        """Return what was fetched as batches that share one origin, without skipped rows.

        Raises:
            StageError: a record failed and the policy is to fail the task.
        """
        rows: Sequence[int] = range(len(fetched))
        keys, kept = self._decode_column(
            Stage.KEY_CONVERTER, self._key, fetched.keys, fetched, rows
        )
        rows = pick(rows, kept)
        data = pick(fetched.values, rows)
        values, kept = self._decode_column(Stage.VALUE_CONVERTER, self._value, data, fetched, rows)
        rows, keys = pick(rows, kept), _narrowed(keys, kept)
        headers, kept = self._decode_headers(fetched, rows)
        rows, keys, values = pick(rows, kept), _narrowed(keys, kept), _narrowed(values, kept)
        if not len(rows):
            return []
        whole = Batch(
            topic=fetched.topic,
            values=values.values,
            value_schema=values.schema,
            keys=keys.values,
            key_schema=keys.schema,
            partitions=Repeat(fetched.partition, len(rows)),
            timestamps=pick(fetched.timestamps, rows),
            headers=headers,
            rows=rows,
            origin=SinkOrigin(
                topic=fetched.topic,
                partition=fetched.partition,
                offsets=fetched.offsets,
                timestamp_type=fetched.timestamp_type,
                raw=fetched,
            ),
        )
        if keys.schemas is None and values.schemas is None:
            return [whole]
        return _by_schema(whole, keys, values)

    def _decode_column(
        self,
        stage: Stage,
        converter: Converter[Any],
        data: Sequence[bytes | None],
        fetched: FetchedBatch,
        rows: Sequence[int],
    ) -> tuple[Decoded, Sequence[int]]:
        """Return a column of these rows of what was fetched, and the places of those kept."""
        topic = fetched.topic

        def single(i: int) -> Decoded | None:
            good, pair = self._guard.run(
                stage,
                converter,
                type(converter).__name__,
                lambda: Consumed(fetched, rows[i]),
                lambda: converter.to_connect_data(topic, data[i]),
            )
            return Decoded([pair[1]], pair[0]) if good and pair is not None else None

        def whole(start: int, stop: int) -> Decoded:
            decoded = converter.to_connect_batch(topic, _part(data, start, stop))
            if decoded.unread and stop - start < len(data):
                raise DataError("rows were left out")
            return decoded

        decoded, kept = _staged(len(data), whole, single, _join_decoded)
        return _filled(decoded, single) if decoded.unread else (decoded, kept)

    def _decode_headers(
        self, fetched: FetchedBatch, rows: Sequence[int]
    ) -> tuple[Sequence[Headers], Sequence[int]]:
        if fetched.headers is None:
            return Repeat(Headers.EMPTY, len(rows)), range(len(rows))
        topic = fetched.topic
        column = pick(fetched.headers, rows)

        def single(i: int) -> Sequence[Headers] | None:
            good, headers = self._guard.run(
                Stage.HEADER_CONVERTER,
                self._header,
                type(self._header).__name__,
                lambda: Consumed(fetched, rows[i]),
                lambda: self._headers(topic, column[i]),
            )
            return [headers] if good and headers is not None else None

        return _staged(
            len(column),
            lambda start, stop: [self._headers(topic, one) for one in _part(column, start, stop)],
            single,
            join_columns,
        )

    def _headers(self, topic: str, pairs: EncodedHeaders) -> Headers:
        convert = self._header.to_connect_header
        found = []
        for key, data in pairs:
            schema, value = convert(topic, key, data)
            found.append(Header(key, value, schema))
        return Headers(found)

    def close(self) -> None:
        """Close the converters."""
        self._key.close()
        self._value.close()
        self._header.close()


def _staged(
    total: int,
    whole: Callable[[int, int], T],
    single: Callable[[int], T | None],
    join: Callable[[Sequence[T]], T],
) -> tuple[T, Sequence[int]]:
    """Return the result of all rows, or of those that are not bad, and which these are."""
    with contextlib.suppress(Exception):  # found again, in pieces, under the policy
        return whole(0, total), range(total)
    # Not inside a handler: the row's own error would carry this one along.
    pieces = in_pieces(total, whole, single)
    kept = [row for start, stop, _ in pieces for row in range(start, stop)]
    return join([result for _, _, result in pieces]), kept


def _part(column: Sequence[T], start: int, stop: int) -> Sequence[T]:
    return column if stop - start == len(column) else column[start:stop]


def _narrowed(column: Decoded, kept: Sequence[int]) -> Decoded:
    if len(kept) == len(column.values):
        return column
    schemas = None if column.schemas is None else pick(column.schemas, kept)
    return Decoded(pick(column.values, kept), column.schema, schemas)


def _filled(
    column: Decoded, single: Callable[[int], Decoded | None]
) -> tuple[Decoded, Sequence[int]]:
    """Return a column with the rows that its converter left out, and the rows that are good."""
    found = {i: single(i) for i in column.unread}
    good = {i: one for i, one in found.items() if one is not None}
    bad = sorted(found.keys() - good.keys())
    rows = without(range(len(column.values)), bad)
    if not good:
        own = None if column.schemas is None else without(column.schemas, bad)
        return Decoded(without(column.values, bad), column.schema, own), rows
    values = list(column.values)
    schemas = list(column.schemas or Repeat(column.schema, len(values)))
    for i, one in good.items():
        values[i] = one.values[0]
        schemas[i] = one.schema
    same = column.schemas is None and all(one.schema == column.schema for one in good.values())
    return _narrowed(Decoded(values, column.schema, None if same else schemas), rows), rows


def _join_decoded(parts: Sequence[Decoded]) -> Decoded:
    if not parts:
        return Decoded([])
    values = join_columns([part.values for part in parts])
    first = parts[0].schema
    if all(part.schemas is None and part.schema == first for part in parts):
        return Decoded(values, first)
    schemas: list[Schema | None] = []
    known: dict[Schema | None, Schema | None] = {}  # equal schemas are one object from here on
    for part in parts:
        of_part = Repeat(part.schema, len(part.values)) if part.schemas is None else part.schemas
        schemas.extend(known.setdefault(schema, schema) for schema in of_part)
    return Decoded(values, schemas=schemas)


def _is_none(column: Sequence[Any]) -> bool:
    if isinstance(column, Repeat):
        return column.value is None
    return isinstance(column, list) and column.count(None) == len(column)


def _stamps(timestamps: Sequence[int | None], rows: Sequence[int]) -> Sequence[int | None] | None:
    """Return the timestamps to send, None when the client may stamp the rows itself."""
    if isinstance(timestamps, PollTime) or _is_none(timestamps):
        return None
    return pick(timestamps, rows)


def _by_schema(whole: Batch, keys: Decoded, values: Decoded) -> list[Batch]:
    """Divide a batch whose rows differ in schema into one batch a pair of schemas."""
    # By identity: converters give the same object for the same schema, and two batches of equal
    # schemas do no harm.
    groups: dict[tuple[int, int], list[int]] = {}
    key_ids = _ids(keys, len(whole))
    value_ids = _ids(values, len(whole))
    for i in range(len(whole)):
        groups.setdefault((key_ids[i], value_ids[i]), []).append(i)
    divided = []
    for members in groups.values():
        first = members[0]
        key_schema = keys.schema if keys.schemas is None else keys.schemas[first]
        value_schema = values.schema if values.schemas is None else values.schemas[first]
        batch = whole.select(members)
        batch = batch.with_keys(batch.keys, key_schema)
        divided.append(batch.with_values(batch.values, value_schema))
    return divided


def _ids(column: Decoded, length: int) -> Sequence[int]:
    if column.schemas is None:
        return Repeat(id(column.schema), length)
    return list(map(id, column.schemas))


def in_order(parts: Sequence[Encoded]) -> list[Encoded]:
    """Return one part a topic, its rows in the order of the origin."""
    if len(parts) <= 1:
        return list(parts)
    topics: dict[str, list[Encoded]] = {}
    for part in parts:
        topics.setdefault(part.batch.topic, []).append(part)
    return [
        group[0] if len(group) == 1 else _merged(topic, group) for topic, group in topics.items()
    ]


def _merged(topic: str, parts: Sequence[Encoded]) -> Encoded:
    rows = [row for part in parts for row in part.rows]
    order = sorted(range(len(rows)), key=rows.__getitem__)

    def column(name: str, *, needed: bool = False) -> list[Any] | None:
        pieces = [getattr(part.batch, name) for part in parts]
        if not needed and all(piece is None for piece in pieces):
            return None
        empty: Any = () if name == "headers" else None
        joined: list[Any] = []
        for piece, part in zip(pieces, parts, strict=True):
            joined.extend([empty] * len(part.rows) if piece is None else piece)
        return [joined[i] for i in order]

    values = column("values", needed=True)
    merged = EncodedBatch(
        topic=topic,
        values=values or [],
        keys=column("keys"),
        partitions=column("partitions"),
        timestamps=column("timestamps"),
        headers=column("headers"),
    )
    return Encoded(merged, [rows[i] for i in order])
