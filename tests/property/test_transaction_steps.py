"""The transactions of a task against a model that knows what a reader would see."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from penstock.runtime.tasks.transaction import (
    Action,
    Cut,
    IllegalStepError,
    State,
    Transaction,
    pieces,
)

PARTITION = {"of": "numbers"}
IDLE_OR_OPEN = {State.IDLE, State.OPEN}


class TransactionModel(RuleBasedStateMachine):
    """A source of numbers, a broker that commits or aborts, and a reader.

    ``pending`` are rows of the open transaction, ``visible`` what a read_committed reader sees,
    ``stored`` the offset in the store, ``again`` the rows that an abort owes.
    """

    @initialize()
    def begin(self) -> None:
        self.tested = Transaction()
        self.is_open = False
        self.pending: list[int] = []
        self.visible: list[int] = []
        self.again: list[int] = []
        self.next = 0
        self.dropped: set[int] = set()
        self.stored = 0
        self.in_transaction: int | None = None

    def carry_out(self, actions: object) -> None:
        """Do what a broker would; what no broker allows is an error of the machine."""
        for action in list(actions):  # type: ignore[call-overload]
            if action is Action.BEGIN:
                assert not self.is_open, "a transaction begins in a transaction"
                self.is_open = True
            else:
                assert self.is_open, f"{action} without a transaction"
            if action is Action.STORE_OFFSETS:
                ((partition, offset),) = self.tested.offsets
                assert partition == PARTITION
                self.in_transaction = offset["next"]

    def is_allowed(self, *states: State) -> bool:
        return self.tested.state in states

    @rule(rows=st.integers(1, 5))
    def send(self, rows: int) -> None:
        if not self.is_allowed(*IDLE_OR_OPEN):
            with pytest.raises(IllegalStepError):
                self.tested.sending(rows)
            return
        again, self.again = self.again, []
        if again:
            self.carry_out(self.tested.sending(len(again)))
            self.pending += again
        self.carry_out(self.tested.sending(rows))
        self.pending += range(self.next, self.next + rows)
        self.next += rows
        self.tested.passed(PARTITION, {"next": self.next})

    @rule(rows=st.integers(1, 3))
    def drop(self, rows: int) -> None:
        if not self.is_allowed(*IDLE_OR_OPEN):
            with pytest.raises(IllegalStepError):
                self.tested.passed(PARTITION, {"next": self.next})
            return
        self.dropped |= set(range(self.next, self.next + rows))
        self.next += rows
        self.tested.passed(PARTITION, {"next": self.next})

    @rule()
    def commit(self) -> None:
        if not self.is_allowed(*IDLE_OR_OPEN) or self.again:
            with pytest.raises(IllegalStepError):
                self.tested.commit()
            return
        has_work = self.tested.has_work
        actions = self.tested.commit()
        assert bool(actions) == has_work, "an empty transaction, or work left out"
        self.carry_out(actions)
        if actions:
            assert actions[-1] is Action.COMMIT

    @rule()
    def commit_succeeds(self) -> None:
        if not self.is_allowed(State.COMMITTING):
            with pytest.raises(IllegalStepError):
                self.tested.committed()
            return
        assert self.tested.committed() == len(self.pending)
        self.visible += self.pending
        self.pending = []
        self.is_open = False
        if self.in_transaction is not None:
            self.stored = self.in_transaction
        self.in_transaction = None

    @rule()
    def abort(self) -> None:
        if not self.is_allowed(*IDLE_OR_OPEN, State.COMMITTING):
            with pytest.raises(IllegalStepError):
                self.tested.abort()
            return
        self.carry_out(self.tested.abort())

    @rule(dropped=st.booleans())
    def abort_ends(self, dropped: bool) -> None:
        if not self.is_allowed(State.ABORTING):
            with pytest.raises(IllegalStepError):
                self.tested.aborted(dropped=dropped)
            return
        assert self.tested.aborted(dropped=dropped) == len(self.pending)
        if dropped:
            self.dropped |= set(self.pending) | set(self.again)
            self.again = []
        else:
            self.again = self.pending + self.again
        self.pending = []
        self.is_open = False
        self.in_transaction = None

    @rule(fenced=st.booleans())
    def end_for_good(self, fenced: bool) -> None:
        self.tested.fenced() if fenced else self.tested.failed()
        for step in (self.tested.commit, self.tested.committed, self.tested.abort):
            with pytest.raises(IllegalStepError):
                step()
        self.tested.failed()
        if fenced:
            assert self.tested.state is State.FENCED
        # The task starts again from what is stored; what was open is gone.
        visible, stored, dropped = self.visible, self.stored, self.dropped
        self.begin()
        self.visible, self.stored, self.dropped, self.next = visible, stored, dropped, stored

    @invariant()
    def no_reader_sees_a_gap_or_a_double(self) -> None:
        if not hasattr(self, "tested"):
            return
        assert self.visible == sorted(set(self.visible))
        below = set(range(self.stored)) - self.dropped
        assert below <= set(self.visible), "an offset is stored without its records"
        assert all(number < self.stored for number in self.visible), "records without their offset"


TestTransactions = TransactionModel.TestCase


@given(st.integers(1, 50), st.data())
def test_pieces_cover_a_poll_once(rows: int, data: st.DataObject) -> None:
    ends = sorted(data.draw(st.sets(st.integers(1, rows), max_size=5)))
    found = pieces(rows, [Cut(end) for end in ends])
    assert [row for first, last, _ in found for row in range(first, last)] == list(range(rows))
    assert [cut.after for _, _, cut in found if cut is not None] == ends


def test_pieces_of_an_empty_poll_may_end_a_transaction() -> None:
    assert pieces(0, [Cut(0)]) == [(0, 0, Cut(0))]
    assert pieces(0, []) == []
