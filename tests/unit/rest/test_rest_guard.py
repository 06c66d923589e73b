"""The guard before the application: a failing extension closes, workers pass by signature alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from penstock.api import RestExtension, RestRefusal, RestRequestHead, RestUser
from penstock.rest.audit import USER
from penstock.rest.auth import Guard
from penstock.rest.service import ClusterAccess, RestService


class Broken(RestExtension):
    def configure(self, properties: Mapping[str, str]) -> None:
        pass

    def check(self, request: RestRequestHead) -> RestUser | RestRefusal | None:
        raise RuntimeError("it broke")


class Closed(Broken):
    def check(self, request: RestRequestHead) -> RestUser | RestRefusal | None:
        return RestRefusal(401, "no", {"WWW-Authenticate": "Basic"})


class Service:
    """As much of a service as the guard looks at."""

    def __init__(self, *, signed: bool | None) -> None:
        self.cluster = (
            None
            if signed is None
            else ClusterAccess(lambda: None, lambda: bool(signed), frozenset({"HmacSHA256"}))
        )


def asked(extension: RestExtension, method: str, path: str, *, signed: bool | None) -> Any:
    """Return status, body and who was let in."""
    guard = Guard({}, cast("RestService", Service(signed=signed)))
    guard._extensions = [extension]
    guard._pool = ThreadPoolExecutor(1)
    sent: list[Any] = []
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope.get(USER, ""))
        await send({"type": "http.response.start", "status": 299, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "headers": [(b"X-A", b"1")],
        "client": ("127.0.0.1", 1),
        "query_string": b"",
    }
    try:
        asyncio.run(guard.guarded(app)(scope, receive, send))
    finally:
        guard.close()
    body = json.loads(sent[1]["body"]) if len(sent) > 1 else None
    return sent[0]["status"], body, seen


def test_an_extension_that_fails_lets_nobody_in() -> None:
    status, body, seen = asked(Broken(), "GET", "/connectors", signed=None)
    assert (status, seen) == (500, [])
    assert "it broke" not in json.dumps(body)


@pytest.mark.parametrize(
    ("method", "path", "signed", "expected"),
    [
        ("POST", "/connectors/a/tasks", True, 299),
        ("PUT", "/connectors/a/fence", True, 299),
        ("POST", "/connectors/a/tasks", False, 401),  # no key yet: nobody could have signed
        ("PUT", "/connectors/a/fence", False, 401),
        ("POST", "/connectors/a/tasks", None, 401),  # a worker that is alone
        ("GET", "/connectors/a/tasks", True, 401),
        ("POST", "/connectors/a/tasks/0/restart", True, 401),
        ("POST", "/connectors/a/../b/tasks", True, 401),
    ],
)
def test_only_signed_requests_between_workers_pass_the_extension(
    method: str, path: str, signed: bool | None, expected: int
) -> None:
    status, _, seen = asked(Closed(), method, path, signed=signed)
    assert status == expected
    assert seen == (["(worker)"] if expected == 299 else [])
