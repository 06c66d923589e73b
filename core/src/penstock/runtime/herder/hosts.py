"""What the herder makes of news from hosts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from penstock.runtime.herder.state import (
    Action,
    ConnectorEntry,
    HerderState,
    HostKey,
    Phase,
    SendToHost,
    Slot,
    Spec,
    reconcile,
)
from penstock.runtime.host.messages import (
    ConnectorReady,
    Event,
    Failed,
    MakeTaskConfigs,
    Paused,
    Progress,
    ReconfigurationRequested,
    Running,
    TaskConfigsMade,
    ValuesExpire,
)
from penstock.runtime.model import ConnectorType, State, TaskId

__all__ = [
    "HostExitedEvent",
    "HostReported",
    "HostStarted",
    "TasksMade",
    "host_step",
    "run_tasks",
]


@attrs.frozen
class HostStarted:
    """The driver started a host; news of any other incarnation of the slot is old."""

    key: HostKey
    incarnation: int


@attrs.frozen
class HostReported:
    """A host sent an event."""

    key: HostKey
    incarnation: int
    event: Event


@attrs.frozen
class HostExitedEvent:
    """A host is gone. ``reason`` says how it ended, with its last words."""

    key: HostKey
    incarnation: int
    reason: str


TasksMade = Callable[[HerderState, Slot, TaskConfigsMade], Sequence[Action]]
"""Takes the task configurations that a connector's instance answered."""


def host_step(
    state: HerderState,
    event: HostStarted | HostReported | HostExitedEvent,
    tasks_made: TasksMade,
) -> Sequence[Action]:
    """Take news of a host and return what to do."""
    slot = state.slots.get(event.key)
    if slot is None:
        return []
    if isinstance(event, HostStarted):
        slot.incarnation = event.incarnation
        slot.starting = True
        slot.figures = None  # those of the host before would be taken for this one's
        slot.ttl_ms = slot.reload_at_ms = None
        state.startups(slot.key).attempts += 1
        return []
    if event.incarnation != slot.incarnation:
        return []
    if slot.starting:
        _count_start(state, slot, event)
    if isinstance(event, HostExitedEvent):
        return _exited(state, slot, event)
    return _reported(state, slot, event.event, tasks_made)


def _count_start(state: HerderState, slot: Slot, event: HostReported | HostExitedEvent) -> None:
    """Count whether the host came up, once it is known."""
    told = None if isinstance(event, HostExitedEvent) else event.event
    if isinstance(told, Running | Paused):
        state.startups(slot.key).succeeded += 1
    elif told is None or isinstance(told, Failed):
        state.startups(slot.key).failed += 1
    else:
        return
    slot.starting = False


def _exited(state: HerderState, slot: Slot, event: HostExitedEvent) -> Sequence[Action]:
    unexpected = slot.phase is Phase.LIVE and not slot.failed
    slot.phase = Phase.IDLE
    slot.incarnation = None
    slot.running = None
    if unexpected:
        slot.failed = True
        slot.state = State.FAILED
        slot.trace = event.reason
    elif slot.wanted is None and slot.state is not State.STOPPED:
        slot.state = State.UNASSIGNED
    name = slot.key.connector if isinstance(slot.key, TaskId) else slot.key
    if slot.wanted is None and (isinstance(slot.key, TaskId) or name not in state.connectors):
        del state.slots[slot.key]
        return []
    return reconcile(slot)


def _reported(
    state: HerderState, slot: Slot, event: Event, tasks_made: TasksMade
) -> Sequence[Action]:
    actions: Sequence[Action] = []
    if isinstance(event, Progress):
        slot.figures = event
    elif slot.phase is not Phase.LIVE:
        pass  # news of a host that is on its way out changes nothing that users see
    elif isinstance(event, Failed):
        slot.failed, slot.fenced = True, event.fenced
        slot.state, slot.trace = State.FAILED, event.trace
    elif isinstance(event, ConnectorReady):
        _ready(state, slot, event)
    elif isinstance(event, Running):
        slot.state, slot.trace, slot.version = State.RUNNING, "", event.version or slot.version
        actions = _ask_for_tasks(state, slot)
    elif isinstance(event, Paused):
        slot.state = State.PAUSED
    elif isinstance(event, ReconfigurationRequested):
        actions = _ask_for_tasks(state, slot)
    elif isinstance(event, ValuesExpire):
        slot.ttl_ms = event.ttl_ms if slot.ttl_ms is None else min(slot.ttl_ms, event.ttl_ms)
    elif isinstance(event, TaskConfigsMade):
        actions = tasks_made(state, slot, event)
    return actions


def _ready(state: HerderState, slot: Slot, event: ConnectorReady) -> None:
    entry = state.connectors.get(str(slot.key))
    slot.version = event.version
    if entry is not None:
        entry.type = ConnectorType(event.type)


def _ask_for_tasks(state: HerderState, slot: Slot) -> Sequence[Action]:
    entry = None if isinstance(slot.key, TaskId) else state.connectors.get(slot.key)
    if entry is None:
        return []
    return [SendToHost(slot.key, MakeTaskConfigs(int(entry.config.get("tasks.max", "1"))))]


def run_tasks(state: HerderState, slot: Slot, event: TaskConfigsMade) -> Sequence[Action]:
    """Run the tasks here, whatever their number; the way of a worker that is alone."""
    entry = None if isinstance(slot.key, TaskId) else state.connectors.get(slot.key)
    if entry is None:
        return []
    if event.error is not None:
        slot.failed = True
        slot.state, slot.trace = State.FAILED, event.error
        return []
    entry.task_configs = [dict(config) for config in event.configs]
    return _want_tasks(state, entry, paused=slot.pause_wanted)


def _want_tasks(state: HerderState, entry: ConnectorEntry, *, paused: bool) -> Sequence[Action]:
    """Bring the tasks to the configurations just made; an unchanged task is left alone."""
    actions: list[Action] = []
    for i, config in enumerate(entry.task_configs):
        task = state.slot(TaskId(entry.name, i))
        task.want(Spec(config, dict(entry.config)), paused=paused)
        actions.extend(reconcile(task))
    for task in state.tasks_of(entry.name)[len(entry.task_configs) :]:
        task.want(None, paused=paused)
        actions.extend(reconcile(task))
    return actions
