"""Connectors: they split the work into tasks (source: SourceConnector, SinkConnector)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

from penstock.api._plugin import Plugin
from penstock.api._task import SinkTask, SourceTask
from penstock.config import ConfigValue
from penstock.data import TopicPartition

__all__ = ["Connector", "ConnectorContext", "SinkConnector", "SourceConnector"]

C = TypeVar("C")


class ConnectorContext(Protocol):
    """What a connector may ask of the runtime; safe to call from any of its threads."""

    @property
    def name(self) -> str:
        """The connector's name."""

    @property
    def raw_config(self) -> Mapping[str, str]:
        """The whole configuration as texts, references replaced."""

    def request_task_reconfiguration(self) -> None:
        """Ask that :meth:`Connector.task_configs` be called again soon."""

    def raise_error(self, error: BaseException) -> None:
        """Report that the connector cannot go on: it becomes FAILED, its tasks run on."""


class Connector(Plugin[C]):
    """Watches what there is to copy, and says how to split it. Copies nothing itself.

    Use :class:`SourceConnector` or :class:`SinkConnector`. Runs in a process of its own, as do
    its tasks; a worker of many has them share processes (``task.processes.max``).

    Attributes:
        own_process: whether connector and tasks can share a process with no others, since they
            bring what a process can have only once, such as a Java virtual machine.
    """

    context: ConnectorContext
    task_class: ClassVar[type[Any]]
    own_process: ClassVar[bool] = False

    def start(self) -> None:
        """Begin watching.

        Called by: the connector's thread, once after ``open`` and again on resume.
        After an error: the connector is FAILED and its error is shown in its status.
        """

    def stop(self) -> None:
        """Stop watching; called on pause, stop and shutdown."""

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """Return one configuration a task, at most ``max_tasks`` (``tasks.max``).

        Called by: the connector's thread after ``start`` and at each reconfiguration request.
        """
        raise NotImplementedError

    @classmethod
    def validate(cls, raw: Mapping[str, str | None]) -> list[ConfigValue]:
        """Return every key checked; override to check keys against each other.

        Called by: a validation process, for a configuration that may never run. Must not block
        for long and must not change anything outside.
        """
        return cls.config_spec().check(raw)


class SourceConnector(Connector[C]):
    """Brings data into Kafka."""

    task_class: ClassVar[type[SourceTask[Any]]]

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """One task with the connector's own configuration, unless overridden."""
        return [self.context.raw_config]

    def exactly_once_support(self) -> bool:
        """Whether a task resumes exactly at its stored offset (source: KIP-618)."""
        return False

    def can_define_transaction_boundaries(self) -> bool:
        """Whether its tasks end transactions, see ``TransactionContext`` (source: KIP-618)."""
        return False

    def alter_offsets(
        self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]
    ) -> bool:
        """Check offsets that a user wants to store; None in a pair forgets that partition.

        Returns:
            True when the stored offsets are all there is; False when the connector keeps its
            position elsewhere, so that the user is told.

        Raises:
            ConnectError: they make no sense for this connector; nothing is changed.
        """
        return False


class SinkConnector(Connector[C]):
    """Takes data out of Kafka."""

    task_class: ClassVar[type[SinkTask[Any]]]

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """``max_tasks`` tasks with the connector's own configuration, unless overridden."""
        return [self.context.raw_config] * max_tasks

    def alter_offsets(self, offsets: Mapping[TopicPartition, int | None]) -> bool:
        """Check consumer offsets that a user wants to store; see the source's method."""
        return False
