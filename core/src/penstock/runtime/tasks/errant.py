"""Single bad records that a sink task reports itself (source: WorkerErrantRecordReporter)."""

from __future__ import annotations

import threading
from bisect import bisect_left
from typing import Final

from penstock.data import Batch, SinkOrigin, SinkRecord
from penstock.errors import ConnectError, TimedOutError
from penstock.runtime.broker import FetchedBatch
from penstock.runtime.pipeline.codec import RecordCodec
from penstock.runtime.pipeline.failure import Consumed, Failure
from penstock.runtime.pipeline.policy import ErrorPolicy, Stage
from penstock.runtime.tasks.dead_letters import DeadLetters, Ticket
from penstock.runtime.tasks.report import FailureReports

__all__ = ["ErrantReporter", "Reported"]

SINK_TASK: Final = "org.apache.kafka.connect.sink.SinkTask"


class Reported:
    """A report on its way. Owner: the task's thread."""

    def __init__(self, ticket: Ticket | None, letters: DeadLetters | None) -> None:
        """Without a ticket there is nothing to wait for."""
        self._ticket = ticket
        self._letters = letters

    def done(self) -> bool:
        """Whether the record is stored as a dead letter, or none is kept."""
        if self._ticket is None or self._letters is None:
            return True
        if not self._ticket.stored:
            self._letters.push()
        return self._ticket.stored

    def result(self, timeout_s: float = 30.0) -> None:
        """Wait until the record is stored.

        Raises:
            TimedOutError: it is not, in time.
            BrokerError: the dead letter was refused.
        """
        if self.done() or self._letters is None or self._ticket is None:
            return
        self._letters.flush(timeout_s)
        if not self._ticket.stored:
            raise TimedOutError(
                f"the dead letter of {self._ticket.row.place} is not stored after {timeout_s:g} s"
            )


class ErrantReporter:
    """Keeps what a sink task reports. Owner: the task's thread."""

    def __init__(
        self,
        policy: ErrorPolicy,
        reports: FailureReports,
        letters: DeadLetters | None,
        codec: RecordCodec,
    ) -> None:
        """Take what failed stages use too; the codec is for records that a task made itself."""
        self._policy = policy
        self._reports = reports
        self._letters = letters
        self._codec = codec
        self._thread = threading.get_ident()
        self._refused: BaseException | None = None

    def report(self, record: SinkRecord, error: BaseException) -> Reported:
        """See :class:`penstock.api.ErrantRecordReporter`."""
        return self._report(self._consumed(record), error)

    def report_row(self, batch: Batch, i: int, error: BaseException) -> Reported:
        """See :class:`penstock.api.ErrantRecordReporter`."""
        raw = batch.origin.raw if isinstance(batch.origin, SinkOrigin) else None
        if not isinstance(raw, FetchedBatch):
            raise ConnectError("report_row takes rows of the batches that put_batch was given")
        return self._report(Consumed(raw, batch.rows[i]), error)

    def _report(self, row: Consumed, error: BaseException) -> Reported:
        if threading.get_ident() != self._thread:
            raise ConnectError("errant records are reported on the task's own thread")
        failure = Failure(Stage.TASK_PUT, SINK_TASK, "the task", row, error)
        ticket = self._reports.report(failure)
        if not self._policy.tolerate_all:
            self._refused = error
            self.check()
        return Reported(ticket, self._letters)

    def check(self) -> None:
        """Fail the task again when it caught the error of a report; after each ``put``.

        Raises:
            ConnectError: a record was reported, and none is tolerated.
        """
        if self._refused is not None:
            raise ConnectError(
                f"Tolerance exceeded in error handler: the task reported a record, and "
                f"errors.tolerance is none: {self._refused}"
            ) from self._refused

    def _consumed(self, record: SinkRecord) -> Consumed:
        """Find what was read from Kafka; a record that the task made is written to bytes again."""
        origin = record.origin
        raw = origin.raw if isinstance(origin, SinkOrigin) else None
        if isinstance(raw, FetchedBatch):
            return Consumed(raw, _row_at(raw, record.offset))
        return Consumed(self._codec.encode_record(record), 0)


def _row_at(raw: FetchedBatch, offset: int) -> int:
    """Return the row of an offset; they ascend, but not always without gaps."""
    row = bisect_left(raw.offsets, offset)
    if row == len(raw) or raw.offsets[row] != offset:
        raise ConnectError(f"offset {offset} is not of {raw.topic}-{raw.partition}'s last records")
    return row
