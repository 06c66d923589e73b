"""The project's rules for code as functions: each takes text and returns what is wrong with it.

A problem is one line that names the place and says what to do. ``test_tidy_rules`` runs them on
the repository; ``test_tidy_checks`` shows each one a bad example, so that none of them is blind.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

FILE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 70

_BANNED_CALLS: Final = {
    "time.sleep": "wait on an event or on HostControl.wait, so that a stop is noticed",
    "eval": "parse the text",
    "exec": "call a function",
    "yaml.load": "use yaml.safe_load",
}
_BANNED_IMPORTS: Final = dict.fromkeys(
    ("marshal", "pickle", "shelve"), "it can run what it reads; use JSON"
)
_UNFINISHED: Final = re.compile(r"\b(TODO|FIXME|XXX)\b")
# Each with a class of one letter in it, so that this file passes its own check.
_MACHINE: Final = re.compile(r"/[w]ork/|/[t]mp/bash_jobs|/[h]ome/\w+/")
_REGISTRY: Final = re.compile(
    r"index[-_]url\s*=|https?://[^\s\"')>]*(?:/[s]imple|/[m]aven2)", re.IGNORECASE
)


def check_file_length(place: str, text: str) -> list[str]:
    """A file that grows past the limit holds a second idea."""
    lines = len(text.splitlines())
    if lines < FILE_LINES_MAX:
        return []
    return [f"{place}: {lines} lines, the limit is {FILE_LINES_MAX}; give it a second file"]


def check_function_lengths(place: str, text: str) -> list[str]:
    """A function fits on a screen."""
    return [
        f"{place}:{node.lineno}: {node.name} has {lines} lines, the limit is {FUNCTION_LINES_MAX}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) >= FUNCTION_LINES_MAX
    ]


def check_finished(place: str, text: str, *, contract: bool) -> list[str]:
    """What is committed is finished; only the author's contract has methods left to others."""
    problems = [
        f"{place}:{number}: '{found[0]}'; finish it, or write down why not in an ADR"
        for number, line in enumerate(text.splitlines(), 1)
        if (found := _UNFINISHED.search(line))
    ]
    if not contract:
        problems += [
            f"{place}:{node.lineno}: NotImplementedError outside penstock.api; finish the method"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Name) and node.id == "NotImplementedError"
        ]
    return problems


def check_banned_calls(place: str, text: str) -> list[str]:
    """Calls that block without being woken, or run what they read."""
    tree = ast.parse(text)
    aliases: dict[str, str] = {}
    problems: list[str] = []
    for node in ast.walk(tree):
        for module, name, alias in _imported(node):
            aliases[alias] = f"{module}.{name}" if name else module
            why = _BANNED_IMPORTS.get(module.partition(".")[0])
            if why:
                problems.append(f"{place}:{node.lineno}: imports {module}; {why}")  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = _called(node.func, aliases)
            if called in _BANNED_CALLS and not _loads_safely(node, tree):
                problems.append(f"{place}:{node.lineno}: {called}(); {_BANNED_CALLS[called]}")
    return problems


def _loads_safely(call: ast.Call, tree: ast.Module) -> bool:
    """Whether a call is given a class of this module that narrows PyYAML's safe loader."""
    given = [*call.args, *(one.value for one in call.keywords)]
    safe = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base) in {"yaml.SafeLoader", "yaml.CSafeLoader"} for base in node.bases)
    }
    return any(isinstance(one, ast.Name) and one.id in safe for one in given)


def _imported(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Yield module, name and local name of each import."""
    if isinstance(node, ast.Import):
        for one in node.names:
            yield (one.name, "", one.asname or one.name.partition(".")[0])
    elif isinstance(node, ast.ImportFrom) and node.module:
        for one in node.names:
            yield (node.module, one.name, one.asname or one.name)


def _called(func: ast.expr, aliases: Mapping[str, str]) -> str:
    if isinstance(func, ast.Name):
        return aliases.get(func.id, func.id)
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
        return f"{aliases.get(func.value.id, func.value.id)}.{func.attr}"
    return ""


def check_exports(place: str, text: str, *, package: bool) -> list[str]:
    """``__all__`` is sorted and names what is there; in an ``__init__`` exactly that."""
    tree = ast.parse(text)
    exported = _exported(tree)
    defined, imported = _names(tree)
    if exported is None:
        public = defined if not package else defined or _ours(tree, imported)
        return [f"{place}: has no __all__; name {', '.join(sorted(public))}"] if public else []
    problems = []
    if exported != sorted(exported, key=_export_order):
        problems.append(f"{place}: __all__ is not sorted; let ruff do it")
    if len(set(exported)) != len(exported):
        problems.append(f"{place}: __all__ names something twice")
    unknown = set(exported) - defined - imported - _lazy(tree) - {"__version__"}
    if unknown:
        problems.append(f"{place}: __all__ names what is not there: {', '.join(sorted(unknown))}")
    hidden: set[str] = set()
    if package:
        hidden = (defined or _lazy(tree) or _ours(tree, imported)) - set(exported)
    if hidden:
        problems.append(f"{place}: __all__ lacks {', '.join(sorted(hidden))}")
    return problems


def _exported(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.AnnAssign):
            target = node.target
        if isinstance(target, ast.Name) and target.id == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]  # type: ignore[attr-defined]
    return None


def _names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Return the public names that a module defines, and those that it imports."""
    defined: set[str] = set()
    imported: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined.update(target.id for target in targets if isinstance(target, ast.Name))
        elif not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            imported.update(alias for _, _, alias in _imported(node))
    # A module's logger is its own.
    private = {name for name in defined | imported if name.startswith("_")} | {"log"}
    return defined - private, imported - private


def _ours(tree: ast.Module, imported: Collection[str]) -> set[str]:
    """Return those of the imported names that come from the project: what is handed on."""
    found = {
        alias
        for node in tree.body
        for module, _, alias in _imported(node)
        if module.startswith("penstock")
    }
    return found.intersection(imported)


def _lazy(tree: ast.Module) -> set[str]:
    """Return the names that a module with a ``__getattr__`` imports when they are asked for.

    They stand twice: under ``if TYPE_CHECKING``, for tools, and in a dict, name to module.
    """
    if not any(
        isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body
    ):
        return set()
    for_tools = {
        alias
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in node.body
        for _, _, alias in _imported(inner)
    }
    homes = {
        key.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Constant)
    }
    return for_tools & homes


def _export_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest, as ruff sorts them."""
    if name.isupper():
        return 0, name
    return (1 if name[:1].isupper() else 2), name


def check_projects_agree(projects: Mapping[str, str]) -> list[str]:
    """The distributions are released together and look alike; their texts come by path."""
    tables = {place: tomllib.loads(text) for place, text in projects.items()}
    problems: list[str] = []
    for name in ("version", "requires-python", "license", "classifiers", "authors", "keywords"):
        values = {place: table["project"].get(name) for place, table in tables.items()}
        problems += _differing(name, values)
    problems += _differing("build-system", {p: t.get("build-system") for p, t in tables.items()})
    for place, table in tables.items():
        problems += _packaged(place, table)
    return problems


def _differing(name: str, values: Mapping[str, Any]) -> list[str]:
    if len({repr(value) for value in values.values()}) <= 1:
        return []
    said = "; ".join(f"{place} {value!r}" for place, value in values.items())
    return [f"project.{name} differs: {said}"]


def _packaged(place: str, table: Mapping[str, Any]) -> Iterator[str]:
    """A distribution ``penstock-x`` holds the import package ``penstock_x``, and that alone."""
    project = table["project"]
    wanted = ["src/" + project["name"].replace("-", "_")]
    found = table["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    if found != wanted:
        yield f"{place}: packages are {found}, should be {wanted}"
    core = [one for one in project["dependencies"] if re.match(r"penstock[\s<>=!~]", one)]
    if project["name"] != "penstock" and core != ["penstock>=0.1,<2"]:
        yield f"{place}: should depend on 'penstock>=0.1,<2', a range, got {core}"


def check_licence(text: str) -> list[str]:
    """The licence is the Apache one, whole."""
    head = " ".join(text.split())[:60]
    if not head.startswith("Apache License Version 2.0, January 2004"):
        return [f"LICENSE: is not Apache-2.0, begins with {head!r}"]
    return [] if "END OF TERMS AND CONDITIONS" in text else ["LICENSE: is not complete"]


def check_places(place: str, text: str) -> list[str]:
    """No file knows the machine it was written on, or where packages come from."""
    return [
        f"{place}:{number}: '{found[0]}' belongs to one machine; leave it out"
        for number, line in enumerate(text.splitlines(), 1)
        if (found := _MACHINE.search(line) or _REGISTRY.search(line))
    ]


def check_test_names(places: Collection[str]) -> list[str]:
    """Test files outside packages have names of their own: pytest imports them by file name."""
    folders = {place.rpartition("/")[0] for place in places if place.endswith("/__init__.py")}
    owners: dict[str, str] = {}
    problems: list[str] = []
    for place in sorted(places):
        folder, _, name = place.rpartition("/")
        if folder in folders or not name.startswith("test_"):
            continue
        first = owners.setdefault(name, place)
        if first != place:
            problems.append(f"{place}: is named like {first}; pytest could import only one")
    return problems
