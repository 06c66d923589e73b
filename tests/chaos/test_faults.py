"""A full disk, and plugins that block, die or raise: what happens to them, and to all others."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.workers import PenstockWorker, eventually, worker

pytestmark = pytest.mark.chaos

LINES = 60_000
BLOCKED_S = 4.0
"""DELETE of a blocked connector: the graceful second, and time for a busy machine."""


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a file system of 2 MB."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("a small disk is mounted by root alone")
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_fails_the_sink_alone_and_nothing_is_lost_once_there_is_room(
    tmp_path: Path,
) -> None:
    text, topic = tmp_path / "in.txt", "disk"
    wanted = [f"{n:06d} é {'x' * (n % 67)}" for n in range(LINES)]
    text.write_text("".join(f"{one}\n" for one in wanted))
    with (
        small_disk(tmp_path / "disk") as disk,
        worker(f"embedded:{tmp_path / 'log.db'}", tmp_path) as running,
    ):
        out = disk / "out.txt"
        running.put(
            "src", {"connector.class": "FileStreamSource", "file": str(text), "topic": topic}
        )
        sink = {"connector.class": "FileStreamSink", "topics": topic}
        running.put("snk", {**sink, "file": str(out)})
        running.put("other", {**sink, "file": str(tmp_path / "other.txt")})
        eventually(lambda: running.task_state("snk") == "FAILED", 60, "the sink is FAILED")
        trace = running.status("snk")["tasks"][0]["trace"]
        for part in (str(out), "No space left on device", "restart the task"):
            assert part in trace
        # What is on the disk are whole lines, from the first on.
        assert out.read_bytes().endswith(b"\n")
        assert lines_of(out) == wanted[: len(lines_of(out))]
        # The rest of the worker never noticed.
        eventually(lambda: lines_of(tmp_path / "other.txt") == wanted, 60, "the other sink")
        assert running.task_state("src") == "RUNNING"
        assert running.request("GET", "/health").json()["status"] == "healthy"
        # Still full: the restarted task fails again, with the same words.
        restart = "/connectors/snk/restart?includeTasks=true&onlyFailed=true"
        assert running.request("POST", restart).status_code == 202
        eventually(lambda: running.task_state("snk") == "FAILED", 60, "FAILED again")
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        assert running.request("POST", restart).status_code == 202
        eventually(
            lambda: lines_of(out)[-1:] == wanted[-1:] and set(lines_of(out)) >= set(wanted),
            60,
            "every line is on the disk",
        )
        assert list(dict.fromkeys(lines_of(out))) == wanted
        running.wait_running("snk")
        assert running.stop() == 0


PLUGINS = """
    import ctypes, os, sys, time
    from penstock.api import SourceConnector, SourceTask
    from penstock.config import config, key


    @config
    class OddConfig:
        how: str = key(default="sleep", importance="high", doc="What the task does.")
        mark: str = key(default="", importance="low", doc="A file to write once it is in there.")


    class OddSource(SourceConnector[OddConfig]):
        def start(self):
            if self.config.how == "connector-raises":
                raise RuntimeError("this connector cannot start: no moon tonight")

        def task_configs(self, max_tasks):
            return [self.context.raw_config]


    class OddTask(SourceTask[OddConfig]):
        def start(self):
            if self.config.how == "raises":
                raise RuntimeError("this source cannot start: no moon tonight")

        def poll(self):
            if self.config.mark:
                open(self.config.mark, "w").close()
            if self.config.how == "exits":
                print("last words: out of moon", file=sys.stderr, flush=True)
                os._exit(3)
            if self.config.how == "gil":
                ctypes.PyDLL(None).sleep(3600)  # the whole interpreter stands still
            while True:
                try:
                    time.sleep(3600)
                except BaseException:
                    pass  # deaf to every polite request


    OddSource.task_class = OddTask
"""


@pytest.fixture
def odd_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Install a third party's plugin: a module and its metadata in a folder of the path."""
    folder = tmp_path / "site"
    metadata = folder / "odd_source-1.2.dist-info"
    metadata.mkdir(parents=True)
    (folder / "odd_source.py").write_text(textwrap.dedent(PLUGINS))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-source\nVersion: 1.2\n")
    (metadata / "entry_points.txt").write_text(
        "[penstock.source_connectors]\nOddSource = odd_source:OddSource\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return "OddSource"


@pytest.fixture
def running(odd_plugin: str, tmp_path: Path) -> Iterator[PenstockWorker]:
    with worker(
        f"embedded:{tmp_path / 'log.db'}", tmp_path, task_shutdown_graceful_timeout_ms="1000"
    ) as one:
        yield one


def pipe(running: PenstockWorker, tmp_path: Path) -> Path:
    """Run a source and a sink beside the odd one, and return the file to follow."""
    text, out = tmp_path / "in.txt", tmp_path / "out.txt"
    text.write_text("a\n")
    source = {"connector.class": "FileStreamSource", "file": str(text), "topic": "pipe"}
    running.put("src", source)
    running.put("snk", {"connector.class": "FileStreamSink", "topics": "pipe", "file": str(out)})
    eventually(lambda: lines_of(out) == ["a"], what="the first line")
    return out


def still_flows(tmp_path: Path) -> None:
    text, out = tmp_path / "in.txt", tmp_path / "out.txt"
    before = lines_of(out)
    with text.open("a") as file:
        file.write(f"line {len(before)}\n")
    eventually(lambda: lines_of(out) == [*before, f"line {len(before)}"], what="a new line")


@pytest.mark.parametrize("how", ["sleep", "gil"])
def test_poll_that_blocks_for_ever_blocks_nobody_else_and_dies_on_delete(
    running: PenstockWorker, odd_plugin: str, tmp_path: Path, how: str
) -> None:
    pipe(running, tmp_path)
    mark = tmp_path / "blocked"
    odd = {"connector.class": odd_plugin, "how": how, "mark": str(mark)}
    running.put("odd", odd)
    eventually(mark.exists, what="the task blocks")
    host = running.host_of("odd-0")
    still_flows(tmp_path)
    begun = time.monotonic()
    assert running.request("GET", "/health").json()["status"] == "healthy"
    assert running.request("GET", "/connectors?expand=status").status_code == 200
    assert time.monotonic() - begun < 2
    assert running.request("DELETE", "/connectors/odd").status_code == 204
    assert "odd" not in running.request("GET", "/connectors").json()
    psutil.wait_procs([host], timeout=BLOCKED_S)
    assert not host.is_running(), "the blocked host outlives DELETE"
    still_flows(tmp_path)
    # The name is free again at once, and a new one of it ends with its worker.
    mark.unlink()
    running.put("odd", odd)
    eventually(mark.exists, what="the next task blocks")
    hosts = running.hosts()
    begun = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - begun < 2 * BLOCKED_S
    assert not psutil.wait_procs(hosts, timeout=5)[1]


def test_source_that_ends_the_interpreter_is_failed_with_its_last_words(
    running: PenstockWorker, odd_plugin: str, tmp_path: Path
) -> None:
    pipe(running, tmp_path)
    running.put("odd", {"connector.class": odd_plugin, "how": "exits"})
    eventually(lambda: running.task_state("odd") == "FAILED", what="the task is FAILED")
    trace = running.status("odd")["tasks"][0]["trace"]
    assert "exit code 3" in trace
    assert "last words: out of moon" in trace
    still_flows(tmp_path)
    # It stays FAILED: nobody restarts it in a loop.
    assert running.request("GET", "/penstock/connectors/odd").json()["tasks"][0]["restarts"] == 0


def test_source_that_raises_in_start_is_failed_with_its_trace(
    running: PenstockWorker, odd_plugin: str, tmp_path: Path
) -> None:
    pipe(running, tmp_path)
    running.put("odd", {"connector.class": odd_plugin, "how": "raises"})
    eventually(lambda: running.task_state("odd") == "FAILED", what="the task is FAILED")
    trace = running.status("odd")["tasks"][0]["trace"]
    for part in ("this source cannot start: no moon tonight", "RuntimeError", "odd_source.py"):
        assert part in trace
    assert running.status("odd")["connector"]["state"] == "RUNNING"
    still_flows(tmp_path)


def test_connector_that_raises_in_start_is_failed_with_its_trace(
    running: PenstockWorker, odd_plugin: str, tmp_path: Path
) -> None:
    running.put("odd", {"connector.class": odd_plugin, "how": "connector-raises"})
    eventually(lambda: running.status("odd")["connector"]["state"] == "FAILED", what="it is FAILED")
    status = running.status("odd")
    assert "this connector cannot start: no moon tonight" in status["connector"]["trace"]
    assert status["tasks"] == []
    # With a configuration that works, it runs.
    running.put("odd", {"connector.class": odd_plugin, "how": "sleep"})
    running.wait_running("odd")


def test_installed_plugin_is_seen_without_any_registration(odd_plugin: str) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "penstock.cli", "plugins"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    (row,) = [one for one in listed.splitlines() if odd_plugin in one]
    for part in ("connector", "odd_source.OddSource", "odd-source", "1.2"):
        assert part in row
