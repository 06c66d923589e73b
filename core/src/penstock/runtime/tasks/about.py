"""What a task is made of: names and versions of its classes, for the figures."""

from __future__ import annotations

from typing import Any

from penstock.api import Plugin
from penstock.runtime.connector_config import ConnectorPlan
from penstock.runtime.plugins import registry

__all__ = ["about"]


def about(task: Plugin[Any], plan: ConnectorPlan) -> dict[str, Any]:
    """Return the original's attributes that are texts; transforms and predicates by alias.

    (source: ConnectMetricsRegistry, the attributes of classes and versions)
    """
    found: dict[str, Any] = {
        "task-class": _name(type(task)),
        "task-version": type(task).version(),
        "transforms": {},
        "predicates": {},
    }
    for side, converter in plan.converters.items():
        kind = "header_converters" if side == "header" else "converters"
        name, version = _named(kind, converter.type)
        found[f"{side}-converter-class"] = name
        found[f"{side}-converter-version"] = version
    for transform in plan.transforms:
        found["transforms"][transform.alias] = _named("transforms", transform.type)
        if transform.predicate is not None:
            of = transform.predicate
            found["predicates"][of.alias] = _named("predicates", of.type)
    return found


def _named(kind: str, configured: str) -> list[str]:
    """Return class name and version; a dotted name is what the user knows the class by."""
    cls: type[Plugin[Any]] = registry().load(kind, configured)
    return [configured if "." in configured else _name(cls), cls.version()]


def _name(cls: type[object]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
