"""What each route does, takes and answers: one row a route. Pure.

A route without a row fails a test; add it here when it is added to ``routes``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.rest.openapi_schemas import FLAG, TEXT, Schema, array, one, ref

__all__ = ["DESCRIPTIONS", "Described", "Query"]


@attrs.frozen
class Query:
    """A query parameter; unknown values are taken as the default, as in the original."""

    name: str
    schema: Schema
    about: str


@attrs.frozen
class Described:
    """One row.

    Attributes:
        summary: what the route does, in one sentence.
        answers: schema by status that means success; None is an answer without a body.
        errors: statuses whose body is an Error, beside those that every route can answer.
        body: schema of the request's body; None for a route that reads none.
        query: what may stand behind the question mark.
        since: the version of Apache Kafka that has it; empty for Penstock's own.
        media: what the answer is written in.
        internal: asked by other workers only.
        example: a body that the route takes.
    """

    summary: str
    answers: Mapping[int, Schema | None]
    errors: Sequence[int] = ()
    body: Schema | None = None
    query: Sequence[Query] = ()
    since: str = "0.9"
    media: str = "application/json"
    internal: bool = False
    example: Any = None


_FOUND: Final = (404, 409)
_BODY: Final = (400, 413, 415)
_INFO: Final = ref("ConnectorInfo")
_PLUGIN_VERSION: Final = Query("version", TEXT, "a version or Maven range that must be installed")
_CONFIG: Final = {"connector.class": "FileStreamSource", "file": "in.txt", "topic": "lines"}
_EXPAND: Final = Query(
    "expand", array(one("status", "info")), "answer an object with these parts by name; repeatable"
)

DESCRIPTIONS: Final[Mapping[tuple[str, str], Described]] = {
    ("GET", "/"): Described(
        "Tell the version, and the id of the Kafka cluster.", {200: ref("ServerInfo")}
    ),
    ("GET", "/health"): Described(
        "Tell whether the worker has started and answers.",
        {200: ref("WorkerStatus"), 500: ref("WorkerStatus"), 503: ref("WorkerStatus")},
        since="3.9",
    ),
    ("GET", "/openapi.json"): Described("Give this document.", {200: {"type": "object"}}, since=""),
    ("GET", "/connectors"): Described(
        "List the connectors.",
        {200: {"anyOf": [array(TEXT), ref("ConnectorsExpanded")]}},
        query=[_EXPAND],
    ),
    ("POST", "/connectors"): Described(
        "Create a connector.",
        {201: _INFO},
        [*_BODY, 409],
        ref("CreateConnector"),
        example={"name": "lines", "config": _CONFIG},
    ),
    ("GET", "/connectors/{name}"): Described("Read a connector.", {200: _INFO}, _FOUND),
    ("DELETE", "/connectors/{name}"): Described(
        "Delete a connector; its offsets stay.", {204: None}, _FOUND
    ),
    ("GET", "/connectors/{name}/config"): Described(
        "Read a configuration as it was written.", {200: ref("Config")}, _FOUND
    ),
    ("PUT", "/connectors/{name}/config"): Described(
        "Create a connector, or change its configuration.",
        {200: _INFO, 201: _INFO},
        [*_BODY, 409],
        ref("ConfigGiven"),
        example=_CONFIG,
    ),
    ("PATCH", "/connectors/{name}/config"): Described(
        "Change some keys of a configuration; null removes one.",
        {200: _INFO},
        [*_BODY, *_FOUND],
        ref("ConfigPatch"),
        since="3.8",
        example={"batch.size": "100", "file": None},
    ),
    ("GET", "/connectors/{name}/status"): Described(
        "Tell how a connector and its tasks are.", {200: ref("ConnectorStateInfo")}, [404]
    ),
    ("GET", "/connectors/{name}/offsets"): Described(
        "Read the offsets.", {200: ref("Offsets")}, _FOUND, since="3.5"
    ),
    ("PATCH", "/connectors/{name}/offsets"): Described(
        "Change offsets of a connector that is stopped; null forgets one.",
        {200: ref("Message")},
        [*_BODY, *_FOUND],
        ref("Offsets"),
        since="3.6",
        example={"offsets": [{"partition": {"filename": "in.txt"}, "offset": {"position": 0}}]},
    ),
    ("DELETE", "/connectors/{name}/offsets"): Described(
        "Forget the offsets of a connector that is stopped.",
        {200: ref("Message")},
        _FOUND,
        since="3.6",
    ),
    ("PUT", "/connectors/{name}/pause"): Described(
        "Pause a connector and its tasks.", {202: None}, [404, 409, 415]
    ),
    ("PUT", "/connectors/{name}/resume"): Described(
        "Let a paused or stopped connector run.", {202: None}, [404, 409, 415]
    ),
    ("PUT", "/connectors/{name}/stop"): Described(
        "Stop a connector and take its tasks away.", {204: None}, [404, 409, 415], since="3.5"
    ),
    ("POST", "/connectors/{name}/restart"): Described(
        "Restart a connector, and its tasks if asked.",
        {202: ref("ConnectorStateInfo"), 204: None},
        [404, 409, 415],
        query=[
            Query("includeTasks", FLAG, "restart the tasks too; the answer is 202 then"),
            Query("onlyFailed", FLAG, "restart what has failed; the answer is 202 then"),
        ],
    ),
    ("GET", "/connectors/{name}/topics"): Described(
        "List the topics that a connector has used.", {200: ref("Topics")}, [403], since="2.5"
    ),
    ("PUT", "/connectors/{name}/topics/reset"): Described(
        "Forget the topics that a connector has used.", {202: None}, [403, 415], since="2.5"
    ),
    ("GET", "/connectors/{name}/tasks"): Described(
        "List the tasks with their configurations.", {200: array(ref("TaskInfo"))}, _FOUND
    ),
    ("GET", "/connectors/{name}/tasks/{task}/status"): Described(
        "Tell how a task is.", {200: ref("TaskState")}, [404]
    ),
    ("POST", "/connectors/{name}/tasks/{task}/restart"): Described(
        "Restart a task.", {204: None}, [404, 409, 415]
    ),
    ("POST", "/connectors/{name}/tasks"): Described(
        "Take task configurations from the worker that made them; signed.",
        {204: None},
        [*_BODY, 403, *_FOUND, 503],
        ref("TaskConfigs"),
        internal=True,
    ),
    ("PUT", "/connectors/{name}/fence"): Described(
        "Fence older exactly-once tasks; signed.",
        {200: None},
        [*_BODY, 403, *_FOUND, 503],
        since="3.3",
        internal=True,
    ),
    ("GET", "/connector-plugins"): Described(
        "List the plugins that are installed.",
        {200: array(ref("PluginInfo"))},
        query=[Query("connectorsOnly", FLAG, "false lists the other kinds too")],
    ),
    ("GET", "/connector-plugins/{plugin}/config"): Described(
        "List the keys of a plugin.",
        {200: array(ref("ConfigKeyInfo"))},
        [404],
        query=[_PLUGIN_VERSION],
        since="3.2",
    ),
    ("PUT", "/connector-plugins/{plugin}/config/validate"): Described(
        "Check a configuration; 200 also where it has errors.",
        {200: ref("ConfigInfos")},
        [*_BODY, 404],
        ref("ConfigPatch"),
        example={"name": "lines", **_CONFIG},
    ),
    ("GET", "/admin/loggers"): Described(
        "List the loggers with their levels.", {200: ref("LoggerLevels")}, since="2.4"
    ),
    ("GET", "/admin/loggers/{name}"): Described(
        "Tell a logger's level.", {200: ref("LoggerLevel")}, [404], since="2.4"
    ),
    ("PUT", "/admin/loggers/{name}"): Described(
        "Set the level of a logger and of those below it.",
        {200: array(TEXT), 204: None},
        [*_BODY, 404],
        ref("LevelGiven"),
        [Query("scope", one("worker", "cluster"), "this worker, or every one of the cluster")],
        since="2.4",
        example={"level": "DEBUG"},
    ),
    ("GET", "/penstock/health"): Described(
        "Tell how the worker is, and which records of the internal topics it ignores.",
        {200: ref("Figures"), 500: ref("Figures")},
        since="",
    ),
    ("GET", "/penstock/connectors/{name}"): Described(
        "Tell what each task has moved.", {200: ref("Figures")}, [404], since=""
    ),
    ("GET", "/penstock/cluster"): Described(
        "Tell how this worker sees its group.", {200: ref("Figures")}, [404], since=""
    ),
    ("GET", "/metrics"): Described(
        "Give the figures of this worker in the text format of Prometheus.",
        {200: TEXT},
        since="",
        media="text/plain",
    ),
}
"""By method and path."""
