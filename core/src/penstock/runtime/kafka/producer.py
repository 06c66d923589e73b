"""The producer port on librdkafka."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from penstock.api import RecordMetadata
from penstock.data import Repeat
from penstock.errors import BrokerError, FencedError, RetriableError
from penstock.runtime.broker import Delivery, EncodedBatch
from penstock.runtime.kafka.client_log import client_logger
from penstock.runtime.kafka.lanes import Lane, Span, settled
from penstock.runtime.kafka.refusals import refusal

__all__ = ["FENCED", "KafkaProducer"]

ROWS_OUTSTANDING_MAX: Final = 100_000
"""Rows handed to the client and not yet acknowledged: the bound on its queue."""
ROWS_AT_ONCE_MAX: Final = 4_000
"""Rows of one call: more, as polls of exactly-once tasks have, miss the processor's cache."""
BYTES_OUTSTANDING_MAX: Final = 32 * 1024 * 1024
"""Their bytes, unless ``buffer.memory`` says otherwise."""
PARTITIONS_AGE_MAX_S: Final = 300.0
"""How long a topic's number of partitions is believed."""
METADATA_TIMEOUT_S: Final = 5.0
FENCED: Final = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 - the client's own name
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
    }
)
"""What the broker says of a producer whose transactional id another one has."""
_ANY: Final = confluent_kafka.OFFSET_BEGINNING + 1  # -1: the client's partitioner chooses
_UNLIMITED: Final = {
    # Our own bounds keep the queue small. The client's must never be met: it would refuse one row
    # of a batch and take the next, which reorders.
    "queue.buffering.max.messages": 10_000_000,
    "queue.buffering.max.kbytes": 2_097_151,
}
_RETRIABLE_LOCAL: Final = frozenset(
    {KafkaError._QUEUE_FULL, KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001
)


class KafkaProducer:
    """Sends batches through librdkafka. Owner: the task's thread.

    ``precise`` asks for a callback a row; otherwise acknowledgements are counted, see ``lanes``,
    which needs idempotence (or one request in flight) for its order. ``places`` asks for one that
    tells where the row was stored.
    """

    def __init__(
        self, config: Mapping[str, Any], *, precise: bool, bytes_max: int, places: bool = False
    ) -> None:
        """Connect lazily; raises KafkaException for settings the client refuses."""
        self._precise = precise = precise or places
        self._places = places
        self._bytes_max = bytes_max
        self._fatal: KafkaError | None = None
        self._refusal = ""
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._deliveries: list[Delivery] = []
        self._partitions: dict[str, tuple[float, int]] = {}
        self._turn = 0
        self._pending_bytes = 0
        self._pending_rows = 0
        self._client = confluent_kafka.Producer(
            {
                **config,
                **_UNLIMITED,
                "delivery.report.only.error": not precise,
                "error_cb": self._on_error,
            },
            logger=client_logger(),
        )

    def _on_error(self, error: KafkaError) -> None:
        self._refusal = refusal(error.name(), error.str())

    def _serve(self, timeout_s: float) -> None:
        """Let the client call back; its fatal error is raised by :meth:`poll`, as one of ours.

        The client raises a fatal error from whatever is called next, and not to ``error_cb``.
        """
        try:
            self._client.poll(timeout_s)
        except KafkaException as problem:
            self._fatal = problem.args[0]

    def _may_repeat(self, error: KafkaError) -> bool:
        """Whether the same row may be taken at another time."""
        return bool(error.retriable())

    def send(self, batch: EncodedBatch, token: int, start: int = 0) -> int:
        """See :class:`penstock.runtime.broker.Producer`."""
        self._serve(0)
        room = self._room()
        if room <= 0:
            return start
        stop = min(len(batch), start + room, start + ROWS_AT_ONCE_MAX)
        plain = batch.headers is None and batch.timestamps is None
        partition = self._partition_of(batch)
        if partition is not None and not self._precise:
            if plain:
                return self._send_columns(batch, token, start, stop, partition)
            return self._send_run(batch, token, start, stop, partition)
        return self._send_rows(batch, token, start, stop, partition)

    def _room(self) -> int:
        """Return how many rows may still be handed over, by count and by estimated bytes."""
        self._settle()
        outstanding = len(self._client)
        room = ROWS_OUTSTANDING_MAX - outstanding
        if self._pending_rows:
            row_bytes = self._pending_bytes / self._pending_rows
            room = min(room, int((self._bytes_max - outstanding * row_bytes) / max(row_bytes, 1)))
            if outstanding == 0:
                room = max(room, 1)
        return room

    def _partition_of(self, batch: EncodedBatch) -> int | None:
        """Return the partition of the whole batch, -1 to leave it to the client, None if mixed."""
        given = batch.partitions
        if given is not None:
            if not isinstance(given, Repeat):
                return None
            if given.value is not None:
                return int(given.value)
        known = self._partitions.get(batch.topic)
        if known is None or time.monotonic() - known[0] > PARTITIONS_AGE_MAX_S:
            known = (time.monotonic(), self._count_partitions(batch.topic))
            if known[1]:
                self._partitions[batch.topic] = known
        if known[1] == 1:
            return 0
        if batch.keys is not None or known[1] == 0:
            return -1
        self._turn += 1
        return self._turn % known[1]

    def _count_partitions(self, topic: str) -> int:
        """Return the topic's number of partitions, 0 when it is not known yet."""
        try:
            found = self._client.list_topics(topic, timeout=METADATA_TIMEOUT_S).topics.get(topic)
        except KafkaException as problem:
            self._serve(0)
            if self._refusal and not self._partitions:
                raise BrokerError(f"topic '{topic}': {self._refusal}") from problem
            raise RetriableError(
                f"topic '{topic}': no broker answers ({problem.args[0].str()})"
            ) from problem
        return len(found.partitions) if found is not None and found.error is None else 0

    def _lane(self, topic: str, partition: int) -> Lane:
        lane = self._lanes.get((topic, partition))
        if lane is None:
            lane = self._lanes[topic, partition] = Lane(ordered=partition >= 0)
        return lane

    def _send_columns(
        self, batch: EncodedBatch, token: int, start: int, stop: int, partition: int
    ) -> int:
        whole = start == 0 and stop == len(batch)
        values = batch.values if whole else batch.values[start:stop]
        if batch.keys is None:
            rows = [{"value": value} for value in values]
        else:
            keys = batch.keys if whole else batch.keys[start:stop]
            rows = [{"value": value, "key": key} for value, key in zip(values, keys, strict=True)]
        size = sum(map(len, filter(None, values)))
        lane = self._lane(batch.topic, partition)
        span = lane.submit(token, start, stop, size)
        self._pending_bytes += size
        self._pending_rows += stop - start
        on_failure = functools.partial(self._on_failure, span, batch.topic)
        try:
            taken = self._client.produce_batch(
                batch.topic, rows, partition=partition, on_delivery=on_failure
            )
        except KafkaException as problem:
            raise BrokerError(f"topic '{batch.topic}': {problem.args[0].str()}") from problem
        if taken != len(rows):
            self._refused(lane, span, batch.topic, [row.get("_error") for row in rows])
        return stop

    def _refused(self, home: Lane, span: Span, topic: str, errors: Sequence[Any]) -> None:
        """Report rows that the client did not even queue; the others are on their way."""
        for i, error in enumerate(errors):
            if error is not None:
                row = span.start + i
                text = f"topic '{topic}': {error.str()}"
                retriable = error.code() in _RETRIABLE_LOCAL or self._may_repeat(error)
                self._deliveries.append(Delivery(span.token, row, row + 1, text, retriable))
        span.failed = True
        ranges = _runs([i for i, error in enumerate(errors) if error is None])
        # The lane counts what really travels, or its argument would not hold.
        refused = len(errors) - sum(last - first for first, last in ranges)
        span.end -= refused
        home.count -= refused
        lane = Lane(ordered=False)
        for first, last in ranges:
            lane.submit(span.token, span.start + first, span.start + last, 0)
        if lane.spans:
            self._lanes[topic, -1 - len(self._lanes)] = lane

    def _send_run(
        self, batch: EncodedBatch, token: int, start: int, stop: int, partition: int
    ) -> int:
        """Send rows of one destination with timestamps or headers, one by one, as one span."""
        produce, topic, values = self._client.produce, batch.topic, batch.values
        no_rows: Repeat[Any] = Repeat(None, len(batch))
        keys, headers = batch.keys or no_rows, batch.headers or no_rows
        timestamps = batch.timestamps or no_rows
        lane = self._lane(topic, partition)
        row = start
        while row < stop:
            first, size = row, sum(map(len, filter(None, values[row:stop])))
            span = lane.submit(token, first, stop, size)
            self._pending_bytes += size
            self._pending_rows += stop - first
            told = functools.partial(self._on_failure, span, topic)
            try:
                for row in range(first, stop):
                    produce(
                        topic,
                        values[row],
                        keys[row],
                        partition,
                        on_delivery=told,
                        timestamp=timestamps[row] or 0,
                        headers=list(headers[row]) if headers[row] else None,
                    )
            except BufferError:
                self._cut(lane, span, row, values)
                return row
            except KafkaException as problem:
                self._cut(lane, span, row, values)
                error = problem.args[0]
                text = f"topic '{topic}': {error.str()}"
                refused = Delivery(token, row, row + 1, text, self._may_repeat(error))
                self._deliveries.append(refused)
            row += 1
        return stop

    def _cut(self, lane: Lane, span: Span, row: int, values: Sequence[bytes | None]) -> None:
        """Take back the rows of the newest span from ``row`` on: the client did not take them."""
        size = sum(map(len, filter(None, values[row : span.stop])))
        gone = span.stop - row
        self._pending_bytes -= size
        self._pending_rows -= gone
        span.size -= size
        span.stop -= gone
        span.end -= gone
        lane.count -= gone
        if span.stop == span.start:
            lane.spans.pop()

    def _send_rows(
        self, batch: EncodedBatch, token: int, start: int, stop: int, partition: int | None
    ) -> int:
        produce, topic = self._client.produce, batch.topic
        keys, partitions = batch.keys, batch.partitions
        timestamps, headers = batch.timestamps, batch.headers
        for row in range(start, stop):
            options: dict[str, Any] = {}
            where = partition
            if where is None and partitions is not None:
                where = partitions[row]
            where = -1 if where is None else where
            options["partition"] = where
            if timestamps is not None and timestamps[row] is not None:
                options["timestamp"] = timestamps[row]
            if headers is not None and headers[row]:
                options["headers"] = list(headers[row])
            value = batch.values[row]
            span = self._row_span(topic, where, token, row, len(value or b""))
            options["on_delivery"] = functools.partial(self._on_row, span, topic)
            try:
                produce(topic, value, None if keys is None else keys[row], **options)
            except BufferError:
                self._forget(topic, where, span)
                return row
            except KafkaException as problem:
                self._forget(topic, where, span)
                error = problem.args[0]
                text = f"topic '{topic}': {error.str()}"
                self._deliveries.append(
                    Delivery(token, row, row + 1, text, self._may_repeat(error))
                )
        return stop

    def _row_span(self, topic: str, partition: int, token: int, row: int, size: int) -> Span:
        self._pending_bytes += size
        self._pending_rows += 1
        if self._precise:
            return Span(token, row, row + 1, 0, size)
        return self._lane(topic, partition).submit(token, row, row + 1, size)

    def _forget(self, topic: str, partition: int, span: Span) -> None:
        self._pending_bytes -= span.size
        self._pending_rows -= 1
        if not self._precise:
            lane = self._lane(topic, partition)
            lane.spans.pop()
            lane.count -= 1

    def _on_row(self, span: Span, topic: str, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._on_failure(span, topic, error, message)
        if self._precise:
            self._pending_bytes -= span.size
            self._pending_rows -= 1
            if error is None:
                stored = _stored(message) if self._places else None
                told = Delivery(span.token, span.start, span.stop, stored=stored)
                self._deliveries.append(told)

    def _on_failure(self, span: Span, topic: str, error: KafkaError, message: Any) -> None:
        if not span.failed:
            span.failed = True
            text = f"topic '{topic}' partition {message.partition()}: {error.str()}"
            retriable = self._may_repeat(error)
            self._deliveries.append(Delivery(span.token, span.start, span.stop, text, retriable))

    def _settle(self) -> None:
        if self._precise:
            return
        outstanding = len(self._client)
        done: list[tuple[str, int]] = []
        for key, lane in self._lanes.items():
            for span in lane.settle(outstanding):
                self._pending_bytes -= span.size
                self._pending_rows -= (span.stop - span.start) if span.size else 0
                good = settled(span)
                if good is not None:
                    self._deliveries.append(good)
            if not lane.spans and key[1] < -1:
                done.append(key)
        for key in done:
            del self._lanes[key]
        if outstanding == 0:
            self._pending_bytes = self._pending_rows = 0

    def poll(self, timeout_s: float) -> Sequence[Delivery]:
        """See :class:`penstock.runtime.broker.Producer`."""
        self._serve(timeout_s)
        self._settle()
        if self._fatal is not None:
            kind = FencedError if self._fatal.code() in FENCED else BrokerError
            raise kind(f"the producer cannot go on: {self._fatal.str()}")
        deliveries, self._deliveries = self._deliveries, []
        return deliveries

    def flush(self, timeout_s: float) -> int:
        """See :class:`penstock.runtime.broker.Producer`."""
        try:
            return int(self._client.flush(timeout_s))
        except KafkaException as problem:
            self._fatal = problem.args[0]
            return len(self._client)

    def close(self, timeout_s: float) -> None:
        """See :class:`penstock.runtime.broker.Producer`."""
        if timeout_s > 0:
            self.flush(timeout_s)
        if len(self._client):
            self._client.purge(in_queue=True, in_flight=True, blocking=False)
            self.flush(0)


def _stored(message: Any) -> RecordMetadata:
    offset, (kind, timestamp) = message.offset(), message.timestamp()
    return RecordMetadata(
        topic=message.topic(),
        partition=message.partition(),
        offset=None if offset is None or offset < 0 else offset,
        timestamp=None if kind == confluent_kafka.TIMESTAMP_NOT_AVAILABLE else timestamp,
    )


def _runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Return ascending numbers as half-open ranges."""
    ranges: list[tuple[int, int]] = []
    for row in rows:
        if ranges and ranges[-1][1] == row:
            ranges[-1] = (ranges[-1][0], row + 1)
        else:
            ranges.append((row, row + 1))
    return ranges
