"""The exit codes, the original's (source: ConnectStandalone)."""

from __future__ import annotations

from typing import Final

__all__ = ["EXIT_ERROR", "EXIT_INTERRUPTED", "EXIT_STARTUP", "EXIT_USAGE"]

EXIT_USAGE: Final = 1
EXIT_ERROR: Final = 2
EXIT_STARTUP: Final = 3
EXIT_INTERRUPTED: Final = 130
