"""``penstock connectors``, ``status``, ``tasks``, ``cluster``: what there is and how it is."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import click

from penstock.cli.client.rest import Rest, client_options, connected, path_of
from penstock.cli.output import show_json, show_table

__all__ = ["cluster", "connectors", "status", "tasks"]

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command("connectors")
@client_options
@_JSON
def connectors(url: str | None, context: str | None, as_json: bool) -> None:
    """List the connectors with their state, their tasks and the worker that runs each."""
    found = connected(url, context).ask("GET", "/connectors", params={"expand": "status"})
    if as_json:
        show_json(found)
        return
    rows = [_row(name, found[name]["status"]) for name in sorted(found)]
    show_table(rows, ["NAME", "TYPE", "STATE", "TASKS", "WORKER"])


def _row(name: str, status: Mapping[str, Any]) -> dict[str, str]:
    counted = Counter(task["state"] for task in status["tasks"])
    return {
        "NAME": name,
        "TYPE": str(status.get("type", "")),
        "STATE": status["connector"]["state"],
        "TASKS": ", ".join(f"{count} {state}" for state, count in sorted(counted.items())) or "0",
        "WORKER": status["connector"]["worker_id"],
    }


@click.command("status")
@click.argument("name")
@client_options
@_JSON
def status(name: str, url: str | None, context: str | None, as_json: bool) -> None:
    """Show the connector NAME: its state, its tasks, and why what failed has failed.

    A worker of Penstock also tells of lag, the last commit and restarts.
    """
    rest = connected(url, context)
    found = rest.ask("GET", path_of("connectors", name, "status"))
    if as_json:
        show_json(found)
        return
    parts = [{"id": "", **found["connector"]}, *found["tasks"]]
    truth = rest.try_ask("GET", path_of("penstock", "connectors", name)) or {}
    seen = {"": truth, **{one["task"]: one for one in truth.get("tasks", ())}}
    rows = [{**_part(name, part), **_seen(seen.get(part["id"], {}))} for part in parts]
    told = ["LAG", "LAST COMMIT", "RESTARTS"] if truth else []
    show_table(rows, ["WHAT", "STATE", "WORKER", "VERSION", "CAUSE", *told])
    for part in parts:
        if part.get("trace"):
            click.echo(f"\n{_what(name, part)}:\n{part['trace'].rstrip()}")


def _what(name: str, part: Mapping[str, Any]) -> str:
    return name if part["id"] == "" else f"{name}-{part['id']}"


def _part(name: str, part: Mapping[str, Any]) -> dict[str, str]:
    return {
        "WHAT": _what(name, part),
        "STATE": part["state"],
        "WORKER": part["worker_id"],
        "VERSION": str(part.get("version") or ""),
        "CAUSE": _cause(str(part.get("trace") or "")),
    }


def _seen(part: Mapping[str, Any]) -> dict[str, str]:
    """Return what a worker of Penstock tells beyond the original; its doubts overrule a state."""
    at_ms = part.get("last_commit_ms")
    shown = {
        "LAG": _text(part.get("lag")),
        "LAST COMMIT": "" if at_ms is None else _time(at_ms),
        "RESTARTS": _text(part.get("restarts")),
    }
    if part.get("problem"):
        shown |= {"STATE": str(part["state"]), "CAUSE": str(part["problem"])}
    return shown


def _text(number: Any) -> str:
    return "" if number is None else str(number)


def _time(at_ms: int) -> str:
    """Return Unix ms as local time, to the second."""
    at = dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC).astimezone()
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _cause(trace: str) -> str:
    """Return the line that says why: Python tells it last, Java first."""
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    if not lines:
        return ""
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]


@click.command("tasks")
@click.argument("name")
@client_options
@_JSON
def tasks(name: str, url: str | None, context: str | None, as_json: bool) -> None:
    """Show the tasks of the connector NAME: what each has moved, and its configuration."""
    rest = connected(url, context)
    configs = rest.ask("GET", path_of("connectors", name, "tasks"))
    if as_json:
        show_json(configs)
        return
    states = rest.ask("GET", path_of("connectors", name, "status"))["tasks"]
    moved = _moved(rest, name)
    rows = []
    for one in configs:
        number = one["id"]["task"]
        state: Mapping[str, Any] = next((s for s in states if s["id"] == number), {})
        rows.append(
            {
                "TASK": f"{name}-{number}",
                "STATE": str(state.get("state", "")),
                "WORKER": str(state.get("worker_id", "")),
                "RECORDS": moved.get(number, ""),
            }
        )
    show_table(rows, ["TASK", "STATE", "WORKER", "RECORDS"])


def _moved(rest: Rest, name: str) -> dict[int, str]:
    """Return what each task has moved, of a worker that tells; the original's does not."""
    found = rest.try_ask("GET", path_of("penstock", "connectors", name)) or {}
    return {
        one["task"]: str(one["progress"]["records"])
        for one in found.get("tasks", ())
        if one.get("progress")
    }


@click.command("cluster")
@client_options
@_JSON
def cluster(url: str | None, context: str | None, as_json: bool) -> None:
    """Show the workers, what each of them runs, and how even that is."""
    rest = connected(url, context)
    found = rest.ask("GET", "/connectors", params={"expand": "status"})
    rows = _workers(found)
    group = rest.try_ask("GET", "/penstock/cluster") or {}
    if as_json:
        shown_group = {"group": group} if group else {}
        show_json({"worker": rest.ask("GET", "/"), "workers": rows, **shown_group})
        return
    if group.get("leader_url"):
        click.echo(f"generation {group['generation']}, leader {group['leader_url']}", err=True)
    shown = [{key.upper(): str(value) for key, value in row.items()} for row in rows]
    show_table(shown, ["WORKER", "CONNECTORS", "TASKS", "FAILED"])


def _workers(found: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """Count by worker id, from statuses alone, so that it works with either kind of worker."""
    workers: dict[str, dict[str, Any]] = {}

    def count(part: Mapping[str, Any], what: str) -> None:
        row = workers.setdefault(
            part["worker_id"],
            {"worker": part["worker_id"], "connectors": 0, "tasks": 0, "failed": 0},
        )
        if part["state"] not in ("UNASSIGNED", "STOPPED"):
            row[what] += 1
        row["failed"] += part["state"] == "FAILED"

    for one in found.values():
        count(one["status"]["connector"], "connectors")
        for task in one["status"]["tasks"]:
            count(task, "tasks")
    return [workers[name] for name in sorted(workers)]
