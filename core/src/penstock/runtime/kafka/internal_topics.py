"""The three topics that a cluster of workers shares: created when missing, refused when unfit.

(source: TopicAdmin, KafkaTopicBasedBackingStore)
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from penstock.errors import StartupError
from penstock.runtime.broker import TopicSpec
from penstock.runtime.kafka.admin import KafkaAdmin

__all__ = ["InternalTopic", "ensure_topics"]

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 30.0
_COMPACT: Final = "compact"


@attrs.frozen
class InternalTopic:
    """A topic as the worker's properties ask for it.

    Attributes:
        key: the property that names it, for messages.
        exactly: it must have exactly these partitions, not only when it is created.
        settings: more topic settings for its creation; ``cleanup.policy`` in them is ignored.
    """

    key: str
    name: str
    partitions: int
    replication_factor: int
    exactly: bool = False
    settings: Mapping[str, str] = attrs.field(factory=dict)


def ensure_topics(admin: KafkaAdmin, topics: Sequence[InternalTopic]) -> dict[str, int]:
    """Create what is missing and check the rest; return each topic's number of partitions.

    Raises:
        StartupError: a topic is not compacted, so that it would forget what must be kept, or has
            the wrong number of partitions.
        BrokerError: nobody answers, or a topic can not be created.
    """
    there = admin.topics(TIMEOUT_S)
    missing = [topic for topic in topics if topic.name not in there]
    admin.create_topics([_spec(topic) for topic in missing], TIMEOUT_S)
    # Asked anew: another worker may have created them meanwhile.
    there = admin.topics(TIMEOUT_S)
    for topic in topics:
        _check(admin, topic, there.get(topic.name, topic.partitions))
    return {topic.name: there.get(topic.name, topic.partitions) for topic in topics}


def _spec(topic: InternalTopic) -> TopicSpec:
    ignored = {"cleanup.policy", "partitions", "replication.factor"}
    settings = {key: value for key, value in topic.settings.items() if key not in ignored}
    return TopicSpec(
        topic.name,
        topic.partitions,
        topic.replication_factor,
        {**settings, "cleanup.policy": _COMPACT},
    )


def _check(admin: KafkaAdmin, topic: InternalTopic, partitions: int) -> None:
    if topic.exactly and partitions != topic.partitions:
        raise StartupError(
            f"Topic '{topic.name}' supplied via the '{topic.key}' property is required to have a "
            f"single partition in order to guarantee consistency of connector configurations, but "
            f"found {partitions} partitions."
        )
    policy = admin.topic_config(topic.name, "cleanup.policy", TIMEOUT_S)
    if policy is None:
        log.info("the cleanup.policy of topic '%s' cannot be read; it is not checked", topic.name)
        return
    if {one.strip() for one in policy.split(",")} != {_COMPACT}:
        raise StartupError(
            f"Topic '{topic.name}' supplied via the '{topic.key}' property is required to have "
            f"'cleanup.policy=compact' to guarantee consistency and durability of source connector "
            f"offsets, but found the topic currently has 'cleanup.policy={policy}'. Continuing "
            f"would likely result in eventually losing source connector offsets and problems "
            f"restarting this Connect cluster in the future. Change the '{topic.key}' property in "
            f"the Connect worker configurations to use a topic with 'cleanup.policy=compact'."
        )
