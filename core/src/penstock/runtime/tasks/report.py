"""Tells of records that failed: a log line, the figures, the hooks."""

from __future__ import annotations

import logging
from collections.abc import Callable

from penstock.runtime.model import TaskId
from penstock.runtime.pipeline.policy import Stage

__all__ = ["FailureLog"]

log = logging.getLogger(__name__)


class FailureLog:
    """A RowReporter that counts and, when ``errors.log.enable`` is on, logs. Owner: task thread."""

    def __init__(self, task_id: TaskId, *, enabled: bool, count: Callable[[], None]) -> None:
        """``count`` is called once a failed record."""
        self._id = task_id
        self._enabled = enabled
        self._count = count

    def failed(self, stage: Stage, component: str, where: str, error: Exception) -> None:
        """Note one failed record."""
        self._count()
        if self._enabled:
            log.error(
                "Error encountered in task %s. Executing stage '%s' with %s, at %s: %s",
                self._id,
                stage.value,
                component,
                where,
                error,
            )
