"""``penstock preview`` on a topic of a real broker leaves no trace there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from tests.parts.broker import KafkaBroker

from penstock.runtime.broker import EncodedBatch
from penstock.runtime.kafka.broker import KafkaBroker as Client

pytestmark = pytest.mark.integration


def test_a_topic_is_looked_at_and_left_as_it_is(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    bootstrap = {"bootstrap.servers": kafka_broker.bootstrap_servers}
    client = Client()
    producer = client.producer(bootstrap, client_id="p")
    topic = "looked-at"
    batch = EncodedBatch(topic=topic, values=[b"one", b"two", b"three"])
    producer.send(batch, 1)
    assert producer.flush(20) == 0
    producer.close(5)
    admin = AdminClient(bootstrap)  # type: ignore[arg-type]  # its own type of a dict
    groups = {one.group_id for one in admin.list_consumer_groups().result().valid}
    reader = client.reader({**bootstrap}, client_id="r")
    before = reader.bounds(topic, 20)
    file = tmp_path / "c.json"
    config = {"connector.class": "FileStreamSink", "file": "/nowhere/o", "topics": topic}
    file.write_text(json.dumps({"name": "c", "config": config}))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "penstock.cli", "preview", str(file), "--input", topic),
            *("--bootstrap-server", kafka_broker.bootstrap_servers, "--last", "-n", "2", "--json"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["stages"][-1]["record"]["value"] for one in shown] == ["two", "three"]
    assert {one.group_id for one in admin.list_consumer_groups().result().valid} == groups
    assert reader.bounds(topic, 20) == before
    reader.close()
