"""Asks the extensions and the roles before a request is served."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from penstock.api import RestExtension, RestRefusal, RestRequestHead, RestUser
from penstock.rest.audit import USER, audit_refusal
from penstock.rest.auth_roles import ROLES_KEY, is_allowed, is_internal, needed_role, parse_roles
from penstock.rest.extensions import load_extensions
from penstock.rest.headers import AsgiApp, Receive, Scope, Send
from penstock.rest.service import RestService

__all__ = ["Guard"]

log = logging.getLogger(__name__)

THREADS: Final = 8


class Guard:
    """The extensions of a worker, asked before all else. Runs on the server's event loop."""

    def __init__(self, properties: Mapping[str, str], service: RestService) -> None:
        """Load the extensions.

        Raises:
            ConfigError: an extension is missing or refuses the properties, or a role is wrong.
        """
        self._service = service
        self._roles = parse_roles(properties.get(ROLES_KEY, ""))
        self._extensions: Sequence[RestExtension] = load_extensions(properties)
        self._pool = ThreadPoolExecutor(THREADS, "rest-extension") if self._extensions else None
        if self._roles is not None and not self._extensions:
            log.warning("%s has no effect without rest.extension.classes", ROLES_KEY)

    def guarded(self, app: AsgiApp) -> AsgiApp:
        """Return the application behind the extensions; itself when there are none."""
        pool = self._pool
        if pool is None:
            return app

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            head = _head(scope)
            if self._is_between_workers(head):
                scope[USER] = "(worker)"
                await app(scope, receive, send)
                return
            loop = asyncio.get_running_loop()
            user, refusal = await loop.run_in_executor(pool, self._verdict, head)
            if refusal is not None:
                audit_refusal(head, user.name, refusal)
                await _refuse(refusal, send)
                return
            scope[USER] = user.name
            await app(scope, receive, send)

        return serve

    def _is_between_workers(self, head: RestRequestHead) -> bool:
        """Tell what other workers ask, which the route lets in by its signature.

        The original exempts these from its extension even where no signature is asked for, so
        that anybody may swap a connector's tasks. Here nothing is exempt that is not signed.
        """
        access = self._service.cluster
        return access is not None and access.is_signed() and is_internal(head.method, head.path)

    def _verdict(self, head: RestRequestHead) -> tuple[RestUser, RestRefusal | None]:
        """Return who asks, and why not if so."""
        user = RestUser("")
        for extension in self._extensions:
            try:
                found = extension.check(head)
            except Exception:
                log.exception("REST extension %s failed", type(extension).__name__)
                told = "A REST extension failed; the worker's log tells more"
                return user, RestRefusal(500, told)
            if isinstance(found, RestRefusal):
                return user, found
            user = found or user
        needed = needed_role(head.method, head.path)
        if not is_allowed(self._roles, user.name, needed):
            told = f"User '{user.name}' needs the role {needed} for this"
            return user, RestRefusal(403, told)
        return user, None

    def close(self) -> None:
        """Release the extensions."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        for one in self._extensions:
            one.close()


def _head(scope: Scope) -> RestRequestHead:
    raw = scope.get("raw_path") or str(scope["path"]).encode()
    given = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    client = scope.get("client")
    return RestRequestHead(
        method=str(scope["method"]).upper(),
        path=raw.decode("latin-1").partition("?")[0],
        headers={name.lower(): value for name, value in given},
        client=f"{client[0]}:{client[1]}" if client else "",
    )


async def _refuse(refusal: RestRefusal, send: Send) -> None:
    body: dict[str, Any] = {"error_code": refusal.status, "message": refusal.message}
    content = json.dumps(body, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **refusal.headers,
    }
    encoded = [(k.lower().encode(), v.encode("latin-1", "replace")) for k, v in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": encoded})
    await send({"type": "http.response.body", "body": content})
