"""The tables of topics and segments, inside the transaction that the caller has opened."""

from __future__ import annotations

import re
import sqlite3
from typing import Final

import attrs

from penstock.errors import BrokerError

__all__ = [
    "PARTITIONS_MAX",
    "TRIM_SEGMENTS_MAX",
    "Stored",
    "Topic",
    "all_topics",
    "append",
    "check_topic_name",
    "cluster_id",
    "create_topic",
    "end_of",
    "find_topic",
    "newest_topic",
    "read_segments",
    "start_of",
    "trim",
]

PARTITIONS_MAX: Final = 1_000
"""Partitions of one topic."""
TRIM_SEGMENTS_MAX: Final = 256
"""Segments deleted at once: others wait meanwhile."""
_NAME: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}")


@attrs.frozen
class Topic:
    """A topic as stored; ids grow in the order in which topics were made."""

    id: int
    name: str
    partitions: int


@attrs.frozen
class Stored:
    """A segment as stored: ``count`` records from offset ``base`` on."""

    base: int
    count: int
    data: bytes


def check_topic_name(name: str) -> None:
    """Raise BrokerError unless Kafka would take the name."""
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise BrokerError(
            f"topic '{name}': not a legal name; use up to 249 of the characters a-z A-Z 0-9 . _ -"
        )


def cluster_id(connection: sqlite3.Connection) -> str:
    """Return the id that the file was given when it was made."""
    query = "SELECT value FROM meta WHERE name = 'cluster.id'"
    return str(connection.execute(query).fetchone()[0])


def find_topic(connection: sqlite3.Connection, name: str) -> Topic | None:
    """Return the topic, or None when there is none."""
    query = "SELECT id, name, partitions FROM topic WHERE name = ?"
    found = connection.execute(query, (name,)).fetchone()
    return None if found is None else Topic(*found)


def all_topics(connection: sqlite3.Connection) -> list[Topic]:
    """Return every topic, in the order in which they were made."""
    query = "SELECT id, name, partitions FROM topic ORDER BY id"
    return [Topic(*found) for found in connection.execute(query)]


def newest_topic(connection: sqlite3.Connection) -> int:
    """Return the id of the topic made last, 0 when there is none."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM topic").fetchone()[0])


def create_topic(connection: sqlite3.Connection, name: str, partitions: int) -> Topic:
    """Make a topic; raises BrokerError for a name or a number that is not allowed."""
    check_topic_name(name)
    if not 1 <= partitions <= PARTITIONS_MAX:
        raise BrokerError(
            f"topic '{name}': partitions must be 1 to {PARTITIONS_MAX}, got {partitions}"
        )
    made = connection.execute(
        "INSERT INTO topic (name, partitions) VALUES (?, ?)", (name, partitions)
    )
    return Topic(int(made.lastrowid or 0), name, partitions)


def end_of(connection: sqlite3.Connection, topic: int, part: int) -> int:
    """Return the offset that the next record of a partition gets."""
    query = (
        "SELECT base + count FROM segment WHERE topic = ? AND part = ? ORDER BY base DESC LIMIT 1"
    )
    found = connection.execute(query, (topic, part)).fetchone()
    return 0 if found is None else int(found[0])


def start_of(connection: sqlite3.Connection, topic: int, part: int) -> int:
    """Return the first offset that a partition still holds, its end when it is empty."""
    query = "SELECT base FROM segment WHERE topic = ? AND part = ? ORDER BY base LIMIT 1"
    found = connection.execute(query, (topic, part)).fetchone()
    return 0 if found is None else int(found[0])


def append(
    connection: sqlite3.Connection, topic: int, part: int, segment: Stored, stamp: int
) -> None:
    """Add a segment at the end of a partition; ``stamp`` is its last timestamp, Unix ms."""
    connection.execute(
        "INSERT INTO segment (topic, part, base, count, size, stamp, data) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (topic, part, segment.base, segment.count, len(segment.data), stamp, segment.data),
    )


def read_segments(
    connection: sqlite3.Connection,
    topic: int,
    part: int,
    offset: int,
    *,
    rows_max: int,
    bytes_max: int,
) -> list[Stored]:
    """Return the segment that holds ``offset``, or the next one, and those after it.

    Stops after the segment that reaches ``rows_max`` records from ``offset`` on, or ``bytes_max``.
    """
    query = (
        "SELECT base, count, data FROM segment WHERE topic = :topic AND part = :part AND base >= "
        "coalesce((SELECT max(base) FROM segment"
        " WHERE topic = :topic AND part = :part AND base <= :offset), :offset) ORDER BY base"
    )
    place = {"topic": topic, "part": part, "offset": offset}
    found: list[Stored] = []
    size = 0
    cursor = connection.execute(query, place)
    try:
        for base, count, data in cursor:
            if base + count > offset:
                found.append(Stored(base, count, data))
                size += len(data)
            if size >= bytes_max or base + count - offset >= rows_max:
                break
    finally:
        cursor.close()  # an open cursor would keep the write-ahead log from being emptied
    return found


def trim(connection: sqlite3.Connection, topic: int, part: int, bytes_kept: int) -> bool:
    """Delete the oldest segments of a partition, keeping at least ``bytes_kept`` and the last one.

    Returns:
        Whether that is all; at most ``TRIM_SEGMENTS_MAX`` are deleted in one transaction.
    """
    query = "SELECT base, size FROM segment WHERE topic = ? AND part = ? ORDER BY base DESC"
    size = 0
    first_kept = 0
    cursor = connection.execute(query, (topic, part))
    try:
        for base, length in cursor:
            size += length
            first_kept = base
            if size >= bytes_kept:
                break
    finally:
        cursor.close()
    deleted = connection.execute(
        "DELETE FROM segment WHERE rowid IN (SELECT rowid FROM segment "
        "WHERE topic = ? AND part = ? AND base < ? ORDER BY base LIMIT ?)",
        (topic, part, first_kept, TRIM_SEGMENTS_MAX),
    )
    return deleted.rowcount < TRIM_SEGMENTS_MAX
