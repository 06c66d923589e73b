"""Requests to one worker of a cluster: answered here, written, or sent elsewhere. Pure.

(source: DistributedHerder)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.errors import (
    AlreadyExistsError,
    BadRequestError,
    ConflictError,
    ConnectError,
    NotFoundError,
)
from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder import views as entry_views
from penstock.runtime.herder.asked import Requested, Validated
from penstock.runtime.herder.changes import config_of, offsets_work, patched, refusal
from penstock.runtime.herder.cluster import views
from penstock.runtime.herder.cluster.actions import ElsewhereError, WriteTopicUse
from penstock.runtime.herder.cluster.fencing import begin_fencing
from penstock.runtime.herder.cluster.state import ClusterState
from penstock.runtime.herder.cluster.tasks import task_groups, write
from penstock.runtime.herder.state import (
    Action,
    ConnectorEntry,
    HostKey,
    OffsetsWork,
    Reply,
    Validate,
    reconcile,
)
from penstock.runtime.model import ConnectorType, TargetState
from penstock.runtime.storage.config_fold import ConnectorState
from penstock.runtime.storage.config_records import (
    ConfigRecord,
    ConnectorConfig,
    LoggerLevel,
    RestartRequest,
    TargetStateSet,
)
from penstock.runtime.storage.status_records import TopicUseKey

__all__ = ["Requests", "restart_here"]

_REFUSALS = (NotFoundError, AlreadyExistsError, BadRequestError, ConflictError, ElsewhereError)


class Requests:
    """Answers requests. Owner: the herder's thread."""

    def __init__(self, state: ClusterState) -> None:
        """Answer from this state."""
        self._state = state
        self._handlers: Mapping[type[cmd.Command], Callable[[int, Any], Sequence[Action]]] = {
            cmd.ListConnectors: self._list,
            cmd.GetConnector: self._get,
            cmd.GetStatus: self._status,
            cmd.GetTasks: self._tasks,
            cmd.GetTaskStatus: self._task_status,
            cmd.GetFigures: self._figures,
            cmd.GetMetrics: self._metrics,
            cmd.GetOffsets: self._offsets,
            cmd.AlterOffsets: self._alter_offsets,
            cmd.GetTopics: self._topics,
            cmd.ResetTopics: self._reset_topics,
            cmd.GetWorkers: self._workers,
            cmd.PutConnector: self._put,
            cmd.PatchConnector: self._patch,
            cmd.DeleteConnector: self._delete,
            cmd.SetTarget: self._set_target,
            cmd.RestartConnector: self._restart,
            cmd.RestartTask: self._restart_task,
            cmd.PutTaskConfigs: self._put_task_configs,
            cmd.FenceTasks: self._fence_tasks,
            cmd.SetClusterLevel: self._set_level,
        }

    def take(self, event: Requested) -> Sequence[Action]:
        """Take a request; never raises for a bad one."""
        handler = self._handlers.get(type(event.command))
        try:
            if handler is None:
                raise BadRequestError(f"{type(event.command).__name__} is not served here")
            return handler(event.request, event.command)
        except _REFUSALS as problem:
            return [Reply(event.request, error=problem)]

    def validated(self, event: Validated) -> Sequence[Action]:
        """Go on with a request whose configuration was validated."""
        command = self._state.here.validating.pop(event.request, None)
        if command is None:
            return []
        problem = event.error or refusal(event.infos or {})
        try:
            if problem is not None:
                raise problem
            # The leader may be another one by now, and the connector may have been created.
            self._state.must_lead()
            self._refuse_existing(command)
        except (*_REFUSALS, ConnectError) as refused:
            return [Reply(event.request, error=refused)]
        return self._write_connector(event.request, command)

    def _found(self, name: str, told: str = "Connector {} not found") -> ConnectorState:
        found = self._state.snapshot.connectors.get(name)
        if found is None:
            raise NotFoundError(told.format(name))
        return found

    def _entry(self, name: str) -> ConnectorEntry:
        self._found(name)
        return self._state.here.connectors[name]

    def _write(
        self,
        request: int,
        groups: Sequence[Sequence[ConfigRecord]],
        answer: Callable[[], Any] = lambda: None,
    ) -> list[Action]:
        """Write, and reply once it is read back: acknowledged is never lost."""

        def done(error: Exception | None) -> Sequence[Action]:
            return [Reply(request, None if error else answer(), error)]

        return write(self._state, groups, done)

    def _list(self, request: int, command: cmd.ListConnectors) -> Sequence[Action]:
        if not command.expand:
            return [Reply(request, list(self._state.snapshot.connectors))]
        return [Reply(request, views.expanded(self._state, command.expand))]

    def _get(self, request: int, command: cmd.GetConnector) -> Sequence[Action]:
        return [Reply(request, entry_views.connector_info(self._entry(command.name)))]

    def _status(self, request: int, command: cmd.GetStatus) -> Sequence[Action]:
        return [Reply(request, views.state_info(self._state, command.name))]

    def _tasks(self, request: int, command: cmd.GetTasks) -> Sequence[Action]:
        return [Reply(request, entry_views.task_infos(self._entry(command.name)))]

    def _task_status(self, request: int, command: cmd.GetTaskStatus) -> Sequence[Action]:
        return [Reply(request, views.task_state(self._state, command.task))]

    def _figures(self, request: int, command: cmd.GetFigures) -> Sequence[Action]:
        return [Reply(request, views.figures(self._state, self._entry(command.name)))]

    def _metrics(self, request: int, command: cmd.GetMetrics) -> Sequence[Action]:
        return [Reply(request, views.worker_figures(self._state))]

    def _topics(self, request: int, command: cmd.GetTopics) -> Sequence[Action]:
        return [Reply(request, self._state.board.topics(command.name))]

    def _reset_topics(self, request: int, command: cmd.ResetTopics) -> Sequence[Action]:
        used = self._state.board.topics(command.name)
        gone = [WriteTopicUse(TopicUseKey(topic, command.name), None) for topic in used]
        return [*gone, Reply(request)]

    def _workers(self, request: int, command: cmd.GetWorkers) -> Sequence[Action]:
        return [Reply(request, views.cluster_info(self._state))]

    def _offsets(self, request: int, command: cmd.GetOffsets) -> Sequence[Action]:
        entry = self._entry(command.name)
        return [OffsetsWork(request, entry.name, dict(entry.config), entry.type)]

    def _alter_offsets(self, request: int, command: cmd.AlterOffsets) -> Sequence[Action]:
        self._state.must_lead()
        entry = self._entry(command.name)
        work = offsets_work(request, command, entry)
        if not (self._state.limits.exactly_once and entry.type is ConnectorType.SOURCE):
            return [work]

        def fenced(error: Exception | None) -> Sequence[Action]:
            return [work] if error is None else [Reply(request, None, error)]

        # Whoever still runs a task of it somewhere must not store offsets over these.
        return begin_fencing(self._state, command.name, fenced)

    def _put(self, request: int, command: cmd.PutConnector) -> Sequence[Action]:
        self._state.must_lead()
        self._refuse_existing(command)
        self._state.here.validating[request] = command
        return [Validate(request, {**command.config, "name": command.name})]

    def _refuse_existing(self, command: cmd.PutConnector) -> None:
        if not command.replace and command.name in self._state.snapshot.connectors:
            raise AlreadyExistsError(f"Connector {command.name} already exists")

    def _patch(self, request: int, command: cmd.PatchConnector) -> Sequence[Action]:
        self._state.must_lead()
        return self._put(request, patched(command, self._found(command.name).config))

    def _write_connector(self, request: int, command: cmd.PutConnector) -> Sequence[Action]:
        created = command.name not in self._state.snapshot.connectors
        records: list[ConfigRecord] = []
        if command.target is not None:
            records.append(TargetStateSet(command.name, command.target))
        records.append(ConnectorConfig(command.name, config_of(command)))

        def answer() -> Any:
            info = entry_views.connector_info(self._entry(command.name))
            return {"created": created, "info": info}

        return self._write(request, [records], answer)

    def _delete(self, request: int, command: cmd.DeleteConnector) -> Sequence[Action]:
        self._state.must_lead()
        self._found(command.name)
        gone: list[ConfigRecord] = [
            ConnectorConfig(command.name, None),
            TargetStateSet(command.name, None),
        ]
        return self._write(request, [gone])

    def _set_target(self, request: int, command: cmd.SetTarget) -> Sequence[Action]:
        if command.target is TargetState.STOPPED:
            self._state.must_lead()
        self._found(command.name, "Unknown connector {}")
        groups: list[list[ConfigRecord]] = [[TargetStateSet(command.name, command.target)]]
        if command.target is TargetState.STOPPED:
            # First no tasks, then stopped: what fails in between leaves a connector that runs.
            groups = [*task_groups(command.name, []), *groups]
        return self._write(request, groups)

    def _put_task_configs(self, request: int, command: cmd.PutTaskConfigs) -> Sequence[Action]:
        self._state.must_lead()
        self._found(command.name)
        return self._write(request, task_groups(command.name, command.configs))

    def _fence_tasks(self, request: int, command: cmd.FenceTasks) -> Sequence[Action]:
        self._state.must_lead()
        return begin_fencing(self._state, command.name, lambda error: [Reply(request, None, error)])

    def _set_level(self, request: int, command: cmd.SetClusterLevel) -> Sequence[Action]:
        return self._write(request, [[LoggerLevel(command.logger, command.level)]])

    def _restart(self, request: int, command: cmd.RestartConnector) -> Sequence[Action]:
        self._found(command.name, "Unknown connector: {}")
        if not command.include_tasks and not command.only_failed:
            return self._restart_owned(request, command.name)
        self._state.must_lead()
        views.state_info(self._state, command.name)  # raises when there is no status
        asked = RestartRequest(command.name, command.include_tasks, command.only_failed)
        planned = views.restart_info(self._state, asked)
        return self._write(request, [[asked]], lambda: planned)

    def _restart_task(self, request: int, command: cmd.RestartTask) -> Sequence[Action]:
        found = self._found(command.task.connector, "Unknown connector: {}")
        if command.task.task >= len(found.tasks):
            raise NotFoundError(f"Unknown task: {command.task}")
        return self._restart_owned(request, command.task)

    def _restart_owned(self, request: int, key: HostKey) -> Sequence[Action]:
        state = self._state
        if state.owns(key):
            return [*restart_here(state, [key]), Reply(request)]
        if not state.is_leader:
            state.must_lead()
        url = state.owner_url(key)
        if url is None or url == state.url:
            raise ConflictError(
                f"Cannot complete request because of a conflicting operation (e.g. worker "
                f"rebalance): nobody runs {key} now; try again"
            )
        raise ElsewhereError(f"{key} runs on another worker", url, to_leader=False)


def restart_here(state: ClusterState, keys: Sequence[HostKey]) -> list[Action]:
    """Restart the hosts of these that belong here."""
    actions: list[Action] = []
    for key in keys:
        slot = state.here.slots.get(key)
        if slot is not None and slot.wanted is not None and state.owns(key):
            slot.restart()
            actions.extend(reconcile(slot))
    return actions
