"""Who looks at topics of a real broker: at new ones, and at such as are not there."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from tests.parts.broker import KafkaBroker as Part

from penstock.errors import NotFoundError
from penstock.runtime.kafka.broker import KafkaBroker

pytestmark = pytest.mark.integration
TOPICS = 10


def test_a_topic_that_was_just_made_can_be_looked_at(kafka_broker: Part) -> None:
    """Its leader may not know yet that it is one."""
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap_servers})
    at = {"bootstrap.servers": kafka_broker.bootstrap_servers}
    reader = KafkaBroker().reader(at, client_id="look")
    for _ in range(TOPICS):
        topic = f"new-{uuid.uuid4().hex}"
        for made in admin.create_topics([NewTopic(topic, 3, 1)]).values():
            made.result(30)
        assert reader.bounds(topic, 10) == dict.fromkeys(range(3), (0, 0))
    reader.close()


def test_looking_makes_no_topic(kafka_broker: Part) -> None:
    topic = f"absent-{uuid.uuid4().hex}"
    at = {"bootstrap.servers": kafka_broker.bootstrap_servers}
    reader = KafkaBroker().reader(at, client_id="look")
    for _ in range(2):
        with pytest.raises(NotFoundError, match=f"there is no topic '{topic}'"):
            reader.bounds(topic, 10)
    reader.close()
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap_servers})
    assert topic not in admin.list_topics(timeout=10).topics
