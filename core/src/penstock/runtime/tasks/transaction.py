"""The transactions of one exactly-once source task: what may be done, and when. Pure.

A transaction holds records and the offsets after them, so that a reader sees both or neither.
This module keeps the one rule that makes it so: an offset may be stored only in the transaction
that holds its records, or after it. It decides; ``exactly_once`` carries out the actions.
(source: ExactlyOnceWorkerSourceTask)
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.errors import PenstockError

__all__ = ["Action", "Boundary", "Cut", "IllegalStepError", "State", "Transaction", "pieces"]

Partition = Mapping[str, Any]
Offset = Mapping[str, Any]


class IllegalStepError(PenstockError):
    """A step that the state does not allow: a bug of the caller, never of a user."""


class Boundary(enum.Enum):
    """What ends a transaction, by the values of ``transaction.boundary``."""

    POLL = "poll"
    INTERVAL = "interval"
    CONNECTOR = "connector"


class State(enum.Enum):
    """Where a transaction stands."""

    IDLE = "idle"
    OPEN = "open"
    COMMITTING = "committing"
    ABORTING = "aborting"
    FENCED = "fenced"
    FAILED = "failed"


class Action(enum.Enum):
    """What the caller has to do, in the order returned, before its next step."""

    BEGIN = "begin"
    STORE_OFFSETS = "store offsets"
    COMMIT = "commit"
    ABORT = "abort"


_ENDED: Final = frozenset({State.FENCED, State.FAILED})


class Transaction:
    """The steps of a task's transactions, one at a time. Owner: the task's thread.

    Attributes:
        state: where it stands.
        rows: records of the open transaction.
        owed: records of an aborted one that must be sent again before anything is committed.
    """

    def __init__(self) -> None:
        self.state = State.IDLE
        self.rows = 0
        self.owed = 0
        self._offsets: dict[tuple[tuple[str, Any], ...], tuple[Partition, Offset]] = {}

    @property
    def offsets(self) -> list[tuple[Partition, Offset]]:
        """The offsets that the next commit stores, the last one of each source partition."""
        return list(self._offsets.values())

    @property
    def has_work(self) -> bool:
        """Whether a commit would store anything."""
        return self.state is State.OPEN or bool(self._offsets)

    def _expect(self, step: str, *states: State) -> None:
        if self.state not in states:
            raise IllegalStepError(f"{step} while the transaction is {self.state.value}")

    def sending(self, rows: int) -> Sequence[Action]:
        """Note records that are about to be sent; the first one begins a transaction."""
        self._expect("sending", State.IDLE, State.OPEN)
        begins = self.state is State.IDLE
        self.state = State.OPEN
        self.rows += rows
        self.owed = max(0, self.owed - rows)
        return (Action.BEGIN,) if begins else ()

    def passed(self, partition: Partition, offset: Offset) -> None:
        """Note the place after records that were sent in the open transaction, or dropped."""
        self._expect("noting an offset", State.IDLE, State.OPEN)
        self._offsets[tuple(sorted(partition.items()))] = (partition, offset)

    def commit(self) -> Sequence[Action]:
        """Commit what is there; nothing at all when there is nothing: none is ever empty."""
        self._expect("a commit", State.IDLE, State.OPEN)
        if self.owed:
            raise IllegalStepError(f"a commit while {self.owed} records must be sent again")
        if not self.has_work:
            return ()
        begin = (Action.BEGIN,) if self.state is State.IDLE else ()
        store = (Action.STORE_OFFSETS,) if self._offsets else ()
        self.state = State.COMMITTING
        return (*begin, *store, Action.COMMIT)

    def committed(self) -> int:
        """Note that the commit is done; return how many records it held."""
        self._expect("the end of a commit", State.COMMITTING)
        rows, self.rows = self.rows, 0
        self._offsets.clear()
        self.state = State.IDLE
        return rows

    def abort(self) -> Sequence[Action]:
        """Give up the open transaction, or one whose commit failed."""
        self._expect("an abort", State.IDLE, State.OPEN, State.COMMITTING)
        if self.state is State.IDLE:
            return ()
        self.state = State.ABORTING
        return (Action.ABORT,)

    def aborted(self, *, dropped: bool) -> int:
        """Note that the abort is done; return how many records were in it.

        ``dropped``: the connector wanted the records away, so the places after them hold.
        Otherwise the same records must be sent again first.
        """
        self._expect("the end of an abort", State.ABORTING)
        rows, self.rows = self.rows, 0
        self.owed = 0 if dropped else rows
        self.state = State.IDLE
        return rows

    def fenced(self) -> None:
        """Note that a newer instance has taken over; nothing is allowed after it."""
        self.state = State.FENCED

    def failed(self) -> None:
        """Note a failure; nothing is allowed after it."""
        if self.state not in _ENDED:
            self.state = State.FAILED


@attrs.frozen
class Cut:
    """An end of a transaction inside a poll: after how many of its rows, and how.

    ``aborts``: the transaction is given up, not committed.
    """

    after: int
    aborts: bool = False


def pieces(rows: int, cuts: Sequence[Cut]) -> list[tuple[int, int, Cut | None]]:
    """Return a poll's rows as ranges ``(first, last + 1, the cut after it)``.

    ``cuts`` ascend. The last range has no cut when rows are left after the last one.
    """
    found: list[tuple[int, int, Cut | None]] = []
    start = 0
    for cut in cuts:
        found.append((start, cut.after, cut))
        start = cut.after
    if start < rows:
        found.append((start, rows, None))
    return found
