"""Between batches and what the broker carries: key, value and header converters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from penstock.api import Converter, Decoded, HeaderConverter
from penstock.data import (
    Batch,
    Column,
    Header,
    Headers,
    PollTime,
    Repeat,
    Schema,
    SinkOrigin,
    pick,
)
from penstock.runtime.broker import EncodedBatch, EncodedHeaders, FetchedBatch
from penstock.runtime.pipeline.chain import place_of
from penstock.runtime.pipeline.guard import RowGuard
from penstock.runtime.pipeline.policy import Stage

__all__ = ["Encoded", "RecordCodec", "in_order"]

_SKIPPED: Final = object()


class _Mended(list[Any]):
    """A column made row by row after its batch failed; skipped rows hold ``_SKIPPED``."""


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
        headers = self._encode_headers(batch)
        keys = self._encode_column(Stage.KEY_CONVERTER, self._key, batch)
        values = self._encode_column(Stage.VALUE_CONVERTER, self._value, batch)
        rows = _kept(len(batch), keys, values, headers)
        return Encoded(
            EncodedBatch(
                topic=batch.topic,
                values=pick(values, rows),
                keys=None if _is_none(keys) else pick(keys, rows),
                partitions=None if _is_none(batch.partitions) else pick(batch.partitions, rows),
                timestamps=_stamps(batch.timestamps, rows),
                headers=None if headers is None else pick(headers, rows),
            ),
            pick(batch.rows, rows),
        )

    def _encode_column(
        self, stage: Stage, converter: Converter[Any], batch: Batch
    ) -> Sequence[bytes | None]:
        is_key = stage is Stage.KEY_CONVERTER
        column = batch.keys if is_key else batch.values
        schema = batch.key_schema if is_key else batch.value_schema
        try:
            return converter.from_connect_batch(batch.topic, schema, column)
        except Exception:  # noqa: BLE001, S110 - found again, row by row, under the policy
            pass
        encoded = _Mended()
        for i, value in enumerate(column):
            good, data = self._guard.run(
                stage,
                f"{type(converter).__name__}",
                lambda i=i: place_of(batch, i),  # type: ignore[misc]  # binds the loop's row
                lambda value=value: converter.from_connect_data(batch.topic, schema, value),  # type: ignore[misc]  # likewise
            )
            encoded.append(data if good else _SKIPPED)
        return encoded

    def _encode_headers(self, batch: Batch) -> list[Any] | None:
        if isinstance(batch.headers, Repeat) and not batch.headers.value:
            return None
        if not any(batch.headers):
            return None
        convert = self._header.from_connect_header
        encoded = _Mended()
        for i, headers in enumerate(batch.headers):
            good, pairs = self._guard.run(
                Stage.HEADER_CONVERTER,
                type(self._header).__name__,
                lambda i=i: place_of(batch, i),  # type: ignore[misc]  # binds the loop's row
                lambda headers=headers: [  # type: ignore[misc]  # likewise
                    (h.key, convert(batch.topic, h.key, h.schema, h.value)) for h in headers
                ],
            )
            encoded.append(pairs if good else _SKIPPED)
        return encoded

    def decode(self, fetched: FetchedBatch) -> list[Batch]:
        """Return what was fetched as batches that share one origin, without skipped rows.

        Raises:
            StageError: a record failed and the policy is to fail the task.
        """
        n = len(fetched)
        origin = SinkOrigin(
            topic=fetched.topic,
            partition=fetched.partition,
            offsets=fetched.offsets,
            timestamp_type=fetched.timestamp_type,
        )
        keys = self._decode_column(Stage.KEY_CONVERTER, self._key, fetched.keys, fetched)
        values = self._decode_column(Stage.VALUE_CONVERTER, self._value, fetched.values, fetched)
        headers = self._decode_headers(fetched)
        whole = Batch(
            topic=fetched.topic,
            values=values.values,
            value_schema=values.schema,
            keys=keys.values,
            key_schema=keys.schema,
            partitions=Repeat(fetched.partition, n),
            timestamps=fetched.timestamps,
            headers=headers,
            rows=range(n),
            origin=origin,
        )
        rows = _kept(n, keys.values, values.values, headers)
        if keys.schemas is None and values.schemas is None:
            return [whole.select(rows)] if len(rows) else []
        return _by_schema(whole, rows, keys, values)

    def _decode_column(
        self,
        stage: Stage,
        converter: Converter[Any],
        data: Sequence[bytes | None],
        fetched: FetchedBatch,
    ) -> Decoded:
        try:
            return converter.to_connect_batch(fetched.topic, data)
        except Exception:  # noqa: BLE001, S110 - found again, row by row, under the policy
            pass
        values = _Mended()
        schemas: list[Schema | None] = []
        for i, one in enumerate(data):
            good, pair = self._guard.run(
                stage,
                type(converter).__name__,
                lambda i=i: _place(fetched, i),  # type: ignore[misc]  # binds the loop's row
                lambda one=one: converter.to_connect_data(fetched.topic, one),  # type: ignore[misc]  # likewise
            )
            schema, value = pair if good and pair is not None else (None, _SKIPPED)
            schemas.append(schema)
            values.append(value)
        return Decoded(values, schemas=schemas)

    def _decode_headers(self, fetched: FetchedBatch) -> Sequence[Any]:
        if fetched.headers is None:
            return Repeat(Headers.EMPTY, len(fetched))
        decoded = _Mended()
        for i, pairs in enumerate(fetched.headers):
            good, headers = self._guard.run(
                Stage.HEADER_CONVERTER,
                type(self._header).__name__,
                lambda i=i: _place(fetched, i),  # type: ignore[misc]  # binds the loop's row
                lambda pairs=pairs: self._headers(fetched.topic, pairs),  # type: ignore[misc]  # likewise
            )
            decoded.append(headers if good else _SKIPPED)
        return decoded

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


def _place(fetched: FetchedBatch, i: int) -> str:
    return f"{fetched.topic}-{fetched.partition}@{fetched.offsets[i]}"


def _kept(length: int, *columns: Column | None) -> Sequence[int]:
    """Return the rows that no column skips."""
    mended = [column for column in columns if isinstance(column, _Mended)]
    if not mended:
        return range(length)
    return [i for i in range(length) if all(column[i] is not _SKIPPED for column in mended)]


def _is_none(column: Sequence[Any]) -> bool:
    if isinstance(column, Repeat):
        return column.value is None
    return isinstance(column, list) and column.count(None) == len(column)


def _stamps(timestamps: Sequence[int | None], rows: Sequence[int]) -> Sequence[int | None] | None:
    """Return the timestamps to send, None when the client may stamp the rows itself."""
    if isinstance(timestamps, PollTime) or _is_none(timestamps):
        return None
    return pick(timestamps, rows)


def _by_schema(whole: Batch, rows: Sequence[int], keys: Decoded, values: Decoded) -> list[Batch]:
    """Divide a batch whose rows differ in schema into one batch a pair of schemas."""
    # By identity: converters give the same object for the same schema, and two batches of equal
    # schemas do no harm.
    groups: dict[tuple[int, int], list[int]] = {}
    key_ids = _ids(keys, len(whole))
    value_ids = _ids(values, len(whole))
    for i in rows:
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
