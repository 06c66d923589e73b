"""What the herder of a cluster hears, beside requests and news of hosts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from penstock.runtime.group.protocol import Allocation
from penstock.runtime.herder.asked import Tick
from penstock.runtime.storage.config_fold import Change, ConfigSnapshot
from penstock.runtime.storage.status_records import Status, StatusKey, TopicUse, TopicUseKey

__all__ = [
    "Allocation",
    "ConfigRead",
    "FenceTold",
    "Joined",
    "LeaseGiven",
    "Left",
    "Member",
    "ProducersFenced",
    "Published",
    "StatusRead",
    "Tick",
    "Told",
    "Written",
]


@attrs.frozen
class Member:
    """A worker of the group, as the leader knows it."""

    url: str
    share: Allocation = attrs.field(factory=Allocation)


@attrs.frozen
class Joined:
    """A rebalance is over for this worker.

    Attributes:
        generation: of the group.
        member_id: this worker's.
        leader_id, leader_url: who leads; the URL ends with a slash.
        offset: of the config topic, that the assignment was made from.
        mismatch: the leader had not read as far as others; nothing is assigned.
        added, revoked: what this worker gets beside what it has, and what it must give up.
        eager: everything else was given up before; ``added`` is all there is.
        delay_ms: when to join again for what is held back, 0 for never.
        members: all workers with their shares; the leader's knowledge, empty for others.
        sessioned: requests between workers are signed.
        outdated: this worker runs less than it said as it joined; it has to join again.
        at_ms: when it was joined (monotonic); 0 for just now.
    """

    generation: int
    member_id: str
    leader_id: str
    leader_url: str
    offset: int
    mismatch: bool
    added: Allocation
    revoked: Allocation
    eager: bool = False
    delay_ms: int = 0
    members: Mapping[str, Member] = attrs.field(factory=dict)
    sessioned: bool = True
    outdated: bool = False
    at_ms: int = 0


@attrs.frozen
class LeaseGiven:
    """The group counts on this worker until ``until_s`` (monotonic): it was heard just now."""

    until_s: float


@attrs.frozen
class Left:
    """This worker is no member any more; what it ran may run elsewhere soon.

    ``expelled``: it may run there already.
    """

    reason: str
    expelled: bool = False


@attrs.frozen
class ConfigRead:
    """Records of the config topic were read; ``snapshot`` is the state after them."""

    changes: Sequence[Change]
    snapshot: ConfigSnapshot


Told = tuple[StatusKey, Status | None] | tuple[TopicUseKey, TopicUse | None]
"""What one record of the status topic says."""


@attrs.frozen
class StatusRead:
    """Records of the status topic were read."""

    told: Sequence[Told]


@attrs.frozen
class Written:
    """The records of a WriteConfig are in the topic and read back, or ``error`` says why not."""

    write: int
    error: Exception | None = None


@attrs.frozen
class Published:
    """The leader took the task configurations of a connector, or ``error`` says why not."""

    name: str
    error: str | None = None


@attrs.frozen
class FenceTold:
    """The leader has answered an AskFence; ``error`` None: older tasks can send no more."""

    name: str
    generation: int
    error: Exception | None = None


@attrs.frozen
class ProducersFenced:
    """The brokers have answered a FenceProducers."""

    name: str
    error: Exception | None = None
