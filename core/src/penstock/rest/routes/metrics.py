"""The figures of this worker for Prometheus; the original has them over JMX only."""

from __future__ import annotations

import time
from typing import Final

from penstock.rest.exchange import Answer, RestRequest
from penstock.rest.routing import Route
from penstock.runtime.herder.commands import GetMetrics
from penstock.runtime.metrics.definitions import by_name
from penstock.runtime.metrics.fold import samples
from penstock.runtime.metrics.text import CONTENT_TYPE, exposition

__all__ = ["ROUTES"]


async def get_metrics(request: RestRequest) -> Answer:
    """``GET /metrics``: what this worker runs; each worker is asked for its own."""
    told = await request.service.ask(GetMetrics())
    now_ms = time.time_ns() // 1_000_000
    found = samples(told, version=request.service.version, now_ms=now_ms)
    return Answer(body=exposition(found, by_name()), media=CONTENT_TYPE)


ROUTES: Final = [Route("GET", "/metrics", get_metrics)]
