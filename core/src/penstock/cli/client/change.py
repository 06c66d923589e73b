"""``penstock apply``, ``delete``, ``pause``, ``resume``, ``stop``, ``restart``, ``offsets``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from penstock.cli.client.rest import Rest, client_options, connected, path_of
from penstock.cli.output import show_json, show_table
from penstock.errors import ConnectError
from penstock.runtime.files import ConnectorFile, read_connector
from penstock.runtime.model import TargetState

__all__ = ["apply", "delete", "offsets", "pause", "restart", "resume", "stop"]

EXIT_DIFFERS: Final = 1
_HIDDEN: Final = ("password", "secret", "token", "jaas", "credential")


@click.command("apply")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would change; exit 1 when anything would.")
@client_options
def apply(files: Sequence[Path], dry_run: bool, url: str | None, context: str | None) -> int:
    """Create or update the connectors in FILES, and leave alone what is already so."""
    wanted = [read_connector(path) for path in files]
    rest = connected(url, context)
    there = set(rest.ask("GET", "/connectors"))
    differs = False
    for one in wanted:
        now = (
            rest.ask("GET", path_of("connectors", one.name, "config")) if one.name in there else {}
        )
        changes = _changes(now, {**one.config, "name": one.name})
        verb = "unchanged" if not changes else "updated" if one.name in there else "created"
        differs |= bool(changes)
        if changes and not dry_run:
            _put(rest, one, exists=one.name in there)
        click.echo(f"{one.name}: {'would be ' if dry_run and changes else ''}{verb}")
        for line in changes if one.name in there else ():
            click.echo(f"  {line}")
    return EXIT_DIFFERS if dry_run and differs else 0


def _put(rest: Rest, one: ConnectorFile, *, exists: bool) -> None:
    if exists or one.target is None:
        rest.ask("PUT", path_of("connectors", one.name, "config"), dict(one.config))
        return
    states = {TargetState.STARTED: "RUNNING"}
    state = states.get(one.target, one.target.value)
    body = {"name": one.name, "config": dict(one.config), "initial_state": state}
    rest.ask("POST", "/connectors", body)


def _changes(now: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Return a line a key that differs; what looks like a secret is not shown."""
    lines = []
    for key in sorted({*now, *wanted}):
        old, new = now.get(key), wanted.get(key)
        if old == new:
            continue
        hide = any(part in key.lower() for part in _HIDDEN)
        shown = ["(hidden)" if hide else repr(value) for value in (old, new)]
        if old is None:
            lines.append(f"+ {key} = {shown[1]}")
        elif new is None:
            lines.append(f"- {key} = {shown[0]}")
        else:
            lines.append(f"~ {key}: {shown[0]} -> {shown[1]}")
    return lines


@click.command("delete")
@click.argument("names", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@client_options
def delete(names: Sequence[str], yes: bool, url: str | None, context: str | None) -> int:
    """Delete the connectors NAMES; their offsets stay, for a connector of the same name."""
    rest = connected(url, context)
    if not yes:
        click.confirm(f"Delete {', '.join(names)} at {rest.shown}?", abort=True)
    return _each(names, lambda name: rest.ask("DELETE", path_of("connectors", name)), "deleted")


def _each(names: Sequence[str], change: Any, done: str) -> int:
    """Change all; what is refused is told and does not keep the others from it."""
    code = 0
    for name in names:
        try:
            change(name)
        except ConnectError as problem:
            click.echo(f"{name}: {problem}", err=True)
            code = 2
        else:
            click.echo(f"{name}: {done}")
    return code


def _target(verb: str, done: str, about: str) -> click.Command:
    @click.command(verb, help=about)
    @click.argument("names", nargs=-1, required=True)
    @client_options
    def command(names: Sequence[str], url: str | None, context: str | None) -> int:
        rest = connected(url, context)
        return _each(names, lambda name: rest.ask("PUT", path_of("connectors", name, verb)), done)

    return command


pause = _target("pause", "paused", "Pause the connectors NAMES; their tasks keep what they hold.")
resume = _target("resume", "resumed", "Resume the connectors NAMES.")
stop = _target("stop", "stopped", "Stop the connectors NAMES; their tasks are given up.")


@click.command("restart")
@click.argument("name")
@click.option("--task", type=int, help="Restart this task alone.")
@click.option("--tasks", is_flag=True, help="Restart the tasks too.")
@click.option("--only-failed", is_flag=True, help="Restart only what has failed.")
@client_options
def restart(
    name: str,
    *,
    task: int | None,
    tasks: bool,
    only_failed: bool,
    url: str | None,
    context: str | None,
) -> None:
    """Restart the connector NAME, its tasks, or one of them."""
    rest = connected(url, context)
    if task is not None:
        rest.ask("POST", path_of("connectors", name, "tasks", str(task), "restart"))
        click.echo(f"{name}-{task}: restarting")
        return
    params = {"includeTasks": str(tasks).lower(), "onlyFailed": str(only_failed).lower()}
    found = rest.ask("POST", path_of("connectors", name, "restart"), params=params)
    parts = [] if found is None else [{"id": "", **found["connector"]}, *found["tasks"]]
    chosen = [part for part in parts if part["state"] == "RESTARTING"]
    if not chosen:
        click.echo(f"{name}: {'restarting' if found is None else 'nothing to restart'}")
    for part in chosen:
        what = name if part["id"] == "" else f"{name}-{part['id']}"
        click.echo(f"{what}: restarting")


@click.command("offsets")
@click.argument("name")
@click.option("--reset", is_flag=True, help="Forget them all; the connector must be stopped.")
@click.option(
    "--set",
    "file",
    type=click.File("r"),
    help='Alter them to what the JSON file says: {"offsets": [{"partition": .., "offset": ..}]}.',
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@client_options
def offsets(
    name: str,
    *,
    reset: bool,
    file: Any,
    yes: bool,
    as_json: bool,
    url: str | None,
    context: str | None,
) -> None:
    """Show how far the connector NAME has come, or change that."""
    rest = connected(url, context)
    path = path_of("connectors", name, "offsets")
    if reset or file is not None:
        if not yes:
            what = "Reset" if reset else "Alter"
            click.confirm(f"{what} the offsets of {name} at {rest.shown}?", abort=True)
        body = None if reset else _json_of(file)
        click.echo(rest.ask("DELETE" if reset else "PATCH", path, body)["message"])
        return
    found = rest.ask("GET", path)
    if as_json:
        show_json(found)
        return
    rows = [
        {"PARTITION": _flat(one["partition"]), "OFFSET": _flat(one["offset"])}
        for one in found["offsets"]
    ]
    show_table(rows, ["PARTITION", "OFFSET"])


def _json_of(file: Any) -> Any:
    import json  # noqa: PLC0415 - only this option needs it

    try:
        return json.load(file)
    except ValueError as problem:
        raise click.UsageError(f"{file.name} is not JSON: {problem}") from problem


def _flat(members: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{key}={value}" for key, value in (members or {}).items())
