"""The ASGI application: reads a request within its bounds, routes it, answers in JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from penstock.errors import ConflictError
from penstock.rest.bodies import BODY_BYTES_MAX, HEADER_BYTES_MAX
from penstock.rest.errors import HttpError, error_body, status_of
from penstock.rest.exchange import Answer, RestRequest, json_text
from penstock.rest.routes import all_routes
from penstock.rest.routing import Route, Router
from penstock.rest.service import RestService
from penstock.runtime.herder.cluster.actions import ElsewhereError

if TYPE_CHECKING:
    from penstock.rest.forward import Forwarder

__all__ = ["RestApp"]

log = logging.getLogger(__name__)

BODY_TIMEOUT_S: Final = 30.0
_VERSIONS: Final = frozenset({"1.0", "1.1"})
_HOST: Final = re.compile(r"^https?://[^/]*", re.IGNORECASE)
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class RestApp:
    """Serves the API. Runs on the server's event loop; never blocks it."""

    def __init__(self, service: RestService, routes: Sequence[Route] | None = None) -> None:
        """``routes`` are all of them, unless some are served elsewhere or not at all."""
        self._service = service
        self._router = Router(all_routes() if routes is None else routes)
        self._forwarder: Forwarder | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; other kinds of scope are not answered."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            response = await self._answered(request, scope)
        except ClientDisconnect:
            return
        except Exception as error:
            if status_of(error) >= 500 and not isinstance(error, HttpError):  # noqa: PLR2004
                log.exception("%s %s failed", request.method, request.url.path)
            response = _refusal(error)
        await response(scope, receive, send)

    async def _answered(self, request: Request, scope: Scope) -> Response:
        size = sum(len(name) + len(value) for name, value in scope.get("headers", ()))
        if size > HEADER_BYTES_MAX:
            # The server bounds only what does not come at once.
            raise HttpError(431, f"the headers have {size} bytes, at most {HEADER_BYTES_MAX}")
        raw_path = scope.get("raw_path") or request.url.path.encode()
        if scope.get("http_version", "1.1") not in _VERSIONS:
            raise HttpError(505)
        # A proxy's form of a target names the host too.
        path = _HOST.sub("", raw_path.decode("latin-1"), count=1)
        if request.method == "OPTIONS":
            return self._options(path)
        found = self._router.find(request.method, path)
        body = await self._body(request) if request.method in _WITH_BODY else b""
        asked = RestRequest(
            service=self._service,
            body=body,
            query=request.query_params,
            query_all=request.query_params.getlist,
            headers=request.headers,
        )
        try:
            answer = await found.handler(asked, **found.parameters)
        except ElsewhereError as elsewhere:
            answer = await self._forwarded(request.method, path, asked, elsewhere)
        return _response(answer)

    async def _forwarded(
        self, method: str, path: str, asked: RestRequest, elsewhere: ElsewhereError
    ) -> Answer:
        """Send a request on: from here to the leader, from there to the owner, and no further."""
        hops = asked.query.get("forward", "").lower()
        if hops == "false":
            raise ConflictError(
                "Cannot complete request because of a conflicting operation (e.g. worker "
                f"rebalance): {elsewhere}"
            )
        if self._forwarder is None:
            # Imported by the first request that needs it: most workers never forward.
            from penstock.rest.forward import Forwarder  # noqa: PLC0415 - see above

            access = self._service.cluster
            self._forwarder = Forwarder(None if access is None else access.peer_tls)
        query = {**asked.query, "forward": "false" if hops == "true" else "true"}
        given = asked.headers.get("authorization")
        return await self._forwarder.send(
            method,
            elsewhere.url,
            path,
            query=query,
            body=asked.body,
            headers={} if given is None else {"Authorization": given},
        )

    def _options(self, path: str) -> Response:
        try:
            self._router.find("OPTIONS", path)
        except HttpError as known:
            if known.status != 405:  # noqa: PLR2004 - the path exists
                raise
            return Response(
                known.allow, 200, headers={"Allow": known.allow}, media_type="text/plain"
            )
        raise HttpError(404)

    async def _body(self, request: Request) -> bytes:
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        has_body = "transfer-encoding" in request.headers or (
            request.headers.get("content-length", "0") != "0"
        )
        # A body without a type is refused too: any web page may have a browser send one here.
        if media != "application/json" and (media or has_body):
            raise HttpError(415)
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise HttpError(415)
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > BODY_BYTES_MAX:
            raise HttpError(413, f"the body has {length} bytes, at most {BODY_BYTES_MAX} are taken")
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > BODY_BYTES_MAX:
                        raise HttpError(413, f"the body has more than {BODY_BYTES_MAX} bytes")
                    chunks.append(chunk)
        except TimeoutError as problem:
            raise HttpError(408, f"no whole body came within {BODY_TIMEOUT_S:g} s") from problem
        return b"".join(chunks)


def _response(answer: Answer) -> Response:
    if answer.body is None:
        return Response(status_code=answer.status, headers=dict(answer.headers))
    if answer.media is not None:
        content = str(answer.body).encode("utf-8", "backslashreplace")
        headers = {**answer.headers, "Content-Type": answer.media}
        return Response(content, answer.status, headers=headers)
    return _json(answer.status, answer.body, answer.headers)


def _json(status: int, body: Any, headers: Mapping[str, str]) -> Response:
    content = json_text(body).encode("utf-8", "backslashreplace")
    return Response(content, status, headers=dict(headers), media_type="application/json")


def _refusal(error: Exception) -> Response:
    if isinstance(error, HttpError) and error.plain:
        headers = {"Allow": error.allow} if error.allow else {}
        content = json.dumps(error_body(error), separators=(",", ":")).encode()
        return Response(content, error.status, headers=headers)
    return _json(status_of(error), error_body(error), {})
