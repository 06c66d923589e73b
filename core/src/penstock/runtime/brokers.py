"""Which broker ``bootstrap.servers`` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.runtime.broker import Broker

__all__ = ["EMBEDDED", "connect_broker", "is_embedded"]

EMBEDDED: Final = "embedded:"


def is_embedded(worker: Mapping[str, str]) -> bool:
    """Whether the worker's properties name the embedded log."""
    return worker.get("bootstrap.servers", "").strip().startswith(EMBEDDED)


def connect_broker(worker: Mapping[str, str]) -> Broker:
    """Return the broker of a worker's properties; imports only the client that it needs.

    Raises:
        ConfigError: the address of the embedded log is wrong.
    """
    if is_embedded(worker):
        from penstock.runtime.embedded import EmbeddedBroker  # noqa: PLC0415 - see the docstring

        return EmbeddedBroker(worker["bootstrap.servers"].strip())
    from penstock.runtime.kafka.broker import KafkaBroker  # noqa: PLC0415 - likewise

    return KafkaBroker()
