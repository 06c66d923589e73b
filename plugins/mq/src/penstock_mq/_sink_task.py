"""Send records in transactions; what was sent and not committed is rolled back before a retry."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TypeVar

from penstock.api import SinkTask
from penstock.data import SinkRecord, TopicPartition
from penstock.errors import ConnectError, DataError, RetriableError
from penstock_mq._builders import Shaping, default_body, json_body, message_of
from penstock_mq._client import Client, Link, LinkError
from penstock_mq._messages import Outgoing, pack
from penstock_mq._sink import (
    CONVERTER_BUILDER,
    JSON_BUILDER,
    JSON_CONVERTER,
    JmsSinkConfig,
    MQSinkConfig,
    QueueSinkConnector,
)
from penstock_mq._state import name_of, read_offsets, write_offsets

__all__ = ["JmsSinkConnector", "JmsSinkTask", "MQSinkConnector", "MQSinkTask"]

log = logging.getLogger(__name__)

C = TypeVar("C", MQSinkConfig, JmsSinkConfig)


class _QueueSinkTask(SinkTask[C]):
    """Each put is one transaction of the queue. Owner: the task's thread."""

    def start(self) -> None:
        """Start Java; the connection is made by the first put."""
        keys = self.config
        is_json = keys.mq_message_builder == JSON_BUILDER or (
            keys.mq_message_builder == CONVERTER_BUILDER
            and keys.mq_message_builder_value_converter == JSON_CONVERTER
        )
        self._shaping = Shaping(
            body=json_body if is_json else default_body,
            is_correlated=keys.mq_message_builder_key_header is not None,
            topic_property=keys.mq_message_builder_topic_property,
            partition_property=keys.mq_message_builder_partition_property,
            offset_property=keys.mq_message_builder_offset_property,
            has_headers=keys.mq_kafka_headers_copy_to_jms_properties,
            has_mqmd=keys.mq_message_mqmd_write,
        )
        self._state_queue = keys.mq_exactly_once_state_queue
        self._client = Client(keys)
        self._link: Link | None = None
        self._has_state = False

    def put(self, records: Sequence[SinkRecord]) -> None:
        """Send all of them, or none.

        Raises:
            RetriableError: what may pass; the same records come again.
        """
        if not records:
            return
        try:
            link = self._connected()
            if self._state_queue is None:
                self._send(link, records)
            else:
                self._send_once(link, records, self._state_queue)
            link.commit()
        except LinkError as problem:
            self._failed(problem)

    def stop(self) -> None:
        """Close the connection."""
        if hasattr(self, "_link"):
            self._dropped()

    def _connected(self) -> Link:
        if self._link is None:
            link = self._client.link()
            self._link = link
            link.write(
                persistent=self.config.mq_persistent,
                time_to_live_ms=self.config.mq_time_to_live,
            )
        return self._link

    def _send(self, link: Link, records: Sequence[SinkRecord]) -> None:
        messages: list[Outgoing] = []
        for record in records:
            try:
                messages.append(message_of(record, self._shaping))
            except DataError as problem:
                self._report(record, problem)
        if messages:
            link.send(pack(messages), self.config.mq_reply_queue)

    def _report(self, record: SinkRecord, problem: DataError) -> None:
        reporter = self.context.errant_record_reporter
        if reporter is None:
            self._dropped()
            raise problem
        reporter.report(record, problem)

    def _send_once(self, link: Link, records: Sequence[SinkRecord], queue: str) -> None:
        """Send what the state does not have, and put the new state into the same transaction."""
        states = link.states(queue)
        if len(states) > 1:
            raise ConnectError(
                f"state queue '{queue}' has {len(states)} messages, and must have one at most; "
                "does another connector use it? Each needs a state queue of its own"
            )
        if not states and self._has_state:
            # It is there, and a connection that broke still holds it.
            raise RetriableError(f"state queue '{queue}': its message is not given back yet")
        done = read_offsets(link.take_state(queue) if states else None, queue)
        new: list[SinkRecord] = []
        for record in records:
            name = name_of(TopicPartition(record.original_topic, record.original_partition))
            if record.offset > done.get(name, -1):
                done[name] = record.offset
                new.append(record)
        self._send(link, new)
        link.put_state(queue, write_offsets(done))
        self._has_state = True

    def _failed(self, problem: LinkError) -> None:
        """Roll back, so that nothing is sent twice, and say what to do."""
        failure = problem.failure
        if failure.connected and self._link is not None:
            try:
                self._link.rollback()
            except LinkError:
                self._dropped()
        else:
            self._dropped()
        if not failure.retriable:
            raise ConnectError(failure.message) from problem
        self.context.retry_after(self.config.mq_retry_backoff_ms)
        raise RetriableError(failure.message) from problem

    def _dropped(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None


class MQSinkTask(_QueueSinkTask[MQSinkConfig]):
    """The task of MQSinkConnector."""


class JmsSinkTask(_QueueSinkTask[JmsSinkConfig]):
    """The task of JmsSinkConnector."""


class MQSinkConnector(QueueSinkConnector[MQSinkConfig]):
    """Takes the configuration of IBM's connector, with IBM's own Java client."""

    task_class = MQSinkTask


class JmsSinkConnector(QueueSinkConnector[JmsSinkConfig]):
    """Writes to a queue of any JMS provider."""

    task_class = JmsSinkTask
