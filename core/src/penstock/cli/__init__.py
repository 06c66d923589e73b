"""The command line. Each command stands in a module of its own, imported when it is used."""

from __future__ import annotations

import importlib
import sys
from typing import Final

__all__ = ["connect_distributed", "connect_standalone", "main"]

_NEEDED: Final = "click"


def main() -> None:
    """Run ``penstock``; the exit code is 0, 1 usage, 2 error, 3 the worker could not start."""
    _start("main")


def connect_distributed() -> None:
    """Run ``connect-distributed``, the original's name of ``penstock distributed``."""
    _start("connect_distributed")


def connect_standalone() -> None:
    """Run ``connect-standalone``, the original's name of ``penstock standalone``."""
    _start("connect_standalone")


def _start(name: str) -> None:
    # Imported here: who installs the author's core alone gets these scripts too.
    try:
        commands = importlib.import_module("penstock.cli.main")
    except ModuleNotFoundError as missing:
        if missing.name != _NEEDED:
            raise
        sys.exit(
            "penstock: the command line needs more than the author's core; "
            "install it with: pip install 'penstock[worker]'"
        )
    getattr(commands, name)()
