"""The decisions of one worker of a cluster: ``step(event) -> actions``. Pure.

No clock, thread, socket or client: the driver feeds events in order and carries out the actions.
Whatever is shared comes back as records that all workers read, in one order; nothing is believed
before it is read. (source: DistributedHerder)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.errors import ConflictError
from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder.asked import Requested, Validated
from penstock.runtime.herder.cluster.actions import (
    CatchUp,
    ClaimWrites,
    EndLeases,
    GrantLease,
    LeaveGroup,
    Rejoin,
    SetLevel,
    Wake,
    WriteTopicUse,
)
from penstock.runtime.herder.cluster.events import (
    Allocation,
    ConfigRead,
    FenceTold,
    Joined,
    LeaseGiven,
    Left,
    ProducersFenced,
    Published,
    StatusRead,
    Tick,
    Written,
)
from penstock.runtime.herder.cluster.fencing import asked_again, producers_fenced
from penstock.runtime.herder.cluster.leading import clear_statuses, renew_key
from penstock.runtime.herder.cluster.places import (
    fence_done,
    mirror,
    settle,
    settle_connector,
    show_anew,
    spoken_over,
    tell_statuses,
)
from penstock.runtime.herder.cluster.requests import Requests, restart_here
from penstock.runtime.herder.cluster.state import ClusterLimits, ClusterState
from penstock.runtime.herder.cluster.tasks import ask_again, heal, publish_failed, tasks_made
from penstock.runtime.herder.cluster.views import planned_restart
from penstock.runtime.herder.hosts import HostExitedEvent, HostReported, HostStarted, host_step
from penstock.runtime.herder.recovery import Recovery
from penstock.runtime.herder.state import Action, HostKey, Reply, Waits
from penstock.runtime.host.messages import Progress, TopicsUsed
from penstock.runtime.model import ConnectorType, TaskId
from penstock.runtime.stages import JOINING, STARTING
from penstock.runtime.storage.config_fold import (
    Change,
    ConnectorChanged,
    ConnectorRemoved,
    LevelAsked,
    RestartAsked,
    TargetChanged,
    TasksChanged,
)
from penstock.runtime.storage.status_records import TopicUse, TopicUseKey

__all__ = ["ClusterEvent", "ClusterHerder"]

EARLY_MAX: Final = 1_000
"""Requests that wait until the config topic was read to its end and the group was joined."""
_READS: Final = (
    cmd.ListConnectors,
    cmd.GetConnector,
    cmd.GetStatus,
    cmd.GetTasks,
    cmd.GetTaskStatus,
    cmd.GetFigures,
    cmd.GetMetrics,
    cmd.GetOffsets,
    cmd.GetTopics,
    cmd.GetWorkers,
)
FOLLOWER_LATER_MS: Final = 100
"""How much later than the leader others join for what was held back: whoever comes before it is
given the old share once more, and waits for its next heartbeat."""
CATCH_UPS_MAX: Final = 5
"""Times that a worker leaves the group because it lags; after that it gives up its share."""

ClusterEvent = (
    Requested
    | Validated
    | HostStarted
    | HostReported
    | HostExitedEvent
    | ConfigRead
    | StatusRead
    | Joined
    | LeaseGiven
    | Left
    | Written
    | Published
    | FenceTold
    | ProducersFenced
    | Tick
)


class ClusterHerder:
    """Decides for one worker of a cluster. Owner: the herder's thread."""

    def __init__(
        self,
        worker_id: str,
        url: str,
        *,
        type_of: Callable[[Mapping[str, str]], ConnectorType],
        limits: ClusterLimits | None = None,
    ) -> None:
        """See :class:`ClusterState` for what these are."""
        self.state = ClusterState(worker_id, url, type_of, limits or ClusterLimits())
        self._requests = Requests(self.state)
        self._early: list[Requested] = []
        self._recovery = Recovery()
        self._was_member = False
        self._handlers: Mapping[type[Any], Callable[[Any], Sequence[Action]]] = {
            HostStarted: self._host_started,
            HostReported: self._host,
            HostExitedEvent: self._host,
            Requested: self._requested,
            Validated: self._requests.validated,
            Written: self._written,
            StatusRead: self._status_read,
            Published: self._published,
            FenceTold: self._fence_told,
            ProducersFenced: self._producers_fenced,
            Tick: self._tick,
            Left: self._left_group,
            LeaseGiven: self._lease_given,
            Joined: self._joined,
            ConfigRead: self._config_read,
        }

    def step(self, event: ClusterEvent) -> Sequence[Action]:
        """Take one event and return what to do, in order. Never raises for a bad request."""
        return self._handlers[type(event)](event)

    def _told(self, actions: Sequence[Action]) -> list[Action]:
        """Add what the statuses of all hosts have become."""
        keys = {*self.state.here.slots, *self.state.shown}
        return [*actions, *tell_statuses(self.state, sorted(keys, key=str))]

    def _tasks_made(self, _here: object, slot: object, event: object) -> Sequence[Action]:
        return tasks_made(self.state, slot, event)  # type: ignore[arg-type]  # as host_step gives them

    def _host_started(self, event: HostStarted) -> Sequence[Action]:
        return host_step(self.state.here, event, self._tasks_made)

    def _host(self, event: HostReported | HostExitedEvent) -> list[Action]:
        actions = list(host_step(self.state.here, event, self._tasks_made))
        if isinstance(event, HostReported):
            if isinstance(event.event, Progress):
                return actions
            if isinstance(event.event, TopicsUsed):
                return self._topics_used(event.key, event.event.topics)
        if isinstance(event, HostExitedEvent):
            name = event.key if isinstance(event.key, str) else event.key.connector
            actions += settle_connector(self.state, name)
        return [*actions, *tell_statuses(self.state, [event.key])]

    def _topics_used(self, key: object, topics: Sequence[str]) -> list[Action]:
        if not (isinstance(key, TaskId) and self.state.limits.topic_tracking):
            return []
        known = set(self.state.board.topics(key.connector))
        use = TopicUse(key.task, self.state.wall_ms)
        return [
            WriteTopicUse(TopicUseKey(topic, key.connector), use)
            for topic in topics
            if topic not in known
        ]

    def _requested(self, event: Requested) -> Sequence[Action]:
        if self._can_answer(event):
            return self._requests.take(event)
        if len(self._early) >= EARLY_MAX:
            problem = ConflictError("the worker still reads its config topic; try again")
            return [Reply(event.request, error=problem)]
        self._early.append(event)
        return [Waits(event.request, JOINING if self.state.ready else STARTING)]

    def _can_answer(self, event: Requested) -> bool:
        """Whether the config topic is read, and for a change, whether the group was joined once."""
        return self.state.ready and (self._was_member or isinstance(event.command, _READS))

    def _answer_early(self) -> list[Action]:
        waiting, self._early = self._early, []
        actions: list[Action] = []
        for event in waiting:
            actions += self._requested(event)
        return actions

    def _written(self, event: Written) -> Sequence[Action]:
        done = self.state.writes.pop(event.write, None)
        self.state.commits.pop(event.write, None)
        return [] if done is None else done(event.error)

    def _status_read(self, event: StatusRead) -> Sequence[Action]:
        topics = self.state.board
        spoken: list[HostKey] = []
        for key, told in event.told:
            if isinstance(key, TopicUseKey):
                topics.take_topic(key, told if isinstance(told, TopicUse) else None)
            elif not isinstance(told, TopicUse):
                topics.take(key, told)
                if spoken_over(self.state, key, told):
                    spoken.append(key)
        return tell_statuses(self.state, spoken)

    def _published(self, event: Published) -> Sequence[Action]:
        if event.error is not None:
            return publish_failed(self.state, event.name)
        self.state.publishing.pop(event.name, None)
        return []

    def _fence_told(self, event: FenceTold) -> Sequence[Action]:
        return fence_done(self.state, event.name, event.generation, event.error)

    def _producers_fenced(self, event: ProducersFenced) -> Sequence[Action]:
        return producers_fenced(self.state, event.name, event.error)

    def _joined(self, event: Joined) -> list[Action]:
        state = self.state
        led = state.is_leader
        kept = Allocation() if event.eager else state.owned.minus(event.revoked)
        state.group = event
        state.rebalances += 1
        state.rebalanced_ms = state.wall_ms
        state.owned = kept.plus(event.added)
        # What is to be given up but not known here is given up already; what was told before and
        # still stops is not, and the group counts it as this worker's until it is released.
        leaving = state.leaving.plus(event.revoked).minus(event.added)
        state.leaving = Allocation() if event.eager else leaving
        show_anew(state, event.added)
        actions: list[Action] = [Rejoin()] if event.outdated else []
        if state.is_leader and not led and state.limits.fences_leaders:
            actions.append(ClaimWrites())
        if state.is_behind:
            state.behind_since_ms = state.now_ms
            actions += [CatchUp(), Wake(state.now_ms + state.limits.sync_timeout_ms)]
        else:
            state.catch_ups_failed = 0
        state.rejoin_at_ms = None
        if event.delay_ms > 0:
            later_ms = 0 if state.is_leader else FOLLOWER_LATER_MS
            state.rejoin_at_ms = max(state.now_ms, event.at_ms) + event.delay_ms + later_ms
            actions.append(Wake(state.rejoin_at_ms))
        actions += [*settle(state), *clear_statuses(state), *renew_key(state)]
        if not self._was_member:
            self._was_member = True
            actions += self._answer_early()
        return self._told(actions)

    def _lease_given(self, event: LeaseGiven) -> Sequence[Action]:
        return [] if self.state.group is None else [GrantLease(event.until_s)]

    def _left_group(self, event: Left) -> list[Action]:
        barred: list[Action] = [EndLeases()] if event.expelled else []
        return self._told([*barred, *self._give_up()])

    def _give_up(self) -> list[Action]:
        state = self.state
        state.group = None
        state.owned = Allocation()
        state.leaving = Allocation()
        state.behind_since_ms = None
        return settle(state)

    def _config_read(self, event: ConfigRead) -> list[Action]:
        state = self.state
        state.snapshot = event.snapshot
        actions: list[Action] = []
        for change in event.changes:
            actions += self._changed(change)
        if not state.ready:
            state.ready = True
            for name in state.snapshot.connectors:
                mirror(state, name)
            actions += self._answer_early()
        if state.behind_since_ms is not None and state.group is not None:
            actions += self._caught_up(state.group)
        return self._told([*actions, *renew_key(state)])

    def _changed(self, change: Change) -> list[Action]:
        state = self.state
        if isinstance(change, ConnectorChanged | ConnectorRemoved | TasksChanged | TargetChanged):
            known = state.here.connectors.get(change.name)
            before = 0 if known is None else len(known.task_configs)
            mirror(state, change.name)
            entry = state.here.connectors.get(change.name)
            after = 0 if entry is None else len(entry.task_configs)
            renew = isinstance(change, ConnectorChanged)
            actions = settle_connector(state, change.name, renew=renew)
            # New configurations of the same tasks interrupt nobody else.
            shared_anew = (known is None) != (entry is None) or before != after
            return [*actions, *([Rejoin()] if shared_anew and state.group else [])]
        if isinstance(change, RestartAsked):
            return restart_here(state, planned_restart(state, change.request))
        if isinstance(change, LevelAsked):
            return [SetLevel(change.record.logger, change.record.level)]
        return []

    def _caught_up(self, group: Joined) -> list[Action]:
        state = self.state
        if group.mismatch:
            # The leader knew less than others: with what is read now, it shares again.
            state.group = attrs.evolve(group, mismatch=False)
            state.behind_since_ms = None
            return [Rejoin()]
        if state.is_behind:
            return [CatchUp()]
        state.behind_since_ms = None
        state.catch_ups_failed = 0
        return [*settle(state), *clear_statuses(state)]

    def _tick(self, event: Tick) -> Sequence[Action]:
        state = self.state
        state.now_ms, state.wall_ms = event.now_ms, event.wall_ms
        actions = [*ask_again(state), *renew_key(state)]
        for name in state.owned.connectors:
            actions += heal(state, name)
        for name in asked_again(state):
            actions += settle_connector(state, name)
        recovered = self._recovery.step(state.here.slots, event.now_ms)
        if recovered:
            actions += self._told(recovered)
        if state.rejoin_at_ms is not None and event.now_ms >= state.rejoin_at_ms:
            # What was held back for a member that did not come back is shared now.
            state.rejoin_at_ms = None
            actions.append(Rejoin())
        since = state.behind_since_ms
        if since is not None and event.now_ms - since >= state.limits.sync_timeout_ms:
            actions += self._too_slow()
        return actions

    def _too_slow(self) -> list[Action]:
        """Leave, so that the others need not wait; what runs goes on for some tries."""
        state = self.state
        state.catch_ups_failed += 1
        state.behind_since_ms = None
        actions: list[Action] = [LeaveGroup(state.limits.unsync_backoff_ms), CatchUp()]
        if state.catch_ups_failed > CATCH_UPS_MAX:
            actions += self._told(self._give_up())
        state.group = None
        return actions
