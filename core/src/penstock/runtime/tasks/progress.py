"""The figures of a task, told to the worker about once a second."""

from __future__ import annotations

import time
from typing import Final

from penstock.runtime.host.control import HostControl
from penstock.runtime.host.messages import Progress

__all__ = ["ProgressMeter"]

INTERVAL_S: Final = 1.0


class ProgressMeter:
    """Counts records and commits. Owner: the task's thread."""

    def __init__(self, control: HostControl) -> None:
        self._control = control
        self._due_s = 0.0
        self._told: Progress | None = None
        self.records = 0
        self.committed = 0
        self.bytes = 0
        self.errors = 0
        self._last_record_ms = 0
        self._last_commit_ms = 0

    def moved(self, records: int, size: int = 0) -> None:
        """Count records that were polled or put."""
        self.records += records
        self.bytes += size
        self._last_record_ms = time.time_ns() // 1_000_000

    def was_committed(self) -> None:
        """Note that offsets were stored just now."""
        self._last_commit_ms = time.time_ns() // 1_000_000

    def tell(self, *, now: bool = False) -> None:
        """Send the figures when they changed and a second has passed, or ``now``."""
        at_s = time.monotonic()
        if not now and at_s < self._due_s:
            return
        self._due_s = at_s + INTERVAL_S
        figures = Progress(
            records=self.records,
            committed=self.committed,
            bytes=self.bytes,
            last_record_ms=self._last_record_ms,
            last_commit_ms=self._last_commit_ms,
            errors=self.errors,
        )
        if figures != self._told:
            self._told = figures
            self._control.send(figures)
