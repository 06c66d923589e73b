"""A user reads or alters the offsets in a topic of a connector's own; in a host of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.errors import NotFoundError
from penstock.runtime.broker import Broker
from penstock.runtime.brokers import connect_broker
from penstock.runtime.kafka.client_settings import ClientRole, ClientSettings, split_prefix
from penstock.runtime.providers import resolved
from penstock.runtime.tasks.offset_topics import OffsetTopics
from penstock.runtime.tasks.stored_offsets import OwnOffsets, OwnTopicWriter, TransactionOffsets

__all__ = ["own_offsets"]

WRITE_TIMEOUT_S: Final = 30.0

Pairs = Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]


def own_offsets(
    config: Mapping[str, str],
    worker: Mapping[str, str],
    *,
    change: bool,
    offsets: Pairs | None,
) -> list[Any] | None:
    """Return all pairs in the connector's own topic, committed ones only; or store others.

    Args:
        config: the connector's configuration, references not resolved.
        worker: the worker's properties.
        change: store ``offsets``; None of a pair forgets it, None alone forgets all.
        offsets: pairs of partition and offset.

    Returns:
        The pairs; None after a change, and for a connector without such a topic. A topic that no
        task has made yet holds nothing.

    Raises:
        ConnectError: the topic cannot be read or written.
    """
    raw = resolved(config, worker)
    enabled = worker.get("exactly.once.source.support", "").strip().lower() == "enabled"
    topic = OffsetTopics.of(raw, worker, exactly_once=enabled).own
    if topic is None:
        return None
    name, broker = raw.get("name", ""), connect_broker(worker)

    def settings(role: ClientRole) -> ClientSettings:
        return split_prefix(worker, raw, role=role, connector=name, task=0)

    of_reader = settings(ClientRole.SINK_CONSUMER)
    reader = broker.reader(
        {**of_reader.properties, "isolation.level": "read_committed"}, client_id=f"{name}-offsets"
    )
    try:
        own = OwnOffsets(topic, name, None, reader)
    except NotFoundError:
        return None if change else []
    finally:
        reader.close()
    if not change:
        return [[partition, offset] for partition, offset in own.all()]
    wanted = [(p, None) for p, _ in own.all()] if offsets is None else [(p, o) for p, o in offsets]
    if wanted:
        _write(broker, settings(ClientRole.SOURCE_PRODUCER), topic, own, wanted)
    return None


def _write(
    broker: Broker, settings: ClientSettings, topic: str, own: OwnOffsets, pairs: Pairs
) -> None:
    client_id = f"{settings.client_id}-offsets"
    producer = broker.producer(settings.properties, client_id=client_id, precise=True)
    try:
        OwnTopicWriter(TransactionOffsets(topic, own), producer).save(pairs, WRITE_TIMEOUT_S)
    finally:
        producer.close(1.0)
