"""The port to a broker: what the runtime needs of Apache Kafka, and of the embedded log alike.

``runtime.kafka`` and ``runtime.embedded`` implement these protocols; nothing above them knows
which one it has. The unit is the batch: one topic, columns of equal length. Every object here is
owned by one thread (the task's); only ``Consumer.wakeup`` may be called from another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import attrs

from penstock.api import RecordMetadata
from penstock.data import TopicPartition

__all__ = [
    "Admin",
    "Assignment",
    "Broker",
    "Consumer",
    "Delivery",
    "EncodedBatch",
    "EncodedHeaders",
    "FetchedBatch",
    "Producer",
    "TopicPartition",
    "TopicReader",
    "TopicSpec",
    "TransactionalProducer",
]

EncodedHeaders = Sequence[tuple[str, bytes | None]]
"""The headers of one record on the wire, in order; keys may repeat."""


@attrs.define(eq=False)
class EncodedBatch:
    """Records of one topic as bytes, in send order, stored by column.

    Attributes:
        topic: the topic of every record.
        values: one value a record; None is a tombstone.
        keys: one key a record, or None when no record has one.
        partitions: the partition of each record (None in it: by key), or None when the
            producer chooses for all of them.
        timestamps: Unix ms of each record, or None: the producer stamps them as it sends.
        headers: headers of each record, or None when no record has any.
    """

    topic: str
    values: Sequence[bytes | None]
    keys: Sequence[bytes | None] | None = None
    partitions: Sequence[int | None] | None = None
    timestamps: Sequence[int | None] | None = None
    headers: Sequence[EncodedHeaders] | None = None

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.values)


@attrs.frozen
class Delivery:
    """The broker's answer for rows ``start`` to ``stop - 1`` of the batch sent under ``token``.

    ``error`` is None when the rows are stored as durably as ``acks`` asks, else what failed;
    ``retriable`` then says whether sending the same rows again may succeed. ``stored`` is the place
    of the row, when it is one and the producer was asked for places.
    """

    token: int
    start: int
    stop: int
    error: str | None = None
    retriable: bool = False
    stored: RecordMetadata | None = None


class Producer(Protocol):
    """Sends batches; owned by one thread, which must call :meth:`poll` regularly."""

    def send(self, batch: EncodedBatch, token: int, start: int = 0) -> int:
        """Enqueue rows of ``batch`` from ``start`` on, without blocking.

        Returns:
            The row to go on from: ``len(batch)`` when all were taken, less when the bounded
            queue is full; then call :meth:`poll` and send the rest under the same token.

        Raises:
            RetriableError: the broker is away; the same call may succeed later.
            BrokerError: the row at ``start`` can never be sent (too large, unknown topic, ...).
        """

    def poll(self, timeout_s: float) -> Sequence[Delivery]:
        """Serve the network for at most ``timeout_s`` and return deliveries known by now.

        Each row taken by :meth:`send` is delivered exactly once. Ranges of one token may come
        in any order; rows of one topic partition are stored in send order.
        """

    def flush(self, timeout_s: float) -> int:
        """Push out what is queued, for at most ``timeout_s``; return rows still undelivered.

        Deliveries met on the way are returned by the next :meth:`poll`.
        """

    def close(self, timeout_s: float) -> None:
        """Flush for at most ``timeout_s`` and release everything; later calls do nothing."""


class TransactionalProducer(Producer, Protocol):
    """A producer whose records are seen together or not at all; owned by one thread.

    Every call raises FencedError once another producer has the same transactional id. One that
    waits returns False when its time is over: it is called again, and goes on where it was.
    """

    def init(self, timeout_s: float) -> bool:
        """Take the transactional id over; open transactions of older producers end.

        Raises:
            BrokerError: refused, for example by the ACLs.
        """

    def begin(self) -> None:
        """Begin a transaction; what is sent from now on belongs to it."""

    def commit(self, timeout_s: float) -> bool:
        """Push out what was sent and commit; return whether that is done.

        Raises:
            AbortedError: not committed; call :meth:`abort`, then the same may be sent again.
            BrokerError: refused.
        """

    def abort(self, timeout_s: float) -> bool:
        """Give up the transaction, if there is one; return whether that is done."""


@attrs.define(eq=False)
class FetchedBatch:
    """Consecutive records of one topic partition as read, stored by column.

    Attributes:
        offsets: ascending, not always dense.
        timestamps: Unix ms, or -1 when the record has none.
        timestamp_type: ``CreateTime``, ``LogAppendTime`` or ``NoTimestampType``, of all rows.
        headers: headers of each record, or None when no record has any.
        last_offset: that of the last row, when it is known without looking at ``offsets``.
    """

    topic: str
    partition: int
    offsets: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    timestamps: Sequence[int]
    timestamp_type: str = "CreateTime"
    headers: Sequence[EncodedHeaders] | None = None
    last_offset: int | None = None

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.values)

    @property
    def next_offset(self) -> int:
        """The offset to read on from after these rows."""
        return 1 + (self.offsets[-1] if self.last_offset is None else self.last_offset)


@attrs.define(eq=False)
class Assignment:
    """Who is told, on the polling thread, as the partitions of a consumer change."""

    on_assigned: Callable[[Sequence[TopicPartition]], None]
    on_revoked: Callable[[Sequence[TopicPartition]], None]
    on_lost: Callable[[Sequence[TopicPartition]], None]


class Consumer(Protocol):
    """Reads topics as a member of a consumer group; owned by one thread."""

    def subscribe(self, topics: Sequence[str] | str, listener: Assignment) -> None:
        """Join the group for these topics; a str is a regular expression (``topics.regex``)."""

    def poll(self, max_records: int, timeout_s: float) -> Sequence[FetchedBatch]:
        """Wait at most ``timeout_s`` for records; return at most ``max_records``, in order.

        Assignment listeners run inside this call.

        Raises:
            RetriableError: the broker is away; the same call may succeed later.
            BrokerError: reading cannot go on.
        """

    def commit(self, offsets: Mapping[TopicPartition, int], timeout_s: float) -> None:
        """Store positions (the next offset to read) for the group, and wait until stored.

        Raises:
            RetriableError: not stored, may be tried again (rebalance, timeout).
            BrokerError: refused.
        """

    def committed(
        self, partitions: Sequence[TopicPartition], timeout_s: float
    ) -> Mapping[TopicPartition, int]:
        """Return the stored positions; a partition without one is left out."""

    def position(self, partition: TopicPartition) -> int | None:
        """Return the next offset this consumer would read, or None when not known yet."""

    def log_end(self, partition: TopicPartition) -> int | None:
        """Return the offset after the partition's last record as last heard of, without asking.

        None when not known yet.
        """

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from ``offset`` at the next poll."""

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        """Stop fetching from these partitions; the membership stays."""

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        """Fetch from these partitions again."""

    def wakeup(self) -> None:
        """End a waiting :meth:`poll` soon; may be called from any thread."""

    def close(self, timeout_s: float) -> None:
        """Leave the group and release everything; later calls do nothing."""


class TopicReader(Protocol):
    """Looks at what a topic holds, as a member of no group; owned by one thread."""

    def bounds(self, topic: str, timeout_s: float) -> Mapping[int, tuple[int, int]]:
        """Return the first offset of each partition and the one after its last.

        Raises:
            NotFoundError: there is no such topic.
            BrokerError: nobody answers in time.
        """

    def read(
        self, place: TopicPartition, start: int, stop: int, timeout_s: float
    ) -> Iterator[FetchedBatch]:
        """Yield the records from offset ``start`` to before ``stop``, in order.

        Raises:
            TimedOutError: nothing more came for ``timeout_s``.
            BrokerError: the partition cannot be read.
        """

    def close(self) -> None:
        """Release everything; later calls do nothing."""


@attrs.frozen
class TopicSpec:
    """A topic to create. ``replication_factor`` -1: the broker's default."""

    name: str
    partitions: int = 1
    replication_factor: int = -1
    config: Mapping[str, str] = attrs.field(factory=dict)


class Admin(Protocol):
    """Asks the broker about itself and its topics; owned by one thread."""

    def cluster_id(self, timeout_s: float) -> str:
        """Return the cluster's id; raises BrokerError when nobody answers in time."""

    def topics(self, timeout_s: float) -> Mapping[str, int]:
        """Return every topic with its number of partitions."""

    def create_topics(self, topics: Sequence[TopicSpec], timeout_s: float) -> Sequence[str]:
        """Create what is missing; return the names really created (existing ones left out)."""

    def group_offsets(self, group: str, timeout_s: float) -> Mapping[TopicPartition, int]:
        """Return the positions that a consumer group has stored."""

    def alter_group_offsets(
        self, group: str, offsets: Mapping[TopicPartition, int | None], timeout_s: float
    ) -> None:
        """Store positions for a group that has no members; None forgets one.

        Raises:
            BrokerError: the group has members still, or the broker refuses; nothing is promised
                of the rest then.
        """

    def delete_group(self, group: str, timeout_s: float) -> None:
        """Forget a group with all its positions; one that is not there is forgotten already.

        Raises:
            BrokerError: the group has members still, or the broker refuses.
        """

    def close(self) -> None:
        """Release everything; later calls do nothing."""


class Broker(Protocol):
    """Makes clients for one cluster from Apache Kafka client properties.

    ``precise`` asks a producer to report every row on its own as soon as it is known, for
    sources that want each record's fate; without it rows may be reported in large ranges.
    ``places`` asks for the place of each row, too.
    """

    def producer(
        self,
        properties: Mapping[str, str],
        *,
        client_id: str,
        precise: bool = False,
        places: bool = False,
    ) -> Producer:
        """Make a producer; raises ConfigError for properties that cannot be honoured."""

    def transactional_producer(
        self, properties: Mapping[str, str], *, client_id: str, places: bool = False
    ) -> TransactionalProducer:
        """Make a producer with a ``transactional.id``; raises ConfigError likewise."""

    def consumer(self, properties: Mapping[str, str], *, client_id: str, group_id: str) -> Consumer:
        """Make a consumer; raises ConfigError for properties that cannot be honoured."""

    def reader(self, properties: Mapping[str, str], *, client_id: str) -> TopicReader:
        """Make a reader from a consumer's properties; raises ConfigError likewise."""

    def admin(self, properties: Mapping[str, str], *, client_id: str) -> Admin:
        """Make an admin client; raises ConfigError for properties that cannot be honoured."""
