"""The worker about itself (source: RootResource)."""

from __future__ import annotations

from typing import Final

from penstock.errors import TimedOutError
from penstock.rest.exchange import Answer, RestRequest
from penstock.rest.routing import Route
from penstock.rest.service import HEALTH_TIMEOUT_S
from penstock.runtime.herder.commands import ListConnectors

__all__ = ["ROUTES"]


_UNWELL: Final = "Worker was unable to handle this request and may be unable to serve others"


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
        await request.service.ask(ListConnectors(), HEALTH_TIMEOUT_S)
    except TimedOutError as problem:
        if not request.service.answered:
            text = f"Worker is still starting up. {problem}"
            return Answer(503, {"status": "starting", "message": text})
        text = f"{_UNWELL}: {problem}"
        return Answer(500, {"status": "unhealthy", "message": text})
    except Exception as problem:  # noqa: BLE001 - whatever it is, the worker is not well
        text = f"{_UNWELL}: {problem}"
        return Answer(500, {"status": "unhealthy", "message": text})
    text = "Worker has completed startup and is ready to handle requests."
    return Answer(body={"status": "healthy", "message": text + _ignored(request)})


def _ignored(request: RestRequest) -> str:
    """Return what is ignored as a sentence behind others; the shape has no other place for it."""
    found = request.service.quarantine()
    if not found.records:
        return ""
    last = found.records[-1]
    return (
        f" {found.count} record{'s' if found.count > 1 else ''} of the internal topics "
        f"{'are' if found.count > 1 else 'is'} ignored, the last at offset {last['offset']} of "
        f"topic '{last['topic']}' with key '{last['key']}': {last['reason']}"
    )


async def get_more_health(request: RestRequest) -> Answer:
    """``GET /penstock/health``: as ``/health``, with each record that is ignored."""
    answer = await get_health(request)
    found = request.service.quarantine()
    ignored = {"count": found.count, "records": list(found.records)}
    return Answer(answer.status, {**answer.body, "ignored": ignored})


ROUTES: Final = [
    Route("GET", "/", get_root),
    Route("GET", "/health", get_health),
    Route("GET", "/penstock/health", get_more_health),
]
