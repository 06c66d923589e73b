"""MirrorMaker 2, written in Java, in a Python worker: from one real broker to another."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tests.parts.broker import KafkaBroker
from tests.workers import eventually, worker

from penstock_jvm import resolve

pytestmark = [pytest.mark.integration, pytest.mark.chaos]  # half a minute, for six machines

MIRROR = "org.apache.kafka.connect.mirror."
TOPIC, GROUP = "orders", "billing"
BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"
NOT_WANTED = ("jetty", "jersey", "jakarta", "swagger", "kafka-clients")
NOON = int(time.time()) // 60 * 60_000  # a broker deletes what is a week old
SYNCS = "mm2-offset-syncs.west.internal"
Row = tuple[bytes | None, bytes | None, list[tuple[str, bytes]], int]


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A plugin path with the unpacked package of connect-mirror, without its REST server."""
    path = tmp_path_factory.mktemp("plugins")
    package = path / "connect-mirror"
    package.mkdir()
    for jar in resolve(["org.apache.kafka:connect-mirror:4.3.1"]):
        if not jar.name.startswith(NOT_WANTED):
            shutil.copy(jar, package)
    return str(path)


@pytest.fixture
def east() -> Iterator[KafkaBroker]:
    """A cluster to mirror from."""
    with KafkaBroker() as broker:
        broker.open_groups()
        yield broker


def produce(broker: KafkaBroker, topic: str, rows: Mapping[int, list[Row]]) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for partition, records in rows.items():
        for key, value, headers, stamp in records:
            producer.produce(topic, value, key, partition, headers=headers, timestamp=stamp)
    assert producer.flush(30) == 0


def read(broker: KafkaBroker, topic: str, partition: int) -> list[Row]:
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": "reader",
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0)])
    rows: list[Row] = []
    while True:
        message = consumer.poll(10)
        assert message is not None, "the reader waits in vain"
        if message.error() is not None:
            break
        headers = [(name, value) for name, value in message.headers() or []]
        rows.append((message.key(), message.value(), headers, message.timestamp()[1]))
    consumer.close()
    return rows


def rows_of(partition: int, start: int, stop: int) -> list[Row]:
    """Rows with keys, headers that repeat, timestamps of their own, and nulls among them."""
    return [
        (
            None if n % 5 == 0 else b"key %d-%d" % (partition, n),
            None if n % 7 == 0 else b"\x00value %d" % n,
            [("trace", b"%d" % n), ("trace", b"\xff")] if n % 3 else [],
            NOON + n,
        )
        for n in range(start, stop)
    ]


def topics(broker: KafkaBroker) -> set[str]:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    return set(admin.list_topics(timeout=30).topics)


def group_offsets(broker: KafkaBroker, group: str) -> dict[tuple[str, int], int]:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    (found,) = [future.result(30) for future in asked.values()]
    return {
        (one.topic, one.partition): one.offset for one in found.topic_partitions if one.offset >= 0
    }


def test_topics_headers_timestamps_and_group_offsets_are_mirrored(
    plugins: str, tmp_path: Path, east: KafkaBroker, kafka_broker: KafkaBroker
) -> None:
    west = kafka_broker
    for broker, topic in ((east, TOPIC), (west, f"east.{TOPIC}")):
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        for future in admin.create_topics([NewTopic(topic, 2)]).values():
            future.result(30)
    # Places differ on both sides: a translation that assumes them equal is seen.
    before = {0: rows_of(0, 100, 104), 1: rows_of(1, 100, 111)}
    produce(west, f"east.{TOPIC}", before)
    first = {0: rows_of(0, 0, 40), 1: rows_of(1, 0, 25)}
    produce(east, TOPIC, first)
    member = Consumer({"bootstrap.servers": east.bootstrap_servers, "group.id": GROUP})
    member.commit(
        offsets=[TopicPartition(TOPIC, 0, 40), TopicPartition(TOPIC, 1, 25)], asynchronous=False
    )
    member.close()
    both = {
        "source.cluster.alias": "east",
        "target.cluster.alias": "west",
        "source.cluster.bootstrap.servers": east.bootstrap_servers,
        "target.cluster.bootstrap.servers": west.bootstrap_servers,
        "key.converter": BYTES,
        "value.converter": BYTES,
        "header.converter": BYTES,
        "topics": TOPIC,
        "groups": GROUP,
        "replication.factor": "1",
        "jvm.options": "-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    }
    source = {
        **both,
        "connector.class": f"{MIRROR}MirrorSourceConnector",
        "offset-syncs.topic.replication.factor": "1",
        "offset.lag.max": "0",
        "sync.topic.acls.enabled": "false",
    }
    checkpoints = {
        **both,
        "connector.class": f"{MIRROR}MirrorCheckpointConnector",
        "checkpoints.topic.replication.factor": "1",
        "emit.checkpoints.interval.seconds": "1",
        "sync.group.offsets.enabled": "true",
        "sync.group.offsets.interval.seconds": "1",
    }
    beats = {
        **both,
        "connector.class": f"{MIRROR}MirrorHeartbeatConnector",
        "heartbeats.topic.replication.factor": "1",
        "emit.heartbeats.interval.seconds": "1",
    }
    with worker(west.bootstrap_servers, tmp_path, plugin_path=plugins) as running:
        running.put("mirror", source)
        eventually(lambda: SYNCS in topics(east), what="the topic of offset syncs is made")
        running.put("checkpoints", checkpoints)
        running.put("beats", beats)
        expected = {(f"east.{TOPIC}", 0): 44, (f"east.{TOPIC}", 1): 36}
        eventually(lambda: group_offsets(west, GROUP) == expected, 40, "the group is translated")
        assert running.request("POST", "/connectors/mirror/restart?includeTasks=true").is_success
        running.wait_running("mirror")
        produce(east, TOPIC, {1: rows_of(1, 25, 30)})
        whole = {0: before[0] + first[0], 1: before[1] + rows_of(1, 0, 30)}
        eventually(
            lambda: len(read(west, f"east.{TOPIC}", 1)) >= len(whole[1]), 20, "more is mirrored"
        )
        eventually(lambda: read(west, "heartbeats", 0), 20, "a heart beats")
    assert {one: read(west, f"east.{TOPIC}", one) for one in (0, 1)} == whole
