"""What a source that asks for exactly-once delivery must be able to do, checked beforehand.

The words are the original's. (source: DistributedHerder.validateSourceConnectorSpecificConfigs)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.api import Connector, SourceConnector
from penstock.errors import ConfigError, Problem
from penstock.runtime.transaction_time import interval_problems

__all__ = ["exactly_once_problems"]

SUPPORT: Final = "exactly.once.support"
BOUNDARY: Final = "transaction.boundary"
WORKER: Final = "exactly.once.source.support"
Raw = Mapping[str, str | None]


def exactly_once_problems(
    cls: type[Connector[Any]], raw: Raw, worker: Mapping[str, str]
) -> list[Problem]:
    """Return what stands against ``exactly.once.support`` and ``transaction.boundary``.

    The connector is asked only where the worker could do it, and only if its keys are right.
    """
    if not issubclass(cls, SourceConnector):
        return []
    wants = _chosen(raw, SUPPORT) == "required"
    ends_its_own = _chosen(raw, BOUNDARY) == "connector"
    problems = interval_problems(raw, worker) if _is_enabled(worker) else []
    if wants and not _is_enabled(worker):
        problems.append(Problem(SUPPORT, _NOT_HERE + _remedy(worker)))
        wants = False
    if not wants and not ends_its_own:
        return problems
    made = _made(cls, raw)
    if made is None:
        return problems  # what is wrong with its keys is told already
    if wants:
        problems += _told(SUPPORT, lambda: _support(cls, made))
    if ends_its_own:
        problems += _told(BOUNDARY, lambda: _boundaries(made))
    return problems


def _chosen(raw: Raw, key: str) -> str:
    return (raw.get(key) or "").strip().lower()


_NOT_HERE: Final = "This worker does not have exactly-once source support enabled. "


def _is_of_cluster(worker: Mapping[str, str]) -> bool:
    return "group.id" in worker and "config.storage.topic" in worker


def _remedy(worker: Mapping[str, str]) -> str:
    if _is_of_cluster(worker):
        return f"Set {WORKER}=enabled on every worker"
    return f"A standalone worker cannot deliver exactly once: set {SUPPORT}=requested"


def _is_enabled(worker: Mapping[str, str]) -> bool:
    """Return whether the worker is one of a cluster that delivers exactly once."""
    return _is_of_cluster(worker) and worker.get(WORKER, "").strip().lower() == "enabled"


def _made(cls: type[SourceConnector[Any]], raw: Raw) -> SourceConnector[Any] | None:
    given = {name: text for name, text in raw.items() if text is not None}
    try:
        return cls(cls.config_spec().parse(given, who=f"connector '{given.get('name')}'"))
    except ConfigError:
        return None


def _told(key: str, ask: Callable[[], str | None]) -> list[Problem]:
    try:
        why = ask()
    except Exception as failure:  # noqa: BLE001 - an author's code, whatever it raises
        # Without the message, which may tell what a config provider answered.
        why = f"An unexpected error occurred during validation: {type(failure).__name__}"
    return [] if why is None else [Problem(key, why)]


def _support(cls: type[SourceConnector[Any]], made: SourceConnector[Any]) -> str | None:
    if cls.exactly_once_support is SourceConnector.exactly_once_support:
        return (
            "The connector does not implement the API required for preflight validation of "
            "exactly-once source support. Please consult the documentation for the connector to "
            "determine whether it supports exactly-once semantics, and then consider "
            'reconfiguring the connector to use the value "requested" for this property (which '
            "will disable this preflight check and allow the connector to be created)."
        )
    if not made.exactly_once_support():
        return (
            "The connector does not support exactly-once semantics with the provided configuration."
        )
    return None


def _boundaries(made: SourceConnector[Any]) -> str | None:
    if made.can_define_transaction_boundaries():
        return None
    return (
        "The connector does not support connector-defined transaction boundaries with the given "
        "configuration. Please reconfigure it to use a different transaction boundary definition."
    )
