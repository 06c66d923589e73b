"""The Kinesis tutorial, run as it is written but for the addresses; and the lab's own JSON."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.parts.kinesis import client, make_stream, moto_server
from tests.parts.processes import free_ports, port_answers
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration
PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "kinesis.md"
MOTO, RIDES, FILES, VALIDATE, WORKER, STATUS, MORE = range(7)
LAB = {
    "connector.class": "org.apache.camel.kafkaconnector.awskinesissource."
    "CamelAwskinesissourceSourceConnector",
    "tasks.max": "1",
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    "topics": "carrides",
    "camel.kamelet.aws-kinesis-source.stream": "acr-carrides",
    "camel.kamelet.aws-kinesis-source.region": "us-west-2",
}
"""The tutorial lab's connector as it is; credentials and address come from the environment."""


class Reader:
    """A reader's terminals, in one folder."""

    def __init__(self, folder: Path) -> None:
        moto, rest = free_ports(2)
        text = PAGE.read_text("utf-8")
        for written, meant in {
            "localhost:9092": f"embedded:{folder / 'log.db'}",
            "localhost:5000": f"127.0.0.1:{moto}",
            "-p 5000": f"-p {moto}",
            "8083": str(rest),
        }.items():
            text = text.replace(written, meant)
        self.blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        self.moto, self.rest = moto, rest
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PENSTOCK_URL": f"http://localhost:{rest}",
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
        with (self.folder / f"terminal-{len(self.terminals)}.log").open("wb") as log:
            started = subprocess.Popen(
                ["bash", "-c", f"exec {self.blocks[number]}"],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.terminals.append(started)
        return started

    def answers(self) -> bool:
        try:
            return httpx.get(f"http://localhost:{self.rest}/connectors").status_code == 200
        except httpx.HTTPError:
            return False


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    try:
        yield made
    finally:
        for terminal in made.terminals:
            terminal.send_signal(signal.SIGINT)
        for terminal in made.terminals:
            try:
                terminal.wait(20)
            except subprocess.TimeoutExpired:
                terminal.kill()
                terminal.wait()


def test_tutorial_is_as_it_is_written(reader: Reader) -> None:
    reader.open_terminal(MOTO)
    eventually(lambda: port_answers(reader.moto), 30, "the stand-in answers")
    reader.type(RIDES)
    reader.type(FILES)
    reader.type(VALIDATE)
    out = reader.folder / "rides.txt"

    def rides() -> int:
        return len(out.read_text().splitlines()) if out.exists() else 0

    worker = reader.open_terminal(WORKER)
    eventually(reader.answers, 30, "the worker answers")
    eventually(lambda: rides() == 5, 40, "five rides")
    assert "RUNNING" in reader.type(STATUS)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(30) is not None
    reader.type(MORE)
    reader.open_terminal(WORKER)
    eventually(lambda: rides() >= 8, 60, "eight rides")
    lines = out.read_text().splitlines()
    assert sorted(lines) == sorted(
        f'{{"orderID": {n}, "distance": {n * 1.5}}}' for n in range(1, 9)
    )


def test_lab_json_runs_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.txt"
    with moto_server(tmp_path) as url:
        kinesis = client(url, region="us-west-2")
        make_stream(kinesis, "acr-carrides", 1)
        kinesis.put_record(StreamName="acr-carrides", Data=b'{"orderID": "7"}', PartitionKey="7")
        for name, value in {
            "AWS_ENDPOINT_URL_KINESIS": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }.items():
            monkeypatch.setenv(name, value)
        with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path) as running:
            running.put("carrides", LAB)
            running.put(
                "sink",
                {
                    "connector.class": "FileStreamSink",
                    "file": str(out),
                    "topics": "carrides",
                    "tasks.max": "1",
                },
            )
            eventually(lambda: out.exists() and out.read_text(), 40, "the ride arrives")
            assert out.read_text() == '{"orderID": "7"}\n'
            running.wait_running("carrides")
