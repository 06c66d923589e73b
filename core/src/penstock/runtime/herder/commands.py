"""What a user may ask of the herder. Pure; each command names the REST call it serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from penstock.runtime.model import TargetState, TaskId

__all__ = [
    "AlterOffsets",
    "Command",
    "DeleteConnector",
    "FenceTasks",
    "GetConnector",
    "GetFigures",
    "GetMetrics",
    "GetOffsets",
    "GetStatus",
    "GetTaskStatus",
    "GetTasks",
    "GetTopics",
    "GetWorkers",
    "ListConnectors",
    "PatchConnector",
    "PutConnector",
    "PutTaskConfigs",
    "ResetTopics",
    "RestartConnector",
    "RestartTask",
    "SetClusterLevel",
    "SetTarget",
]


class Command:
    """Base of all commands; the reply of each is told by its docstring, as plain JSON data."""


@attrs.frozen
class ListConnectors(Command):
    """``GET /connectors``: a list of names.

    With ``expand``, of ``status`` and ``info``, an object of these by name instead. It is one
    command for all of them: one for each would cross the threads thousands of times.
    """

    expand: frozenset[str] = frozenset()


@attrs.frozen
class GetConnector(Command):
    """``GET /connectors/{name}``: ConnectorInfo ``{name, config, tasks, type}``."""

    name: str


@attrs.frozen
class GetStatus(Command):
    """``GET /connectors/{name}/status``: ConnectorStateInfo."""

    name: str


@attrs.frozen
class GetTasks(Command):
    """``GET /connectors/{name}/tasks``: a list of ``{id, config}``."""

    name: str


@attrs.frozen
class GetTaskStatus(Command):
    """``GET /connectors/{name}/tasks/{task}/status``: one element of the status' tasks."""

    task: TaskId


@attrs.frozen
class GetFigures(Command):
    """``GET /penstock/connectors/{name}``: the figures of each task."""

    name: str


@attrs.frozen
class GetMetrics(Command):
    """``GET /metrics``: all that this worker knows of its own hosts, see ``herder/views.py``."""


@attrs.frozen
class PutConnector(Command):
    """``POST /connectors`` (``replace`` False) and ``PUT /connectors/{name}/config``.

    Reply: ``{created: bool, info: ConnectorInfo}``.
    """

    name: str
    config: Mapping[str, str | None]
    replace: bool
    target: TargetState | None = None


@attrs.frozen
class PatchConnector(Command):
    """``PATCH /connectors/{name}/config``: None removes a key. Reply: as PutConnector."""

    name: str
    patch: Mapping[str, str | None]


@attrs.frozen
class DeleteConnector(Command):
    """``DELETE /connectors/{name}``: None."""

    name: str


@attrs.frozen
class SetTarget(Command):
    """``PUT /connectors/{name}/pause``, ``resume``, ``stop``: None."""

    name: str
    target: TargetState


@attrs.frozen
class RestartConnector(Command):
    """``POST /connectors/{name}/restart``: ConnectorStateInfo with what restarts."""

    name: str
    include_tasks: bool = False
    only_failed: bool = False


@attrs.frozen
class RestartTask(Command):
    """``POST /connectors/{name}/tasks/{task}/restart``: None."""

    task: TaskId


@attrs.frozen
class FenceTasks(Command):
    """``PUT /connectors/{name}/fence``, from a worker: older exactly-once tasks send no more."""

    name: str


@attrs.frozen
class PutTaskConfigs(Command):
    """``POST /connectors/{name}/tasks``, from the worker that runs the connector: None."""

    name: str
    configs: Sequence[Mapping[str, str]]


@attrs.frozen
class GetTopics(Command):
    """``GET /connectors/{name}/topics``: a list of names."""

    name: str


@attrs.frozen
class ResetTopics(Command):
    """``PUT /connectors/{name}/topics/reset``: None."""

    name: str


@attrs.frozen
class GetWorkers(Command):
    """``GET /penstock/cluster``: this worker's view of the group, and each worker's share."""


@attrs.frozen
class GetOffsets(Command):
    """``GET /connectors/{name}/offsets``: ``{offsets: [{partition, offset}]}``."""

    name: str


@attrs.frozen
class AlterOffsets(Command):
    """``PATCH`` and ``DELETE /connectors/{name}/offsets``: ``{message}``.

    ``offsets`` are pairs of partition and offset, None in a pair forgets it; None resets all.
    """

    name: str
    offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]] | None


@attrs.frozen
class SetClusterLevel(Command):
    """``PUT /admin/loggers/{logger}?scope=cluster``: None."""

    logger: str
    level: str
