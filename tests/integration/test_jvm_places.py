"""Java source tasks hear where their records were stored, by the real broker's answers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as Place
from confluent_kafka.admin import AdminClient, NewTopic
from tests.parts.broker import KafkaBroker
from tests.parts.java_probe import java_probe
from tests.workers import PenstockWorker, cluster, eventually, worker

pytestmark = pytest.mark.integration

SOURCE = "probe.ProbeSource"


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A plugin path with the probe's jar."""
    return java_probe(tmp_path_factory.mktemp("plugins"))


@contextlib.contextmanager
def running(
    way: str, broker: KafkaBroker, folder: Path, plugin_path: str
) -> Iterator[PenstockWorker]:
    """Run a worker alone, or one of a cluster with exactly-once sources."""
    if way == "at-least-once":
        with worker(broker.bootstrap_servers, folder, plugin_path=plugin_path) as one:
            yield one
        return
    more = {"plugin_path": plugin_path, "exactly_once_source_support": "enabled"}
    with cluster(broker.bootstrap_servers, folder, "jvm-places", 1, **more) as members:
        yield members[0]


def stored(broker: KafkaBroker, topic: str, partitions: int) -> dict[str, tuple[str, ...]]:
    """Return the place of each value as a reader finds it: topic, partition, offset, timestamp."""
    found = {}
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": "jvm-places-reader",
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        }
    )
    consumer.assign([Place(topic, one, 0) for one in range(partitions)])
    ended = 0
    while ended < partitions:
        message = consumer.poll(10)
        assert message is not None, "the reader waits in vain"
        if message.error() is not None:
            ended += 1
            continue
        place = (topic, str(message.partition()), str(message.offset()))
        found[message.value().decode()] = (*place, str(message.timestamp()[1]))
    consumer.close()
    return found


@pytest.mark.parametrize("way", ["at-least-once", "exactly-once"])
def test_java_hears_topic_partition_offset_and_timestamp_of_its_own_records(
    way: str, plugins: str, tmp_path: Path, kafka_broker: KafkaBroker
) -> None:
    told = tmp_path / "told"
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap_servers})
    even, odd = f"{way}-even", f"{way}-odd"
    made = admin.create_topics([NewTopic(even, 3), NewTopic(odd, 2)])
    for future in made.values():
        future.result(30)
    source = {
        "connector.class": SOURCE,
        "mode": "places",
        "told": str(told),
        "transforms": "shout,far",
        "transforms.shout.type": "probe.Shout",
        "transforms.shout.drop": "value 3",
        "transforms.far.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.far.regex": "(.*)",
        "transforms.far.replacement": f"{way}-$1",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    }

    def lines() -> list[list[str]]:
        return [line.split() for line in told.read_text().splitlines()] if told.exists() else []

    with running(way, kafka_broker, tmp_path, plugins) as one:
        one.put("src", source)
        eventually(lambda: len(lines()) >= 10, what="each record is told of")
    by_value = stored(kafka_broker, even, 3) | stored(kafka_broker, odd, 2)
    assert len(by_value) == 9
    expected = {str(n): by_value[f"VALUE {n}"] if n != 3 else ("nowhere",) for n in range(10)}
    assert {number: tuple(place) for number, *place in lines()[:10]} == expected
    assert lines()[10:] == [["stopped"]]
