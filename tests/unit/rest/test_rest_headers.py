"""Headers that a user adds to answers, and browsers of other origins."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from penstock.errors import ConfigError
from penstock.rest.headers import AsgiApp, parse_rules, with_cors, with_headers


class Clock:
    def now_ms(self) -> int:
        return 1_000_000_000_000

    def monotonic_s(self) -> float:
        return 0.0


async def plain(scope: Any, receive: Any, send: Any) -> None:
    await Response("ok", headers={"X-Old": "1"})(scope, receive, send)


def ask(app: AsgiApp, method: str = "GET", **headers: str) -> httpx.Headers:
    async def run() -> httpx.Headers:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            return (await client.request(method, "/", headers=names)).headers

    return asyncio.run(run())


def test_headers_are_set_added_and_dated() -> None:
    rules = parse_rules(
        'set X-Old: 2, add X-New: a, add X-New: b, "set Cache-Control: no-cache, no-store", '
        "setDate Expires: 1000, addDate Last-Modified: -1000"
    )
    found = ask(with_headers(plain, rules, Clock()))
    assert found.get_list("x-old") == ["2"]
    assert found.get_list("x-new") == ["a", "b"]
    assert found["cache-control"] == "no-cache, no-store"
    assert found["expires"] == "Sun, 09 Sep 2001 01:46:41 GMT"
    assert found["last-modified"] == "Sun, 09 Sep 2001 01:46:39 GMT"


def test_without_rules_nothing_is_wrapped() -> None:
    assert with_headers(plain, parse_rules(" , "), Clock()) is plain
    assert with_cors(plain, "", "GET") is plain


def test_every_wrong_rule_is_named() -> None:
    with pytest.raises(ConfigError) as told:
        parse_rules("set X: 1, put X: 1, set X 1, setDate X: soon, set X: a\nb")
    assert len(told.value.problems) == 4
    assert "'put X: 1' is no [action] Name: value" in str(told.value)


def test_pages_of_allowed_origins_are_let_in() -> None:
    app = with_cors(plain, "https://a.example, https://b.example", "GET,PUT")
    assert ask(app, Origin="https://a.example")["access-control-allow-origin"]
    assert "access-control-allow-origin" not in ask(app, Origin="https://evil.example")
    asked = ask(app, "OPTIONS", Origin="https://b.example", Access_Control_Request_Method="PUT")
    assert "PUT" in asked["access-control-allow-methods"]
    every = with_cors(plain, "*", "")
    assert ask(every, Origin="https://any.example")["access-control-allow-origin"] == "*"
