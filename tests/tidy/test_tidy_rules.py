"""The rules, held against the repository."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import checks
import doc_checks
import pytest
import repo

SOURCES = repo.sources()
ARCHITECTURE = repo.ROOT / "ARCHITECTURE.md"


def none(problems: list[str]) -> None:
    assert not problems, "\n" + "\n".join(problems)


def test_files_are_short() -> None:
    none([one for place, text in SOURCES.items() for one in checks.check_file_length(place, text)])


def test_functions_are_short() -> None:
    none(
        [
            one
            for place, text in SOURCES.items()
            for one in checks.check_function_lengths(place, text)
        ]
    )


def test_nothing_is_left_for_later() -> None:
    none(
        [
            one
            for place, text in SOURCES.items()
            for one in checks.check_finished(place, text, contract="/penstock/api/" in place)
        ]
    )


def test_no_banned_call() -> None:
    none([one for place, text in SOURCES.items() for one in checks.check_banned_calls(place, text)])


def test_exports_are_sorted_and_complete() -> None:
    none(
        [
            one
            for place, text in SOURCES.items()
            for one in checks.check_exports(place, text, package=place.endswith("__init__.py"))
        ]
    )


def test_projects_agree() -> None:
    none(
        checks.check_projects_agree(
            {
                f"{folder}/pyproject.toml": (repo.ROOT / folder / "pyproject.toml").read_text()
                for folder in repo.FOLDERS
            }
        )
    )


def test_every_distribution_is_looked_at() -> None:
    found = {
        str(path.parent.relative_to(repo.ROOT))
        for path in repo.project_files()
        if path.name == "pyproject.toml" and path.parent != repo.ROOT
    }
    assert found == set(repo.FOLDERS)


def test_test_files_have_names_of_their_own() -> None:
    places = [str(path.relative_to(repo.ROOT)) for path in repo.project_files()]
    none(checks.check_test_names([place for place in places if place.startswith("tests/")]))


def test_decisions_are_indexed_and_whole() -> None:
    folder = repo.ROOT / "docs/adr"
    files = [path for path in sorted(folder.glob("*.md")) if path.name != "README.md"]
    index = (folder / "README.md").read_text()
    none(doc_checks.check_adr_index(index, [path.name for path in files]))
    none([one for path in files for one in doc_checks.check_adr(path.name, path.read_text())])


def test_architecture_maps_every_package_and_names_only_what_exists() -> None:
    packages = sorted({place.rpartition("/")[0] for place in SOURCES})
    none(
        doc_checks.check_code_map(
            ARCHITECTURE.read_text(), packages, lambda path: repo.find(path) is not None
        )
    )


def test_architecture_tells_the_limits_that_the_code_has() -> None:
    def read(path: str) -> str:
        found = repo.find(path)
        return "" if found is None else found.read_text()

    none(doc_checks.check_limits(ARCHITECTURE.read_text(), read))


def test_guides_stay_short() -> None:
    assert len(ARCHITECTURE.read_text().splitlines()) < 300
    assert len((repo.ROOT / "CONTRIBUTING.md").read_text().splitlines()) < 150


def test_licence_is_apache() -> None:
    none(checks.check_licence((repo.ROOT / "LICENSE").read_text()))


def test_no_file_knows_a_machine() -> None:
    none([one for place, text in repo.texts().items() for one in checks.check_places(place, text)])


_IMPORTER = """
import importlib, json, os, sys, warnings
third, modules = json.loads(sys.stdin.read())
for name in third:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
broken = []
for name in modules:
    child = os.fork()
    if child == 0:
        warnings.simplefilter("error")
        try:
            importlib.import_module(name)
        except BaseException as problem:
            sys.stderr.write(f"{name}: {type(problem).__name__}: {problem}\\n")
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        broken.append(name)
sys.exit(len(broken) > 0)
"""


def imports_of(text: str) -> set[str]:
    """Return the modules that are not ours which a module imports at its top."""
    found: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            found.update(one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name for name in found if not name.startswith("penstock") and name != "__future__"}


@pytest.mark.parametrize("folder", repo.FOLDERS)
def test_every_module_imports_alone_without_a_warning(folder: str) -> None:
    """Each in a child of its own; what others wrote is imported once, before."""
    ours = {place: text for place, text in SOURCES.items() if place.startswith(f"{folder}/src/")}
    third = sorted({name for text in ours.values() for name in imports_of(text)})
    modules = [repo.module_name(place) for place in ours if not place.endswith("__main__.py")]
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTER],
        input=json.dumps([third, modules]),
        capture_output=True,
        text=True,
        check=False,
        cwd=repo.ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
