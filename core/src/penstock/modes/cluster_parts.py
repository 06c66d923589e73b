"""What a worker of a cluster is made of beside hosts and herder: topics, writer, membership."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from penstock.runtime.cluster_settings import ClusterSettings, topic_settings
from penstock.runtime.herder.cluster.events import ConfigRead, StatusRead
from penstock.runtime.kafka.admin import KafkaAdmin
from penstock.runtime.kafka.broker import KafkaBroker
from penstock.runtime.kafka.internal_topics import InternalTopic, ensure_topics
from penstock.runtime.kafka.leader_writer import TransactionalWriter
from penstock.runtime.kafka.properties import ClientKind
from penstock.runtime.kafka.topic_log import LogRecord, TopicLog, TopicWriter
from penstock.runtime.storage.logs import ConfigLog, StatusLog
from penstock.runtime.storage.offset_log import TopicOffsetStore

__all__ = ["Topics", "open_topics"]

log = logging.getLogger(__name__)

READ_TIMEOUT_S: Final = 60.0
OFFSETS_WAIT_S: Final = 5.0
CLOSE_TIMEOUT_S: Final = 2.0
ENDS_TIMEOUT_S: Final = 10.0
WRITE_TIMEOUT_MS: Final = 30_000


@attrs.frozen
class Topics:
    """The three internal topics of a cluster, read by threads of their own."""

    admin: KafkaAdmin
    writer: TopicWriter
    config: ConfigLog
    status: StatusLog
    offsets: TopicOffsetStore

    def start(self) -> None:
        """Read all three to their ends; raises StorageError when that is not possible."""
        # The statuses first: the herder asks for them as soon as it knows the connectors.
        status, offsets = self.status.start(), self.offsets.start()
        status.result(READ_TIMEOUT_S)
        # A dead task's transaction may hide the newest offsets until that task is fenced, which
        # takes a worker. So the worker begins; whoever asks for offsets waits for the rest.
        with contextlib.suppress(TimeoutError):
            offsets.result(OFFSETS_WAIT_S)
        self.config.start().result(READ_TIMEOUT_S)

    def close(self) -> None:
        """Write what waits, and release everything."""
        self.writer.close(CLOSE_TIMEOUT_S)
        for one in (self.config, self.status, self.offsets):
            one.close(CLOSE_TIMEOUT_S)
        self.admin.close()


def open_topics(
    settings: ClusterSettings, raw: Mapping[str, str], post: Callable[[object], None]
) -> Topics:
    """Connect to the internal topics, creating what is missing.

    Args:
        settings: the worker's.
        raw: its properties as texts; the client properties among them are used.
        post: hands an event to the herder; any thread may call it.

    Raises:
        StartupError: a topic is unfit.
        BrokerError: nobody answers.
    """
    broker = KafkaBroker()
    name = settings.client_id or f"connect-{settings.group_id}"
    admin = broker.admin(_client(raw), client_id=f"{name}-shared-admin")
    partitions = ensure_topics(admin, _wanted(settings, raw))
    writer = TopicWriter(
        broker.settings(
            {**_client(raw), **_WRITER}, ClientKind.PRODUCER, client_id=f"{name}-topics"
        )
    )

    committed = settings.exactly_once_source_support == "enabled"

    def opener(
        topic: str, kind: str, *, committed: bool = False
    ) -> Callable[[Callable[[Sequence[LogRecord]], None]], TopicLog]:
        client = {**_client(raw), **(_COMMITTED if committed else {})}
        config = broker.settings(client, ClientKind.CONSUMER, client_id=f"{name}-{kind}")
        count = partitions[topic]
        return lambda on_records: TopicLog(
            topic,
            count,
            config,
            lambda: admin.end_offsets(topic, count, ENDS_TIMEOUT_S),
            on_records,
        )

    config_topic, status_topic = settings.config_storage_topic, settings.status_storage_topic
    return Topics(
        admin=admin,
        writer=writer,
        config=ConfigLog(
            config_topic,
            opener(config_topic, "configs", committed=committed),
            writer,
            _leaders_writer(broker, settings, raw),
            lambda changes, snapshot: post(ConfigRead(changes, snapshot)),
        ),
        status=StatusLog(
            status_topic,
            opener(status_topic, "statuses"),
            writer,
            lambda told: post(StatusRead(told)),
        ),
        offsets=TopicOffsetStore(
            settings.offset_storage_topic,
            opener(settings.offset_storage_topic, "offsets", committed=committed),
            writer,
        ),
    )


def _leaders_writer(
    broker: KafkaBroker, settings: ClusterSettings, raw: Mapping[str, str]
) -> TransactionalWriter | None:
    """Return the writer that fences former leaders (source: KafkaConfigBackingStore)."""
    if settings.exactly_once_source_support == "disabled":
        return None
    name = f"connect-cluster-{settings.group_id}"
    properties = {
        **_client(raw),
        "acks": "all",
        "linger.ms": "0",
        "transactional.id": name,
        "delivery.timeout.ms": str(WRITE_TIMEOUT_MS),
        "request.timeout.ms": str(WRITE_TIMEOUT_MS // 2),
    }
    return TransactionalWriter(
        broker.settings(
            properties, ClientKind.PRODUCER, client_id=f"{name}-leader", transactional=True
        )
    )


_COMMITTED: Final = {"isolation.level": "read_committed"}
_WRITER: Final = {
    "acks": "all",
    "linger.ms": "0",
    "enable.idempotence": "false",
    "max.in.flight.requests.per.connection": "1",
    "delivery.timeout.ms": str(WRITE_TIMEOUT_MS),
    "request.timeout.ms": str(WRITE_TIMEOUT_MS // 2),
}
"""As the original's: no record is written twice out of order, and none is reported too early."""


def _client(raw: Mapping[str, str]) -> dict[str, str]:
    """Return the worker's properties that are a client's."""
    prefixes = (
        *("bootstrap.", "security.", "ssl.", "sasl.", "client.dns", "librdkafka."),
        "org.apache.kafka.sasl.oauthbearer.",
    )
    return {key: value for key, value in raw.items() if key.startswith(prefixes)}


def _wanted(settings: ClusterSettings, raw: Mapping[str, str]) -> list[InternalTopic]:
    return [
        InternalTopic(
            "config.storage.topic",
            settings.config_storage_topic,
            1,
            settings.config_storage_replication_factor,
            exactly=True,
            settings=topic_settings(raw, "config.storage."),
        ),
        InternalTopic(
            "offset.storage.topic",
            settings.offset_storage_topic,
            settings.offset_storage_partitions,
            settings.offset_storage_replication_factor,
            settings=topic_settings(raw, "offset.storage."),
        ),
        InternalTopic(
            "status.storage.topic",
            settings.status_storage_topic,
            settings.status_storage_partitions,
            settings.status_storage_replication_factor,
            settings=topic_settings(raw, "status.storage."),
        ),
    ]
