"""How many transactions of a topic were committed and aborted, from the files of a broker."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_HEAD: Final = struct.Struct(">qiibIhiqqqhii")
"""A record batch's: offset, length, epoch, magic, CRC, attributes, and what follows; 61 bytes."""
_OFFSET_AND_LENGTH: Final = 12
_CONTROL: Final = 0x20
_COMMITTED: Final = 1


def ended_transactions(data: Path, topic: str) -> tuple[int, int]:
    """Return the numbers of committed and of aborted transactions that touched a topic.

    Args:
        data: The broker's folder of partitions.
        topic: With one partition, or each transaction counts once a partition.
    """
    ends = [
        kind
        for segment in sorted(data.glob(f"{topic}-*/*.log"))
        for kind in _marks(segment.read_bytes())
    ]
    return ends.count(_COMMITTED), len(ends) - ends.count(_COMMITTED)


def _marks(segment: bytes) -> Iterator[int]:
    at = 0
    while at + _HEAD.size <= len(segment):
        head = _HEAD.unpack_from(segment, at)
        length, attributes = head[1], head[5]
        if attributes & _CONTROL:
            # One record: length, attributes, two deltas and the key's length, each a byte here;
            # then the key: a version, and what it marks.
            (kind,) = struct.unpack_from(">h", segment, at + _HEAD.size + 5 + 2)
            yield kind
        at += _OFFSET_AND_LENGTH + length
