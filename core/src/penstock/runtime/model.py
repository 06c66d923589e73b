"""The nouns that herder, worker, hosts and REST share. Pure."""

from __future__ import annotations

import enum

import attrs

__all__ = ["ConnectorType", "State", "TargetState", "TaskId"]


class State(enum.Enum):
    """What a connector or task is doing (source: AbstractStatus.State)."""

    UNASSIGNED = "UNASSIGNED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    FAILED = "FAILED"
    DESTROYED = "DESTROYED"
    RESTARTING = "RESTARTING"
    STOPPED = "STOPPED"


class TargetState(enum.Enum):
    """What the user wants a connector to be (source: TargetState)."""

    STARTED = "STARTED"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"


class ConnectorType(enum.Enum):
    """Which way a connector copies."""

    SOURCE = "source"
    SINK = "sink"
    UNKNOWN = "unknown"


@attrs.frozen(order=True)
class TaskId:
    """A task's connector and number; ``str`` gives ``name-0`` as in status keys."""

    connector: str
    task: int

    def __str__(self) -> str:
        return f"{self.connector}-{self.task}"
