"""Sends a request on to the worker that can answer it (source: HerderRequestHandler)."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx

from penstock.errors import ConnectError
from penstock.rest.errors import HttpError
from penstock.rest.exchange import Answer
from penstock.runtime.listener_settings import LISTENER_PREFIX
from penstock.runtime.secure_stores.causes import explained

__all__ = ["Forwarder"]

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 90.0
CONNECTIONS_MAX: Final = 100


class Forwarder:
    """An HTTP client for the other workers. Runs on the server's event loop."""

    def __init__(self, peer_tls: Callable[[], ssl.SSLContext] | None = None) -> None:
        """``peer_tls`` gives the TLS context for workers that advertise https."""
        self._peer_tls = peer_tls
        self._clients: dict[bool, httpx.AsyncClient] = {}

    def _client(self, url: str) -> httpx.AsyncClient:
        secure = self._peer_tls is not None and url.lower().startswith("https:")
        if secure not in self._clients:
            self._clients[secure] = httpx.AsyncClient(
                timeout=TIMEOUT_S,
                limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
                trust_env=False,
                verify=self._peer_tls() if secure and self._peer_tls is not None else True,
            )
        return self._clients[secure]

    async def send(
        self,
        method: str,
        url: str,
        path: str,
        *,
        query: Mapping[str, str],
        body: bytes,
        headers: Mapping[str, str],
    ) -> Answer:
        """Send a request to the worker at ``url`` and return its answer.

        Raises:
            HttpError: what the other worker refused, with its status and message.
            ConnectError: it cannot be reached.
        """
        target = f"{url.rstrip('/')}{quote(path, safe='/%')}?{urlencode(query)}"
        sent = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        try:
            answer = await self._client(url).request(
                method, target, content=body or None, headers=sent
            )
        except httpx.HTTPError as problem:
            kind = type(problem).__name__
            cause = explained(str(problem), LISTENER_PREFIX)
            raise ConnectError(
                f"IO Error trying to forward REST request to {url}: {kind} {problem}"
                f"{'; ' if cause else ''}{cause}"
            ) from problem
        if answer.status_code >= 400:  # noqa: PLR2004 - HTTP's errors
            raise HttpError(answer.status_code, _message(answer))
        kept = {k: v for k, v in answer.headers.items() if k.lower() == "location"}
        return Answer(answer.status_code, _json(answer), kept)

    async def close(self) -> None:
        """Release the connections."""
        for one in self._clients.values():
            await one.aclose()


def _json(answer: httpx.Response) -> Any:
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError as problem:
        raise ConnectError(f"{answer.url.host} answered no JSON") from problem


def _message(answer: httpx.Response) -> str:
    try:
        found = answer.json()
    except ValueError:
        found = None
    message = found.get("message") if isinstance(found, dict) else None
    return str(message) if message else f"HTTP {answer.status_code} {answer.reason_phrase}"
