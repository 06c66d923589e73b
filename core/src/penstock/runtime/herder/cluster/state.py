"""What one worker of a cluster knows. Pure; changed by the herder's thread only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from penstock.errors import ConflictError
from penstock.runtime.herder.cluster.actions import ElsewhereError
from penstock.runtime.herder.cluster.events import Allocation, Joined
from penstock.runtime.herder.state import Action, HerderState, HostKey
from penstock.runtime.model import ConnectorType, State
from penstock.runtime.storage.config_fold import ConfigSnapshot
from penstock.runtime.storage.status_records import StatusBoard

__all__ = ["ClusterLimits", "ClusterState", "Shown", "WriteDone"]

WriteDone = Callable[[Exception | None], Sequence[Action]]
"""Goes on after a write: with None when it is in the topic and read back."""

Shown = tuple[State, str, str | None]
"""State, trace and version, as last written to the status topic."""


@attrs.frozen
class ClusterLimits:
    """The worker's settings that decisions depend on.

    Attributes:
        sync_timeout_ms: how long a worker may lag behind the config topic.
        unsync_backoff_ms: how long it stays out of the group then.
        key_ttl_ms: age at which the leader makes a new session key.
        topic_tracking: whether it is kept which topics a connector uses.
        exactly_once: whether sources deliver exactly once.
        fences_leaders: whether a leader sees to it that former ones write no more.
    """

    sync_timeout_ms: int = 3_000
    unsync_backoff_ms: int = 300_000
    key_ttl_ms: int = 3_600_000
    key_algorithm: str = "HmacSHA256"
    key_bytes: int = 32
    topic_tracking: bool = True
    exactly_once: bool = False
    fences_leaders: bool = False


@attrs.define
class ClusterState:
    """The herder's memory.

    Attributes:
        worker_id: ``host:port``, as status records name this worker.
        url: where other workers reach it; ends with a slash.
        type_of: tells source from sink by a connector's configuration.
        here: the connectors as all see them, and the hosts of this worker.
        snapshot: the config topic so far.
        board: the status topic so far.
        owned: this worker's share, what it is giving up excluded.
        leaving: what must stop here before the group shares anew.
        group: the last rebalance; None while this worker is no member.
        ready: the config topic was read to its end once.
        shown: what was written of each host, to write changes only.
        fences: by connector, whether older tasks can send no more.
        fencing: the leader's rounds of it.
        rebalances: how many this worker has completed; ``rebalanced_ms`` is when the last was.
    """

    worker_id: str
    url: str
    type_of: Callable[[Mapping[str, str]], ConnectorType]
    limits: ClusterLimits = attrs.field(factory=ClusterLimits)
    here: HerderState = attrs.field(factory=HerderState)
    snapshot: ConfigSnapshot = attrs.field(factory=ConfigSnapshot)
    board: StatusBoard = attrs.field(factory=StatusBoard)
    owned: Allocation = attrs.field(factory=Allocation)
    leaving: Allocation = attrs.field(factory=Allocation)
    group: Joined | None = None
    ready: bool = False
    now_ms: int = 0
    wall_ms: int = 0
    behind_since_ms: int | None = None
    catch_ups_failed: int = 0
    writes: dict[int, WriteDone] = attrs.field(factory=dict)
    commits: dict[int, tuple[str, int]] = attrs.field(factory=dict)
    last_write: int = 0
    shown: dict[HostKey, Shown] = attrs.field(factory=dict)
    publishing: dict[str, Any] = attrs.field(factory=dict)
    fences: dict[str, Any] = attrs.field(factory=dict)
    fencing: dict[str, Any] = attrs.field(factory=dict)
    key_asked: bool = False
    rejoin_at_ms: int | None = None
    rebalances: int = 0
    rebalanced_ms: int = 0

    @property
    def is_leader(self) -> bool:
        """Whether this worker leads the group."""
        return self.group is not None and self.group.leader_id == self.group.member_id

    @property
    def generation(self) -> int:
        """The group's generation; -1 while this worker is no member."""
        return -1 if self.group is None else self.group.generation

    @property
    def is_behind(self) -> bool:
        """Whether the assignment was made from records that are not read here yet."""
        return self.group is not None and (
            self.group.mismatch or self.snapshot.offset < self.group.offset
        )

    def must_lead(self) -> None:
        """Raise what sends a request to the leader, unless this worker is it.

        Raises:
            ElsewhereError: the leader must answer.
            ConflictError: nobody knows who leads.
        """
        if self.group is None or not self.group.leader_url:
            raise ConflictError(
                "Cannot complete request because of a conflicting operation (e.g. worker "
                "rebalance): this worker has no known leader; try again"
            )
        if not self.is_leader:
            raise ElsewhereError(
                "Only the leader can answer this request", self.group.leader_url, to_leader=True
            )

    def owner_url(self, key: HostKey) -> str | None:
        """Return the URL of the worker that owns a host; only the leader knows it."""
        if self.group is None:
            return None
        for member in self.group.members.values():
            if key in member.share.connectors or key in member.share.tasks:
                return member.url
        return None

    def owns(self, key: HostKey) -> bool:
        """Return whether a host's place is here."""
        return key in self.owned.connectors or key in self.owned.tasks
