"""Tables on a terminal, plain lines on a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

__all__ = ["show_json", "show_table"]


def show_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def show_table(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> None:
    """Print rows: a table with a head for a person, tab-separated lines for a program."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(_one_line(row.get(column, "")) for column in columns))
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.table import Table  # noqa: PLC0415 - likewise
    from rich.text import Text  # noqa: PLC0415 - likewise

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(Text(_one_line(row.get(column, ""))) for column in columns))
    Console().print(table)


def _one_line(text: str) -> str:
    """Return the text without what moves a cursor: a plugin's error may hold anything."""
    return "".join(char if char.isprintable() else " " for char in text)
