"""Import the one plugin that was named, by stevedore, and check that it is what it should be."""

from __future__ import annotations

import importlib.metadata
import inspect
import logging
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from penstock import api
from penstock.errors import PluginError
from penstock.runtime.plugins.info import PluginInfo
from penstock.runtime.plugins.names import SINGULAR

__all__ = ["BASES", "checked_class", "import_plugin", "label"]

BASES: Final[Mapping[str, type[Any]]] = {
    "connectors": api.Connector,
    "converters": api.Converter,
    "header_converters": api.HeaderConverter,
    "transforms": api.Transform,
    "predicates": api.Predicate,
    "config_providers": api.ConfigProvider,
    "client_override_policies": api.ClientOverridePolicy,
}
"""What a plugin of a kind must be a subclass of."""
_CONNECTORS: Final[Mapping[str, type[Any]]] = {
    "source": api.SourceConnector,
    "sink": api.SinkConnector,
}
_MESSAGE_CHARS_MAX: Final = 500


class _ImportFailedError(Exception):
    """Carries the error of the plugin's own import through stevedore."""


def label(plugin: PluginInfo) -> str:
    """Return how messages name a plugin: its name, reference and distribution."""
    return (
        f"plugin '{plugin.name}' ({plugin.reference}) of distribution "
        f"{plugin.distribution} {plugin.version}"
    )


def import_plugin(plugin: PluginInfo) -> Any:
    """Return what the plugin's entry point names.

    Raises:
        PluginError: its import failed; the cause is chained.
    """
    # Its import costs as much as the rest of a start-up.
    from stevedore import DriverManager  # noqa: PLC0415

    # What it says of a plugin that cannot be loaded, the PluginError says better.
    logging.getLogger("stevedore").setLevel(logging.ERROR)
    try:
        manager: Any = DriverManager(
            plugin.group, plugin.entry_point, on_load_failure_callback=_raise_as_ours
        )
    except _ImportFailedError as failed:
        _tell(plugin, failed.__cause__ or failed)
    except (AssertionError, SystemExit) as problem:  # these stevedore lets through
        _tell(plugin, problem)
    except Exception:  # noqa: BLE001 - see below
        # Stevedore reads the metadata of all distributions at once, through a cache on disk. A
        # broken one among them, or a cache older than the installation, is no fault of this one.
        return _import_directly(plugin)
    value = manager.extensions[0].entry_point.value
    if value.partition("[")[0].replace(" ", "") == plugin.reference:
        return manager.driver
    return _import_directly(plugin)


def _raise_as_ours(_manager: Any, _point: Any, problem: BaseException) -> NoReturn:
    raise _ImportFailedError from problem


def _import_directly(plugin: PluginInfo) -> Any:
    point = importlib.metadata.EntryPoint(plugin.entry_point, plugin.reference, plugin.group)
    try:
        return point.load()
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - somebody else's module
        _tell(plugin, problem)


def _tell(plugin: PluginInfo, problem: BaseException) -> NoReturn:
    lines = f"{type(problem).__name__}: {problem}".splitlines()
    cause = lines[0][:_MESSAGE_CHARS_MAX]
    if ":" not in plugin.reference:
        cause = f"its entry point must read 'module:Class', it reads '{plugin.reference}'"
    raise PluginError(f"{label(plugin)} cannot be loaded: {cause}") from problem


def checked_class(plugin: PluginInfo, found: Any) -> type[Any]:
    """Return ``found``, which must be a class of the plugin's kind that can be instantiated.

    Raises:
        PluginError: it is something else, or abstract.
    """
    base = BASES[plugin.kind]
    if plugin.kind == "connectors":
        base = _CONNECTORS.get(plugin.rest_type, base)
    if not inspect.isclass(found) or not issubclass(found, base):
        raise PluginError(
            f"{label(plugin)} is not a {SINGULAR[plugin.kind]}: entry point "
            f"'{plugin.entry_point}' in group '{plugin.group}' must name a subclass of "
            f"penstock.api.{base.__name__}, found {_shown(found)}"
        )
    if inspect.isabstract(found):
        left = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise PluginError(f"{label(plugin)} is abstract: it does not define {left}")
    checked: type[Any] = found
    return checked


def _shown(found: Any) -> str:
    if inspect.isclass(found):
        return f"the class {found.__module__}.{found.__qualname__}"
    return f"an object of type {type(found).__name__}"
