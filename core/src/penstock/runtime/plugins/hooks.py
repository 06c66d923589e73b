"""Pluggy, guarded: in-process registration, and events whose listeners can harm nobody."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint
from typing import Any, Final

import pluggy

from penstock.api import PROJECT as PROJECT_NAME
from penstock.api import ConnectorSpecs, ConverterSpecs, TaskSpecs, TransformSpecs
from penstock.data import Record
from penstock.errors import PluginError
from penstock.runtime.plugins.discovery import HOOKS_GROUP, scan

__all__ = ["Notifier", "plugin_manager", "register", "registered_classes"]

log = logging.getLogger(__name__)

_REGISTERS: Final = ("register_connectors", "register_converters", "register_transforms")


@functools.cache
def plugin_manager() -> pluggy.PluginManager:
    """Return the process's manager, with the listeners that installed distributions name.

    A listener that cannot be loaded is logged under its name and left out.
    """
    manager = pluggy.PluginManager(PROJECT_NAME)
    for specs in (ConnectorSpecs, TaskSpecs, ConverterSpecs, TransformSpecs):
        manager.add_hookspecs(specs)
    for point in scan().points:
        if point.group != HOOKS_GROUP:
            continue
        name = f"{point.distribution}:{point.name}"
        try:
            _add(manager, EntryPoint(point.name, point.reference, point.group).load(), name)
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - somebody else's code
            _log("hook plugin '%s' (%s) is left out", problem, name, point.reference)
    return manager


def register(plugin: Any, name: str) -> None:
    """Add a module or object with ``@hookimpl`` functions to this process.

    Called by: an application that embeds Penstock, before the worker starts.

    Raises:
        PluginError: it has a hook that does not exist, or the name is taken; nothing is added.
    """
    try:
        _add(plugin_manager(), plugin, name)
    except (pluggy.PluginValidationError, ValueError) as problem:
        raise PluginError(f"hook plugin '{name}' is refused: {problem}") from problem


def _add(manager: pluggy.PluginManager, found: Any, name: str) -> None:
    """Register a listener, of a class an instance; take it out again when a hook is misspelt."""
    plugin = found() if inspect.isclass(found) else found
    manager.register(plugin, name=name)
    try:
        manager.check_pending()
    except pluggy.PluginValidationError:
        manager.unregister(plugin)
        raise


def _log(what: str, problem: BaseException, *names: str) -> None:
    # One line: a trace of somebody else's code, at each batch, would bury the log.
    log.error(f"{what}: %s: %s", *names, type(problem).__name__, problem)  # noqa: G004


def _calls(hook: str) -> Iterable[tuple[str, Any]]:
    for implementation in reversed(getattr(plugin_manager().hook, hook).get_hookimpls()):
        yield implementation.plugin_name, implementation


def registered_classes(bases: Mapping[str, type[Any]]) -> Iterable[tuple[str, str, type[Any]]]:
    """Yield (kind, name, class) of every class that a ``register_*`` hook returns.

    Args:
        bases: kind -> the base class of its plugins.
    """
    for hook in _REGISTERS:
        for plugin_name, implementation in _calls(hook):
            try:
                classes = dict(implementation.function() or {})
            except (Exception, SystemExit) as problem:  # noqa: BLE001 - somebody else's code
                _log("hook plugin '%s' failed in %s", problem, plugin_name, hook)
                continue
            for name, cls in classes.items():
                kinds = [
                    kind
                    for kind, base in bases.items()
                    if inspect.isclass(cls) and issubclass(cls, base)
                ]
                if not kinds:
                    log.error(
                        "hook plugin '%s' returned from %s, as '%s', what is no plugin class: %r",
                        plugin_name,
                        hook,
                        name,
                        cls,
                    )
                for kind in kinds:
                    yield kind, name, cls


class Notifier:
    """Tells listeners of events, one by one: one that raises is logged and harms nobody.

    Called per batch or rarer. Where nobody listens a call costs next to nothing.
    """

    def __init__(self) -> None:
        self._hooks: dict[str, list[tuple[str, Any]]] = {}

    def _tell(self, hook: str, **arguments: Any) -> None:
        listeners = self._hooks.get(hook)
        if listeners is None:
            listeners = self._hooks[hook] = list(_calls(hook))
        for name, implementation in listeners:
            wanted = {key: arguments[key] for key in implementation.argnames}
            try:
                implementation.function(**wanted)
            except (Exception, SystemExit) as problem:  # noqa: BLE001 - somebody else's code
                _log("hook plugin '%s' failed in %s", problem, name, hook)

    def task_started(self, connector: str, task: int) -> None:
        """Tell that a task is RUNNING."""
        self._tell("task_started", connector=connector, task=task)

    def task_failed(self, connector: str, task: int, error: BaseException) -> None:
        """Tell that a task is FAILED."""
        self._tell("task_failed", connector=connector, task=task, error=error)

    def task_stopped(self, connector: str, task: int) -> None:
        """Tell that a task ended in good order."""
        self._tell("task_stopped", connector=connector, task=task)

    def connector_started(self, connector: str) -> None:
        """Tell that a connector instance is RUNNING."""
        self._tell("connector_started", connector=connector)

    def connector_failed(self, connector: str, error: str) -> None:
        """Tell that a connector instance is FAILED."""
        self._tell("connector_failed", connector=connector, error=error)

    def connector_stopped(self, connector: str) -> None:
        """Tell that a connector instance stopped."""
        self._tell("connector_stopped", connector=connector)

    def batch_sent(self, connector: str, task: int, records: int, size: int) -> None:
        """Tell that a batch went out; ``size`` in bytes."""
        self._tell("batch_sent", connector=connector, task=task, records=records, bytes=size)

    def offsets_committed(self, connector: str, task: int) -> None:
        """Tell that offsets were stored."""
        self._tell("offsets_committed", connector=connector, task=task)

    def record_failed(
        self, connector: str, task: int, stage: str, record: Record | None, error: BaseException
    ) -> None:
        """Tell that a record failed."""
        self._tell(
            "record_failed",
            connector=connector,
            task=task,
            stage=stage,
            record=record,
            error=error,
        )
