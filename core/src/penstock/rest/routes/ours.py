"""What the original does not have; under ``/penstock``, so that its shapes stay untouched."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from penstock.errors import ConnectError, NotFoundError
from penstock.rest.errors import HttpError
from penstock.rest.exchange import Answer, RestRequest
from penstock.rest.routing import Route
from penstock.rest.service import ClusterAccess
from penstock.runtime.herder.commands import GetFigures, GetWorkers

if TYPE_CHECKING:
    from penstock.rest.forward import Forwarder

__all__ = ["ROUTES"]

OTHERS_TIMEOUT_S: Final = 2.0
"""How long the other workers of a cluster may take to tell of their parts."""
UNKNOWN: Final = "UNKNOWN"
"""The state of a part whose owner does not answer; no state of the original."""


async def get_figures(request: RestRequest, name: str) -> Answer:
    """``GET /penstock/connectors/{name}``: how each task really is, what it has moved, its lag.

    In a cluster the owners of the other parts are asked, a moment long; ``?local=true`` asks none.
    """
    found = await request.service.ask(GetFigures(name))
    if request.service.cluster is not None and not request.flag("local"):
        found = await _with_others(request, request.service.cluster, name, found)
    return Answer(body=found)


async def _with_others(
    request: RestRequest, cluster: ClusterAccess, name: str, found: Mapping[str, Any]
) -> dict[str, Any]:
    """Put in what the owners say of their parts; say plainly which of them do not answer."""
    tasks = found["tasks"]
    urls = {part["owner_url"] for part in (found, *tasks) if part.get("owner_url")}
    if not urls:
        return dict(found)
    # Imported by the first request that needs it: a client takes its time.
    from penstock.rest.forward import Forwarder  # noqa: PLC0415 - see above

    forwarder = Forwarder(cluster.peer_tls)
    try:
        heard = await asyncio.gather(*(_asked(forwarder, request, url, name) for url in urls))
    finally:
        await forwarder.close()
    answers = dict(zip(urls, heard, strict=True))
    shown = {key: value for key, value in found.items() if key != "tasks"}
    return {
        **_truth(shown, answers, None),
        "tasks": [_truth(task, answers, task["task"]) for task in tasks],
    }


async def _asked(
    forwarder: Forwarder, request: RestRequest, url: str, name: str
) -> Mapping[str, Any] | Exception:
    given = request.headers.get("authorization")
    sent = forwarder.send(
        "GET",
        url,
        f"/penstock/connectors/{quote(name, safe='')}",
        query={"local": "true"},
        body=b"",
        headers={} if given is None else {"Authorization": given},
    )
    try:
        body = (await asyncio.wait_for(sent, OTHERS_TIMEOUT_S)).body
    except TimeoutError:
        return ConnectError(f"worker {url} did not answer within {OTHERS_TIMEOUT_S:g} s")
    except (ConnectError, HttpError) as problem:
        return problem
    return body if isinstance(body, Mapping) else ConnectError(f"worker {url} answered oddly")


def _truth(
    part: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any] | Exception], task: int | None
) -> dict[str, Any]:
    """Return a part as its owner sees it, or what is known without the owner's word."""
    url = part.get("owner_url")
    if url is None:
        return dict(part)
    told = answers[url]
    if isinstance(told, HttpError):
        return {**part, "owner_alive": True, "problem": f"worker {url} refused to tell: {told}"}
    if isinstance(told, Exception):
        # Nobody vouches for what the status topic says.
        doubt = {"state": UNKNOWN, "told_state": part["state"], "problem": str(told)}
        return {**part, "owner_alive": False, **doubt}
    heard: Mapping[str, Any] = told
    if task is not None:
        heard = next((one for one in told.get("tasks", ()) if one["task"] == task), {})
    if heard.get("owner_alive") and heard.get("worker_id") == part["worker_id"]:
        return {**{key: value for key, value in heard.items() if key != "tasks"}, "owner_url": url}
    doubt = {"state": UNKNOWN, "told_state": part["state"]}
    return {**part, "owner_alive": True, **doubt, "problem": f"worker {url} does not run it"}


async def get_cluster(request: RestRequest) -> Answer:
    """``GET /penstock/cluster``: this worker's view of its group; 404 for one that is alone."""
    if request.service.cluster is None:
        raise NotFoundError("This worker is alone; only a worker of a cluster has a group")
    return Answer(body=await request.service.ask(GetWorkers()))


ROUTES: Final = [
    Route("GET", "/penstock/connectors/{name}", get_figures),
    Route("GET", "/penstock/cluster", get_cluster),
]
