"""Installed plugins (source: ConnectorPluginsResource)."""

from __future__ import annotations

from typing import Final

from penstock.errors import BadRequestError
from penstock.rest.bodies import config_of
from penstock.rest.exchange import Answer, RestRequest
from penstock.rest.routing import Route

__all__ = ["ROUTES"]


async def list_plugins(request: RestRequest) -> Answer:
    """``GET /connector-plugins``: connectors alone, unless ``connectorsOnly=false``."""
    every = request.service.list_plugins()
    if request.query.get("connectorsOnly", "true").lower() != "false":
        every = [plugin for plugin in every if plugin["type"] in ("source", "sink")]
    return Answer(body=list(every))


async def get_plugin_config(request: RestRequest, plugin: str) -> Answer:
    """``GET /connector-plugins/{plugin}/config``: its keys (source: KIP-769, KIP-891)."""
    asked = {"name": plugin, "version": request.query.get("version")}
    return Answer(body=await request.service.run("describe_plugin", asked))


async def validate(request: RestRequest, plugin: str) -> Answer:
    """``PUT /connector-plugins/{plugin}/config/validate``: 200 also when there are errors."""
    config = config_of(request.body)
    named = config.get("connector.class")
    if not named:
        raise BadRequestError("the configuration names no connector.class")
    if not _simple(named).endswith(_simple(plugin)):
        raise BadRequestError(
            f"Included connector type {named} does not match request type {plugin}"
        )
    return Answer(
        body=(await request.service.run("validate_connector", {"config": config}))["infos"]
    )


def _simple(name: str) -> str:
    return name.rpartition(".")[2].removesuffix("Connector")


ROUTES: Final = [
    Route("GET", "/connector-plugins", list_plugins),
    Route("GET", "/connector-plugins/{plugin}/config", get_plugin_config),
    Route("PUT", "/connector-plugins/{plugin}/config/validate", validate),
]
