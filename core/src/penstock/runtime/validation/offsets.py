"""Offsets that a user reads or wants to store, as far as plugin code or a broker is asked.

(source: Worker.sinkConnectorOffsets, modifySinkConnectorOffsets, SinkUtils)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.api import Connector
from penstock.data import TopicPartition
from penstock.errors import BadRequestError, ConnectError, DataError
from penstock.runtime.broker import Admin
from penstock.runtime.brokers import connect_broker, is_embedded
from penstock.runtime.kafka.client_settings import ClientRole, split_prefix
from penstock.runtime.providers import resolved
from penstock.runtime.validation.connector import connector_class

__all__ = ["sink_offsets", "source_offsets"]

TIMEOUT_S: Final = 30.0

Pairs = Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]


def _connector(config: Mapping[str, str], worker: Mapping[str, str]) -> Connector[Any]:
    raw = resolved(config, worker)
    cls = connector_class(raw)
    made: Connector[Any] = cls(cls.config_spec().parse(raw, who=f"connector '{raw.get('name')}'"))
    return made


def source_offsets(
    config: Mapping[str, str],
    worker: Mapping[str, str],
    *,
    change: bool,
    offsets: Pairs | None,
) -> bool:
    """Ask a source connector about offsets to store; return whether they are all there is.

    Raises:
        BadRequestError: the connector refuses them.
    """
    connector = _connector(config, worker)
    return _accepted(connector, [(partition, offset) for partition, offset in offsets or ()])


def _accepted(connector: Connector[Any], offsets: Any) -> bool:
    """Ask a connector about offsets; what it refuses is the user's to put right, not a fault."""
    try:
        return bool(connector.alter_offsets(offsets))  # type: ignore[attr-defined]  # both kinds'
    except ConnectError as refused:
        if type(refused) in (ConnectError, DataError):
            raise BadRequestError(str(refused)) from refused
        raise


def sink_offsets(
    config: Mapping[str, str],
    worker: Mapping[str, str],
    *,
    change: bool,
    offsets: Pairs | None,
) -> Any:
    """Return a sink's offsets as pairs, or store others and tell whether they are all there is.

    Raises:
        BadRequestError: a pair is no partition and offset of a topic.
        BrokerError: the broker refuses, such as for tasks that still run.
    """
    raw = resolved(config, worker)
    group, admin = _group_and_admin(raw, worker)
    try:
        if not change:
            found = admin.group_offsets(group, TIMEOUT_S)
            return [_shown(place, found[place]) for place in sorted(found)]
        wanted = None if offsets is None else _places(offsets)
        return _alter(_connector(config, worker), admin, group, wanted)
    finally:
        admin.close()


def _alter(
    connector: Connector[Any],
    admin: Admin,
    group: str,
    wanted: Mapping[TopicPartition, int | None] | None,
) -> bool:
    asked = wanted
    if asked is None:
        asked = dict.fromkeys(admin.group_offsets(group, TIMEOUT_S))
    known = _accepted(connector, asked)
    if wanted is None:
        admin.delete_group(group, TIMEOUT_S)
    else:
        admin.alter_group_offsets(group, wanted, TIMEOUT_S)
    return known


def _group_and_admin(raw: Mapping[str, str], worker: Mapping[str, str]) -> tuple[str, Admin]:
    name = raw.get("name", "")
    consumer = split_prefix(worker, raw, role=ClientRole.SINK_CONSUMER, connector=name, task=0)
    broker = connect_broker(worker)
    if is_embedded(worker):
        return consumer.group_id, broker.admin({}, client_id="penstock-offsets")
    own = split_prefix(worker, raw, role=ClientRole.ADMIN, connector=name, task=0)
    return consumer.group_id, broker.admin(own.properties, client_id=own.client_id)


def _shown(place: TopicPartition, offset: int) -> list[dict[str, Any]]:
    partition = {"kafka_partition": place.partition, "kafka_topic": place.topic}
    return [partition, {"kafka_offset": offset}]


def _places(pairs: Pairs) -> dict[TopicPartition, int | None]:
    return {_place(partition): _offset(offset) for partition, offset in pairs}


def _place(partition: Mapping[str, Any]) -> TopicPartition:
    topic = partition.get("kafka_topic")
    if not isinstance(topic, str) or "kafka_partition" not in partition:
        raise BadRequestError(
            "The partition for a sink connector offset must contain the keys 'kafka_topic' and "
            f"'kafka_partition', got {dict(partition)}"
        )
    return TopicPartition(topic, _number(partition["kafka_partition"], "kafka_partition"))


def _offset(offset: Mapping[str, Any] | None) -> int | None:
    if offset is None:
        return None
    if set(offset) != {"kafka_offset"}:
        raise BadRequestError(
            "The offset for a sink connector should either be null or contain the key "
            f"'kafka_offset' alone, got {dict(offset)}"
        )
    return _number(offset["kafka_offset"], "kafka_offset")


def _number(value: Any, key: str) -> int:
    digits = str(value).strip()
    good = not isinstance(value, bool) and isinstance(value, int | str)
    if not good or not digits.isascii() or not digits.isdigit():
        raise BadRequestError(
            f"Failed to parse '{key}': it must be a whole number from 0 on, got {value!r}"
        )
    return int(digits)
