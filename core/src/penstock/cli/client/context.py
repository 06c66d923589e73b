"""``penstock context``: clusters saved under names."""

from __future__ import annotations

from urllib.parse import urlsplit

import click

from penstock.cli.client.contexts import Contexts, context_file
from penstock.cli.client.rest import Rest
from penstock.cli.output import show_table

__all__ = ["command"]


@click.group("context")
def command() -> None:
    """Save clusters under names, and choose one."""


@command.command("list")
def list_contexts() -> None:
    """List the saved clusters; the current one has a star."""
    contexts = Contexts(context_file())
    rows = [
        {"": "*" if name == contexts.current else "", "NAME": name, "URL": _shown(url)}
        for name, url in sorted(contexts.urls.items())
    ]
    show_table(rows, ["", "NAME", "URL"])


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":***@") if parts.password else url


@command.command("set")
@click.argument("name")
@click.argument("url")
def set_context(name: str, url: str) -> None:
    """Save the cluster at URL (http://user:password@host:port) under NAME."""
    Rest(url)  # refuses what is no address
    Contexts(context_file()).set(name, url)


@command.command("use")
@click.argument("name")
def use_context(name: str) -> None:
    """Ask the cluster NAME from now on."""
    Contexts(context_file()).use(name)


@command.command("remove")
@click.argument("name")
def remove_context(name: str) -> None:
    """Forget the cluster NAME."""
    Contexts(context_file()).remove(name)
