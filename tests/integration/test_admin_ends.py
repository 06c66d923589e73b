"""The ends of an internal topic, asked of a broker that was away: the truth, or no answer."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from tests.parts.broker import KafkaBroker

from penstock.errors import StorageError
from penstock.runtime.kafka.admin import KafkaAdmin

pytestmark = pytest.mark.integration
TIMEOUT_S = 20.0
RECORDS = 5


@pytest.fixture
def broker() -> Iterator[KafkaBroker]:
    """A broker of its own, for others must not be in the way when it ends."""
    with KafkaBroker() as running:
        yield running


def filled(bootstrap: str) -> str:
    """Make a topic of three partitions with some records in each; return its name."""
    topic = f"t-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 3, 1)])[topic].result(30)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    for _ in range(RECORDS):
        for partition in range(3):
            producer.produce(topic, value=b"x", partition=partition)
    assert producer.flush(30) == 0
    return topic


def refused(admin: KafkaAdmin, topic: str) -> None:
    """Ask in vain."""
    with pytest.raises(StorageError, match=f"does not tell the end of topic '{topic}'"):
        admin.end_offsets(topic, 1, 1.0)


def test_the_ends_after_a_restart_are_those_of_the_new_leader(broker: KafkaBroker) -> None:
    """The client's epoch of the leader is over then: FENCED_LEADER_EPOCH, until it looks again."""
    topic = filled(broker.bootstrap_servers)
    wanted = dict.fromkeys(range(3), RECORDS)
    with (
        contextlib.closing(
            KafkaAdmin(
                {"bootstrap.servers": broker.bootstrap_servers}, bootstrap=broker.bootstrap_servers
            )
        ) as admin,
        ThreadPoolExecutor(1) as thread,
    ):
        assert admin.end_offsets(topic, 3, TIMEOUT_S) == wanted
        for _ in range(2):
            # Asked while it is away, too: nothing that it says on its way is to be believed.
            broker.terminate()
            asked = thread.submit(admin.end_offsets, topic, 3, TIMEOUT_S)
            broker.start()
            assert asked.result(2 * TIMEOUT_S) == wanted
            began_s = time.monotonic()
            assert admin.end_offsets(topic, 3, TIMEOUT_S) == wanted
            assert time.monotonic() - began_s < TIMEOUT_S / 2


def test_a_topic_that_is_gone_has_no_ends_and_is_not_made_by_asking(broker: KafkaBroker) -> None:
    """A broker makes unknown topics when it is asked about them by name, unless it is told not."""
    servers = broker.bootstrap_servers
    with contextlib.closing(KafkaAdmin({"bootstrap.servers": servers}, bootstrap=servers)) as admin:
        for _ in range(2):
            refused(admin, "gone")
    known = AdminClient({"bootstrap.servers": servers}).list_topics(timeout=30).topics
    assert "gone" not in known
