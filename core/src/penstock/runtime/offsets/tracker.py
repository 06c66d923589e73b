"""Which source offsets may be stored: those whose records, and all before them, are safe. Pure.

One queue a source partition, in the order of the polls; only its acknowledged head is
committable, so a slow topic holds back its own source partition and no other.
(source: SubmittedRecords)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from penstock.data import Repeat, SourceOrigin

__all__ = ["OffsetTracker"]

Partition = Mapping[str, Any]
Offset = Mapping[str, Any]
_Key = tuple[tuple[str, Any], ...]


@attrs.define(eq=False)
class _Span:
    """Rows of one poll that belong to one source partition.

    ``head`` of them, from the first on, are acknowledged; ``beyond`` are the places of further
    ones. ``places`` finds the place of a row; None when the rows are 0, 1, 2, ...
    """

    key: _Key
    partition: Partition | None
    offsets: Sequence[Offset | None]
    rows: Sequence[int]
    places: Mapping[int, int] | None
    head: int = 0
    beyond: set[int] = attrs.field(factory=set)

    def ack(self, first: int, last: int) -> None:
        """Acknowledge places ``first`` to ``last - 1``."""
        if first <= self.head:
            self.head = max(self.head, last)
        else:
            self.beyond.update(range(first, last))
        while self.beyond and self.head in self.beyond:
            self.beyond.discard(self.head)
            self.head += 1

    @property
    def is_done(self) -> bool:
        return self.head >= len(self.rows)

    def last_safe(self) -> Offset | None:
        """Return the offset of the last acknowledged row that has one."""
        for place in range(self.head - 1, -1, -1):
            offset = self.offsets[self.rows[place]]
            if offset is not None:
                return offset
        return None


class OffsetTracker:
    """Follows polled rows until they are safe. Owner: the task's thread.

    ``submit`` every poll, ``ack`` rows as they are delivered or dropped, and store what
    ``committable`` returns. Rows of a poll that are neither acknowledged nor dropped hold back
    everything behind them of the same source partition.
    """

    def __init__(self) -> None:
        self._next = 0
        self._polls: dict[int, list[_Span]] = {}
        self._queues: dict[_Key, deque[_Span]] = {}
        self._safe: dict[_Key, tuple[Partition, Offset]] = {}
        self._pending = 0

    @property
    def pending(self) -> int:
        """How many polls have rows that are not acknowledged."""
        return self._pending

    def submit(self, origin: SourceOrigin) -> int:
        """Note a poll and return its token; the rows are the places in ``origin``."""
        token = self._next
        self._next += 1
        spans = _spans(origin)
        self._polls[token] = spans
        self._pending += 1
        for span in spans:
            self._queues.setdefault(span.key, deque()).append(span)
        if not any(len(span.rows) for span in spans):
            self._retire(token)
        return token

    def ack(self, token: int, rows: Sequence[int]) -> None:
        """Acknowledge ascending rows of a poll; rows acknowledged before change nothing."""
        spans = self._polls.get(token)
        if spans is None or not rows:
            return
        for span in spans:
            if span.places is None:
                for first, last in _ranges(rows):
                    span.ack(first, last)
            else:
                found = [span.places[row] for row in rows if row in span.places]
                for first, last in _ranges(found):
                    span.ack(first, last)
            if span.is_done:
                self._fold(span.key)
        if all(span.is_done for span in spans):
            self._retire(token)

    def _retire(self, token: int) -> None:
        del self._polls[token]
        self._pending -= 1

    def _fold(self, key: _Key) -> None:
        """Forget acknowledged spans at the head of a queue, but for the last safe offset.

        Done as they are acknowledged, so that memory does not grow until the next commit.
        """
        queue = self._queues.get(key)
        while queue and queue[0].is_done:
            self._note(queue.popleft())
        if not queue:
            self._queues.pop(key, None)

    def _note(self, span: _Span) -> None:
        safe = span.last_safe()
        if safe is not None and span.partition is not None:
            self._safe[span.key] = (span.partition, safe)

    def committable(self) -> list[tuple[Partition, Offset]]:
        """Return the offsets that became safe since the last call, one a source partition."""
        for key in list(self._queues):
            self._fold(key)
        for queue in self._queues.values():
            self._note(queue[0])
        ready = list(self._safe.values())
        self._safe.clear()
        return ready


def _key(partition: Partition | None) -> _Key:
    return () if partition is None else tuple(sorted(partition.items()))


def _spans(origin: SourceOrigin) -> list[_Span]:
    partitions = origin.partitions
    if isinstance(partitions, Repeat):
        shared = partitions.value
        rows = range(len(partitions))
        return [_Span(_key(shared), shared, origin.offsets, rows, None)]
    groups: dict[_Key, list[int]] = {}
    known: dict[int, _Key] = {}
    for row, partition in enumerate(partitions):
        # Tasks give the same dict for many rows: its key is made once a poll.
        key = known.get(id(partition))
        if key is None:
            key = known[id(partition)] = _key(partition)
        groups.setdefault(key, []).append(row)
    return [
        _Span(key, partitions[rows[0]], origin.offsets, rows, {r: i for i, r in enumerate(rows)})
        for key, rows in groups.items()
    ]


def _ranges(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Return ascending numbers as half-open ranges."""
    if isinstance(rows, range) and rows.step == 1:
        return [(rows.start, rows.stop)]
    ranges: list[tuple[int, int]] = []
    for row in rows:
        if ranges and ranges[-1][1] == row:
            ranges[-1] = (ranges[-1][0], row + 1)
        else:
            ranges.append((row, row + 1))
    return ranges
