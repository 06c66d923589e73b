"""The JMS source beside a real Artemis broker and a real Kafka, in hosts of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.artemis import Artemis, JmsClient, jars_folder
from tests.parts.broker import KafkaBroker
from tests.parts.task_lab import TaskLab, committed
from tests.workers import eventually

from penstock.runtime.broker import TopicSpec
from penstock.runtime.host.messages import Pause
from penstock.runtime.model import TaskId

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jars_folder(tmp_path_factory.mktemp("jars"))


@pytest.fixture
def artemis(tmp_path: Path) -> Iterator[Artemis]:
    with Artemis(tmp_path / "artemis") as broker:
        yield broker


@pytest.fixture
def client(artemis: Artemis) -> Iterator[JmsClient]:
    with JmsClient(artemis.url) as made:
        yield made


def keys(artemis: Artemis, jars: Path, queue: str, topic: str, **more: str) -> dict[str, str]:
    return {
        "connector.class": "JmsSource",
        "topic": topic,
        "jms.url": artemis.url,
        "jms.destination": queue,
        "mq.client.jars": str(jars),
        **{name.replace("_", "."): value for name, value in more.items()},
    }


@pytest.fixture
def lab(kafka_broker: KafkaBroker, tmp_path: Path) -> Iterator[TaskLab]:
    with TaskLab(kafka_broker.bootstrap_servers, tmp_path) as made:
        made.admin.create_topics([TopicSpec(made.name)], 30)
        yield made


def seen(lab: TaskLab) -> list[str]:
    return committed(lab.bootstrap, lab.name)


def test_messages_become_records_and_leave_the_queue(
    lab: TaskLab, artemis: Artemis, client: JmsClient, jars: Path
) -> None:
    client.put("rides", ["1", "2", "3"])
    host = lab.start("mq", keys(artemis, jars, "rides", lab.name), exactly_once=False)
    eventually(lambda: lab.failed or seen(lab) == ["1", "2", "3"], 30, "all arrive")
    assert not lab.failed
    lab.stop("mq", host)
    assert client.take("rides") == []


def kill(lab: TaskLab, host: int) -> None:
    os.kill(eventually(lambda: lab.pid("mq"), 30, "there is a host"), signal.SIGKILL)
    lab.gone(host)


@pytest.mark.chaos
def test_nothing_is_lost_when_host_and_provider_are_killed(
    lab: TaskLab, artemis: Artemis, client: JmsClient, jars: Path
) -> None:
    sent = [str(number) for number in range(2000)]
    config = keys(artemis, jars, "rides", lab.name, mq_batch_size="50")
    client.put("rides", sent)
    host = lab.start("mq", config, exactly_once=False)
    eventually(lambda: lab.failed or seen(lab), 30, "something arrives")
    kill(lab, host)
    host = lab.start("mq", config, exactly_once=False)
    artemis.kill()
    artemis.start()
    eventually(lambda: lab.failed or set(seen(lab)) == set(sent), 40, "all arrive")
    assert not [one for one in lab.failed if "exit" not in str(one)]
    lab.stop("mq", host)
    with JmsClient(artemis.url) as again:
        assert again.take("rides") == []


def test_exactly_once_is_that_when_host_and_provider_are_killed(
    lab: TaskLab, artemis: Artemis, client: JmsClient, jars: Path
) -> None:
    sent = [str(number) for number in range(2000)]
    config = keys(
        artemis,
        jars,
        "rides",
        lab.name,
        mq_batch_size="50",
        mq_exactly_once_state_queue="state",
    )
    client.put("rides", sent)
    host = lab.start("mq", config)
    eventually(lambda: lab.failed or seen(lab), 30, "something arrives")
    kill(lab, host)
    lab.start("mq", config)
    before = len(seen(lab))
    eventually(lambda: lab.failed or len(seen(lab)) > before, 30, "it goes on")
    artemis.kill()
    artemis.start()
    eventually(lambda: lab.failed or set(seen(lab)) == set(sent), 40, "all arrive")
    assert sorted(seen(lab), key=int) == sent


def test_message_that_gives_no_record_stops_the_task_and_stays(
    lab: TaskLab, artemis: Artemis, client: JmsClient, jars: Path
) -> None:
    client.put_as("rides", "map", "1")
    lab.start("mq", keys(artemis, jars, "rides", lab.name), exactly_once=False)
    eventually(lambda: lab.failed, 30, "the task fails")
    assert "Unsupported JMS message type" in str(lab.failed[0])
    eventually(lambda: client.count("rides") == 1, 10, "it is on the queue again")


def test_paused_task_holds_no_message(
    lab: TaskLab, artemis: Artemis, client: JmsClient, jars: Path
) -> None:
    client.put("rides", ["1", "2"], JMSCorrelationID="ID:k", Colour="red", Size=7)
    config = keys(
        artemis,
        jars,
        "rides",
        lab.name,
        mq_jms_properties_copy_to_kafka_headers="true",
        mq_record_builder_key_header="JMSCorrelationID",
    )
    host = lab.start("mq", config, exactly_once=False)
    eventually(lambda: lab.failed or seen(lab) == ["1", "2"], 30, "they arrive")
    lab.worker.send(TaskId("mq", 0), Pause())
    kill(lab, host)
    assert client.take("rides") == []
