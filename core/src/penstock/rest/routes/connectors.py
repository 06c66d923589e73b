"""Connectors: create, read, change, delete, pause, resume, stop, restart (ConnectorsResource)."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from penstock.rest.bodies import (
    config_of,
    create_request,
    named_config,
    offsets_of,
    patch_of,
)
from penstock.rest.exchange import JSON, Answer, RestRequest, json_text
from penstock.rest.routing import Route
from penstock.runtime.herder import commands as cmd
from penstock.runtime.model import TargetState

__all__ = ["ROUTES"]


async def list_connectors(request: RestRequest) -> Answer:
    """``GET /connectors``: names, or with ``expand=status|info`` an object a name."""
    wanted = request.query_all("expand")
    if not wanted:
        return Answer(body=await request.service.ask(cmd.ListConnectors()))
    # With what is not known, as the original, an object of empty objects.
    command = cmd.ListConnectors(frozenset(wanted) & _PARTS or frozenset({""}))

    async def text() -> str:
        return json_text(await request.service.ask(command))

    # Dashboards ask for all of it, many at once.
    return Answer(body=await request.service.listings.get(command, text), media=JSON)


_PARTS: Final = frozenset({"status", "info"})
_UNQUOTED: Final = "!$&'()*+,=:@"
"""What the original leaves as it is in a Location, beside letters, digits and ``-._~``."""


def _location(name: str) -> dict[str, str]:
    return {"Location": "/connectors/" + quote(name, safe=_UNQUOTED)}


async def create_connector(request: RestRequest) -> Answer:
    """``POST /connectors``: 201 and ConnectorInfo."""
    name, config, target = create_request(request.body)
    command = cmd.PutConnector(name, config, replace=False, target=target)
    made = await request.service.ask(command)
    return Answer(201, made["info"], _location(name))


async def get_connector(request: RestRequest, name: str) -> Answer:
    """``GET /connectors/{name}``: ConnectorInfo."""
    return Answer(body=await request.service.ask(cmd.GetConnector(name)))


async def get_config(request: RestRequest, name: str) -> Answer:
    """``GET /connectors/{name}/config``: the raw configuration, references not replaced."""
    info = await request.service.ask(cmd.GetConnector(name))
    return Answer(body=info["config"])


async def put_config(request: RestRequest, name: str) -> Answer:
    """``PUT /connectors/{name}/config``: 201 for a new connector, else 200."""
    config = named_config(config_of(request.body), name)
    made = await request.service.ask(cmd.PutConnector(name, config, replace=True))
    if made["created"]:
        return Answer(201, made["info"], _location(name))
    return Answer(200, made["info"])


async def patch_config(request: RestRequest, name: str) -> Answer:
    """``PATCH /connectors/{name}/config``: merges; null removes a key (source: KIP-477)."""
    made = await request.service.ask(cmd.PatchConnector(name, patch_of(request.body)))
    return Answer(200, made["info"])


async def delete_connector(request: RestRequest, name: str) -> Answer:
    """``DELETE /connectors/{name}``."""
    await request.service.ask(cmd.DeleteConnector(name))
    return Answer(204)


async def get_status(request: RestRequest, name: str) -> Answer:
    """``GET /connectors/{name}/status``: ConnectorStateInfo."""
    return Answer(body=await request.service.ask(cmd.GetStatus(name)))


async def pause_connector(request: RestRequest, name: str) -> Answer:
    """``PUT /connectors/{name}/pause``."""
    await request.service.ask(cmd.SetTarget(name, TargetState.PAUSED))
    return Answer(202)


async def resume_connector(request: RestRequest, name: str) -> Answer:
    """``PUT /connectors/{name}/resume``."""
    await request.service.ask(cmd.SetTarget(name, TargetState.STARTED))
    return Answer(202)


async def stop_connector(request: RestRequest, name: str) -> Answer:
    """``PUT /connectors/{name}/stop`` (source: KIP-875)."""
    await request.service.ask(cmd.SetTarget(name, TargetState.STOPPED))
    return Answer(204)


async def restart_connector(request: RestRequest, name: str) -> Answer:
    """``POST /connectors/{name}/restart`` (source: KIP-745)."""
    command = cmd.RestartConnector(
        name,
        include_tasks=request.flag("includeTasks"),
        only_failed=request.flag("onlyFailed"),
    )
    info = await request.service.ask(command)
    if not command.include_tasks and not command.only_failed:
        return Answer(204)
    return Answer(202, info)


async def get_offsets(request: RestRequest, name: str) -> Answer:
    """``GET /connectors/{name}/offsets`` (source: KIP-875)."""
    return Answer(body=await request.service.ask(cmd.GetOffsets(name)))


async def alter_offsets(request: RestRequest, name: str) -> Answer:
    """``PATCH /connectors/{name}/offsets``: of a connector that is stopped."""
    command = cmd.AlterOffsets(name, offsets_of(request.body))
    return Answer(body=await request.service.ask(command))


async def reset_offsets(request: RestRequest, name: str) -> Answer:
    """``DELETE /connectors/{name}/offsets``: of a connector that is stopped."""
    return Answer(body=await request.service.ask(cmd.AlterOffsets(name, None)))


ROUTES: Final = [
    Route("GET", "/connectors", list_connectors),
    Route("POST", "/connectors", create_connector),
    Route("GET", "/connectors/{name}", get_connector),
    Route("DELETE", "/connectors/{name}", delete_connector),
    Route("GET", "/connectors/{name}/config", get_config),
    Route("PUT", "/connectors/{name}/config", put_config),
    Route("PATCH", "/connectors/{name}/config", patch_config),
    Route("GET", "/connectors/{name}/status", get_status),
    Route("GET", "/connectors/{name}/offsets", get_offsets),
    Route("PATCH", "/connectors/{name}/offsets", alter_offsets),
    Route("DELETE", "/connectors/{name}/offsets", reset_offsets),
    Route("PUT", "/connectors/{name}/pause", pause_connector),
    Route("PUT", "/connectors/{name}/resume", resume_connector),
    Route("PUT", "/connectors/{name}/stop", stop_connector),
    Route("POST", "/connectors/{name}/restart", restart_connector),
]
