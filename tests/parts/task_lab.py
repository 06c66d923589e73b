"""Source tasks on a real broker without a herder: hosts, the offsets topic, and who reads back."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import psutil
from confluent_kafka import Consumer, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from penstock.runtime.host.messages import Failed, Lease, Running, StartTask
from penstock.runtime.kafka.broker import KafkaBroker
from penstock.runtime.kafka.internal_topics import InternalTopic, ensure_topics
from penstock.runtime.kafka.properties import ClientKind
from penstock.runtime.kafka.topic_log import TopicLog, TopicWriter
from penstock.runtime.model import TaskId
from penstock.runtime.storage.offset_log import TopicOffsetStore
from penstock.runtime.worker import HostExited, Worker
from tests.workers import STRING, eventually

FILE_SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
NUMBERS = "NumbersSource"
_NUMBERS_CODE = """
from penstock.api import SourceConnector, SourceTask
from penstock.config import config, key
from penstock.data import Schema, SourceRecord


@config
class Keys:
    topic: str = key(doc="Where the numbers go.")
    script: str = key(default="", doc="What is asked after a number: 3=commit,5=abort,+7=abort.")
    total: int = key(default=10, doc="How many numbers.")
    batch: int = key(default=5, doc="How many a poll.")
    pad: int = key(default=0, doc="At least so long is each value.")


class NumbersTask(SourceTask[Keys]):
    def start(self):
        stored = self.context.offset({"of": "numbers"})
        self.next = 0 if stored is None else stored["next"]
        pairs = [one.split("=") for one in self.config.script.split(",") if one]
        self.script = dict(pairs)

    def poll(self):
        if self.next >= self.config.total:
            self.context.wait(0.2)
            return None
        numbers = range(self.next, min(self.next + self.config.batch, self.config.total))
        self.next = numbers.stop
        found = [
            SourceRecord(
                topic=self.config.topic,
                value=str(number).ljust(self.config.pad, "."),
                value_schema=Schema.STRING,
                source_partition={"of": "numbers"},
                source_offset={"next": number + 1},
            )
            for number in numbers
        ]
        asked = self.context.transaction_context
        for record, number in zip(found, numbers):
            for mark, which in (("", record), ("+", None)):
                what = self.script.get(f"{mark}{number}")
                if what == "commit":
                    asked.commit_transaction(which)
                elif what == "abort":
                    asked.abort_transaction(which)
                elif what == "both":
                    asked.commit_transaction(which)
                    asked.abort_transaction(which)
        return found


class NumbersConnector(SourceConnector[Keys]):
    task_class = NumbersTask

    def exactly_once_support(self):
        return True
"""


def install_numbers(site: Path) -> None:
    """Write a distribution with a source of numbers whose transactions follow a script."""
    (site / "lab_numbers.py").write_text(_NUMBERS_CODE)
    info = site / "lab_numbers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-numbers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[penstock.source_connectors]\n{NUMBERS} = lab_numbers:NumbersConnector\n"
    )


class TaskLab:
    """One worker's hosts, with its offsets in a topic. Use as a context manager.

    One with the ``name`` of another is a second worker of the same cluster.
    """

    def __init__(self, bootstrap: str, folder: Path, name: str = "", **properties: str) -> None:
        self.name = name or f"lab-{uuid.uuid4().hex[:8]}"
        self.folder = folder
        self.bootstrap = bootstrap
        self.properties = {
            "bootstrap.servers": bootstrap,
            "group.id": self.name,
            "offset.storage.topic": f"{self.name}-offsets",
            "offset.storage.partitions": "3",
            "offset.storage.replication.factor": "1",
            "key.converter": STRING,
            "value.converter": STRING,
            "offset.flush.interval.ms": "500",
            **{key.replace("_", "."): value for key, value in properties.items()},
        }
        self.failed: list[Failed] = []
        self._running: dict[int, threading.Event] = {}
        self._gone: dict[int, threading.Event] = {}

    def __enter__(self) -> Self:
        broker = KafkaBroker()
        client = {"bootstrap.servers": self.bootstrap}
        self.admin = broker.admin(client, client_id="lab")
        topic = self.properties["offset.storage.topic"]
        ensure_topics(self.admin, [InternalTopic("offset.storage.topic", topic, 3, 1)])
        committed = {**client, "isolation.level": "read_committed"}
        reading = broker.settings(committed, ClientKind.CONSUMER, client_id="lab")
        writing = broker.settings(client, ClientKind.PRODUCER, client_id="lab")
        self._writer = TopicWriter(writing)
        self.store = TopicOffsetStore(
            topic,
            lambda on_records: TopicLog(
                topic, 3, reading, lambda: self.admin.end_offsets(topic, 3, 10), on_records
            ),
            self._writer,
        )
        with contextlib.suppress(TimeoutError):
            # As a worker: a transaction that is open hides what comes after it.
            self.store.start().result(5)
        self.worker = Worker(store=self.store, worker=self.properties, on_event=self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.close(5)
        self.store.close(2)
        self._writer.close(2)
        self.admin.close()

    def _heard(self, _key: Any, incarnation: int, event: Any) -> None:
        if isinstance(event, Failed):
            self.failed.append(event)
        elif isinstance(event, Running):
            self._running.setdefault(incarnation, threading.Event()).set()
        elif isinstance(event, HostExited):
            self._gone.setdefault(incarnation, threading.Event()).set()

    def start(self, connector: str, config: Mapping[str, str], *, exactly_once: bool = True) -> int:
        raw = {"name": connector, "tasks.max": "1", **config}
        command = StartTask(connector, 0, raw, raw, self.properties, exactly_once=exactly_once)
        return self.worker.start_task(command)

    def running(self, incarnation: int, timeout_s: float = 30) -> None:
        event = self._running.setdefault(incarnation, threading.Event())
        eventually(lambda: event.is_set() or self.failed, timeout_s, "the task runs")

    def is_running(self, incarnation: int) -> bool:
        return self._running.setdefault(incarnation, threading.Event()).is_set()

    def gone(self, incarnation: int, timeout_s: float = 30) -> None:
        event = self._gone.setdefault(incarnation, threading.Event())
        assert event.wait(timeout_s), "the host is still there"

    def stop(self, connector: str, incarnation: int) -> None:
        self.worker.stop(TaskId(connector, 0), 10_000)
        self.gone(incarnation)

    def pid(self, connector: str) -> int | None:
        """Return the process of a task's host, None while there is none."""
        server = self.worker.fork_server_pid
        if server is None:
            return None
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(server).children():
                with contextlib.suppress(psutil.NoSuchProcess, OSError):
                    if f"{connector}-0" in Path(f"/proc/{child.pid}/comm").read_text():
                        return child.pid
        return None

    def grant(self, seconds: float) -> None:
        self.worker.send(TaskId("s", 0), Lease(time.monotonic() + seconds))

    def offsets(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        found: list[tuple[dict[str, Any], dict[str, Any]]] = self.worker.read_offsets(
            connector
        ).result(30)
        return found


def committed(bootstrap: str, topic: str, *, isolation: str = "read_committed") -> list[str]:
    """Return the values of partition 0, as an independent reader sees them."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"look-{uuid.uuid4().hex}",
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    with contextlib.closing(consumer):
        place = TopicPartition(topic, 0, 0)
        _, end = consumer.get_watermark_offsets(place, timeout=10)
        consumer.assign([place])
        found: list[str] = []
        while True:
            for message in consumer.consume(10_000, 0.2):
                error = message.error()
                if error is None:
                    found.append((message.value() or b"").decode())
                    if (message.offset() or 0) >= end - 1:
                        return found  # a source that goes on would never let it end
                elif error.code() == KafkaError._PARTITION_EOF:
                    return found
                else:
                    raise AssertionError(error.str())


def end_of(bootstrap: str, topic: str, isolation: str) -> int:
    """Return the end of partition 0: of all records, or of those before any open transaction."""
    client = AdminClient({"bootstrap.servers": bootstrap})
    level = IsolationLevel[isolation.upper()]
    place = TopicPartition(topic, 0)
    (asked,) = client.list_offsets({place: OffsetSpec.latest()}, isolation_level=level).values()
    return int(asked.result(10).offset)
