"""Who of a consumer group lives, and who should read what. Pure: no clock, no file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import attrs

from penstock.data import TopicPartition
from penstock.runtime.embedded.liveness import Process

__all__ = ["Member", "Subscription", "assign", "is_expired"]

_CLOCK_SLACK_S = 1.0


@attrs.frozen
class Subscription:
    """The topics that a member wants: by name, or those that a pattern matches as a whole."""

    names: Sequence[str] = ()
    pattern: str | None = None

    def among(self, topics: Sequence[str]) -> frozenset[str]:
        """Return those of ``topics`` that are wanted."""
        if self.pattern is None:
            return frozenset(self.names).intersection(topics)
        found = re.compile(self.pattern)
        return frozenset(topic for topic in topics if found.fullmatch(topic))

    def to_json(self) -> str:
        """Return the subscription as it is stored."""
        return json.dumps({"names": list(self.names), "pattern": self.pattern})

    @classmethod
    def from_json(cls, text: str) -> Subscription:
        """Return the subscription that :meth:`to_json` wrote."""
        found = json.loads(text)
        return cls(tuple(found["names"]), found["pattern"])


@attrs.frozen
class Member:
    """A member of a group as stored.

    Attributes:
        id: unique for ever; a member that was expelled joins again under another one.
        seen_s: when it last told that it lives, on the machine's monotonic clock.
        session_s: how long it is believed to live without a sign, when its process cannot be seen.
        patience_s: how long it may go without polling while its process is seen to run.
    """

    id: str
    subscription: Subscription
    process: Process
    seen_s: float
    session_s: float
    patience_s: float


def is_expired(member: Member, now_s: float, *, running: bool | None) -> bool:
    """Return whether a member's partitions should go to others.

    A process that is seen to have ended is believed at once; one that is seen to run may be busy
    with what it was given for as long as ``max.poll.interval.ms`` allows. The times are of the
    monotonic clock, which all processes share until the machine starts anew and which nobody
    sets: only a stamp from the future tells of an earlier start.
    """
    if running is False or member.seen_s > now_s + _CLOCK_SLACK_S:
        return True
    bound_s = member.session_s if running is None else member.patience_s
    return now_s - member.seen_s > bound_s


def assign(
    wishes: Mapping[str, frozenset[str]],
    topics: Mapping[str, int],
    current: Mapping[TopicPartition, str],
) -> dict[TopicPartition, str]:
    """Return which member should read each partition that anybody wants.

    Members with the same wishes get numbers of partitions that differ by one at most; a
    partition leaves a living member only for that.

    Args:
        wishes: the topics that each member wants.
        topics: every topic with its number of partitions.
        current: who was to read what until now; members that are gone may stand in it.
    """
    members = sorted(wishes)
    eligible = {
        topic: [member for member in members if topic in wishes[member]] for topic in sorted(topics)
    }
    load = dict.fromkeys(members, 0)
    target: dict[TopicPartition, str] = {}
    orphans: list[TopicPartition] = []
    for topic, candidates in eligible.items():
        for part in range(topics[topic] if candidates else 0):
            place = TopicPartition(topic, part)
            owner = current.get(place)
            if owner is not None and owner in candidates:
                target[place] = owner
                load[owner] += 1
            else:
                orphans.append(place)
    for place in orphans:
        owner = min(eligible[place.topic], key=load.__getitem__)
        target[place] = owner
        load[owner] += 1
    while _balance(target, eligible, load):
        pass
    return target


def _balance(
    target: dict[TopicPartition, str],
    eligible: Mapping[str, Sequence[str]],
    load: dict[str, int],
) -> bool:
    """Move partitions to members that have two less; return whether any was moved.

    Each move makes the sum of the squared loads smaller, so that it comes to an end.
    """
    moved = False
    for place, owner in target.items():
        least = min(eligible[place.topic], key=load.__getitem__)
        if load[owner] - load[least] > 1:
            target[place] = least
            load[owner] -= 1
            load[least] += 1
            moved = True
    return moved
