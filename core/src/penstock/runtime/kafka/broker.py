"""Apache Kafka behind the broker port."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from penstock.runtime.kafka.admin import KafkaAdmin
from penstock.runtime.kafka.consumer import KafkaConsumer, KafkaReader
from penstock.runtime.kafka.features import has_feature
from penstock.runtime.kafka.producer import KafkaProducer
from penstock.runtime.kafka.properties import ClientKind, Translation, translate
from penstock.runtime.kafka.stores import with_pem_texts
from penstock.runtime.kafka.tls_probe import tls_problem

__all__ = ["KafkaBroker"]

log = logging.getLogger(__name__)


class KafkaBroker:
    """Makes librdkafka clients from Apache client properties."""

    def producer(
        self, properties: Mapping[str, str], *, client_id: str, precise: bool = False
    ) -> KafkaProducer:
        """See :class:`penstock.runtime.broker.Broker`."""
        found = _translated(properties, ClientKind.PRODUCER, client_id)
        # Counting acknowledgements needs the order that idempotence or one request at a time keep.
        ordered = (
            found.config.get("enable.idempotence") is True
            or found.config.get("max.in.flight.requests.per.connection") == 1
        )
        return KafkaProducer(
            {**found.config, "client.id": client_id},
            precise=precise or not ordered,
            bytes_max=found.runtime["buffer.memory"],
        )

    def consumer(
        self, properties: Mapping[str, str], *, client_id: str, group_id: str
    ) -> KafkaConsumer:
        """See :class:`penstock.runtime.broker.Broker`."""
        found = _translated(properties, ClientKind.CONSUMER, client_id)
        return KafkaConsumer({**found.config, "client.id": client_id, "group.id": group_id})

    def reader(self, properties: Mapping[str, str], *, client_id: str) -> KafkaReader:
        """See :class:`penstock.runtime.broker.Broker`."""
        found = _translated(properties, ClientKind.CONSUMER, client_id)
        return KafkaReader({**found.config, "client.id": client_id})

    def admin(self, properties: Mapping[str, str], *, client_id: str) -> KafkaAdmin:
        """See :class:`penstock.runtime.broker.Broker`."""
        found = _translated(properties, ClientKind.ADMIN, client_id)
        bootstrap = properties.get("bootstrap.servers", "")
        return KafkaAdmin(
            {**found.config, "client.id": client_id},
            bootstrap=bootstrap,
            probe=lambda: tls_problem(properties),
        )

    def settings(
        self, properties: Mapping[str, str], kind: ClientKind, *, client_id: str
    ) -> dict[str, Any]:
        """Return librdkafka's settings of a client that the port does not have."""
        found = _translated(properties, kind, client_id)
        return {**found.config, "client.id": client_id}


def _translated(properties: Mapping[str, str], kind: ClientKind, who: str) -> Translation:
    found = translate(with_pem_texts(properties), kind, gssapi=has_feature("sasl_gssapi"), who=who)
    for note in found.unsupported:
        log.warning("%s: %s", who, note)
    for note in found.ignored:
        log.debug("%s: %s", who, note)
    return found
