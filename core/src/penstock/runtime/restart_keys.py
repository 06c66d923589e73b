"""Keys by which failed tasks start again; the original leaves that to its users. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

import attrs

from penstock.config import ConfigSpec, ConfigValue, Long, config, key

__all__ = ["AFTER_FENCING", "RestartKeys", "RestartPolicy", "restart_values"]

_PREFIX: Final = "errors.restart."
_GROUP: Final = "Error Handling"
_DOUBLINGS_MAX: Final = 40


@config
class RestartKeys:
    """Keys of all connectors, for their tasks and for the connector's own instance."""

    errors_restart_max_attempts: int = key(
        default=0,
        min=-1,
        doc="How often a failed task is started again: 0 for never, -1 for without end.",
        group=_GROUP,
        order=20,
        width="short",
        display_name="Restarts of a failed task",
    )
    errors_restart_delay_ms: Long = key(
        default=1_000,
        min=1,
        doc="How long to wait before the first restart, in ms; doubled before each further one.",
        group=_GROUP,
        order=21,
        width="medium",
        display_name="Delay of the first restart",
    )
    errors_restart_delay_max_ms: Long = key(
        default=300_000,
        min=1,
        doc="The longest wait before a restart, in ms.",
        group=_GROUP,
        order=22,
        width="medium",
        display_name="Longest delay of a restart",
    )
    errors_restart_reset_ms: Long = key(
        default=600_000,
        min=1,
        doc="After so long without a failure, in ms, restarts are counted from the start.",
        group=_GROUP,
        order=23,
        width="medium",
        display_name="Time that makes up for failures",
    )


@attrs.frozen
class RestartPolicy:
    """When a failed host starts again.

    Attributes:
        attempts_max: restarts in a row; -1 for without end.
        delay_ms, delay_max_ms: before the first one, and at most.
        reset_ms: how long it has to run to make up for its failures.
    """

    attempts_max: int
    delay_ms: int
    delay_max_ms: int
    reset_ms: int

    @classmethod
    def of(cls, raw: Mapping[str, str]) -> Self | None:
        """Return the policy of a connector's configuration; None when it is off, or wrong."""
        if not any(name.startswith(_PREFIX) for name in raw):
            return None
        checked = {one.name: one for one in ConfigSpec.of(RestartKeys).check(raw)}
        if any(one.errors for one in checked.values()):
            return None
        parsed = [one.parsed for one in checked.values()]
        return cls(*parsed) if parsed[0] else None

    def delay_before(self, attempt: int) -> int:
        """Return the ms to wait before a restart, counted from 0."""
        return min(self.delay_ms << min(attempt, _DOUBLINGS_MAX), self.delay_max_ms)

    def allows(self, attempt: int) -> bool:
        """Return whether there is such a restart, counted from 0."""
        return self.attempts_max < 0 or attempt < self.attempts_max


AFTER_FENCING: Final = RestartPolicy(
    attempts_max=10, delay_ms=1_000, delay_max_ms=30_000, reset_ms=600_000
)
"""Of a task whose transactional id was taken, whether its connector asks for restarts or not: most
often by an older instance of its own, so that the next start fences that one."""


def restart_values(raw: Mapping[str, str | None]) -> list[ConfigValue]:
    """Return the keys checked, but none of them unless the user has set one.

    So that who knows the original's keys by heart finds those and no others.
    """
    if not any(name.startswith(_PREFIX) for name in raw):
        return []
    return ConfigSpec.of(RestartKeys).check(raw)
