"""Rows of a poll: cut out of what was encoded, and their places in the source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from penstock.data import Batch, Repeat, SourceOrigin, SourceRecord
from penstock.runtime.broker import EncodedBatch

__all__ = ["PLACES_WAIT_S", "PolledRows", "places", "positions", "sliced"]

PolledRows = Batch | Sequence[SourceRecord] | Sequence[Batch]
"""What a source task gives; see ``SourceTask.poll``."""

PLACES_WAIT_S: Final = 1.0
"""Places without records wait so long to be stored, not until the next flush.

They are told once, and others may wait for them: a shard's end, or where reading starts.
"""


def sliced(batch: EncodedBatch, start: int, stop: int) -> EncodedBatch:
    """Return rows ``start`` to ``stop - 1`` of a batch."""
    if start == 0 and stop == len(batch):
        return batch

    def cut(column: Any) -> Any:
        return None if column is None else column[start:stop]

    return EncodedBatch(
        batch.topic,
        values=cut(batch.values),
        keys=cut(batch.keys),
        partitions=cut(batch.partitions),
        timestamps=cut(batch.timestamps),
        headers=cut(batch.headers),
    )


def places(origin: SourceOrigin, first: int, last: int) -> list[tuple[Any, Any]]:
    """Return the last offset of each source partition among some rows."""
    partitions, offsets = origin.partitions, origin.offsets
    if isinstance(partitions, Repeat):
        for row in range(last - 1, first - 1, -1):
            if offsets[row] is not None and partitions.value is not None:
                return [(partitions.value, offsets[row])]
        return []
    # Tasks give the same dict for many rows: by identity first, the transaction merges equals.
    found: dict[int, tuple[Any, Any]] = {}
    for row in range(first, last):
        partition, offset = partitions[row], offsets[row]
        if partition is not None and offset is not None:
            found.pop(id(partition), None)
            found[id(partition)] = (partition, offset)
    return list(found.values())


def positions(origin: SourceOrigin) -> Batch:
    """Return the rows of a poll as far as they are still known: by their place in the source."""
    return Batch.source(
        topic="",
        values=[None] * len(origin.partitions),
        source_partitions=origin.partitions,
        source_offsets=origin.offsets,
    )
