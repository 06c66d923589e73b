"""When a transaction ends: after a poll, after an interval, or when the connector says so.

(source: ExactlyOnceWorkerSourceTask.TransactionBoundaryManager, WorkerTransactionContext)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.config import ConfigSpec
from penstock.data import SourceRecord
from penstock.errors import ConnectError
from penstock.runtime.connector_keys import SourceKeys
from penstock.runtime.tasks.transaction import Boundary, Cut

__all__ = ["Boundaries", "TransactionRequests"]

ROWS_REQUESTED_MAX: Final = 100_000
"""Records that a connector named and did not return yet."""


class TransactionRequests:
    """What a connector asks of its transactions: the :class:`penstock.api.TransactionContext`.

    Owner: the task's thread.
    """

    def __init__(self) -> None:
        self._commit = self._abort = False
        self._rows: dict[int, bool] = {}
        # By identity, and held so that an identity is never used twice.
        self._records: dict[int, tuple[SourceRecord, bool]] = {}

    def commit_transaction(self, record: SourceRecord | None = None) -> None:
        """Commit after the next batch that poll returns, or after one record of it."""
        if record is None:
            self._commit = True
        else:
            self._note(record, aborts=False)

    def abort_transaction(self, record: SourceRecord | None = None) -> None:
        """Give up what was sent, after the next batch or after one record of it."""
        if record is None:
            self._abort = True
        else:
            self._note(record, aborts=True)

    def commit_after_row(self, row: int) -> None:
        """Commit after row ``row`` of the next batch that poll returns."""
        self._note_row(row, aborts=False)

    def abort_after_row(self, row: int) -> None:
        """Give up what was sent, after row ``row`` of the next batch."""
        self._note_row(row, aborts=True)

    def _note(self, record: SourceRecord, *, aborts: bool) -> None:
        known = self._records.get(id(record))
        if known is not None and known[1] != aborts:
            raise ConnectError(_BOTH.format("record"))
        if len(self._records) >= ROWS_REQUESTED_MAX:
            raise ConnectError(
                f"transactions were asked to end after more than {ROWS_REQUESTED_MAX:,} records "
                "that poll never returned; name only records of the next batch"
            )
        self._records[id(record)] = (record, aborts)

    def _note_row(self, row: int, *, aborts: bool) -> None:
        if row < 0:
            raise ConnectError(f"a row counts from 0 on, got {row}")
        if self._rows.setdefault(row, aborts) != aborts:
            raise ConnectError(_BOTH.format("record"))

    def cut_of_batch(self, rows: int) -> Cut | None:
        """Return, and forget, what was asked for a whole batch, which has so many rows.

        Raises:
            ConnectError: both a commit and an abort were asked for.
        """
        commits, self._commit = self._commit, False
        aborts, self._abort = self._abort, False
        if commits and aborts:
            raise ConnectError(_BOTH.format("transaction"))
        return Cut(rows, aborts) if commits or aborts else None

    def cuts(self, polled: object, rows: int) -> list[Cut]:
        """Return, and forget, where transactions end in what was polled.

        Raises:
            ConnectError: both ends were asked for at the same place, or a row is not there.
        """
        ends = self._rows
        self._rows = {}
        if self._records and isinstance(polled, list | tuple):
            for row, record in enumerate(polled):
                named = self._records.pop(id(record), None)
                if named is not None and ends.setdefault(row, named[1]) != named[1]:
                    raise ConnectError(_BOTH.format("record"))
        beyond = [row for row in ends if row >= rows]
        if beyond:
            raise ConnectError(
                f"a transaction was asked to end after row {beyond[0]}, "
                f"but poll returned {rows} rows"
            )
        found = [Cut(row + 1, ends[row]) for row in sorted(ends)]
        last = self.cut_of_batch(rows)
        return found if last is None else [*found, last]


_BOTH: Final = (
    "Connector requested both commit and abort of same {0}; ask for one of them, see "
    "TransactionContext"
)


class Boundaries:
    """Decides where the transactions of a task end. Owner: the task's thread."""

    def __init__(
        self,
        kind: Boundary,
        *,
        interval_s: float = 0.0,
        now_s: float = 0.0,
        requests: TransactionRequests | None = None,
    ) -> None:
        """``now_s`` is monotonic; ``requests`` are needed for, and only for, ``connector``."""
        self.kind = kind
        self.requests = requests
        self._interval_s = interval_s
        self._last_s = now_s

    @classmethod
    def of(cls, raw: Mapping[str, str], *, flush_interval_s: float, now_s: float) -> Boundaries:
        """Return those of a connector's configuration, which was validated before."""
        keys = ConfigSpec.of(SourceKeys).parse(raw)
        kind = Boundary(keys.transaction_boundary.strip().lower())
        given_ms = keys.transaction_boundary_interval_ms
        return cls(
            kind,
            interval_s=flush_interval_s if given_ms is None else given_ms / 1000,
            now_s=now_s,
            requests=TransactionRequests() if kind is Boundary.CONNECTOR else None,
        )

    def cuts(self, polled: object, rows: int, now_s: float) -> list[Cut]:
        """Return where transactions end in what was polled, ``rows`` of them, maybe none."""
        if self.requests is not None:
            return self.requests.cuts(polled, rows)
        if self.kind is Boundary.POLL:
            return [Cut(rows)] if rows else []
        if now_s - self._last_s < self._interval_s:
            return []
        self._last_s = now_s
        return [Cut(rows)]

    def last_cut(self) -> Cut | None:
        """Return how the open transaction ends as the task rests or stops; None: given up."""
        return Cut(0) if self.requests is None else self.requests.cut_of_batch(0)
