"""The figures of a task, told to the worker about once a second.

``attributes`` of a report are named as the original's metrics are; ``runtime.metrics`` says what
each means. Nothing here is done for each record, only for each batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from penstock.runtime.host.control import HostControl
from penstock.runtime.host.messages import Progress
from penstock.runtime.metrics.definitions import GAUGE
from penstock.runtime.metrics.windows import Window

__all__ = ["Faults", "Place", "ProgressMeter", "now_ms"]

INTERVAL_S: Final = 1.0

Place = tuple[str, int, int | None, int | None]
"""Topic, partition, the position of the task, the log's end; None while not known."""


def now_ms() -> int:
    """Return Unix ms."""
    return time.time_ns() // 1_000_000


class Faults:
    """What went wrong with records, counted as it happens. Owner: the task's thread.

    (source: ErrorHandlingMetrics)
    """

    def __init__(self) -> None:
        self.errors = 0
        self.skipped = 0
        self.retries = 0
        self.logged = 0
        self.letters = 0
        self.letters_failed = 0
        self.last_ms = 0

    def failed(self) -> None:
        """Count a record that was given up."""
        self.errors += 1
        self.last_ms = now_ms()

    def attributes(self) -> dict[str, float]:
        """Return the figures by the original's names."""
        return {
            "total-record-errors": self.errors,
            # Every exception ends in a further try or in a record that is given up.
            "total-record-failures": self.errors + self.retries,
            "total-records-skipped": self.skipped,
            "total-retries": self.retries,
            "total-errors-logged": self.logged,
            "deadletterqueue-produce-requests": self.letters,
            "deadletterqueue-produce-failures": self.letters_failed,
            "last-error-timestamp": self.last_ms,
        }


class ProgressMeter:
    """Counts records and commits. Owner: the task's thread."""

    def __init__(self, control: HostControl, *, sink: bool = False) -> None:
        """``sink`` says which way the task copies."""
        self._control = control
        self._sink = sink
        self._due_s = 0.0
        self._told: Progress | None = None
        self.faults = Faults()
        self.about: Mapping[str, Any] = {}
        self.gauges: Mapping[str, float] = {}
        self.places: Callable[[], Sequence[Place]] | None = None
        self.records = 0
        self.committed = 0
        self.bytes = 0
        self.sent = 0
        self.filtered = 0
        self.partitions = 0
        self._commits = 0
        self._commits_failed = 0
        self._last_record_ms = 0
        self._last_commit_ms = 0
        self._started_ms = now_ms()
        self._paused_ms = 0
        self._paused_since_ms = 0
        now_s = time.monotonic()
        self._batches, self._took, self._commit_took = Window(now_s), Window(now_s), Window(now_s)
        self._read, self._out = Window(now_s), Window(now_s)
        self._done, self._active = Window(now_s), Window(now_s)
        self._transactions = Window(now_s)

    def moved(self, records: int, size: int = 0) -> None:
        """Count records that were polled (source) or read (sink), one batch of them."""
        self.records += records
        self.bytes += size
        self._last_record_ms = now_ms()
        now_s = time.monotonic()
        self._read.add(records, now_s)
        self._batches.add(records, now_s)
        self._active.add(self.active, now_s)

    def handed_on(self, records: int) -> None:
        """Count records that came through the transforms: given to ``put``, or stored by Kafka."""
        self.sent += records
        self._out.add(records, time.monotonic())

    def took(self, began_s: float) -> None:
        """Note that a poll (source) or a put (sink) that began then, monotonic, is over."""
        now_s = time.monotonic()
        self._took.add((now_s - began_s) * 1000, now_s)

    @property
    def active(self) -> int:
        """How many records are neither done nor dropped yet."""
        gone = 0 if self._sink else self.filtered + self.faults.skipped
        return max(0, self.records - self.committed - gone)

    def was_committed(self, began_s: float | None = None) -> None:
        """Note that offsets were stored just now; the commit began at a monotonic time."""
        self._last_commit_ms = now_ms()
        self._commits += 1
        now_s = time.monotonic()
        self._done.add(1, now_s)
        if began_s is not None:
            self._commit_took.add((now_s - began_s) * 1000, now_s)

    def transaction(self, records: int) -> None:
        """Note that a transaction of so many records was committed."""
        self._transactions.add(records, time.monotonic())

    def not_committed(self) -> None:
        """Note that storing offsets failed; it is tried again."""
        self._commits_failed += 1

    def paused(self) -> None:
        """Note that the task moves nothing from now on, and tell."""
        self._paused_since_ms = now_ms()
        self.tell(now=True)

    def resumed(self) -> None:
        """Note that the task goes on, and tell."""
        self._paused_ms += now_ms() - self._paused_since_ms
        self._paused_since_ms = 0
        self.tell(now=True)

    def tell(self, *, now: bool = False) -> None:
        """Send the figures when they changed and a second has passed, or ``now``."""
        at_s = time.monotonic()
        if not now and at_s < self._due_s:
            return
        self._due_s = at_s + INTERVAL_S
        places = [] if self.places is None else [list(place) for place in self.places()]
        figures = Progress(
            records=self.records,
            committed=self.committed,
            bytes=self.bytes,
            last_record_ms=self._last_record_ms,
            last_commit_ms=self._last_commit_ms,
            errors=self.faults.errors,
            filtered=self.filtered,
            started_ms=self._started_ms,
            paused_ms=self._paused_ms,
            paused_since_ms=self._paused_since_ms,
            attributes=self._attributes(at_s),
            places=places,
            about=self.about,
        )
        if figures != self._told:
            self._told = figures
            self._control.send(figures)

    def _attributes(self, at_s: float) -> dict[str, float]:
        tries = self._commits + self._commits_failed
        found: dict[str, float | None] = {
            "batch-size-avg": self._batches.avg(at_s),
            "batch-size-max": self._batches.max(at_s),
            "offset-commit-avg-time-ms": self._commit_took.avg(at_s),
            "offset-commit-max-time-ms": self._commit_took.max(at_s),
            "offset-commit-success-percentage": self._commits / tries if tries else None,
            "offset-commit-failure-percentage": self._commits_failed / tries if tries else None,
            **self.faults.attributes(),
            **{f"{GAUGE}{name}": value for name, value in self.gauges.items()},
            **(self._of_sink(at_s) if self._sink else self._of_source(at_s)),
        }
        return {name: round(value, 3) for name, value in found.items() if value is not None}

    def _of_source(self, at_s: float) -> dict[str, float | None]:
        return {
            "source-record-poll-total": self.records,
            "source-record-poll-rate": self._read.rate(at_s),
            "source-record-write-total": self.sent,
            "source-record-write-rate": self._out.rate(at_s),
            "poll-batch-avg-time-ms": self._took.avg(at_s),
            "poll-batch-max-time-ms": self._took.max(at_s),
            "source-record-active-count": self.active,
            "source-record-active-count-avg": self._active.avg(at_s),
            "source-record-active-count-max": self._active.max(at_s),
            "transaction-size-avg": self._transactions.avg(at_s),
            "transaction-size-max": self._transactions.max(at_s),
            "transaction-size-min": self._transactions.min(at_s),
        }

    def _of_sink(self, at_s: float) -> dict[str, float | None]:
        return {
            "sink-record-read-total": self.records,
            "sink-record-read-rate": self._read.rate(at_s),
            "sink-record-send-total": self.sent,
            "sink-record-send-rate": self._out.rate(at_s),
            "put-batch-avg-time-ms": self._took.avg(at_s),
            "put-batch-max-time-ms": self._took.max(at_s),
            "sink-record-active-count": self.active,
            "sink-record-active-count-avg": self._active.avg(at_s),
            "sink-record-active-count-max": self._active.max(at_s),
            "partition-count": self.partitions,
            "offset-commit-seq-no": self._commits + self._commits_failed,
            "offset-commit-completion-total": self._commits,
            "offset-commit-completion-rate": self._done.rate(at_s),
        }
