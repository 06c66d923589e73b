"""Hands batches to a sink task in the form that it overrides, in the order of the partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from penstock.api import SinkTask
from penstock.data import Batch, SinkRecord

__all__ = ["Deliverer"]

PIECE_ROWS_MIN: Final = 8
"""Rows that a piece must have on average to be worth a batch of its own."""


class Deliverer:
    """Calls ``put_batch``, ``put_batches`` or ``put``. Owner: the task's thread."""

    def __init__(self, task: SinkTask[Any]) -> None:
        self._task = task
        self._by_batch = type(task).put_batch is not SinkTask.put_batch
        self._by_batches = type(task).put_batches is not SinkTask.put_batches
        self._by_record = type(task).put is not SinkTask.put

    def put(self, batches: Sequence[Batch]) -> None:
        """Give the rows of one fetched run to the task, in offset order."""
        if not self._by_batch:
            if batches:
                self._task.put(_records(batches))
            return
        if len(batches) <= 1:
            for batch in batches:
                self._task.put_batch(batch)
            return
        if self._by_batches:
            self._task.put_batches(batches)
            return
        pieces = _pieces(batches)
        rows = sum(len(batch) for batch in batches)
        if self._by_record and len(pieces) * PIECE_ROWS_MIN > rows:
            # Schemas change from record to record: batches of one row would cost more than rows.
            self._task.put(_records(batches))
            return
        for number, first, last in pieces:
            self._task.put_batch(batches[number].select(range(first, last)))

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


def _pieces(batches: Sequence[Batch]) -> list[tuple[int, int, int]]:
    """Cut the batches where the origin's order goes from one to another.

    Returns:
        (number of the batch, first row in it, last row in it + 1), in the origin's order.
    """
    places = sorted(
        (row, number, i) for number, batch in enumerate(batches) for i, row in enumerate(batch.rows)
    )
    pieces: list[tuple[int, int, int]] = []
    for _, number, i in places:
        if pieces and pieces[-1][0] == number and pieces[-1][2] == i:
            pieces[-1] = (number, pieces[-1][1], i + 1)
        else:
            pieces.append((number, i, i + 1))
    return pieces
