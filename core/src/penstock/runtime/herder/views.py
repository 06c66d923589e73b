"""The herder's state as the REST API's shapes. Pure; nothing of ours is added to them."""

from __future__ import annotations

from typing import Any

import attrs

from penstock.runtime.herder.state import ConnectorEntry, HerderState, Slot
from penstock.runtime.model import State, TaskId

__all__ = ["connector_info", "figures", "state_info", "task_infos", "task_state"]


def connector_info(entry: ConnectorEntry) -> dict[str, Any]:
    """Return ConnectorInfo."""
    return {
        "name": entry.name,
        "config": dict(entry.config),
        "tasks": [_task_id(entry.name, i) for i in range(len(entry.task_configs))],
        "type": entry.type.value,
    }


def _task_id(name: str, task: int) -> dict[str, Any]:
    return {"connector": name, "task": task}


def state_info(state: HerderState, entry: ConnectorEntry, worker_id: str) -> dict[str, Any]:
    """Return ConnectorStateInfo."""
    return {
        "name": entry.name,
        "connector": _state(state.slot(entry.name), worker_id),
        "tasks": [
            task_state(slot, worker_id) for slot in state.tasks_of(entry.name) if slot.wanted
        ],
        "type": entry.type.value,
    }


def _state(slot: Slot, worker_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = {"state": slot.state.value, "worker_id": worker_id}
    if slot.trace and slot.state is State.FAILED:
        shown["trace"] = slot.trace
    if slot.version != "undefined":
        shown["version"] = slot.version
    return shown


def task_state(slot: Slot, worker_id: str) -> dict[str, Any]:
    """Return TaskState."""
    task = slot.key.task if isinstance(slot.key, TaskId) else -1
    return {"id": task, **_state(slot, worker_id)}


def task_infos(entry: ConnectorEntry) -> list[dict[str, Any]]:
    """Return TaskInfo of each task."""
    return [
        {"id": _task_id(entry.name, i), "config": dict(config)}
        for i, config in enumerate(entry.task_configs)
    ]


def figures(state: HerderState, entry: ConnectorEntry) -> dict[str, Any]:
    """Return what the tasks report of their progress; the one shape here that is our own."""
    return {
        "name": entry.name,
        "state": state.slot(entry.name).state.value,
        "tasks": [
            {
                "task": slot.key.task if isinstance(slot.key, TaskId) else -1,
                "state": slot.state.value,
                "restarts": slot.restarts,
                "progress": None if slot.figures is None else attrs.asdict(slot.figures),
            }
            for slot in state.tasks_of(entry.name)
            if slot.wanted
        ],
    }
