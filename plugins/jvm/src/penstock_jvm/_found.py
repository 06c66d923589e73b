"""Java plugins offered to the registry: a class of ours for each, made when the path is read."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.api import hookimpl
from penstock_jvm._chain import JavaPredicate, JavaTransform
from penstock_jvm._packages import JavaPlugin, found_on, plugin_path
from penstock_jvm._sink import JavaSinkConnector, JavaSinkTask
from penstock_jvm._source import JavaSourceConnector, JavaSourceTask, TellingJavaSourceTask

__all__ = ["JavaPlugins", "classes_of"]

log = logging.getLogger(__name__)

_GROUPS: Final = (
    "penstock.source_connectors",
    "penstock.sink_connectors",
    "penstock.transforms",
    "penstock.predicates",
)


class JavaPlugins:
    """A hook plugin that offers the connectors of the Java packages on the plugin path."""

    @hookimpl
    def register_connectors(self) -> Mapping[str, type[Any]]:
        """Return a class for each Java connector, by its name; see :func:`classes_of`."""
        path = plugin_path()
        return classes_of(found_on(path), _native(), ("source", "sink")) if path else {}

    @hookimpl
    def register_transforms(self) -> Mapping[str, type[Any]]:
        """Return a class for each Java transform and predicate; those of Python go before."""
        path = plugin_path()
        return classes_of(found_on(path), _native(), ("transform", "predicate")) if path else {}


def _native() -> set[str]:
    points = importlib.metadata.entry_points()
    return {point.name for group in _GROUPS for point in points.select(group=group)}


def classes_of(
    plugins: Sequence[JavaPlugin], native: set[str], kinds: Sequence[str] = ("source", "sink")
) -> dict[str, type[Any]]:
    """Return classes of these kinds by name.

    The Java class name means the newest version; ``name@version`` one of several. A class that a
    Python plugin stands in for keeps its name, and Java's is ``name@jvm``.
    """
    found: dict[str, type[Any]] = {}
    by_name: dict[str, list[JavaPlugin]] = {}
    for plugin in plugins:
        if plugin.kind in kinds:
            by_name.setdefault(plugin.name, []).append(plugin)
    for name, versions in by_name.items():
        versions.sort(key=lambda plugin: _rank(plugin.version))
        newest = f"{name}@jvm" if name in native else name
        found[newest] = _MAKERS[versions[-1].kind](versions[-1], newest)
        for plugin in versions if len(versions) > 1 else ():
            other = f"{name}@{plugin.version}"
            found[other] = _MAKERS[plugin.kind](plugin, other)
    return found


def _rank(version: str) -> list[tuple[int, int, str]]:
    """Order versions: numbers as numbers, and a release after what comes before it."""
    parts = version.replace("-", ".").split(".")
    ranked = [(1, int(part), "") if part.isdecimal() else (-1, 0, part) for part in parts]
    return [*ranked, (0, 0, "")]


def _members(plugin: JavaPlugin, name: str) -> dict[str, Any]:
    return {
        "java_class_name": plugin.name,
        "jars": plugin.jars,
        "VERSION": plugin.version,
        "__module__": __name__,
        "__qualname__": name,
        "__doc__": f"The Java connector {plugin.name}.",
    }


def _source(plugin: JavaPlugin, name: str) -> type[Any]:
    members = _members(plugin, name)
    telling = type("JavaTask", (TellingJavaSourceTask,), members)
    task = type("JavaTask", (JavaSourceTask,), {**members, "telling_class": telling})
    return type("JavaConnector", (JavaSourceConnector,), {**members, "task_class": task})


def _sink(plugin: JavaPlugin, name: str) -> type[Any]:
    members = _members(plugin, name)
    task = type("JavaTask", (JavaSinkTask,), members)
    return type("JavaConnector", (JavaSinkConnector,), {**members, "task_class": task})


def _transform(plugin: JavaPlugin, name: str) -> type[Any]:
    return type("JavaTransform", (JavaTransform,), _members(plugin, name))


def _predicate(plugin: JavaPlugin, name: str) -> type[Any]:
    return type("JavaPredicate", (JavaPredicate,), _members(plugin, name))


_MAKERS: Final = {
    "source": _source,
    "sink": _sink,
    "transform": _transform,
    "predicate": _predicate,
}
