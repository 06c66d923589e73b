"""The labs of the documents, run as they are written but for the addresses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from tests.parts.broker import KafkaBroker
from tests.parts.processes import free_ports
from tests.workers import eventually

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
LABS = ROOT / "docs" / "labs"


class Lab:
    """A reader's terminals, in one folder."""

    def __init__(self, name: str, broker: KafkaBroker, folder: Path) -> None:
        text = (LABS / name).read_text("utf-8")
        first, second = free_ports(2)
        unique = uuid.uuid4().hex[:8]
        for written, meant in {
            "localhost:9092": broker.bootstrap_servers,
            "8083": str(first),
            "8084": str(second),
            "lab-": f"lab{unique}-",
        }.items():
            text = text.replace(written, meant)
        self.blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        self.urls = [f"http://localhost:{first}", f"http://localhost:{second}"]
        self.prefix = f"lab{unique}-"
        self.folder = folder
        scripts = Path(sys.executable).parent
        self.environment = {
            **os.environ,
            "PATH": f"{scripts}:{os.environ['PATH']}",
            "PENSTOCK_URL": self.urls[0],
        }
        self.terminals: list[subprocess.Popen[bytes]] = []

    def type(self, number: int) -> str:
        """Run a block to its end and return what it prints."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.blocks[number]],
            cwd=self.folder,
            env=self.environment,
            check=True,
            timeout=60,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def open_terminal(self, number: int) -> subprocess.Popen[bytes]:
        """Run a block that goes on until it is ended."""
        with (self.folder / f"terminal-{number}.log").open("wb") as log:
            started = subprocess.Popen(
                ["bash", "-c", f"exec {self.blocks[number]}"],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.terminals.append(started)
        return started

    def state(self, name: str, url: str | None = None) -> str:
        path = f"{url or self.urls[0]}/connectors/{self.prefix}{name}/status"
        try:
            answer = httpx.get(path, timeout=10)
        except httpx.HTTPError:
            return ""
        tasks = answer.json().get("tasks", []) if answer.status_code == 200 else []
        return tasks[0]["state"] if tasks else ""

    def stored(self, name: str) -> bool:
        """Whether a connector's place after the first two lines is stored."""
        answer = httpx.get(f"{self.urls[0]}/connectors/{self.prefix}{name}/offsets", timeout=30)
        places = answer.json().get("offsets", []) if answer.status_code == 200 else []
        offsets = [next(iter(one["offset"].values())) for one in places]
        return offsets == [2 if name == "sink" else len("alpha\nbeta\n")]

    def out(self) -> list[str]:
        file = self.folder / "out.txt"
        return file.read_text().split() if file.exists() else []


@pytest.fixture
def lab(request: pytest.FixtureRequest, kafka_broker: KafkaBroker, tmp_path: Path) -> Iterator[Lab]:
    made = Lab(request.param, kafka_broker, tmp_path)
    yield made
    for one in made.terminals:
        if one.poll() is None:
            one.send_signal(signal.SIGTERM)
            one.wait(30)


@pytest.mark.parametrize("lab", ["standalone-file-to-file.md"], indirect=True)
def test_one_worker(lab: Lab) -> None:
    write, check, start, look = range(4)
    lab.type(write)
    assert "error" not in lab.type(check).lower()
    worker = lab.open_terminal(start)
    eventually(lambda: lab.state("source") == lab.state("sink") == "RUNNING", 60, "both run")
    eventually(lambda: lab.out() == ["alpha", "beta"], 60, "two lines arrive")
    assert "RUNNING" in lab.type(look)
    eventually(lambda: lab.out() == ["alpha", "beta", "gamma"], 30, "the third arrives")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    with (lab.folder / "in.txt").open("a") as more:
        more.write("delta\n")
    lab.open_terminal(start)
    eventually(lambda: lab.out() == ["alpha", "beta", "gamma", "delta"], 60, "only the new one")


@pytest.mark.parametrize("lab", ["distributed-file-to-file.md"], indirect=True)
def test_a_cluster(lab: Lab) -> None:
    write, start_one, start_two, create, look, after = range(6)
    lab.type(write)
    first = lab.open_terminal(start_one)
    lab.open_terminal(start_two)
    for url in lab.urls:
        eventually(lambda url=url: _answers(url), 60, "the worker answers")
    lab.type(create)
    eventually(lambda: lab.state("source") == lab.state("sink") == "RUNNING", 60, "both run")
    eventually(lambda: lab.out() == ["alpha", "beta"], 60, "two lines arrive")
    shown = lab.type(look)
    assert f"{lab.prefix}source" in shown
    assert "alpha" in shown
    # A worker that dies before its places are stored has its lines written again.
    eventually(lambda: lab.stored("source") and lab.stored("sink"), 30, "all places are stored")
    first.kill()
    first.wait()
    other = lab.urls[1]
    assert other.rpartition(":")[2] in lab.type(after)
    eventually(lambda: lab.out() == ["alpha", "beta", "gamma"], 90, "the other takes over")
    assert lab.state("source", other) == lab.state("sink", other) == "RUNNING"


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/connectors", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_the_containers_fit_together() -> None:
    deploy = ROOT / "deploy"
    services = yaml.safe_load((deploy / "compose" / "compose.yaml").read_text())["services"]
    properties = dict(
        line.split("=", 1)
        for line in (deploy / "compose" / "worker.properties").read_text().splitlines()
    )
    host, port = properties["bootstrap.servers"].split(":")
    assert services[host]["environment"]["KAFKA_ADVERTISED_LISTENERS"].endswith(f"{host}:{port}")
    listening = properties["listeners"].rpartition(":")[2]
    workers = [one for name, one in services.items() if name.startswith("worker")]
    assert all(one["ports"][0].split(":")[1] == listening for one in workers)
    assert len({one["ports"][0] for one in workers}) == len({w["hostname"] for w in workers}) == 2
    assert all((deploy / "compose" / one["build"]["context"]).resolve() == ROOT for one in workers)
    copied = re.findall(r"^COPY (\S+) ", (deploy / "Dockerfile").read_text(), re.MULTILINE)
    assert all((ROOT / folder / "pyproject.toml").exists() for folder in copied)
