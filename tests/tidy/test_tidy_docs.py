"""The documents: links lead somewhere, and what they tell people to type exists."""

from __future__ import annotations

import ast
import importlib
from functools import cache
from pathlib import Path

import click
import doc_checks
import repo

DOCUMENTS = [path for path in repo.project_files() if path.suffix == ".md"]


def none(problems: list[str]) -> None:
    assert not problems, "\n" + "\n".join(problems)


@cache
def sessions() -> frozenset[str]:
    """Return the names of the nox sessions, read without nox."""
    names = set()
    for node in ast.parse((repo.ROOT / "noxfile.py").read_text()).body:
        if isinstance(node, ast.FunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "nox.session":
                    given = {one.arg: one.value for one in mark.keywords}
                    named = given.get("name")
                    names.add(node.name if named is None else ast.literal_eval(named))
    return frozenset(names)


@cache
def subcommands() -> frozenset[str]:
    """Return the commands of ``penstock``."""
    module = importlib.import_module("penstock.cli.main")
    groups = [found for found in vars(module).values() if isinstance(found, click.Group)]
    return frozenset(name for group in groups for name in group.list_commands(click.Context(group)))


def test_first_commands_are_one_each() -> None:
    none(doc_checks.check_first_commands((repo.ROOT / "README.md").read_text()))


def test_links_lead_somewhere() -> None:
    def problems(path: Path) -> list[str]:
        place = str(path.relative_to(repo.ROOT))
        return doc_checks.check_links(
            place, path.read_text(), lambda link: (path.parent / link).exists()
        )

    none([one for path in DOCUMENTS for one in problems(path)])


def test_commands_exist() -> None:
    none(
        [
            one
            for path in DOCUMENTS
            for one in doc_checks.check_commands(
                str(path.relative_to(repo.ROOT)),
                path.read_text(),
                sessions=sessions(),
                subcommands=subcommands(),
            )
        ]
    )


def test_sessions_and_commands_are_found() -> None:
    assert {"tests", "lint", "types", "property", "docs", "demo"} <= sessions()
    assert {"demo", "standalone", "plugins"} <= subcommands()
