"""The loop of a sink task: fetch, convert, transform, put, and commit what is safe."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any, Final

from penstock.api import SinkTask
from penstock.data import Batch, SinkOrigin, TopicPartition
from penstock.errors import ConnectError, RetriableError
from penstock.runtime.broker import Assignment, Consumer, FetchedBatch
from penstock.runtime.host.control import HostControl
from penstock.runtime.host.messages import Paused, Running
from penstock.runtime.pipeline.chain import TransformChain
from penstock.runtime.pipeline.codec import RecordCodec
from penstock.runtime.tasks.context import SinkContext
from penstock.runtime.tasks.dead_letters import DeadLetters
from penstock.runtime.tasks.delivery import Deliverer
from penstock.runtime.tasks.progress import Place, ProgressMeter
from penstock.runtime.tasks.used_topics import UsedTopics

__all__ = ["SinkTaskRunner"]

log = logging.getLogger(__name__)

POLL_MAX_S: Final = 0.5
BACKOFF_FIRST_S: Final = 0.1
BACKOFF_MAX_S: Final = 10.0
HOLD_S: Final = 0.5
"""How long to wait for a lease before asking again."""
HOLD_TOLD_S: Final = 30.0
STORED_WAIT_S: Final = 1.0
"""How long the figures may wait for stored positions, once a partition."""


class SinkTaskRunner:
    """Runs one sink task. Owner: the task's thread, for everything."""

    def __init__(
        self,
        *,
        task: SinkTask[Any],
        context: SinkContext,
        chain: TransformChain,
        codec: RecordCodec,
        consumer: Consumer,
        control: HostControl,
        topics: Sequence[str] | str,
        max_records: int,
        flush_interval_s: float,
        flush_timeout_s: float,
        letters: DeadLetters | None = None,
    ) -> None:
        """Take a started task and its opened pipeline; ``topics`` as a str is a pattern."""
        self._task = task
        self._context = context
        self._chain = chain
        self._codec = codec
        self._consumer = consumer
        self._control = control
        self._max_records = max_records
        self._flush_interval_s = flush_interval_s
        self._flush_timeout_s = flush_timeout_s
        self._deliverer = Deliverer(task)
        self._consumed: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._stored: dict[TopicPartition, int | None] = {}
        self._letters = letters
        self._waiting: list[FetchedBatch] = []
        self._is_held = False
        self._has_new_places = False
        self._ready: tuple[FetchedBatch, Sequence[Batch]] | None = None
        self._retry_at_s = 0.0
        self._hold_told_s = 0.0
        self._backoff_s = BACKOFF_FIRST_S
        self._commit_at_s = time.monotonic() + flush_interval_s
        self._over = False
        self.progress = ProgressMeter(control, sink=True)
        self.progress.places = self._places
        self._used_topics = UsedTopics(control)
        consumer.subscribe(
            topics,
            Assignment(
                on_assigned=self._on_assigned,
                on_revoked=self._on_revoked,
                on_lost=self._on_lost,
            ),
        )

    def run(self) -> None:
        """Move records until the host is told to stop; raises what fails the task."""
        while not self._control.stopping:
            if self._control.pausing:
                self._rest()
            self._step()

    def _step(self) -> None:
        if self._context.commit_requested or time.monotonic() >= self._commit_at_s:
            self.commit()
        self._carry_out_rewinds()
        self.progress.tell()
        if self._letters is not None:
            self._letters.push()
        if self._is_held:
            self._retry()
            return
        fetched = self._consumer.poll(self._max_records, self._poll_timeout_s())
        if fetched:
            self._waiting = list(fetched)
            self._deliver()
            return
        try:
            self._deliverer.idle()
        except RetriableError as problem:
            self._back_off(problem)

    def _poll_timeout_s(self) -> float:
        timeout_s = max(0.0, min(POLL_MAX_S, self._commit_at_s - time.monotonic()))
        asked_ms = self._context.retry_after_ms
        self._context.retry_after_ms = None
        return timeout_s if asked_ms is None else min(timeout_s, asked_ms / 1000)

    def _deliver(self) -> None:
        """Put what was fetched, one partition's run after the other; keep what must be repeated."""
        while self._waiting:
            if not self._control.has_lease:
                self._hold()
                return
            fetched = self._waiting[0]
            batches = self._converted(fetched)
            began_s = time.monotonic()
            try:
                self._deliverer.put(batches)
            except RetriableError as problem:
                self._check_reports()
                self._back_off(problem)
                return
            self.progress.took(began_s)
            self._check_reports()
            self._ready = None
            self.progress.handed_on(sum(map(len, batches)))
            if self._context.reporter is None:
                _forget_raw(batches)
            place = TopicPartition(fetched.topic, fetched.partition)
            self._consumed[place] = fetched.next_offset
            self._used_topics.note(fetched.topic)
            del self._waiting[0]
        self._backoff_s = BACKOFF_FIRST_S

    def _converted(self, fetched: FetchedBatch) -> Sequence[Batch]:
        """Convert and transform, once: what is put again must not report its bad rows again."""
        if self._ready is None or self._ready[0] is not fetched:
            self.progress.moved(len(fetched))
            skipped = self.progress.faults.skipped
            batches = self._chain.apply(self._codec.decode(fetched))
            gone = len(fetched) - sum(map(len, batches))
            self.progress.filtered += gone - (self.progress.faults.skipped - skipped)
            self._ready = fetched, batches
            if self._letters is not None:
                self._letters.push()
        return self._ready[1]

    def _check_reports(self) -> None:
        """Fail when the task reported a record although none is tolerated; send the others."""
        if self._context.reporter is not None:
            self._context.reporter.check()
        if self._letters is not None:
            self._letters.push()

    def _back_off(self, problem: RetriableError) -> None:
        """Pause all partitions, so that polling keeps the membership while nothing is read."""
        asked_ms = self._context.retry_after_ms
        self._context.retry_after_ms = None
        delay_s = self._backoff_s if asked_ms is None else asked_ms / 1000
        log.warning("put will be repeated in %.1f s: %s", delay_s, problem)
        self._backoff_s = min(self._backoff_s * 2, BACKOFF_MAX_S)
        self._hold_back(delay_s)

    def _hold(self) -> None:
        """Put nothing until the worker's place in its group is sure again."""
        if time.monotonic() >= self._hold_told_s:
            self._hold_told_s = time.monotonic() + HOLD_TOLD_S
            log.warning("nothing is put: this worker may have lost its place in its group")
        self._hold_back(HOLD_S)

    def _hold_back(self, delay_s: float) -> None:
        """Read nothing until ``delay_s`` is over and what waits was put, or is to be read again."""
        self._is_held = True
        self._retry_at_s = time.monotonic() + delay_s
        self._consumer.pause(list(self._context.assigned))

    def _retry(self) -> None:
        self._poll_while_held(self._retry_at_s - time.monotonic())
        if time.monotonic() < self._retry_at_s:
            return
        self._deliver()
        if not self._waiting:
            self._is_held = False
            self._consumer.resume(list(self._context.assigned - self._context.paused))

    def _poll_while_held(self, timeout_s: float) -> None:
        """Keep the membership; what comes of partitions that are new is kept, and no more of it."""
        unexpected = self._consumer.poll(self._max_records, max(0.0, min(timeout_s, POLL_MAX_S)))
        # Not in one line: a rebalance within the poll makes another list of what waits.
        self._waiting.extend(unexpected)
        self._is_held = self._is_held or bool(self._waiting)
        if self._has_new_places:
            self._has_new_places = False
            self._consumer.pause(list(self._context.assigned))

    def _rest(self) -> None:
        """Stay paused until the flags change; the membership is kept by polling."""
        self._consumer.pause(list(self._context.assigned))
        self.commit()
        self._control.send(Paused())
        self.progress.paused()
        while self._control.pausing and not self._control.stopping:
            self._poll_while_held(POLL_MAX_S)
        self.progress.resumed()
        if not self._control.stopping:
            if not self._is_held:  # else what waits is put first
                self._consumer.resume(list(self._context.assigned - self._context.paused))
            self._control.send(Running(type(self._task).version()))

    def _carry_out_rewinds(self) -> None:
        rewinds = self._context.rewinds
        for place in list(rewinds):
            offset = rewinds.pop(place)
            if place in self._context.assigned:
                self._seek(place, offset)

    def _seek(self, place: TopicPartition, offset: int) -> None:
        self._consumer.seek(place, offset)
        self._consumed[place] = offset
        self._waiting = [
            one for one in self._waiting if TopicPartition(one.topic, one.partition) != place
        ]

    def commit(self) -> None:
        """Ask the task what is safe and commit it; what fails is tried at the next interval."""
        self._context.commit_requested = False
        self._commit_at_s = time.monotonic() + self._flush_interval_s
        self._commit_places(dict(self._consumed), rewind=True)

    def _commit_places(self, consumed: dict[TopicPartition, int], *, rewind: bool) -> None:
        """Commit ``consumed``; after a refusal of the task, ``rewind`` reads the records again."""
        if not consumed or consumed == self._committed or not self._control.has_lease:
            return
        if not self._letters_stored():
            return
        try:
            safe = self._task.pre_commit(consumed)
        except RetriableError as problem:
            log.warning("pre_commit failed, the records will be put again: %s", problem)
            if rewind:
                self._rewind_to_committed(consumed)
            return
        self._check_reports()
        accepted = {
            place: offset
            for place, offset in safe.items()
            if offset <= consumed.get(place, -1) and self._committed.get(place) != offset
        }
        if not accepted or not self._letters_stored():
            return
        began_s = time.monotonic()
        try:
            self._consumer.commit(accepted, self._flush_timeout_s)
        except RetriableError as problem:
            self.progress.not_committed()
            log.warning("offsets are not committed yet: %s", problem)
            return
        self._committed.update(accepted)
        self.progress.committed = self.progress.records
        self.progress.was_committed(began_s)

    def _places(self) -> list[Place]:
        """Return where the task stands in each of its partitions, for the figures.

        Of a partition that is new here the broker is asked once for the stored position.
        """
        assigned = self._context.assigned
        self.progress.partitions = len(assigned)
        new = assigned - self._stored.keys()
        if new:
            self._stored |= dict.fromkeys(new)
            with contextlib.suppress(ConnectError):  # figures fail no task
                self._stored |= self._consumer.committed(list(new), STORED_WAIT_S)
        found: list[Place] = []
        for place in sorted(assigned):
            at = self._consumed.get(place, self._stored[place])
            found.append((place.topic, place.partition, at, self._consumer.log_end(place)))
        return found

    def _letters_stored(self) -> bool:
        """Wait for the dead letters: what they are of must not be committed before."""
        if self._letters is None or self._letters.flush(self._flush_timeout_s):
            return True
        log.warning("offsets are not committed yet: dead letters are not stored yet")
        return False

    def _rewind_to_committed(self, consumed: dict[TopicPartition, int]) -> None:
        stored = self._consumer.committed(list(consumed), self._flush_timeout_s)
        for place in consumed:
            # Without a stored position the consumer began at its first record: offset 0 is safe.
            self._seek(place, stored.get(place, 0))

    def _on_assigned(self, partitions: Sequence[TopicPartition]) -> None:
        if self._over:
            return
        self._context.assigned.update(partitions)
        self._has_new_places = True
        self._task.partitions_assigned(partitions)

    def _forget(self, partitions: Sequence[TopicPartition]) -> None:
        gone = set(partitions)
        self._context.assigned -= gone
        self._context.paused -= gone
        self._waiting = [
            one for one in self._waiting if TopicPartition(one.topic, one.partition) not in gone
        ]
        for place in gone:
            self._stored.pop(place, None)
            self._consumed.pop(place, None)
            self._committed.pop(place, None)

    def _on_revoked(self, partitions: Sequence[TopicPartition]) -> None:
        if self._over:
            return
        leaving = {p: self._consumed[p] for p in partitions if p in self._consumed}
        try:
            self._commit_places(leaving, rewind=False)
        finally:
            self._task.partitions_revoked(partitions)
            self._forget(partitions)

    def _on_lost(self, partitions: Sequence[TopicPartition]) -> None:
        if self._over:
            return
        self._task.partitions_revoked(partitions)
        self._forget(partitions)

    def finish(self) -> None:
        """Commit the last offsets and take leave of the partitions; after a stop in good order."""
        self.commit()
        self._task.partitions_revoked(list(self._context.assigned))
        self._over = True
        self.progress.tell(now=True)

    def abandon(self) -> None:
        """Take no more part in rebalances; after a failure, before the consumer is closed."""
        self._over = True


def _forget_raw(batches: Sequence[Batch]) -> None:
    """Let the consumed bytes go: a task may keep its batches for long, and reports none of them."""
    for batch in batches:
        if isinstance(batch.origin, SinkOrigin):
            batch.origin.raw = None
