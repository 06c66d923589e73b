"""Tasks of a connector (source: ConnectorsResource)."""

from __future__ import annotations

from typing import Final

from penstock.errors import NotFoundError
from penstock.rest.bodies import task_configs_of
from penstock.rest.errors import HttpError
from penstock.rest.exchange import Answer, RestRequest
from penstock.rest.routing import Route
from penstock.rest.signatures import check_signature
from penstock.runtime.herder import commands as cmd
from penstock.runtime.model import TaskId

__all__ = ["ROUTES"]

_DIGITS_MAX: Final = 9


def _task_id(name: str, task: str) -> TaskId:
    if not (task.isascii() and task.removeprefix("-").isdigit()):
        raise HttpError(404, "HTTP 404 Not Found")
    if len(task) > _DIGITS_MAX or task.startswith("-"):
        raise NotFoundError(f"No status found for task {name}-{task}")
    return TaskId(name, int(task))


async def list_tasks(request: RestRequest, name: str) -> Answer:
    """``GET /connectors/{name}/tasks``: ids and configurations."""
    return Answer(body=await request.service.ask(cmd.GetTasks(name)))


async def get_task_status(request: RestRequest, name: str, task: str) -> Answer:
    """``GET /connectors/{name}/tasks/{task}/status``."""
    return Answer(body=await request.service.ask(cmd.GetTaskStatus(_task_id(name, task))))


async def restart_task(request: RestRequest, name: str, task: str) -> Answer:
    """``POST /connectors/{name}/tasks/{task}/restart``."""
    await request.service.ask(cmd.RestartTask(_task_id(name, task)))
    return Answer(204)


def _check_worker(request: RestRequest) -> None:
    """Let only another worker of the cluster pass."""
    access = request.service.cluster
    if access is None:
        raise HttpError(404, "This worker is alone: no other worker asks it for anything")
    if access.is_signed():
        check_signature(request.headers, request.body, access.session_key(), access.algorithms)


async def fence(request: RestRequest, name: str) -> Answer:
    """``PUT /connectors/{name}/fence``, from a worker before it starts exactly-once tasks."""
    _check_worker(request)
    await request.service.ask(cmd.FenceTasks(name))
    return Answer(204)


async def put_task_configs(request: RestRequest, name: str) -> Answer:
    """``POST /connectors/{name}/tasks``, from the worker that runs the connector; signed."""
    _check_worker(request)
    await request.service.ask(cmd.PutTaskConfigs(name, task_configs_of(request.body)))
    return Answer(204)


ROUTES: Final = [
    Route("GET", "/connectors/{name}/tasks", list_tasks),
    Route("POST", "/connectors/{name}/tasks", put_task_configs),
    Route("PUT", "/connectors/{name}/fence", fence),
    Route("GET", "/connectors/{name}/tasks/{task}/status", get_task_status),
    Route("POST", "/connectors/{name}/tasks/{task}/restart", restart_task),
]
