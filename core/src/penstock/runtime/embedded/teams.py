"""The tables of groups, inside the transaction that the caller has opened.

A lease names who reads a partition (``owner``) and who should (``wanted``). Whoever changes the
members, or sees them change, works out ``wanted`` anew; an owner that is no longer wanted lets
go when it polls next, and only then the wanted one takes hold. So there is never more than one
owner, there is no leader, and only the partitions that move are interrupted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import attrs

from penstock.data import TopicPartition
from penstock.errors import BrokerError
from penstock.runtime.embedded.group import Member, Subscription, assign
from penstock.runtime.embedded.liveness import Process
from penstock.runtime.embedded.settings import OffsetReset
from penstock.runtime.embedded.store import Topic, all_topics, end_of, newest_topic, start_of

__all__ = [
    "Lease",
    "add_member",
    "beat",
    "claim_free",
    "forget_position",
    "leases_of",
    "members_of",
    "owner_of",
    "position_of",
    "positions_of",
    "rebalance",
    "release",
    "remove_member",
    "reset_offset",
    "store_position",
    "version_of",
]


@attrs.frozen
class Lease:
    """Who reads a partition and who should, by the ids of members; None is nobody."""

    place: TopicPartition
    owner: str | None
    wanted: str | None


def add_member(connection: sqlite3.Connection, group: str, member: Member) -> None:
    """Add a member, and the group when it is the first."""
    process = member.process
    connection.execute("INSERT OR IGNORE INTO team VALUES (?, 0, 0)", (group,))
    connection.execute(
        "INSERT INTO member VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(group, member.id, member.subscription.to_json()),
            *(process.boot, process.namespace, process.pid, process.started),
            *(member.seen_s, member.session_s, member.patience_s),
        ),
    )
    rebalance(connection, group)


def remove_member(
    connection: sqlite3.Connection, group: str, member: str, seen_s: float | None = None
) -> bool:
    """Remove a member, if given only while it was last seen then; return whether it was there."""
    query = "DELETE FROM member WHERE team = ? AND id = ? AND coalesce(?, seen) = seen"
    return connection.execute(query, (group, member, seen_s)).rowcount > 0


def beat(connection: sqlite3.Connection, group: str, member: str, now_s: float) -> bool:
    """Note a sign of life; return whether there is such a member still."""
    query = "UPDATE member SET seen = ? WHERE team = ? AND id = ?"
    return connection.execute(query, (now_s, group, member)).rowcount > 0


def members_of(connection: sqlite3.Connection, group: str) -> list[Member]:
    """Return the members of a group."""
    query = (
        "SELECT id, subscription, boot, namespace, pid, started, seen, session, patience "
        "FROM member WHERE team = ?"
    )
    return [
        Member(row[0], Subscription.from_json(row[1]), Process(*row[2:6]), *row[6:])
        for row in connection.execute(query, (group,))
    ]


def version_of(connection: sqlite3.Connection, group: str) -> tuple[int, bool]:
    """Return the version of a group's leases, and whether there are topics it has not seen."""
    query = "SELECT version, topics < (SELECT coalesce(max(id), 0) FROM topic) FROM team "
    found = connection.execute(query + "WHERE name = ?", (group,)).fetchone()
    return (0, False) if found is None else (int(found[0]), bool(found[1]))


def rebalance(connection: sqlite3.Connection, group: str) -> None:
    """Work out who should read what, for the members, topics and leases as they are now."""
    members = {member.id: member for member in members_of(connection, group)}
    topics = {topic.name: topic for topic in all_topics(connection)}
    names = list(topics)
    leases = {lease.place: lease for lease in _leases(connection, "team = ?", group)}
    current = {
        place: lease.wanted if lease.wanted in members else lease.owner
        for place, lease in leases.items()
    }
    target = assign(
        {member.id: member.subscription.among(names) for member in members.values()},
        {topic.name: topic.partitions for topic in topics.values()},
        {place: member for place, member in current.items() if member is not None},
    )
    for place in leases.keys() | target.keys():
        before = leases.get(place, Lease(place, None, None))
        owner = before.owner if before.owner in members else None
        after = Lease(place, owner, target.get(place))
        if after != before:
            row = (group, topics[place.topic].id, place.partition, after.owner, after.wanted)
            connection.execute("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?)", row)
    query = "UPDATE team SET topics = ? WHERE name = ?"
    connection.execute(query, (newest_topic(connection), group))
    _tell(connection, group)


def _tell(connection: sqlite3.Connection, group: str) -> None:
    """Let the members see that leases have changed."""
    connection.execute("UPDATE team SET version = version + 1 WHERE name = ?", (group,))


def _leases(connection: sqlite3.Connection, condition: str, *values: str) -> list[Lease]:
    query = "SELECT name, part, owner, wanted FROM lease JOIN topic ON topic.id = topic WHERE "
    return [
        Lease(TopicPartition(name, part), owner, wanted)
        for name, part, owner, wanted in connection.execute(query + condition, values)
    ]


def leases_of(connection: sqlite3.Connection, group: str, member: str) -> list[Lease] | None:
    """Return the leases that a member holds or should hold; None when there is no such member."""
    query = "SELECT 1 FROM member WHERE team = ? AND id = ?"
    if connection.execute(query, (group, member)).fetchone() is None:
        return None
    return _leases(connection, "team = ? AND ? IN (owner, wanted)", group, member)


def claim_free(
    connection: sqlite3.Connection, group: str, member: str
) -> list[tuple[Topic, TopicPartition]]:
    """Give a member the partitions that it should read and that nobody holds."""
    leases = leases_of(connection, group, member) or ()
    topics = {topic.name: topic for topic in all_topics(connection)}
    free = sorted(lease.place for lease in leases if lease.owner is None)
    connection.executemany(
        "UPDATE lease SET owner = ? WHERE team = ? AND topic = ? AND part = ?",
        [(member, group, topics[one.topic].id, one.partition) for one in free],
    )
    if free:
        _tell(connection, group)
    return [(topics[place.topic], place) for place in free]


def release(
    connection: sqlite3.Connection, group: str, member: str, places: Iterable[TopicPartition]
) -> None:
    """Take partitions from the member that holds them, so that the wanted one may take hold."""
    connection.executemany(
        "UPDATE lease SET owner = NULL WHERE team = ? AND part = ? AND owner = ? "
        "AND topic = (SELECT id FROM topic WHERE name = ?)",
        [(group, place.partition, member, place.topic) for place in places],
    )
    _tell(connection, group)


def owner_of(connection: sqlite3.Connection, group: str, topic: Topic, part: int) -> str | None:
    """Return the member that reads a partition, None when nobody does."""
    query = "SELECT owner FROM lease WHERE team = ? AND topic = ? AND part = ?"
    found: Sequence[str | None] | None = connection.execute(
        query, (group, topic.id, part)
    ).fetchone()
    return None if found is None else found[0]


def position_of(connection: sqlite3.Connection, group: str, place: TopicPartition) -> int | None:
    """Return the offset that a group stored for a partition, None when it has none."""
    query = (
        "SELECT next FROM position JOIN topic ON topic.id = topic "
        "WHERE team = ? AND name = ? AND part = ?"
    )
    found = connection.execute(query, (group, place.topic, place.partition)).fetchone()
    return None if found is None else int(found[0])


def positions_of(connection: sqlite3.Connection, group: str) -> dict[TopicPartition, int]:
    """Return every offset that a group has stored."""
    query = "SELECT name, part, next FROM position JOIN topic ON topic.id = topic WHERE team = ?"
    found = connection.execute(query, (group,))
    return {TopicPartition(name, part): offset for name, part, offset in found}


def forget_position(connection: sqlite3.Connection, group: str, topic: Topic, part: int) -> None:
    """Forget the offset that a group stored for a partition."""
    query = "DELETE FROM position WHERE team = ? AND topic = ? AND part = ?"
    connection.execute(query, (group, topic.id, part))


def store_position(
    connection: sqlite3.Connection, group: str, topic: Topic, part: int, offset: int
) -> None:
    """Store the offset that a group reads a partition from."""
    row = (group, topic.id, part, offset)
    connection.execute("INSERT OR REPLACE INTO position VALUES (?, ?, ?, ?)", row)


def reset_offset(
    connection: sqlite3.Connection, reset: OffsetReset, topic: int, place: TopicPartition
) -> int:
    """Return where ``auto.offset.reset`` begins in a partition; BrokerError when nowhere."""
    if reset is OffsetReset.EARLIEST:
        return start_of(connection, topic, place.partition)
    if reset is OffsetReset.LATEST:
        return end_of(connection, topic, place.partition)
    raise BrokerError(
        f"topic '{place.topic}' partition {place.partition}: the group has no usable position, "
        "and auto.offset.reset is 'none'; store a position, or set it to earliest or latest"
    )
