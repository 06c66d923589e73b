"""Runs one connector instance in a host.

(source: WorkerConnector)
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.api import Connector, ConnectorContext, SinkConnector
from penstock.config import references
from penstock.errors import ConfigError, ConnectError
from penstock.runtime.host.control import HostControl
from penstock.runtime.host.failures import failure
from penstock.runtime.host.messages import (
    ConnectorReady,
    Failed,
    MakeTaskConfigs,
    Paused,
    ReconfigurationRequested,
    Running,
    StartConnector,
    Stopped,
    TaskConfigsMade,
    ValuesExpire,
)
from penstock.runtime.logs import bind_context
from penstock.runtime.model import ConnectorType
from penstock.runtime.plugins import registry
from penstock.runtime.plugins.info import PluginInfo
from penstock.runtime.providers import reloads, resolved

__all__ = ["run_connector"]

log = logging.getLogger(__name__)

IDLE_S: Final = 60.0
"""How long the runner waits for news before it looks around; news ends the wait at once."""


def run_connector(command: StartConnector, control: HostControl) -> None:
    """Run a connector until the host is told to stop.

    Whatever fails is told with Failed. A connector that could not start has its host end; one
    that called ``raise_error`` keeps its host until it is told to stop, and is stopped then.

    Called by: the main function of a host, on the host's main thread.
    """
    bind_context(f"{command.connector}|worker")
    runner = _ConnectorRunner(command, control)
    try:
        if runner.make(command):
            runner.run()
    except BaseException as problem:  # noqa: BLE001 - a connector's SystemExit is a failure too
        runner.fail(problem)
        runner.end()
        return
    if runner.end():
        control.send(Stopped())


class _Context(ConnectorContext):
    """What the connector may ask for; on any of its threads."""

    def __init__(self, name: str, raw: Mapping[str, str], control: HostControl) -> None:
        self._name = name
        self._raw = raw
        self._control = control
        self.failed: Failed | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def raw_config(self) -> Mapping[str, str]:
        return self._raw

    def request_task_reconfiguration(self) -> None:
        if self.failed is None:
            self._control.send(ReconfigurationRequested())

    def raise_error(self, error: BaseException) -> None:
        if self.failed is None:
            self.failed = failure(error)
            self._control.send(self.failed)


class _ConnectorRunner:
    """Owner: the host's main thread, which also calls everything of the connector."""

    def __init__(self, command: StartConnector, control: HostControl) -> None:
        self._name = command.connector
        self._given = {**command.config, "name": command.connector}
        self._control = control
        self._context = _Context(command.connector, {}, control)
        self._connector: Connector[Any] | None = None
        self._is_started = False

    def make(self, command: StartConnector) -> bool:
        """Load the class, parse its configuration, make and open the connector.

        Returns:
            False when the connector is to be made in a process of its own instead.
        """
        who = f"connector '{self._name}'"
        raw = resolved(self._given, command.worker, self._expiring)
        cls = _connector_class(raw, who)
        if cls.own_process and not self._control.claim_process():
            return False
        self._context = _Context(self._name, raw, self._control)
        self._connector = cls(cls.config_spec().parse(raw, who=who))
        self._connector.context = self._context
        self._connector.open()
        self._control.send(ConnectorReady(_type_of(cls).value, cls.version()))
        return True

    def _expiring(self, ttl_ms: int) -> None:
        if reloads(self._given):
            log.info("values that connector %s refers to live for %d ms", self._name, ttl_ms)
            self._control.send(ValuesExpire(ttl_ms))

    def run(self) -> None:
        """Follow the worker's wishes until it wants an end."""
        is_told = False
        while not self._control.stopping:
            if self._context.failed is None:
                wants_pause = self._control.pausing
                if not is_told or wants_pause == self._is_started:
                    self._pause() if wants_pause else self._start()
                    is_told = True
            self._serve_commands()
            self._control.wait(IDLE_S)

    def _start(self) -> None:
        connector = self._made
        connector.start()
        self._is_started = True
        self._control.send(Running(type(connector).version()))

    def _pause(self) -> None:
        if self._is_started:
            self._is_started = False
            self._made.stop()
        self._control.send(Paused())

    @property
    def _made(self) -> Connector[Any]:
        assert self._connector is not None  # noqa: S101 - run comes after make
        return self._connector

    def _serve_commands(self) -> None:
        while (command := self._control.next_command()) is not None:
            if isinstance(command, MakeTaskConfigs):
                self._control.send(self._make_task_configs(command.max_tasks))
            else:
                log.error("a connector's host has no use for %s", type(command).__name__)

    def _make_task_configs(self, max_tasks: int) -> TaskConfigsMade:
        if self._context.failed is not None:
            return TaskConfigsMade([], self._context.failed.trace)
        try:
            made = self._made.task_configs(max_tasks)
            configs = _checked(self._name, made)
            _refuse_too_many(self._name, len(configs), max_tasks, self._context.raw_config)
        except Exception as problem:  # noqa: BLE001 - the connector's; told to the worker
            return TaskConfigsMade([], failure(problem).trace)
        added = self._added()
        return TaskConfigsMade([_with_references({**one, **added}, self._given) for one in configs])

    def _added(self) -> dict[str, str]:
        """Return what the runtime puts into every task's configuration."""
        added = {"task.class": _task_class_name(type(self._made))}
        if _type_of(type(self._made)) is ConnectorType.SINK:
            raw = self._context.raw_config
            added |= {key: raw[key] for key in ("topics", "topics.regex") if raw.get(key)}
        return added

    def fail(self, problem: BaseException) -> None:
        """Tell that the connector failed, once."""
        self._context.raise_error(problem)

    def end(self) -> bool:
        """Stop and close the connector; return whether that went well."""
        if self._connector is None:
            return True
        steps = [self._connector.stop] if self._is_started else []
        is_well = True
        for step in (*steps, self._connector.close):
            try:
                step()
            except Exception as problem:
                log.exception("%s of connector %s failed", step.__name__, self._name)
                self.fail(problem)
                is_well = False
        return is_well


def _with_references(made: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return a task's configuration with the user's references where the user wrote some.

    Task configurations are stored and shown; the values that providers give must not be.
    (source: AbstractHerder.reverseTransform)
    """
    referring = {key for key, *_ in references(given)}
    return {key: given[key] if key in referring else value for key, value in made.items()}


def _connector_class(raw: Mapping[str, str], who: str) -> type[Connector[Any]]:
    name = raw.get("connector.class", "").strip()
    if not name:
        raise ConfigError(f"{who}: 'connector.class' is missing; name the connector to run")
    cls: type[Connector[Any]] = registry().load("connectors", name)
    return cls


def _type_of(cls: type[Connector[Any]]) -> ConnectorType:
    return ConnectorType.SINK if issubclass(cls, SinkConnector) else ConnectorType.SOURCE


def _checked(name: str, made: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return the task configurations as dicts; raises ConnectError when they are something else."""
    configs: list[dict[str, str]] = []
    for number, config in enumerate(made):
        if not isinstance(config, Mapping):
            raise ConnectError(
                f"connector '{name}' made a {type(config).__name__} as configuration of task "
                f"{number}; task_configs must return mappings of texts"
            )
        wrong = [key for key, value in config.items() if not isinstance(value, str)]
        wrong += [key for key in config if not isinstance(key, str)]
        if wrong:
            raise ConnectError(
                f"connector '{name}' made a configuration of task {number} whose key "
                f"{wrong[0]!r} is not a text with a text; write numbers and booleans as texts"
            )
        configs.append(dict(config))
    return configs


def _refuse_too_many(name: str, made: int, allowed: int, raw: Mapping[str, str]) -> None:
    """Raise ConnectError for more tasks than ``tasks.max`` (source: TooManyTasksException)."""
    if made <= allowed:
        return
    text = (
        f"The connector {name} has generated {made} tasks, which is greater than {allowed}, the "
        "maximum number of tasks it is configured to create. This behaviour should be considered "
        "a bug and is disallowed. If necessary, it can be permitted by reconfiguring the "
        "connector with 'tasks.max.enforce' set to false; however, this option will be removed "
        "in a future release of Kafka Connect."
    )
    if raw.get("tasks.max.enforce", "true").strip().lower() != "false":
        raise ConnectError(text)
    log.warning("%s", text)


def _task_class_name(cls: type[Connector[Any]]) -> str:
    """Return the name of a connector's task class.

    By the original's name where the connector has one: a worker of the original may be given the
    task. Its tasks are named after their connectors.
    """
    made = cls.task_class
    for plugin in registry().list("connectors"):
        java = plugin.class_name
        if plugin.reference == f"{cls.__module__}:{cls.__qualname__}" or _is_it(plugin, cls):
            if java.startswith("org.") and java.endswith("Connector"):
                return f"{java.removesuffix('Connector')}Task"
            break
    return f"{made.__module__}.{made.__qualname__}"


def _is_it(plugin: PluginInfo, cls: type[Any]) -> bool:
    """Whether a plugin's reference, which may be a package's shorter one, is this class."""
    module, _, name = plugin.reference.partition(":")
    return name == cls.__qualname__ and cls.__module__.startswith(f"{module}.")
