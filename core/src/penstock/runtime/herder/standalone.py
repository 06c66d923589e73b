"""The standalone herder's decisions: ``step(state, event) -> actions``. Pure.

No clock, thread, socket or client: the driver feeds events in order and carries out the actions.
``step`` changes the state it is given and returns what is to be done about it.
(source: StandaloneHerder)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.errors import AlreadyExistsError, BadRequestError, NotFoundError
from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder import views
from penstock.runtime.herder.asked import Requested, Tick, Validated
from penstock.runtime.herder.changes import config_of, offsets_work, patched, refusal
from penstock.runtime.herder.hosts import (
    HostExitedEvent,
    HostReported,
    HostStarted,
    host_step,
    run_tasks,
)
from penstock.runtime.herder.recovery import Recovery
from penstock.runtime.herder.state import (
    Action,
    ConnectorEntry,
    HerderState,
    HostKey,
    OffsetsWork,
    Reply,
    Slot,
    Spec,
    Validate,
    reconcile,
)
from penstock.runtime.host.messages import TopicsUsed
from penstock.runtime.model import ConnectorType, State, TargetState, TaskId

__all__ = ["Event", "StandaloneHerder"]


Event = Requested | Validated | HostStarted | HostReported | HostExitedEvent | Tick


class StandaloneHerder:
    """Decides for one worker that is alone. Owner: the herder's thread.

    ``worker_id`` is the ``host:port`` that status bodies show.
    """

    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        self.state = HerderState()
        self._recovery = Recovery()
        self._handlers: Mapping[type[cmd.Command], Callable[[int, Any], Sequence[Action]]] = {
            cmd.ListConnectors: self._list,
            cmd.GetConnector: self._get,
            cmd.GetStatus: self._status,
            cmd.GetTasks: self._tasks,
            cmd.GetTaskStatus: self._task_status,
            cmd.GetFigures: self._figures,
            cmd.GetMetrics: self._metrics,
            cmd.GetTopics: self._topics,
            cmd.ResetTopics: self._reset_topics,
            cmd.GetOffsets: self._offsets,
            cmd.AlterOffsets: self._alter_offsets,
            cmd.PutConnector: self._put,
            cmd.PatchConnector: self._patch,
            cmd.DeleteConnector: self._delete,
            cmd.SetTarget: self._set_target,
            cmd.RestartConnector: self._restart,
            cmd.RestartTask: self._restart_task,
        }

    def step(self, event: Event) -> Sequence[Action]:
        """Take one event and return what to do, in order. Never raises for a bad request."""
        if isinstance(event, Requested):
            try:
                return self._handlers[type(event.command)](event.request, event.command)
            except (NotFoundError, AlreadyExistsError, BadRequestError) as problem:
                return [Reply(event.request, error=problem)]
        if isinstance(event, Validated):
            return self._validated(event)
        if isinstance(event, Tick):
            return self._recovery.step(self.state.slots, event.now_ms)
        if isinstance(event, HostReported) and isinstance(event.event, TopicsUsed):
            return self._topics_used(event.key, event.event.topics)
        return host_step(self.state, event, run_tasks)

    def _topics_used(self, key: HostKey, topics: Sequence[str]) -> Sequence[Action]:
        entry = self.state.connectors.get(key.connector) if isinstance(key, TaskId) else None
        if entry is not None:
            entry.topics |= dict.fromkeys(topics)
        return []

    def _entry(self, name: str) -> ConnectorEntry:
        entry = self.state.connectors.get(name)
        if entry is None:
            raise NotFoundError(f"Connector {name} not found")
        return entry

    def _list(self, request: int, command: cmd.ListConnectors) -> Sequence[Action]:
        found = self.state.connectors
        if not command.expand:
            return [Reply(request, list(found))]
        shown: dict[str, dict[str, Any]] = {name: {} for name in found}
        for name, entry in found.items():
            if "status" in command.expand:
                shown[name]["status"] = views.state_info(self.state, entry, self.worker_id)
            if "info" in command.expand:
                shown[name]["info"] = views.connector_info(entry)
        return [Reply(request, shown)]

    def _get(self, request: int, command: cmd.GetConnector) -> Sequence[Action]:
        return [Reply(request, views.connector_info(self._entry(command.name)))]

    def _status(self, request: int, command: cmd.GetStatus) -> Sequence[Action]:
        entry = self.state.connectors.get(command.name)
        if entry is None:
            raise NotFoundError(f"No status found for connector {command.name}")
        return [Reply(request, views.state_info(self.state, entry, self.worker_id))]

    def _tasks(self, request: int, command: cmd.GetTasks) -> Sequence[Action]:
        return [Reply(request, views.task_infos(self._entry(command.name)))]

    def _task(self, task: TaskId) -> Slot:
        slot = self.state.slots.get(task)
        if slot is None or slot.wanted is None or task.connector not in self.state.connectors:
            raise NotFoundError(f"No status found for task {task}")
        return slot

    def _task_status(self, request: int, command: cmd.GetTaskStatus) -> Sequence[Action]:
        return [Reply(request, views.task_state(self._task(command.task), self.worker_id))]

    def _figures(self, request: int, command: cmd.GetFigures) -> Sequence[Action]:
        entry = self._entry(command.name)
        return [Reply(request, views.figures(self.state, entry, self.worker_id))]

    def _metrics(self, request: int, command: cmd.GetMetrics) -> Sequence[Action]:
        return [Reply(request, views.worker_figures(self.state, self.worker_id))]

    def _topics(self, request: int, command: cmd.GetTopics) -> Sequence[Action]:
        # As in the original, a connector that is not there has no topics.
        entry = self.state.connectors.get(command.name)
        return [Reply(request, [] if entry is None else list(entry.topics))]

    def _reset_topics(self, request: int, command: cmd.ResetTopics) -> Sequence[Action]:
        entry = self.state.connectors.get(command.name)
        if entry is not None:
            entry.topics.clear()
        return [Reply(request)]

    def _offsets(self, request: int, command: cmd.GetOffsets) -> Sequence[Action]:
        entry = self._entry(command.name)
        return [OffsetsWork(request, entry.name, dict(entry.config), entry.type)]

    def _alter_offsets(self, request: int, command: cmd.AlterOffsets) -> Sequence[Action]:
        return [offsets_work(request, command, self._entry(command.name))]

    def _put(self, request: int, command: cmd.PutConnector) -> Sequence[Action]:
        self._refuse_existing(command)
        self.state.validating[request] = command
        return [Validate(request, {**command.config, "name": command.name})]

    def _refuse_existing(self, command: cmd.PutConnector) -> None:
        if not command.replace and command.name in self.state.connectors:
            raise AlreadyExistsError(f"Connector {command.name} already exists")

    def _patch(self, request: int, command: cmd.PatchConnector) -> Sequence[Action]:
        return self._put(request, patched(command, self._entry(command.name).config))

    def _validated(self, event: Validated) -> Sequence[Action]:
        command = self.state.validating.pop(event.request, None)
        if command is None:
            return []
        if event.error is not None:
            return [Reply(event.request, error=event.error)]
        problem = refusal(event.infos or {})
        if problem is not None:
            return [Reply(event.request, error=problem)]
        try:
            # Another request may have created it while this one was validated.
            self._refuse_existing(command)
        except AlreadyExistsError as taken:
            return [Reply(event.request, error=taken)]
        return self._accepted(event.request, command, event.type)

    def _accepted(self, request: int, command: cmd.PutConnector, kind: str) -> Sequence[Action]:
        config = config_of(command)
        entry = self.state.connectors.get(command.name)
        created = entry is None
        if entry is None:
            entry = ConnectorEntry(command.name, config, target=TargetState.STARTED)
            self.state.connectors[command.name] = entry
        entry.config = config
        entry.type = ConnectorType(kind)
        if command.target is not None:
            entry.target = command.target
        actions = self._apply_target(entry)
        info = views.connector_info(entry)
        return [*actions, Reply(request, {"created": created, "info": info})]

    def _apply_target(self, entry: ConnectorEntry) -> list[Action]:
        """Bring a connector's instance and tasks to its target state and configuration."""
        slot = self.state.slot(entry.name)
        stopped = entry.target is TargetState.STOPPED
        paused = entry.target is TargetState.PAUSED
        slot.want(None if stopped else Spec(entry.config), paused=paused)
        actions = reconcile(slot)
        if stopped:
            slot.state, slot.trace = State.STOPPED, ""
            entry.task_configs = []
        for task in self.state.tasks_of(entry.name):
            task.want(None if stopped else task.wanted, paused=paused)
            actions.extend(reconcile(task))
        return actions

    def _delete(self, request: int, command: cmd.DeleteConnector) -> Sequence[Action]:
        entry = self._entry(command.name)
        del self.state.connectors[entry.name]
        actions: list[Action] = []
        for slot in (self.state.slot(entry.name), *self.state.tasks_of(entry.name)):
            slot.want(None, paused=False)
            actions.extend(reconcile(slot))
        return [*actions, Reply(request)]

    def _set_target(self, request: int, command: cmd.SetTarget) -> Sequence[Action]:
        entry = self._entry(command.name)
        entry.target = command.target
        return [*self._apply_target(entry), Reply(request)]

    def _restart(self, request: int, command: cmd.RestartConnector) -> Sequence[Action]:
        entry = self._entry(command.name)
        chosen = [self.state.slot(entry.name)]
        if command.include_tasks:
            chosen.extend(self.state.tasks_of(entry.name))
        actions: list[Action] = []
        for slot in chosen:
            if slot.wanted is not None and (slot.failed or not command.only_failed):
                slot.restart()
                actions.extend(reconcile(slot))
        return [*actions, Reply(request, views.state_info(self.state, entry, self.worker_id))]

    def _restart_task(self, request: int, command: cmd.RestartTask) -> Sequence[Action]:
        self._entry(command.task.connector)
        slot = self._task(command.task)
        slot.restart()
        return [*reconcile(slot), Reply(request)]
