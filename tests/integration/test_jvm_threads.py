"""Java sinks with threads of their own: the runtime answers them while a call waits for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from tests.parts.broker import KafkaBroker
from tests.parts.java_probe import java_probe
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration

TOPIC, DEAD, ROWS = "threads", "threads-dead", 3000


def test_threads_that_put_waits_for_may_report_records_and_ask_for_commits(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, kafka_broker: KafkaBroker
) -> None:
    """They once waited for the task's thread, which waited for them."""
    plugins = java_probe(tmp_path_factory.mktemp("plugins"))
    bootstrap = kafka_broker.bootstrap_servers
    producer = Producer({"bootstrap.servers": bootstrap})
    for n in range(ROWS):
        producer.produce(TOPIC, b"%d" % n, partition=0)
    assert producer.flush(30) == 0
    sink = {
        "connector.class": "probe.ThreadedSink",
        "topics": TOPIC,
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": DEAD,
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
    sevens = [b"%d" % n for n in range(ROWS) if n % 10 == 7]
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "threads-reader"})
    with worker(bootstrap, tmp_path, plugin_path=plugins) as running:
        running.put("snk", sink)
        running.wait_running("snk")
        reader.assign([TopicPartition(DEAD, 0, 0)])
        found: list[bytes | None] = []

        def all_reported() -> bool:
            messages = [one for one in reader.consume(ROWS, 0.5) if one.error() is None]
            found.extend(one.value() for one in messages)
            return len(found) >= len(sevens)

        eventually(all_reported, 20, "each seven is in the dead letter topic")

        def committed() -> list[int]:
            answer = running.request("GET", "/connectors/snk/offsets").json()
            return [one["offset"]["kafka_offset"] for one in answer["offsets"]]

        eventually(lambda: committed() == [ROWS], 20, "all is committed")
        assert running.task_state("snk") == "RUNNING"
    reader.close()
    assert sorted(filter(None, found)) == sorted(sevens)
