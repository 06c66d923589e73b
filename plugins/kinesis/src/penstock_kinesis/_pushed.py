"""Enhanced fan-out: the service pushes records, by one HTTP/2 subscription a shard."""

from __future__ import annotations

import contextlib
import json
import logging
import random
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from botocore.eventstream import EventStreamBuffer, EventStreamError, ParserError
from botocore.exceptions import ClientError

from penstock.errors import ConnectError
from penstock_kinesis._answers import loaded
from penstock_kinesis._client import Kinesis
from penstock_kinesis._cursor import Cursor
from penstock_kinesis._failures import Failure, FailureKind, explain
from penstock_kinesis._http2 import Channel, ChannelError
from penstock_kinesis._inflow import Followed, Inflow
from penstock_kinesis._keys import Settings
from penstock_kinesis._pacing import Pace
from penstock_kinesis._records import chunk_of

__all__ = ["Subscriptions", "events", "subscription"]

log = logging.getLogger(__name__)

ACTION: Final = "SubscribeToShard"
CLOSE_WAIT_S: Final = 2.0
_OK: Final = 200


class Subscriptions(Inflow):
    """Takes what is pushed, up to a number of bytes; then nothing is read, and the service waits.

    Each shard has a thread and a connection of its own, so that a shard whose rows wait holds no
    other up. A subscription ends after five minutes at the latest, and is renewed at once from
    where it ended.
    """

    def __init__(
        self, kinesis: Kinesis, settings: Settings, created_ms: int | None, consumer: str
    ) -> None:
        """``consumer``: the ARN of a registered consumer. Start no thread yet."""
        super().__init__(kinesis, settings, created_ms)
        self._consumer = consumer
        self._threads: list[threading.Thread] = []
        self._channels: dict[str, Channel] = {}

    def follow(self, cursor: Cursor, partition: Mapping[str, Any]) -> None:
        """Read this shard from now on, in a thread of its own."""
        pace = Pace(self._settings.idle_s, self._settings.backoff_s, random.uniform)
        followed = Followed(cursor, partition, pace)
        thread = threading.Thread(
            target=self._run, args=(followed,), name=f"kinesis-{cursor.shard[-12:]}", daemon=True
        )
        with self._work:
            self._followed.append(followed)
            self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """End the subscriptions; nobody waits long for a thread that is connecting."""
        with self._work:
            self._is_closed = True
            self._ready.clear()
            channels = list(self._channels.values())
            self._work.notify_all()
        for channel in channels:
            channel.interrupt()
        deadline_s = time.monotonic() + CLOSE_WAIT_S
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))

    def _run(self, followed: Followed) -> None:
        """Subscribe again and again until the shard, or everything, ends."""
        wait_s: float | None = 0.0
        while wait_s is not None:
            with self._work:
                self._work.wait_for(lambda: self._is_closed, wait_s)
                if self._is_closed:
                    return
            try:
                wait_s = self._subscribed(followed)
            except Exception as problem:
                log.exception("a subscription of %s ends", self._kinesis.where)
                self._fail(ConnectError(f"{self._where(followed)}: reading failed: {problem!r}"))
                return
        with self._work:
            self._followed.remove(followed)

    def _subscribed(self, followed: Followed) -> float | None:
        """Subscribe once, to its end; return the wait until the next time, None for never."""
        shard = followed.cursor.shard
        try:
            with contextlib.closing(Channel(self._kinesis.tunnel())) as channel:
                with self._work:
                    if self._is_closed:
                        return None
                    self._channels[shard] = channel
                ask = subscription(self._consumer, followed.cursor)
                url, headers, body = self._kinesis.signed(ACTION, ask)
                with channel.post(url, headers, body) as answer:
                    if answer.status != _OK:
                        raise _refused(answer.status, answer.rest())
                    for event in events(answer.pieces()):
                        followed.pace.failures = 0
                        if not self._pushed(followed, event):
                            return None
        except (ChannelError, EventStreamError, ParserError, ClientError, OSError) as problem:
            with self._work:
                if self._is_closed:
                    return None
            return self._broken(followed, explain(problem, ACTION, self._where(followed)))
        finally:
            with self._work:
                self._channels.pop(shard, None)
        return 0.0

    def _pushed(self, followed: Followed, event: Mapping[str, Any]) -> bool:
        """Keep an event's rows when there is room; False when it was the last of all."""
        cursor = followed.cursor
        following = event.get("ContinuationSequenceNumber")
        chunk = chunk_of(
            event.get("Records", ()),
            cursor,
            followed.partition,
            self._created_ms,
            has_aggregates=self._settings.has_aggregates,
        )
        # What an iterator is to a reader: gone on from, also past numbers that have no record.
        cursor.iterator = following
        chunk.finished = following is None
        followed.behind_ms = event.get("MillisBehindLatest") or 0
        with self._work:
            self._keep(chunk)
            self._work.wait_for(lambda: self._is_closed or self._held < self._settings.buffer_bytes)
            return not (self._is_closed or chunk.finished)

    def _broken(self, followed: Followed, failure: Failure) -> float | None:
        kind = failure.kind
        if kind is FailureKind.FATAL:
            self._fail(failure.error())
            return None
        self._tell(kind, failure.message)
        if kind is FailureKind.GONE:
            chunk = self._gone(followed)
            if chunk is not None:
                with self._work:
                    self._keep(chunk)
                return None
        return followed.pace.failed()


def subscription(consumer: str, cursor: Cursor) -> dict[str, Any]:
    """Return how to subscribe from a cursor's place on."""
    if cursor.iterator is not None:
        start: dict[str, Any] = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": cursor.iterator}
    else:
        asked = cursor.iterator_request()
        start = {"Type": asked["ShardIteratorType"]}
        if "StartingSequenceNumber" in asked:
            start["SequenceNumber"] = asked["StartingSequenceNumber"]
        if "Timestamp" in asked:
            start["Timestamp"] = asked["Timestamp"].timestamp()
    return {"ConsumerARN": consumer, "ShardId": cursor.shard, "StartingPosition": start}


def events(pieces: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """Return the events that the bytes of an answer hold, as they come.

    Raises:
        ClientError: the service tells a failure inside the stream.
        ParserError: the bytes are no event stream.
    """
    buffer = EventStreamBuffer()
    for piece in pieces:
        buffer.add_data(piece)
        for message in buffer:
            headers = message.headers
            if headers.get(":message-type") != "event":
                code = headers.get(":exception-type") or headers.get(":error-code")
                raise _refused(0, message.payload, code or "InternalFailure")
            if headers.get(":event-type") == "SubscribeToShardEvent":
                yield loaded(message.payload)


def _refused(status: int, body: bytes, code: str = "") -> ClientError:
    """Return a refusal as the client for all other questions raises it."""
    try:
        told = json.loads(body)
    except ValueError:
        told = {}
    if not isinstance(told, dict):
        told = {}
    code = code or str(told.get("__type", "")).rpartition("#")[2]
    said = told.get("message") or told.get("Message") or ""
    response: Any = {
        "Error": {"Code": code or f"HTTP {status}", "Message": said},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, ACTION)
