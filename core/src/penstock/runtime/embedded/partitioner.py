"""Which partition each row goes to. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from penstock.data import Repeat
from penstock.runtime.murmur2 import partition_of_key

__all__ = ["KEYS_CACHED_MAX", "Partitioner"]

KEYS_CACHED_MAX: Final = 65_536
"""How many hashed keys are remembered; the hash is slow in Python, and keys come again."""


class Partitioner:
    """Chooses as Kafka's Java client does. Owner: the producer's thread."""

    def __init__(self) -> None:
        """Begin with the first partition."""
        self._turn = -1
        self._known: dict[tuple[bytes, int], int] = {}

    def choose(
        self,
        wanted: Sequence[int | None] | None,
        keys: Sequence[bytes | None] | None,
        rows: int,
        partitions: int,
    ) -> Sequence[int]:
        """Return the partition of each of ``rows`` rows, as a Repeat when all have the same.

        A wanted partition is taken as it is, also one that does not exist; else the key's hash
        decides; rows without a key go to one partition a call, in rotation.
        """
        if isinstance(wanted, Repeat):
            wanted = None if wanted.value is None else wanted
        if wanted is None and (keys is None or partitions == 1):
            return Repeat(self._next(partitions), rows)
        if isinstance(wanted, Repeat):
            return wanted
        without_key = self._next(partitions)
        hashed: Sequence[int] = (
            Repeat(without_key, rows)
            if keys is None or partitions == 1
            else [without_key if key is None else self._hashed(key, partitions) for key in keys]
        )
        chosen = hashed
        if wanted is not None:
            pairs = zip(wanted, hashed, strict=True)
            chosen = [by_key if explicit is None else explicit for explicit, by_key in pairs]
        same = chosen.count(chosen[0]) == rows
        return Repeat(chosen[0], rows) if same else chosen

    def _next(self, partitions: int) -> int:
        self._turn += 1
        return self._turn % partitions

    def _hashed(self, key: bytes, partitions: int) -> int:
        found = self._known.get((key, partitions))
        if found is None:
            if len(self._known) >= KEYS_CACHED_MAX:
                self._known.clear()
            found = self._known[key, partitions] = partition_of_key(key, partitions)
        return found
