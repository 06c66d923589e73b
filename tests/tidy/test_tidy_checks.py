"""Each check sees a bad example, and lets a good one pass."""

from __future__ import annotations

import checks
import doc_checks
import pytest


def test_file_length_at_limit_is_a_problem() -> None:
    assert checks.check_file_length("a.py", "x = 1\n" * 400)
    assert not checks.check_file_length("a.py", "x = 1\n" * 399)


def test_function_length_at_limit_is_a_problem() -> None:
    body = "    x = 1\n"
    assert checks.check_function_lengths("a.py", "async def f():\n" + body * 69)
    assert not checks.check_function_lengths("a.py", "def f():\n" + body * 68)


def test_unfinished_work_is_a_problem() -> None:
    assert checks.check_finished("a.py", "x = 1  # " + "TO" + "DO later", contract=False)
    raising = "def f():\n    raise NotImplementedError\n"
    assert checks.check_finished("a.py", raising, contract=False)
    assert not checks.check_finished("a.py", raising, contract=True)


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.sleep(1)",
        "import time as t\nt.sleep(1)",
        "from time import sleep as s\ns(1)",
        "eval('1')",
        "exec('1')",
        "import yaml\nyaml.load(x)",
        "import pickle",
        "from marshal import loads",
        "def f():\n    import shelve",
    ],
)
def test_banned_call_is_a_problem(text: str) -> None:
    assert checks.check_banned_calls("a.py", text)


def test_harmless_calls_are_none() -> None:
    narrow = "import yaml\nclass Mine(yaml.SafeLoader): ...\nyaml.load(x, Loader=Mine)"
    assert not checks.check_banned_calls("a.py", narrow)
    assert checks.check_banned_calls("a.py", narrow.replace("Safe", "Full"))
    text = "import time, yaml\ntime.monotonic()\nyaml.safe_load(x)\nframe.eval(x)\ncontrol.sleep(1)"
    assert not checks.check_banned_calls("a.py", text)


@pytest.mark.parametrize(
    "text",
    [
        '__all__ = ["b", "a"]\na = b = 1',
        '__all__ = ["a", "B"]\na = B = 1',
        '__all__ = ["a"]',
        '__all__ = ["a", "a"]\na = 1',
        "from penstock.data import Batch",
        'from penstock.data import Batch, Schema\n__all__ = ["Batch"]',
        'def f(): ...\ndef g(): ...\n__all__ = ["f"]',
    ],
)
def test_export_that_differs_is_a_problem(text: str) -> None:
    assert checks.check_exports("p/__init__.py", text, package=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        'from penstock.x import A, b\n__all__ = ["A", "b"]',
        'from typing import Final\n__all__ = ["__version__"]\n__version__: Final = "1"',
        'from x import helper\ndef f(): ...\n__all__ = ["f"]',
        '__all__ = ["LIMIT", "Word", "a"]\nLIMIT = 1\nclass Word: ...\ndef a(): ...',
    ],
)
def test_exports_that_agree_are_none(text: str) -> None:
    assert not checks.check_exports("p/__init__.py", text, package=True)


LAZY = """
if TYPE_CHECKING:
    from penstock_x._a import A
__all__ = ["A"]
_HOMES = {"A": "_a"}
def __getattr__(name): ...
"""


def test_lazy_exports_stand_in_all_three_places() -> None:
    def problems(text: str) -> list[str]:
        return checks.check_exports("p/__init__.py", text, package=True)

    assert not problems(LAZY)
    assert problems(LAZY.replace('_HOMES = {"A"', '_HOMES = {"B"'))
    assert problems(LAZY.replace("import A", "import B"))
    assert problems(LAZY.replace('__all__ = ["A"]', "__all__ = []"))


def project(
    name: str, version: str = "1", core: str = "penstock>=0.1,<2", src: str | None = None
) -> str:
    package = src or "src/" + name.replace("-", "_")
    return (
        f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = ["{core}"]\n'
        f'[tool.hatch.build.targets.wheel]\npackages = ["{package}"]\n'
    )


def test_projects_that_differ_are_a_problem() -> None:
    agree = checks.check_projects_agree
    assert not agree({"a": project("penstock"), "b": project("penstock-x")})
    assert agree({"a": project("penstock"), "b": project("penstock-x", version="2")})
    assert agree({"a": project("penstock"), "b": project("penstock-x", core="penstock==1")})
    assert agree({"a": project("penstock", src="src/other")})


GOOD_ADR = "# T\n" + "".join(
    f"\n## {title}\n"
    for title in (
        "Context",
        "Decision",
        "Alternatives",
        "Consequences",
        "A change violates this when",
    )
)


def test_decision_without_a_section_is_a_problem() -> None:
    assert not doc_checks.check_adr("0001-a.md", GOOD_ADR)
    assert doc_checks.check_adr("0001-a.md", GOOD_ADR.replace("## Alternatives", "## Others"))
    assert doc_checks.check_adr("0001-a.md", GOOD_ADR.replace("## Context", "") + "\n## Context\n")


def test_decision_not_indexed_is_a_problem() -> None:
    assert not doc_checks.check_adr_index("[a](0001-a.md)", ["0001-a.md"])
    assert doc_checks.check_adr_index("", ["0001-a.md"])
    assert doc_checks.check_adr_index("(0001-a.md) (0003-b.md)", ["0001-a.md", "0003-b.md"])


def test_code_map_that_is_not_true_is_a_problem() -> None:
    def exists(path: str) -> bool:
        return path in {"core/src/penstock/data", "data/_batch.py", "worker.py", "tests"}

    say = doc_checks.check_code_map
    package = "core/src/penstock/data"
    good = f"| `{package}` | `data/_batch.py` and `worker.py` in `tests/`; `nox -s lint`, `a.b` |"
    assert not say(good, [package], exists)
    assert say("", [package], exists)
    assert say(package, [package], exists)
    assert say(f"`{package}` `data/_gone.py`", [package], exists)
    assert say(f"`{package}` `gone.py`", [package], exists)


@pytest.mark.parametrize(
    ("row", "source", "wrong"),
    [
        ("| rows | `ROWS_MAX` | 5,000 | `a.py` |", "ROWS_MAX: Final = 5_000", False),
        ("| rows | `ROWS_MAX` | 5 | `a.py` |", "ROWS_MAX: Final = 6", True),
        ("| rows | `ROWS_MAX` | 5 | `a.py` |", "OTHER_MAX: Final = 5", True),
        (
            "| body | `BODY_BYTES_MAX` | 2 MiB | `a.py` |",
            "BODY_BYTES_MAX: Final = 2 * 1024**2",
            False,
        ),
        ("| queue | `QUEUE_KBYTES` | 2 MiB | `a.py` |", "QUEUE_KBYTES: Final = 2 * 1024", False),
        ("| wait | `WAIT_MS` | 0.5 s | `a.py` |", "WAIT_MS: Final = 500", False),
        ("| wait | `WAIT_S` | 5 weeks | `a.py` |", "WAIT_S: Final = 5", True),
        ("no table", "", True),
    ],
)
def test_limit_that_is_not_so_is_a_problem(row: str, source: str, *, wrong: bool) -> None:
    assert bool(doc_checks.check_limits(row, lambda _: source)) is wrong


def test_licence_that_is_another_is_a_problem() -> None:
    good = "  Apache License\n  Version 2.0, January 2004\n ... END OF TERMS AND CONDITIONS"
    assert not checks.check_licence(good)
    assert checks.check_licence("MIT License")
    assert checks.check_licence(good.partition("END")[0])


@pytest.mark.parametrize(
    "text",
    [
        "see /wo" + "rk/main",
        "see /tmp/ba" + "sh_jobs.0/1",
        "/ho" + "me/someone/x",
        "https://mirror.example/pypi/sim" + "ple/",
        "https://repo.example/mav" + "en2/org",
        "PIP_INDEX" + "_URL=https://x",
    ],
)
def test_place_of_one_machine_is_a_problem(text: str) -> None:
    assert checks.check_places("a.md", text)


def test_other_addresses_are_none() -> None:
    text = "https://www.apache.org/licenses/ http://localhost:8083/connectors plugins/simple"
    assert not checks.check_places("a.md", text)


def test_first_commands_that_are_several_are_a_problem() -> None:
    one = "```sh\npython3 -m venv .venv && \\\n  .venv/bin/nox\n```\n"
    assert not doc_checks.check_first_commands(one + "text\n" + one)
    assert doc_checks.check_first_commands(one)
    assert doc_checks.check_first_commands("```sh\na\nb\n```\n" + one)
    assert doc_checks.check_first_commands("```sh\n# nothing\n```\n" + one)


def test_link_that_leads_nowhere_is_a_problem() -> None:
    def exists(path: str) -> bool:
        return path == "there.md"

    good = "# A title, short\n[a](there.md#x) [b](https://x.example/y) [c](#a-title-short)"
    assert not doc_checks.check_links("a.md", good, exists)
    assert doc_checks.check_links("a.md", "[a](gone.md)", exists)
    assert doc_checks.check_links("a.md", "[a](#gone)", exists)
    assert not doc_checks.check_links("a.md", "```sh\n[a](gone.md)\n```\n", exists)


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (".venv/bin/nox -s tests", False),
        (".venv/bin/nox -s lint gone", True),
        (".venv/bin/penstock demo", False),
        ("penstock gone", True),
        ("pip install ./core && penstock gone", True),
        ("pip install penstock", False),
    ],
)
def test_command_that_does_not_exist_is_a_problem(command: str, *, wrong: bool) -> None:
    text = f"```sh\n{command}\n```\n"
    found = doc_checks.check_commands(
        "a.md", text, sessions={"tests", "lint"}, subcommands={"demo"}
    )
    assert bool(found) is wrong


def test_test_files_of_one_name_are_a_problem() -> None:
    twins = ["tests/a/test_x.py", "tests/b/test_x.py", "tests/c/__init__.py", "tests/c/test_x.py"]
    assert checks.check_test_names(twins) == [
        "tests/b/test_x.py: is named like tests/a/test_x.py; pytest could import only one"
    ]
    assert not checks.check_test_names(twins[1:])
