"""The project's rules for its documents; as in ``checks``, each returns what is wrong."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable
from typing import Final

_BLOCKS: Final = re.compile(r"^```.*?^```[ \t]*$", re.MULTILINE | re.DOTALL)
_ADR_SECTIONS: Final = (
    "## Context",
    "## Decision",
    "## Alternatives",
    "## Consequences",
    "## A change violates this when",
)


def check_adr(place: str, text: str) -> list[str]:
    """A decision says what else was thought of, and how to see that it is broken."""
    at = [text.find(f"\n{title}") for title in _ADR_SECTIONS]
    missing = [title for title, found in zip(_ADR_SECTIONS, at, strict=True) if found < 0]
    if missing:
        return [f"{place}: lacks {', '.join(missing)}"]
    return [] if at == sorted(at) else [f"{place}: its sections are out of order"]


def check_adr_index(index: str, files: Iterable[str]) -> list[str]:
    """Every decision is listed, by a link to its file, and numbered without gaps."""
    names = sorted(files)
    problems = [f"docs/adr/README.md: lacks {name}" for name in names if f"({name})" not in index]
    numbers = [int(name[:4]) for name in names]
    if numbers != list(range(1, len(names) + 1)):
        problems.append(f"docs/adr: the numbers are {numbers}; they should have no gap and no twin")
    return problems


def check_code_map(text: str, packages: Iterable[str], exists: Callable[[str], bool]) -> list[str]:
    """Every package stands in the code map by its path, and every path named leads somewhere."""
    named = {
        word.strip("/.,") for code in re.findall(r"`([^`\n]+)`", text) for word in code.split()
    }
    problems = [
        f"ARCHITECTURE.md: the code map lacks `{name}`" for name in packages if name not in named
    ]
    paths = {
        word.rstrip("/.,")
        for code in re.findall(r"`([^`\n]+)`", text)
        for word in code.split()
        if re.fullmatch(r"[\w-][\w./-]*(/[\w./-]*|\.py)", word)
    }
    return problems + [
        f"ARCHITECTURE.md: names `{path}`, which does not exist"
        for path in sorted(paths)
        if not exists(path)
    ]


_UNITS: Final = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "s": 1, "min": 60}


def check_limits(text: str, find: Callable[[str], str]) -> list[str]:
    """Every row ``| what | `CONSTANT` | value | `path` |`` is true; ``find`` reads a path."""
    rows = re.findall(
        r"^\|[^|\n]*\| `([A-Z_]+)` \| ([^|\n]+?) \| `([\w./-]+)` \|", text, re.MULTILINE
    )
    problems = [] if rows else ["ARCHITECTURE.md: has no table of limits"]
    for constant, said, path in rows:
        real = _constant(find(path), constant)
        if real is None:
            problems.append(f"ARCHITECTURE.md: {path} has no limit {constant}")
            continue
        if constant.endswith("_MS"):
            real /= 1000
        if "KBYTES" in constant:
            real *= 1024
        number, _, unit = said.replace(",", "").partition(" ")
        if unit not in _UNITS or float(number) * _UNITS[unit] != real:
            problems.append(
                f"ARCHITECTURE.md: {constant} is said to be {said}, {path} says {real:g}"
            )
    return problems


def _constant(text: str, name: str) -> float | None:
    """Return a module's constant that is a number or a product of numbers."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == name:
            return _number(node.value)
    return None


def _number(node: ast.expr | None) -> float | None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Pow):
        left, right = _number(node.left), _number(node.right)
        if left is None or right is None:
            return None
        return left * right if isinstance(node.op, ast.Mult) else left**right
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    return None


def sh_blocks(text: str) -> list[str]:
    """Return the fenced ``sh`` blocks of a Markdown text."""
    return re.findall(r"^```sh[ \t]*\n(.*?)^```[ \t]*$", text, re.MULTILINE | re.DOTALL)


def commands_of(block: str) -> list[str]:
    """Return the commands of a block; a line that ends in a backslash goes on."""
    lines = block.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def check_first_commands(readme: str) -> list[str]:
    """The README opens with how to run it and how to test it: one command each."""
    blocks = sh_blocks(readme)
    if len(blocks) < 2:
        return [f"README.md: has {len(blocks)} sh blocks; the first two run and test the project"]
    return [
        f"README.md: sh block {number} holds {len(found)} commands, should hold one"
        for number, block in enumerate(blocks[:2], 1)
        if len(found := commands_of(block)) != 1
    ]


def check_links(place: str, text: str, exists: Callable[[str], bool]) -> list[str]:
    """Relative links lead to a file; ``exists(path)`` is asked, relative to the document."""
    prose = _BLOCKS.sub("", text)
    links = re.findall(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)", prose)
    problems = []
    for link in links:
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        if path and not exists(path):
            problems.append(f"{place}: the link '{link}' leads nowhere")
        elif not path and anchor not in _anchors(text):
            problems.append(f"{place}: has no heading for '#{anchor}'")
    return problems


def _anchors(text: str) -> set[str]:
    """Return the anchors that GitHub makes of the headings."""
    titles = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _shown(text: str) -> list[str]:
    """Return the commands of a document: in sh blocks, indented, or in backticks."""
    prose = _BLOCKS.sub("", text)
    indented = re.findall(r"^ {4}(\S.*)$", prose, re.MULTILINE)
    quoted = re.findall(r"`((?:\S*/)?(?:nox|penstock) [^`\n]+)`", prose)
    return [*(one for block in sh_blocks(text) for one in commands_of(block)), *indented, *quoted]


def check_commands(
    place: str, text: str, *, sessions: Collection[str], subcommands: Collection[str]
) -> list[str]:
    """Every nox session and penstock subcommand that a document shows exists."""
    problems = []
    for command in _shown(text):
        for words in re.findall(r"\bnox -s ([\w ]+)", command):
            problems += [
                f"{place}: shows 'nox -s {name}'; there is no such session"
                for name in words.split()
                if name not in sessions
            ]
        for name in re.findall(r"(?:^|[/&;] *|\s)penstock ([a-z][\w-]*)", command):
            if name not in subcommands:
                problems.append(f"{place}: shows 'penstock {name}'; there is no such command")
    return problems
