"""The command line. Each command stands in a module of its own, imported when it is used."""

from __future__ import annotations

from penstock.cli.main import connect_standalone, main

__all__ = ["connect_standalone", "main"]
