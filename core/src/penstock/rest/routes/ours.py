"""What the original does not have; under ``/penstock``, so that its shapes stay untouched."""

from __future__ import annotations

from typing import Final

from penstock.errors import NotFoundError
from penstock.rest.exchange import Answer, RestRequest
from penstock.rest.routing import Route
from penstock.runtime.herder.commands import GetFigures, GetWorkers

__all__ = ["ROUTES"]


async def get_figures(request: RestRequest, name: str) -> Answer:
    """``GET /penstock/connectors/{name}``: what each task has moved, and when it last did."""
    return Answer(body=await request.service.ask(GetFigures(name)))


async def get_cluster(request: RestRequest) -> Answer:
    """``GET /penstock/cluster``: this worker's view of its group; 404 for one that is alone."""
    if request.service.cluster is None:
        raise NotFoundError("This worker is alone; only a worker of a cluster has a group")
    return Answer(body=await request.service.ask(GetWorkers()))


ROUTES: Final = [
    Route("GET", "/penstock/connectors/{name}", get_figures),
    Route("GET", "/penstock/cluster", get_cluster),
]
