"""A group coordinator and its members, message by message, with time as a number.

The members' logic is the real one (ConnectGroup: codec, sharer, leader); only the broker and the
thread of the membership are stood in for, as the protocol has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.modes.cluster_group import ConnectGroup
from penstock.runtime.kafka.group_client import JoinAnswer

__all__ = ["SESSION_MS", "Coordinator", "SimMembership"]

SESSION_MS: Final = 3_000
HEARTBEAT_MS: Final = 500
REBALANCE_MS: Final = 6_000
REQUEST_MS: Final = 1_500

Send = Callable[[Callable[[], None]], None]
"""Has something happen a while later, or never."""


@attrs.define
class _Seat:
    """A member as the coordinator knows it."""

    heard_ms: int
    protocols: Sequence[tuple[str, bytes]] = ()
    waiting: Callable[[JoinAnswer], None] | None = None
    syncing: Callable[[str | None, bytes], None] | None = None


class Coordinator:
    """The broker's side of one group."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.generation = 0
        self.phase = "stable"
        self.leader = ""
        self.rebalances = 0
        self._seats: dict[str, _Seat] = {}
        self._shares: Mapping[str, bytes] = {}
        self._ids = 0
        self._deadline_ms = 0

    @property
    def members(self) -> frozenset[str]:
        """Return the ids of all members."""
        return frozenset(self._seats)

    def join(
        self,
        member: str,
        protocols: Sequence[tuple[str, bytes]],
        answer: Callable[[JoinAnswer], None],
        now_ms: int,
    ) -> None:
        """Take a join; it is answered when all have joined."""
        if not member:
            self._ids += 1
            answer(JoinAnswer("MemberIdRequiredError", member_id=f"m{self._ids:05}"))
            return
        seat = self._seats.setdefault(member, _Seat(now_ms))
        seat.heard_ms, seat.protocols, seat.waiting = now_ms, protocols, answer
        if self.phase != "joining":
            self._begin(now_ms)
        self._complete()

    def _begin(self, now_ms: int) -> None:
        for seat in self._seats.values():
            if seat.syncing is not None:
                seat.syncing("RebalanceInProgressError", b"")
                seat.syncing = None
        self.phase, self._deadline_ms = "joining", now_ms + REBALANCE_MS

    def _complete(self) -> None:
        if self.phase != "joining" or any(one.waiting is None for one in self._seats.values()):
            return
        self.rebalances += 1
        self.generation += 1
        self.phase = "syncing" if self._seats else "stable"
        self._shares = {}
        if self.leader not in self._seats:
            self.leader = next(iter(self._seats), "")
        known = {name: one.protocols[0][1] for name, one in self._seats.items()}
        for name, seat in self._seats.items():
            told = JoinAnswer(
                None,
                member_id=name,
                generation=self.generation,
                leader_id=self.leader,
                protocol=seat.protocols[0][0],
                members=known if name == self.leader else {},
            )
            waiting, seat.waiting = seat.waiting, None
            assert waiting is not None
            seat.heard_ms = self.now_ms
            waiting(told)

    def sync(
        self,
        joined: JoinAnswer,
        shares: Mapping[str, bytes],
        answer: Callable[[str | None, bytes], None],
        now_ms: int,
    ) -> None:
        """Take a sync; it is answered when the leader has shared."""
        error = self._heard(joined.member_id, joined.generation, now_ms)
        if error is not None:
            answer(error, b"")
            return
        self._seats[joined.member_id].syncing = answer
        if joined.member_id == self.leader and self.phase == "syncing":
            self._shares, self.phase = shares, "stable"
        if self.phase == "stable":
            for name, seat in self._seats.items():
                if seat.syncing is not None:
                    seat.syncing(None, self._shares.get(name, b""))
                    seat.syncing = None

    def beat(self, joined: JoinAnswer, now_ms: int) -> str | None:
        """Take a heartbeat; return its error."""
        return self._heard(joined.member_id, joined.generation, now_ms)

    def _heard(self, member: str, generation: int, now_ms: int) -> str | None:
        seat = self._seats.get(member)
        if seat is None:
            return "UnknownMemberIdError"
        if generation != self.generation:
            return "IllegalGenerationError"
        seat.heard_ms = now_ms
        return "RebalanceInProgressError" if self.phase == "joining" else None

    def leave(self, member: str, now_ms: int) -> None:
        """Take a goodbye."""
        if self._seats.pop(member, None) is not None:
            self._begin(now_ms)
            self._complete()

    def tick(self, now_ms: int) -> None:
        """Expel who is silent, or too late for the rebalance."""
        self.now_ms = now_ms
        late = self.phase == "joining" and now_ms >= self._deadline_ms
        gone = [
            name
            for name, seat in self._seats.items()
            if seat.waiting is None
            and (late or (now_ms - seat.heard_ms >= SESSION_MS and seat.syncing is None))
        ]
        for name in gone:
            self.leave(name, now_ms)


class SimMembership:
    """The loop of a membership, a turn at a time (source: penstock.runtime.membership)."""

    def __init__(self, coordinator: Coordinator, group: ConnectGroup, send: Send) -> None:
        self._coordinator = coordinator
        self._group = group
        self._send = send
        self._now_ms = 0
        self._member = ""
        self._waits_until_ms = 0
        self._request = 0
        self._beat_ms = 0
        self._contact_ms = 0
        self._told_lost = True
        self._rejoin = True
        self.away_until_ms = 0
        self.joined: JoinAnswer | None = None

    @property
    def is_calm(self) -> bool:
        """Whether this member is in the group's generation and wants nothing else."""
        return (
            self.joined is not None
            and not self._rejoin
            and self.joined.generation == self._coordinator.generation
            and self._coordinator.phase == "stable"
        )

    def rejoin(self) -> None:
        """Join again soon."""
        self._rejoin = True

    def leave(self, away_ms: int) -> None:
        """Leave, and come back after a time."""
        self.away_until_ms = self._now_ms + away_ms
        self._request += 1
        self._waits_until_ms = 0
        if self._member:
            member = self._member
            self._send(lambda: self._coordinator.leave(member, self._coordinator.now_ms))
            self._member, self.joined, self._rejoin = "", None, True

    def turn(self, now_ms: int) -> None:
        """Do what is due."""
        self._now_ms = now_ms
        if not self._told_lost and now_ms - self._contact_ms > SESSION_MS:
            self._lose("the coordinator was out of reach for a whole session")
        if now_ms < self.away_until_ms or now_ms < self._waits_until_ms:
            return
        if self.joined is None or self._rejoin:
            self._join()
        elif now_ms >= self._beat_ms:
            self._beat()

    def _ask(
        self, request: Callable[[Callable[..., None]], None], timeout_ms: int, then: Any
    ) -> None:
        self._request += 1
        number, self._waits_until_ms = self._request, self._now_ms + timeout_ms

        def answered(*told: Any) -> None:
            def hear() -> None:
                if number == self._request:
                    self._request += 1
                    self._waits_until_ms = 0
                    then(*told)

            self._send(hear)

        taken = False

        def take() -> None:
            """Take a request, late perhaps, but once: it comes over TCP."""
            nonlocal taken
            if not taken:
                taken = True
                request(answered)

        self._send(take)

    def _join(self) -> None:
        self._rejoin = False
        protocols, member = self._group.protocols(), self._member
        self._ask(
            lambda answer: self._coordinator.join(
                member, protocols, answer, self._coordinator.now_ms
            ),
            REBALANCE_MS + REQUEST_MS,
            self._joined,
        )

    def _joined(self, told: JoinAnswer) -> None:
        if told.error is not None:
            self._member, self._rejoin = told.member_id, True
            return
        leads, synced_ms = told.leader_id == told.member_id, self._now_ms
        shares = self._group.share(told) if leads else {}

        def synced(error: str | None, share: bytes) -> None:
            if error is not None:
                self._refused(error)
                return
            self.joined, self._told_lost = told, False
            self._group.assigned(told, share)
            self._in_contact(synced_ms)

        self._ask(
            lambda answer: self._coordinator.sync(told, shares, answer, self._coordinator.now_ms),
            REQUEST_MS,
            synced,
        )

    def _beat(self) -> None:
        joined, sent_ms = self.joined, self._now_ms
        assert joined is not None

        def beaten(error: str | None) -> None:
            self._beat_ms = sent_ms + HEARTBEAT_MS
            if error is None:
                self._in_contact(sent_ms)
            elif error == "RebalanceInProgressError":
                self._contact_ms = sent_ms
                self._rejoin = True
            else:
                self._refused(error)

        self._ask(
            lambda answer: answer(self._coordinator.beat(joined, self._coordinator.now_ms)),
            REQUEST_MS,
            beaten,
        )

    def _refused(self, error: str) -> None:
        self._rejoin = True
        if error == "RebalanceInProgressError":
            return
        if error != "IllegalGenerationError":
            self._member = ""
        self._lose(f"the group expelled this worker: {error}")

    def _in_contact(self, sent_ms: int) -> None:
        self._contact_ms = sent_ms
        self._group.alive((sent_ms + SESSION_MS) / 1000)

    def _lose(self, reason: str) -> None:
        self.joined = None
        if not self._told_lost:
            self._told_lost = True
            self._group.lost(reason)
