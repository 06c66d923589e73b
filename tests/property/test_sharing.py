"""However a group changes: nobody owns twice, shares are even at last, and what stays stays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.runtime.group.protocol import NOTHING, Allocation
from penstock.runtime.group.sharing import CooperativeSharer, share_eagerly
from penstock.runtime.model import TaskId

ROUNDS_MAX = 12
DELAY_MS = 5_000


class Group:
    """Members that do as they are told."""

    def __init__(self, members: int, tasks: int) -> None:
        self.sharer = CooperativeSharer(DELAY_MS)
        self.owned = {f"m{number}": Allocation() for number in range(members)}
        self.configured = configured(tasks)
        self.generation = 0
        self.now_ms = 0
        self.moved = 0

    def round(self) -> int:
        """Share once; return the delay."""
        last, self.generation = self.generation, self.generation + 1
        shares, delay_ms = self.sharer.share(
            self.owned,
            self.configured,
            generation=self.generation,
            last_generation=last or -1,
            now_ms=self.now_ms,
        )
        for member, share in shares.items():
            assert not share.added.tasks & share.revoked.tasks
            self.moved += len(share.revoked.tasks)
            self.owned[member] = self.owned[member].minus(share.revoked).plus(share.added)
        self.nobody_owns_twice()
        return delay_ms

    def nobody_owns_twice(self) -> None:
        tasks = [task for has in self.owned.values() for task in has.tasks]
        assert len(tasks) == len(set(tasks))

    def settle(self) -> None:
        for _ in range(ROUNDS_MAX):
            before = dict(self.owned)
            self.now_ms += self.round()
            if self.owned == before and self.is_whole():
                return
        raise AssertionError(f"not settled after {ROUNDS_MAX} rounds: {self.owned}")

    def is_whole(self) -> bool:
        everything = Allocation()
        for has in self.owned.values():
            everything = everything.plus(has)
        counts = [len(has.tasks) for has in self.owned.values()]
        return everything == self.configured and max(counts) - min(counts) <= 1


def configured(tasks: int) -> Allocation:
    names = [f"c{number}" for number in range((tasks + 2) // 3)]
    return Allocation(
        frozenset(names), frozenset(TaskId(names[n // 3], n % 3) for n in range(tasks))
    )


@given(members=st.integers(1, 6), tasks=st.integers(0, 30), data=st.data())
def test_groups_come_to_rest_whole_and_even(members: int, tasks: int, data: st.DataObject) -> None:
    group = Group(members, tasks)
    group.settle()
    assert group.moved == 0  # what is placed for the first time is taken from nobody
    for _ in range(data.draw(st.integers(0, 4))):
        change = data.draw(st.sampled_from(["join", "leave", "more", "fewer"]))
        if change == "join":
            group.owned[f"n{group.generation}"] = Allocation()
        elif change == "leave" and len(group.owned) > 1:
            del group.owned[data.draw(st.sampled_from(sorted(group.owned)))]
        elif change == "more":
            group.configured = configured(len(group.configured.tasks) + 4)
        elif change == "fewer":
            group.configured = configured(max(0, len(group.configured.tasks) - 4))
        group.settle()


@given(tasks=st.integers(3, 30), members=st.integers(2, 5))
def test_who_comes_back_in_time_gets_its_own_tasks(tasks: int, members: int) -> None:
    group = Group(members, tasks)
    group.settle()
    left = group.owned.pop("m0")
    assert (group.round() > 0) == bool(left)
    group.now_ms += 100
    before = {member: has.tasks for member, has in group.owned.items()}
    group.owned["m0"] = Allocation()
    group.settle()
    for member, tasks_before in before.items():
        assert tasks_before <= group.owned[member].tasks
    assert group.owned["m0"].tasks == left.tasks


@given(tasks=st.integers(1, 40), members=st.integers(1, 6))
def test_a_new_member_takes_no_more_than_its_part(tasks: int, members: int) -> None:
    group = Group(members, tasks)
    group.settle()
    group.moved = 0
    group.owned["new"] = Allocation()
    group.settle()
    assert group.moved <= -(-tasks // (members + 1))


@given(tasks=st.integers(0, 30), members=st.integers(1, 6))
def test_eager_shares_are_whole_and_even(tasks: int, members: int) -> None:
    shares = share_eagerly([f"m{number}" for number in range(members)], configured(tasks))
    counts = [len(has.tasks) + len(has.connectors) for has in shares.values()]
    assert max(counts) - min(counts) <= 1
    assert sum(counts) == tasks + len(configured(tasks).connectors)


def test_after_the_wait_for_successive_revocations_what_is_left_is_revoked() -> None:
    """It was put off again and again once it was put off, so that shares stayed uneven."""
    group = Group(1, 12)
    group.settle()
    group.owned["m1"] = Allocation()
    group.round()  # revokes
    group.owned["m2"] = Allocation()
    delay_ms = group.round()  # wants to revoke again, and waits
    assert delay_ms > 0
    group.now_ms += delay_ms
    group.settle()
    assert [len(has.tasks) for has in group.owned.values()] == [4, 4, 4]


def test_a_thousand_workers_share_fifty_thousand_tasks() -> None:
    names = [f"c{number}" for number in range(500)]
    tasks = frozenset(TaskId(name, task) for name in names for task in range(100))
    configured = Allocation(frozenset(names), tasks)
    sharer = CooperativeSharer(0)
    owned = {f"w{number}": NOTHING for number in range(1000)}
    shares, _ = sharer.share(owned, configured, generation=1, last_generation=-1, now_ms=0)
    owned = {member: share.added for member, share in shares.items()}
    assert {len(one.tasks) for one in owned.values()} == {50}
    gone = owned.pop("w7")
    shares, _ = sharer.share(owned, configured, generation=2, last_generation=1, now_ms=1000)
    assert not any(share.revoked for share in shares.values()), "who stays keeps all"
    assert sum(len(share.added.tasks) for share in shares.values()) == len(gone.tasks)
    counts = {len(has.tasks) + len(shares[m].added.tasks) for m, has in owned.items()}
    assert counts == {50, 51}
