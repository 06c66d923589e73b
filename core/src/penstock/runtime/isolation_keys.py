"""The key by which a connector keeps its processes for itself; the original has none. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from penstock.config import ConfigSpec, ConfigValue, config, key

__all__ = ["IsolationKeys", "is_alone", "isolation_values"]

_KEY: Final = "task.isolation"


@config
class IsolationKeys:
    """Keys of all connectors, for their tasks and for the connector's own instance."""

    task_isolation: Literal["shared", "process"] = key(
        default="shared",
        doc="process: this connector and its tasks never share a process with others. shared: "
        "they may, on a worker that runs more than task.processes.max of them.",
        group="Error Handling",
        order=30,
        width="short",
        display_name="Isolation of tasks",
    )


def is_alone(config: Mapping[str, str]) -> bool:
    """Return whether a connector's configuration keeps others out of its processes."""
    return config.get(_KEY, "").strip().lower() == "process"


def isolation_values(raw: Mapping[str, str | None]) -> list[ConfigValue]:
    """Return the key checked, where the user has set it."""
    return ConfigSpec.of(IsolationKeys).check(raw) if _KEY in raw else []
