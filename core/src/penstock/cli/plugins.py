"""``penstock plugins``: what is installed, what is broken, what its keys are."""

from __future__ import annotations

from typing import Any

import attrs
import click

from penstock.cli.output import show_json, show_table
from penstock.errors import PluginError
from penstock.runtime.plugins import KINDS, PluginInfo, PluginRegistry, registry

__all__ = ["command"]


@attrs.frozen
class _Row:
    kind: str
    name: str
    class_name: str
    version: str
    distribution: str
    error: str = ""


def _row(found: PluginRegistry, plugin: PluginInfo, *, check: bool) -> _Row:
    error = ""
    if check:
        try:
            found.load_plugin(found.resolve(plugin.kind, plugin.name))
        except PluginError as problem:
            error = str(problem)
    return _Row(
        plugin.kind.removesuffix("s").replace("_", " "),
        plugin.name,
        plugin.class_name,
        plugin.version,
        plugin.distribution,
        error,
    )


@click.group("plugins", invoke_without_command=True)
@click.option("--kind", type=click.Choice(KINDS), help="Only plugins of this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--check/--no-check", default=True, help="Load each one to see whether it works.")
@click.pass_context
def command(ctx: click.Context, kind: str | None, as_json: bool, check: bool) -> None:
    """List the installed plugins; broken ones with their error."""
    if ctx.invoked_subcommand is not None:
        return
    found = registry()
    rows = [attrs.asdict(_row(found, plugin, check=check)) for plugin in found.list(kind)]
    if as_json:
        show_json(rows)
        return
    columns = ["kind", "name", "class_name", "version", "distribution"]
    show_table(rows, [*columns, "error"] if any(row["error"] for row in rows) else columns)


@command.command("describe")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), help="The kind, when a name has several.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def describe(name: str, kind: str | None, as_json: bool) -> None:
    """Show the configuration keys of the plugin NAME."""
    from penstock.runtime.validation.calls import describe_plugin  # noqa: PLC0415 - imports plugins

    plugin = registry().find(name, kind)
    keys = describe_plugin(name, plugin.kind)
    if as_json:
        show_json({"plugin": attrs.asdict(plugin, filter=_plain), "keys": keys})
        return
    click.echo(f"{plugin.class_name} ({plugin.distribution} {plugin.version})")
    click.echo(f"names: {', '.join(plugin.aliases)}\n")
    show_table([_key_row(key) for key in keys], ["key", "type", "default", "importance", "about"])


def _plain(attribute: Any, value: Any) -> bool:
    return bool(attribute.name != "loaded")


def _key_row(key: dict[str, Any]) -> dict[str, str]:
    default = "(required)" if key["required"] else str(key["default_value"] or "")
    return {
        "key": key["name"],
        "type": key["type"].lower(),
        "default": default,
        "importance": key["importance"].lower(),
        "about": key["documentation"],
    }
