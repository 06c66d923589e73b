"""What a request waits for, in the original's words (source: Stage, KIP-1017). Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import attrs

__all__ = ["CALLS", "JOINING", "STARTING", "VALIDATING", "WAITING_TO_VALIDATE", "Stage"]

STARTING: Final = "initializing and reading to the end of internal topics"
JOINING: Final = "ensuring membership in the cluster"
VALIDATING: Final = "validating connector configuration"
WAITING_TO_VALIDATE: Final = "waiting for a new thread to become available for connector validation"
CALLS: Final = {
    "validate_connector": VALIDATING,
    "describe_plugin": "retrieving the configuration definition from the connector",
    "sink_offsets": "modifying offsets for the connector",
    "source_offsets": "modifying offsets for the connector",
}
"""What a call of this function does."""


@attrs.frozen
class Stage:
    """Something that the worker does or did for a request; times are Unix ms."""

    description: str
    began_ms: int
    ended_ms: int | None = None

    def summary(self) -> str:
        """Return a sentence about it, for whoever waited too long."""
        began = _instant(self.began_ms)
        if self.ended_ms is None:
            return f"The worker is currently {self.description}, which began at {began}."
        return (
            f"The last operation the worker completed was {self.description}, which began at "
            f"{began} and completed at {_instant(self.ended_ms)}."
        )


def _instant(time_ms: int) -> str:
    """Return a time as ``Instant.toString`` writes it: no fraction when there is none."""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = time_ms % 1000
    return f"{moment}.{fraction:03d}Z" if fraction else f"{moment}Z"
