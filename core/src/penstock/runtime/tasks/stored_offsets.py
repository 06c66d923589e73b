"""The stored offsets of a source task: the worker's, and those of a topic of the connector's own.

(source: ConnectorOffsetBackingStore)
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from penstock.data import TopicPartition
from penstock.errors import ConnectError, RetriableError, StorageError
from penstock.runtime.broker import EncodedBatch, Producer, TopicReader
from penstock.runtime.host.control import HostControl
from penstock.runtime.host.messages import LoadOffsets, OffsetsLoaded
from penstock.runtime.offsets.store import ConnectorOffsets, MemoryOffsetStore, encode_json

__all__ = ["OwnOffsets", "OwnTopicWriter", "StoredOffsets", "TransactionOffsets", "WorkerOffsets"]

LOAD_TIMEOUT_S: Final = 35.0
"""A little more than the worker waits for its offsets topic, so that its reason is told."""
READ_TIMEOUT_S: Final = 60.0
"""An open transaction of somebody else is waited for: it may hold offsets."""
POLL_S: Final = 0.05

Pairs = Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]


class StoredOffsets(Protocol):
    """Tells a task where it stands. Owner: the task's thread."""

    def load(self, partitions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        """Return the stored offsets, in order; raises ConnectError when the store fails."""


class WorkerOffsets:
    """The worker's store, asked over the control channel. Owner: the task's thread."""

    def __init__(self, control: HostControl) -> None:
        """Nothing is asked yet."""
        self._control = control
        self._request = 0

    def load(self, partitions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        """See :class:`StoredOffsets`."""
        answer = self._ask(partitions, fresh=True)
        return [None if offset is None else dict(offset) for offset in answer.offsets]

    def keys(self, partitions: Sequence[Mapping[str, Any]]) -> list[bytes]:
        """Return the keys by which the worker stores these partitions."""
        return [key.encode() for key in self._ask(partitions, fresh=False).keys]

    def _ask(self, partitions: Sequence[Mapping[str, Any]], *, fresh: bool) -> OffsetsLoaded:
        self._request += 1
        request = LoadOffsets(self._request, [dict(one) for one in partitions], fresh)
        answer = self._control.ask(request, LOAD_TIMEOUT_S)
        if not isinstance(answer, OffsetsLoaded):
            raise ConnectError(f"asked for offsets, got {type(answer).__name__}")
        if answer.error is not None:
            raise StorageError(f"cannot read the stored offsets: {answer.error}")
        return answer


class OwnOffsets:
    """A topic of the connector's own over the worker's store: what it holds wins.

    Read whole, once, before the first offset is asked for; afterwards this task alone writes it.
    Owner: the task's thread.
    """

    def __init__(
        self, topic: str, connector: str, worker: WorkerOffsets | None, reader: TopicReader
    ) -> None:
        """Read the topic; raises BrokerError or TimedOutError when that is not possible.

        Without ``worker`` only what the topic holds is told.
        """
        self._connector = connector
        self._worker = worker
        store = MemoryOffsetStore()
        for partition, (start, stop) in reader.bounds(topic, READ_TIMEOUT_S).items():
            place = TopicPartition(topic, partition)
            for batch in reader.read(place, start, stop, READ_TIMEOUT_S):
                pairs = zip(batch.keys, batch.values, strict=True)
                store.put({key: value for key, value in pairs if key is not None})
        self._offsets = ConnectorOffsets(store)

    def load(self, partitions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        """See :class:`StoredOffsets`."""
        own = self._offsets.load(self._connector, partitions)
        if self._worker is None:
            return own
        theirs = self._worker.load(partitions)
        return [their if mine is None else mine for mine, their in zip(own, theirs, strict=True)]

    def all(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return every partition with its offset that this topic holds of the connector."""
        return self._offsets.all(self._connector)

    def keys(self, partitions: Sequence[Mapping[str, Any]]) -> list[bytes]:
        """Return the keys by which this topic stores these partitions."""
        return [self._offsets.key(self._connector, partition) for partition in partitions]


class TransactionOffsets:
    """Makes the records of offsets that a producer sends. Owner: the task's thread."""

    def __init__(self, topic: str, stored: WorkerOffsets | OwnOffsets) -> None:
        """``topic`` takes them; ``stored`` knows their keys."""
        self.topic = topic
        self._stored = stored
        self._keys: dict[tuple[tuple[str, Any], ...], bytes] = {}

    def batch(self, offsets: Pairs) -> EncodedBatch:
        """Return offsets as records, the bytes as Kafka Connect writes them; None forgets one.

        Raises:
            ConnectError: the store does not answer.
            StorageError: an offset is not JSON data.
        """
        names = [tuple(sorted(partition.items())) for partition, _ in offsets]
        new = [i for i, name in enumerate(names) if name not in self._keys]
        if new:
            keys = self._stored.keys([offsets[i][0] for i in new])
            self._keys.update(zip([names[i] for i in new], keys, strict=True))
        return EncodedBatch(
            self.topic,
            values=[None if offset is None else encode_json(offset) for _, offset in offsets],
            keys=[self._keys[name] for name in names],
        )


class OwnTopicWriter:
    """Stores offsets in a connector's own topic, outside of transactions.

    Owner: the task's thread.
    """

    def __init__(self, offsets: TransactionOffsets, producer: Producer) -> None:
        """``producer`` is for this alone."""
        self._offsets = offsets
        self._producer = producer
        self._token = 0

    def save(self, offsets: Pairs, timeout_s: float) -> None:
        """Store offsets and wait until they are.

        Raises:
            RetriableError: not stored, or not known to be; the same call may succeed later.
            BrokerError: refused.
        """
        batch = self._offsets.batch(offsets)
        self._token += 1
        row, left = 0, len(batch)
        until_s = time.monotonic() + timeout_s
        while left:
            if row < len(batch):
                row = self._producer.send(batch, self._token, row)
            for delivery in self._producer.poll(POLL_S):
                if delivery.token != self._token:
                    continue  # of a call that did not wait for it
                if delivery.error is not None:
                    raise RetriableError(f"topic '{self._offsets.topic}': {delivery.error}")
                left -= delivery.stop - delivery.start
            if left and time.monotonic() > until_s:
                raise RetriableError(
                    f"topic '{self._offsets.topic}' did not answer within {timeout_s:g} s"
                )
