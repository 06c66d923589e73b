"""The commands that ask a worker, against a real one and against the original's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.broker import KafkaBroker
from tests.parts.jvm_connect import JvmConnectWorker
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration


class Shell:
    """Runs ``penstock`` as a user does, on a pipe."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "PENSTOCK_CONTEXTS": str(folder / "contexts.json"),
            "PENSTOCK_URL": url,
        }

    def __call__(self, *arguments: str, code: int = 0, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "penstock.cli", *arguments],
            capture_output=True,
            text=True,
            env=self.env,
            input=stdin,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(params=["penstock", "jvm"])
def shell(
    request: pytest.FixtureRequest, kafka_broker: KafkaBroker, tmp_path: Path
) -> Iterator[Shell]:
    """A shell whose current worker is one of Penstock, then one of the original."""
    if request.param == "penstock":
        with worker(kafka_broker.bootstrap_servers, tmp_path) as running:
            yield Shell(running.url, tmp_path)
    else:
        with JvmConnectWorker(kafka_broker.bootstrap_servers) as jvm:
            yield Shell(jvm.rest_url, tmp_path)


def connector(folder: Path, name: str, **config: str) -> Path:
    lines = folder / f"{name}.txt"
    lines.write_text("one\ntwo\n")
    path = folder / f"{name}.json"
    whole = {
        "connector.class": "FileStreamSource",
        "file": str(lines),
        "topic": f"{name}-topic",
        "tasks.max": "1",
        **config,
    }
    path.write_text(json.dumps({"name": name, "config": whole}))
    return path


def test_a_connector_from_apply_to_delete(shell: Shell, tmp_path: Path) -> None:
    file = str(connector(tmp_path, "lines"))
    assert shell("apply", "--dry-run", file, code=1) == "lines: would be created\n"
    assert shell("apply", file) == "lines: created\n"
    assert shell("apply", file) == "lines: unchanged\n"
    eventually(lambda: "1 RUNNING" in shell("connectors"), what="the task runs")
    name, kind, state, tasks, _worker = shell("connectors").strip().split("\t")
    assert (name, kind, state, tasks) == ("lines", "source", "RUNNING", "1 RUNNING")
    assert json.loads(shell("status", "lines", "--json"))["connector"]["state"] == "RUNNING"
    assert "lines-0\tRUNNING" in shell("tasks", "lines")
    assert shell("cluster").strip().split("\t")[1:] == ["1", "1", "0"]
    assert shell("pause", "lines") == "lines: paused\n"
    eventually(lambda: "1 PAUSED" in shell("connectors"), what="the task pauses")
    assert shell("resume", "lines") == "lines: resumed\n"
    eventually(lambda: "1 RUNNING" in shell("connectors"), what="the task runs again")
    assert shell("restart", "lines", "--task", "0") == "lines-0: restarting\n"
    assert "lines: restarting" in shell("restart", "lines")
    assert "lines: nothing to restart" in shell("restart", "lines", "--tasks", "--only-failed")
    changed = connector(tmp_path, "lines", batch_size="7", **{"db.password": "s3cret"})
    told = shell("apply", str(changed))
    assert "+ db.password = (hidden)" in told
    assert "s3cret" not in told
    assert shell("stop", "lines", "nothing", code=2).startswith("lines: stopped\nnothing: ")
    shell("delete", "lines", code=130, stdin="n\n")
    assert "lines" in shell("connectors")
    assert shell("delete", "lines", "--yes") == "lines: deleted\n"
    assert shell("connectors") == ""


def test_a_failed_task_shows_its_cause(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    config = {
        "connector.class": "FileStreamSink",
        "file": str(tmp_path / "none" / "out"),
        "topics": "bad-topic",
        "tasks.max": "1",
    }
    file.write_text(json.dumps({"name": "bad", "config": config}))
    shell("apply", str(file))
    eventually(lambda: "FAILED" in shell("connectors"), what="the task fails")
    told = shell("status", "bad")
    assert "bad-0\tFAILED" in told
    assert "none/out" in told


def test_refusals_say_who_and_what(shell: Shell) -> None:
    assert "GET /connectors/nope/status was refused with 404" in shell("status", "nope", code=2)
    assert "no worker answers at http://127.0.0.1:1" in shell(
        "connectors", "--url", "http://u:s3cret@127.0.0.1:1", code=2
    )
    assert "must be http" in shell("connectors", "--url", "127.0.0.1:1", code=2)


def test_contexts(tmp_path: Path) -> None:
    shell = Shell("", tmp_path)
    del shell.env["PENSTOCK_URL"]
    shell("context", "set", "dev", "http://joe:s3cret@127.0.0.1:1")
    shell("context", "set", "prod", "https://example.invalid")
    assert shell("context", "list") == (
        "*\tdev\thttp://joe:***@127.0.0.1:1\n\tprod\thttps://example.invalid\n"
    )
    assert (tmp_path / "contexts.json").stat().st_mode & 0o077 == 0
    told = shell("connectors", code=2)
    assert "127.0.0.1:1" in told
    assert "s3cret" not in told
    shell("context", "use", "prod")
    assert "no context 'prd' (did you mean 'prod'?)" in shell(
        "connectors", "--context", "prd", code=2
    )
    shell("context", "remove", "prod")
    assert "prod" not in shell("context", "list")
