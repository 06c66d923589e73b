"""One line for each change that is asked for: who, what, which keys; values never.

The lines go to a logger of their own, ``penstock.audit``, so that they can be kept apart.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import unquote

from penstock.api import RestRefusal, RestRequestHead
from penstock.errors import NotFoundError, PenstockError
from penstock.rest.headers import AsgiApp, Receive, Scope, Send
from penstock.rest.service import RestService
from penstock.runtime.herder.commands import GetConnector

__all__ = ["USER", "audit_refusal", "audited"]

audit_log = logging.getLogger("penstock.audit")
audit_log.setLevel(logging.INFO)  # a quieter worker still tells who changed what

USER: Final = "penstock.user"
"""Where the name of who was let in stands in a request's scope."""
_CHANGES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_BODY_BYTES_MAX: Final = 1024 * 1024
BEFORE_TIMEOUT_S: Final = 5.0
"""A change waits no longer than this for what the audit wants to know."""
_KEYS_MAX: Final = 200
_TEXT_MAX: Final = 500


def _is_change(method: str, path: str) -> bool:
    return method in _CHANGES and not path.rstrip("/").endswith("/config/validate")


def _told(**parts: Any) -> None:
    """Write one line ``name=value ...``; no value can end the line or forge another."""
    texts = (f"{name}={json.dumps(value)}" for name, value in parts.items() if value is not None)
    audit_log.info("%s", " ".join(texts))


def audit_refusal(head: RestRequestHead, user: str, refusal: RestRefusal) -> None:
    """Tell of a change that somebody was not let make."""
    if _is_change(head.method, head.path):
        _told(
            user=user,
            client=head.client,
            action=f"{head.method} {head.path[:_TEXT_MAX]}",
            status=refusal.status,
        )


def audited(app: AsgiApp, service: RestService) -> AsgiApp:
    """Return the application whose changes are told."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path") or str(scope.get("path", "")).encode()
        path = raw.decode("latin-1").partition("?")[0]
        method = str(scope.get("method", ""))
        if scope["type"] != "http" or not _is_change(method, path):
            await app(scope, receive, send)
            return
        before = await _before(service, method, path)
        body, status = bytearray(), 0

        async def heard() -> MutableMapping[str, Any]:
            message = await receive()
            if len(body) <= _BODY_BYTES_MAX:
                body.extend(message.get("body", b""))
            return message

        async def sent(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, heard, sent)
        finally:
            client = scope.get("client")
            _told(
                user=scope.get(USER, ""),
                client=f"{client[0]}:{client[1]}" if client else "",
                action=f"{method} {path[:_TEXT_MAX]}",
                status=status,
                **_keys(method, path, bytes(body), before),
                forwarded=True if b"forward=" in scope.get("query_string", b"") else None,
            )

    return serve


def _config_of(path: str) -> str | None:
    """Return the connector whose configuration a path is, None for any other path."""
    parts = path.strip("/").split("/")
    if len(parts) == 3 and parts[0] == "connectors" and parts[2] == "config":  # noqa: PLR2004
        return unquote(parts[1])
    return None


async def _before(service: RestService, method: str, path: str) -> Mapping[str, str] | None:
    """Return the configuration before a change, None when it cannot be told soon."""
    name = _config_of(path)
    if name is None or method not in {"PUT", "PATCH"}:
        return {}
    try:
        async with asyncio.timeout(BEFORE_TIMEOUT_S):
            info = await service.ask(GetConnector(name))
    except NotFoundError:
        return {}
    except (PenstockError, TimeoutError):
        return None
    return dict(info.get("config", {}))


def _keys(method: str, path: str, body: bytes, before: Mapping[str, str] | None) -> dict[str, Any]:
    """Return which keys a change sets, alters and removes, and the connector's name."""
    try:
        given = json.loads(body) if body and len(body) <= _BODY_BYTES_MAX else None
    except ValueError:
        return {}
    if not isinstance(given, dict):
        return {}
    found: dict[str, Any] = {}
    if method == "POST" and path.strip("/") == "connectors":
        found["connector"] = str(given.get("name"))[:_TEXT_MAX]
        given = given.get("config")
        if not isinstance(given, dict):
            return found
    elif _config_of(path) is None:
        return {"keys": _names(given)}
    if before is None:
        return {"keys": _names(given)}
    patch = method == "PATCH"
    given.pop("name", None)
    old = {key: value for key, value in before.items() if key != "name"}
    removed = (
        [key for key, value in given.items() if value is None and key in old]
        if patch
        else ([key for key in old if key not in given])
    )
    found["added"] = _names(k for k, v in given.items() if k not in old and v is not None)
    found["changed"] = _names(
        k for k, v in given.items() if k in old and v is not None and str(v) != old[k]
    )
    found["removed"] = _names(removed)
    return {name: value for name, value in found.items() if value}


def _names(keys: Any) -> list[str]:
    return [str(key)[:_TEXT_MAX] for key in sorted(keys, key=str)][:_KEYS_MAX]
