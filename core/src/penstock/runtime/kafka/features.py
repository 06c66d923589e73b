"""What the installed librdkafka was built with."""

from __future__ import annotations

import functools

import confluent_kafka

__all__ = ["has_feature"]


@functools.cache
def has_feature(name: str) -> bool:
    """Return whether librdkafka has a built-in feature, for example ``sasl_gssapi``.

    Makes a client and drops it at once (a few ms, no connection); asked once a process.
    """
    try:
        confluent_kafka.Producer({"builtin.features": name, "log_level": 0})
    except confluent_kafka.KafkaException:
        return False
    return True
