"""A compacted topic read from its first record on, and on and on. (source: KafkaBasedLog).

Two threads: one reads (``topic-log``), one writes for all logs of a worker (``topic-writer``).
Neither waits for the other, and whoever asks gets a future.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

import attrs
import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from penstock.errors import ConflictError, StorageError, TimedOutError
from penstock.runtime.clock import Clock, SystemClock
from penstock.runtime.kafka.client_log import client_logger
from penstock.runtime.kafka.consumer import OF_NO_GROUP

__all__ = ["LogRecord", "TopicLog", "TopicWriter", "Written"]

log = logging.getLogger(__name__)

POLL_MAX_S: Final = 0.1
CHUNK_RECORDS: Final = 2_000
WRITES_WAITING_MAX: Final = 10_000
WRITES_AT_ONCE_MAX: Final = 500
WRITE_TIMEOUT_S: Final = 30.0


@attrs.frozen
class LogRecord:
    """One record of a log."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@attrs.frozen
class Written:
    """Where the last of some records landed."""

    partition: int
    offset: int


class _Position:
    """How far a log was read, and who waits until it is further. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[int, int] = {}
        self._waiting: list[tuple[Mapping[int, int], Future[None]]] = []

    def _is_past(self, ends: Mapping[int, int]) -> bool:
        return all(self._next.get(partition, 0) >= end for partition, end in ends.items())

    def wait(self, ends: Mapping[int, int], future: Future[None]) -> None:
        """Finish the future once every partition was read to its end."""
        with self._lock:
            if not self._is_past(ends):
                self._waiting.append((ends, future))
                return
        future.set_result(None)

    def advance(self, to: Mapping[int, int]) -> None:
        """Note how far was read, and finish what waits no longer."""
        with self._lock:
            self._next.update(to)
            done = [future for ends, future in self._waiting if self._is_past(ends)]
            self._waiting = [one for one in self._waiting if one[1] not in done]
        for future in done:
            future.set_result(None)

    def fail(self, problem: Exception) -> None:
        """Fail everything that waits."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for _, future in waiting:
            future.set_exception(problem)


class TopicLog:
    """Reads one topic. Owner of the client and the position: the ``topic-log`` thread.

    ``on_records`` is called on that thread with what was read, in order, each partition's own;
    a future of :meth:`read_to_end` is done after the call that held the last of it.
    """

    def __init__(
        self,
        topic: str,
        partitions: int,
        config: Mapping[str, Any],
        ends: Callable[[], Mapping[int, int]],
        on_records: Callable[[Sequence[LogRecord]], None],
    ) -> None:
        """Nothing is read before :meth:`start`.

        Args:
            topic: its name.
            partitions: how many it has.
            config: librdkafka's, of a consumer.
            ends: asks the broker for the end of every partition, over a connection of its own:
                on the consumer's, it would wait behind a fetch; raises StorageError.
            on_records: takes what was read.
        """
        self._topic = topic
        self._partitions = range(partitions)
        self._ends = ends
        self._on_records = on_records
        self._position = _Position()
        self._asked: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._closing = False
        self._client = confluent_kafka.Consumer(
            {
                **config,
                "group.id": "unused",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
            },
            logger=client_logger(),
        )
        self._thread = threading.Thread(target=self._run, name=f"topic-log {topic}", daemon=True)

    def start(self) -> Future[None]:
        """Begin to read; the future is done when what is there now was read."""
        places = [confluent_kafka.TopicPartition(self._topic, p, 0) for p in self._partitions]
        self._client.assign(places)
        self._thread.start()
        return self.read_to_end()

    def read_to_end(self) -> Future[None]:
        """Return a future that is done when everything written before this call was read."""
        future: Future[None] = Future()
        self._asked.put(lambda: self._seek_end(future))
        return future

    def read_past(self, written: Written) -> Future[None]:
        """Return a future that is done when a record that was written is read."""
        future: Future[None] = Future()
        self._position.wait({written.partition: written.offset + 1}, future)
        return future

    def close(self, timeout_s: float) -> None:
        """End the thread; what waits fails."""
        self._closing = True
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._position.fail(ConflictError("the worker is shutting down"))
        with contextlib.suppress(KafkaException, RuntimeError):
            self._client.close()

    def _run(self) -> None:
        while not self._closing:
            try:
                self._turn()
            except Exception:
                # One bad batch must not end the log: all that follows would be lost.
                log.exception("reading topic '%s' failed; going on", self._topic)

    def _turn(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._asked.get_nowait()()
        first = self._client.poll(POLL_MAX_S)
        if first is None:
            return
        messages = [first, *self._client.consume(CHUNK_RECORDS, 0)]
        records: list[LogRecord] = []
        position: dict[int, int] = {}
        for message in messages:
            error = message.error()
            partition, offset = int(message.partition() or 0), int(message.offset() or 0)
            if error is None:
                key, value = message.key(), message.value()
                records.append(LogRecord(partition, offset, key, value))
                position[partition] = offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's own name
                position[partition] = offset
            elif error.code() != OF_NO_GROUP:
                log.warning("reading topic '%s': %s", self._topic, error.str())
        try:
            if records:
                self._on_records(records)
        finally:
            self._position.advance(position)

    def _seek_end(self, future: Future[None]) -> None:
        try:
            ends = self._ends()
        except StorageError as problem:
            future.set_exception(problem)
            return
        self._position.wait(ends, future)


@attrs.define
class _Write:
    """Records of one topic that somebody waits for."""

    topic: str
    records: Sequence[tuple[bytes, bytes | None]]
    future: Future[Written | None]
    left: int = 0
    last: Written | None = None


class TopicWriter:
    """Writes to the internal topics. Owner of the producer: the ``topic-writer`` thread."""

    def __init__(self, config: Mapping[str, Any], clock: Clock | None = None) -> None:
        """``config`` is librdkafka's, with acks from all replicas."""
        self._clock = clock or SystemClock()
        self._work: queue.Queue[_Write | None] = queue.Queue(WRITES_WAITING_MAX)
        self._client = confluent_kafka.Producer(dict(config), logger=client_logger())
        self._thread = threading.Thread(target=self._run, name="topic-writer", daemon=True)
        self._thread.start()

    def write(
        self, topic: str, records: Sequence[tuple[bytes, bytes | None]]
    ) -> Future[Written | None]:
        """Write records in order; the future tells where the last one is, once all are stored.

        It raises StorageError when one is not stored; those before it may be.
        """
        future: Future[Written | None] = Future()
        try:
            self._work.put_nowait(_Write(topic, records, future))
        except queue.Full:
            text = f"more than {WRITES_WAITING_MAX} writes wait for the broker"
            future.set_exception(StorageError(text))
        return future

    def close(self, timeout_s: float) -> None:
        """Write what waits, then end the thread."""
        self._work.put(None)
        self._thread.join(timeout_s)
        self._client.flush(0)

    def _run(self) -> None:
        last = False
        while not last:
            waiting = [self._work.get()]
            with contextlib.suppress(queue.Empty):
                while len(waiting) < WRITES_AT_ONCE_MAX:
                    waiting.append(self._work.get_nowait())
            last = None in waiting
            self._deliver([write for write in waiting if write is not None])

    def _deliver(self, writes: Sequence[_Write]) -> None:
        """Send all, and wait until each is stored or refused."""
        for write in writes:
            write.left = len(write.records)
            if not write.records:
                write.future.set_result(None)
            for key, value in write.records:
                self._send(write, key, value)
        until_s = self._clock.monotonic_s() + WRITE_TIMEOUT_S
        while any(not write.future.done() for write in writes):
            self._client.poll(POLL_MAX_S)
            if self._clock.monotonic_s() > until_s:
                self._give_up([write for write in writes if not write.future.done()])
                return

    def _give_up(self, writes: Sequence[_Write]) -> None:
        for write in writes:
            text = f"writing to '{write.topic}' took longer than {WRITE_TIMEOUT_S:g} s"
            write.future.set_exception(TimedOutError(text))

    def _send(self, write: _Write, key: bytes, value: bytes | None) -> None:
        def delivered(error: KafkaError | None, message: Any) -> None:
            write.left -= 1
            if write.future.done():
                return
            if error is not None:
                text = f"cannot write to '{write.topic}': {error.str()}"
                write.future.set_exception(StorageError(text))
                return
            write.last = Written(message.partition(), message.offset())
            if write.left == 0:
                write.future.set_result(write.last)

        try:
            self._client.produce(write.topic, value=value, key=key, on_delivery=delivered)
        except (KafkaException, BufferError) as problem:
            if not write.future.done():
                text = f"cannot write to '{write.topic}': {problem}"
                write.future.set_exception(StorageError(text))
