"""Transforms and predicates (source: Transformation, Predicate)."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from penstock.api._plugin import Plugin
from penstock.data import Batch, Column, Record, Schema

__all__ = ["Predicate", "Side", "Transform"]

C = TypeVar("C")
R = TypeVar("R", bound=Record)


class Side(enum.Enum):
    """The side of a record that a sided transform works on."""

    KEY = "key"
    VALUE = "value"

    def column(self, batch: Batch) -> tuple[Column, Schema | None]:
        """Return this side's column and its schema."""
        if self is Side.KEY:
            return batch.keys, batch.key_schema
        return batch.values, batch.value_schema

    def with_column(self, batch: Batch, column: Column, schema: Schema | None) -> Batch:
        """Return the batch with this side's column and schema replaced."""
        if self is Side.KEY:
            return batch.with_keys(column, schema)
        return batch.with_values(column, schema)

    def of(self, record: Record) -> tuple[Any, Schema | None]:
        """Return this side of a record and its schema."""
        if self is Side.KEY:
            return record.key, record.key_schema
        return record.value, record.value_schema

    def into(self, record: R, value: Any, schema: Schema | None) -> R:
        """Return the record with this side replaced."""
        if self is Side.KEY:
            return record.with_key(value, schema)
        return record.with_value(value, schema)


class Transform(Plugin[C]):
    """Changes or drops single records on their way.

    A transform must not change the record, batch, dict or list that it is given; it returns new
    ones and may share what it does not touch. Threading: one thread uses an instance.

    Attributes:
        sided: True when it works on the key or the value alone; ``self.side`` then says which.
            Java's ``X$Key`` and ``X$Value`` are one sided class here.
    """

    sided: ClassVar[bool] = False
    side: Side = Side.VALUE

    def apply(self, record: R) -> R | None:
        """Return the changed record, or None to drop it.

        After an error: ``errors.tolerance`` decides between failing the task and skipping.
        """
        raise NotImplementedError

    def apply_batch(self, batch: Batch) -> Batch | Sequence[Batch]:
        """Return the batch changed; several batches when topic or schemas now differ by row.

        When it raises, the runtime applies :meth:`apply` row by row to find the bad record, so
        both must agree. The default applies :meth:`apply` to every row.
        """
        kept: list[Record] = []
        rows: list[int] = []
        for row, record in zip(batch.rows, batch.records(), strict=True):
            changed = self.apply(record)
            if changed is not None:
                kept.append(changed)
                rows.append(row)
        return Batch.regroup(batch.origin, rows, kept)


class Predicate(Plugin[C]):
    """Says which records a transform is for. Threading: one thread uses an instance."""

    def test(self, record: Record) -> bool:
        """Return whether the record is meant."""
        raise NotImplementedError

    def test_batch(self, batch: Batch) -> bool | Sequence[bool]:
        """Return one answer for all rows, or one a row."""
        test = self.test
        return [test(record) for record in batch.records()]
