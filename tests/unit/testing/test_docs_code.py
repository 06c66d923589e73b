"""The Python of the documents runs, and the bug that a tutorial plants is found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from penstock.runtime.plugins.in_process import register_classes, registered

DOCS = Path(__file__).parents[3] / "docs"


def code_of(name: str) -> str:
    blocks = re.findall(
        r"^```python\n(.*?)^```", (DOCS / name).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert blocks
    return "\n".join(blocks)


def run(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"__name__": "penstock_docs_example"}
    exec(compile(code_of(name), name, "exec"), found)  # noqa: S102 - our own documents
    return found


def test_authoring() -> None:
    found = run("authoring.md")
    with registered(found["Suffix"], found["Upper"], found["prefix"]) as names:
        assert set(names) == {"Suffix", "Upper", "Prefix"}
    assert register_classes() == {}
    lines = code_of("authoring.md")
    short = lines[: lines.index("from penstock.api import Transform")].strip().splitlines()
    assert len([line for line in short if line]) <= 5


def test_the_tutorial_finds_its_bug() -> None:
    found = run("tutorials/property-testing.md")
    with pytest.raises(AssertionError, match="too many values to unpack"):
        found["test_orders"]()
    found["test_mended_orders"]()
