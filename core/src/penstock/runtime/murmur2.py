"""The hash by which Kafka's Java clients choose the partition of a key."""

from __future__ import annotations

import struct
from typing import Final

__all__ = ["murmur2", "partition_of_key"]

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_R: Final = 24
_MASK: Final = 0xFFFFFFFF
_SIGN: Final = 0x80000000


def murmur2(data: bytes) -> int:
    """Return the 32-bit hash as Java does, signed (``org.apache.kafka.common.utils.Utils``)."""
    length = len(data)
    h = _SEED ^ length
    whole = length & ~3
    for (k,) in struct.iter_unpack("<I", data[:whole]):
        k = (k * _M) & _MASK  # noqa: PLW2901 - the algorithm's own name for it
        k ^= k >> _R  # noqa: PLW2901 - likewise
        h = ((h * _M) & _MASK) ^ ((k * _M) & _MASK)
    if length > whole:
        h ^= int.from_bytes(data[whole:], "little")
        h = (h * _M) & _MASK
    h ^= h >> 13
    h = (h * _M) & _MASK
    h ^= h >> 15
    return h - (_SIGN << 1) if h & _SIGN else h


def partition_of_key(key: bytes, partitions: int) -> int:
    """Return the partition in which Java's default partitioner puts ``key``."""
    return (murmur2(key) & ~_SIGN & _MASK) % partitions
