"""Put the source of our Java classes into the wheel; they are compiled at their first use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SourceHook(BuildHookInterface[Any]):
    """An editable install finds them in the work tree."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the folder among the wheel's files."""
        if version != "editable":
            build_data["force_include"][str(Path(self.root, "java"))] = "penstock_mq/java"
