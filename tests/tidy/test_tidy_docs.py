"""The documents: links lead somewhere, and what they tell people to type exists."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import checks
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
    from penstock import cli  # noqa: PLC0415 - only the documents' test needs it

    return frozenset(cli.main.commands)


def test_first_commands_are_one_each() -> None:
    none(checks.check_first_commands((repo.ROOT / "README.md").read_text()))


def test_links_lead_somewhere() -> None:
    def problems(path: Path) -> list[str]:
        place = str(path.relative_to(repo.ROOT))
        return checks.check_links(
            place, path.read_text(), lambda link: (path.parent / link).exists()
        )

    none([one for path in DOCUMENTS for one in problems(path)])


def test_commands_exist() -> None:
    none(
        [
            one
            for path in DOCUMENTS
            for one in checks.check_commands(
                str(path.relative_to(repo.ROOT)),
                path.read_text(),
                sessions=sessions(),
                subcommands=subcommands(),
            )
        ]
    )


def test_sessions_are_found() -> None:
    assert {"tests", "lint", "types", "property", "docs", "demo"} <= sessions()
