"""Read a queue in transactions; commit each when Kafka has acknowledged all of its records."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from penstock.api import SourceTask
from penstock.data import Batch, SourceRecord
from penstock.errors import ConnectError
from penstock_mq._client import Client, Link, LinkError
from penstock_mq._keys import IbmKeys
from penstock_mq._messages import Received
from penstock_mq._records import Building, Built, build, dead_letters
from penstock_mq._source_keys import JSON_BUILDER, JmsSourceConfig, MQSourceConfig
from penstock_mq._state import (
    DELIVERED,
    IN_FLIGHT,
    OFFSET_KEY,
    Action,
    SequenceState,
    Start,
    decide,
)

__all__ = ["JmsSourceTask", "MQSourceTask"]

log = logging.getLogger(__name__)

SLICE_MS: Final = 250
"""The longest that Java is waited for at a time, so that a stop is heard."""
ACK_LOOK_S: Final = 0.001
SAME_MESSAGES_WAIT_S: Final = 1.0
SAME_MESSAGES_TRIES: Final = 300

C = TypeVar("C", MQSourceConfig, JmsSourceConfig)


class _QueueTask(SourceTask[C]):
    """Holds one unit of work at a time. Owner: the task's thread.

    A batch that is on its way to Kafka is committed on the queue by the last of its
    acknowledgements, also while the connector is paused. A connection that breaks before gives
    the messages back, and they come again.
    """

    def start(self) -> None:
        """Start Java; the connection is made by the first poll, which tries for ever."""
        keys = self.config
        self._queue = keys.mq_queue if isinstance(keys, IbmKeys) else keys.jms_destination
        self._client = Client(keys)
        self._how = Building(
            topic=keys.topic,
            queue=self._queue,
            is_json=keys.mq_record_builder == JSON_BUILDER,
            body_jms=keys.mq_message_body_jms,
            key_header=keys.mq_record_builder_key_header,
        )
        name = keys.mq_queue_manager if isinstance(keys, IbmKeys) else keys.jms_url
        self._partition = {"source": f"{name}/{self._queue}"}
        self._state_queue = keys.mq_exactly_once_state_queue
        raw = self.context.raw_config
        self._tolerant = raw.get("errors.tolerance", "none") == "all"
        self._reader: Link | None = None
        self._keeper: Link | None = None
        self._left = 0
        self._sequence = 0
        self._acked = -1
        self._first: Start | None = None
        self._tries = 0
        self._delay_s = keys.mq_reconnect_delay_min_ms / 1000

    def poll(self) -> Batch | Sequence[SourceRecord] | None:
        """Return the next unit of work, once the one before is committed."""
        if self._left:
            self.context.wait(ACK_LOOK_S)
            return None
        try:
            reader = self._connected()
            received = self._received(reader)
            if received is None:
                return None
            return self._records(reader, received)
        except LinkError as problem:
            self._failed(problem)
            return None

    def commit_record(self, record: SourceRecord) -> None:
        """Count down; the last acknowledgement commits the messages."""
        self._left -= 1
        if self._left:
            return
        self._acked = self._sequence
        if self._reader is not None:
            try:
                self._commit(self._reader)
            except LinkError as problem:
                self._dropped()
                log.warning("%s; the messages may come again", problem)

    def stop(self) -> None:
        """Close; what was not acknowledged goes back to the queue."""
        if hasattr(self, "_left"):
            self._dropped()

    def _connected(self) -> Link:
        if self._reader is None:
            reader = self._client.link()
            self._reader = reader
            if self._state_queue is not None:
                self._keeper = self._client.link()
                self._first = self._decided(self._keeper, self._state_queue)
            reader.read()
            self._delay_s = self.config.mq_reconnect_delay_min_ms / 1000
            log.info("reading %s", self._client.where)
        return self._reader

    def _decided(self, keeper: Link, queue: str) -> Start:
        """Return what the state queue and Kafka say; Kafka has what this task saw acknowledged."""
        offset: Mapping[str, Any] | None = self.context.offset(self._partition)
        if self._acked > (offset or {}).get(OFFSET_KEY, -1):
            offset = {OFFSET_KEY: self._acked}
        first = decide(keeper.states(queue), offset, queue)
        self._sequence = first.sequence
        self._tries = 0
        if first.action is Action.DROP:
            keeper.take_state(queue)
            state = SequenceState(first.sequence, first.ids, DELIVERED)
            keeper.put_state(queue, state.text())
            keeper.commit()
        return first

    def _received(self, reader: Link) -> Received | None:
        keys = self.config
        first = self._first
        again = first is not None and first.action is not Action.NORMAL
        most = len(first.ids) if again and first is not None else keys.mq_batch_size
        found = reader.receive(
            most,
            min(keys.mq_message_receive_timeout, SLICE_MS),
            SLICE_MS if again else keys.mq_receive_subsequent_timeout_ms,
            keys.mq_receive_max_poll_time_ms,
            properties=keys.mq_jms_properties_copy_to_kafka_headers,
        )
        if not again or first is None:
            return found
        return self._same(reader, first, found)

    def _same(self, reader: Link, first: Start, found: Received | None) -> Received | None:
        """Return the messages that the state names, to send them again; None to wait for them."""
        if found is None or sorted(map(str, found.ids)) != sorted(first.ids):
            reader.rollback()
            self._tries += 1
            if self._tries >= SAME_MESSAGES_TRIES:
                raise ConnectError(
                    f"{self._client.where}: the messages that state queue '{self._state_queue}' "
                    f"names are not the first ones there, after {self._tries} tries; does another "
                    "reader take from this queue, or did they expire?"
                )
            self.context.wait(SAME_MESSAGES_WAIT_S)
            return None
        if first.action is Action.DROP:
            log.info("%d messages are in Kafka and are taken off the queue", len(found))
            self._commit(reader)
            self._first = None
            return None
        return found

    def _records(self, reader: Link, received: Received) -> Batch | Sequence[SourceRecord] | None:
        sequence = self._sequence
        again = self._first is not None and self._first.action is Action.RESEND
        if self._state_queue is not None and not again:
            sequence += 1
        place = {OFFSET_KEY: sequence} if self._state_queue is not None else None
        built = build(received, self._how, self._partition if place else None, place)
        more: list[SourceRecord] = self._dead_letters(received, built)
        if self._state_queue is not None and self._keeper is not None and not again:
            # In a transaction of its own: it must be known before Kafka gets the records.
            ids = tuple(map(str, received.ids))
            state = SequenceState(sequence, ids, IN_FLIGHT)
            self._keeper.put_state(self._state_queue, state.text())
            self._keeper.commit()
        self._sequence = sequence
        self._first = None
        self._left = len(built.batch) + len(more)
        if not self._left:
            self._commit(reader)
            return None
        if not more:
            return built.batch
        good: list[Any] = list(built.batch.records())
        for record in more:
            record.source_partition, record.source_offset = (
                (self._partition if place else None),
                place,
            )
        return [*good, *more]

    def _dead_letters(self, received: Received, built: Built) -> list[SourceRecord]:
        """Return dead letters; without tolerance the first bad message stops the task."""
        if not built.bad:
            return []
        if not self._tolerant:
            self._dropped()
            raise next(iter(built.bad.values()))
        for problem in built.bad.values():
            log.error("a message gives no record: %s", problem)
        topic = self.config.errors_deadletterqueue_topic_name
        if not topic:
            return []
        return dead_letters(
            received,
            built,
            self._how,
            topic,
            with_context=self.config.errors_deadletterqueue_context_headers_enable,
            now_ms=int(time.time() * 1000),
        )

    def _commit(self, reader: Link) -> None:
        if self._state_queue is not None:
            reader.take_state(self._state_queue)
        reader.commit()

    def _failed(self, problem: LinkError) -> None:
        """Wait for what may pass; raises what does not."""
        failure = problem.failure
        if not failure.retriable:
            self._dropped()
            raise ConnectError(failure.message) from problem
        log.warning("%s; tried again in %.1f s", failure.message, self._delay_s)
        # With the state queue a broken transaction is decided anew, whatever broke it.
        if not failure.connected or self._state_queue is not None:
            self._dropped()
        elif self._reader is not None:
            try:
                self._reader.rollback()
            except LinkError:
                self._dropped()
        self.context.wait(self._delay_s)
        self._delay_s = min(self._delay_s * 2, self.config.mq_reconnect_delay_max_ms / 1000)

    def _dropped(self) -> None:
        for link in (self._reader, self._keeper):
            if link is not None:
                link.close()
        self._reader = self._keeper = None


class MQSourceTask(_QueueTask[MQSourceConfig]):
    """The task of MQSourceConnector."""


class JmsSourceTask(_QueueTask[JmsSourceConfig]):
    """The task of JmsSourceConnector."""
