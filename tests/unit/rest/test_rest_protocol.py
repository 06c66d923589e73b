"""Connections of clients that are slow, silent or many, on a real socket with short deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from penstock.rest import protocol
from penstock.rest.server import Listener, RestServer, bind

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]
HEAD = b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\n"
GOOD = b"GET / HTTP/1.1\r\nHost: w\r\n\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the body, once it is whole; nothing when the client has gone."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving() -> AsyncIterator[Connect]:
    taken: socket.socket = bind(Listener("127.0.0.1", 0))
    server = RestServer(echo, [taken])
    ready = asyncio.Event()
    running = asyncio.create_task(server.serve(ready.set))
    await ready.wait()

    writers: list[asyncio.StreamWriter] = []

    async def connect() -> Streams:
        streams = await asyncio.open_connection("127.0.0.1", server.port)
        writers.append(streams[1])
        return streams

    try:
        yield connect
    finally:
        for writer in writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        server.stop()
        await running
        taken.close()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Return all that comes until the connection ends, however it ends."""
    came = b""
    try:
        async with asyncio.timeout(5):
            while part := await reader.read(65536):
                came += part
    except ConnectionError:
        pass
    return came


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="silent"),
        pytest.param(b"GET / HT", id="half a line"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: w\r\nA: ", id="half a header"),
        pytest.param(HEAD + b"half", id="half a body"),
        pytest.param(GOOD + b"GET /", id="half of a second request"),
    ],
)
def test_connection_of_a_client_that_does_not_go_on_is_closed(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(protocol, "REQUEST_TIMEOUT_S", 0.2)

    async def run() -> bytes:
        async with serving() as connect:
            reader, writer = await connect()
            writer.write(sent)
            return await ended(reader)

    answers = asyncio.run(run()).count(b"HTTP/1.1 200")
    assert answers == (1 if sent.startswith(GOOD) else 0)


def test_bytes_one_by_one_put_off_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_TIMEOUT_S", 0.3)

    async def run() -> int:
        async with serving() as connect:
            reader, writer = await connect()
            gone = asyncio.create_task(ended(reader))
            sent = 0
            while not gone.done() and sent < 200:
                writer.write(GOOD[:1] if sent == 0 else b"E")
                sent += 1
                await asyncio.wait({gone}, timeout=0.05)
            await gone
            return sent

    assert asyncio.run(run()) < 50


def test_deadline_is_each_requests_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_TIMEOUT_S", 0.5)

    async def run() -> list[bytes]:
        async with serving() as connect:
            reader, writer = await connect()
            got = []
            for _ in range(3):  # longer in all than one deadline
                writer.write(HEAD + b"half")
                await writer.drain()
                writer.write(b" more")
                await asyncio.sleep(0.2)  # what the deadline is held against
                got.append(await reader.readuntil(b"half more"))
            writer.close()
            return got

    answers = asyncio.run(run())
    assert len(answers) == 3
    assert all(one.startswith(b"HTTP/1.1 200") for one in answers)


def test_where_there_are_too_many_the_longest_silent_one_makes_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "CONNECTIONS_MAX", 5)

    async def run() -> tuple[bytes, bytes]:
        async with serving() as connect:
            first, _ = await connect()
            others = [await connect() for _ in range(20)]
            others[-1][1].write(b"GET / HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n")
            return await ended(first), await ended(others[-1][0])

    gone, answered = asyncio.run(run())
    assert gone == b""
    assert answered.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"nonsense\r\n\r\n", 400, id="nonsense"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"x" * 40_000, 431, id="header"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: x\r\n\r\n", 400, id="length"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
            id="chunk",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: w\r\nA: b\n c\r\n\r\n", 200, id="folded"),
    ],
)
def test_what_is_no_http_is_refused_in_json(sent: bytes, status: int) -> None:
    async def run() -> bytes:
        async with serving() as connect:
            reader, writer = await connect()
            writer.write(sent)
            if status == 200:
                writer.write(b"x\r\n\r\n")
            return await ended(reader)

    answer = asyncio.run(run())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    if status >= 400:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"application/json" in head
        assert json.loads(body)["error_code"] == status
