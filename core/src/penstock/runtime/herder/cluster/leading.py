"""What the leader does beside sharing: stale statuses, the session key. Pure.

(source: DistributedHerder.tick, updateDeletedConnectorStatus, updateDeletedTaskStatus)
"""

from __future__ import annotations

from penstock.runtime.herder.cluster.actions import MakeSessionKey, WriteStatus, WriteTopicUse
from penstock.runtime.herder.cluster.state import ClusterState
from penstock.runtime.herder.state import Action
from penstock.runtime.model import State, TaskId
from penstock.runtime.storage.status_records import Status, StatusKey, TopicUseKey

__all__ = ["clear_statuses", "renew_key"]

_ALIVE = frozenset({State.RUNNING, State.PAUSED, State.RESTARTING})


def clear_statuses(state: ClusterState) -> list[Action]:
    """Take away statuses of what was deleted; say UNASSIGNED for what a dead worker ran."""
    if not state.is_leader or state.is_behind:
        return []
    actions: list[Action] = []
    workers = _workers(state)
    for name in sorted(state.board.names()):
        found = state.snapshot.connectors.get(name)
        count = 0 if found is None else len(found.tasks)
        status = state.board.connector(name)
        if status is not None:
            actions.extend(_one(state, name, status, gone=found is None, workers=workers))
        if found is None:
            uses = [TopicUseKey(topic, name) for topic in state.board.topics(name)]
            actions.extend(WriteTopicUse(use, None) for use in uses)
        for number, status in state.board.tasks(name).items():
            key = TaskId(name, number)
            actions.extend(_one(state, key, status, gone=number >= count, workers=workers))
    return actions


def _one(
    state: ClusterState, key: StatusKey, status: Status, *, gone: bool, workers: set[str]
) -> list[Action]:
    if gone:
        return [WriteStatus(key, None)]
    if status.state in _ALIVE and status.worker_id not in workers:
        # The original goes on to show RUNNING until somebody else runs it.
        return [WriteStatus(key, Status(State.UNASSIGNED, status.worker_id, state.generation))]
    return []


def _workers(state: ClusterState) -> set[str]:
    members = () if state.group is None else state.group.members.values()
    return {one.url.rstrip("/").rpartition("://")[2] for one in members} | {state.worker_id}


def renew_key(state: ClusterState) -> list[Action]:
    """Have a new session key made when there is none, or it is too old or of another kind."""
    group = state.group
    if group is None or not group.sessioned or not state.is_leader or state.is_behind:
        return []
    key, limits = state.snapshot.session_key, state.limits
    good = (
        key is not None
        and key.algorithm == limits.key_algorithm
        and state.wall_ms - key.created_ms < limits.key_ttl_ms
    )
    if good:
        state.key_asked = False
        return []
    if state.key_asked:
        return []
    state.key_asked = True
    return [MakeSessionKey()]
