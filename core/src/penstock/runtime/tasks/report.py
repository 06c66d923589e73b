"""Tells of records that failed: a log line, the figures, a dead letter."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from penstock.api import Transform
from penstock.errors import ConnectError, RetriableError
from penstock.runtime.model import TaskId
from penstock.runtime.pipeline.dead_letter import error_headers
from penstock.runtime.pipeline.failure import Consumed, Failure
from penstock.runtime.pipeline.policy import Stage
from penstock.runtime.plugins import registry
from penstock.runtime.plugins.names import class_name_of
from penstock.runtime.tasks.dead_letters import DeadLetters, Ticket
from penstock.runtime.tasks.progress import Faults

__all__ = ["FailureReports", "class_name"]

log = logging.getLogger(__name__)

_TOLERABLE: Final = frozenset(
    {
        Stage.TRANSFORMATION,
        Stage.KEY_CONVERTER,
        Stage.VALUE_CONVERTER,
        Stage.HEADER_CONVERTER,
        Stage.KAFKA_PRODUCE,
        Stage.TASK_PUT,
    }
)
_NAMES: Final[dict[tuple[type[object], object], str]] = {}


def class_name(plugin: object) -> str:
    """Return the name of a plugin's class, the Java one where it has one.

    A text stands for itself.
    """
    if isinstance(plugin, str):
        return plugin
    cls = type(plugin)
    side = plugin.side if isinstance(plugin, Transform) and plugin.sided else None
    known = _NAMES.get((cls, side))
    if known is None:
        known = _NAMES[cls, side] = _looked_up(cls, "" if side is None else f"${side.name.title()}")
    return known


def _looked_up(cls: type[object], side: str) -> str:
    for info in registry().list():
        if info.reference.rpartition(":")[2] != cls.__qualname__:
            continue
        try:
            if registry().load_plugin(info) is not cls:
                continue
        except ConnectError:
            continue  # a broken plugin that has the same name
        sided = [name for name in info.registered if side and name.endswith(side)]
        return class_name_of(sided or info.registered, info.reference)
    return f"{cls.__module__}.{cls.__qualname__}"


class FailureReports:
    """A RowReporter: counts, logs, and keeps dead letters as configured. Owner: task thread."""

    def __init__(
        self,
        task_id: TaskId,
        *,
        log_errors: bool,
        log_messages: bool,
        count: Callable[[], None],
        letters: DeadLetters | None = None,
        context_headers: bool = False,
        faults: Faults | None = None,
        tolerant: bool = False,
    ) -> None:
        """Bind to a task.

        Args:
            task_id: whose records they are.
            log_errors: log each one (``errors.log.enable``).
            log_messages: with its place (``errors.log.include.messages``); of a source, whole.
            count: called once a failed record.
            letters: takes what was consumed; None when nobody keeps it.
            context_headers: add the headers that tell the cause.
            faults: where log lines and skipped records are counted.
            tolerant: every record that fails is skipped, unless its error may not be tolerated.
        """
        self._id = task_id
        self._log_errors = log_errors
        self._log_messages = log_messages
        self._count = count
        self._letters = letters
        self._context_headers = context_headers
        self._faults = Faults() if faults is None else faults
        self._tolerant = tolerant

    def failed(self, failure: Failure) -> None:
        """Tell of one record that failed in a stage."""
        self.report(failure)

    def report(self, failure: Failure) -> Ticket | None:
        """Tell of one failed record; return the letter on its way, if there is one.

        Raises:
            BrokerError: the dead letter cannot be kept.
        """
        self._count()
        self._faults.skipped += self._tolerant and _is_tolerable(failure)
        if self._log_errors:
            self._faults.logged += 1
            log.error(
                "%s", message(self._id, failure, whole=self._log_messages), exc_info=failure.error
            )
        if self._letters is None or not isinstance(failure.row, Consumed):
            return None
        headers: list[tuple[str, bytes | None]] = []
        if self._context_headers:
            headers = error_headers(
                failure.row,
                connector=self._id.connector,
                task=self._id.task,
                stage=failure.stage.value,
                class_name=class_name(failure.plugin),
                error=failure.error,
            )
        return self._letters.put(failure.row, headers)


def _is_tolerable(failure: Failure) -> bool:
    """Return whether a record that fails so is skipped where ``errors.tolerance`` is all."""
    return failure.stage in _TOLERABLE or isinstance(failure.error, RetriableError)


def message(task_id: TaskId, failure: Failure, *, whole: bool) -> str:
    """Return the line of a failed record, in the original's words (source: LogReporter)."""
    about = failure.row.described() if whole else ""
    return (
        f"Error encountered in task {task_id}. Executing stage '{failure.stage.value}' "
        f"with class '{class_name(failure.plugin)}'{about}."
    )
