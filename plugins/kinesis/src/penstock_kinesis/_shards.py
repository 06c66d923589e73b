"""The shards of a stream: who descends from whom, and which task reads which. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import attrs

__all__ = ["Shard", "ancestors", "assign", "from_text", "lineage", "to_text"]


@attrs.frozen
class Shard:
    """One shard; ``parents`` are none for a first shard, one after a split, two after a merge.

    ``closed``: no record will be put into it any more, what it holds is still to be read.
    """

    id: str
    parents: tuple[str, ...] = ()
    closed: bool = False


def ancestors(shards: Mapping[str, Shard], shard: str) -> frozenset[str]:
    """Return every shard that this one descends from, also those that are listed no more."""
    found: set[str] = set()
    todo = [shard]
    while todo:
        known = shards.get(todo.pop())
        for parent in known.parents if known is not None else ():
            if parent not in found:
                found.add(parent)
                todo.append(parent)
    found.discard(shard)
    return frozenset(found)


def lineage(shards: Mapping[str, Shard], wanted: Iterable[str]) -> list[Shard]:
    """Return these shards and all that is known of their ancestors, by id."""
    names = set(wanted)
    for one in tuple(names):
        names |= ancestors(shards, one)
    return [shards[name] for name in sorted(names) if name in shards]


def assign(
    shards: Sequence[Shard], tasks: int, before: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Return the task of every shard, each of them exactly one.

    Open shards are spread evenly: no task has two more than another. A shard stays where it was
    (``before``) unless that would be uneven; a new one goes to the task with the fewest, among
    those the one of its first parent. The same arguments give the same answer.
    """
    if tasks < 1:
        raise ValueError(f"shards need at least one task, got {tasks}")
    order = sorted(shards, key=lambda shard: shard.id)
    placed = {
        shard.id: task
        for shard in order
        if (task := (before or {}).get(shard.id)) is not None and 0 <= task < tasks
    }
    opened = [0] * tasks
    total = [0] * tasks
    for shard in order:
        if shard.id in placed:
            total[placed[shard.id]] += 1
            opened[placed[shard.id]] += not shard.closed
    # Closed ones last: they fill what the open ones leave uneven.
    for shard in sorted(order, key=lambda shard: shard.closed):
        if shard.id in placed:
            continue
        parent = next((placed[one] for one in shard.parents if one in placed), -1)
        best = min(range(tasks), key=lambda task: (opened[task], total[task], task != parent, task))
        placed[shard.id] = best
        total[best] += 1
        opened[best] += not shard.closed
    _level(order, placed, opened)
    return placed


def _level(order: Sequence[Shard], placed: dict[str, int], opened: list[int]) -> None:
    """Move the youngest open shards from the fullest task to the emptiest until all are even."""
    while max(opened) - min(opened) > 1:
        full, empty = opened.index(max(opened)), opened.index(min(opened))
        youngest = next(
            shard.id for shard in reversed(order) if not shard.closed and placed[shard.id] == full
        )
        placed[youngest] = empty
        opened[full] -= 1
        opened[empty] += 1


def to_text(shards: Iterable[Shard]) -> str:
    """Return shards as the value of a configuration key."""
    return json.dumps(
        [[shard.id, list(shard.parents), shard.closed] for shard in shards], separators=(",", ":")
    )


def from_text(text: str) -> dict[str, Shard]:
    """Return shards by id; raises ValueError when the text is not one of :func:`to_text`."""
    return {
        name: Shard(name, tuple(parents), bool(closed))
        for name, parents, closed in json.loads(text or "[]")
    }
