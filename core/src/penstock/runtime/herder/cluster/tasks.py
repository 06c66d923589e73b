"""Task configurations on their way from a connector's instance to the config topic. Pure.

(source: DistributedHerder.reconfigureConnector, publishConnectorTaskConfigs)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from penstock.runtime.herder.cluster.actions import PublishTasks, Wake, WriteConfig
from penstock.runtime.herder.cluster.state import ClusterState, WriteDone
from penstock.runtime.herder.state import Action, SendToHost, Slot
from penstock.runtime.host.messages import MakeTaskConfigs, TaskConfigsMade
from penstock.runtime.model import State, TargetState, TaskId
from penstock.runtime.storage.config_fold import ConnectorState
from penstock.runtime.storage.config_records import ConfigRecord, TaskCommit, TaskConfig

__all__ = ["Retry", "ask_again", "heal", "publish_failed", "task_groups", "tasks_made", "write"]

RETRY_FIRST_MS: Final = 250
RETRY_MAX_MS: Final = 60_000
HEAL_MS: Final = 5_000
"""How long tasks that do not fit may stand in the config topic before new ones are asked for."""


@attrs.frozen
class Retry:
    """When to ask a connector for its task configurations again, and the delay after that."""

    at_ms: int
    delay_ms: int


def write(
    state: ClusterState, groups: Sequence[Sequence[ConfigRecord]], done: WriteDone
) -> list[Action]:
    """Write groups of records, then go on with ``done``."""
    state.last_write += 1
    state.writes[state.last_write] = done
    for record in groups[-1]:
        if isinstance(record, TaskCommit):
            found = state.snapshot.connectors.get(record.name)
            ahead = sum(name == record.name for name, _ in state.commits.values())
            generation = (0 if found is None else found.generation) + ahead + 1
            state.commits[state.last_write] = (record.name, generation)
    return [WriteConfig(state.last_write, groups)]


def task_groups(name: str, configs: Sequence[Mapping[str, str]]) -> list[list[ConfigRecord]]:
    """Return the records that set a connector's tasks: all of them, then the commit."""
    records: list[ConfigRecord] = [
        TaskConfig(TaskId(name, number), config) for number, config in enumerate(configs)
    ]
    commit: list[ConfigRecord] = [TaskCommit(name, len(configs))]
    return [records, commit] if records else [commit]


def tasks_made(state: ClusterState, slot: Slot, event: TaskConfigsMade) -> Sequence[Action]:
    """Publish what a connector of this worker answered, when it is anything new."""
    name = str(slot.key)
    found = state.snapshot.connectors.get(name)
    if found is None or not state.owns(name) or found.target is TargetState.STOPPED:
        return []
    if event.error is not None:
        slot.failed = True
        slot.state, slot.trace = State.FAILED, event.error
        return []
    if not _is_new(found, event.configs):
        state.publishing.pop(name, None)
        return []
    if state.is_leader:
        return write(state, task_groups(name, event.configs), lambda e: _written(state, name, e))
    if state.group is None or not state.group.leader_url:
        return _try_later(state, name)
    return [PublishTasks(name, state.group.leader_url, [dict(one) for one in event.configs])]


def _is_new(found: ConnectorState, configs: Sequence[Mapping[str, str]]) -> bool:
    return (
        found.inconsistent
        or found.applied != found.config
        or [dict(one) for one in found.tasks] != [dict(one) for one in configs]
    )


def _written(state: ClusterState, name: str, error: Exception | None) -> Sequence[Action]:
    if error is None:
        state.publishing.pop(name, None)
        return []
    return _try_later(state, name)


def publish_failed(state: ClusterState, name: str) -> Sequence[Action]:
    """Ask the connector again later; the leader may be another one by then."""
    return _try_later(state, name)


def _try_later(state: ClusterState, name: str) -> list[Action]:
    last = state.publishing.get(name)
    delay_ms = RETRY_FIRST_MS if last is None else min(last.delay_ms * 2, RETRY_MAX_MS)
    state.publishing[name] = Retry(state.now_ms + delay_ms, delay_ms)
    return [Wake(state.now_ms + delay_ms)]


def heal(state: ClusterState, name: str) -> list[Action]:
    """Have a connector of this worker asked for its tasks, if those in the topic are of no use.

    So it is when writers crossed: a leader that lost its place in the middle of a commit, and the
    one after it. Usually the right tasks are on their way; that is looked at first.
    """
    found = state.snapshot.connectors.get(name)
    if found is None or name in state.publishing or not state.owns(name):
        return []
    if found.target is TargetState.STOPPED or not (
        found.inconsistent or found.applied != found.config
    ):
        return []
    state.publishing[name] = Retry(state.now_ms + HEAL_MS, RETRY_FIRST_MS)
    return [Wake(state.now_ms + HEAL_MS)]


def ask_again(state: ClusterState) -> list[Action]:
    """Ask the connectors whose time has come for their task configurations."""
    actions: list[Action] = []
    for name, retry in list(state.publishing.items()):
        entry = state.here.connectors.get(name)
        if entry is None or not state.owns(name) or entry.target is TargetState.STOPPED:
            del state.publishing[name]
        elif retry.at_ms <= state.now_ms:
            state.publishing[name] = attrs.evolve(retry, at_ms=state.now_ms + RETRY_MAX_MS)
            tasks_max = int(entry.config.get("tasks.max", "1"))
            actions.append(SendToHost(name, MakeTaskConfigs(tasks_max)))
    return actions
