"""What a task may ask of the runtime: the contexts of ``penstock.api``, on a host's control."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.data import TopicPartition
from penstock.runtime.host.control import HostControl
from penstock.runtime.model import TaskId
from penstock.runtime.tasks.boundaries import TransactionRequests
from penstock.runtime.tasks.errant import ErrantReporter
from penstock.runtime.tasks.stored_offsets import StoredOffsets, WorkerOffsets

__all__ = ["SinkContext", "SourceContext", "TaskContextBase"]


class TaskContextBase:
    """The part that both kinds of task share. Owner: the task's thread."""

    def __init__(
        self, task_id: TaskId, raw_config: Mapping[str, str], control: HostControl
    ) -> None:
        """Bind a task to its host."""
        self._id = task_id
        self._raw = raw_config
        self._control = control
        self.gauges: dict[str, float] = {}

    @property
    def connector(self) -> str:
        """The connector's name."""
        return self._id.connector

    @property
    def task(self) -> int:
        """The task's number."""
        return self._id.task

    @property
    def raw_config(self) -> Mapping[str, str]:
        """The task's configuration as texts."""
        return self._raw

    @property
    def stopping(self) -> bool:
        """Whether the task should return from what it is doing; a pause interrupts a wait too."""
        return self._control.stopping

    def wait(self, timeout_s: float) -> bool:
        """Wait; True when the task should stop."""
        return self._control.wait(timeout_s)

    def gauge(self, name: str, value: float) -> None:
        """Keep a figure of the task's own until figures are told."""
        self.gauges[name] = value


class SourceContext(TaskContextBase):
    """A source task's context."""

    def __init__(
        self,
        task_id: TaskId,
        raw_config: Mapping[str, str],
        control: HostControl,
        *,
        stored: StoredOffsets | None = None,
        requests: TransactionRequests | None = None,
        exactly_once: bool = False,
    ) -> None:
        """Bind a source task to its host; ``stored`` are the worker's offsets unless given."""
        super().__init__(task_id, raw_config, control)
        self._stored = stored or WorkerOffsets(control)
        self._requests = requests
        self._exactly_once = exactly_once

    def offset(self, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the stored offset of a source partition."""
        return self.offsets([partition])[0]

    def offsets(self, partitions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        """Return the stored offsets; raises ConnectError when the store fails."""
        return self._stored.load(partitions)

    @property
    def exactly_once(self) -> bool:
        """Whether this task sends in transactions."""
        return self._exactly_once

    @property
    def transaction_context(self) -> TransactionRequests | None:
        """Ends transactions, where the connector is to say so."""
        return self._requests


class SinkContext(TaskContextBase):
    """A sink task's context; what it asks for is carried out by the sink's loop."""

    def __init__(
        self,
        task_id: TaskId,
        raw_config: Mapping[str, str],
        control: HostControl,
        *,
        pause: Callable[[Sequence[TopicPartition]], None],
        resume: Callable[[Sequence[TopicPartition]], None],
    ) -> None:
        """Bind a sink task to its host and its consumer."""
        super().__init__(task_id, raw_config, control)
        self._pause = pause
        self._resume = resume
        self.assigned: set[TopicPartition] = set()
        self.rewinds: dict[TopicPartition, int] = {}
        self.retry_after_ms: int | None = None
        self.commit_requested = False
        self.paused: set[TopicPartition] = set()
        self.reporter: ErrantReporter | None = None

    @property
    def errant_record_reporter(self) -> ErrantReporter | None:
        """Takes bad records, if anybody keeps or logs them."""
        return self.reporter

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that this task reads now."""
        return frozenset(self.assigned)

    def rewind(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read on from these offsets at the next poll."""
        self.rewinds.update(offsets)

    def retry_after(self, timeout_ms: int) -> None:
        """Deliver next in ``timeout_ms``."""
        self.retry_after_ms = timeout_ms

    def pause(self, *partitions: TopicPartition) -> None:
        """Stop reading these partitions."""
        self.paused.update(partitions)
        self._pause(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        """Read these partitions again."""
        self.paused.difference_update(partitions)
        self._resume(partitions)

    def request_commit(self) -> None:
        """Ask that offsets be committed after this call."""
        self.commit_requested = True
