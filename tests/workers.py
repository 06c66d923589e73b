"""A real ``penstock`` worker process for tests: started, asked through REST, killed by its id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

STRING = "org.apache.kafka.connect.storage.StringConverter"


def eventually(
    condition: Callable[[], Any], timeout_s: float = 30.0, what: str = "condition"
) -> Any:
    """Return the first true value of a condition that can only be polled."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout_s:g} s")
        time.sleep(0.02)


class PenstockWorker:
    """One worker's process tree. ``embedded:PATH`` or a broker's address."""

    mode = "standalone"

    def __init__(self, bootstrap: str, folder: Path, **properties: str) -> None:
        self.folder = folder
        self.log = folder / "worker.log"
        self.properties = {
            "bootstrap.servers": bootstrap,
            "key.converter": STRING,
            "value.converter": STRING,
            "offset.storage.file.filename": str(folder / "offsets"),
            "offset.flush.interval.ms": "500",
            "listeners": "http://127.0.0.1:0",
            **{key.replace("_", "."): value for key, value in properties.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self, *connector_files: Path, wait: bool = True) -> PenstockWorker:
        file = self.folder / "worker.properties"
        file.write_text("".join(f"{k}={v}\n" for k, v in self.properties.items()))
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "penstock.cli", self.mode, str(file)]
                + [str(one) for one in connector_files],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PENSTOCK_READY_FILE": str(ready)},
            )
        if wait:
            try:
                eventually(lambda: self._ready(ready), 30, "the worker answers")
            except AssertionError:
                self.process.kill()
                self.process.wait()
                raise
            self.url = ready.read_text().strip()
        return self

    def _ready(self, ready: Path) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the worker ended:\n{self.log.read_text()[-4000:]}")
        return ready.exists() and ready.read_text().endswith("\n")

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return httpx.request(method, f"{self.url}{path}", timeout=30, **more)

    def put(self, name: str, config: Mapping[str, str]) -> httpx.Response:
        answer = self.request("PUT", f"/connectors/{name}/config", json=dict(config))
        assert answer.status_code in (200, 201), answer.text
        return answer

    def status(self, name: str) -> dict[str, Any]:
        answer = self.request("GET", f"/connectors/{name}/status")
        return answer.json() if answer.status_code == 200 else {}

    def task_state(self, name: str, task: int = 0) -> str:
        tasks = {one["id"]: one for one in self.status(name).get("tasks", ())}
        return str(tasks.get(task, {}).get("state", ""))

    def wait_running(self, name: str, timeout_s: float = 30) -> None:
        eventually(lambda: self.task_state(name) == "RUNNING", timeout_s, f"{name} is RUNNING")

    def hosts(self) -> list[psutil.Process]:
        """Return the processes below the worker."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def host_of(self, label: str) -> psutil.Process:
        """Return the host whose process title or thread name holds ``label``."""
        for process in self.hosts():
            with contextlib.suppress(psutil.NoSuchProcess, OSError):
                comm = Path(f"/proc/{process.pid}/comm").read_text().strip()
                if label in comm or label in " ".join(process.cmdline()):
                    return process
        raise AssertionError(f"no host {label}")

    def kill(self) -> None:
        """End the worker as a crash does, and wait until nothing of it is left."""
        assert self.process is not None
        below = self.hosts()
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        _, alive = psutil.wait_procs(below, timeout=10)
        assert not alive, f"orphans are left: {alive}"

    def stop(self, timeout_s: float = 20) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@contextlib.contextmanager
def worker(bootstrap: str, folder: Path, **properties: str) -> Iterator[PenstockWorker]:
    """Run a worker until the block ends."""
    running = PenstockWorker(bootstrap, folder, **properties).start()
    try:
        yield running
    finally:
        running.stop()


class ClusterMember(PenstockWorker):
    """One worker of a cluster; ``group`` names the cluster and its topics."""

    mode = "distributed"

    def __init__(self, bootstrap: str, folder: Path, group: str, **properties: str) -> None:
        super().__init__(bootstrap, folder)
        del self.properties["offset.storage.file.filename"]
        self.properties |= cluster_properties(group)
        self.properties |= {key.replace("_", "."): value for key, value in properties.items()}


def cluster_properties(group: str) -> dict[str, str]:
    """Return the properties that make a worker, of either kind, one of a cluster; quick ones."""
    return {
        "group.id": group,
        "config.storage.topic": f"{group}-configs",
        "offset.storage.topic": f"{group}-offsets",
        "status.storage.topic": f"{group}-status",
        "config.storage.replication.factor": "1",
        "offset.storage.replication.factor": "1",
        "status.storage.replication.factor": "1",
        "session.timeout.ms": "6000",
        "heartbeat.interval.ms": "1000",
        "scheduled.rebalance.max.delay.ms": "4000",
    }


@contextlib.contextmanager
def cluster(
    bootstrap: str, folder: Path, group: str, size: int, **properties: str
) -> Iterator[list[ClusterMember]]:
    """Run a cluster of workers until the block ends."""
    members: list[ClusterMember] = []
    try:
        for number in range(size):
            home = folder / f"worker-{number}"
            home.mkdir()
            members.append(ClusterMember(bootstrap, home, group, **properties).start())
        yield members
    finally:
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                member.stop()
