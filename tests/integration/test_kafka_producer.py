"""The producer port on a real broker: rows with timestamps and headers travel as one run."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, TopicPartition
from tests.parts.broker import KafkaBroker
from tests.workers import eventually

from penstock.runtime.broker import Delivery, EncodedBatch
from penstock.runtime.kafka.broker import KafkaBroker as Port

pytestmark = pytest.mark.integration

STAMP = 1_795_000_000_000


def test_a_row_that_is_too_large_is_refused_alone_and_its_neighbours_are_stored_in_order(
    kafka_broker: KafkaBroker,
) -> None:
    topic = "producer-run"
    properties = {
        "bootstrap.servers": kafka_broker.bootstrap_servers,
        "max.request.size": "10000",
    }
    producer = Port().producer(properties, client_id="run")
    values = [None if n % 9 == 0 else b"value %d" % n for n in range(1000)]
    values[400] = values[999] = b"x" * 20_000
    batch = EncodedBatch(
        topic,
        values,
        keys=[b"%d" % n for n in range(1000)],
        timestamps=[STAMP + n for n in range(1000)],
        headers=[[("n", b"%d" % n), ("n", None)] if n % 2 else [] for n in range(1000)],
    )
    # A topic that is new has no partition count yet: the first rows go where the client chooses.
    assert producer.send(EncodedBatch(topic, [b"first"], timestamps=[STAMP]), 1) == 1
    told: list[Delivery] = []

    def rows(token: int, *, good: bool) -> list[int]:
        told.extend(producer.poll(0.05))
        chosen = [one for one in told if one.token == token and (one.error is None) == good]
        return sorted(row for one in chosen for row in range(one.start, one.stop))

    eventually(lambda: rows(1, good=True) == [0], what="the topic is there")
    assert producer.send(batch, 2) == 1000
    fine = [n for n in range(1000) if n not in (400, 999)]
    eventually(lambda: rows(2, good=True) == fine, what="each good row is acknowledged once")
    assert rows(2, good=False) == [400, 999]
    producer.close(5)

    reader = Consumer({"bootstrap.servers": kafka_broker.bootstrap_servers, "group.id": "run"})
    reader.assign([TopicPartition(topic, 0, 1)])
    found = []
    while len(found) < len(fine):
        messages = reader.consume(1000, 10)
        assert messages, "the reader waits in vain"
        found += messages
    reader.close()
    assert [one.key() for one in found] == [b"%d" % n for n in fine]
    assert [one.value() for one in found] == [values[n] for n in fine]
    assert [one.timestamp()[1] for one in found] == [STAMP + n for n in fine]
    assert [one.headers() for one in found] == [
        [("n", b"%d" % n), ("n", None)] if n % 2 else None for n in fine
    ]
