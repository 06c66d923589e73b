"""Filter: drop every record; used with a predicate (source: Filter)."""

from __future__ import annotations

from penstock.api import Batch, Record, Transform
from penstock.config import NoConfig

__all__ = ["Filter"]


class Filter(Transform[NoConfig]):
    """Drops all that it is given."""

    def apply(self, record: Record) -> None:
        """Drop the record."""

    def apply_batch(self, batch: Batch) -> Batch:
        """Drop all rows."""
        return batch.select(())
