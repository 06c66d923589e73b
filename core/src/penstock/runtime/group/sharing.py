"""How the leader shares connectors and tasks among the members, moving as little as it can.

Incremental and cooperative: who has something keeps it, what is new goes to the least loaded, and
what a member left behind waits a while for it to come back.
(source: IncrementalCooperativeAssignor, KIP-415)
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import attrs

from penstock.runtime.group.protocol import NOTHING, Allocation
from penstock.runtime.model import TaskId

__all__ = ["CooperativeSharer", "Share", "share_eagerly"]

BACKOFF_BASE: Final = 40
K = TypeVar("K", str, TaskId)


@attrs.frozen
class Share:
    """What one member gets and gives up."""

    added: Allocation = NOTHING
    revoked: Allocation = NOTHING


def share_eagerly(members: Iterable[str], configured: Allocation) -> dict[str, Allocation]:
    """Return a share for each member, dealt out in a circle (source: EagerAssignor)."""
    ring = sorted(members)
    found = dict.fromkeys(ring, NOTHING)
    items: list[str | TaskId] = [*sorted(configured.connectors), *sorted(configured.tasks)]
    for number, item in enumerate(items):
        member = ring[number % len(ring)]
        found[member] = found[member].plus(_of([item]))
    return found


def _of(items: Iterable[str | TaskId]) -> Allocation:
    given = list(items)
    return Allocation(
        frozenset(one for one in given if isinstance(one, str)),
        frozenset(one for one in given if isinstance(one, TaskId)),
    )


def _union(allocations: Iterable[Allocation]) -> Allocation:
    found = list(allocations)
    connectors = frozenset[str]().union(*(one.connectors for one in found))
    return Allocation(connectors, frozenset[TaskId]().union(*(one.tasks for one in found)))


class CooperativeSharer:
    """Shares, and remembers what it shared. Owner: the membership's thread of the leader."""

    def __init__(self, delay_max_ms: int) -> None:
        """``delay_max_ms`` is ``scheduled.rebalance.max.delay.ms``."""
        self._delay_max_ms = delay_max_ms
        self._generation = -1
        self._previous = NOTHING
        self._previous_members: frozenset[str] = frozenset()
        self._revoked = NOTHING
        self._revoked_last = False
        self._revoking_rounds = 0
        self._due_ms = 0
        self._delay_ms = 0

    def share(
        self,
        owned: Mapping[str, Allocation],
        configured: Allocation,
        *,
        generation: int,
        last_generation: int,
        now_ms: int,
    ) -> tuple[dict[str, Share], int]:
        """Return each member's share, and in how many ms all are to join again, 0 for never.

        Args:
            owned: what each member says that it runs.
            configured: all there is.
            generation: of the group, now.
            last_generation: the last one that this leader saw completed; of another one than it
                shared in, its memory is worth nothing.
            now_ms: monotonic.
        """
        active = _union(owned.values())
        if self._generation != last_generation:
            self._previous = NOTHING
        if _both(active, self._revoked):
            # Somebody runs what was to be given up: what runs is the truth.
            self._previous = active
        deleted = self._previous.plus(active).minus(configured)
        lost = self._previous.minus(active).minus(deleted)
        created = configured.minus(self._previous).minus(active)
        revoked = _revocations(owned, deleted)
        now = {member: has.minus(revoked[member]) for member, has in owned.items()}
        again = self._handle_lost(lost, owned, now_ms)
        if self._delay_ms == 0:
            self._balance(now, revoked, configured, now_ms)
        else:
            self._revoked_last = False
        placed = _placed({m: has.minus(revoked[m]) for m, has in now.items()}, [created, again])
        self._generation = generation
        self._previous_members = frozenset(owned)
        self._revoked = _union(revoked.values())
        kept = _union([*(has.minus(revoked[m]) for m, has in now.items()), *placed.values()])
        self._previous = kept.plus(lost.minus(again))
        return {m: Share(placed[m], revoked[m]) for m in owned}, self._delay_ms

    def _handle_lost(
        self, lost: Allocation, owned: Mapping[str, Allocation], now_ms: int
    ) -> Allocation:
        """Return what was lost and should be placed now; the rest waits for its member."""
        if not lost and not self._revoked_last:
            self._reset_delay()
            return NOTHING
        nobody_left = self._due_ms <= 0 and self._previous_members <= set(owned)
        if self._delay_max_ms == 0 or nobody_left:
            return lost
        if self._due_ms > 0 and now_ms >= self._due_ms:
            self._revoked_last = False  # the wait is over: there may be revocations again
            self._reset_delay()
            return lost
        self._delay_ms = self._due_ms - now_ms if now_ms < self._due_ms else self._delay_max_ms
        self._due_ms = now_ms + self._delay_ms
        return NOTHING

    def _reset_delay(self) -> None:
        self._due_ms = 0
        self._delay_ms = 0

    def _balance(
        self,
        now: Mapping[str, Allocation],
        revoked: dict[str, Allocation],
        configured: Allocation,
        now_ms: int,
    ) -> None:
        """Take from who has too much; placed in the next round, once it was given up."""
        surplus = _surplus(now, configured)
        if not surplus:
            if self._revoked_last:
                self._revoked_last = False
                self._revoking_rounds = 0
            return
        if self._revoked_last:
            self._revoking_rounds += 1
            self._delay_ms = min(BACKOFF_BASE**self._revoking_rounds, self._delay_max_ms)
            if self._delay_ms:
                self._due_ms = now_ms + self._delay_ms
                return
        self._revoked_last = True
        for member, gone in surplus.items():
            revoked[member] = revoked[member].plus(gone)


def _both(one: Allocation, other: Allocation) -> Allocation:
    return Allocation(one.connectors & other.connectors, one.tasks & other.tasks)


def _revocations(owned: Mapping[str, Allocation], deleted: Allocation) -> dict[str, Allocation]:
    """Return what nobody may run any more: what was deleted, and what several run."""
    counted: Counter[str | TaskId] = Counter()
    for has in owned.values():
        counted.update([*has.connectors, *has.tasks])
    duplicated = _of(item for item, count in counted.items() if count > 1)
    wrong = deleted.plus(duplicated)
    return {member: _both(has, wrong) for member, has in owned.items()}


def _surplus(now: Mapping[str, Allocation], configured: Allocation) -> dict[str, Allocation]:
    instances = {member: sorted(has.connectors) for member, has in now.items()}
    connectors = _too_much(instances, len(configured.connectors))
    tasks = _too_much({m: sorted(has.tasks) for m, has in now.items()}, len(configured.tasks))
    found: dict[str, Allocation] = {}
    for member in {*connectors, *tasks}:
        items: list[Any] = [*connectors.get(member, ()), *tasks.get(member, ())]
        found[member] = _of(items)
    return found


def _too_much(now: Mapping[str, Sequence[K]], total: int) -> dict[str, Sequence[K]]:
    """Return what each member has above its even part of ``total``."""
    least, extra = divmod(total, len(now))
    if (
        all(len(items) >= least for items in now.values())
        and sum(len(items) > least for items in now.values()) <= extra
        and all(len(items) <= least + 1 for items in now.values())
    ):
        return {}
    found: dict[str, Sequence[K]] = {}
    for member in sorted(now, key=lambda one: (-len(now[one]), one)):
        items = now[member]
        if len(items) <= least:
            continue
        may_have = least
        if extra > 0:
            extra -= 1
            may_have = least + 1
        if len(items) > may_have:
            found[member] = items[: len(items) - may_have]
    return found


def _placed(now: Mapping[str, Allocation], kinds: Sequence[Allocation]) -> dict[str, Allocation]:
    """Give each item to the member that has the least of its kind then."""
    placed: dict[str, set[Any]] = {member: set() for member in now}

    def deal(kind: Sequence[Any], load: Callable[[str], int]) -> None:
        # Among equals comes first who had less at the start, then the name, as in the original.
        order = sorted((load(member), member) for member in now)
        least = [(count, rank) for rank, (count, _) in enumerate(order)]
        for item in kind:
            count, rank = least[0]
            heapq.heapreplace(least, (count + 1, rank))
            placed[order[rank][1]].add(item)

    connectors = [name for items in kinds for name in sorted(items.connectors)]
    deal(connectors, lambda member: len(now[member].connectors))
    tasks = [task for items in kinds for task in sorted(items.tasks)]
    deal(tasks, lambda member: len(now[member].tasks))
    return {member: _of(found) for member, found in placed.items()}
