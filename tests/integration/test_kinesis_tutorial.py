"""The Kinesis tutorial, run as it is written but for the addresses; and the lab's own JSON."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.kinesis import client, make_stream, moto_server
from tests.parts.processes import port_answers
from tests.parts.tutorial import Reader
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration
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


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with contextlib.closing(Reader("kinesis.md", tmp_path)) as made:
        yield made


def test_tutorial_is_as_it_is_written(reader: Reader) -> None:
    reader.open_terminal(MOTO)
    eventually(lambda: port_answers(reader.stand_in), 30, "the stand-in answers")
    reader.type(RIDES)
    reader.type(FILES)
    reader.type(VALIDATE)
    out = reader.folder / "rides.txt"

    def rides() -> int:
        return len(out.read_text().splitlines()) if out.exists() else 0

    worker = reader.open_terminal(WORKER)
    eventually(lambda: "lab-rides" in reader.connectors(), 30, "the source is made")
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
