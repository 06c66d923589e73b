"""InsertHeader: add a header of a fixed value (source: InsertHeader)."""

from __future__ import annotations

from typing import TypeVar

from penstock.api import Batch, Record, Transform
from penstock.config import config, key
from penstock.data import Header, Headers, Repeat
from penstock.data.values import parse_text

__all__ = ["InsertHeader"]

R = TypeVar("R", bound=Record)


@config
class InsertHeaderConfig:
    """Keys of InsertHeader."""

    header: str = key(importance="high", doc="Key of the header to add.")
    value_literal: str = key(
        importance="high",
        doc="Its value, read as the smallest type that fits: 1 is an int8, [1,2] an array of them,"
        " true a boolean, 2024-01-02 a date, anything else text.",
    )


class InsertHeader(Transform[InsertHeaderConfig]):
    """Adds a header behind those that are there, whatever their keys."""

    def open(self) -> None:
        """Read the value."""
        schema, value = parse_text(self.config.value_literal)
        self._header = Header(self.config.header, value, schema)
        self._alone = Headers((self._header,))

    def apply(self, record: R) -> R:
        """Add the header to one record."""
        return record.with_headers(Headers((*record.headers, self._header)))

    def apply_batch(self, batch: Batch) -> Batch:
        """Add the header to every row; rows that had none share one."""
        headers, header, alone = batch.headers, self._header, self._alone
        if isinstance(headers, Repeat):
            return batch.with_headers(Repeat(Headers((*headers.value, header)), len(headers)))
        return batch.with_headers([Headers((*one, header)) if one else alone for one in headers])
