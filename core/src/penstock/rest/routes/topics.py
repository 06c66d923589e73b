"""The topics that connectors use (source: ConnectorsResource, KIP-558)."""

from __future__ import annotations

from typing import Final

from penstock.rest.errors import HttpError
from penstock.rest.exchange import Answer, RestRequest
from penstock.rest.routing import Route
from penstock.runtime.herder import commands as cmd

__all__ = ["ROUTES"]


async def get_topics(request: RestRequest, name: str) -> Answer:
    """``GET /connectors/{name}/topics``; of an unknown connector too, then without topics."""
    if not request.service.topic_tracking:
        raise HttpError(403, "Topic tracking is disabled.")
    topics = await request.service.ask(cmd.GetTopics(name))
    return Answer(body={name: {"topics": topics}})


async def reset_topics(request: RestRequest, name: str) -> Answer:
    """``PUT /connectors/{name}/topics/reset``: forgets them until the next record."""
    if not request.service.topic_tracking:
        raise HttpError(403, "Topic tracking is disabled.")
    if not request.service.topic_tracking_reset:
        raise HttpError(403, "Topic tracking reset is disabled.")
    await request.service.ask(cmd.ResetTopics(name))
    return Answer(202)


ROUTES: Final = [
    Route("GET", "/connectors/{name}/topics", get_topics),
    Route("PUT", "/connectors/{name}/topics/reset", reset_topics),
]
