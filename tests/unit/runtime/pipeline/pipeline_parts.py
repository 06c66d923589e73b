"""Plugins that refuse what they are told to, and a reporter that remembers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.api import Converter, HeaderConverter, Predicate, Transform
from penstock.config import NoConfig
from penstock.data import Batch, Column, Record, Schema
from penstock.errors import DataError
from penstock.runtime.broker import FetchedBatch
from penstock.runtime.pipeline.failure import Failure
from penstock.runtime.pipeline.guard import RowGuard
from penstock.runtime.pipeline.policy import ErrorPolicy

NONE = NoConfig()


class Told:
    """Remembers every failure."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    def failed(self, failure: Failure) -> None:
        self.failures.append(failure)

    def brief(self) -> list[tuple[str, str, str]]:
        """Return stage, place and error of each, in the order of places."""
        return sorted((f.stage.value, f.row.place, str(f.error)) for f in self.failures)


def guard(told: Told, *, tolerate: bool = True) -> RowGuard:
    return RowGuard(ErrorPolicy(tolerate_all=tolerate), told, lambda _: False, lambda: 0.5)


class Refusing(Converter[NoConfig]):
    """Text; refuses what holds ``bad``; digits are a schema of their own. Counts batch calls."""

    calls = 0
    rows = 0

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        self.rows += 1
        if value is not None and "bad" in str(value):
            raise DataError(f"cannot write {value}")
        return None if value is None else str(value).encode()

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        self.rows += 1
        if data is not None and b"bad" in data:
            raise DataError(f"cannot read {data!r}")
        if data is not None and data.isdigit():
            return Schema.INT64, int(data)
        return Schema.STRING, None if data is None else data.decode()

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Column
    ) -> Sequence[bytes | None]:
        self.calls += 1
        return super().from_connect_batch(topic, schema, values)

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Any:
        self.calls += 1
        return super().to_connect_batch(topic, data)


class RowByRow(Refusing):
    """The same, and its batches always fail: every row is done by itself."""

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Column
    ) -> Sequence[bytes | None]:
        raise RuntimeError("only rows")

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Any:
        raise RuntimeError("only rows")


class RefusingHeader(HeaderConverter[NoConfig]):
    """Text; refuses what holds ``bad``."""

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        if "bad" in str(value):
            raise DataError("cannot write header")
        return str(value).encode()

    def to_connect_header(
        self, topic: str, key: str, data: bytes | None
    ) -> tuple[Schema | None, Any]:
        if data is not None and b"bad" in data:
            raise DataError("cannot read header")
        return Schema.STRING, None if data is None else data.decode()


class Sorting(Transform[NoConfig]):
    """Refuses ``worse``, drops ``drop``, sends ``other...`` elsewhere, upper-cases text."""

    def apply(self, record: Any) -> Any:
        value = record.value
        if not isinstance(value, str):
            return record
        if "worse" in value:
            raise DataError(f"cannot sort {value}")
        if value == "drop":
            return None
        if value.startswith("other"):
            return record.with_topic("elsewhere")
        return record.with_value(value.upper())


class SortingRows(Sorting):
    """The same, row by row."""

    def apply_batch(self, batch: Batch) -> Any:
        raise RuntimeError("only rows")


class Short(Predicate[NoConfig]):
    """Whether the text is short; refuses ``odd``."""

    def test(self, record: Record) -> bool:
        if record.value is not None and "odd" in str(record.value):
            raise DataError("cannot tell")
        return len(str(record.value)) < 6


class ShortRows(Short):
    """The same, row by row."""

    def test_batch(self, batch: Batch) -> Any:
        raise RuntimeError("only rows")


def fetched(
    values: Sequence[bytes | None],
    keys: Sequence[bytes | None] | None = None,
    headers: Sequence[Sequence[tuple[str, bytes | None]]] | None = None,
    *,
    base: int = 100,
    **more: Any,
) -> FetchedBatch:
    """Return rows of ``t-3`` from offset ``base`` on."""
    n = len(values)
    return FetchedBatch(
        topic="t",
        partition=3,
        offsets=range(base, base + n),
        keys=[None] * n if keys is None else keys,
        values=values,
        timestamps=[1000 + i for i in range(n)],
        headers=headers,
        **more,
    )
