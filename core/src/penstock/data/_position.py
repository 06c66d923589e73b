"""Where a record stands in Kafka."""

from __future__ import annotations

import attrs

__all__ = ["TopicPartition"]


@attrs.frozen(order=True)
class TopicPartition:
    """A topic's partition."""

    topic: str
    partition: int
