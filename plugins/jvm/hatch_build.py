"""Compile our Java classes into the wheel; needs only Python and the registries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ShimHook(BuildHookInterface[Any]):
    """Puts shim.jar into a wheel; an editable install compiles at its first use."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and name the jar among the wheel's files."""
        if version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root / "src" / "penstock_jvm"))
        import _compile  # type: ignore[import-not-found]  # noqa: PLC0415 - alone, without penstock

        jar = _compile.compile_shim(root / "java", root / "build" / "shim.jar")
        build_data["force_include"][str(jar)] = "penstock_jvm/shim.jar"
        build_data["pure_python"] = True
