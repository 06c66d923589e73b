"""The API's own description, for client generators and testers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.rest.exchange import Answer, RestRequest
from penstock.rest.openapi import document
from penstock.rest.routing import Route

__all__ = ["routes"]


def routes(described: Callable[[], Sequence[Route]]) -> list[Route]:
    """Return the route of the document, which describes those of ``described``, itself too."""

    async def get_openapi(request: RestRequest) -> Answer:
        """``GET /openapi.json``: an OpenAPI 3.1 document of every route."""
        return Answer(body=document(described(), request.service.version))

    return [Route("GET", "/openapi.json", get_openapi)]
