"""The meaning of the config topic: every record folded into one state. Pure.

Every worker folds the same records in the same order into the same state; that is how a cluster
agrees. (source: KafkaConfigBackingStore, ClusterConfigState)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.runtime.model import TargetState
from penstock.runtime.storage.config_records import (
    ConfigRecord,
    ConnectorConfig,
    LoggerLevel,
    RestartRequest,
    SessionKey,
    TargetStateSet,
    TaskCommit,
    TaskConfig,
    TaskFencing,
    Unreadable,
)

__all__ = [
    "QUARANTINE_MAX",
    "Change",
    "ConfigFold",
    "ConfigSnapshot",
    "ConnectorChanged",
    "ConnectorRemoved",
    "ConnectorState",
    "LevelAsked",
    "Quarantined",
    "RestartAsked",
    "SessionKeyChanged",
    "TargetChanged",
    "TasksChanged",
]

QUARANTINE_MAX: Final = 100
"""Unreadable records that are remembered for ``/health``; more are only counted."""


@attrs.frozen
class ConnectorState:
    """One connector as the topic has it.

    Attributes:
        config: as the user wrote it.
        target: what it should be.
        tasks: one configuration a task; empty while they are inconsistent.
        inconsistent: the last commit named tasks whose records are not all there.
        generation: how many times its task configurations were set, -1 never.
        applied: the configuration of the connector that the tasks were made from.
        fenced_tasks: what the last fencing record named, None without one.
        pending_fencing: tasks were set and older ones not fenced since.
    """

    config: Mapping[str, str]
    target: TargetState = TargetState.STARTED
    tasks: Sequence[Mapping[str, str]] = ()
    inconsistent: bool = False
    generation: int = -1
    applied: Mapping[str, str] | None = None
    fenced_tasks: int | None = None
    pending_fencing: bool = False


@attrs.frozen
class ConfigSnapshot:
    """The state after all records below ``offset``; shared between threads, never changed.

    ``offset`` is -1 before the first record, as in the original: workers compare it.
    """

    offset: int = -1
    connectors: Mapping[str, ConnectorState] = attrs.field(factory=dict)
    session_key: SessionKey | None = None

    def allocation(self) -> dict[str, list[int]]:
        """Return what there is to share: the task numbers of every connector."""
        return {name: list(range(len(one.tasks))) for name, one in self.connectors.items()}


@attrs.frozen
class ConnectorChanged:
    """A connector is new or has a new configuration."""

    name: str


@attrs.frozen
class ConnectorRemoved:
    """A connector was deleted."""

    name: str


@attrs.frozen
class TasksChanged:
    """The tasks of a connector were set, as a whole."""

    name: str


@attrs.frozen
class TargetChanged:
    """A connector should be something else."""

    name: str


@attrs.frozen
class SessionKeyChanged:
    """Workers sign with a new key."""


@attrs.frozen
class RestartAsked:
    """Everyone restarts what they own of a connector."""

    request: RestartRequest


@attrs.frozen
class LevelAsked:
    """Everyone sets the level of a logger."""

    record: LoggerLevel


@attrs.frozen
class Quarantined:
    """A record cannot be understood; it is left alone and told about."""

    record: Unreadable


Change = (
    ConnectorChanged
    | ConnectorRemoved
    | TasksChanged
    | TargetChanged
    | SessionKeyChanged
    | RestartAsked
    | LevelAsked
    | Quarantined
)


class ConfigFold:
    """The state so far. Owner: the thread that reads the topic; snapshots may go anywhere."""

    def __init__(self) -> None:
        self._offset = -1
        self._connectors: dict[str, ConnectorState] = {}
        self._targets: dict[str, TargetState] = {}
        self._held: dict[str, dict[int, Mapping[str, str]]] = {}
        self._fenced: dict[str, int] = {}
        self._session_key: SessionKey | None = None
        self._snapshot: ConfigSnapshot | None = None
        self.unreadable: list[Unreadable] = []
        self.unreadable_count = 0
        self._takers: Mapping[type[Any], Callable[[Any], Change | None]] = {
            ConnectorConfig: self._connector,
            TargetStateSet: self._target,
            TaskConfig: self._task,
            TaskCommit: self._commit,
            TaskFencing: self._fence,
            SessionKey: self._key,
            RestartRequest: RestartAsked,
            LoggerLevel: LevelAsked,
            Unreadable: self._quarantine,
        }

    def snapshot(self) -> ConfigSnapshot:
        """Return the state now; the same object as long as nothing is folded."""
        if self._snapshot is None:
            self._snapshot = ConfigSnapshot(self._offset, dict(self._connectors), self._session_key)
        return self._snapshot

    def fold(self, offset: int, record: ConfigRecord) -> Change | None:
        """Take the record at ``offset``; return what changed by it, None for nothing to act on."""
        if not isinstance(record, Unreadable) or record.is_json:
            self._offset = offset + 1
        self._snapshot = None
        take = self._takers.get(type(record))
        return None if take is None else take(record)

    def _connector(self, record: ConnectorConfig) -> Change | None:
        name, config = record.name, record.config
        if config is None:
            return self._remove(name)
        found = self._connectors.get(name)
        if found is None:
            target = self._targets.get(name, TargetState.STARTED)
            fresh = ConnectorState(config, target, fenced_tasks=self._fenced.get(name))
            self._connectors[name] = fresh
        else:
            self._connectors[name] = attrs.evolve(found, config=config)
        return ConnectorChanged(name)

    def _remove(self, name: str) -> Change | None:
        known = self._connectors.pop(name, None) is not None
        self._held.pop(name, None)
        return ConnectorRemoved(name) if known else None

    def _target(self, record: TargetStateSet) -> Change | None:
        name, target = record.name, record.target
        if target is None:
            self._targets.pop(name, None)
        else:
            self._targets[name] = target
        found = self._connectors.get(name)
        wanted = target or TargetState.STARTED
        if found is None or found.target is wanted:
            return None
        self._connectors[name] = attrs.evolve(found, target=wanted)
        return TargetChanged(name)

    def _task(self, record: TaskConfig) -> None:
        self._held.setdefault(record.task.connector, {})[record.task.task] = record.config

    def _commit(self, record: TaskCommit) -> Change | None:
        name, count = record.name, record.tasks
        held = self._held.pop(name, {})
        found = self._connectors.get(name)
        if found is None:
            # Compaction removed the connector and its tombstone, and left its tasks.
            return None
        if any(number not in held for number in range(count)):
            # More than ``count`` is no fault: compaction may remove the commit of a larger whole.
            self._connectors[name] = attrs.evolve(
                found, tasks=(), inconsistent=True, pending_fencing=True
            )
            return TasksChanged(name)
        self._connectors[name] = attrs.evolve(
            found,
            tasks=tuple(held[number] for number in range(count)),
            inconsistent=False,
            generation=found.generation + 1,
            applied=found.config,
            pending_fencing=True,
        )
        return TasksChanged(name)

    def _key(self, record: SessionKey) -> Change:
        self._session_key = record
        return SessionKeyChanged()

    def _quarantine(self, record: Unreadable) -> Change:
        self.unreadable_count += 1
        self.unreadable = [*self.unreadable, record][-QUARANTINE_MAX:]
        return Quarantined(record)

    def _fence(self, record: TaskFencing) -> None:
        name, tasks = record.name, record.tasks
        self._fenced[name] = tasks
        found = self._connectors.get(name)
        if found is not None:
            self._connectors[name] = attrs.evolve(found, fenced_tasks=tasks, pending_fencing=False)
