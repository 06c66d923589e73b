"""Requests that are wrong, hostile, large or slow, to a real worker: the right answer to each.

After every one the worker answers, a pipeline beside it still moves, and nothing was kept of what
was refused.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from tests.workers import PenstockWorker, eventually, worker

pytestmark = pytest.mark.integration

MIB = 1 << 20
CONFIG = {"connector.class": "FileStreamSource", "file": "/nonexistent/in.txt", "topic": "t"}
JSON_TYPE = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PenstockWorker]:
    folder = tmp_path_factory.mktemp("rest")
    with worker(f"embedded:{folder / 'log.db'}", folder) as one:
        text = folder / "in.txt"
        text.touch()
        one.put("src", {"connector.class": "FileStreamSource", "file": str(text), "topic": "pipe"})
        one.put(
            "snk",
            {
                "connector.class": "FileStreamSink",
                "file": str(folder / "out.txt"),
                "topics": "pipe",
                "consumer.override.auto.offset.reset": "earliest",
            },
        )
        one.wait_running("snk")
        yield one


@pytest.fixture(autouse=True)
def unharmed(running: PenstockWorker) -> Iterator[None]:
    """Hold after each test that the worker lives, its pipeline moves, and nothing is left."""
    yield
    assert running.request("GET", "/health").json()["status"] == "healthy"
    assert sorted(running.request("GET", "/connectors").json()) == ["snk", "src"]
    out = running.folder / "out.txt"
    before = out.stat().st_size if out.exists() else 0
    with (running.folder / "in.txt").open("a") as file:
        file.write("one more line\n")
    eventually(lambda: out.exists() and out.stat().st_size > before, what="a line goes through")


def post(running: PenstockWorker, content: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    answer = running.request(
        "POST", "/connectors", content=content, headers={**JSON_TYPE, **headers}
    )
    return answer.status_code, answer.json()


def request(name: Any = "t", config: Any = None, **more: Any) -> bytes:
    body = {"name": name, "config": CONFIG if config is None else config, **more}
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"", "needs a JSON body", id="empty"),
        pytest.param(b"null", "got null", id="null"),
        pytest.param(b"{", "not JSON", id="truncated"),
        pytest.param(b"[]", "got an array", id="array"),
        pytest.param(request() + b"x", "not JSON", id="trailing"),
        pytest.param(request(more=1), "'more'", id="unknown-field"),
        pytest.param(b'{"name":"t"}', "'config'", id="no-config"),
        pytest.param(request(config=[]), "'config'", id="config-array"),
        pytest.param(request(config={**CONFIG, "a": {}}), "'a'", id="value-object"),
        pytest.param(request(config={**CONFIG, "a": None}), "'a'", id="value-null"),
        pytest.param(request(name=None), "name", id="name-null"),
        pytest.param(request(name=""), "name", id="name-empty"),
        pytest.param(request(name="  "), "name", id="name-blank"),
        pytest.param(request(name="a\nb"), "name", id="name-newline"),
        pytest.param(request(name="a\0b"), "name", id="name-nul"),
        pytest.param(request(config={**CONFIG, "name": "u"}), "doesn't match", id="name-differs"),
        pytest.param(request(name="x" * 100_000), "8000 bytes", id="name-long"),
        pytest.param(b'{"name":"\\ud800","config":{}}', "UTF-8", id="name-surrogate"),
        pytest.param(b'{"name":"\xff","config":{}}', "UTF-8", id="bad-utf8"),
        pytest.param(b'{"name":"t","config":{"a":NaN}}', "NaN", id="nan"),
        pytest.param(b'{"a":' + b"1" * 5000 + b"}", "digits", id="digits"),
        pytest.param(b"[" * 100_000, "deeper", id="nesting"),
        pytest.param(request(initial_state="EXPLODED"), "EXPLODED", id="state"),
        pytest.param(request(config={}), "connector.class", id="no-class"),
    ],
)
def test_create_that_makes_no_sense_is_400_and_says_why(
    running: PenstockWorker, body: bytes, says: str
) -> None:
    status, answer = post(running, body)
    assert (status, answer["error_code"]) == (400, 400), answer
    assert says in answer["message"]


@pytest.mark.parametrize(
    "name",
    ["a/b", "..", ".", "<img src=x onerror=alert(1)>", "x" * 249, "é😀", "a?b#c;d", "%2F", "a\\b"],
)
def test_unusual_name_is_created_read_changed_and_deleted(
    running: PenstockWorker, name: str
) -> None:
    path = "/connectors/" + quote(name, safe="").replace(".", "%2E")
    answer = running.request("POST", "/connectors", content=request(name), headers=JSON_TYPE)
    assert answer.status_code == 201, answer.text
    # As the original, it leaves some characters as they are; none that would end the name.
    location = answer.headers["location"].removeprefix("/connectors/")
    assert unquote(location) == name
    assert not set(location) & set("/?#;<> ")
    assert name in running.request("GET", "/connectors").json()
    assert running.request("GET", path).json()["name"] == name
    eventually(
        lambda: running.request("GET", f"{path}/tasks/0/status").json().get("state") == "RUNNING",
        what="it runs",
    )
    assert running.request("PUT", f"{path}/config", json=CONFIG).status_code == 200
    assert running.request("PUT", f"{path}/pause").status_code == 202
    assert running.request("DELETE", path).status_code == 204
    assert running.request("GET", f"{path}/status").status_code == 404


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_json_in_another_encoding_is_read(running: PenstockWorker, encoding: str) -> None:
    assert post(running, request("t").decode().encode(encoding))[0] == 201
    assert running.request("DELETE", "/connectors/t").status_code == 204


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": ""},
    ],
    ids=str,
)
def test_web_page_cannot_create_a_connector(
    running: PenstockWorker, headers: dict[str, str]
) -> None:
    """A browser sends these types, or none, to any address without asking first."""
    assert post(running, request(), **headers)[0] == 415


def test_compressed_and_large_bodies_are_refused(running: PenstockWorker) -> None:
    assert post(running, gzip.compress(request()), **{"Content-Encoding": "gzip"})[0] == 415
    status, answer = post(running, request(config={**CONFIG, "a": "x" * 10 * MIB}))
    assert (status, answer["error_code"]) == (413, 413)
    assert str(10 * MIB) in answer["message"]


def test_many_keys_are_taken(running: PenstockWorker) -> None:
    keys = {f"key.{number}": "v" for number in range(10_000)}
    assert post(running, request(config={**CONFIG, **keys}))[0] == 201
    assert len(running.request("GET", "/connectors/t/config").json()) == 10_000 + 4
    assert running.request("DELETE", "/connectors/t").status_code == 204


def raw(running: PenstockWorker, data: bytes) -> bytes:
    """Send bytes as they are and return what is answered until the end."""
    with connection(running) as wire:
        answer = b""
        # A worker that has refused enough hangs up while the rest is on its way.
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            wire.sendall(data)
            while part := wire.recv(65536):
                answer += part
        return answer


@contextlib.contextmanager
def connection(running: PenstockWorker) -> Iterator[socket.socket]:
    url = urlsplit(running.url)
    with socket.create_connection((url.hostname, url.port), timeout=20) as wire:
        yield wire


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/connectors/%00", 400),
        ("/connectors/%zz", 400),
        ("/connectors/%ff", 400),
        ("/connectors/a%0D%0AX-Evil:%201", 400),
        ("/connectors/../admin/loggers", 404),
        ("/connectors/%2e%2e/admin/loggers", 404),
        ("/connectors//src", 400),
        ("/connectors/" + "x" * 8000, 404),
    ],
)
def test_odd_targets(running: PenstockWorker, target: str, status: int) -> None:
    line = f"GET {target} HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n"
    answer = raw(running, line.encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert b"\r\nX-Evil" not in answer


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"nonsense\r\n\r\n", id="nonsense"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: w\r\nA: " + b"x" * MIB, id="header-without-end"),
        pytest.param(
            b"POST /connectors HTTP/1.1\r\nHost: w\r\nContent-Length: x\r\n\r\n", id="bad-length"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            id="two-lengths",
        ),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no-host"),
    ],
)
def test_request_that_is_no_http_is_refused_and_the_connection_closed(
    running: PenstockWorker, data: bytes
) -> None:
    answer = raw(running, data)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 ")) or len(data) >= MIB, answer


def test_length_and_chunks_at_once_smuggle_nothing(running: PenstockWorker) -> None:
    """Whichever of the two a proxy believes, no second request is read out of the first's body."""
    smuggled = b"0\r\n\r\nDELETE /connectors/src HTTP/1.1\r\nHost: w\r\n\r\n"
    answer = raw(
        running,
        b"POST /connectors HTTP/1.1\r\nHost: w\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n"
        % len(smuggled)
        + smuggled,
    )
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_slow_bodies_block_nobody(running: PenstockWorker) -> None:
    with contextlib.ExitStack() as stack:
        head = (
            b"POST /connectors HTTP/1.1\r\nHost: w\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\n\r\n{"
        )
        for _ in range(300):
            stack.enter_context(connection(running)).sendall(head)
        begun = time.monotonic()
        assert running.request("GET", "/connectors?expand=status").status_code == 200
        assert time.monotonic() - begun < 2


def test_client_that_leaves_in_the_middle_leaves_nothing(running: PenstockWorker) -> None:
    body = request("gone")
    head = b"POST /connectors HTTP/1.1\r\nHost: w\r\nContent-Type: application/json\r\n"
    with connection(running) as wire:
        wire.sendall(head + b"Content-Length: %d\r\n\r\n" % (len(body) + 10) + body)
    assert running.request("GET", "/connectors/gone").status_code == 404


def test_many_requests_at_once_create_one_connector(running: PenstockWorker) -> None:
    body = request("race")
    head = (
        b"POST /connectors HTTP/1.1\r\nHost: w\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(connection(running)) for _ in range(8)]
        for wire in wires:
            wire.sendall(head + body)
        answers = [wire.makefile("rb").readline().split()[1] for wire in wires]
    assert sorted(answers) == [b"201"] + [b"409"] * 7
    assert running.request("DELETE", "/connectors/race").status_code == 204
