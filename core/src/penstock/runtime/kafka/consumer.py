"""The consumer port on librdkafka."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, Message

from penstock.data import Lazy, TopicPartition
from penstock.errors import BrokerError, NotFoundError, RetriableError, TimedOutError
from penstock.runtime.broker import Assignment, FetchedBatch
from penstock.runtime.kafka.client_log import client_logger
from penstock.runtime.kafka.refusals import refusal

__all__ = ["OF_NO_GROUP", "KafkaConsumer", "KafkaReader"]

WAIT_MAX_S: Final = 0.2
"""The longest single wait in the client, so that a stop is noticed soon: it cannot be woken."""
READ_MESSAGES: Final = 1_000
"""Messages that a reader hands on at once."""
_TIMESTAMP_TYPES: Final = {
    confluent_kafka.TIMESTAMP_NOT_AVAILABLE: "NoTimestampType",
    confluent_kafka.TIMESTAMP_CREATE_TIME: "CreateTime",
    confluent_kafka.TIMESTAMP_LOG_APPEND_TIME: "LogAppendTime",
}


class KafkaConsumer:
    """Reads topics as a member of a consumer group. Owner: the task's thread."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Connect lazily; raises KafkaException for settings the client refuses."""
        self._fatal: str | None = None
        self._was_let_in = False
        self._awake = False
        self._assigned: list[TopicPartition] = []
        self._listener: Assignment | None = None
        self._client = confluent_kafka.Consumer(
            {**config, "error_cb": self._on_error}, logger=client_logger()
        )

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error.str()
        elif not self._was_let_in:
            self._fatal = refusal(error.name(), error.str()) or self._fatal

    def subscribe(self, topics: Sequence[str] | str, listener: Assignment) -> None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        self._listener = listener
        # librdkafka takes a name that starts with ^ as a regular expression.
        names = [f"^({topics})$"] if isinstance(topics, str) else list(topics)
        self._client.subscribe(
            names, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def _on_assign(self, client: Any, partitions: Sequence[Any]) -> None:
        self._was_let_in = True
        new = [TopicPartition(tp.topic, tp.partition) for tp in partitions]
        self._assigned.extend(tp for tp in new if tp not in self._assigned)
        if self._listener is not None:
            self._listener.on_assigned(new)

    def _gone(self, partitions: Sequence[Any]) -> list[TopicPartition]:
        old = [TopicPartition(tp.topic, tp.partition) for tp in partitions]
        self._assigned = [tp for tp in self._assigned if tp not in old]
        return old

    def _on_revoke(self, client: Any, partitions: Sequence[Any]) -> None:
        old = self._gone(partitions)
        if self._listener is not None:
            self._listener.on_revoked(old)

    def _on_lost(self, client: Any, partitions: Sequence[Any]) -> None:
        old = self._gone(partitions)
        if self._listener is not None:
            self._listener.on_lost(old)

    def poll(self, max_records: int, timeout_s: float) -> Sequence[FetchedBatch]:
        """See :class:`penstock.runtime.broker.Consumer`."""
        messages = self._client.consume(max_records, 0)
        if not messages and not self._awake and timeout_s > 0:
            # consume() with a timeout waits for a full batch: wait for one message instead.
            first = self._client.poll(min(timeout_s, WAIT_MAX_S))
            if first is not None:
                messages = [first, *self._client.consume(max_records - 1, 0)]
        self._awake = False
        if self._fatal is not None:
            raise BrokerError(f"the consumer cannot go on: {self._fatal}")
        if not messages:
            return ()
        if any(map(Message.error, messages)):
            messages = self._without_errors(messages)
        return self._runs(messages)

    def _without_errors(self, messages: Sequence[Message]) -> list[Message]:
        good = []
        for message in messages:
            error = message.error()
            if error is None:
                good.append(message)
            elif error.fatal() or error.code() in _REFUSALS:
                raise BrokerError(f"cannot read topic '{message.topic()}': {error.str()}")
        return good

    def _runs(self, messages: Sequence[Message]) -> list[FetchedBatch]:
        """Split messages into runs of one topic partition."""
        if not messages:
            return []
        if len(self._assigned) == 1:
            return [_fetched(self._assigned[0].topic, self._assigned[0].partition, messages)]
        places = zip(map(Message.topic, messages), map(Message.partition, messages), strict=True)
        fetched: list[FetchedBatch] = []
        at = 0
        for (topic, partition), run in itertools.groupby(places):
            length = sum(1 for _ in run)
            fetched.append(_fetched(str(topic), int(partition or 0), messages[at : at + length]))
            at += length
        return fetched

    def commit(self, offsets: Mapping[TopicPartition, int], timeout_s: float) -> None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        positions = [
            confluent_kafka.TopicPartition(tp.topic, tp.partition, offset)
            for tp, offset in offsets.items()
        ]
        try:
            answers = self._client.commit(offsets=positions, asynchronous=False)
        except KafkaException as problem:
            raise _as_error("committing offsets", problem.args[0]) from problem
        for answer in answers or ():
            if answer.error is not None:
                raise _as_error(f"committing '{answer.topic}'", answer.error)

    def committed(
        self, partitions: Sequence[TopicPartition], timeout_s: float
    ) -> Mapping[TopicPartition, int]:
        """See :class:`penstock.runtime.broker.Consumer`."""
        wanted = [confluent_kafka.TopicPartition(tp.topic, tp.partition) for tp in partitions]
        try:
            found = self._client.committed(wanted, timeout=timeout_s)
        except KafkaException as problem:
            raise _as_error("reading committed offsets", problem.args[0]) from problem
        return {TopicPartition(tp.topic, tp.partition): tp.offset for tp in found if tp.offset >= 0}

    def position(self, partition: TopicPartition) -> int | None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        wanted = [confluent_kafka.TopicPartition(partition.topic, partition.partition)]
        offset = self._client.position(wanted)[0].offset
        return int(offset) if offset >= 0 else None

    def log_end(self, partition: TopicPartition) -> int | None:
        """See :class:`penstock.runtime.broker.Consumer`; each fetch brings it along."""
        place = confluent_kafka.TopicPartition(partition.topic, partition.partition)
        try:
            marks = self._client.get_watermark_offsets(place, cached=True)
        except KafkaException:
            return None
        return int(marks[1]) if marks is not None and marks[1] >= 0 else None

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        place = confluent_kafka.TopicPartition(partition.topic, partition.partition, offset)
        try:
            self._client.seek(place)
        except KafkaException as problem:
            raise _as_error(f"seeking in '{partition.topic}'", problem.args[0]) from problem

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        self._client.pause(
            [confluent_kafka.TopicPartition(tp.topic, tp.partition) for tp in partitions]
        )

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        self._client.resume(
            [confluent_kafka.TopicPartition(tp.topic, tp.partition) for tp in partitions]
        )

    def wakeup(self) -> None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        self._awake = True

    def close(self, timeout_s: float) -> None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        with contextlib.suppress(KafkaException, RuntimeError):
            self._client.close()


OF_NO_GROUP: Final = KafkaError.GROUP_AUTHORIZATION_FAILED
"""What a client that joins no group may be told: it looks for the coordinator all the same."""


class KafkaReader:
    """Looks at what a topic holds; joins no group and commits nothing. Owner: one thread."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Connect lazily; raises KafkaException for settings the client refuses."""
        self._client = confluent_kafka.Consumer(
            {
                **config,
                "group.id": "unused",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                # Who only looks must not make what is not there.
                "allow.auto.create.topics": False,
            },
            logger=client_logger(),
        )

    def bounds(self, topic: str, timeout_s: float) -> Mapping[int, tuple[int, int]]:
        """See :class:`penstock.runtime.broker.TopicReader`."""
        until_s = time.monotonic() + timeout_s
        while True:
            try:
                return self._bounds(topic, timeout_s)
            except KafkaException as problem:
                error = problem.args[0]
                if error.code() not in _NO_LEADER_YET or time.monotonic() > until_s:
                    told = f"topic '{topic}' cannot be looked at: {error.str()}"
                    raise BrokerError(told) from problem
                self._client.poll(WAIT_MAX_S)  # the topic was made, or its leader moved, just now

    def _bounds(self, topic: str, timeout_s: float) -> Mapping[int, tuple[int, int]]:
        found = self._client.list_topics(topic, timeout=timeout_s).topics.get(topic)
        if found is None or found.error is not None:
            raise NotFoundError(f"there is no topic '{topic}'")
        places = [confluent_kafka.TopicPartition(topic, number) for number in found.partitions]
        return {
            place.partition: self._client.get_watermark_offsets(place, timeout=timeout_s)
            for place in sorted(places, key=lambda place: place.partition)
        }

    def read(
        self, place: TopicPartition, start: int, stop: int, timeout_s: float
    ) -> Iterator[FetchedBatch]:
        """See :class:`penstock.runtime.broker.TopicReader`."""
        where = confluent_kafka.TopicPartition(place.topic, place.partition, start)
        self._client.assign([where])
        until_s = time.monotonic() + timeout_s
        while start < stop:
            first = self._client.poll(WAIT_MAX_S)
            if first is None:
                if time.monotonic() > until_s:
                    raise TimedOutError(
                        f"{place.topic}-{place.partition}: no record came for {timeout_s:g} s"
                    )
                continue
            until_s = time.monotonic() + timeout_s
            messages = [first, *self._client.consume(READ_MESSAGES, 0)]
            good = [one for one in messages if one.error() is None]
            ends = False
            for error in (one.error() for one in messages):
                if error is None or error.code() == OF_NO_GROUP:
                    continue
                ends = error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001
                if not ends:
                    raise BrokerError(f"{place.topic}-{place.partition}: {error.str()}")
            wanted = [one for one in good if _known(one.offset()) < stop]
            if wanted:
                start = _known(wanted[-1].offset()) + 1
                yield _fetched(place.topic, place.partition, wanted)
            if ends or len(wanted) < len(good):
                return  # the end of the partition, or what came after the call

    def close(self) -> None:
        """See :class:`penstock.runtime.broker.TopicReader`."""
        with contextlib.suppress(KafkaException, RuntimeError):
            self._client.close()


_REFUSALS: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001 - how the client names its own error codes
    }
)

_NO_LEADER_YET: Final = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - see above
    }
)


def _as_error(doing: str, error: KafkaError) -> RetriableError | BrokerError:
    refused = error.fatal() or error.code() in _REFUSALS
    kind = BrokerError if refused else RetriableError
    return kind(f"{doing}: {error.str()}")


def _known(offset: int | None) -> int:
    return -1 if offset is None else offset


def _fetched(topic: str, partition: int, messages: Sequence[Message]) -> FetchedBatch:
    n = len(messages)
    keys: list[Any] = list(map(Message.key, messages))
    headers: list[Any] = list(map(Message.headers, messages))
    return FetchedBatch(
        topic=topic,
        partition=partition,
        offsets=Lazy(n, lambda: [_known(message.offset()) for message in messages]),
        last_offset=_known(messages[-1].offset()),
        keys=keys,
        values=list(map(Message.value, messages)),
        timestamps=Lazy(n, lambda: [message.timestamp()[1] for message in messages]),
        timestamp_type=_TIMESTAMP_TYPES.get(messages[0].timestamp()[0], "NoTimestampType"),
        headers=None if headers.count(None) == n else [one or () for one in headers],
    )
