"""What the original does not have; under ``/penstock``, so that its shapes stay untouched."""

from __future__ import annotations

from typing import Final

from penstock.rest.exchange import Answer, RestRequest
from penstock.rest.routing import Route
from penstock.runtime.herder.commands import GetFigures

__all__ = ["ROUTES"]


async def get_figures(request: RestRequest, name: str) -> Answer:
    """``GET /penstock/connectors/{name}``: what each task has moved, and when it last did."""
    return Answer(body=await request.service.ask(GetFigures(name)))


ROUTES: Final = [Route("GET", "/penstock/connectors/{name}", get_figures)]
