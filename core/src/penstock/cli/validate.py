"""``penstock validate``: every problem of a connector's configuration, without a worker."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.output import show_json
from penstock.runtime.files import read_connector

__all__ = ["command"]


@click.command("validate")
@click.argument("connector", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print what the REST API would answer.")
def command(connector: Path, as_json: bool) -> int:
    """Check the configuration in the file CONNECTOR; the exit code is 2 when it is wrong."""
    from penstock.runtime.validation import validate  # noqa: PLC0415 - imports plugins

    file = read_connector(connector)
    infos = validate(file.config, {})
    if as_json:
        show_json(infos.to_json())
        return 2 if infos.error_count else 0
    for value in infos.values:
        for error in value.errors:
            click.echo(f"{connector}: {error}", err=True)
    if infos.error_count:
        return 2
    click.echo(f"{connector}: connector '{file.name}' is valid")
    return 0
