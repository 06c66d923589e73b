"""librdkafka's own properties that may be given as ``librdkafka.<name>``.

Only those that no Apache property reaches, that Penstock does not set itself, and that cannot
load code, run a command or weaken a connection. Source: librdkafka 2.16, CONFIGURATION.md.
"""

from __future__ import annotations

from typing import Final

from penstock.runtime.kafka.properties_rules import INT_MAX, Choice, Flag, Number, Row, Text, rows

__all__ = ["FORBIDDEN", "NATIVE", "PREFIX"]

PREFIX: Final = "librdkafka."
"""Marks a property as librdkafka's own; for example ``producer.librdkafka.debug``."""


def _number(name: str, low: int, high: int) -> Number:
    return Number((name,), low, high, low, high)


_COMMON: Final = (
    _number("message.copy.max.bytes", 0, 1_000_000_000),
    _number("receive.message.max.bytes", 1_000, INT_MAX),
    _number("metadata.max.age.ms", 1, 86_400_000),
    _number("topic.metadata.refresh.fast.interval.ms", 1, 60_000),
    Flag("topic.metadata.refresh.sparse"),
    _number("topic.metadata.propagation.max.ms", 0, 3_600_000),
    Text("topic.blacklist"),
    Text("debug", empty=False),
    _number("socket.timeout.ms", 10, 300_000),
    Flag("socket.keepalive.enable"),
    Flag("socket.nagle.disable"),
    _number("socket.max.fails", 0, 1_000_000),
    _number("broker.address.ttl", 0, 86_400_000),
    Choice("broker.address.family", {"any": "any", "v4": "v4", "v6": "v6"}),
    _number("statistics.interval.ms", 0, 86_400_000),
    _number("log_level", 0, 7),
    Flag("log.connection.close"),
    _number("api.version.request.timeout.ms", 1, 300_000),
    Text("ssl.curves.list"),
    Text("ssl.sigalgs.list"),
    Text("ssl.crl.location", empty=False),
    Text("https.ca.location", empty=False),
    Text("https.ca.pem", empty=False),
)
_PRODUCER: Final = (
    _number("queue.buffering.max.messages", 0, INT_MAX),
    _number("queue.buffering.max.kbytes", 1, INT_MAX),
    _number("batch.num.messages", 1, 1_000_000),
    _number("sticky.partitioning.linger.ms", 0, 900_000),
)
_CONSUMER: Final = (
    _number("queued.min.messages", 1, 10_000_000),
    _number("queued.max.messages.kbytes", 1, 2_097_151),
    _number("fetch.queue.backoff.ms", 0, 300_000),
    _number("fetch.error.backoff.ms", 0, 300_000),
    _number("coordinator.query.interval.ms", 1, 3_600_000),
)


def _native() -> dict[str, Row]:
    table: dict[str, Row] = {}
    for letters, rules in (("PCA", _COMMON), ("P", _PRODUCER), ("C", _CONSUMER)):
        named = {r.targets[0] if isinstance(r, Number) else r.target: r for r in rules}
        table |= rows(letters, named)
    return table


NATIVE: Final = _native()
"""By librdkafka name, without the prefix."""

_OWNED: Final = "is set by Penstock itself"
_CODE: Final = "would load code into the worker"
FORBIDDEN: Final[dict[str, str]] = {
    "enable.auto.offset.store": _OWNED,
    "enable.partition.eof": _OWNED,
    "partitioner": _OWNED,
    "delivery.report.only.error": _OWNED,
    "plugin.library.paths": _CODE,
    "ssl.engine.location": _CODE,
    "ssl.engine.id": _CODE,
    "ssl.providers": _CODE,
    "enable.ssl.certificate.verification": "would leave the broker unchecked",
    "enable.sasl.oauthbearer.unsecure.jwt": "would send unsigned tokens",
    "enable.gapless.guarantee": "is experimental",
}
"""Names that are known and refused, with the reason; those with an Apache name apart."""
