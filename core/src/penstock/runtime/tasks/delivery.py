"""Hands batches to a sink task in the form that it overrides, in the order of the partition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from penstock.api import SinkTask
from penstock.data import Batch, SinkRecord

__all__ = ["Deliverer"]


class Deliverer:
    """Calls ``put_batch`` or ``put``. Owner: the task's thread."""

    def __init__(self, task: SinkTask[Any]) -> None:
        self._task = task
        self._by_batch = type(task).put_batch is not SinkTask.put_batch
        self._by_record = type(task).put is not SinkTask.put

    def put(self, batches: Sequence[Batch]) -> None:
        """Give the rows of one fetched run to the task, in offset order."""
        if self._by_batch:
            for batch in batches if len(batches) <= 1 else _in_order(batches):
                self._task.put_batch(batch)
        elif batches:
            self._task.put(_records(batches))

    def idle(self) -> None:
        """Let a task that takes records do timed work when there are none."""
        if self._by_record:
            self._task.put(())


def _records(batches: Sequence[Batch]) -> Sequence[SinkRecord]:
    """Return the rows of all batches as records, in the order of the origin."""
    if len(batches) == 1:
        return list(batches[0].records())  # type: ignore[arg-type]  # a sink's rows are SinkRecords
    pairs = [
        (row, record)
        for batch in batches
        for row, record in zip(batch.rows, batch.records(), strict=True)
    ]
    pairs.sort(key=lambda pair: pair[0])
    return [record for _, record in pairs]  # type: ignore[misc]  # likewise


def _in_order(batches: Sequence[Batch]) -> Iterator[Batch]:
    """Yield pieces of the batches, cut where the origin's order goes from one to another."""
    places = sorted(
        (row, number, i) for number, batch in enumerate(batches) for i, row in enumerate(batch.rows)
    )
    start = 0
    for at in range(1, len(places) + 1):
        if at == len(places) or places[at][1] != places[start][1]:
            number = places[start][1]
            yield batches[number].select(range(places[start][2], places[at - 1][2] + 1))
            start = at
