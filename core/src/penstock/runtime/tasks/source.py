"""The loop of a source task: poll, transform, convert, send, and store what is safe."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.api import SourceTask
from penstock.data import Batch, SourceOrigin
from penstock.errors import BrokerError, ConnectError, RetriableError
from penstock.runtime.broker import Delivery, Producer
from penstock.runtime.host.control import HostControl
from penstock.runtime.host.messages import OffsetsStored, Paused, Running, StoreOffsets
from penstock.runtime.offsets.tracker import OffsetTracker
from penstock.runtime.pipeline.chain import TransformChain
from penstock.runtime.pipeline.codec import Encoded, RecordCodec, in_order
from penstock.runtime.pipeline.failure import Failure, Polled
from penstock.runtime.pipeline.policy import Stage
from penstock.runtime.tasks.polled_rows import PLACES_WAIT_S, PolledRows, positions
from penstock.runtime.tasks.progress import ProgressMeter
from penstock.runtime.tasks.stored_offsets import OwnTopicWriter
from penstock.runtime.tasks.told_records import ToldRecords
from penstock.runtime.tasks.used_topics import UsedTopics

__all__ = ["SourceTaskRunner"]

log = logging.getLogger(__name__)

BACKOFF_FIRST_S: Final = 0.1
BACKOFF_MAX_S: Final = 10.0
SOURCE_TASK: Final = "org.apache.kafka.connect.runtime.WorkerSourceTask"
"""What the original says failed when a record was not stored."""
HOLD_S: Final = 1.0
"""How long to wait for a lease before looking at the network again."""
FULL_WAIT_S: Final = 0.05
"""How long to wait for room when the producer's queue is full, before looking at the flags."""


@attrs.define(eq=False)
class _Sent:
    """A part on its way: the poll it came from and the origin's row of each of its rows."""

    poll: int
    rows: Sequence[int]
    left: int
    origin: SourceOrigin


class SourceTaskRunner:
    """Runs one source task. Owner: the task's thread, for everything."""

    def __init__(
        self,
        *,
        task: SourceTask[Any],
        chain: TransformChain,
        codec: RecordCodec,
        producer: Producer,
        control: HostControl,
        flush_interval_s: float,
        flush_timeout_s: float,
        refused: Callable[[Failure], None] | None = None,
        ensure_topic: Callable[[str], None] | None = None,
        own_topic: OwnTopicWriter | None = None,
    ) -> None:
        """Take a started task and its opened pipeline.

        ``refused`` is told of records that the broker does not take, which are then skipped; None
        fails the task with the first (``errors.tolerance``). ``ensure_topic`` is called with the
        topic of each batch before it is sent; None leaves topics to the broker. ``own_topic``
        takes the offsets first, where the connector has a topic of its own for them.
        """
        self._own_topic = own_topic
        self._ensure_topic = ensure_topic
        self._task = task
        self._chain = chain
        self._codec = codec
        self._producer = producer
        self._control = control
        self._flush_interval_s = flush_interval_s
        self._flush_timeout_s = flush_timeout_s
        self._refused = refused
        self._tracker = OffsetTracker()
        self._sent: dict[int, _Sent] = {}
        self._token = 0
        self._store_request = 0
        self._unstored: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
        self._told = ToldRecords(task)
        self.progress = ProgressMeter(control)
        self._used_topics = UsedTopics(control)

    def run(self) -> None:
        """Move records until the host is told to stop; raises what fails the task."""
        backoff_s = BACKOFF_FIRST_S
        commit_at_s = time.monotonic() + self._flush_interval_s
        while not self._control.stopping:
            if self._control.pausing:
                self._rest()
                continue
            if not self._control.has_lease:
                self._hold()
                continue
            self._collect(0)
            if time.monotonic() >= commit_at_s:
                self.commit(self._flush_timeout_s)
                commit_at_s = time.monotonic() + self._flush_interval_s
            self.progress.tell()
            began_s = time.monotonic()
            try:
                polled = self._task.poll()
                if polled is not None and len(polled):
                    self.progress.took(began_s)
                    self._send(polled)
                elif isinstance(polled, Batch):
                    self._note_places(polled)
                    commit_at_s = min(commit_at_s, began_s + PLACES_WAIT_S)
            except RetriableError as problem:
                log.warning("poll will be repeated in %.1f s: %s", backoff_s, problem)
                self._control.wait(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
            else:
                backoff_s = BACKOFF_FIRST_S

    def finish(self, timeout_s: float) -> None:
        """Wait for what is on its way and store the last offsets; ``timeout_s`` bounds it all."""
        deadline_s = time.monotonic() + timeout_s
        while self._sent and self._control.has_lease and time.monotonic() < deadline_s:
            self._producer.flush(max(0.0, min(0.5, deadline_s - time.monotonic())))
            self._collect(0)
        self.commit(max(0.1, deadline_s - time.monotonic()))
        self.progress.tell(now=True)

    def _rest(self) -> None:
        """Stay paused until the flags change; keep serving the network and the offsets."""
        self._producer.flush(self._flush_timeout_s)
        self._collect(0)
        self.commit(self._flush_timeout_s)
        self._control.send(Paused())
        self.progress.paused()
        while self._control.pausing and not self._control.stopping:
            self._control.wait(1.0)
            self._collect(0)
        self.progress.resumed()
        if not self._control.stopping:
            self._control.send(Running(type(self._task).version()))

    def _hold(self) -> None:
        """Send nothing until the worker's place in its group is sure again, or the task ends."""
        log.warning("nothing is sent: this worker may have lost its place in its group")
        while not (self._control.has_lease or self._control.stopping):
            self._control.wait(HOLD_S)
            self._collect(0)
        if self._control.has_lease:
            log.info("sending goes on: this worker has kept its place")

    def _send(self, polled: PolledRows) -> None:
        batches = [polled] if isinstance(polled, Batch) else Batch.of_records(polled)
        origin = batches[0].origin
        if not isinstance(origin, SourceOrigin):
            raise ConnectError("a source task must return batches made with Batch.source")
        poll = self._tracker.submit(origin)
        self.progress.moved(len(origin.partitions))
        skipped = self.progress.faults.skipped
        parts = in_order([self._codec.encode(batch) for batch in self._chain.apply(batches)])
        gone = self._drop_missing(poll, origin, parts)
        self.progress.filtered += gone - (self.progress.faults.skipped - skipped)
        for part in parts:
            self._send_part(poll, origin, part)

    def _note_places(self, polled: Batch) -> None:
        """Take a batch without rows: its places are stored once all before them are safe."""
        origin = polled.origin
        if isinstance(origin, SourceOrigin) and len(origin.partitions):
            self._tracker.ack(self._tracker.submit(origin), range(len(origin.partitions)))

    def _drop_missing(self, poll: int, origin: SourceOrigin, parts: Sequence[Encoded]) -> int:
        """Acknowledge rows that transforms dropped or the policy skipped: nobody waits for them.

        Returns how many they are.
        """
        total = len(origin.partitions)
        if sum(len(part.rows) for part in parts) == total:
            return 0
        kept = {row for part in parts for row in part.rows}
        dropped = [row for row in range(total) if row not in kept]
        self._tracker.ack(poll, dropped)
        self._told.tell(origin, dropped)
        return len(dropped)

    def _send_part(self, poll: int, origin: SourceOrigin, part: Encoded) -> None:
        token = self._token
        self._token += 1
        self._sent[token] = _Sent(poll, part.rows, len(part.rows), origin)
        row, total = 0, len(part.batch)
        if self._ensure_topic is not None:
            self._ensure_topic(part.batch.topic)
        backoff_s = BACKOFF_FIRST_S
        while row < total and not self._is_cancelled():
            if not self._control.has_lease:
                self._hold()
                continue
            try:
                taken = self._producer.send(part.batch, token, row)
            except RetriableError as problem:
                log.warning("sending will be repeated in %.1f s: %s", backoff_s, problem)
                self._control.wait(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
                continue
            except BrokerError as problem:
                # As the original: a record that cannot even be queued counts as one not stored.
                self._settle(Delivery(token, row, row + 1, str(problem)))
                row += 1
                continue
            if taken == row:
                self._collect(FULL_WAIT_S)
            row = taken
        self._used_topics.note(part.batch.topic)

    def _is_cancelled(self) -> bool:
        """Whether no more may be sent before the end; what was not sent is read again."""
        if not self._control.stopping:
            return False
        return self._control.stop_deadline_s <= 0 or not self._control.has_lease

    def _collect(self, timeout_s: float) -> None:
        before = self.progress.committed
        for delivery in self._producer.poll(timeout_s):
            self._settle(delivery)
        if self.progress.committed > before:
            self.progress.handed_on(self.progress.committed - before)

    def _settle(self, delivery: Delivery) -> None:
        sent = self._sent.get(delivery.token)
        if sent is None:
            return
        rows = sent.rows[delivery.start : delivery.stop]
        if delivery.error is not None:
            self._skip(sent.origin, rows, delivery.error)
        else:
            self.progress.committed += len(rows)
        self._tracker.ack(sent.poll, rows)
        self._told.tell(sent.origin, rows, delivery.stored)
        sent.left -= len(rows)
        if sent.left == 0:
            del self._sent[delivery.token]

    def _skip(self, origin: SourceOrigin, rows: Sequence[int], why: str) -> None:
        """Tell of rows that the broker did not take; they are skipped, or fail the task.

        (source: WorkerSourceTask.producerSendFailed)
        """
        error = BrokerError(f"{len(rows)} records were not stored: {why}")
        if self._refused is None:
            raise error
        whole = positions(origin)
        for row in rows:
            place = Polled(whole, row)
            self._refused(Failure(Stage.KAFKA_PRODUCE, SOURCE_TASK, "the producer", place, error))

    def commit(self, timeout_s: float) -> None:
        """Store the offsets that are safe; what cannot be stored now is kept for the next time."""
        if not self._control.has_lease:
            return  # the task that runs elsewhere by now may have stored later ones
        safe = self._tracker.committable()
        if not safe and self._tracker.pending:
            # Rows hashed over several partitions are known to be safe only when all are.
            self._producer.flush(timeout_s)
            self._collect(0)
            safe = self._tracker.committable()
        self._unstored.extend(safe)
        if self._unstored:
            began_s = time.monotonic()
            problem = self._store(timeout_s)
            if problem is not None:
                self.progress.not_committed()
                log.warning("offsets are not stored, tried again at the next flush: %s", problem)
                return
            self._unstored.clear()
            self.progress.was_committed(began_s)
        self._task.commit()

    def _store(self, timeout_s: float) -> str | None:
        """Store the offsets that are not yet; return why that did not succeed.

        The worker's store follows the connector's own topic as well as it can, so that removing
        ``offsets.storage.topic`` begins near the end. (source: ConnectorOffsetBackingStore)
        """
        if self._own_topic is not None:
            try:
                self._own_topic.save(self._unstored, timeout_s)
            except ConnectError as problem:
                return str(problem)
        self._store_request += 1
        pairs = [[dict(partition), dict(offset)] for partition, offset in self._unstored]
        error: str | None = None
        try:
            answer = self._control.ask(StoreOffsets(self._store_request, pairs), timeout_s)
        except RetriableError as problem:
            error = str(problem)
        else:
            error = answer.error if isinstance(answer, OffsetsStored) else None
        if error is not None and self._own_topic is not None:
            log.warning("the worker's store does not have the newest offsets: %s", error)
            return None
        return error
