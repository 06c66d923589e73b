"""Groups on one file, with a clock and processes that the test moves and ends."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.data import TopicPartition
from penstock.errors import RetriableError
from penstock.runtime.embedded.address import parse_address
from penstock.runtime.embedded.database import Database
from penstock.runtime.embedded.group import Subscription
from penstock.runtime.embedded.liveness import Process
from penstock.runtime.embedded.membership import Membership
from penstock.runtime.embedded.settings import ConsumerSettings, OffsetReset

SETTINGS = ConsumerSettings(OffsetReset.EARLIEST, session_s=30, patience_s=300)


class World:
    """Members that share a file; each may be in a process of its own, visible or not."""

    def __init__(self, log: Any) -> None:
        self.log = log
        self.clock = log.clock
        self.ended: set[int] = set()
        self.unseen: set[int] = set()
        self.members: list[One] = []

    def running(self, process: Process, here: Process) -> bool | None:
        if process.boot != here.boot:
            return False
        return None if process.pid in self.unseen else process.pid not in self.ended

    def join(self, pid: int = 1, pattern: str = ".*", boot: str = "boot") -> One:
        made = One(self, pid, pattern, boot)
        self.members.append(made)
        return made

    def close(self) -> None:
        for member in self.members:
            member.database.close()


class One:
    """A member that does what it is asked to at once."""

    def __init__(self, world: World, pid: int, pattern: str, boot: str) -> None:
        self.database = Database(parse_address(f"{world.log.path}?durability=process"))
        self.membership = Membership(
            self.database,
            group_id="g",
            client_id=f"c{pid}",
            settings=SETTINGS,
            clock=world.clock,
            process=lambda: Process(boot, "ns", pid, 1),
            is_running=world.running,
        )
        self.membership.subscribe(Subscription(pattern=pattern))
        self.lost: list[TopicPartition] = []

    def look(self) -> set[int]:
        """Poll once; return the partitions held now."""
        change = self.membership.look(self.database.version())
        self.lost += change.lost
        if change.revoked:
            self.membership.let_go(change.revoked)
        if change.claimable:
            self.membership.claim()
        return self.held

    @property
    def held(self) -> set[int]:
        return {place.partition for place in self.membership.held}


@pytest.fixture
def world(log: Any) -> Any:
    log.create("t", 4)
    made = World(log)
    yield made
    made.close()


def test_the_first_look_gives_everything(world: World) -> None:
    assert world.join().look() == {0, 1, 2, 3}


def test_a_newcomer_waits_until_the_owner_has_let_go(world: World) -> None:
    a, b = world.join(1), world.join(2)
    a.look()
    assert b.look() == set()
    assert len(a.look()) == 2
    assert b.look() == {0, 1, 2, 3} - a.held
    assert not a.lost


def test_a_leaver_hands_over_at_once(world: World) -> None:
    a, b = world.join(1), world.join(2)
    a.look(), b.look(), a.look(), b.look()
    b.membership.leave(1)
    assert a.look() == {0, 1, 2, 3}


def test_a_killed_process_is_replaced_at_the_next_check(world: World) -> None:
    a, b = world.join(1), world.join(2)
    a.look(), b.look(), a.look(), b.look()
    world.ended.add(2)
    a.look()
    world.clock.s += 1.1
    assert a.look() == {0, 1, 2, 3}


def test_a_restarted_process_takes_over_from_its_dead_self_at_once(world: World) -> None:
    world.join(1).look()
    world.ended.add(1)
    assert world.join(2).look() == {0, 1, 2, 3}


def test_a_reboot_ends_every_member(world: World) -> None:
    world.join(1, boot="before").look()
    world.clock.s = 3
    assert world.join(1, boot="after").look() == {0, 1, 2, 3}


def test_an_unseen_member_lives_by_its_signs(world: World) -> None:
    a, b = world.join(1), world.join(2)
    world.unseen |= {1, 2}
    a.look(), b.look(), a.look(), b.look()
    for _ in range(20):
        world.clock.s += 5
        a.look(), b.look()
    assert len(a.held) == len(b.held) == 2
    for _ in range(7):
        world.clock.s += 5
        a.look()
    assert a.held == {0, 1, 2, 3}


def test_a_busy_member_is_waited_for_while_its_process_runs(world: World) -> None:
    a, b = world.join(1), world.join(2)
    a.look(), b.look(), a.look(), b.look()
    for _ in range(29):
        world.clock.s += 10
        a.look()
    assert len(a.held) == 2
    world.clock.s += 11
    assert len(a.look()) == 4
    # The other one comes back: what it held is lost to it, its positions too, and it joins anew.
    had = sorted(b.held)
    with pytest.raises(RetriableError, match="not stored"):
        b.membership.commit({TopicPartition("t", had[0]): 1})
    b.look()
    assert [place.partition for place in b.lost] == had
    assert b.held == set()
    b.look(), a.look(), b.look()
    assert len(b.held) == len(a.held) == 2


def test_a_member_that_is_expelled_notices_by_its_own_sign_of_life_too(world: World) -> None:
    a = world.join(1)
    a.look()
    with a.database.write("expelling it") as connection:
        connection.execute("DELETE FROM member")
    world.clock.s += 11
    assert a.look() == set()
    assert len(a.lost) == 4
    assert a.look() == {0, 1, 2, 3}


def test_wall_clock_jumps_expel_nobody(world: World) -> None:
    a, b = world.join(1), world.join(2)
    a.look(), b.look(), a.look(), b.look()
    world.clock.ms += 10**12
    world.clock.s += 2
    assert (len(a.look()), len(b.look())) == (2, 2)


def test_new_topics_are_seen_without_a_wait(world: World) -> None:
    a = world.join(1, pattern="t|new")
    a.look()
    world.log.create("new", 2)
    world.log.create("other", 2)
    a.look()
    assert {(one.topic, one.partition) for one in a.membership.held} == {
        *(("t", part) for part in range(4)),
        ("new", 0),
        ("new", 1),
    }


def test_another_subscription_moves_the_partitions(world: World) -> None:
    world.log.create("u", 1)
    a = world.join(1, pattern="t")
    a.look()
    a.membership.subscribe(Subscription(names=("u",)))
    a.look()
    a.look()
    assert a.membership.held == {TopicPartition("u", 0)}


def test_positions_belong_to_the_owner(world: World) -> None:
    a, b = world.join(1), world.join(2)
    a.look(), b.look(), a.look(), b.look()
    mine = TopicPartition("t", min(a.held))
    theirs = TopicPartition("t", min(b.held))
    a.membership.commit({mine: 5})
    with pytest.raises(RetriableError, match="belongs to another member"):
        a.membership.commit({mine: 6, theirs: 7})
    assert b.membership.committed([mine, theirs]) == {mine: 5}


def test_from_outside_positions_are_set_only_without_members(world: World) -> None:
    a = world.join(1)
    a.look()
    outsider = Membership(
        Database(parse_address(f"{world.log.path}?durability=process")),
        group_id="g",
        client_id="tool",
        settings=SETTINGS,
        clock=world.clock,
        process=lambda: Process("boot", "ns", 9, 1),
        is_running=world.running,
    )
    place = TopicPartition("t", 0)
    with pytest.raises(RetriableError, match="has members"):
        outsider.commit({place: 3})
    a.membership.leave(1)
    outsider.commit({place: 3})
    assert outsider.committed([place, TopicPartition("t", 1)]) == {place: 3}
    outsider._database.close()


def test_partitions_that_could_not_be_released_are_released_later(world: World) -> None:
    a, b = world.join(1), world.join(2)
    a.look(), b.look()
    change = a.membership.look(a.database.version())
    assert len(change.revoked) == 2
    with b.database.write("holding it"), pytest.MonkeyPatch.context() as patched:
        patched.setattr("penstock.runtime.embedded.membership.POLL_LOCK_WAIT_S", 0.001)
        with pytest.raises(RetriableError):
            a.membership.let_go(change.revoked)
    assert b.look() == set()
    a.look()
    assert len(b.look()) == 2
