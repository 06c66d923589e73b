"""Tells a source task of each record, where its class asks for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.api import RecordMetadata, SourceTask
from penstock.data import Batch, SourceOrigin
from penstock.runtime.broker import Delivery
from penstock.runtime.tasks.polled_rows import positions

__all__ = ["ToldRecords", "tells_records", "wants_places"]

log = logging.getLogger(__name__)


def wants_places(task: SourceTask[Any]) -> bool:
    """Return whether the task asks where each record was stored."""
    return type(task).commit_record_at is not SourceTask.commit_record_at


def tells_records(task: SourceTask[Any]) -> bool:
    """Return whether the task asks to be told of each record."""
    return wants_places(task) or type(task).commit_record is not SourceTask.commit_record


class ToldRecords:
    """Calls ``commit_record_at``, and nothing where a task has none. Owner: the task's thread.

    In a transaction, rows are noted as they are sent and told of once it is committed.
    """

    def __init__(self, task: SourceTask[Any]) -> None:
        """Take a started task."""
        self._task = task
        self.wanted = tells_records(task)
        self.places = wants_places(task)
        self._last: tuple[SourceOrigin, Batch] | None = None
        self._open: list[tuple[SourceOrigin, range]] = []
        self._sent: dict[int, tuple[SourceOrigin, Sequence[int]]] = {}
        self._stored: dict[tuple[int, int], RecordMetadata] = {}

    def tell(
        self, origin: SourceOrigin, rows: Sequence[int], stored: RecordMetadata | None = None
    ) -> None:
        """Tell of rows of a poll; ``stored`` is the place of the one row."""
        if self.wanted:
            self._tell(origin, rows, dict.fromkeys(rows, stored))

    def _tell(
        self,
        origin: SourceOrigin,
        rows: Sequence[int],
        stored: Mapping[int, RecordMetadata | None],
    ) -> None:
        if self._last is None or self._last[0] is not origin:
            self._last = (origin, positions(origin))  # a poll of many rows, row by row
        whole = self._last[1]
        for row in rows:
            try:
                self._task.commit_record_at(origin.record(whole, row), stored.get(row))
            except Exception as problem:  # noqa: BLE001 - only logged, as in the original
                log.error("commit_record failed: %s", problem)  # noqa: TRY400 - no trace a record

    def passed(self, origin: SourceOrigin, rows: range) -> None:
        """Note rows that belong to the open transaction, sent or dropped."""
        if self.wanted:
            self._open.append((origin, rows))

    def sent(self, token: int, origin: SourceOrigin, rows: Sequence[int]) -> None:
        """Note which rows of a poll are those of a batch sent under ``token``."""
        if self.places:
            self._sent[token] = (origin, rows)

    def delivered(self, delivery: Delivery) -> None:
        """Note where a row of the open transaction was stored."""
        sent = self._sent.get(delivery.token)
        if sent is not None and delivery.stored is not None:
            origin, rows = sent
            self._stored[id(origin), rows[delivery.start]] = delivery.stored

    def aborted(self) -> None:
        """Forget the places: nothing is stored there for those who read what is committed."""
        self._sent.clear()
        self._stored.clear()

    def committed(self) -> None:
        """Tell of all rows of the transaction."""
        told, self._open = self._open, []
        stored, self._stored = self._stored, {}
        self._sent.clear()
        for origin, rows in told:
            of_poll = {row: stored.get((id(origin), row)) for row in rows} if stored else {}
            self._tell(origin, rows, of_poll)
