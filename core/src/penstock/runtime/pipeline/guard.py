"""Runs a single row's stage under the error policy; whole batches never come here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from penstock.runtime.pipeline.failure import Failure, Row
from penstock.runtime.pipeline.policy import ErrorPolicy, Fail, Retry, Stage, StageError

__all__ = ["RowGuard", "RowReporter"]

T = TypeVar("T")


class RowReporter(Protocol):
    """Is told of every record that failed, before it is skipped or fails the task."""

    def failed(self, failure: Failure) -> None:
        """What is raised here fails the task."""


class RowGuard:
    """Carries out the policy for single rows. Owner: the task's thread.

    ``wait(seconds)`` returns True when the task should stop, which ends retrying.
    """

    def __init__(
        self,
        policy: ErrorPolicy,
        reporter: RowReporter,
        wait: Callable[[float], bool],
        jitter: Callable[[], float],
    ) -> None:
        """Bind the policy to this task."""
        self._policy = policy
        self._reporter = reporter
        self._wait = wait
        self._jitter = jitter
        self.skipped = 0

    def run(
        self,
        stage: Stage,
        plugin: object,
        label: str,
        row: Callable[[], Row],
        attempt: Callable[[], T],
    ) -> tuple[bool, T | None]:
        """Return ``(True, result)``, or ``(False, None)`` when the row is to be skipped.

        Args:
            stage: what is done.
            plugin: who does it; ``label`` is what a message calls it.
            row: tells which row it is, should it fail.
            attempt: does it.

        Raises:
            StageError: the policy is to fail the task.
        """
        began_s = time.monotonic()
        tries = 0
        while True:
            try:
                return True, attempt()
            except Exception as error:  # noqa: BLE001 - decided, told, and raised or skipped
                tries += 1
                decision = self._policy.decide(
                    stage,
                    error,
                    attempt=tries,
                    elapsed_ms=int((time.monotonic() - began_s) * 1000),
                    jitter=self._jitter,
                )
                if isinstance(decision, Retry) and not self._wait(decision.delay_ms / 1000):
                    continue
                failure = Failure(stage, plugin, label, row(), error)
                try:
                    self._reporter.failed(failure)
                    if isinstance(decision, Fail | Retry):
                        raise StageError(stage, label, failure.row.place, error) from error
                finally:
                    # The error knows this frame: they would hold each other, and a whole batch.
                    del failure
                self.skipped += 1
                return False, None
