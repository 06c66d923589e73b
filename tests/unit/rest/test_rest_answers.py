"""From requests to answers without a socket: media types, bounds, and what errors become."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from penstock import errors
from penstock.rest.app import RestApp
from penstock.rest.bodies import BODY_BYTES_MAX
from penstock.rest.errors import HttpError, error_body, status_of
from penstock.rest.service import RestService
from penstock.runtime.herder.commands import Command, PutConnector
from penstock.runtime.levels import LevelBook

JSON = {"Content-Type": "application/json"}


class Herder:
    """Answers every command with ``result``, or raises it."""

    def __init__(self, result: Any = None) -> None:
        self.result = result
        self.asked: list[Any] = []

    def submit(self, command: Command) -> Future[Any]:
        self.asked.append(command)
        future: Future[Any] = Future()
        if isinstance(self.result, Exception):
            future.set_exception(self.result)
        else:
            future.set_result(self.result)
        return future


def app(herder: Herder) -> RestApp:
    return RestApp(
        RestService(
            submit=herder.submit,
            call=lambda name, _arguments: herder.submit(name),  # type: ignore[arg-type]
            list_plugins=lambda: [
                {"class": "a.Source", "type": "source", "version": "1"},
                {"class": "a.Cast", "type": "transformation"},
            ],
            version="1",
            commit="c",
            cluster_id="k",
            levels=LevelBook(),
            set_level=LevelBook().set,
        )
    )


def ask(herder: Herder, method: str, path: str, **more: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app(herder))
        async with httpx.AsyncClient(transport=transport, base_url="http://w") as client:
            return await client.request(method, path, **more)

    return asyncio.run(once())


def every_error() -> list[type[errors.PenstockError]]:
    found = [errors.PenstockError]
    for kind in found:
        found.extend(sub for sub in kind.__subclasses__() if sub not in found)
    return [kind for kind in found if kind is not HttpError]


WANTED = {
    errors.NotFoundError: 404,
    errors.AlreadyExistsError: 409,
    errors.ConflictError: 409,
    errors.BadRequestError: 400,
    errors.ConfigError: 400,
    errors.PluginError: 400,
    errors.TimedOutError: 500,
}


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_keeps_its_message(kind: type[Exception]) -> None:
    try:
        error = kind("what happened: é")
    except TypeError:
        pytest.skip("made of more than a message; a subclass of one that is looked at")
    wanted = next((WANTED[base] for base in kind.__mro__ if base in WANTED), 500)
    assert status_of(error) == wanted
    assert error_body(error) == {"error_code": wanted, "message": "what happened: é"}
    answer = ask(Herder(error), "GET", "/connectors")
    assert answer.status_code == wanted
    assert answer.json() == {"error_code": wanted, "message": "what happened: é"}


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError("secret"), RuntimeError()])
def test_unexpected_error_is_500_and_its_text_stays_here(error: Exception) -> None:
    answer = ask(Herder(error), "GET", "/connectors")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["error_code"] == 500


@pytest.mark.parametrize("status", [404, 405, 406, 408, 413, 415])
def test_http_errors_say_what_http_says(status: int) -> None:
    phrase = HTTPStatus(status).phrase
    assert error_body(HttpError(status)) == {
        "error_code": status,
        "message": f"HTTP {status} {phrase}",
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "application/json"}, 201),
        ({"Content-Type": "APPLICATION/JSON; charset=utf-8"}, 201),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/jsonx"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "Identity"}, 201),
    ],
)
def test_media_types(headers: dict[str, str], status: int) -> None:
    herder = Herder({"created": True, "info": {}})
    answer = ask(
        herder, "POST", "/connectors", content=b'{"name":"a/b","config":{}}', headers=headers
    )
    assert answer.status_code == status
    assert len(herder.asked) == (status == 201)
    if status == 201:
        assert answer.headers["location"] == "/connectors/a%2Fb"
        assert herder.asked == [PutConnector("a/b", {"name": "a/b"}, replace=False)]
    else:
        assert answer.json() == {"error_code": 415, "message": "HTTP 415 Unsupported Media Type"}
        assert "content-type" not in answer.headers


def test_large_body_is_413_before_it_is_read() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1 << 20
            yield b" " * (1 << 20)

    herder = Herder()
    answer = ask(herder, "POST", "/connectors", content=endless(), headers=JSON)
    assert answer.status_code == 413
    assert str(BODY_BYTES_MAX) in answer.json()["message"]
    assert read <= BODY_BYTES_MAX + (2 << 20)
    told = ask(
        herder,
        "POST",
        "/connectors",
        content=b"{}",
        headers={**JSON, "Content-Length": str(BODY_BYTES_MAX + 1)},
    )
    assert told.status_code == 413
    assert not herder.asked


def test_body_of_get_and_delete_is_not_read() -> None:
    herder = Herder([])
    for method in ("GET", "DELETE"):
        answer = ask(
            herder, method, "/connectors/x", content=b"{", headers={"Content-Type": "text/plain"}
        )
        assert answer.is_success


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "0"}, JSON])
def test_request_without_a_body_needs_no_type(headers: dict[str, str]) -> None:
    assert ask(Herder(), "PUT", "/connectors/x/pause", headers=headers).status_code == 202
    empty = ask(Herder(), "POST", "/connectors", headers=headers)
    assert (empty.status_code, empty.json()["message"]) == (400, "the request needs a JSON body")


@pytest.mark.parametrize(
    ("path", "allow"),
    [("/connectors", "GET,HEAD,OPTIONS,POST"), ("/connectors/x/pause", "OPTIONS,PUT")],
)
def test_options_and_405_name_the_methods(path: str, allow: str) -> None:
    options = ask(Herder(), "OPTIONS", path)
    assert (options.status_code, options.headers["allow"]) == (200, allow)
    refused = ask(Herder(), "BREW", path)
    assert (refused.status_code, refused.headers["allow"]) == (405, allow)
    assert ask(Herder(), "OPTIONS", "/nothing").status_code == 404


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 1), ("?connectorsOnly=true", 1), ("?connectorsOnly=FALSE", 2), ("?other=1", 1)],
)
def test_plugins_are_connectors_unless_all_are_asked_for(query: str, count: int) -> None:
    assert len(ask(Herder(), "GET", f"/connector-plugins{query}").json()) == count


@pytest.mark.parametrize("task", ["-1", "99999999999", "-99999999999"])
def test_task_number_that_cannot_be_is_404(task: str) -> None:
    herder = Herder()
    answer = ask(herder, "GET", f"/connectors/x/tasks/{task}/status")
    assert (answer.status_code, herder.asked) == (404, [])


@pytest.mark.parametrize("task", ["abc", "1.0", "--1", "-", "+1", "0x1", "%D9%A1", "%C2%B2"])
def test_task_that_is_no_number_is_no_path(task: str) -> None:
    answer = ask(Herder(), "GET", f"/connectors/x/tasks/{task}/status")
    assert (answer.status_code, answer.json()["message"]) == (404, "HTTP 404 Not Found")


def test_answers_are_utf8_whatever_stands_in_them() -> None:
    answer = ask(Herder(errors.NotFoundError("é \ud800")), "GET", "/connectors/x")
    assert answer.status_code == 404
    assert json.loads(answer.content)["message"] == "é \ud800"
    assert answer.headers["content-type"] == "application/json"
