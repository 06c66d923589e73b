"""``penstock plugins``: what is installed, what is broken, what its keys are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs
import click

from penstock.cli.output import show_json, show_table
from penstock.config import ConfigSpec
from penstock.runtime.connector_keys import CommonKeys, SinkKeys, SourceKeys
from penstock.runtime.plugins import KINDS, PluginCheck, PluginRegistry, registry
from penstock.runtime.plugins.names import SINGULAR

__all__ = ["command"]


COLUMNS: Final = ("kind", "name", "class_name", "version", "distribution")


def _rows(found: PluginRegistry, kind: str | None, *, check: bool) -> list[dict[str, str]]:
    checked = found.check(kind) if check else [PluginCheck(one) for one in found.list(kind)]
    rows = [
        {
            "kind": SINGULAR[one.plugin.kind],
            "name": one.plugin.name,
            "class_name": one.plugin.class_name,
            "version": one.plugin.version,
            "distribution": one.plugin.distribution,
            "error": one.error,
        }
        for one in checked
    ]
    rows += [
        {
            "kind": "",
            "name": "",
            "class_name": "",
            "version": one.version,
            "distribution": one.distribution,
            "error": one.error,
        }
        for one in found.broken
    ]
    return rows


@click.group("plugins", invoke_without_command=True)
@click.option("--kind", type=click.Choice(KINDS), help="Only plugins of this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--check/--no-check", default=True, help="Load each one to see whether it works.")
@click.pass_context
def command(ctx: click.Context, kind: str | None, as_json: bool, check: bool) -> None:
    """List the installed plugins; broken ones with their error."""
    if ctx.invoked_subcommand is not None:
        return
    rows = _rows(registry(), kind, check=check)
    if as_json:
        show_json(rows)
        return
    show_table(rows, [*COLUMNS, "error"] if any(row["error"] for row in rows) else COLUMNS)


@command.command("describe")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), help="The kind, when a name has several.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def describe(name: str, kind: str | None, as_json: bool) -> None:
    """Show the configuration keys of the plugin NAME."""
    from penstock.runtime.validation.calls import describe_plugin  # noqa: PLC0415 - imports plugins

    plugin = registry().find(name, kind)
    keys = describe_plugin(name, plugin.kind)
    choices = _choices(registry().load_plugin(plugin))
    if as_json:
        show_json({"plugin": attrs.asdict(plugin, filter=_is_plain), "keys": keys})
        return
    click.echo(f"{plugin.class_name} ({plugin.distribution} {plugin.version})")
    click.echo(f"names: {', '.join(plugin.aliases)}\n")
    rows = [_key_row(key, choices.get(key["name"], ())) for key in keys]
    show_table(rows, ["key", "type", "default", "importance", "choices", "about"])


def _is_plain(attribute: Any, value: Any) -> bool:
    return attribute.name not in ("loaded", "side")


def _choices(cls: type[Any]) -> dict[str, Sequence[str]]:
    """Return the texts that each key allows, of the plugin's keys and of every connector's."""
    specs: list[ConfigSpec[Any]] = [
        cls.config_spec(),
        *(ConfigSpec.of(keys) for keys in (CommonKeys, SourceKeys, SinkKeys)),
    ]
    return {spec.name: spec.choices for keys in reversed(specs) for spec in keys.keys}


def _key_row(key: dict[str, Any], choices: Sequence[str]) -> dict[str, str]:
    default = "(required)" if key["required"] else str(key["default_value"] or "")
    return {
        "key": key["name"],
        "type": key["type"].lower(),
        "default": default,
        "importance": key["importance"].lower(),
        "choices": "|".join(choices),
        "about": key["documentation"],
    }
