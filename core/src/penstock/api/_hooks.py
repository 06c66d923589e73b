"""Hooks: who adds plugins in process, who wants to know what happens (pluggy).

One class a role. ``register_*`` hooks return classes, for notebooks, tests and applications that
embed Penstock; installed plugins need none, their entry points suffice. The others are told of
life-cycle events, once a batch or rarer, never once a record. A listener that raises is logged
under its name and harms nobody, so nothing that must not be lost may hang on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pluggy

from penstock.data import Record

__all__ = [
    "PROJECT",
    "ConnectorSpecs",
    "ConverterSpecs",
    "TaskSpecs",
    "TransformSpecs",
    "hookimpl",
    "hookspec",
]

PROJECT: Final = "penstock"
hookspec: Final = pluggy.HookspecMarker(PROJECT)
hookimpl: Final = pluggy.HookimplMarker(PROJECT)


class ConnectorSpecs:
    """About connectors."""

    @hookspec
    def register_connectors(self) -> Mapping[str, type[Any]]:  # type: ignore[empty-body]
        """Return connector classes by the name that ``connector.class`` gives them."""

    @hookspec
    def connector_started(self, connector: str) -> None:
        """The connector instance is RUNNING."""

    @hookspec
    def connector_failed(self, connector: str, error: str) -> None:
        """The connector instance is FAILED; ``error`` is the text of its status."""

    @hookspec
    def connector_stopped(self, connector: str) -> None:
        """The connector instance was paused, stopped or deleted."""


class TaskSpecs:
    """About tasks. The events are told in the task's own process."""

    @hookspec
    def task_started(self, connector: str, task: int) -> None:
        """The task is RUNNING."""

    @hookspec
    def task_failed(self, connector: str, task: int, error: BaseException) -> None:
        """The task is FAILED."""

    @hookspec
    def task_stopped(self, connector: str, task: int) -> None:
        """The task ended without a failure."""

    @hookspec
    def batch_sent(self, connector: str, task: int, records: int, bytes: int) -> None:  # noqa: A002
        """A source's records were handed to the producer, or a sink's to ``put``."""

    @hookspec
    def offsets_committed(self, connector: str, task: int) -> None:
        """Offsets were stored."""


class ConverterSpecs:
    """About converters."""

    @hookspec
    def register_converters(self) -> Mapping[str, type[Any]]:  # type: ignore[empty-body]
        """Return converter and header converter classes by name."""


class TransformSpecs:
    """About transforms and predicates."""

    @hookspec
    def register_transforms(self) -> Mapping[str, type[Any]]:  # type: ignore[empty-body]
        """Return transform and predicate classes by name."""

    @hookspec
    def record_failed(
        self, connector: str, task: int, stage: str, record: Record | None, error: BaseException
    ) -> None:
        """A record failed in a transform or converter and is skipped or fails the task."""
