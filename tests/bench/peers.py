"""The two workers side by side: the JVM original and Penstock, driven through REST alike."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import httpx

from tests.parts.jvm_connect import JvmConnectWorker

__all__ = ["Peer", "RefusedError", "free_port", "jvm_worker", "penstock_worker"]


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RefusedError(RuntimeError):
    """A worker does not take a configuration; the text is its own."""


@attrs.define
class Peer:
    """A running worker. ``started_s``: from the start of its process to the first 200 of GET /."""

    name: str
    url: str
    pid: int
    started_s: float

    def create(self, name: str, config: Mapping[str, str]) -> None:
        """Create a connector; raises with the worker's own words when it refuses."""
        answer = httpx.put(f"{self.url}/connectors/{name}/config", json=dict(config), timeout=90)
        if answer.status_code >= 300:
            raise RefusedError(f"{self.name}: {answer.text}")

    def status(self, name: str) -> dict[str, Any]:
        """Return the status body, empty when there is none yet."""
        answer = httpx.get(f"{self.url}/connectors/{name}/status", timeout=30)
        return answer.json() if answer.status_code == 200 else {}

    def check(self, name: str) -> None:
        """Raise when a connector or task is FAILED."""
        status = self.status(name)
        for part in [status.get("connector", {}), *status.get("tasks", ())]:
            if part.get("state") == "FAILED":
                raise RuntimeError(f"{self.name}: {part.get('trace')}")

    def delete(self, name: str) -> None:
        """Delete a connector."""
        httpx.delete(f"{self.url}/connectors/{name}", timeout=90)


@contextlib.contextmanager
def penstock_worker(
    properties: Mapping[str, str], folder: Path, name: str = "penstock"
) -> Iterator[Peer]:
    """Run ``penstock`` until the block ends; properties with a ``group.id`` make a cluster."""
    port = free_port()
    file = folder / f"{name}.properties"
    mode = "distributed" if "group.id" in properties else "standalone"
    everything = {**properties, "listeners": f"http://127.0.0.1:{port}"}
    if mode == "standalone":
        everything["offset.storage.file.filename"] = str(folder / f"{name}.offsets")
    file.write_text("".join(f"{key}={value}\n" for key, value in everything.items()))
    with (folder / f"{name}.log").open("wb") as log:
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "penstock.cli", mode, str(file)],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            yield Peer(
                name, url, process.pid, _wait_for_root(url, process, began, folder / f"{name}.log")
            )
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def jvm_worker(properties: Mapping[str, str], bootstrap: str) -> Iterator[Peer]:
    """Run the JVM original, as production runs it, until the block ends."""
    given = {k: v for k, v in properties.items() if k != "bootstrap.servers"}
    worker = JvmConnectWorker(
        bootstrap,
        mode="distributed" if "group.id" in properties else "standalone",
        properties=given,
        heap="2g",
        jvm_flags=(),
        startup_cache=False,
        group=properties.get("group.id", "connect"),
    )
    with contextlib.closing(worker):
        worker.start()
        yield Peer("jvm", worker.rest_url, worker.pid, worker.start_seconds)


def _wait_for_root(url: str, process: subprocess.Popen[bytes], began: float, log: Path) -> float:
    while True:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return time.monotonic() - began
        except httpx.HTTPError:
            pass
        if process.poll() is not None or time.monotonic() - began > 60:
            raise RuntimeError(f"the worker did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.005)
