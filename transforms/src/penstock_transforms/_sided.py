"""What transforms of a key or a value share: one column in, one out; the schema made once.

A sided transform gives two functions: ``reschema`` makes the schema that its result has, once an
input schema, and ``column`` changes all values. A row is a column of one, so that both agree.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar

from penstock.api import Batch, Record, Transform
from penstock.data import Lazy, Repeat, Schema, SinkOrigin, SinkRecord, Structs, Text, Type, pick
from penstock.errors import DataError

__all__ = [
    "Around",
    "SchemaCache",
    "SidedTransform",
    "maps",
    "require_map",
    "require_struct",
    "structs",
    "with_default",
    "without_traits",
]

C = TypeVar("C")
R = TypeVar("R", bound=Record)
T = TypeVar("T")
CACHE_MAX: Final = 16
_ONLY_DICTS: Final = frozenset({dict})


class SchemaCache(Generic[T]):
    """Results by input schema: the last one by identity, 16 by equality, as the original keeps."""

    def __init__(self, make: Callable[[Schema], T]) -> None:
        self._make = make
        self._last: tuple[Schema, T] | None = None
        self._known: dict[Schema, T] = {}

    def get(self, schema: Schema) -> T:
        """Return the result for a schema, made when it is new."""
        if self._last is not None and self._last[0] is schema:
            return self._last[1]
        found = self._known.get(schema)
        if found is None:
            if len(self._known) >= CACHE_MAX:
                del self._known[next(iter(self._known))]
            found = self._known[schema] = self._make(schema)
        self._last = (schema, found)
        return found


class Around:
    """What else a transform may look at: topic, partition, offset and timestamp, by row."""

    def __init__(
        self,
        topic: str,
        partitions: Sequence[int | None],
        timestamps: Sequence[int | None],
        offsets: Sequence[int] | None,
    ) -> None:
        """``offsets`` is None for a source's records, which have none yet."""
        self.topic = topic
        self.partitions = partitions
        self.timestamps = timestamps
        self.offsets = offsets

    @classmethod
    def batch(cls, batch: Batch) -> Around:
        """Look around a batch; the offsets are only read by who asks."""
        origin = batch.origin
        offsets = None
        if isinstance(origin, SinkOrigin):
            offsets = Lazy(len(batch), lambda: pick(origin.offsets, batch.rows))
        return cls(batch.topic, batch.partitions, batch.timestamps, offsets)

    @classmethod
    def record(cls, record: Record) -> Around:
        """Look around one record."""
        offsets = [record.offset] if isinstance(record, SinkRecord) else None
        return cls(record.topic, [record.partition], [record.timestamp], offsets)


class SidedTransform(Transform[C]):
    """Base of the transforms that work on a key or a value alone. Internal to this package."""

    sided: ClassVar[bool] = True
    passes_null: ClassVar[bool] = False
    """Whether a null key or value, its schema included, is passed on as it is."""

    @abc.abstractmethod
    def column(
        self, values: Sequence[Any], schema: Schema | None, around: Around
    ) -> tuple[Sequence[Any], Schema | None]:
        """Return the changed column and its schema."""

    def apply(self, record: R) -> R | None:
        """Change one record."""
        value, schema = self.side.of(record)
        if value is None and self.passes_null:
            return record
        values, changed = self.column([value], schema, Around.record(record))
        return self.side.into(record, values[0], changed)

    def apply_batch(self, batch: Batch) -> Batch | Sequence[Batch]:
        """Change a batch at once; rows whose schema stays another way are parted from the rest."""
        values, schema = self.side.column(batch)
        if self.passes_null:
            nulls = _null_rows(values)
            if nulls:
                return self._part(batch, nulls)
        changed, changed_schema = self.column(values, schema, Around.batch(batch))
        return self.side.with_column(batch, changed, changed_schema)

    def _part(self, batch: Batch, nulls: Sequence[int]) -> Batch | Sequence[Batch]:
        """Change the rows that are not null; the others keep their schema, so they part."""
        if len(nulls) == len(batch):
            return batch
        gone = set(nulls)
        solid = batch.select([i for i in range(len(batch)) if i not in gone])
        changed = self.apply_batch(solid)
        return [*([changed] if isinstance(changed, Batch) else changed), batch.select(nulls)]


def _null_rows(values: Sequence[Any]) -> Sequence[int]:
    if isinstance(values, Repeat):
        return range(len(values)) if values.value is None else ()
    if isinstance(values, Text):
        values = values.utf8
    if None not in values:
        return ()
    return [i for i, value in enumerate(values) if value is None]


def without_traits(schema: Schema) -> dict[str, Any]:
    """Return the parts that a rebuilt struct keeps: not its optionality, not its default."""
    return {
        "name": schema.name,
        "version": schema.version,
        "doc": schema.doc,
        "parameters": schema.parameters,
    }


def require_struct(value: Any, schema: Schema, purpose: str) -> dict[str, Any]:
    """Return a struct's value; raises DataError for anything else (source: Requirements)."""
    if schema.type is not Type.STRUCT or not isinstance(value, dict):
        kind = "null" if value is None else _java_kind(value, schema)
        raise DataError(f"Only Struct objects supported for [{purpose}], found: {kind}")
    return value


def require_map(value: Any, purpose: str) -> dict[str, Any]:
    """Return a schemaless map; raises DataError for anything else (source: Requirements)."""
    if not isinstance(value, dict):
        kind = "null" if value is None else _java_kind(value, None)
        raise DataError(
            f"Only Map objects supported in absence of schema for [{purpose}], found: {kind}"
        )
    return value


def structs(values: Sequence[Any], schema: Schema, purpose: str) -> Sequence[dict[str, Any]]:
    """Return a column of structs, checked at once; see :func:`require_struct`."""
    if schema.type is Type.STRUCT and (
        isinstance(values, Structs) or set(map(type, values)) <= _ONLY_DICTS
    ):
        return values
    return [require_struct(value, schema, purpose) for value in values]


def maps(values: Sequence[Any], purpose: str) -> Sequence[dict[str, Any]]:
    """Return a column of schemaless maps, checked at once; see :func:`require_map`."""
    if set(map(type, values)) <= _ONLY_DICTS:
        return values
    return [require_map(value, purpose) for value in values]


def _java_kind(value: Any, schema: Schema | None) -> str:
    if schema is not None and schema.type is not Type.STRUCT:
        return str(schema.type.value)
    return type(value).__name__


def with_default(value: Any, schema: Schema, *, replace_null: bool) -> Any:
    """Return a field's value, its default standing for null when that is asked for."""
    return schema.default if value is None and replace_null else value
