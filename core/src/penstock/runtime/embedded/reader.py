"""Reads partitions from where a consumer stands, a bounded piece at a time."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from penstock.data import Repeat, TopicPartition
from penstock.errors import BrokerError
from penstock.runtime.broker import FetchedBatch
from penstock.runtime.embedded.database import Database
from penstock.runtime.embedded.segment import Rows, Segment, join_rows, unpack
from penstock.runtime.embedded.settings import OffsetReset
from penstock.runtime.embedded.store import Stored, end_of, read_segments
from penstock.runtime.embedded.teams import reset_offset

__all__ = ["FETCH_BYTES_MAX", "Reader"]

log = logging.getLogger(__name__)

FETCH_BYTES_MAX: Final = 8 * 1024 * 1024
"""What one poll reads from the file, at most one segment more."""


@attrs.define(eq=False)
class _Partition:
    """Where a consumer stands in a partition.

    Attributes:
        offset: the next one to hand out.
        end: the offset after the last record, as far as known.
        loaded: segments read already, with their first offsets; ``offset`` is in the first.
    """

    place: TopicPartition
    topic: int
    offset: int
    end: int = 0
    paused: bool = False
    loaded: deque[tuple[int, Segment]] = attrs.field(factory=deque)

    def seek(self, offset: int) -> None:
        """Go on from ``offset``."""
        self.offset = offset
        self.loaded.clear()

    def take(self, rows_max: int) -> list[Rows]:
        """Return loaded rows from ``offset`` on and go past them."""
        parts: list[Rows] = []
        while self.loaded and rows_max > 0:
            base, segment = self.loaded[0]
            start = self.offset - base
            stop = min(segment.count, start + rows_max)
            parts.append(segment.rows(start, stop))
            rows_max -= stop - start
            self.offset = base + stop
            if stop == segment.count:
                self.loaded.popleft()
        return parts


class Reader:
    """Owner: the consumer's thread."""

    def __init__(self, database: Database, reset: OffsetReset) -> None:
        """Begin without partitions."""
        self._database = database
        self._reset = reset
        self._partitions: dict[TopicPartition, _Partition] = {}
        self._turns: deque[_Partition] = deque()

    def add(self, place: TopicPartition, topic: int, offset: int) -> None:
        """Read a partition too; call :meth:`refresh` before the next fetch."""
        found = self._partitions[place] = _Partition(place, topic, offset)
        self._turns.append(found)

    def drop(self, places: Iterable[TopicPartition]) -> None:
        """Read these partitions no longer, and forget what was loaded of them."""
        for place in places:
            found = self._partitions.pop(place, None)
            if found is not None:
                self._turns.remove(found)

    def position(self, place: TopicPartition) -> int | None:
        """Return the next offset to hand out, None for a partition that is not read."""
        found = self._partitions.get(place)
        return None if found is None else found.offset

    def log_end(self, place: TopicPartition) -> int | None:
        """Return the offset after the last record as last looked up, None if not read."""
        found = self._partitions.get(place)
        return None if found is None else max(found.end, found.offset)

    def seek(self, place: TopicPartition, offset: int) -> bool:
        """Go on from ``offset``; return whether the partition is read at all."""
        found = self._partitions.get(place)
        if found is not None:
            found.seek(offset)
        return found is not None

    def pause(self, places: Iterable[TopicPartition], *, paused: bool) -> None:
        """Leave partitions out of fetches, or take them in again."""
        for place in places:
            found = self._partitions.get(place)
            if found is not None and found.paused != paused:
                found.paused = paused
                found.loaded.clear()  # the pause may last; the memory is not kept for it

    def refresh(self) -> None:
        """Look how far the partitions reach now; raises as :meth:`Database.read`."""
        with self._database.read("looking for records") as connection:
            for one in self._partitions.values():
                one.end = end_of(connection, one.topic, one.place.partition)

    def fetch(self, rows_max: int) -> list[FetchedBatch]:
        """Return what is there, at most ``rows_max`` records; partitions take turns.

        A partition's turn is what one query has loaded of it, so that no partition waits for
        another's backlog and at most one has segments loaded.

        Raises:
            LockedError: others keep the file locked.
            BrokerError: a segment is damaged, or a position is out of range and
                ``auto.offset.reset`` is ``none``.
        """
        batches: list[FetchedBatch] = []
        bytes_left = FETCH_BYTES_MAX
        for _ in range(len(self._turns)):
            one = self._turns[0]
            if not one.paused:
                if not one.loaded:
                    bytes_left -= self._load(one, rows_max, bytes_left)
                parts = one.take(rows_max)
                if parts:
                    batches.append(_fetched(one, join_rows(parts)))
                    rows_max -= len(batches[-1])
                if one.loaded:
                    break
            self._turns.rotate(-1)
            if rows_max <= 0 or bytes_left <= 0:
                break
        return batches

    def _load(self, one: _Partition, rows_max: int, bytes_max: int) -> int:
        """Load segments from the partition's offset on; return their bytes."""
        if one.offset == one.end:
            return 0
        with self._database.read(f"reading topic '{one.place.topic}'") as connection:
            stored = read_segments(
                connection,
                one.topic,
                one.place.partition,
                one.offset,
                rows_max=rows_max,
                bytes_max=bytes_max,
            )
            if not stored:
                one.end = end_of(connection, one.topic, one.place.partition)
            if one.offset != one.end and (not stored or one.offset < stored[0].base):
                offset = reset_offset(connection, self._reset, one.topic, one.place)
                log.warning(
                    "topic '%s' partition %d: offset %d is out of range; reading goes on at %d",
                    *(one.place.topic, one.place.partition, one.offset, offset),
                )
                one.seek(offset)
                return self._load(one, rows_max, bytes_max)
        for segment in stored:
            try:
                one.loaded.append((segment.base, self._unpacked(one.place, segment)))
            except BrokerError:
                if not one.loaded:
                    raise
                break  # what stands before the damage is handed out first
        return sum(len(segment.data) for segment in stored)

    def _unpacked(self, place: TopicPartition, stored: Stored) -> Segment:
        try:
            segment = unpack(stored.data)
            if segment.count != stored.count:
                raise ValueError(f"it holds {segment.count} records instead of {stored.count}")
        except ValueError as problem:
            raise BrokerError(
                f"embedded log '{self._database.path}': topic '{place.topic}' partition "
                f"{place.partition}: the segment of offsets {stored.base} to "
                f"{stored.base + stored.count - 1} is damaged ({problem}); keep a copy of the "
                f"file, then store the position {stored.base + stored.count} to go on after it"
            ) from problem
        return segment


def _fetched(one: _Partition, rows: Rows) -> FetchedBatch:
    count = len(rows)
    keys: Sequence[bytes | None] = Repeat(None, count) if rows.keys is None else rows.keys
    return FetchedBatch(
        topic=one.place.topic,
        partition=one.place.partition,
        offsets=range(one.offset - count, one.offset),
        keys=keys,
        values=rows.values,
        timestamps=rows.timestamps,
        headers=rows.headers,
        last_offset=one.offset - 1,
    )
