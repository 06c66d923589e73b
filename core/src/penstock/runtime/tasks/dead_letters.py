"""The dead letter queue of a sink task: where its bad records go (source: DeadLetterQueueReporter).

The task's loop calls it directly, on its own thread. Offsets of consumed records may be committed
only after :meth:`DeadLetters.flush` said that all letters are stored.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import attrs

from penstock.errors import BrokerError, ConnectError, RetriableError
from penstock.runtime.broker import Admin, EncodedBatch, Producer, TopicSpec
from penstock.runtime.pipeline.failure import Consumed
from penstock.runtime.tasks.progress import Faults

__all__ = ["DeadLetterQueue", "DeadLetters", "Ticket", "make_topic"]

log = logging.getLogger(__name__)

ROWS_MAX: Final = 2_000
"""Letters that are not acknowledged yet; then whoever puts one more waits."""
BYTES_MAX: Final = 8 * 1024 * 1024
"""Their bytes, headers among them; one letter more, when it is larger."""
ROOM_WAIT_MAX_S: Final = 60.0
"""How long it waits before the task fails, as long as a producer of the original blocks."""
PUSH_ROWS: Final = 200
"""Letters that are sent at once; fewer wait up to PUSH_S."""
PUSH_S: Final = 0.1
POLL_S: Final = 0.05
RETRY_S: Final = 0.2
PARTITIONS: Final = 1
ADMIN_TIMEOUT_S: Final = 30.0

Headers = Sequence[tuple[str, bytes | None]]


@attrs.define(eq=False)
class Ticket:
    """One letter on its way."""

    row: Consumed
    headers: Headers
    size: int
    stored: bool = False


class DeadLetters(Protocol):
    """Takes records that failed. Owner: the task's thread."""

    def put(self, row: Consumed, headers: Headers) -> Ticket:
        """Take a record and the headers to add to it; may wait for room.

        Raises:
            BrokerError: there is no room for too long, or an earlier letter was refused.
        """

    def push(self) -> None:
        """Send what is due and hear what became of it, without waiting; raises BrokerError."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until every letter is stored; False when some are not yet. Raises BrokerError."""


class DeadLetterQueue:
    """Dead letters in a topic, over any broker's producer. Owner: the task's thread."""

    def __init__(
        self,
        topic: str,
        producer: Producer,
        *,
        wait: Callable[[float], bool],
        stopping: Callable[[], bool],
        rows_max: int = ROWS_MAX,
        bytes_max: int = BYTES_MAX,
        room_wait_max_s: float = ROOM_WAIT_MAX_S,
        faults: Faults | None = None,
    ) -> None:
        """Take a producer that is the queue's alone.

        Args:
            topic: the topic of the letters.
            producer: its own; closed by its maker.
            wait: waits some seconds, or less when the task should stop.
            stopping: whether the task should stop; then nothing waits for room any more, since
                what is not stored is not committed either.
            rows_max, bytes_max: the bounds of what is not acknowledged.
            room_wait_max_s: how long to wait for room.
            faults: where letters, and those that were refused, are counted.
        """
        self._topic = topic
        self._producer = producer
        self._wait = wait
        self._stopping = stopping
        self._rows_max = rows_max
        self._bytes_max = bytes_max
        self._room_wait_max_s = room_wait_max_s
        self._put: list[Ticket] = []
        self._sent: dict[int, list[Ticket]] = {}
        self._left: dict[int, int] = {}
        self._token = 0
        self._faults = Faults() if faults is None else faults
        self._rows = 0
        self._bytes = 0
        self._push_at_s = 0.0

    @property
    def pending(self) -> int:
        """How many letters are not stored yet."""
        return self._rows

    def put(self, row: Consumed, headers: Headers) -> Ticket:
        """See :class:`DeadLetters`."""
        size = row.size + sum(len(name) + len(data or b"") for name, data in headers)
        self._faults.letters += 1
        self._make_room(size)
        ticket = Ticket(row, headers, size)
        if not self._put:
            self._push_at_s = time.monotonic() + PUSH_S
        self._put.append(ticket)
        self._rows += 1
        self._bytes += size
        return ticket

    def _make_room(self, size: int) -> None:
        until_s = None
        while self._rows and (self._rows >= self._rows_max or self._bytes + size > self._bytes_max):
            now_s = time.monotonic()
            until_s = now_s + self._room_wait_max_s if until_s is None else until_s
            if self._stopping():
                return
            if now_s >= until_s:
                raise BrokerError(
                    f"dead letter queue '{self._topic}': {self._rows} letters wait for the broker "
                    f"since {self._room_wait_max_s:g} s; check that it runs and that the "
                    "connector may write to the topic"
                )
            self.push(now=True)
            self._collect(POLL_S)

    def push(self, *, now: bool = False) -> None:
        """See :class:`DeadLetters`; a few letters wait for more of them, a moment long."""
        if self._put and (
            now or len(self._put) >= PUSH_ROWS or time.monotonic() >= self._push_at_s
        ):
            self._send()
            self._push_at_s = time.monotonic() + PUSH_S
        if self._rows:
            self._collect(0)

    def _send(self) -> None:
        """Hand what was put to the producer; what it does not take now stays."""
        tickets, token, start = _by_row(self._put), self._token, 0
        batch = _encoded(self._topic, tickets)
        self._token += 1
        self._sent[token], self._left[token] = tickets, len(tickets)
        try:
            while start < len(batch):
                taken = self._producer.send(batch, token, start)
                if taken == start:
                    break
                start = taken
        except RetriableError as problem:
            log.warning("dead letter queue '%s' will be tried again: %s", self._topic, problem)
            self._wait(RETRY_S)
        except BrokerError as problem:
            raise self._refused(tickets[start], str(problem)) from problem
        self._put = tickets[start:]
        if self._put:
            self._sent[token] = tickets[:start]
            self._delivered(token, len(self._put))

    def _delivered(self, token: int, rows: int) -> None:
        self._left[token] -= rows
        if self._left[token] == 0:
            del self._sent[token], self._left[token]

    def _collect(self, timeout_s: float) -> None:
        for delivery in self._producer.poll(timeout_s):
            tickets = self._sent.get(delivery.token)
            if tickets is None:
                continue
            if delivery.error is not None:
                raise self._refused(tickets[delivery.start], delivery.error)
            for ticket in tickets[delivery.start : delivery.stop]:
                ticket.stored = True
                self._rows -= 1
                self._bytes -= ticket.size
            self._delivered(delivery.token, delivery.stop - delivery.start)

    def _refused(self, ticket: Ticket, why: str) -> BrokerError:
        self._faults.letters_failed += 1
        return BrokerError(
            f"the dead letter of {ticket.row.place} could not be stored in topic "
            f"'{self._topic}': {why}; its offset is not committed"
        )

    def flush(self, timeout_s: float) -> bool:
        """See :class:`DeadLetters`."""
        until_s = time.monotonic() + timeout_s
        self.push(now=True)
        while self._rows:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return False
            self._producer.flush(min(left_s, RETRY_S))
            self._collect(0)
            if self._put:
                self.push(now=True)
        return True


def _by_row(tickets: Sequence[Ticket]) -> list[Ticket]:
    """Return letters in the order of what was read; stages report theirs one after the other."""
    runs: dict[int, int] = {}
    for ticket in tickets:
        runs.setdefault(id(ticket.row.fetched), len(runs))
    return sorted(tickets, key=lambda one: (runs[id(one.row.fetched)], one.row.row))


def _encoded(topic: str, tickets: Sequence[Ticket]) -> EncodedBatch:
    """Return the letters: what was consumed as it was, and the headers that were added."""
    headers = [[*one.row.headers, *one.headers] for one in tickets]
    stamps = [None if one.row.timestamp < 0 else one.row.timestamp for one in tickets]
    return EncodedBatch(
        topic=topic,
        values=[one.row.fetched.values[one.row.row] for one in tickets],
        keys=[one.row.fetched.keys[one.row.row] for one in tickets],
        timestamps=None if stamps.count(None) == len(stamps) else stamps,
        headers=headers if any(headers) else None,
    )


def make_topic(admin: Admin, topic: str, replication_factor: int) -> None:
    """Make the topic with one partition, unless it is there.

    Raises:
        ConnectError: it cannot be made.
    """
    try:
        if topic in admin.topics(ADMIN_TIMEOUT_S):
            return
        log.info("topic '%s' of dead letters does not exist; it is created", topic)
        admin.create_topics([TopicSpec(topic, PARTITIONS, replication_factor)], ADMIN_TIMEOUT_S)
    except BrokerError as problem:
        raise ConnectError(
            f"Could not initialize dead letter queue with topic={topic}: {problem}; create it "
            "yourself, or set errors.deadletterqueue.topic.replication.factor to at most the "
            f"number of brokers (it is {replication_factor})"
        ) from problem
