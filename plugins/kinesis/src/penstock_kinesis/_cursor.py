"""Where to read a shard next, whatever happens to its iterator. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import attrs

from penstock_kinesis._offsets import Place

__all__ = ["Cursor", "Start"]


@attrs.frozen
class Start:
    """Where to begin in a shard of which nothing was read.

    With neither part: at its oldest record. There is no "latest": the connector turns it into the
    moment at which it started, so that nothing put since is ever skipped.
    """

    timestamp_ms: int | None = None
    sequence: str | None = None


@attrs.define
class Cursor:
    """The place in one shard. Owner: whoever reads the shard.

    ``place`` is the last record read; an iterator that expired, however old, is asked for again
    from there.
    """

    shard: str
    start: Start
    place: Place = attrs.field(factory=Place)
    iterator: str | None = None

    def iterator_request(self) -> dict[str, Any]:
        """Return how to ask for an iterator."""
        if self.place.sequence is not None:
            # What was cut inside an aggregated record is read again, and its first part skipped.
            kind = "AFTER_SEQUENCE_NUMBER" if self.place.sub is None else "AT_SEQUENCE_NUMBER"
            return {"ShardIteratorType": kind, "StartingSequenceNumber": self.place.sequence}
        since_ms = self.place.timestamp_ms
        if since_ms is None:
            since_ms = self.start.timestamp_ms
        if since_ms is not None:
            moment = dt.datetime.fromtimestamp(since_ms / 1000, dt.UTC)
            return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": moment}
        if self.start.sequence is not None:
            return {
                "ShardIteratorType": "AT_SEQUENCE_NUMBER",
                "StartingSequenceNumber": self.start.sequence,
            }
        return {"ShardIteratorType": "TRIM_HORIZON"}

    def expired(self) -> None:
        """Forget the iterator; the next is asked for after the last record read."""
        self.iterator = None

    def unread(self, sequences: Sequence[str]) -> int:
        """Return how many of these, from the first on, were read before; they come once only."""
        last = self.place.sequence
        if last is None or not sequences or int(sequences[0]) > int(last):
            return 0
        limit = int(last) - (self.place.sub is not None)
        return sum(1 for one in sequences if int(one) <= limit)
