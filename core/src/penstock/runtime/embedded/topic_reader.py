"""The reader port on the embedded log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from penstock.data import TopicPartition
from penstock.errors import NotFoundError
from penstock.runtime.broker import FetchedBatch
from penstock.runtime.embedded.database import Database
from penstock.runtime.embedded.reader import Reader
from penstock.runtime.embedded.settings import OffsetReset
from penstock.runtime.embedded.store import end_of, find_topic, start_of

__all__ = ["EmbeddedReader"]

READ_ROWS: Final = 1_000
"""Rows that are handed on at once."""


class EmbeddedReader:
    """Looks at what a topic holds; joins no group and stores nothing. Owner: one thread."""

    def __init__(self, database: Database) -> None:
        """Take a database of its own; unlike other clients, this one makes no file."""
        self._database = database

    def bounds(self, topic: str, timeout_s: float) -> Mapping[int, tuple[int, int]]:
        """See :class:`penstock.runtime.broker.TopicReader`."""
        if not self._database.path.exists():
            raise NotFoundError(f"there is no embedded log '{self._database.path}'")
        with self._database.read("looking for a topic", timeout_s) as connection:
            found = find_topic(connection, topic)
            if found is None:
                raise NotFoundError(
                    f"there is no topic '{topic}' in the embedded log '{self._database.path}'"
                )
            return {
                part: (start_of(connection, found.id, part), end_of(connection, found.id, part))
                for part in range(found.partitions)
            }

    def read(
        self, place: TopicPartition, start: int, stop: int, timeout_s: float
    ) -> Iterator[FetchedBatch]:
        """See :class:`penstock.runtime.broker.TopicReader`."""
        with self._database.read("looking for a topic", timeout_s) as connection:
            found = find_topic(connection, place.topic)
        if found is None:
            raise NotFoundError(f"there is no topic '{place.topic}'")
        reader = Reader(self._database, OffsetReset.EARLIEST)
        reader.add(place, found.id, start)
        reader.refresh()
        while start < stop:
            fetched = reader.fetch(min(READ_ROWS, stop - start))
            if not fetched:
                return
            for one in fetched:
                # Retention may have taken rows since: then reading went on at the first there is.
                kept = [i for i, offset in enumerate(one.offsets) if offset < stop]
                start = one.next_offset
                if len(kept) == len(one):
                    yield one
                elif kept:
                    yield _first_rows(one, len(kept))

    def close(self) -> None:
        """See :class:`penstock.runtime.broker.TopicReader`."""
        self._database.close()


def _first_rows(one: FetchedBatch, count: int) -> FetchedBatch:
    return attrs.evolve(
        one,
        offsets=one.offsets[:count],
        keys=one.keys[:count],
        values=one.values[:count],
        timestamps=one.timestamps[:count],
        headers=None if one.headers is None else one.headers[:count],
        last_offset=None,
    )
