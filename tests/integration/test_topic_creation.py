"""Topics that a source connector has created, with the settings of its groups."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource
from tests.parts.broker import KafkaBroker
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration
SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"


def test_topics_are_created_as_the_groups_say(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("one\n")
    topic = f"made-{uuid.uuid4().hex[:8]}"
    config = {
        "connector.class": SOURCE,
        "file": str(file),
        "topic": topic,
        "topic.creation.default.partitions": "1",
        "topic.creation.default.replication.factor": "-1",
        "topic.creation.groups": "made",
        "topic.creation.made.include": "made-.*",
        "topic.creation.made.partitions": "4",
        "topic.creation.made.cleanup.policy": "compact",
    }
    with worker(kafka_broker.bootstrap_servers, tmp_path) as running:
        running.put("s", config)
        admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap_servers})
        eventually(lambda: topic in admin.list_topics(timeout=10).topics, 30, "the topic is there")
        assert len(admin.list_topics(topic, timeout=10).topics[topic].partitions) == 4
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        (found,) = admin.describe_configs([resource]).values()
        assert found.result(10)["cleanup.policy"].value == "compact"
        eventually(lambda: running.request("GET", "/connectors/s/topics").json()["s"]["topics"])


def test_a_topic_that_cannot_be_created_fails_the_task(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("one\n")
    config = {
        "connector.class": SOURCE,
        "file": str(file),
        "topic": f"never-{uuid.uuid4().hex[:8]}",
        "topic.creation.default.partitions": "1",
        "topic.creation.default.replication.factor": "9",
    }
    with worker(kafka_broker.bootstrap_servers, tmp_path) as running:
        running.put("s", config)
        eventually(lambda: running.task_state("s") == "FAILED", 30, "the task fails")
        trace = running.status("s")["tasks"][0]["trace"]
        assert "Task failed to create new topic" in trace
        assert "replication factor 9" in trace
        wrong = running.request(
            "PUT", "/connectors/s/config", json={**config, "topic.creation.default.partitions": "0"}
        )
        assert wrong.status_code == 400
        assert "topic.creation.default.partitions" in wrong.json()["message"]
