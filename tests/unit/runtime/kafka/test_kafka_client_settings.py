"""Which properties reach which client of a connector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from penstock.errors import ConfigError, Problem
from penstock.runtime.kafka.client_settings import ClientRole, ClientSettings, split_prefix
from penstock.runtime.kafka.properties import ClientKind, translate

WORKER = {
    "bootstrap.servers": "b:1",
    "security.protocol": "SSL",
    "client.id": "worker",
    "key.converter": "x",
    "librdkafka.log_level": "3",
    "linger.ms": "9",
    "producer.linger.ms": "1",
    "producer.security.protocol": "SASL_SSL",
    "consumer.fetch.min.bytes": "2",
    "admin.retry.backoff.ms": "3",
}
CONNECTOR = {
    "name": "orders",
    "producer.override.linger.ms": "4",
    "consumer.override.group.id": "mine",
    "admin.override.client.id": "me",
    "linger.ms": "77",
}


def split(role: ClientRole, connector: Mapping[str, str] = CONNECTOR) -> ClientSettings:
    return split_prefix(WORKER, connector, role=role, connector="orders", task=3)


def test_a_producer_gets_the_address_and_what_is_prefixed() -> None:
    found = split(ClientRole.SOURCE_PRODUCER)
    assert found.properties == {
        "bootstrap.servers": "b:1",
        "client.id": "connector-producer-orders-3",
        "acks": "all",
        "delivery.timeout.ms": "2147483647",
        "linger.ms": "4",
        "security.protocol": "SASL_SSL",
    }
    assert (found.client_id, found.group_id) == ("connector-producer-orders-3", "")


def test_a_consumer_starts_at_the_earliest_in_its_connectors_group() -> None:
    found = split(ClientRole.SINK_CONSUMER, {})
    assert found.properties == {
        "bootstrap.servers": "b:1",
        "client.id": "connector-consumer-orders-3",
        "group.id": "connect-orders",
        "enable.auto.commit": "false",
        "auto.offset.reset": "earliest",
        "fetch.min.bytes": "2",
    }
    assert found.group_id == "connect-orders"
    assert split(ClientRole.SINK_CONSUMER).group_id == "mine"
    translate(found.properties, ClientKind.CONSUMER)


def test_an_admin_client_gets_the_workers_own_client_properties_too() -> None:
    found = split(ClientRole.ADMIN, {})
    assert found.properties == {
        "bootstrap.servers": "b:1",
        "client.id": "worker",
        "security.protocol": "SSL",
        "librdkafka.log_level": "3",
        "retry.backoff.ms": "3",
    }
    assert split(ClientRole.ADMIN).client_id == "me"


def test_the_ids_of_the_dead_letter_clients() -> None:
    no_worker = split_prefix({}, {}, role=ClientRole.DLQ_ADMIN, connector="c", task=0)
    assert no_worker.properties == {"client.id": "connector-dlq-adminclient-c-0"}
    assert split(ClientRole.DLQ_PRODUCER).client_id == "connector-dlq-producer-orders-3"


def test_exactly_once_replaces_the_users_values_and_says_so() -> None:
    found = split_prefix(
        {},
        {"producer.override.enable.idempotence": "false"},
        role=ClientRole.SOURCE_PRODUCER,
        connector="c",
        task=0,
        transactional_id="group-c-0",
    )
    assert found.properties["enable.idempotence"] == "true"
    assert found.properties["transactional.id"] == "group-c-0"
    assert [note.key for note in found.ignored] == ["enable.idempotence"]


def test_the_policy_judges_the_overrides_without_their_prefix() -> None:
    asked: list[object] = []

    def policy(kind: ClientKind, overrides: Mapping[str, str]) -> Sequence[Problem]:
        asked.append((kind, dict(overrides)))
        return [Problem(key, "no") for key in overrides]

    with pytest.raises(ConfigError) as caught:
        split_prefix(
            WORKER,
            CONNECTOR,
            role=ClientRole.SINK_CONSUMER,
            connector="orders",
            task=0,
            policy=policy,
        )
    assert asked == [(ClientKind.CONSUMER, {"group.id": "mine"})]
    assert [problem.key for problem in caught.value.problems] == ["consumer.override.group.id"]
    assert str(caught.value) == "connector 'orders': no"


def test_settings_do_not_print_their_properties() -> None:
    connector = {"producer.override.sasl.jaas.config": "hunter2"}
    assert "hunter2" not in repr(split(ClientRole.SOURCE_PRODUCER, connector))
