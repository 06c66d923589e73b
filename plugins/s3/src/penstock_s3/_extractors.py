"""Which time a record belongs to: Wallclock, Record, RecordField (source: TimestampExtractor)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, Final

import attrs

from penstock.data import Batch, EpochMillis, Repeat, Schema, Timestamp, Type
from penstock.errors import DataError
from penstock_s3._fields import field_column, name_of

__all__ = ["RecordField", "RecordTime", "Wallclock"]

_NUMBER: Final = re.compile(r"[+-]?\d+", re.ASCII)
_MONTH: Final = re.compile(r"\d{4}-\d{2}", re.ASCII)
_INT64: Final = 1 << 63
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MS: Final = dt.timedelta(milliseconds=1)


class Wallclock:
    """The time at which a batch is written; the same for all its rows."""

    def times(self, batch: Batch, now_ms: int) -> Sequence[int]:
        """Return the wall clock a row."""
        return Repeat(now_ms, len(batch))


class RecordTime:
    """The timestamp of the Kafka record."""

    def times(self, batch: Batch, now_ms: int) -> Sequence[int]:
        """Return the timestamp of each row; raises DataError when one has none."""
        times = batch.timestamps
        if None in times:
            raise DataError(
                f"topic {batch.topic}: Unable to determine timestamp using timestamp.extractor"
                " Record: a record has no timestamp; use RecordField or Wallclock"
            )
        return times  # type: ignore[return-value]  # no None is in it


@attrs.frozen
class RecordField:
    """The time in a field of the value; nested fields as ``a.b``."""

    field: str

    def times(self, batch: Batch, now_ms: int) -> Sequence[int]:
        """Return the time of each row.

        Raises:
            DataError: the field is missing, null, or no time.
        """
        column, schema = field_column(batch, self.field, "timestamp.field")
        kinds = set(map(type, column))
        if kinds == {int} and (schema is None or schema.type in _INTEGERS):
            return column
        if kinds == {dt.datetime}:
            try:
                return [(value - _EPOCH) // _MS for value in column]
            except TypeError:
                pass  # without a zone: taken as UTC
        return [self._time(batch, value, schema) for value in column]

    def _time(self, batch: Batch, value: Any, schema: Schema | None) -> int:
        if isinstance(value, dt.datetime | EpochMillis):
            return Timestamp.to_ms(value)
        if isinstance(value, int) and not isinstance(value, bool):
            if schema is None or schema.type in _INTEGERS:
                return value
        elif isinstance(value, str):
            found = _text_time(value)
            if found is not None:
                return found
        got = "null" if value is None else f"{type(value).__name__} {value!r:.60}"
        raise DataError(
            f"topic {batch.topic}: Unable to determine timestamp: field '{self.field}' of"
            f" {name_of(batch.value_schema)} must be a Timestamp, an int32 or int64 of"
            f" milliseconds, or text of a number or in ISO 8601, got {got}"
        )


_INTEGERS: Final = frozenset({Type.INT32, Type.INT64})


def _text_time(text: str) -> int | None:
    """Return Unix ms of a number or of ISO 8601, where no zone means UTC; None for others."""
    trimmed = text.strip()
    if _NUMBER.fullmatch(trimmed):
        number = int(trimmed)
        return number if -_INT64 <= number < _INT64 else None
    if _MONTH.fullmatch(trimmed):
        trimmed += "-01"
    try:
        return Timestamp.to_ms(dt.datetime.fromisoformat(trimmed))
    except (ValueError, OverflowError):
        return None
