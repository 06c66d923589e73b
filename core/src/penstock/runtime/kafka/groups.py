"""The stored positions of a consumer group, read and altered on librdkafka's admin client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka import TopicPartition as ClientPlace

from penstock.data import TopicPartition
from penstock.errors import BrokerError

__all__ = ["alter_offsets", "delete_group", "stored_offsets"]

_ACTIVE: Final = frozenset(
    {
        KafkaError.NON_EMPTY_GROUP,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.GROUP_SUBSCRIBED_TO_TOPIC,
    }
)
_GONE: Final = KafkaError.GROUP_ID_NOT_FOUND


def stored_offsets(client: Any, group: str, timeout_s: float) -> dict[TopicPartition, int]:
    """Return every position that the group has stored; raises BrokerError."""
    asked = client.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group)], request_timeout=timeout_s
    )
    try:
        found = asked[group].result(timeout_s)
    except KafkaException as problem:
        if problem.args[0].code() == _GONE:
            return {}
        raise _refused(group, problem) from problem
    return {
        TopicPartition(one.topic, one.partition): one.offset
        for one in found.topic_partitions
        if one.offset >= 0
    }


def alter_offsets(
    client: Any, group: str, offsets: Mapping[TopicPartition, int | None], timeout_s: float
) -> None:
    """Store positions. The client cannot forget single ones: then all are stored anew.

    Raises:
        BrokerError: the group has members still, or the broker refuses.
    """
    if any(offset is None for offset in offsets.values()):
        kept = {**stored_offsets(client, group, timeout_s), **offsets}
        delete_group(client, group, timeout_s)
        offsets = kept
    places = [
        ClientPlace(place.topic, place.partition, offset)
        for place, offset in offsets.items()
        if offset is not None
    ]
    if not places:
        return
    request = ConsumerGroupTopicPartitions(group, places)
    asked = client.alter_consumer_group_offsets([request], request_timeout=timeout_s)
    try:
        found = asked[group].result(timeout_s)
    except KafkaException as problem:
        raise _refused(group, problem) from problem
    for one in found.topic_partitions:
        if one.error is not None:
            raise BrokerError(
                f"the offset of {one.topic}-{one.partition} is not stored: {one.error.str()}"
            )


def delete_group(client: Any, group: str, timeout_s: float) -> None:
    """Forget a group; raises BrokerError when it has members still."""
    asked = client.delete_consumer_groups([group], request_timeout=timeout_s)
    try:
        asked[group].result(timeout_s)
    except KafkaException as problem:
        if problem.args[0].code() != _GONE:
            raise _refused(group, problem) from problem


def _refused(group: str, problem: KafkaException) -> BrokerError:
    error = problem.args[0]
    hint = ""
    if error.code() in _ACTIVE:
        hint = (
            "; the connector's tasks have not all stopped yet: wait until their consumers have "
            "left the group, then try again"
        )
    return BrokerError(f"the offsets of consumer group '{group}': {error.str()}{hint}")
