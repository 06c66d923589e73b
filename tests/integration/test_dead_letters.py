"""Dead letters as their user meets them: written, shown, sent back; beside the original too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.parts.broker import KafkaBroker
from tests.parts.jvm_connect import JvmConnectWorker
from tests.workers import PenstockWorker, eventually, worker

from penstock.data import TopicPartition
from penstock.errors import NotFoundError
from penstock.runtime.broker import EncodedBatch, TopicSpec
from penstock.runtime.brokers import connect_broker

pytestmark = pytest.mark.integration

P = "__connect.errors."
JSON = "org.apache.kafka.connect.json.JsonConverter"
STRING = "org.apache.kafka.connect.storage.StringConverter"
INSERT = "org.apache.kafka.connect.transforms.InsertField$Value"
FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"


class Log:
    """Topics of a broker, whichever it is."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.properties = {"bootstrap.servers": bootstrap}
        self.broker = connect_broker(self.properties)

    def create(self, *topics: str, partitions: int = 1) -> None:
        admin = self.broker.admin(self.properties, client_id="test")
        admin.create_topics([TopicSpec(one, partitions, 1) for one in topics], 30)
        admin.close()

    def write(self, topic: str, values: Sequence[bytes | None], **more: Any) -> None:
        producer = self.broker.producer(self.properties, client_id="test")
        assert producer.send(EncodedBatch(topic, list(values), **more), 0) == len(values)
        assert producer.flush(30) == 0
        assert {one.error for one in producer.poll(0)} == {None}
        producer.close(0)

    def read(self, topic: str) -> list[dict[str, Any]]:
        reader = self.broker.reader(self.properties, client_id="test")
        found = []
        try:
            for partition, (start, stop) in reader.bounds(topic, 30).items():
                place = TopicPartition(topic, partition)
                for one in reader.read(place, start, stop, 30):
                    found.extend(
                        {
                            "offset": one.offsets[i],
                            "partition": partition,
                            "key": one.keys[i],
                            "value": one.values[i],
                            "timestamp": one.timestamps[i],
                            "headers": [] if one.headers is None else list(one.headers[i]),
                        }
                        for i in range(len(one))
                    )
        except NotFoundError:
            return []
        finally:
            reader.close()
        return found

    def committed(self, group: str, topic: str) -> int:
        consumer = self.broker.consumer(self.properties, client_id="test", group_id=group)
        try:
            return consumer.committed([TopicPartition(topic, 0)], 30).get(
                TopicPartition(topic, 0), 0
            )
        finally:
            consumer.close(1)


@pytest.fixture(params=["embedded", "kafka"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    if request.param == "embedded":
        return Log(f"embedded:{tmp_path / 'log.db'}")
    return Log(str(request.getfixturevalue("kafka_broker").bootstrap_servers))


def penstock(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "penstock.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def bad_sink(topic: str, out: Path, dlq: str) -> dict[str, str]:
    return {
        "connector.class": FILE_SINK,
        "tasks.max": "1",
        "topics": topic,
        "file": str(out),
        "key.converter": STRING,
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        "transforms": "add",
        "transforms.add.type": INSERT,
        "transforms.add.static.field": "by",
        "transforms.add.static.value": "test",
        "errors.tolerance": "all",
        "errors.log.enable": "true",
        "errors.deadletterqueue.topic.name": dlq,
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
    }


VALUES = [
    b'{"n": "1"}',
    b'{"n": ',
    b'{"n": "2"}',
    b'"many"',
    b"\xff\xfe",
    b'{"n": "3"}',
]
BAD = [VALUES[1], VALUES[3], VALUES[4]]
KEYS = [b"a", b"b", b"c", b"d", None, b"f"]
HEADERS = [[("h", b"%d" % i)] if i % 2 else [] for i in range(6)]
STAMPS = [1_700_000_000_000 + i for i in range(6)]


def test_bad_records_are_kept_shown_and_sent_back(log: Log, tmp_path: Path) -> None:
    name = f"orders-{uuid.uuid4().hex[:6]}"
    topic, dlq, out = f"{name}-in", f"{name}-dlq", tmp_path / "out.txt"
    log.create(topic)
    log.write(topic, VALUES, keys=KEYS, headers=HEADERS, timestamps=STAMPS)
    connector = {"name": name, "config": bad_sink(topic, out, dlq)}
    (tmp_path / "connector.json").write_text(json.dumps(connector))
    with worker(log.bootstrap, tmp_path) as running:
        running.put(name, connector["config"])
        eventually(lambda: len(lines_of(out)) == 3, what="the good records")
        eventually(lambda: len(log.read(dlq)) == 3, what="the dead letters")
        eventually(lambda: log.committed(f"connect-{name}", topic) == 6, what="the commit")
        assert running.task_state(name) == "RUNNING"
        logged = running.log.read_text()
        assert f"Error encountered in task {name}-0. Executing stage 'TRANSFORMATION'" in logged
        assert "many" not in [line for line in logged.splitlines() if "Error encountered" in line]
    letters = log.read(dlq)
    assert sorted(one["value"] for one in letters) == sorted(BAD)
    by_value = {one["value"]: one for one in letters}
    assert by_value[VALUES[3]]["key"] == b"d"
    assert by_value[VALUES[3]]["timestamp"] == STAMPS[3]
    assert by_value[VALUES[3]]["headers"][0] == ("h", b"3")
    assert dict(by_value[VALUES[3]]["headers"])[f"{P}class.name"] == INSERT.encode()

    at = ("--bootstrap-server", log.bootstrap)
    shown = json.loads(penstock("dlq", dlq, *at, "--json"))
    assert {one["cause"]["stage"] for one in shown} == {"VALUE_CONVERTER", "TRANSFORMATION"}
    (letter,) = json.loads(
        penstock(
            *("dlq", dlq, *at, "--json", "--stage", "transformation"),
            *("--connector", str(tmp_path / "connector.json")),
        )
    )
    assert letter["value"] == "many"
    assert letter["headers"] == [["h", "3"]]
    assert letter["cause"]["offset"] == 3
    (line,) = penstock("dlq", dlq, *at, "--stage", "TRANSFORMATION").splitlines()
    assert f"{topic}-0@3" in line.split("\t")
    assert penstock("dlq", dlq, *at, "--exception", "NoSuch") == ""
    assert len(penstock("dlq", dlq, *at, "-n", "1").splitlines()) == 1
    assert "no topic" in penstock("dlq", f"{name}-absent", *at, code=2)

    offset = letter["offset"]
    assert "nothing was sent" in penstock("dlq", "replay", dlq, *at, "--dry-run")
    assert len(log.read(topic)) == 6
    told = penstock("dlq", "replay", dlq, *at, "--offsets", f"0:{offset}", "--yes")
    assert told.splitlines() == [f"{topic}: 1 letters", "1 letters were sent"]
    again = log.read(topic)[6:]
    assert [(one["key"], one["value"], one["headers"]) for one in again] == [
        (b"d", VALUES[3], [("h", b"3")])
    ]
    assert again[0]["timestamp"] == STAMPS[3]
    log.create(f"{name}-elsewhere")
    penstock("dlq", "replay", dlq, *at, "--to", f"{name}-elsewhere", "--yes")
    assert sorted(one["value"] for one in log.read(f"{name}-elsewhere")) == sorted(BAD)
    assert len(log.read(dlq)) == 3  # a replay takes nothing away


def test_letters_equal_those_of_the_original_header_by_header(
    kafka_broker: KafkaBroker, jvm_connect_jars: list[Path], tmp_path: Path
) -> None:
    log = Log(kafka_broker.bootstrap_servers)
    name = f"same-{uuid.uuid4().hex[:6]}"
    topic = f"{name}-in"
    log.create(topic)
    values = [*VALUES, b"null", b"[1", None]
    log.write(
        topic,
        values,
        keys=[*KEYS, b"g", None, b"i"],
        headers=[*HEADERS, [], [("x", None)], []],
        timestamps=[*STAMPS, 5, 6, 7],
    )
    theirs, ours = f"{name}-dlq-theirs", f"{name}-dlq-ours"
    config = {**bad_sink(topic, tmp_path / "theirs.txt", theirs), "name": name}
    config["consumer.override.group.id"] = f"{name}-theirs"
    defaults = {"key.converter": STRING, "value.converter": STRING}
    with JvmConnectWorker(log.bootstrap, properties=defaults) as original:
        original.create(name, config)
        eventually(lambda: len(log.read(theirs)) >= 4, 60, what="letters of the original")
        eventually(lambda: len(lines_of(tmp_path / "theirs.txt")) >= 4, 60, what="its records")
    config |= {"file": str(tmp_path / "ours.txt"), "errors.deadletterqueue.topic.name": ours}
    config["consumer.override.group.id"] = f"{name}-ours"
    with worker(log.bootstrap, tmp_path) as running:
        running.put(name, config)
        eventually(lambda: len(log.read(ours)) >= len(log.read(theirs)), what="our letters")
        eventually(
            lambda: len(lines_of(tmp_path / "ours.txt")) >= len(lines_of(tmp_path / "theirs.txt")),
            what="our records",
        )
    free = {f"{P}exception.message", f"{P}exception.stacktrace"}

    def comparable(letter: dict[str, Any]) -> Any:
        headers = [
            (key, "text" if key in free and value else value) for key, value in letter["headers"]
        ]
        return letter["key"], letter["value"], letter["timestamp"], headers

    assert [comparable(one) for one in log.read(ours)] == [
        comparable(one) for one in log.read(theirs)
    ]


ERRANT = """
    import pathlib
    from penstock.api import SinkConnector, SinkTask
    from penstock.config import config, key

    @config
    class ErrantConfig:
        out: str = key(doc="The file.")

    class ErrantTask(SinkTask[ErrantConfig]):
        @classmethod
        def version(cls):
            return "1"

        def start(self):
            self.file = open(self.config.out, "a")

        def put_batch(self, batch):
            for i, value in enumerate(batch.values):
                if value.endswith("7"):
                    self.context.errant_record_reporter.report_row(batch, i, ValueError(value))
                else:
                    self.file.write(value + "\\n")

        def flush(self, offsets):
            self.file.flush()

    class ErrantSink(SinkConnector[ErrantConfig]):
        task_class = ErrantTask
"""


@pytest.fixture
def errant_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Install a third party's plugin: a module and its metadata in a folder of the path."""
    folder = tmp_path / "site"
    metadata = folder / "errant_sink-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "errant_sink.py").write_text(textwrap.dedent(ERRANT))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: errant-sink\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[penstock.sink_connectors]\nErrantSink = errant_sink:ErrantSink\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return "ErrantSink"


def restart(running: PenstockWorker, name: str) -> None:
    eventually(lambda: running.task_state(name) == "FAILED", what="the task failed")
    assert running.request("POST", f"/connectors/{name}/tasks/0/restart").status_code == 204


def test_kills_of_the_task_lose_no_dead_letter_and_commit_nothing_unreported(
    log: Log, errant_plugin: str, tmp_path: Path
) -> None:
    name = f"errant-{uuid.uuid4().hex[:6]}"
    topic, dlq, out = f"{name}-in", f"{name}-dlq", tmp_path / "out.txt"
    log.create(topic)
    rounds, size = 4, 3000
    expected = [f"record {i}" for i in range(rounds * size)]
    config = {
        "connector.class": errant_plugin,
        "topics": topic,
        "out": str(out),
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": dlq,
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
        "consumer.override.max.poll.records": "50",
        "consumer.override.session.timeout.ms": "6000",
    }
    with worker(log.bootstrap, tmp_path, offset_flush_interval_ms="100") as running:
        running.put(name, config)
        running.wait_running(name)
        for one in range(rounds):
            part = expected[one * size : (one + 1) * size]
            seen = len(log.read(dlq))
            log.write(topic, [text.encode() for text in part])
            eventually(lambda seen=seen: len(log.read(dlq)) > seen, what="a new letter")  # type: ignore[misc]
            host = running.host_of(f"{name}-0"[:15])
            host.send_signal(signal.SIGKILL)
            eventually(lambda host=host: not host.is_running(), what="it is gone")  # type: ignore[misc]
            reported = {letter["value"].decode() for letter in log.read(dlq)}
            committed = log.committed(f"connect-{name}", topic)
            due = {text for text in expected[:committed] if text.endswith("7")}
            assert due <= reported
            restart(running, name)
        errant = {text for text in expected if text.endswith("7")}
        eventually(
            lambda: {letter["value"].decode() for letter in log.read(dlq)} >= errant,
            60,
            what="all dead letters",
        )
        eventually(
            lambda: log.committed(f"connect-{name}", topic) == len(expected), 60, what="commits"
        )
    assert set(lines_of(out)) == set(expected) - errant


def test_a_queue_that_cannot_be_made_fails_the_task_in_plain_words(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    log = Log(kafka_broker.bootstrap_servers)
    name = f"three-{uuid.uuid4().hex[:6]}"
    log.create(f"{name}-in")
    config = bad_sink(f"{name}-in", tmp_path / "out.txt", f"{name}-dlq")
    config["errors.deadletterqueue.topic.replication.factor"] = "3"
    with worker(log.bootstrap, tmp_path) as running:
        running.put(name, config)
        eventually(lambda: running.task_state(name) == "FAILED", what="the task failed")
        trace = running.status(name)["tasks"][0]["trace"]
    assert f"Could not initialize dead letter queue with topic={name}-dlq" in trace
    assert "errors.deadletterqueue.topic.replication.factor" in trace
