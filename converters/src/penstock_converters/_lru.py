"""A bounded cache that forgets what was not used longest (source: LRUCache)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Lru"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lru(Generic[K, V]):
    """At most ``size_max`` values by key; at least one, whatever the bound says."""

    __slots__ = ("_entries", "_size_max")

    def __init__(self, size_max: int) -> None:
        """Start empty."""
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._size_max = max(1, size_max)

    def __len__(self) -> int:
        """Return how many values are kept."""
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """Return the value and mark it as used, or None."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: K, value: V) -> V:
        """Keep a value, dropping the one unused longest when full; return it."""
        self._entries[key] = value
        if len(self._entries) > self._size_max:
            self._entries.popitem(last=False)
        return value
