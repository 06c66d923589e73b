"""Tasks: they copy (source: SourceTask, SinkTask and their contexts)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import attrs

from penstock.api._plugin import Plugin
from penstock.data import Batch, SinkRecord, SourceRecord, TopicPartition

__all__ = [
    "ErrantRecordReporter",
    "RecordMetadata",
    "Reported",
    "SinkTask",
    "SinkTaskContext",
    "SourceTask",
    "SourceTaskContext",
    "TaskContext",
    "TransactionContext",
]

C = TypeVar("C")


class TaskContext(Protocol):
    """What any task may ask of the runtime, on its own thread unless said otherwise."""

    @property
    def connector(self) -> str:
        """The connector's name."""

    @property
    def task(self) -> int:
        """The task's number, from 0."""

    @property
    def raw_config(self) -> Mapping[str, str]:
        """The task's whole configuration as texts, references replaced."""

    @property
    def stopping(self) -> bool:
        """Whether the task should return from what it is doing; safe from any thread."""

    def wait(self, timeout_s: float) -> bool:
        """Wait; return True at once when the task should stop. Use it instead of sleeping."""

    def gauge(self, name: str, value: float) -> None:
        """Tell a figure of the task's own, its newest value, such as ``millis-behind-latest``.

        It is ``penstock_task_gauge`` with the label ``name`` among the metrics. Cheap: call it as
        often as the figure changes. (source: PluginMetrics)
        """


class SourceTaskContext(TaskContext, Protocol):
    """What a source task may ask of the runtime."""

    def offset(self, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the stored offset of a source partition, or None (source: OffsetStorageReader)."""

    def offsets(self, partitions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        """Return the stored offset of each partition, asked all at once."""

    @property
    def exactly_once(self) -> bool:
        """Whether records and offsets are sent in transactions; then large polls are cheaper."""

    @property
    def transaction_context(self) -> TransactionContext | None:
        """Ends transactions; None unless ``transaction.boundary`` is ``connector``.

        (source: SourceTaskContext.transactionContext)
        """


class TransactionContext(Protocol):
    """Lets a source task say where its transactions end (source: TransactionContext, KIP-618).

    A transaction begins with the first record sent. What is asked for between two calls of
    ``poll``, or in one, is about what that poll returns. Transforms may drop the record that is
    named: the transaction ends at its place all the same. After an abort the records are gone for
    readers, and the offsets of them are stored: they are not read again.

    Threading: the task's own thread. A commit and an abort at the same place fail the task.
    """

    def commit_transaction(self, record: SourceRecord | None = None) -> None:
        """Commit after the batch that poll returns next, or after one record of it."""

    def abort_transaction(self, record: SourceRecord | None = None) -> None:
        """Give up the transaction after the batch that poll returns next, or after a record."""

    def commit_after_row(self, row: int) -> None:
        """Commit after row ``row``, from 0, of the batch that poll returns next."""

    def abort_after_row(self, row: int) -> None:
        """Give up the transaction after row ``row``, from 0, of the batch that poll returns."""


class Reported(Protocol):
    """A reported record on its way to the dead letter queue; a task need not wait for it."""

    def done(self) -> bool:
        """Whether it is stored, or nobody keeps dead letters."""

    def result(self, timeout_s: float = 30.0) -> None:
        """Wait until it is stored; raises TimedOutError, or BrokerError when it was refused."""


class ErrantRecordReporter(Protocol):
    """Takes single records that a sink task cannot write (source: ErrantRecordReporter, KIP-610).

    What was consumed goes to the dead letter queue, whatever transforms made of it; the runtime
    waits for it before it commits the record's offset. Threading: the task's own thread.
    """

    def report(self, record: SinkRecord, error: BaseException) -> Reported:
        """Report a record that the task was given.

        Raises:
            ConnectError: ``errors.tolerance`` is none: the task fails.
        """

    def report_row(self, batch: Batch, i: int, error: BaseException) -> Reported:
        """Report row ``i`` of a batch that the task was given; raises as :meth:`report`."""


class SinkTaskContext(TaskContext, Protocol):
    """What a sink task may ask of the runtime."""

    @property
    def errant_record_reporter(self) -> ErrantRecordReporter | None:
        """Takes bad records; None when neither a dead letter queue nor error logs are set up."""

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that this task reads now."""

    def rewind(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read on from these offsets at the next poll (source: SinkTaskContext.offset)."""

    def retry_after(self, timeout_ms: int) -> None:
        """Deliver the next records, or the same after a RetriableError, in ``timeout_ms``."""

    def pause(self, *partitions: TopicPartition) -> None:
        """Stop reading these partitions."""

    def resume(self, *partitions: TopicPartition) -> None:
        """Read these partitions again."""

    def request_commit(self) -> None:
        """Ask that offsets be committed after this call, not at the next interval."""


@attrs.frozen
class RecordMetadata:
    """Where a record was stored (source: RecordMetadata).

    Attributes:
        offset: None where the producer is not told, as with ``acks=0``.
        timestamp: Unix ms; None where it is not known.
    """

    topic: str
    partition: int
    offset: int | None
    timestamp: int | None


class SourceTask(Plugin[C]):
    """Reads from outside and returns records.

    Threading: one thread calls everything, in the order ``open``, ``start``, then ``poll`` and
    ``commit`` by turns, then ``stop``, ``close``.
    """

    context: SourceTaskContext

    def start(self) -> None:
        """Find the place to go on from, with ``self.context.offset``.

        After an error: the task is FAILED; it may be restarted.
        """

    def poll(self) -> Batch | Sequence[SourceRecord] | Sequence[Batch] | None:
        """Return the next records, in source order, or None or an empty list when there are none.

        Several batches are those of one poll by topic and schemas: they share one origin, and
        their ``rows`` tell the places in it.

        Waiting: wait for news with ``self.context.wait``, a second or so at most, then return.
        The runtime calls again at once. A batch of a few thousand rows is best.
        A batch without rows but with places, as ``batch.select([])`` gives it, stores their
        offsets once all before them are safe: for what was read and gave no record.

        After an error: RetriableError is logged and poll is called again after a backoff; any
        other error fails the task. Offsets are stored only after the broker acknowledged the
        records up to them.
        """
        raise NotImplementedError

    def commit(self) -> None:
        """Called after offsets were stored, at each ``offset.flush.interval.ms``."""

    def commit_record(self, record: SourceRecord) -> None:
        """Called when the broker acknowledged one record, or a transform dropped it.

        Overriding this costs speed: the runtime then follows every record on its own.
        """

    def commit_record_at(self, record: SourceRecord, metadata: RecordMetadata | None) -> None:
        """Called instead of ``commit_record``, which it calls by default, with the place, too.

        ``metadata`` is None for a record that was dropped or skipped, or of which the runtime has
        no place. Overriding this costs more speed still. (source: SourceTask.commitRecord)
        """
        self.commit_record(record)

    def stop(self) -> None:
        """Release what ``start`` acquired; called once, on the task's thread."""


class SinkTask(Plugin[C]):
    """Is given records and writes them outside.

    Override :meth:`put`, or :meth:`put_batch` for speed. Threading: one thread calls everything.
    """

    context: SinkTaskContext

    def start(self) -> None:
        """Prepare; partitions are not known yet."""

    def partitions_assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Prepare to write these partitions (source: SinkTask.open)."""

    def partitions_revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Finish these partitions; offsets are committed after it (source: SinkTask.close)."""

    def put(self, records: Sequence[SinkRecord]) -> None:
        """Take records; in the order of each partition. Also called with none, to do timed work.

        Need not have written them when it returns: :meth:`flush` or :meth:`pre_commit` says what
        is safe.

        After an error: RetriableError delivers the same records again after a backoff; any other
        error fails the task, and the records come again after its restart.
        """
        raise NotImplementedError

    def put_batch(self, batch: Batch) -> None:
        """Take rows of one topic partition and one schema. Calls :meth:`put` by default."""
        self.put(list(batch.records()))  # type: ignore[arg-type]  # a sink's rows are SinkRecords

    def put_batches(self, batches: Sequence[Batch]) -> None:
        """Take the rows of one topic partition that differ in schema, a batch a schema.

        ``rows`` tells where each row stands among those of all the batches; a task that writes
        them elsewhere by schema may ignore it. Override it to handle mixed schemas at the speed
        of batches; otherwise the runtime cuts the batches into pieces in order, for
        :meth:`put_batch`, or gives the records to :meth:`put`.
        """
        raise NotImplementedError

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Write out everything put so far; ``offsets`` are the next to read after it."""

    def pre_commit(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Return the offsets that may be committed: all of them after a flush, by default.

        After an error: nothing is committed and the task is given the records again.
        """
        self.flush(offsets)
        return offsets

    def stop(self) -> None:
        """Release what ``start`` acquired; called once, on the task's thread."""
