"""``penstock validate``: every problem of a connector's configuration, without a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from penstock.cli.output import show_json
from penstock.runtime.files import read_connector, read_properties

__all__ = ["command"]

EXIT_INVALID: Final = 1
"""Checked, and wrong; as of grep and diff. What cannot be checked at all is 2."""


@click.command("validate")
@click.argument("connector", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print what the REST API would answer.")
@click.option(
    "--worker",
    type=click.Path(path_type=Path),
    help="The worker's properties: its policy for client overrides, its config providers.",
)
def command(connector: Path, as_json: bool, worker: Path | None) -> int:
    """Check the configuration in the file CONNECTOR; the exit code is 1 when it is wrong."""
    from penstock.runtime.validation import unknown_keys, validate  # noqa: PLC0415 - loads plugins

    file = read_connector(connector)
    infos = validate(file.config, {} if worker is None else read_properties(worker))
    for sentence in unknown_keys(file.config, infos):
        click.echo(f"{connector}: warning: {sentence}", err=True)
    if as_json:
        show_json(infos.to_json())
        return EXIT_INVALID if infos.error_count else 0
    for value in infos.values:
        for error in value.errors:
            click.echo(f"{connector}: {error}", err=True)
    if infos.error_count:
        return EXIT_INVALID
    click.echo(f"{connector}: connector '{file.name}' is valid")
    return 0
