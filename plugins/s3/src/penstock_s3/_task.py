"""The S3 sink's task: rows to files, files to objects, offsets after them."""

from __future__ import annotations

import abc
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.api import SinkTask
from penstock.data import Batch, SinkRecord, TopicPartition
from penstock.errors import ConnectError, DataError, RetriableError
from penstock_s3._aiven import aiven_layout
from penstock_s3._aiven_config import AivenS3SinkConfig, core_of
from penstock_s3._border import Lot, Write
from penstock_s3._client import Bucket, open_client
from penstock_s3._config import S3SinkConfig
from penstock_s3._files import PartitionFiles, first_offset
from penstock_s3._layout import Layout, layout_of, null_rows
from penstock_s3._upload import Desk

__all__ = ["AivenS3SinkTask", "S3SinkTask"]

log = logging.getLogger(__name__)

COMMIT_WAIT_S: Final = 5.0
"""How long a commit waits for what is under way; what is not there then is committed later."""

LAST_COMMIT_WAIT_S: Final = 20.0
"""How long the last commit of a task waits: nobody polls any more, and what is not there then is
written again."""


PUT_WAIT_S: Final = 3.0
"""How long a put waits for room in memory, at its start and after; longer waits are the runtime's,
which goes on to poll meanwhile, so that a slow S3 does not cost the place in the group."""

ROOM_RETRY_MS: Final = 500
"""When rows are given again that there was no room for."""

SHED_LEAST: Final = 64 * 1024
"""Encoders that hold less go to the disk only when the others were not enough, bytes."""


class _Task(SinkTask[Any]):
    """What both sinks do. Owner: the task's thread; only requests run in the desk's pool."""

    @abc.abstractmethod
    def _core(self) -> tuple[S3SinkConfig, Layout]:
        """Return what to know of S3 and of files."""

    def start(self) -> None:
        """Make the client and the pool; the bucket is asked first when there is something."""
        self._keys, self._layout = self._core()
        self._closed = threading.Event()
        keys = self._keys
        bucket = Bucket(keys, open_client(keys), self._closed)
        self._desk = Desk(
            bucket,
            threads=keys.s3_upload_threads,
            part_bytes=keys.s3_part_size,
            budget=keys.s3_buffer_memory,
        )
        self._files: dict[TopicPartition, PartitionFiles] = {}
        self._puts = 0

    def partitions_assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Remove what a crash left of uploads of these partitions."""
        wanted: dict[str, list[str]] = {}
        for place in partitions:
            self._files[place] = PartitionFiles(place, self._layout, self._desk, self._bad_row)
            if (mark := self._layout.names.mark(place.topic, place.partition)) is not None:
                wanted.setdefault(place.topic, []).append(mark)
        for topic, marks in wanted.items():
            self._remove_orphans(topic, tuple(marks))

    def _remove_orphans(self, topic: str, marks: tuple[str, ...]) -> None:
        bucket = self._desk.bucket
        try:
            for key, upload in bucket.uploads(self._layout.prefix(topic)):
                if key.rpartition(self._keys.directory_delim)[2].startswith(marks):
                    bucket.abort(key, upload)
                    log.info("removed the parts of %s, which was never completed", key)
        except ConnectError as problem:
            log.warning("unfinished uploads are not removed: %s", problem)

    def partitions_revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Drop what is open: whoever reads these partitions next writes it again."""
        for place in partitions:
            files = self._files.pop(place, None)
            if files is not None:
                files.drop()

    def put(self, records: Sequence[SinkRecord]) -> None:
        """Do what the clock asks for; rows come by :meth:`put_batches`."""
        if records:
            raise ConnectError("the S3 sink takes batches, not single records")
        try:
            self._recover()
        except RetriableError as problem:
            log.warning("uploads will be tried again: %s", problem)
            return
        self._desk.be_patient(PUT_WAIT_S)
        now_ms = _now_ms()
        for files in self._files.values():
            cut = files.span.due(now_ms)
            if cut is not None:
                files.cut(cut)

    def put_batch(self, batch: Batch) -> None:
        """Write rows of one schema."""
        self.put_batches([batch])

    def put_batches(self, batches: Sequence[Batch]) -> None:
        """Write the rows of one run of a topic partition.

        Raises:
            RetriableError: uploads fail; nothing was written, the rows are to be put again.
            DataError: a row cannot be written, and nobody takes bad rows.
        """
        self._recover()
        batches = [batch for batch in batches if len(batch)]
        if not batches:
            return
        self._wait_for_room()
        now_ms = _now_ms()
        origin: Any = batches[0].origin
        place = TopicPartition(origin.topic, origin.partition)
        files = self._files.get(place)
        if files is None:
            files = PartitionFiles(place, self._layout, self._desk, self._bad_row)
            self._files[place] = files
        lots = [lot for batch in batches for lot in self._lots(self._solid(batch), now_ms)]
        for step in files.span.plan(lots, now_ms):
            if isinstance(step, Write):
                files.write(step)
            else:
                files.cut(step)
            self._desk.make_room()
        if self._puts % 64 == 0 or len(self._files) == 1:
            self._make_room()
        self._puts += 1

    def _wait_for_room(self) -> None:
        """Take no rows while memory is full; raises RetriableError when S3 does not keep up."""
        self._desk.be_patient(PUT_WAIT_S)
        if not self._desk.make_room():
            self.context.retry_after(ROOM_RETRY_MS)
            raise RetriableError(
                f"s3://{self._keys.s3_bucket_name}: {self._desk.counted() >> 20} MiB wait for S3,"
                " which is slow, and s3.buffer.memory allows no more: records are read again when"
                " there is room"
            )
        self._desk.be_patient(PUT_WAIT_S)

    def _make_room(self) -> None:
        """Keep what encoders and uploads hold within the budget, half of it for encoders."""
        held = sum(one.held for one in self._files.values())
        most = self._keys.s3_buffer_memory // 2
        if held > most:
            # The large ones, which are few writes to the disk; all when there are none.
            for least in (SHED_LEAST, 1):
                for files in self._files.values():
                    files.shed(least)
                held = sum(one.held for one in self._files.values())
                if held <= most // 2:
                    break
        self._desk.make_room(held)

    def _solid(self, batch: Batch) -> Batch:
        """Return a batch without the null values that are not written."""
        behavior = getattr(self._keys, "behavior_on_null_values", "fail").lower()
        if not self._refuses_nulls or behavior == "write":
            return batch
        nulls = null_rows(batch)
        if not len(nulls):
            return batch
        for i in nulls:
            problem = DataError(
                f"topic {batch.topic}: Null valued records are not writeable with current"
                f" behavior.on.null.values '{behavior}'. Offset {first_offset(batch, i)} has no"
                " value; use ignore, or write with store.kafka.keys"
            )
            if behavior == "fail":
                self._bad_row(batch, i, problem)
            elif self._keys.report_null_values_to_dlq and self.context.errant_record_reporter:
                self.context.errant_record_reporter.report_row(batch, i, problem)
        gone = set(nulls)
        return batch.select([i for i in range(len(batch)) if i not in gone])

    _refuses_nulls = True

    def _lots(self, batch: Batch, now_ms: int) -> list[Lot]:
        """Return a batch with its paths, in halves around rows that have none."""
        if not len(batch):
            return []
        try:
            return [self._layout.lot(batch, now_ms)]
        except DataError as problem:
            count = len(batch)
            if count == 1:
                self._bad_row(batch, 0, problem)
                return []
            halves = [range(count // 2), range(count // 2, count)]
            return [lot for half in halves for lot in self._lots(batch.select(half), now_ms)]

    def _bad_row(self, batch: Batch, i: int, problem: DataError) -> None:
        reporter = self.context.errant_record_reporter
        if reporter is None:
            raise problem
        reporter.report_row(batch, i, problem)

    def _recover(self) -> None:
        """Try uploads again that failed; raises the failure, so that no rows come meanwhile."""
        while self._desk.warnings:
            log.warning("%s", self._desk.warnings.popleft())
        failures = self._desk.failures()
        if not failures:
            return
        if not isinstance(failures[0][1], RetriableError):
            raise failures[0][1]
        for upload, _ in failures:
            upload.again()
        self.context.retry_after(self._keys.retry_backoff_ms)
        raise failures[0][1]

    def pre_commit(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Return the offsets whose objects are all there."""
        self._desk.be_patient(PUT_WAIT_S)
        flushes = self._layout.ends_at_commit or (self.context.stopping and self._ends_by_clock)
        if flushes:
            for place in offsets:
                files = self._files.get(place)
                cut = None if files is None else files.span.end()
                if files is not None and cut is not None:
                    files.cut(cut)
        self._desk.wait(LAST_COMMIT_WAIT_S if self.context.stopping else COMMIT_WAIT_S)
        safe: dict[TopicPartition, int] = {}
        for place, consumed in offsets.items():
            files = self._files.get(place)
            found = None if files is None else files.safe(consumed)
            if found is not None:
                safe[place] = found
        return safe

    @property
    def _ends_by_clock(self) -> bool:
        rules = self._layout.rules
        return rules.schedule > 0 or rules.idle > 0

    def stop(self) -> None:
        """Drop what is open and end the pool."""
        self._closed.set()
        for files in self._files.values():
            files.drop()
        self._files.clear()
        self._desk.close()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class S3SinkTask(_Task, SinkTask[S3SinkConfig]):
    """Writes objects (source: S3SinkTask, TopicPartitionWriter)."""

    def _core(self) -> tuple[S3SinkConfig, Layout]:
        return self.config, layout_of(self.config, self.context.raw_config)


class AivenS3SinkTask(_Task, SinkTask[AivenS3SinkConfig]):
    """Writes objects by Aiven's keys (source: S3SinkTask of Aiven)."""

    _refuses_nulls = False

    def _core(self) -> tuple[S3SinkConfig, Layout]:
        return core_of(self.config), aiven_layout(self.config)
