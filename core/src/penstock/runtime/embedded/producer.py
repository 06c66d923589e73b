"""The producer port on the embedded log."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from penstock.data import Repeat
from penstock.errors import BrokerError
from penstock.runtime.broker import Delivery, EncodedBatch
from penstock.runtime.clock import Clock
from penstock.runtime.embedded.database import Database
from penstock.runtime.embedded.failures import LockedError
from penstock.runtime.embedded.lot import Lot, checked, fitting
from penstock.runtime.embedded.partitioner import Partitioner
from penstock.runtime.embedded.segment import Rows, rows_of
from penstock.runtime.embedded.settings import ProducerSettings
from penstock.runtime.embedded.store import (
    Stored,
    Topic,
    append,
    create_topic,
    end_of,
    find_topic,
    trim,
)

__all__ = ["BUFFER_BYTES_MAX", "BUFFER_ROWS_MAX", "EmbeddedProducer"]

log = logging.getLogger(__name__)

BUFFER_BYTES_MAX: Final = 16 * 1024 * 1024
"""What may wait for the next transaction; one record more, when it is larger."""
BUFFER_ROWS_MAX: Final = 100_000
"""Likewise, in rows."""
LOCK_WAIT_MIN_S: Final = 0.1
"""How long a poll waits for other writers even when it was given less time."""
TOPIC_LOCK_WAIT_S: Final = 1.0
"""How long a send of a topic not seen before waits for other writers."""
TOPICS_CACHED_MAX: Final = 10_000
_CHUNK_ROWS: Final = 4_096
"""Rows packed at once: usually less than a segment may hold, so that nothing is packed twice."""
_TRIM_SHARE: Final = 16
"""A partition is trimmed each time it grew by this part of what is kept."""
_TRIM_BYTES_MIN: Final = 1024 * 1024


class EmbeddedProducer:
    """Appends batches. Owner: the task's thread.

    What was sent since the last poll goes into one transaction, in poll, flush or close: rows are
    acknowledged after it, all together. There is no thread behind: nothing is stored in between.
    """

    def __init__(
        self,
        database: Database,
        *,
        settings: ProducerSettings,
        retention_bytes: int | None,
        clock: Clock,
    ) -> None:
        """Take a database of its own; the file is opened by the first send."""
        self._database = database
        self._settings = settings
        self._retention_bytes = retention_bytes
        self._clock = clock
        self._partitioner = Partitioner()
        self._topics: dict[str, Topic] = {}
        self._lots: dict[tuple[int, int], Lot] = {}
        self._waiting: list[Delivery] = []
        self._rows = 0
        self._bytes = 0
        self._since_s = 0.0
        self._deliveries: list[Delivery] = []
        self._grown: dict[tuple[int, int], int] = {}
        self._closed = False

    def send(self, batch: EncodedBatch, token: int, start: int = 0) -> int:
        """See :class:`penstock.runtime.broker.Producer`."""
        if self._closed:
            raise BrokerError(f"topic '{batch.topic}': the producer is closed")
        topic = self._topic(batch.topic)
        row = start
        while row < len(batch):
            try:
                taken = self._take(batch, topic, row)
            except BrokerError:
                if row == start:
                    raise
                break  # the caller meets it when it goes on from there
            if not taken:
                break
            row += taken
        if row > start:
            self._note(token, start, row)
        return row

    def _topic(self, name: str) -> Topic:
        """Return the topic, made with one partition when it is missing."""
        known = self._topics.get(name)
        if known is not None:
            return known
        with self._database.read("looking for a topic", TOPIC_LOCK_WAIT_S) as connection:
            found = find_topic(connection, name)
        if found is None:
            with self._database.write("creating a topic", TOPIC_LOCK_WAIT_S) as connection:
                found = find_topic(connection, name) or create_topic(connection, name, 1)
        if len(self._topics) >= TOPICS_CACHED_MAX:
            self._topics.clear()
        self._topics[name] = found
        return found

    def _take(self, batch: EncodedBatch, topic: Topic, start: int) -> int:
        """Take some rows from ``start`` on; return how many, 0 when there is no room."""
        room = BUFFER_ROWS_MAX - self._rows
        bytes_room = BUFFER_BYTES_MAX - self._bytes
        if room <= 0 or bytes_room <= 0:
            return 0
        stop = min(len(batch), start + room, start + _CHUNK_ROWS)
        where = f"topic '{topic.name}'"
        rows, data = checked(rows_of(batch, start, stop, self._clock.now_ms()), where)
        count = len(rows)
        if len(data) > bytes_room:
            count = fitting(rows, bytes_room)
            if count == 0 and self._rows:
                return 0
        wanted = None if batch.partitions is None else batch.partitions[start : start + len(rows)]
        chosen = self._partitioner.choose(wanted, rows.keys, len(rows), topic.partitions)
        count = min(max(count, 1), _existing(chosen, topic))
        if count < len(rows):
            rows, data = checked(rows.slice(0, count), where)
        self._put(topic, rows, data, chosen[:count])
        self._rows += count
        self._bytes += len(data)
        return count

    def _put(self, topic: Topic, rows: Rows, data: bytes, chosen: Sequence[int]) -> None:
        if isinstance(chosen, Repeat):
            self._lot(topic, chosen.value).add(rows, data)
            return
        places: dict[int, list[int]] = {}
        for row, part in enumerate(chosen):
            places.setdefault(part, []).append(row)
        for part, selected in places.items():
            some, packed = checked(rows.select(selected), f"topic '{topic.name}'")
            self._lot(topic, part).add(some, packed)

    def _lot(self, topic: Topic, part: int) -> Lot:
        return self._lots.setdefault((topic.id, part), Lot())

    def _note(self, token: int, start: int, stop: int) -> None:
        """Remember whom to tell of these rows."""
        if not self._waiting:
            self._since_s = self._clock.monotonic_s()
        self._waiting.append(Delivery(token, start, stop))

    def poll(self, timeout_s: float) -> Sequence[Delivery]:
        """See :class:`penstock.runtime.broker.Producer`.

        Raises:
            BrokerError: the rows could not be stored (a full disk, ...); the next poll returns
                their deliveries, with the error and retriable.
        """
        self._store(max(timeout_s, LOCK_WAIT_MIN_S))
        deliveries, self._deliveries = self._deliveries, []
        return deliveries

    def flush(self, timeout_s: float) -> int:
        """See :class:`penstock.runtime.broker.Producer`; raises as :meth:`poll`."""
        self._store(max(timeout_s, LOCK_WAIT_MIN_S))
        return self._rows

    def _store(self, wait_s: float) -> None:
        """Commit what waits; when others keep the file locked it waits on, up to a limit."""
        if not self._waiting:
            return
        pieces = {place: lot.pieces() for place, lot in self._lots.items()}
        try:
            with self._database.write("storing records", wait_s) as connection:
                for (topic, part), some in pieces.items():
                    base = end_of(connection, topic, part)
                    for piece in some:
                        stored = Stored(base, piece.count, piece.data)
                        append(connection, topic, part, stored, piece.stamp)
                        base += piece.count
        except LockedError as problem:
            waited_s = self._clock.monotonic_s() - self._since_s
            if waited_s >= self._settings.delivery_timeout_s:
                self._settle(f"{problem}; gave up after {waited_s:.0f} s (delivery.timeout.ms)")
        except BrokerError as problem:
            self._settle(str(problem))
            raise
        else:
            self._settle(None)
            self._keep_house(
                {place: sum(len(one.data) for one in pieces[place]) for place in pieces}
            )

    def _settle(self, error: str | None) -> None:
        """Tell the fate of everything that waited."""
        for one in self._waiting:
            told = (one.token, one.start, one.stop, error, error is not None)
            self._deliveries.append(Delivery(*told))
        self._waiting.clear()
        self._lots.clear()
        self._rows = self._bytes = 0

    def _keep_house(self, sizes: dict[tuple[int, int], int]) -> None:
        """Keep the files within their bounds, after ``sizes`` bytes went to these partitions."""
        try:
            self._database.keep_bounded()
            if self._retention_bytes is not None:
                self._trim(sizes, self._retention_bytes)
        except (LockedError, BrokerError) as problem:
            log.warning("the log is cleaned up later: %s", problem)

    def _trim(self, sizes: dict[tuple[int, int], int], bytes_kept: int) -> None:
        """Delete what retention does not keep, each time enough was added."""
        due = max(_TRIM_BYTES_MIN, bytes_kept // _TRIM_SHARE)
        for place, size in sizes.items():
            # As if nothing had been deleted before this producer came.
            self._grown[place] = self._grown.get(place, due) + size
        full = [place for place in sizes if self._grown[place] >= due]
        if full:
            with self._database.write("deleting old records", LOCK_WAIT_MIN_S) as connection:
                trimmed = [place for place in full if trim(connection, *place, bytes_kept)]
            self._grown.update(dict.fromkeys(trimmed, 0))

    def close(self, timeout_s: float) -> None:
        """See :class:`penstock.runtime.broker.Producer`; with no time, nothing more is stored."""
        if self._closed:
            return
        try:
            if timeout_s > 0:
                self._store(timeout_s)
        except BrokerError as problem:
            log.warning("records were not stored as the producer was closed: %s", problem)
        finally:
            self._closed = True
            if self._waiting:
                self._settle("the producer was closed before the record was stored")
            self._database.close()


def _existing(chosen: Sequence[int], topic: Topic) -> int:
    """Return how many leading rows have a partition that exists.

    Raises:
        BrokerError: the first row has none.
    """
    looked_at = chosen[:1] if isinstance(chosen, Repeat) else chosen
    for row, part in enumerate(looked_at):
        if not 0 <= part < topic.partitions:
            if row == 0:
                raise BrokerError(
                    f"topic '{topic.name}': there is no partition {part}, it has {topic.partitions}"
                )
            return row
    return len(chosen)
