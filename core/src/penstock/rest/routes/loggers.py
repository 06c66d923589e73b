"""Log levels (source: LoggingResource, KIP-495, KIP-976)."""

from __future__ import annotations

from typing import Any, Final

from penstock.errors import BadRequestError, NotFoundError
from penstock.rest.bodies import parse_json
from penstock.rest.exchange import Answer, RestRequest
from penstock.rest.routing import Route
from penstock.runtime.herder.commands import SetClusterLevel
from penstock.runtime.levels import LEVELS

__all__ = ["ROUTES"]


async def list_loggers(request: RestRequest) -> Answer:
    """``GET /admin/loggers``: every logger with its level."""
    found = request.service.levels.all()
    return Answer(body={name: one.to_json() for name, one in found.items()})


async def get_logger(request: RestRequest, name: str) -> Answer:
    """``GET /admin/loggers/{name}``."""
    found = request.service.levels.get(name)
    if found is None:
        raise NotFoundError(f"Logger {name} not found.")
    return Answer(body=found.to_json())


async def set_logger(request: RestRequest, name: str) -> Answer:
    """``PUT /admin/loggers/{name}``: on this worker, or with ``scope=cluster`` on all."""
    body: Any = parse_json(request.body)
    level = body.get("level") if isinstance(body, dict) else None
    if level is None:
        raise BadRequestError("Desired 'level' parameter was not specified in request.")
    if not isinstance(level, str) or level.upper() not in LEVELS:
        # The original answers 404 to a level that it does not know.
        raise NotFoundError(f"invalid log level '{level}'.")
    if request.query.get("scope", "worker").lower() != "cluster":
        return Answer(body=list(request.service.set_level(name, level)))
    if request.service.cluster is None:
        request.service.set_level(name, level)
    else:
        await request.service.ask(SetClusterLevel(name, level.upper()))
    return Answer(204)


ROUTES: Final = [
    Route("GET", "/admin/loggers", list_loggers),
    Route("GET", "/admin/loggers/{name}", get_logger),
    Route("PUT", "/admin/loggers/{name}", set_logger),
]
