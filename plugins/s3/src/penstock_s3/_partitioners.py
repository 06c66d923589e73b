"""In which folder a record belongs (source: the partitioners of the original's storage library)."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any, Final

import attrs

from penstock.data import Batch, Column, Repeat, Schema, Text, Type
from penstock.errors import DataError
from penstock_s3._border import Extractor, Partitioner
from penstock_s3._fields import field_column
from penstock_s3._joda import JodaPattern

__all__ = ["ByField", "ByPartition", "ByTime", "DailyPath", "HourlyPath", "WithSchemaName"]

_PLAIN: Final = frozenset({str, int, bool, type(None)})
_TYPES: Final = frozenset(
    {Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.STRING, Type.BOOLEAN}
)
KNOWN_MAX: Final = 100_000
_MINUTE_MS: Final = 60_000
_SECOND_MS: Final = 1000
_WHOLE_MINUTES_FROM: Final = 94_694_400_000  # 1973: offsets had seconds before
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NAIVE_EPOCH: Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - local times are reckoned with
_MS: Final = dt.timedelta(milliseconds=1)


class ByPartition:
    """The Kafka partition: ``partition=0`` (source: DefaultPartitioner)."""

    def paths(self, batch: Batch, now_ms: int) -> Sequence[str]:
        """Return the path of each row."""
        partition = getattr(batch.origin, "partition", None)
        if partition is not None:
            return Repeat(f"partition={partition}", len(batch))
        return [f"partition={one}" for one in batch.partitions]


@attrs.frozen
class ByField:
    """The values of fields: ``country=ch/city=bern`` (source: FieldPartitioner)."""

    fields: Sequence[str]
    delim: str = "/"

    def paths(self, batch: Batch, now_ms: int) -> Sequence[str]:
        """Return the path of each row.

        Raises:
            DataError: a field is missing, or is no integer, text or flag.
        """
        columns = [self._labels(batch, field) for field in self.fields]
        if len(columns) == 1:
            return columns[0]
        return list(map(self.delim.join, zip(*columns, strict=True)))

    def _labels(self, batch: Batch, field: str) -> Sequence[str]:
        column, schema = field_column(batch, field, "partition.field.name")
        if schema is not None and (schema.type not in _TYPES or _is_logical(schema)):
            raise _no_path(batch, field, f"it is {schema.name or schema.type.value}")
        start = f"{field}="
        if isinstance(column, Repeat):
            return Repeat(start + self._text(batch, field, column.value), len(batch))
        kinds = {str} if isinstance(column, Text) else set(map(type, column))
        if kinds == {str}:
            return [start + one for one in column]
        if not kinds <= _PLAIN:
            # What else there is, is said by the first of them.
            return [start + self._text(batch, field, one) for one in column]
        known = {one: start + self._text(batch, field, one) for one in set(map(_told, column))}
        return [known[_told(one)] for one in column]

    def _text(self, batch: Batch, field: str, value: Any) -> str:
        if isinstance(value, tuple):
            value = value[1]
        if type(value) not in _PLAIN:
            raise _no_path(batch, field, f"a value is {type(value).__name__}")
        if value is None:
            return "null"
        return str(value).lower() if isinstance(value, bool) else str(value)


def _told(value: Any) -> Any:
    """Return what a dict tells apart: True equals 1 otherwise."""
    return (bool, value) if isinstance(value, bool) else value


def _is_logical(schema: Schema) -> bool:
    return bool(schema.name) and schema.name.startswith("org.apache.kafka.connect.data.")  # type: ignore[union-attr]


def _no_path(batch: Batch, field: str, why: str) -> DataError:
    return DataError(
        f"topic {batch.topic}: Error encoding partition: field '{field}' must be an integer, text"
        f" or boolean to make a path, but {why}; name another in partition.field.name"
    )


class _Paths(dict[int, str]):
    """The path of each unit of time, made when first asked for."""

    def __init__(self, partitioner: ByTime, unit: int) -> None:
        super().__init__()
        self._partitioner = partitioner
        self._unit = unit

    def __missing__(self, number: int) -> str:
        if len(self) >= KNOWN_MAX:
            self.clear()
        made = self[number] = self._partitioner.path(number * self._unit)
        return made


class ByTime:
    """The time of a record, cut to a duration, as a Joda pattern (source: TimeBasedPartitioner)."""

    def __init__(
        self, extractor: Extractor, pattern: JodaPattern, zone: dt.tzinfo, duration_ms: int
    ) -> None:
        """Take what a time is made a path with; the duration is positive."""
        self.extractor = extractor
        self._pattern = pattern
        self._zone = zone
        self._duration = duration_ms
        # Within a unit all moments have one path: offsets are whole minutes, long ago seconds.
        self._minutes = _Paths(self, math.gcd(duration_ms, _MINUTE_MS))
        self._seconds = _Paths(self, math.gcd(duration_ms, _SECOND_MS))

    def paths(self, batch: Batch, now_ms: int) -> Sequence[str]:
        """Return the path of each row; raises DataError when one has no time."""
        return self.paths_at(self.extractor.times(batch, now_ms))

    def paths_at(self, times: Sequence[int]) -> Sequence[str]:
        """Return the path of each of these times (Unix ms)."""
        if isinstance(times, Repeat):
            return Repeat(self.path(times.value), len(times))
        if not times:
            return []
        known = self._minutes if min(times) >= _WHOLE_MINUTES_FROM else self._seconds
        unit = math.gcd(self._duration, _MINUTE_MS if known is self._minutes else _SECOND_MS)
        return list(map(known.__getitem__, [time // unit for time in times]))

    def path(self, time_ms: int) -> str:
        """Return the path of one moment; raises DataError beyond the years 1 to 9999."""
        try:
            local = (_EPOCH + time_ms * _MS).astimezone(self._zone).replace(tzinfo=None)
            # Cut in local time, as a day is one by the clock on the wall. The original cuts
            # moments before 1970 towards 1970, into the wrong path.
            rest = ((local - _NAIVE_EPOCH) // _MS) % self._duration
            cut = (local - _NAIVE_EPOCH) // _MS - rest
            bucket = (_NAIVE_EPOCH + cut * _MS).replace(tzinfo=self._zone)
            # By way of UTC: a local time that the clocks left out becomes the one after.
            return self._pattern.format(bucket.astimezone(dt.UTC).astimezone(self._zone))
        except OverflowError as problem:
            raise DataError(
                f"a record's time of {time_ms} ms lies beyond the years 1 to 9999: it has no path;"
                " is timestamp.field in milliseconds?"
            ) from problem


DailyPath: Final = "'year'=YYYY{delim}'month'=MM{delim}'day'=dd"
HourlyPath: Final = DailyPath + "{delim}'hour'=HH"


@attrs.frozen
class WithSchemaName:
    """A folder with the schema's name before or after the path (source: SchemaPartitioner)."""

    inner: Partitioner
    is_prefix: bool
    delim: str = "/"

    def paths(self, batch: Batch, now_ms: int) -> Sequence[str]:
        """Return the path of each row."""
        name = None if batch.value_schema is None else batch.value_schema.name
        folder = f"schema_name={name or 'null'}"
        start, end = (folder + self.delim, "") if self.is_prefix else ("", self.delim + folder)
        return _mapped(self.inner.paths(batch, now_ms), start, end)


def _mapped(paths: Column, start: str, end: str) -> Sequence[str]:
    if isinstance(paths, Repeat):
        return Repeat(start + paths.value + end, len(paths))
    known = {one: start + one + end for one in set(paths)}
    return list(map(known.__getitem__, paths))
