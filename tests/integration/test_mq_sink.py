"""The JMS sink beside a real Artemis broker and a real Kafka, in hosts of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka import Producer
from tests.parts.artemis import Artemis, JmsClient, jars_folder
from tests.parts.broker import KafkaBroker
from tests.parts.task_lab import TaskLab
from tests.workers import eventually

from penstock.runtime.broker import TopicSpec

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jars_folder(tmp_path_factory.mktemp("jars"))


@pytest.fixture
def artemis(tmp_path: Path) -> Iterator[Artemis]:
    with Artemis(tmp_path / "artemis") as broker:
        yield broker


@pytest.fixture
def lab(kafka_broker: KafkaBroker, tmp_path: Path) -> Iterator[TaskLab]:
    with TaskLab(kafka_broker.bootstrap_servers, tmp_path) as made:
        made.admin.create_topics([TopicSpec(made.name)], 30)
        yield made


def write(lab: TaskLab, values: Sequence[str], key: str | None = None) -> None:
    producer = Producer({"bootstrap.servers": lab.bootstrap})
    for value in values:
        producer.produce(lab.name, value, key)
    assert producer.flush(30) == 0


def keys(artemis: Artemis, jars: Path, lab: TaskLab, **more: str) -> dict[str, str]:
    return {
        "connector.class": "JmsSink",
        "topics": lab.name,
        "jms.url": artemis.url,
        "jms.destination": "orders",
        "mq.client.jars": str(jars),
        "mq.retry.backoff.ms": "200",
        **{name.replace("_", "."): value for name, value in more.items()},
    }


def test_records_become_messages(lab: TaskLab, artemis: Artemis, jars: Path) -> None:
    write(lab, ["one", "two"], "k1")
    config = keys(
        artemis,
        jars,
        lab,
        mq_message_builder_key_header="JMSCorrelationID",
        mq_message_builder_topic_property="topic",
        mq_message_builder_offset_property="place",
        mq_reply_queue="replies",
        mq_time_to_live="600000",
        mq_persistent="false",
    )
    lab.start("out", config, exactly_once=False)
    with JmsClient(artemis.url) as client:
        found = client.take("orders", 2, 20_000)
    assert not lab.failed
    assert [one["text"] for one in found] == ["one", "two"]
    first = found[0]
    assert (first["correlation"], first["topic"], first["place"]) == ("k1", lab.name, "0")
    assert "replies" in first["reply_to"]
    assert first["persistent"] is False
    assert first["expires"] > 0


@pytest.mark.chaos
def test_exactly_once_sends_nothing_twice_when_host_and_provider_are_killed(
    lab: TaskLab, artemis: Artemis, jars: Path
) -> None:
    sent = [str(number) for number in range(3000)]
    config = keys(artemis, jars, lab, mq_exactly_once_state_queue="state")
    config["consumer.override.max.poll.records"] = "100"
    config["consumer.override.session.timeout.ms"] = "6000"
    write(lab, sent[:1500])
    host = lab.start("out", config, exactly_once=False)
    with JmsClient(artemis.url) as client:
        eventually(lambda: lab.failed or client.count("orders"), 30, "something is sent")
        os.kill(eventually(lambda: lab.pid("out"), 10, "there is a host"), signal.SIGKILL)
        lab.gone(host)
        lab.start("out", config, exactly_once=False)
        eventually(lambda: lab.failed or client.count("orders") == 1500, 40, "half is sent")
    write(lab, sent[1500:])
    artemis.kill()
    artemis.start()
    with JmsClient(artemis.url) as client:
        eventually(lambda: client.count("orders") >= 3000, 40, "all are sent")
        found = client.take("orders", 4000)
    assert [one["text"] for one in found] == sent
