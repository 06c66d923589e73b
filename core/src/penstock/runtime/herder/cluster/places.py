"""What runs here: slots brought to the share and the configurations, and told of. Pure.

(source: DistributedHerder.startWork, AbstractHerder's status listeners)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.runtime.herder.cluster.actions import Rejoin, Release, WriteStatus
from penstock.runtime.herder.cluster.events import Allocation
from penstock.runtime.herder.cluster.fencing import ask_fence, fence_answered, is_fenced
from penstock.runtime.herder.cluster.state import ClusterState
from penstock.runtime.herder.state import (
    Action,
    ConnectorEntry,
    HostKey,
    Phase,
    Slot,
    Spec,
    reconcile,
)
from penstock.runtime.model import ConnectorType, State, TargetState, TaskId
from penstock.runtime.storage.config_fold import ConnectorState
from penstock.runtime.storage.status_records import Status

__all__ = [
    "fence_done",
    "mirror",
    "released",
    "settle",
    "settle_connector",
    "show_anew",
    "tell_statuses",
]

_CAREFUL = frozenset({State.UNASSIGNED, State.FAILED})


def mirror(state: ClusterState, name: str) -> None:
    """Show a connector of the snapshot as an entry, for requests and for hosts."""
    found = state.snapshot.connectors.get(name)
    if found is None:
        state.here.connectors.pop(name, None)
        return
    entry = state.here.connectors.get(name)
    if entry is None or entry.config != found.config:
        entry = ConnectorEntry(name, dict(found.config), type=state.type_of(found.config))
        state.here.connectors[name] = entry
    entry.target = found.target
    entry.task_configs = [dict(config) for config in found.tasks]


def settle(state: ClusterState) -> list[Action]:
    """Bring every host of this worker nearer to what it should be."""
    actions: list[Action] = []
    # A copy: slots come and go on the way. In order: the same events give the same actions.
    keys: set[HostKey] = {*state.owned.connectors, *state.owned.tasks, *state.here.slots}
    for key in sorted(keys, key=str):
        actions.extend(_place(state, key))
    return [*actions, *released(state)]


def settle_connector(state: ClusterState, name: str, *, renew: bool = False) -> list[Action]:
    """Bring the hosts of one connector nearer; ``renew`` starts its instance anew."""
    actions: list[Action] = []
    slot = state.here.slots.get(name)
    if renew and slot is not None and slot.wanted is not None:
        # Even an unchanged configuration starts the instance anew, as in the original.
        slot.failed = False
        slot.running = None
    keys: set[HostKey] = {name}
    keys.update(task for task in state.owned.tasks if task.connector == name)
    keys.update(slot.key for slot in state.here.tasks_of(name))
    for key in sorted(keys, key=str):
        actions.extend(_place(state, key))
    return [*actions, *released(state)]


def _place(state: ClusterState, key: HostKey) -> Sequence[Action]:
    spec, target = _wanted(state, key)
    slot = state.here.slots.get(key)
    if slot is None and spec is None and target is not TargetState.STOPPED:
        return []
    slot = state.here.slot(key)
    if spec is not None and state.is_behind and slot.phase is Phase.IDLE:
        return []  # what is new here waits until its configuration is surely the right one
    slot.want(spec, paused=target is TargetState.PAUSED)
    slot.held = spec is not None and spec.exactly_once and not is_fenced(state, _connector(key))
    if target is TargetState.STOPPED and isinstance(key, str):
        slot.state = State.STOPPED
        slot.trace = ""
    actions: Sequence[Action] = reconcile(slot)
    if slot.held and slot.phase is Phase.IDLE and not slot.failed:
        actions = _wait_for_fence(state, slot)
    if slot.wanted is None and slot.phase is Phase.IDLE and slot.state is not State.STOPPED:
        del state.here.slots[key]
    return actions


def _wait_for_fence(state: ClusterState, slot: Slot) -> Sequence[Action]:
    """Have older tasks fenced; what goes wrong is the state of the task until it is cured."""
    name = _connector(slot.key)
    actions = ask_fence(state, name, fence_done)
    problem = state.fences[name].problem
    if slot.held and problem:
        slot.state, slot.trace = State.FAILED, problem
    return actions


def fence_done(
    state: ClusterState, name: str, generation: int, error: Exception | None
) -> Sequence[Action]:
    """Take the leader's answer, and start what waited for it."""
    actions = [
        *fence_answered(state, name, generation, error),
        *settle_connector(state, name),
    ]
    return [*actions, *tell_statuses(state, [slot.key for slot in state.here.tasks_of(name)])]


def _connector(key: HostKey) -> str:
    return key.connector if isinstance(key, TaskId) else key


def _wanted(state: ClusterState, key: HostKey) -> tuple[Spec | None, TargetState]:
    name = _connector(key)
    found = state.snapshot.connectors.get(name)
    if found is None or not state.owns(key):
        return None, TargetState.STARTED
    if isinstance(key, TaskId):
        return _task_spec(state, found, key), found.target
    spec = None if found.target is TargetState.STOPPED else Spec(dict(found.config))
    return spec, found.target


def _task_spec(state: ClusterState, found: ConnectorState, task: TaskId) -> Spec | None:
    if found.target is TargetState.STOPPED or task.task >= len(found.tasks):
        return None
    # Not the newest configuration of the connector, but the one its tasks were made from.
    config, of_connector = dict(found.tasks[task.task]), dict(found.applied or found.config)
    entry = state.here.connectors.get(task.connector)
    is_source = entry is not None and entry.type is ConnectorType.SOURCE
    if state.limits.exactly_once and is_source:
        return Spec(config, of_connector, exactly_once=True, generation=found.generation)
    return Spec(config, of_connector)


def released(state: ClusterState) -> list[Action]:
    """Tell what is given up and has stopped; when it is all, the group shares it."""
    if not state.leaving:
        return []
    done = Allocation(
        frozenset(one for one in state.leaving.connectors if _is_idle(state, one)),
        frozenset(one for one in state.leaving.tasks if _is_idle(state, one)),
    )
    if not done:
        return []
    state.leaving = state.leaving.minus(done)
    return [Release(done)] if state.leaving else [Release(done), Rejoin()]


def _is_idle(state: ClusterState, key: HostKey) -> bool:
    slot = state.here.slots.get(key)
    return slot is None or slot.phase is Phase.IDLE


def show_anew(state: ClusterState, added: Allocation) -> None:
    """Tell the status of what is new here, even if it is what this worker told of it last.

    Others may have run it since, and told.
    """
    keys: list[HostKey] = [*added.connectors, *added.tasks]
    for key in keys:
        state.shown.pop(key, None)
        slot = state.here.slots.get(key)
        if slot is not None and slot.phase is Phase.STOPPING:
            slot.state = State.UNASSIGNED  # of the former host; the next one has said nothing yet


def tell_statuses(state: ClusterState, keys: Iterable[HostKey]) -> list[Action]:
    """Write what changed of these hosts to the status topic."""
    actions: list[Action] = []
    for key in keys:
        slot = state.here.slots.get(key)
        if slot is None:
            actions.extend(_gone(state, key))
            continue
        shown = (slot.state, slot.trace, slot.version)
        if state.shown.get(key) == shown or _says_nothing(slot):
            continue
        state.shown[key] = shown
        actions.extend(_written(state, key, _status(state, slot)))
    return actions


def spoken_over(state: ClusterState, key: HostKey, told: Status | None) -> bool:
    """Return whether what is here must be told again: the last owner's end came after it.

    Only an end is answered, so that no two workers go on contradicting each other.
    """
    if state.group is None or not state.owns(key) or key not in state.shown:
        return False
    ended = told is None or (told.state is State.UNASSIGNED and told.worker_id != state.worker_id)
    return ended and state.shown.pop(key)[0] is not State.UNASSIGNED


def _says_nothing(slot: Slot) -> bool:
    """Return whether nothing was heard of the host yet."""
    return slot.state is State.UNASSIGNED and slot.phase is not Phase.IDLE


def _gone(state: ClusterState, key: HostKey) -> list[Action]:
    shown = state.shown.pop(key, None)
    if shown is None or shown[0] is State.UNASSIGNED:
        return []
    name = key.connector if isinstance(key, TaskId) else key
    found = state.snapshot.connectors.get(name)
    if found is None or (isinstance(key, TaskId) and key.task >= len(found.tasks)):
        return []  # deleted: the leader takes its status away, ours would come back after that
    status = Status(State.UNASSIGNED, state.worker_id, state.generation)
    return _written(state, key, status)


def _status(state: ClusterState, slot: Slot) -> Status:
    trace = slot.trace if slot.state is State.FAILED else None
    return Status(slot.state, state.worker_id, state.generation, trace, slot.version)


def _written(state: ClusterState, key: HostKey, status: Status) -> list[Action]:
    if status.state in _CAREFUL and not state.board.may_write(key, status):
        return []
    return [WriteStatus(key, status)]
