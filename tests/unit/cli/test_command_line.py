"""The commands as a shell runs them; slow things are left to the integration tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from penstock import __version__

BROKEN = "raise RuntimeError('broken\\x1b[31m build')\n"
WORKING = """
from penstock.api import transform

@transform("redact")
def Redact(record):
    return record
"""


@pytest.fixture
def third_party(tmp_path: Path) -> dict[str, str]:
    """An environment with two plugins that no one registered: one works, one does not."""
    site = tmp_path / "site"
    for name, code in (("acme_good", WORKING), ("acme_broken", BROKEN)):
        info = site / f"{name}-2.1.dist-info"
        info.mkdir(parents=True)
        (site / f"{name}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.1\n")
        (info / "entry_points.txt").write_text(
            f"[penstock.transforms]\n{name.removeprefix('acme_')} = {name}:Redact\n"
        )
    cache = str(tmp_path / "cache")
    return {**os.environ, "PYTHONPATH": str(site), "XDG_CACHE_HOME": cache}


def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "penstock.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=env,
    )


def test_installed_plugin_is_listed_and_a_broken_one_has_its_error(
    third_party: dict[str, str],
) -> None:
    done = run("plugins", "--kind", "transforms", env=third_party)
    assert done.returncode == 0
    rows = {line.split("\t")[1]: line.split("\t") for line in done.stdout.splitlines()}
    assert rows["good"][:5] == ["transform", "good", "acme_good.Redact", "2.1", "acme_good"]
    assert rows["good"][5] == ""
    assert "RuntimeError: broken" in rows["broken"][5]
    assert "\x1b" not in done.stdout
    assert "Traceback" not in done.stderr
    assert "RegexRouter" in rows


def test_listing_without_check_imports_nothing(third_party: dict[str, str]) -> None:
    done = run("plugins", "--no-check", "--json", env=third_party)
    rows = json.loads(done.stdout)
    assert {row["name"] for row in rows} >= {"good", "broken", "FileStreamSource"}
    assert all(row["error"] == "" for row in rows)


def test_describe_shows_keys() -> None:
    done = run("plugins", "describe", "FileStreamSource")
    assert done.returncode == 0
    rows = {line.split("\t")[0]: line.split("\t") for line in done.stdout.splitlines()}
    assert rows["topic"][1:4] == ["string", "(required)", "high"]
    assert rows["errors.tolerance"][4] == "none|all"
    told = json.loads(run("plugins", "describe", "HoistField$Key", "--json").stdout)
    assert told["plugin"]["distribution"] == "penstock-transforms"
    assert [key["name"] for key in told["keys"]] == ["field"]


def test_describe_of_an_unknown_plugin_suggests() -> None:
    done = run("plugins", "describe", "FileStreamSauce")
    assert done.returncode == 2
    assert "did you mean 'FileStreamSource'" in done.stderr
    assert "Traceback" not in done.stderr


def connector(tmp_path: Path, **config: str) -> str:
    path = tmp_path / "connector.json"
    named = {key.replace("__", "."): text for key, text in config.items()}
    raw = {"name": "orders", "connector.class": "FileStreamSource", "topic": "t", **named}
    path.write_text(json.dumps(raw))
    return str(path)


def test_validate_of_a_right_configuration_is_0(tmp_path: Path) -> None:
    done = run("validate", connector(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "connector 'orders' is valid" in done.stdout


def test_validate_tells_every_error_and_is_1(tmp_path: Path) -> None:
    path = connector(tmp_path, tasks__max="0", batch__size="many", errors__tolerence="all")
    done = run("validate", path)
    assert done.returncode == 1
    assert "for configuration tasks.max:" in done.stderr
    assert "for configuration batch.size:" in done.stderr
    assert "warning: unknown key 'errors.tolerence'" in done.stderr
    told = run("validate", "--json", path)
    assert told.returncode == 1
    assert json.loads(told.stdout)["error_count"] == 2


def test_validate_asks_the_workers_policy(tmp_path: Path) -> None:
    worker = tmp_path / "worker.properties"
    worker.write_text("connector.client.config.override.policy=None\n")
    path = connector(tmp_path, producer__override__acks="1")
    assert run("validate", path).returncode == 0
    done = run("validate", "--worker", str(worker), path)
    assert done.returncode == 1
    assert "'None' policy" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["validate", "none.json"], 2, "none.json does not exist"),
        (["validate"], 1, "Missing argument"),
        (["nonsense"], 1, "No such command"),
        (["plugins", "--kind", "nonsense"], 1, "nonsense"),
        (["standalone", "none.properties"], 3, "none.properties does not exist"),
        (["run", "none.yaml"], 3, "none.yaml does not exist"),
    ],
)
def test_failures_have_the_originals_exit_codes(arguments: list[str], code: int, part: str) -> None:
    done = run(*arguments)
    assert done.returncode == code
    assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 5


@pytest.mark.parametrize("by_flag", [True, False])
def test_debug_shows_the_traceback_and_keeps_the_code(by_flag: bool) -> None:
    env = dict(os.environ) if by_flag else {**os.environ, "PENSTOCK_DEBUG": "1"}
    done = run(*(["--debug"] if by_flag else []), "validate", "none.json", env=env)
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "none.json does not exist" in done.stderr


def test_version_and_help() -> None:
    assert __version__ in run("--version").stdout
    done = run("--help")
    assert done.returncode == 0
    for name in ("demo", "plugins", "run", "standalone", "validate"):
        assert name in done.stdout


def test_help_imports_no_command() -> None:
    code = (
        "import sys\nsys.argv = ['penstock', '--help']\n"
        "from penstock.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = ('penstock.runtime', 'structlog', 'rich', 'yaml', 'stevedore')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.strip() == "[]"


def test_reader_that_leaves_early_is_no_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "penstock.cli", "plugins", "describe", "FileStreamSource", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()
    assert b"Traceback" not in told


def test_command_line_without_its_libraries_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys\nsys.modules['click'] = None\nfrom penstock.cli import main\n"
        "sys.argv = ['penstock']\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "pip install 'penstock[worker]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_is_quick() -> None:
    best = min(_timed() for _ in range(2))
    assert best < 1.0  # a tenth of it where nothing else runs


def _timed() -> float:
    begin = time.perf_counter()
    run("--help")
    return time.perf_counter() - begin
