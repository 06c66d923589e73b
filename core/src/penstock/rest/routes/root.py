"""The worker about itself (source: RootResource)."""

from __future__ import annotations

import asyncio
from typing import Final

from penstock.rest.exchange import Answer, RestRequest
from penstock.rest.routing import Route
from penstock.rest.service import HEALTH_TIMEOUT_S
from penstock.runtime.herder.commands import ListConnectors

__all__ = ["ROUTES"]


async def get_root(request: RestRequest) -> Answer:
    """``GET /``: version, commit and the cluster's id."""
    service = request.service
    return Answer(
        body={
            "version": service.version,
            "commit": service.commit,
            "kafka_cluster_id": service.cluster_id,
        }
    )


async def get_health(request: RestRequest) -> Answer:
    """``GET /health``: whether the herder answers (source: KIP-1017)."""
    try:
        await asyncio.wait_for(request.service.ask(ListConnectors()), HEALTH_TIMEOUT_S)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the worker is not well
        text = (
            f"Worker was unable to handle this request and may be unable to serve others: {problem}"
        )
        return Answer(500, {"status": "unhealthy", "message": text})
    text = "Worker has completed startup and is ready to handle requests."
    return Answer(body={"status": "healthy", "message": text})


ROUTES: Final = [Route("GET", "/", get_root), Route("GET", "/health", get_health)]
