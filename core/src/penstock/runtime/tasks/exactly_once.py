"""The loop of an exactly-once source task, as ExactlyOnceWorkerSourceTask (its source) has it."""

from __future__ import annotations

import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Final

from penstock.api import SourceTask
from penstock.data import Batch, SourceOrigin
from penstock.errors import (
    AbortedError,
    BrokerError,
    ConnectError,
    FencedError,
    RetriableError,
    TimedOutError,
)
from penstock.runtime.broker import EncodedBatch, TransactionalProducer
from penstock.runtime.host.control import HostControl
from penstock.runtime.host.messages import Paused, Running
from penstock.runtime.pipeline.chain import TransformChain
from penstock.runtime.pipeline.codec import Encoded, RecordCodec, in_order
from penstock.runtime.tasks.boundaries import Boundaries
from penstock.runtime.tasks.committer import FENCED_HINT, Committer, Limits
from penstock.runtime.tasks.polled_rows import PLACES_WAIT_S, PolledRows, places, sliced
from penstock.runtime.tasks.progress import ProgressMeter
from penstock.runtime.tasks.stored_offsets import TransactionOffsets
from penstock.runtime.tasks.told_records import ToldRecords
from penstock.runtime.tasks.transaction import Action, Cut, State, Transaction, pieces
from penstock.runtime.tasks.used_topics import UsedTopics

__all__ = ["ExactlyOnceRunner"]

log = logging.getLogger(__name__)

BACKOFF_FIRST_S: Final = 0.1
BACKOFF_MAX_S: Final = 10.0
HOLD_S: Final = 1.0
HOLD_OPEN_S: Final = 5.0
"""How long a transaction stays open while nothing may be sent; readers wait for its end."""
FULL_WAIT_S: Final = 0.05
REPEATS_MAX: Final = 6
"""How often the records of one transaction are sent again before the task fails."""
KEPT_BYTES_MAX: Final = 32 * 1024 * 1024
"""Bytes of one transaction that are kept to be sent again; a larger one fails the task instead."""
NEWS_WAIT_S: Final = 3.0
"""How long a fenced task waits to hear that it is to stop: then it was a newer one of its own."""


class _CancelledError(Exception):
    """The task ends before its transaction is whole: it is given up, and read again."""


class ExactlyOnceRunner:
    """Runs one exactly-once source task. Owner: the task's thread, for everything."""

    def __init__(
        self,
        *,
        task: SourceTask[Any],
        chain: TransformChain,
        codec: RecordCodec,
        producer: TransactionalProducer,
        control: HostControl,
        boundaries: Boundaries,
        offsets: TransactionOffsets,
        limits: Limits,
        ensure_topic: Callable[[str], None] | None = None,
    ) -> None:
        """Take a started task, its opened pipeline and a producer that has its id."""
        self._task = task
        self._chain = chain
        self._codec = codec
        self._producer = producer
        self._control = control
        self._boundaries = boundaries
        self._offsets = offsets
        self._limits = limits
        self._ensure_topic = ensure_topic
        self._committer = Committer(producer, control, limits.commit_s)
        self._transaction = Transaction()
        self._sent: list[tuple[EncodedBatch, SourceOrigin, Sequence[int]]] = []
        self._next = 0
        self._kept_bytes = 0
        self._token = 0
        self._told = ToldRecords(task)
        self._tells_of_commits = self._told.wanted or type(task).commit is not SourceTask.commit
        self._is_ahead = not self._tells_of_commits
        self._commit_began_s = self._idle_since_s = time.monotonic()
        self.progress = ProgressMeter(control)
        self._used_topics = UsedTopics(control)

    def run(self) -> None:
        """Move records until the host is told to stop; raises what fails the task."""
        try:
            self._loop()
        except _CancelledError:
            log.info("the open transaction is aborted: there is no time left to finish it")
            self._give_up_quietly()
        except FencedError as problem:
            self._transaction.fenced()
            if self._control.wait(NEWS_WAIT_S) or not self._control.has_lease:
                log.info("a newer instance of this task has taken over: %s", problem)
                return
            raise FencedError(FENCED_HINT.format(problem)) from problem
        except Exception:
            self._give_up_quietly()
            raise

    def _loop(self) -> None:
        backoff_s = BACKOFF_FIRST_S
        while not self._control.stopping:
            if self._control.pausing:
                self._rest()
                continue
            if not self._control.has_lease:
                self._settle()
                self._repeating(self._hold)
                continue
            self.progress.tell()
            began_s = time.monotonic()
            try:
                polled = self._task.poll()
            except RetriableError as problem:
                log.warning("poll will be repeated in %.1f s: %s", backoff_s, problem)
                self._control.wait(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
                continue
            backoff_s = BACKOFF_FIRST_S
            if polled is not None and len(polled):
                self.progress.took(began_s)
                self._move(polled)
            else:
                self._nothing_new(polled)
        self._end_of_work()

    def _nothing_new(self, polled: PolledRows | None) -> None:
        """End what is due, and let places without records not wait for ever."""
        self._settle()
        if isinstance(polled, Batch) and isinstance(polled.origin, SourceOrigin):
            for partition, offset in places(polled.origin, 0, len(polled.origin.partitions)):
                self._transaction.passed(partition, offset)
            due_s = time.monotonic() + PLACES_WAIT_S - self._limits.flush_interval_s
            self._idle_since_s = min(self._idle_since_s, due_s)
        now_s = time.monotonic()
        for cut in self._boundaries.cuts((), 0, now_s):
            self._end(cut)
        is_idle = self._transaction.state is State.IDLE
        if is_idle and now_s - self._idle_since_s >= self._limits.flush_interval_s:
            self._commit()
        if self._transaction.state is State.OPEN:
            self._fail_on_refused()

    def _move(self, polled: PolledRows) -> None:
        batches = [polled] if isinstance(polled, Batch) else Batch.of_records(polled)
        origin = batches[0].origin
        if not isinstance(origin, SourceOrigin):
            raise ConnectError("a source task must return batches made with Batch.source")
        rows = len(origin.partitions)
        self.progress.moved(rows)
        skipped = self.progress.faults.skipped
        parts = in_order([self._codec.encode(batch) for batch in self._chain.apply(batches)])
        gone = rows - sum(len(part.rows) for part in parts)
        self.progress.filtered += gone - (self.progress.faults.skipped - skipped)
        for first, last, cut in pieces(rows, self._boundaries.cuts(polled, rows, time.monotonic())):
            self._settle()
            self._dispatch(parts, origin, first, last)
            if cut is not None:
                self._end(cut)

    def _dispatch(
        self, parts: Sequence[Encoded], origin: SourceOrigin, first: int, last: int
    ) -> None:
        """Send the rows ``first`` to ``last - 1`` of a poll, and note the places after them."""
        for part in parts:
            start, stop = bisect_left(part.rows, first), bisect_left(part.rows, last)
            if start < stop:
                self._keep(sliced(part.batch, start, stop), origin, part.rows[start:stop])
        self._repeating(self._push)
        if self._transaction.state is State.OPEN and self._kept_bytes > KEPT_BYTES_MAX:
            self._sent.clear()  # too many to send them again
            self._next = 0
        for partition, offset in places(origin, first, last):
            self._transaction.passed(partition, offset)
        self._told.passed(origin, range(first, last))

    def _keep(self, batch: EncodedBatch, origin: SourceOrigin, rows: Sequence[int]) -> None:
        if batch.topic == self._offsets.topic:
            raise ConnectError(
                "Source tasks may not produce to their own offsets topics when exactly-once "
                f"support is enabled; send the records of '{batch.topic}' elsewhere"
            )
        if self._ensure_topic is not None:
            self._ensure_topic(batch.topic)
        self._sent.append((batch, origin, rows))
        self._kept_bytes += sum(map(len, filter(None, batch.values)))

    def _push(self) -> None:
        """Send what was kept and not sent in the present transaction."""
        while self._next < len(self._sent):
            self._make_sure()
            batch, origin, rows = self._sent[self._next]
            self._carry_out(self._transaction.sending(len(batch)))
            self._told.sent(self._token, origin, rows)
            self._send(batch)
            self._used_topics.note(batch.topic)
            self._next += 1

    def _send(self, batch: EncodedBatch) -> None:
        row, total = 0, len(batch)
        backoff_s = BACKOFF_FIRST_S
        token, self._token = self._token, self._token + 1
        while row < total:
            self._make_sure()
            try:
                taken = self._producer.send(batch, token, row)
            except RetriableError as problem:
                log.warning("sending will be repeated in %.1f s: %s", backoff_s, problem)
                self._control.wait(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
                continue
            self._fail_on_refused(FULL_WAIT_S if taken == row else 0)
            row = taken

    def _fail_on_refused(self, timeout_s: float = 0) -> None:
        for delivery in self._producer.poll(timeout_s):
            if delivery.error is not None:
                text = f"Unrecoverable exception trying to send: {delivery.error}"
                raise AbortedError(text) if delivery.retriable else BrokerError(text)
            self._told.delivered(delivery)

    def _make_sure(self) -> None:
        """Wait until this worker's place is sure; raises _CancelledError at the task's end."""
        if not (self._control.has_lease or self._control.stopping):
            self._hold()
        if self._control.stopping and (
            self._control.stop_deadline_s <= 0 or not self._control.has_lease
        ):
            raise _CancelledError

    def _end(self, cut: Cut) -> None:
        self._settle()
        if cut.aborts:
            log.info("the connector asked to abort its transaction: its records are dropped")
            self._abort(dropped=True)
        self._commit()

    def _commit(self) -> None:
        if not self._transaction.has_work:
            return
        self._commit_began_s = time.monotonic()
        self._repeating(self._commit_once)
        if not self._committer.is_ahead:
            self._was_committed()

    def _settle(self) -> None:
        """See the end of a commit that runs ahead, before anything else is sent."""
        if not self._committer.is_ahead:
            return
        self._repeating(self._settle_once)
        self._was_committed()

    def _settle_once(self) -> None:
        if self._committer.is_ahead:
            self._committer.settle()
        else:  # it failed; all is done again, and waited for
            self._is_ahead = False
            self._commit_once()

    def _was_committed(self) -> None:
        rows = self._transaction.committed()
        self._idle_since_s = time.monotonic()
        self.progress.committed += rows
        self.progress.handed_on(rows)
        self.progress.transaction(rows)
        self.progress.was_committed(self._commit_began_s)
        self._forget_sent()
        self._is_ahead = not self._tells_of_commits
        if self._told.places:
            self._fail_on_refused()  # what was told of rows during the commit
        self._told.committed()
        self._task.commit()

    def _commit_once(self) -> None:
        self._push()
        self._carry_out(self._transaction.commit())

    def _carry_out(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if action is Action.BEGIN:
                self._producer.begin()
            elif action is Action.STORE_OFFSETS:
                self._send(self._offsets.batch(self._transaction.offsets))
            elif action is Action.COMMIT:
                self._make_sure()
                self._committer.commit(ahead=self._is_ahead)
            else:
                self._committer.abort()

    def _repeating(self, step: Callable[[], None]) -> None:
        """Do a step; when the transaction must be aborted, do it all again in another one.

        Nobody saw what was aborted, and the records are still here: nothing is lost or doubled.
        """
        tries, backoff_s = 0, BACKOFF_FIRST_S
        while True:
            try:
                step()
            except AbortedError as problem:
                tries += 1
                if tries > REPEATS_MAX or self._kept_bytes > KEPT_BYTES_MAX:
                    raise
                log.warning(
                    "the transaction is aborted and sent again in %.1f s: %s", backoff_s, problem
                )
                self._abort(dropped=False, after=problem)
                self.progress.not_committed()
                self._control.wait(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
            else:
                return

    def _abort(self, *, dropped: bool, after: AbortedError | None = None) -> None:
        try:
            self._carry_out(self._transaction.abort())
        except (FencedError, TimedOutError) as why:
            raise why if after is None else type(why)(f"{why} (after: {after})") from after
        if self._transaction.state is State.ABORTING:
            self._transaction.aborted(dropped=dropped)
        self._next = 0
        self._told.aborted()
        if dropped:
            self._forget_sent()

    def _forget_sent(self) -> None:
        self._sent.clear()
        self._next = self._kept_bytes = 0

    def _rest(self) -> None:
        """Stay paused until the flags change; no transaction is left open that could time out."""
        self._end_of_work()
        self._control.send(Paused())
        self.progress.paused()
        while self._control.pausing and not self._control.stopping:
            self._control.wait(1.0)
        self.progress.resumed()
        if not self._control.stopping:
            self._control.send(Running(type(self._task).version()))

    def _end_of_work(self) -> None:
        """Commit what may be committed now; the rest stays open (pause) or is given up (stop)."""
        self._settle()
        cut = self._boundaries.last_cut()
        if cut is not None:
            self._end(cut)
            self._settle()
        if self._control.stopping:
            self._give_up_quietly()
        self.progress.tell(now=True)

    def _give_up_quietly(self) -> None:
        """End an open transaction, so that nobody waits for it to time out."""
        try:
            self._committer.settle()
        except ConnectError as problem:
            log.warning("the last commit failed: %s", problem)
        try:
            if self._transaction.state is not State.FENCED:
                self._producer.abort(1.0)
        except BrokerError as problem:
            log.warning("the open transaction is left to time out: %s", problem)
        self._transaction.failed()

    def _hold(self) -> None:
        """Send nothing until the worker's place in its group is sure again, or the task ends.

        Raises:
            AbortedError: that takes long, and readers would wait for the open transaction.
        """
        log.warning("nothing is sent: this worker may have lost its place in its group")
        until_s = time.monotonic() + HOLD_OPEN_S
        while not (self._control.has_lease or self._control.stopping):
            self._control.wait(HOLD_S)
            if time.monotonic() > until_s and self._transaction.state is not State.IDLE:
                raise AbortedError("this worker may have lost its place in its group")
        if self._control.has_lease:
            log.info("sending goes on: this worker has kept its place")
