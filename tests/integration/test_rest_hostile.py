"""Clients that mean harm, at a live worker: nobody else waits for them, and they get nowhere."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from tests.workers import PenstockWorker, eventually, worker

pytestmark = pytest.mark.integration

SOON_S = 1.0
HEAD = b"POST /connectors HTTP/1.1\r\nHost: w\r\nContent-Type: application/json\r\n"
GET = b"GET / HTTP/1.1\r\nHost: w\r\n"
CLOSE = b"Connection: close\r\n\r\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PenstockWorker]:
    folder = tmp_path_factory.mktemp("hostile")
    with worker(f"embedded:{folder / 'log.db'}", folder) as one:
        yield one


@pytest.fixture(autouse=True)
def unharmed(running: PenstockWorker) -> Iterator[None]:
    """Hold after each test that the worker answers, keeps nothing, and logs no fault."""
    yield
    assert running.request("GET", "/health").json()["status"] == "healthy"
    assert running.request("GET", "/connectors").json() == []
    assert "Traceback" not in running.log.read_text()


def connect(running: PenstockWorker) -> socket.socket:
    url = urlsplit(running.url)
    return socket.create_connection((url.hostname, url.port), timeout=20)


def asked(running: PenstockWorker, data: bytes) -> bytes:
    """Send bytes as they are and return all that comes back until the end."""
    answer = b""
    with connect(running) as wire, contextlib.suppress(ConnectionError):
        wire.sendall(data)
        while part := wire.recv(65536):
            answer += part
    return answer


def answers_soon(running: PenstockWorker) -> None:
    begun = time.monotonic()
    assert running.request("GET", "/").status_code == httpx.codes.OK
    assert time.monotonic() - begun < SOON_S


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="silent"),
        pytest.param(b"GET / HT", id="half a line"),
        pytest.param(HEAD, id="half a head"),
        pytest.param(HEAD + b"Content-Length: 1000\r\n\r\n{", id="half a body"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", id="half a chunk"),
        pytest.param(GET + b"Content-Length: 9\r\n\r\n", id="body of a get"),
    ],
)
def test_slow_clients_block_nobody(running: PenstockWorker, sent: bytes) -> None:
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(connect(running)) for _ in range(250)]
        for wire in wires:
            wire.sendall(sent)
        answers_soon(running)
        for wire in wires[:50]:  # one byte more of each, which completes nothing
            with contextlib.suppress(ConnectionError):
                wire.sendall(b"x")
        answers_soon(running)


def test_slow_body_is_answered_408_in_time(running: PenstockWorker) -> None:
    begun = time.monotonic()
    with connect(running) as wire:
        wire.settimeout(60)
        wire.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
        answer = wire.recv(65536)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert 25 < time.monotonic() - begun < 40


def test_more_connections_than_are_kept_do_not_shut_out_others(running: PenstockWorker) -> None:
    """The silent ones that have waited longest make place."""
    with contextlib.ExitStack() as stack:
        for number in range(1500):
            wire = stack.enter_context(connect(running))
            if number % 3 == 0:
                wire.sendall(HEAD)
            if number % 500 == 499:
                eventually(lambda: running.request("GET", "/").status_code == 200, 10)
        answers_soon(running)


def test_answers_that_nobody_reads_block_nobody(running: PenstockWorker) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            wire = stack.enter_context(connect(running))
            for _ in range(20):
                wire.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: w\r\n\r\n")
        answers_soon(running)


@pytest.mark.parametrize(
    ("data", "starts"),
    [
        pytest.param(GET + b"A: " + b"x" * 20_000 + b"\r\n" + CLOSE, b"HTTP/1.1 431", id="header"),
        pytest.param(
            GET + b"".join(b"h%d: x\r\n" % one for one in range(300)) + CLOSE,
            b"HTTP/1.1 200",
            id="300 headers",
        ),
        pytest.param(
            GET + b"".join(b"h%d: x\r\n" % one for one in range(9000)) + CLOSE,
            b"HTTP/1.1 431",
            id="9000 headers",
        ),
        pytest.param(
            HEAD + b"Content-Length: 11000000\r\n" + CLOSE, b"HTTP/1.1 413", id="length told"
        ),
        pytest.param(
            HEAD + b"Content-Length: 99999999999999999999\r\n" + CLOSE,
            b"HTTP/1.1 413",
            id="length beyond 64 bits",
        ),
        pytest.param(
            HEAD + b"Content-Length: -1\r\n" + CLOSE, b"HTTP/1.1 400", id="length below zero"
        ),
        pytest.param(
            HEAD + b"Transfer-Encoding: gzip\r\n" + CLOSE, b"HTTP/1.1 501", id="transfer encoding"
        ),
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 200", id="HTTP/1.0 without Host"),
        pytest.param(b"GET / HTTP/1.1\r\n" + CLOSE, b"HTTP/1.1 400", id="no Host"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + CLOSE, b"HTTP/1.1 400", id="two Hosts"
        ),
        pytest.param(b"GET / HTTP/3.7\r\nHost: w\r\n" + CLOSE, b"HTTP/1.1 505", id="other version"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"HTTP/1.1 505", id="HTTP/2 unasked"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HTTP/1.1 400", id="TLS"),
        pytest.param(b"\x00" * 100 + b"\r\n\r\n", b"HTTP/1.1 400", id="zeros"),
        pytest.param(
            GET + b"Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n",
            b"HTTP/1.1 200",
            id="websocket",
        ),
        pytest.param(
            b"GET http://other.example/connectors HTTP/1.1\r\nHost: w\r\n" + CLOSE,
            b"HTTP/1.1 200",
            id="absolute target",
        ),
        pytest.param(b"CONNECT a:1 HTTP/1.1\r\nHost: w\r\n" + CLOSE, b"HTTP/1.1 4", id="connect"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: w\r\n" + CLOSE, b"HTTP/1.1 ", id="asterisk"),
    ],
)
def test_odd_request_is_answered_or_refused_at_once(
    running: PenstockWorker, data: bytes, starts: bytes
) -> None:
    answer = asked(running, data)
    assert answer.startswith(starts), answer[:300]
    assert answer.count(b"HTTP/1.1 ") <= 2


def test_garbage_behind_good_requests_ends_the_connection_after_their_answers(
    running: PenstockWorker,
) -> None:
    answer = asked(running, (GET + b"\r\n") * 3 + b"garbage\r\n\r\n" + GET + CLOSE)
    assert answer.count(b"HTTP/1.1 200 ") == 3
    assert answer.count(b"HTTP/1.1 400 ") == 1


def test_large_body_that_was_not_told_is_cut_off(running: PenstockWorker) -> None:
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with connect(running) as wire:
        wire.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        with contextlib.suppress(ConnectionError, TimeoutError):
            wire.settimeout(5)
            while sent < 60:
                wire.sendall(chunk)
                sent += 1
        with contextlib.suppress(ConnectionError, TimeoutError):
            assert wire.recv(4096).startswith(b"HTTP/1.1 413 ")
    answers_soon(running)
