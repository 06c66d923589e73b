"""The OpenAPI document of the routes that are served. Pure; made once a worker."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from penstock.errors import PenstockError
from penstock.rest.openapi_schemas import SCHEMAS, TEXT, ref
from penstock.rest.openapi_table import DESCRIPTIONS, Described
from penstock.rest.routing import Route

__all__ = ["document"]

_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_EVERY_ROUTE: Final = (400, 500)
_ABOUT: Final = (
    "The REST API of Apache Kafka Connect, served by Penstock. What is below /penstock, /metrics "
    "and /openapi.json is Penstock's own."
)
_PARTS: Final[Mapping[str, tuple[str, str | int]]] = {
    "name": ("the connector's name, percent-encoded; a / in it as %2F", "lines"),
    "task": ("the task's number, from 0 on", 0),
    "plugin": ("a plugin's class or alias", "FileStreamSource"),
    "logger": ("a logger's name, or root", "penstock.rest"),
}
"""What each part of a path is, and an example."""


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """Return the document, ready to be written as JSON.

    Args:
        routes: those that are served.
        version: of Apache Kafka, as ``GET /`` tells it.

    Raises:
        PenstockError: a route has no description.
    """
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        described = DESCRIPTIONS.get((route.method, route.path))
        if described is None:
            raise PenstockError(
                f"{route.method} {route.path} has no row in penstock.rest.openapi_table"
            )
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, described)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kafka Connect REST API", "version": version, "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": dict(SCHEMAS)},
    }


def _operation(route: Route, described: Described) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": described.summary,
        "tags": ["internal" if described.internal else _tag(route)],
        "parameters": [*_path_parameters(route), *_query_parameters(described)],
        "responses": _responses(described),
    }
    if described.since:
        operation["x-kafka-since"] = described.since
    if described.body is not None:
        given: dict[str, Any] = {"schema": described.body}
        if described.example is not None:
            given["example"] = described.example
        content = {"application/json": given}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _tag(route: Route) -> str:
    return route.segments[0] if route.segments else "worker"


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    found = []
    for name in _PARAMETER.findall(route.path):
        about, example = _PARTS["logger" if route.segments[0] == "admin" else name]
        found.append(
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": about,
                "schema": {"type": "integer"} if name == "task" else {**TEXT, "minLength": 1},
                "example": example,
            }
        )
    return found


def _query_parameters(described: Described) -> list[dict[str, Any]]:
    return [
        {"name": query.name, "in": "query", "description": query.about, "schema": query.schema}
        for query in described.query
    ]


def _responses(described: Described) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, schema in described.answers.items():
        responses[str(status)] = {"description": HTTPStatus(status).phrase}
        if schema is not None:
            responses[str(status)]["content"] = {described.media: {"schema": schema}}
        if status == HTTPStatus.CREATED:
            responses[str(status)]["headers"] = {"Location": {"schema": TEXT}}
    for status in sorted({*_EVERY_ROUTE, *described.errors}):
        responses.setdefault(
            str(status),
            {
                "description": HTTPStatus(status).phrase,
                "content": {"application/json": {"schema": ref("Error")}},
            },
        )
    return responses
