"""The cluster's state as the REST API's shapes. Pure; nothing of ours is added to them."""

from __future__ import annotations

from typing import Any

from penstock.errors import NotFoundError
from penstock.runtime.herder import views as of_one
from penstock.runtime.herder.cluster.events import Joined
from penstock.runtime.herder.cluster.state import ClusterState
from penstock.runtime.herder.state import ConnectorEntry, HostKey
from penstock.runtime.model import State, TaskId
from penstock.runtime.storage.config_records import RestartRequest
from penstock.runtime.storage.status_records import Status

__all__ = [
    "cluster_info",
    "expanded",
    "figures",
    "planned_restart",
    "restart_info",
    "state_info",
    "task_state",
    "worker_figures",
]


def state_info(state: ClusterState, name: str) -> dict[str, Any]:
    """Return ConnectorStateInfo, from the status topic.

    Raises:
        NotFoundError: nothing is known of the connector.
    """
    status = state.board.connector(name)
    entry = state.here.connectors.get(name)
    if status is None or entry is None:
        raise NotFoundError(f"No status found for connector {name}")
    count = len(entry.task_configs)
    return {
        "name": name,
        "connector": _status(status),
        "tasks": [
            {"id": number, **_status(one)}
            for number, one in state.board.tasks(name).items()
            if number < count
        ],
        "type": entry.type.value,
    }


def expanded(state: ClusterState, parts: frozenset[str]) -> dict[str, dict[str, Any]]:
    """Return ``status`` and ``info`` of every connector, without those nothing is known of yet."""
    shown: dict[str, dict[str, Any]] = {}
    for name in state.snapshot.connectors:
        found: dict[str, Any] = {}
        try:
            if "status" in parts:
                found["status"] = state_info(state, name)
        except NotFoundError:
            continue
        if "info" in parts:
            found["info"] = of_one.connector_info(state.here.connectors[name])
        shown[name] = found
    return shown


def task_state(state: ClusterState, task: TaskId) -> dict[str, Any]:
    """Return TaskState; raises NotFoundError when nothing is known of it."""
    status = state.board.get(task)
    entry = state.here.connectors.get(task.connector)
    if status is None or entry is None or task.task >= len(entry.task_configs):
        raise NotFoundError(f"No status found for task {task}")
    return {"id": task.task, **_status(status)}


def _status(status: Status) -> dict[str, Any]:
    shown: dict[str, Any] = {"state": status.state.value, "worker_id": status.worker_id}
    if status.trace and status.state is State.FAILED:
        shown["trace"] = status.trace
    if status.version != "undefined":
        shown["version"] = status.version
    return shown


def planned_restart(state: ClusterState, asked: RestartRequest) -> list[HostKey]:
    """Return what a restart request means, by the statuses of all workers (RestartPlan)."""
    keys: list[HostKey] = []
    status = state.board.connector(asked.name)
    if status is not None and (status.state is State.FAILED or not asked.only_failed):
        keys.append(asked.name)
    if asked.include_tasks:
        keys.extend(
            TaskId(asked.name, number)
            for number, one in state.board.tasks(asked.name).items()
            if one.state is State.FAILED or not asked.only_failed
        )
    return keys


def restart_info(state: ClusterState, asked: RestartRequest) -> dict[str, Any]:
    """Return ConnectorStateInfo in which what will restart says so."""
    info = state_info(state, asked.name)
    chosen = set(planned_restart(state, asked))
    if asked.name in chosen:
        info["connector"] = _restarting(info["connector"])
    info["tasks"] = [
        _restarting(task) if TaskId(asked.name, task["id"]) in chosen else task
        for task in info["tasks"]
    ]
    return info


def _restarting(shown: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in shown.items() if name != "trace"}
    return {**kept, "state": State.RESTARTING.value}


def cluster_info(state: ClusterState) -> dict[str, Any]:
    """Return this worker's view of the group; a shape of our own."""
    group = state.group
    return {
        "worker_id": state.worker_id,
        "member": group is not None,
        "leader": state.is_leader,
        "leader_url": None if group is None else group.leader_url,
        "generation": state.generation,
        "config_offset": state.snapshot.offset,
        "share": _share(state.owned.connectors, state.owned.tasks),
        "workers": [
            {"url": one.url, **_share(one.share.connectors, one.share.tasks)}
            for one in (() if group is None else group.members.values())
        ],
    }


def figures(state: ClusterState, entry: ConnectorEntry) -> dict[str, Any]:
    """Return the truth about a connector as far as this worker sees it; a shape of our own.

    Of a host elsewhere only what the status topic says: ``owner_alive`` is None, and ``owner_url``
    tells whom to ask.
    """
    status = state.board.connector(entry.name)
    told = state.board.tasks(entry.name)
    return {
        "name": entry.name,
        "type": entry.type.value,
        **_owned(state, entry.name, status),
        "tasks": [
            _task_figures(state, TaskId(entry.name, number), told.get(number))
            for number in range(len(entry.task_configs))
        ],
    }


def _task_figures(state: ClusterState, task: TaskId, status: Status | None) -> dict[str, Any]:
    slot = state.here.slots.get(task)
    if slot is not None and slot.wanted is not None:
        return of_one.task_figures(slot, state.worker_id)
    return {"task": task.task, **_owned(state, task, status), "restarts": None, "progress": None}


def _owned(state: ClusterState, key: HostKey, status: Status | None) -> dict[str, Any]:
    slot = state.here.slots.get(key)
    if slot is not None and slot.wanted is not None:
        return {"state": slot.state.value, "worker_id": state.worker_id, "owner_alive": True}
    if status is None:
        return {"state": State.UNASSIGNED.value, "worker_id": None, "owner_alive": False}
    shown = {"state": status.state.value, "worker_id": status.worker_id}
    if status.worker_id == state.worker_id:
        # What this worker said before, and does not run any more: nobody does.
        gone = status.state in (State.RUNNING, State.PAUSED, State.RESTARTING)
        return {**shown, "owner_alive": True, **({"state": "UNASSIGNED"} if gone else {})}
    scheme = state.url.partition("://")[0]
    return {**shown, "owner_alive": None, "owner_url": f"{scheme}://{status.worker_id}/"}


def worker_figures(state: ClusterState) -> dict[str, Any]:
    """Return all that this worker knows of its own hosts and of its group, for its metrics."""
    group = state.group
    return {
        **of_one.worker_figures(state.here, state.worker_id),
        "group": {
            "leader": None if group is None else group.leader_url,
            "protocol": _protocol(group),
            "epoch": state.generation,
            "rebalancing": group is None,
            "rebalances": state.rebalances,
            "rebalanced_ms": state.rebalanced_ms,
            "connectors": len(state.owned.connectors),
            "tasks": len(state.owned.tasks),
        },
    }


def _protocol(group: Joined | None) -> str | None:
    if group is None:
        return None
    if group.eager:
        return "eager"
    return "sessioned" if group.sessioned else "compatible"


def _share(connectors: frozenset[str], tasks: frozenset[TaskId]) -> dict[str, list[str]]:
    return {"connectors": sorted(connectors), "tasks": [str(task) for task in sorted(tasks)]}
