"""Which topics hold a source task's offsets; one of the connector's own is made and read here.

(source: Worker.offsetStoreForExactlyOnceSourceTask, offsetStoreForRegularSourceTask)
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

import attrs

from penstock.config import ConfigSpec
from penstock.errors import ConnectError, StartupError
from penstock.runtime.broker import Broker
from penstock.runtime.connector_keys import SourceKeys
from penstock.runtime.kafka.client_settings import ClientRole, ClientSettings, split_prefix
from penstock.runtime.model import TaskId
from penstock.runtime.tasks.stored_offsets import OwnOffsets, WorkerOffsets

__all__ = ["OffsetTopics", "open_own"]

log = logging.getLogger(__name__)

PARTITIONS: Final = "25"
REPLICATION: Final = "3"
"""As of the worker's own topics; a worker that is alone has none, there the broker's default is."""


@attrs.frozen
class OffsetTopics:
    """The topics of a task's offsets.

    Attributes:
        worker: the worker's topic.
        own: the connector's, on the cluster that its producer writes to; None: it has none.
    """

    worker: str
    own: str | None = None

    @classmethod
    def of(
        cls, raw: Mapping[str, str], worker: Mapping[str, str], *, exactly_once: bool
    ) -> OffsetTopics:
        """Return the topics of a connector's configuration, which was validated before."""
        theirs = worker.get("offset.storage.topic", "").strip()
        asked = (ConfigSpec.of(SourceKeys).parse(raw).offsets_storage_topic or "").strip()
        bootstrap = worker.get("bootstrap.servers", "")
        target = raw.get(
            "producer.override.bootstrap.servers",
            worker.get("producer.bootstrap.servers", bootstrap),
        )
        elsewhere = _addresses(target) != _addresses(bootstrap)
        if not asked and exactly_once and elsewhere:
            asked = theirs  # a transaction does not span clusters
        if not asked or (asked == theirs and not elsewhere):
            return cls(theirs)
        return cls(theirs, asked)


def _addresses(servers: str) -> frozenset[str]:
    return frozenset(one.strip() for one in servers.split(",") if one.strip())


def open_own(
    topic: str,
    broker: Broker,
    worker: Mapping[str, str],
    raw: Mapping[str, str],
    *,
    task_id: TaskId,
    stored: WorkerOffsets,
) -> OwnOffsets:
    """Create a connector's offsets topic if it is missing, check it and read it.

    Raises:
        ConnectError: the topic is not compacted, cannot be made or cannot be read.
    """

    def settings(role: ClientRole) -> ClientSettings:
        connector, task = task_id.connector, task_id.task
        return split_prefix(worker, raw, role=role, connector=connector, task=task)

    _ensure(topic, broker, worker, settings(ClientRole.ADMIN))
    of_reader = settings(ClientRole.SINK_CONSUMER)
    reader = broker.reader(
        {**of_reader.properties, "isolation.level": "read_committed"},
        client_id=f"{task_id}-offsets",
    )
    try:
        return OwnOffsets(topic, task_id.connector, stored, reader)
    finally:
        reader.close()


def _ensure(
    topic: str, broker: Broker, worker: Mapping[str, str], settings: ClientSettings
) -> None:
    # Imported where a broker of Kafka's is sure to be there.
    from penstock.runtime.kafka.admin import KafkaAdmin  # noqa: PLC0415 - see above
    from penstock.runtime.kafka.internal_topics import (  # noqa: PLC0415 - see above
        InternalTopic,
        ensure_topics,
    )

    admin = broker.admin(settings.properties, client_id=settings.client_id)
    try:
        if not isinstance(admin, KafkaAdmin):
            raise ConnectError(f"offsets.storage.topic={topic} needs a Kafka broker; remove it")
        replication = REPLICATION if "group.id" in worker else "-1"
        wanted = InternalTopic(
            "offsets.storage.topic",
            topic,
            int(worker.get("offset.storage.partitions", PARTITIONS).strip()),
            int(worker.get("offset.storage.replication.factor", replication).strip()),
        )
        ensure_topics(admin, [wanted])
    except StartupError as problem:
        raise ConnectError(str(problem)) from problem
    finally:
        admin.close()
