"""A stub of enhanced fan-out: SubscribeToShard over real HTTP/2 in the event stream's framing.

It stands before moto, which knows streams and consumers but not how to push. A connection that
begins with HTTP/2's preface is a subscription, whose records are read from moto; any other is
handed on to moto byte for byte.
"""

from __future__ import annotations

import base64
import contextlib
import json
import select
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError

from tests.parts.kinesis import client
from tests.parts.processes import LOOPBACK

PREFACE: Final = b"PRI * HTTP/2.0"
LOOK_S: Final = 0.005
SILENCE_S: Final = 0.2

Refusal = tuple[str, str]


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one message of the event stream."""
    packed = b"".join(
        struct.pack("!B", len(name))
        + name.encode()
        + struct.pack("!BH", 7, len(text))
        + text.encode()
        for name, text in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + packed + payload
    return message + struct.pack("!I", zlib.crc32(message))


def event(kind: str, told: Mapping[str, Any]) -> bytes:
    """Return an event as the service frames it."""
    return frame(
        {
            ":message-type": "event",
            ":event-type": kind,
            ":content-type": "application/x-amz-json-1.1",
        },
        json.dumps(told).encode(),
    )


def exception(code: str, message: str = "made up") -> bytes:
    """Return a failure inside a stream as the service frames it."""
    return frame(
        {
            ":message-type": "exception",
            ":exception-type": code,
            ":content-type": "application/x-amz-json-1.1",
        },
        json.dumps({"message": message}).encode(),
    )


class PushServer:
    """The stub. ``lasts_s``: how long a subscription lasts; the service's last 300 s.

    ``refusal(ask)``: the code to refuse a subscription with, or None. ``during(n)``: the code to
    end a subscription with after its n-th event, or None. ``ended``: shards that have no more.
    """

    def __init__(self, moto: str, *, lasts_s: float = 300.0, records: int = 1000) -> None:
        self._moto = urlsplit(moto)
        self._moto_url = moto
        self._records = records
        self.lasts_s = lasts_s
        self.refusal: Callable[[Mapping[str, Any]], str | None] = lambda _: None
        self.during: Callable[[int], str | None] = lambda _: None
        self.ended: set[str] = set()
        self.asked: list[Mapping[str, Any]] = []
        self.signed: list[str] = []
        self.live: list[str] = []
        self.most_live: dict[str, int] = {}
        self.sent_bytes = 0
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((LOOPBACK, 0))
        self.url = f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop; returns when no connection is served any more."""
        self._closed.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in list(self._threads):
            thread.join(10)

    @property
    def is_closed(self) -> bool:
        """Whether it stops."""
        return self._closed.is_set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                found, _ = self._listener.accept()
                found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # Little waits here, so that what was sent is about what was taken.
                found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
                thread = threading.Thread(target=self._serve, args=(found,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, found: socket.socket) -> None:
        with contextlib.closing(found), contextlib.suppress(OSError, ProtocolError):
            if found.recv(len(PREFACE), socket.MSG_PEEK | socket.MSG_WAITALL) == PREFACE:
                _Subscription(self, found).serve()
            else:
                self._hand_on(found)

    def _hand_on(self, near: socket.socket) -> None:
        with socket.create_connection((self._moto.hostname, self._moto.port)) as far:
            while not self._closed.is_set():
                for one in select.select([near, far], [], [], 0.5)[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    (far if one is near else near).sendall(data)

    def told(self, ask: Mapping[str, Any]) -> Iterator[dict[str, Any] | None]:
        """Return what a subscription tells: events, and None where there is nothing just now."""
        kinesis = client(self._moto_url)
        name = ask["ConsumerARN"].partition("stream/")[2].partition("/")[0]
        start = dict(ask["StartingPosition"])
        kind, number = start["Type"], start.get("SequenceNumber")
        asked: dict[str, Any] = {"ShardIteratorType": kind}
        if kind == "AFTER_SEQUENCE_NUMBER" and number == "0":
            # What is told before the first record; moto takes no such number.
            asked = {"ShardIteratorType": "TRIM_HORIZON"}
        elif number is not None:
            asked["StartingSequenceNumber"] = number
        if "Timestamp" in start:
            asked["Timestamp"] = start["Timestamp"]
        iterator = kinesis.get_shard_iterator(StreamName=name, ShardId=ask["ShardId"], **asked)[
            "ShardIterator"
        ]
        last, told_s = number or "0", 0.0
        while True:
            found = kinesis.get_records(ShardIterator=iterator, Limit=self._records)
            iterator, records = found["NextShardIterator"], found["Records"]
            if records:
                last = records[-1]["SequenceNumber"]
            elif ask["ShardId"] in self.ended:
                yield {"Records": [], "MillisBehindLatest": 0, "ChildShards": [{"ShardId": "x"}]}
                return
            elif time.monotonic() - told_s < SILENCE_S:
                yield None
                continue
            told_s = time.monotonic()
            yield {
                "Records": [_record(record) for record in records],
                "ContinuationSequenceNumber": last,
                "MillisBehindLatest": found.get("MillisBehindLatest", 0),
            }


def _record(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "SequenceNumber": record["SequenceNumber"],
        "PartitionKey": record["PartitionKey"],
        "Data": base64.b64encode(record["Data"]).decode(),
        "ApproximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
    }


class _Subscription:
    """One connection: its subscriptions, one after the other."""

    def __init__(self, server: PushServer, found: socket.socket) -> None:
        self._server = server
        self._socket = found
        self._h2 = H2Connection(H2Configuration(client_side=False))
        self._bodies: dict[int, bytes] = {}
        self._headers: dict[int, dict[str, str]] = {}
        self._asked: list[int] = []

    def serve(self) -> None:
        self._h2.initiate_connection()
        self._flush()
        while not self._server.is_closed and self._take(0.5):
            while self._asked:
                self._answer(self._asked.pop(0))

    def _take(self, timeout_s: float) -> bool:
        """Take what the other side says; False when it is gone."""
        if not select.select([self._socket], [], [], timeout_s)[0]:
            return True
        data = self._socket.recv(65536)
        for one in self._h2.receive_data(data) if data else ():
            if isinstance(one, RequestReceived):
                self._bodies[one.stream_id] = b""
                self._headers[one.stream_id] = {
                    _text(name): _text(text) for name, text in one.headers
                }
            elif isinstance(one, DataReceived):
                self._bodies[one.stream_id] += one.data
                self._h2.acknowledge_received_data(one.flow_controlled_length, one.stream_id)
            elif isinstance(one, StreamEnded):
                self._asked.append(one.stream_id)
        self._flush()
        return bool(data)

    def _answer(self, stream: int) -> None:
        server, ask = self._server, json.loads(self._bodies[stream])
        assert self._headers[stream]["x-amz-target"] == "Kinesis_20131202.SubscribeToShard"
        server.signed.append(self._headers[stream].get("authorization", ""))
        server.asked.append(ask)
        shard = ask["ShardId"]
        code = server.refusal(ask)
        if code is None and server.live.count(shard):
            code = "ResourceInUseException"
        if code is not None:
            self._head(stream, 400, "application/x-amz-json-1.1")
            self._send(stream, json.dumps({"__type": code, "message": "made up"}).encode())
            return self._end(stream)
        server.live.append(shard)
        server.most_live[shard] = max(server.most_live.get(shard, 0), server.live.count(shard))
        try:
            self._head(stream, 200, "application/vnd.amazon.eventstream")
            self._send(stream, event("initial-response", {}))
            self._push(stream, ask)
        finally:
            server.live.remove(shard)
        return None

    def _push(self, stream: int, ask: Mapping[str, Any]) -> None:
        server, until_s = self._server, time.monotonic() + self._server.lasts_s
        for number, told in enumerate(server.told(ask)):
            if told is None:
                if not self._take(LOOK_S):
                    raise ConnectionResetError
            else:
                self._send(stream, event("SubscribeToShardEvent", told))
                code = server.during(number)
                if code is not None:
                    self._send(stream, exception(code))
                    break
            if time.monotonic() > until_s or server._closed.is_set():
                break
        self._end(stream)

    def _head(self, stream: int, status: int, kind: str) -> None:
        self._h2.send_headers(stream, [(":status", str(status)), ("content-type", kind)])
        self._flush()

    def _send(self, stream: int, data: bytes) -> None:
        server = self._server
        while data:
            room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
            if room <= 0:
                if server.is_closed or not self._take(0.5):
                    raise ConnectionResetError
                continue
            self._h2.send_data(stream, data[:room])
            server.sent_bytes += len(data[:room])
            data = data[room:]
            self._flush()

    def _end(self, stream: int) -> None:
        self._h2.end_stream(stream)
        self._flush()

    def _flush(self) -> None:
        self._socket.sendall(self._h2.data_to_send())


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
