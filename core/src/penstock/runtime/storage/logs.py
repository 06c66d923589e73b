"""The config and status topics at work: records read into events, requests written.

The only module here that does anything; what the records mean is folded by its pure neighbours.
(source: KafkaConfigBackingStore, KafkaStatusBackingStore)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

import attrs

from penstock.errors import ConnectError
from penstock.runtime.kafka.leader_writer import TransactionalWriter
from penstock.runtime.kafka.topic_log import LogRecord, TopicLog, TopicWriter, Written
from penstock.runtime.storage.config_fold import (
    QUARANTINE_MAX,
    Change,
    ConfigFold,
    ConfigSnapshot,
    LevelAsked,
    Quarantined,
    RestartAsked,
)
from penstock.runtime.storage.config_records import (
    ConfigRecord,
    LoggerLevel,
    TargetStateSet,
    encode,
    parse,
)
from penstock.runtime.storage.status_records import (
    Status,
    StatusKey,
    TopicUse,
    TopicUseKey,
    encode_status,
    encode_topic_use,
    parse_status,
)

__all__ = ["ConfigLog", "IgnoredRecord", "StatusLog", "Told"]

log = logging.getLogger(__name__)

_ANYBODYS: Final = (TargetStateSet, LoggerLevel)
"""Records that any worker may write; all others are the leader's."""

Told = tuple[StatusKey, Status | None] | tuple[TopicUseKey, TopicUse | None]


@attrs.frozen
class IgnoredRecord:
    """A record that says nothing: where it is, its key (shortened), and why."""

    topic: str
    offset: int
    key: str
    reason: str


class ConfigLog:
    """The config topic. Owner of the fold: the log's thread; ``snapshot`` is for any thread."""

    def __init__(
        self,
        topic: str,
        open_log: Callable[[Callable[[Sequence[LogRecord]], None]], TopicLog],
        writer: TopicWriter,
        leaders_writer: TransactionalWriter | None,
        on_read: Callable[[Sequence[Change], ConfigSnapshot], None],
    ) -> None:
        """``on_read`` is called on the log's thread after each chunk of records.

        ``leaders_writer`` writes what only the leader may, when it fences former leaders; None:
        ``writer`` writes everything.
        """
        self._topic = topic
        self._writer = writer
        self._leaders_writer = leaders_writer
        self._on_read = on_read
        self._fold = ConfigFold()
        self._live = False
        self.snapshot = ConfigSnapshot()
        self.ignored: list[IgnoredRecord] = []
        self._log = open_log(self._read)

    def start(self) -> Future[None]:
        """Begin to read; done when all that is there was read and ``on_read`` heard of it."""
        future: Future[None] = Future()

        def ready(first: Future[None]) -> None:
            problem = first.exception()
            if problem is not None:
                future.set_exception(problem)
                return
            # An empty topic is read to its end as well: somebody waits to hear so.
            self._live = True
            self._on_read((), self.snapshot)
            future.set_result(None)

        self._log.start().add_done_callback(ready)
        return future

    def _read(self, records: Sequence[LogRecord]) -> None:
        changes: list[Change] = []
        for record in records:
            change = self._fold.fold(record.offset, parse(record.key, record.value))
            if isinstance(change, Quarantined):
                log.error(
                    "the record at offset %d of topic '%s' is ignored: key '%s', %s",
                    record.offset,
                    self._topic,
                    change.record.key,
                    change.record.reason,
                )
                ignored = IgnoredRecord(
                    self._topic, record.offset, change.record.key, change.record.reason
                )
                self.ignored = [*self.ignored, ignored][-QUARANTINE_MAX:]
            # What was asked before this worker started was carried out, or never will be.
            if change is not None and (
                self._live or not isinstance(change, RestartAsked | LevelAsked)
            ):
                changes.append(change)
        self.snapshot = self._fold.snapshot()
        if self._live:
            self._on_read(changes, self.snapshot)

    def catch_up(self) -> None:
        """Read to the end, then call ``on_read`` even when nothing is new."""

        def done(read: Future[None]) -> None:
            if read.exception() is not None:
                log.warning(
                    "topic '%s' cannot be read to its end: %s", self._topic, read.exception()
                )
            self._on_read((), self.snapshot)

        self._log.read_to_end().add_done_callback(done)

    def write(
        self,
        groups: Sequence[Sequence[ConfigRecord]],
        done: Callable[[Exception | None], None],
    ) -> None:
        """Write groups one after the other, each stored and read back before the next."""
        if not groups:
            done(None)
            return
        first, *rest = groups

        def read(back: Future[None]) -> None:
            problem = _problem(back)
            if problem is None:
                self.write(rest, done)
            else:
                done(problem)

        def stored(written: Future[Written | None]) -> None:
            problem = _problem(written)
            if problem is not None:
                done(problem)
                return
            where = written.result()
            if where is None:
                self.write(rest, done)
            else:
                self._log.read_past(where).add_done_callback(read)

        records = [encode(record) for record in first]
        free = all(isinstance(record, _ANYBODYS) for record in first)
        writer = self._writer if free or self._leaders_writer is None else self._leaders_writer
        writer.write(self._topic, records).add_done_callback(stored)

    def claim(self) -> None:
        """Let no former leader write any more; called when this worker begins to lead."""
        if self._leaders_writer is not None:
            self._leaders_writer.claim()

    @property
    def unreadable_count(self) -> int:
        """How many records were left alone because they say nothing."""
        return self._fold.unreadable_count

    def close(self, timeout_s: float) -> None:
        """End the log."""
        if self._leaders_writer is not None:
            self._leaders_writer.close(timeout_s)
        self._log.close(timeout_s)


def _problem(future: Future[object] | Future[None] | Future[Written | None]) -> Exception | None:
    problem = future.exception()
    if problem is None or isinstance(problem, Exception):
        return problem
    return ConnectError(str(problem))


class StatusLog:
    """The status topic. Any thread may write; nobody waits."""

    def __init__(
        self,
        topic: str,
        open_log: Callable[[Callable[[Sequence[LogRecord]], None]], TopicLog],
        writer: TopicWriter,
        on_read: Callable[[Sequence[Told]], None],
    ) -> None:
        """``on_read`` is called on the log's thread after each chunk of records."""
        self._topic = topic
        self._writer = writer
        self._on_read = on_read
        self.unreadable_count = 0
        self.ignored: list[IgnoredRecord] = []
        self._log = open_log(self._read)

    def start(self) -> Future[None]:
        """Begin to read; done when all that is there was read."""
        return self._log.start()

    def _read(self, records: Sequence[LogRecord]) -> None:
        told: list[Told] = []
        for record in records:
            one = parse_status(record.key, record.value)
            if one is None:
                log.warning(
                    "the record at offset %d of topic '%s' says no status; it is ignored",
                    record.offset,
                    self._topic,
                )
                self._ignore(record)
            else:
                told.append(one)
        if told:
            self._on_read(told)

    def _ignore(self, record: LogRecord) -> None:
        key = (record.key or b"").decode(errors="replace")[:80]
        one = IgnoredRecord(self._topic, record.offset, key, "it says no status")
        self.unreadable_count += 1
        self.ignored = [*self.ignored, one][-QUARANTINE_MAX:]

    def write(self, key: StatusKey, status: Status | None) -> None:
        """Write a status; None takes it away."""
        self._send(encode_status(key, status))

    def write_topic_use(self, key: TopicUseKey, use: TopicUse | None) -> None:
        """Note that a connector uses a topic; None forgets it."""
        self._send(encode_topic_use(key, use))

    def _send(self, record: tuple[bytes, bytes | None]) -> None:
        def stored(written: Future[Written | None]) -> None:
            if written.exception() is not None:
                key = record[0].decode()
                log.error("the status '%s' is not written: %s", key, written.exception())

        self._writer.write(self._topic, [record]).add_done_callback(stored)

    def close(self, timeout_s: float) -> None:
        """End the log."""
        self._log.close(timeout_s)
