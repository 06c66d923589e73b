"""One consumer's part in its group, which lives in the file that all members share."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from penstock.data import TopicPartition
from penstock.errors import BrokerError, RetriableError
from penstock.runtime.clock import Clock
from penstock.runtime.embedded import liveness, teams
from penstock.runtime.embedded.database import LOCK_WAIT_S, Database
from penstock.runtime.embedded.group import Member, Subscription, is_expired
from penstock.runtime.embedded.liveness import Process
from penstock.runtime.embedded.settings import ConsumerSettings, OffsetReset
from penstock.runtime.embedded.store import Topic, find_topic

__all__ = ["Change", "Claimed", "Membership"]

log = logging.getLogger(__name__)

EXPIRY_CHECK_S: Final = 1.0
"""How often each member looks whether the others live."""
BEATS_PER_SESSION: Final = 3
"""How many signs of life a member gives before the others would give it up."""
POLL_LOCK_WAIT_S: Final = 1.0
"""How long a poll waits for other writers before it goes on without."""
_OFFSET_MAX: Final = 2**62


@attrs.frozen
class Change:
    """What a look at the group found: partitions lost, to be let go, or free to be claimed."""

    lost: Sequence[TopicPartition] = ()
    revoked: Sequence[TopicPartition] = ()
    claimable: bool = False


@attrs.frozen
class Claimed:
    """A partition that this member owns from now on, and the offset to read it from."""

    place: TopicPartition
    topic: int
    offset: int


_NOTHING: Final = Change()


class Membership:
    """Owner: the consumer's thread."""

    def __init__(
        self,
        database: Database,
        *,
        group_id: str,
        client_id: str,
        settings: ConsumerSettings,
        clock: Clock,
        process: Callable[[], Process] = liveness.this_process,
        is_running: Callable[[Process, Process], bool | None] = liveness.is_running,
    ) -> None:
        """Take what a member needs; the file is touched by the first :meth:`look`."""
        self._database = database
        self._group = group_id
        self._client = client_id
        self._settings = settings
        self._clock = clock
        self._process = process
        self._is_running = is_running
        self._here: Process | None = None
        self._subscription: Subscription | None = None
        self._id: str | None = None
        self._held: set[TopicPartition] = set()
        self._leaving: set[TopicPartition] = set()
        self._news: int | None = None
        self._version: int | None = None
        self._beat_at_s = 0.0
        self._expiry_at_s = 0.0
        shortest_s = min(settings.session_s, settings.patience_s)
        self._beat_interval_s = shortest_s / BEATS_PER_SESSION

    @property
    def held(self) -> frozenset[TopicPartition]:
        """The partitions that this member may read, as far as it knows."""
        return frozenset(self._held)

    def subscribe(self, subscription: Subscription) -> None:
        """Ask for these topics from the next :meth:`look` on, instead of any others."""
        self._subscription = subscription
        if self._id is not None:
            with self._database.write("changing a subscription") as connection:
                query = "UPDATE member SET subscription = ? WHERE team = ? AND id = ?"
                connection.execute(query, (subscription.to_json(), self._group, self._id))
                teams.rebalance(connection, self._group)
            self._news = None

    def look(self, news: int) -> Change:
        """Give a sign of life when it is time to, and return what has to be done.

        ``news`` is :meth:`Database.version`: while it stays the same, no lease is read.

        Raises:
            LockedError: others keep the file locked; nothing is lost by it.
            BrokerError: the file cannot be used.
        """
        if self._subscription is None:
            return _NOTHING
        now_s = self._clock.monotonic_s()
        if now_s >= self._expiry_at_s:
            self._expel(now_s)
            self._expiry_at_s = now_s + EXPIRY_CHECK_S
        if self._id is None:
            member = self._id = self._join(now_s, self._subscription)
        else:
            member = self._id
            if now_s >= self._beat_at_s and not self._beat(now_s, member):
                return self._lose(member)
        if self._leaving:
            self._release(member)
        if news == self._news:
            return _NOTHING
        change = self._compare(member)
        if change == _NOTHING:
            self._news = news
        return change

    def _compare(self, member: str) -> Change:
        """Hold the leases against what this member holds."""
        with self._database.read("looking at a group") as connection:
            version, has_new_topics = teams.version_of(connection, self._group)
        if has_new_topics:
            with self._database.write("sharing new topics", POLL_LOCK_WAIT_S) as connection:
                teams.rebalance(connection, self._group)
        elif version == self._version:
            return _NOTHING
        with self._database.read("looking at a group") as connection:
            version, _ = teams.version_of(connection, self._group)
            leases = teams.leases_of(connection, self._group, member)
        if leases is None:
            return self._lose(member)
        wanted = {lease.place for lease in leases if lease.wanted == member}
        claimable = any(lease.owner is None for lease in leases)
        revoked = sorted(self._held - wanted)
        if not revoked and not claimable:
            self._version = version
            return _NOTHING
        return Change(revoked=revoked, claimable=claimable)

    def _lose(self, member: str) -> Change:
        """Forget a membership that others have ended; the next look joins anew."""
        log.warning(
            "group '%s': member %s did not poll for too long and was given up; it joins again. "
            "Raise max.poll.interval.ms when its work takes that long",
            *(self._group, member),
        )
        lost = sorted(self._held)
        self._held.clear()
        self._leaving.clear()
        self._id = None
        return Change(lost=lost)

    def _join(self, now_s: float, subscription: Subscription) -> str:
        name = f"{self._client}-{os.urandom(8).hex()}"
        member = Member(
            name,
            subscription,
            self._process(),
            now_s,
            self._settings.session_s,
            self._settings.patience_s,
        )
        with self._database.write("joining a group", POLL_LOCK_WAIT_S) as connection:
            teams.add_member(connection, self._group, member)
        self._version = self._news = None
        self._beat_at_s = now_s + self._beat_interval_s
        return name

    def _beat(self, now_s: float, member: str) -> bool:
        """Give a sign of life; return whether this member is one still."""
        with self._database.write("giving a sign of life", POLL_LOCK_WAIT_S) as connection:
            alive = teams.beat(connection, self._group, member, now_s)
        self._beat_at_s = now_s + self._beat_interval_s
        return alive

    def _expel(self, now_s: float) -> None:
        """Give up the members that are seen to be gone."""
        with self._database.read("looking for members that are gone") as connection:
            members = teams.members_of(connection, self._group)
        gone = [one for one in members if one.id != self._id and self._is_gone(one, now_s)]
        if not gone:
            return
        with self._database.write("giving up a member", POLL_LOCK_WAIT_S) as connection:
            # Only with the stamp that was judged: it may have given a sign in between.
            given_up = [
                one
                for one in gone
                if teams.remove_member(connection, self._group, one.id, one.seen_s)
            ]
            if given_up:
                teams.rebalance(connection, self._group)
        self._news = None
        for one in given_up:
            log.warning(
                "group '%s': member %s (process %d) is gone, its partitions go to others",
                *(self._group, one.id, one.process.pid),
            )

    def _is_gone(self, member: Member, now_s: float) -> bool:
        here = self._here = self._here or self._process()
        return is_expired(member, now_s, running=self._is_running(member.process, here))

    def let_go(self, places: Sequence[TopicPartition]) -> None:
        """Leave partitions to others, after the last commit; raises as :meth:`look`."""
        self._held.difference_update(places)
        self._leaving.update(places)
        if self._id is not None:
            self._release(self._id)

    def _release(self, member: str) -> None:
        with self._database.write("letting go of partitions", POLL_LOCK_WAIT_S) as connection:
            teams.release(connection, self._group, member, self._leaving)
        self._leaving.clear()

    def claim(self) -> Sequence[Claimed]:
        """Take the partitions that this member should read and that nobody holds.

        Raises:
            LockedError: others keep the file locked.
            BrokerError: a partition has no position and ``auto.offset.reset`` is ``none``.
        """
        if self._id is None:
            return ()
        with self._database.write("taking partitions", POLL_LOCK_WAIT_S) as connection:
            claimed = [
                Claimed(place, topic.id, self._first_offset(connection, topic, place))
                for topic, place in teams.claim_free(connection, self._group, self._id)
            ]
        self._held.update(one.place for one in claimed)
        return claimed

    def _first_offset(
        self, connection: sqlite3.Connection, topic: Topic, place: TopicPartition
    ) -> int:
        stored = teams.position_of(connection, self._group, place)
        if stored is not None:
            return stored
        offset = teams.reset_offset(connection, self._settings.reset, topic.id, place)
        if self._settings.reset is OffsetReset.LATEST:
            # Stored at once: the end moves, and a member that takes over before the first commit
            # would leave out what was written in between.
            teams.store_position(connection, self._group, topic, place.partition, offset)
        return offset

    def commit(self, offsets: Mapping[TopicPartition, int], wait_s: float = LOCK_WAIT_S) -> None:
        """Store positions: all of them, or none.

        Raises:
            RetriableError: a partition belongs to another member now, or the file is locked.
            BrokerError: there is no such partition, or no such offset.
        """
        now_s = self._clock.monotonic_s()
        with self._database.write("storing positions", wait_s) as connection:
            self._check_may_commit(connection, now_s)
            for place, offset in offsets.items():
                topic = self._check_owned(connection, place, offset)
                teams.store_position(connection, self._group, topic, place.partition, offset)

    def _check_may_commit(self, connection: sqlite3.Connection, now_s: float) -> None:
        if self._subscription is None:
            # From outside, positions are set only while nobody reads: a member would undo it.
            members = teams.members_of(connection, self._group)
            if not all(self._is_gone(member, now_s) for member in members):
                raise RetriableError(
                    f"group '{self._group}': not stored, the group has members; stop them first"
                )
        elif self._id is None or not teams.beat(connection, self._group, self._id, now_s):
            raise RetriableError(
                f"group '{self._group}': not stored, this consumer is no member at the moment"
            )

    def _check_owned(
        self, connection: sqlite3.Connection, place: TopicPartition, offset: int
    ) -> Topic:
        """Return the topic if this member may store ``offset`` there."""
        topic = find_topic(connection, place.topic)
        where = f"group '{self._group}': topic '{place.topic}' partition {place.partition}"
        if topic is None or not 0 <= place.partition < topic.partitions:
            raise BrokerError(f"{where}: there is none, nothing is stored")
        if not 0 <= offset <= _OFFSET_MAX:
            raise BrokerError(f"{where}: {offset} is no offset, nothing is stored")
        if self._subscription is not None:
            owner = teams.owner_of(connection, self._group, topic, place.partition)
            if owner != self._id:
                raise RetriableError(f"{where}: not stored, it belongs to another member now")
        return topic

    def committed(
        self, places: Sequence[TopicPartition], wait_s: float = LOCK_WAIT_S
    ) -> dict[TopicPartition, int]:
        """Return the group's stored positions; raises as :meth:`Database.read`."""
        with self._database.read("reading positions", wait_s) as connection:
            found = {place: teams.position_of(connection, self._group, place) for place in places}
        return {place: offset for place, offset in found.items() if offset is not None}

    def leave(self, wait_s: float) -> None:
        """End the membership and share its partitions among the others; raises as :meth:`look`."""
        member, self._id = self._id, None
        self._subscription = None
        self._held.clear()
        self._leaving.clear()
        if member is not None:
            with self._database.write("leaving a group", wait_s) as connection:
                teams.remove_member(connection, self._group, member)
                teams.rebalance(connection, self._group)
