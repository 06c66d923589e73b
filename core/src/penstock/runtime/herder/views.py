"""The herder's state as the REST API's shapes. Pure; nothing of ours is added to them."""

from __future__ import annotations

from typing import Any

import attrs

from penstock.runtime.herder.state import ConnectorEntry, HerderState, Slot
from penstock.runtime.model import State, TaskId

__all__ = [
    "connector_info",
    "figures",
    "state_info",
    "task_figures",
    "task_infos",
    "task_state",
    "worker_figures",
]


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


def figures(state: HerderState, entry: ConnectorEntry, worker_id: str) -> dict[str, Any]:
    """Return the truth about a connector whose every host is here; a shape of our own."""
    return {
        "name": entry.name,
        "type": entry.type.value,
        "state": state.slot(entry.name).state.value,
        "worker_id": worker_id,
        "owner_alive": True,
        "tasks": [
            task_figures(slot, worker_id) for slot in state.tasks_of(entry.name) if slot.wanted
        ],
    }


def task_figures(slot: Slot, worker_id: str) -> dict[str, Any]:
    """Return what a task of this worker has moved, how far behind it is, and where it runs."""
    told = slot.figures
    shown: dict[str, Any] = {
        "task": slot.key.task if isinstance(slot.key, TaskId) else -1,
        "state": slot.state.value,
        "worker_id": worker_id,
        # Whoever answers this lives; what it says of its own hosts is what it sees.
        "owner_alive": True,
        "restarts": slot.restarts,
        "progress": None if told is None else attrs.asdict(told),
    }
    if told is None:
        return shown
    written = told.attributes.get("source-record-write-total")
    places = [_place(*place) for place in told.places]
    lags = [place["lag"] for place in places if place["lag"] is not None]
    return {
        **shown,
        "last_record_ms": told.last_record_ms or None,
        "last_commit_ms": told.last_commit_ms or None,
        "read": told.records,
        "written": told.attributes.get("sink-record-send-total") if written is None else written,
        "filtered": told.filtered,
        "failed": told.errors,
        "lag": sum(lags) if lags else None,
        "partitions": places,
    }


def _place(topic: str, partition: int, position: int | None, end: int | None) -> dict[str, Any]:
    lag = None if position is None or end is None else max(0, end - position)
    return {
        "topic": topic,
        "partition": partition,
        "position": position,
        "end": end,
        "lag": lag,
    }


def worker_figures(state: HerderState, worker_id: str) -> dict[str, Any]:
    """Return all that this worker knows of its own hosts, for its metrics."""
    names = {key.connector if isinstance(key, TaskId) else key for key in state.slots}
    return {
        "worker_id": worker_id,
        "connector_startups": attrs.asdict(state.connector_startups),
        "task_startups": attrs.asdict(state.task_startups),
        "connectors": [
            _connector_figures(state, state.connectors[name], worker_id)
            for name in sorted(names & set(state.connectors))
        ],
    }


def _connector_figures(state: HerderState, entry: ConnectorEntry, worker_id: str) -> dict[str, Any]:
    slot = state.slots.get(entry.name)
    here = slot is not None and slot.wanted is not None
    return {
        "name": entry.name,
        "type": entry.type.value,
        "class": entry.config.get("connector.class", ""),
        "version": slot.version if slot is not None and here else None,
        "state": slot.state.value if slot is not None and here else None,
        "tasks": [
            task_figures(task, worker_id) for task in state.tasks_of(entry.name) if task.wanted
        ],
    }
