"""Apache Kafka behind the broker port."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from penstock.errors import BrokerError, RetriableError
from penstock.runtime.kafka.admin import KafkaAdmin
from penstock.runtime.kafka.consumer import KafkaConsumer, KafkaReader
from penstock.runtime.kafka.features import has_feature
from penstock.runtime.kafka.oauth_allowed import split_allowed
from penstock.runtime.kafka.producer import KafkaProducer
from penstock.runtime.kafka.properties import ClientKind, Translation, translate
from penstock.runtime.kafka.stores import with_pem_texts
from penstock.runtime.kafka.tls_probe import tls_problem
from penstock.runtime.kafka.transactions import KafkaTransactionalProducer

__all__ = ["KafkaBroker"]

log = logging.getLogger(__name__)


class KafkaBroker:
    """Makes librdkafka clients from Apache client properties."""

    def producer(
        self,
        properties: Mapping[str, str],
        *,
        client_id: str,
        precise: bool = False,
        places: bool = False,
    ) -> KafkaProducer:
        """See :class:`penstock.runtime.broker.Broker`."""
        found = _translated(properties, ClientKind.PRODUCER, client_id)
        # Counting acknowledgements needs the order that idempotence or one request at a time keep.
        ordered = (
            found.config.get("enable.idempotence") is True
            or found.config.get("max.in.flight.requests.per.connection") == 1
        )
        return KafkaProducer(
            _config(found, client_id),
            precise=precise or not ordered,
            places=places,
            bytes_max=found.runtime["buffer.memory"],
        )

    def transactional_producer(
        self, properties: Mapping[str, str], *, client_id: str, places: bool = False
    ) -> KafkaTransactionalProducer:
        """See :class:`penstock.runtime.broker.Broker`."""
        found = _translated(properties, ClientKind.PRODUCER, client_id, transactional=True)
        return KafkaTransactionalProducer(
            _config(found, client_id), bytes_max=found.runtime["buffer.memory"], places=places
        )

    def consumer(
        self, properties: Mapping[str, str], *, client_id: str, group_id: str
    ) -> KafkaConsumer:
        """See :class:`penstock.runtime.broker.Broker`."""
        found = _translated(properties, ClientKind.CONSUMER, client_id)
        return KafkaConsumer({**_config(found, client_id), "group.id": group_id})

    def reader(self, properties: Mapping[str, str], *, client_id: str) -> KafkaReader:
        """See :class:`penstock.runtime.broker.Broker`."""
        found = _translated(properties, ClientKind.CONSUMER, client_id)
        return KafkaReader(_config(found, client_id))

    def admin(self, properties: Mapping[str, str], *, client_id: str) -> KafkaAdmin:
        """See :class:`penstock.runtime.broker.Broker`."""
        found = _translated(properties, ClientKind.ADMIN, client_id)
        bootstrap = properties.get("bootstrap.servers", "")
        return KafkaAdmin(
            _config(found, client_id),
            bootstrap=bootstrap,
            probe=lambda: tls_problem(properties),
        )

    def settings(
        self,
        properties: Mapping[str, str],
        kind: ClientKind,
        *,
        client_id: str,
        transactional: bool = False,
    ) -> dict[str, Any]:
        """Return librdkafka's settings of a client that the port does not have."""
        found = _translated(properties, kind, client_id, transactional=transactional)
        return _config(found, client_id)


def _translated(
    properties: Mapping[str, str], kind: ClientKind, who: str, *, transactional: bool = False
) -> Translation:
    own, allowed = split_allowed(properties)
    found = translate(
        with_pem_texts(own),
        kind,
        transactional=transactional,
        oauth_urls=allowed.urls,
        oauth_files=allowed.files,
        gssapi=has_feature("sasl_gssapi"),
        who=who,
    )
    for note in found.unsupported:
        log.warning("%s: %s", who, note)
    for note in found.ignored:
        log.debug("%s: %s", who, note)
    return found


def _config(found: Translation, client_id: str) -> dict[str, Any]:
    """Return librdkafka's settings, with the first token at hand where it needs tokens.

    librdkafka waits ten seconds for the first one and does not tell why it does not come.
    """
    config: dict[str, Any] = {**found.config, "client.id": client_id}
    if found.tokens is not None:
        # Imported where it is used: an HTTP client takes its time.
        from penstock.runtime.kafka.oauth_tokens import token_source  # noqa: PLC0415

        source = token_source(found.tokens)
        try:
            source.token()
        except RetriableError as problem:
            raise BrokerError(str(problem)) from problem
        config["oauth_cb"] = source.for_librdkafka
    return config
