"""A request to the herder, and the validation that some wait for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import attrs

from penstock.runtime.herder import commands as cmd
from penstock.runtime.stages import Stage

__all__ = ["Asked", "Requested", "Tick", "Validated"]


class Asked(Future[Any]):
    """The answer to come, and what it waits for: ``stage`` is set on the herder's thread."""

    stage: Stage | None = None


@attrs.frozen
class Requested:
    """A user asks; the driver waits for the Reply of that request number."""

    request: int
    command: cmd.Command


@attrs.frozen
class Validated:
    """The answer to a Validate action: ConfigInfos as JSON and the type, or what went wrong."""

    request: int
    infos: Mapping[str, Any] | None = None
    type: str = "unknown"
    error: Exception | None = None


@attrs.frozen
class Tick:
    """Time has passed; ``now_ms`` is monotonic, ``wall_ms`` Unix."""

    now_ms: int
    wall_ms: int
