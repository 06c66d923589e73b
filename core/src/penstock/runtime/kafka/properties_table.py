"""Every property of the Apache producer, consumer and admin client, and what becomes of it.

Data only. Complete against ``ProducerConfig``, ``ConsumerConfig`` and ``AdminClientConfig`` of
kafka-clients 4.3; the security properties stand in ``properties_table_security``. Properties that
need a look at others are ``Elsewhere``: ``properties`` has those.
"""

from __future__ import annotations

from typing import Final

from penstock.runtime.kafka.properties_rules import (
    INT_MAX,
    LONG_MAX,
    Choice,
    Elsewhere,
    Flag,
    Ignored,
    Number,
    Refused,
    Row,
    Rule,
    Text,
    Unsupported,
    rows,
    same,
)
from penstock.runtime.kafka.properties_table_security import SECURITY

__all__ = [
    "INTERNAL_TOPICS",
    "MESSAGE_BYTES_MAX",
    "MESSAGE_BYTES_MIN",
    "SOCKET_TIMEOUT_MAX_MS",
    "SOCKET_TIMEOUT_MIN_MS",
    "TABLE",
]

MESSAGE_BYTES_MIN: Final = 1_000
MESSAGE_BYTES_MAX: Final = 1_000_000_000
"""librdkafka's range of ``message.max.bytes``."""
SOCKET_BUFFER_MAX: Final = 100_000_000
SOCKET_TIMEOUT_MIN_MS: Final = 10
SOCKET_TIMEOUT_MAX_MS: Final = 300_000
BACKOFF_MAX_MS: Final = 300_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
LINGER_MAX_MS: Final = 900_000
FETCH_MAX_BYTES: Final = 2_147_483_135
FETCH_MIN_BYTES_MAX: Final = 100_000_000
INTERNAL_TOPICS: Final = "^__consumer_offsets$,^__transaction_state$,^__share_group_state$"
"""The topics that ``exclude.internal.topics`` hides, as librdkafka's blacklist."""

_JAVA_REMEDY: Final = "remove it, or use a Penstock transform or hook instead"
_METRICS: Final = Ignored("Penstock publishes its own metrics, not the Java client's")

_COMMON: Final[dict[str, Rule]] = {
    "bootstrap.servers": Elsewhere("bootstrap"),
    "client.id": Text("client.id"),
    "client.dns.lookup": Choice(
        "client.dns.lookup",
        {
            "use_all_dns_ips": "use_all_dns_ips",
            "resolve_canonical_bootstrap_servers_only": "resolve_canonical_bootstrap_servers_only",
        },
    ),
    # The original's proactive refresh; librdkafka's metadata.max.age.ms is the age at which its
    # cache forgets, three times this. 0 would switch the refresh off.
    "metadata.max.age.ms": Number(("topic.metadata.refresh.interval.ms",), 0, LONG_MAX, 1, HOUR_MS),
    "metadata.recovery.strategy": Choice(
        "metadata.recovery.strategy", {"none": "none", "rebootstrap": "rebootstrap"}, folded=True
    ),
    "metadata.recovery.rebootstrap.trigger.ms": Number(
        ("metadata.recovery.rebootstrap.trigger.ms",), 0, LONG_MAX
    ),
    "send.buffer.bytes": Number(
        ("socket.send.buffer.bytes",), -1, native_high=SOCKET_BUFFER_MAX, special={-1: 0}
    ),
    "receive.buffer.bytes": Number(
        ("socket.receive.buffer.bytes",), -1, native_high=SOCKET_BUFFER_MAX, special={-1: 0}
    ),
    "reconnect.backoff.ms": Number(("reconnect.backoff.ms",), 0, LONG_MAX, 0, HOUR_MS),
    "reconnect.backoff.max.ms": Number(("reconnect.backoff.max.ms",), 0, LONG_MAX, 0, HOUR_MS),
    "retry.backoff.ms": Number(("retry.backoff.ms",), 0, LONG_MAX, 1, BACKOFF_MAX_MS),
    "retry.backoff.max.ms": Number(("retry.backoff.max.ms",), 0, LONG_MAX, 1, BACKOFF_MAX_MS),
    "socket.connection.setup.timeout.ms": Number(
        ("socket.connection.setup.timeout.ms",), 0, LONG_MAX, 1_000
    ),
    "socket.connection.setup.timeout.max.ms": Ignored(
        "librdkafka does not raise the set-up timeout from try to try"
    ),
    # A negative number means "never" to the original, 0 does to librdkafka.
    "connections.max.idle.ms": Number(
        ("connections.max.idle.ms",), -1, LONG_MAX, 1, special={-1: 0}
    ),
    "enable.metrics.push": Flag("enable.metrics.push"),
    "metric.reporters": Unsupported(
        "a Java class cannot report from here; Penstock publishes its own metrics",
        _JAVA_REMEDY,
        frozenset({"", "org.apache.kafka.common.metrics.JmxReporter"}),
    ),
    "metrics.num.samples": _METRICS,
    "metrics.recording.level": _METRICS,
    "metrics.sample.window.ms": _METRICS,
    "config.providers": Ignored("Penstock resolves variables before a client sees them"),
    "security.providers": Unsupported(
        "a Java security provider cannot be loaded here", "remove it", frozenset({""})
    ),
}

_INTERCEPTORS: Final = Unsupported(
    "Java interceptors cannot run here: what they do is not done", _JAVA_REMEDY
)
_PARTITIONERS: Final = frozenset(
    {
        "",
        "org.apache.kafka.clients.producer.internals.BuiltInPartitioner",
        "org.apache.kafka.clients.producer.internals.DefaultPartitioner",
        "org.apache.kafka.clients.producer.internals.UniformStickyPartitioner",
    }
)

_PRODUCER: Final[dict[str, Rule]] = {
    "acks": Choice("request.required.acks", {"all": -1, "-1": -1, "0": 0, "1": 1}),
    "enable.idempotence": Flag("enable.idempotence"),
    "max.in.flight.requests.per.connection": Number(
        ("max.in.flight.requests.per.connection",), 1, native_low=1, native_high=1_000_000
    ),
    # Both mean "as long as it takes": 2^31-1 ms is what Connect sets, 0 is librdkafka's infinity.
    "delivery.timeout.ms": Number(("message.timeout.ms",), 1, special={INT_MAX: 0}),
    "request.timeout.ms": Elsewhere("request_timeout"),
    "linger.ms": Number(("queue.buffering.max.ms",), 0, LONG_MAX, 0, LINGER_MAX_MS),
    "batch.size": Number(("batch.size",), native_low=1, special={0: 1}),
    "buffer.memory": Number(
        ("queue.buffering.max.kbytes",), 0, LONG_MAX, 1, divide=1024, runtime=True
    ),
    "max.request.size": Number(
        ("message.max.bytes",), native_low=MESSAGE_BYTES_MIN, native_high=MESSAGE_BYTES_MAX
    ),
    "max.block.ms": Ignored("sending never blocks: a full queue slows the task's reading down"),
    "compression.type": Choice(
        "compression.codec", {name: name for name in ("none", "gzip", "snappy", "lz4", "zstd")}
    ),
    "compression.gzip.level": Elsewhere("compression"),
    "compression.lz4.level": Elsewhere("compression"),
    "compression.zstd.level": Elsewhere("compression"),
    "retries": Number(("message.send.max.retries",)),
    "metadata.max.idle.ms": Ignored("librdkafka forgets idle topics by its own clock"),
    "partitioner.class": Unsupported(
        "records are placed as the original's default does (murmur2 of the key); no class is run",
        "set the partition in the connector or in a transform",
        _PARTITIONERS,
    ),
    "partitioner.ignore.keys": Elsewhere("partitioner"),
    "partitioner.adaptive.partitioning.enable": Ignored(
        "records without a key are spread evenly, whatever the brokers' load"
    ),
    "partitioner.availability.timeout.ms": Ignored(
        "records without a key are spread evenly, whatever the brokers' load"
    ),
    "transactional.id": Elsewhere("transaction"),
    "transaction.timeout.ms": Number(("transaction.timeout.ms",), native_low=1_000),
    "transaction.two.phase.commit.enable": Refused(
        "cannot be honoured: librdkafka has no two-phase commit",
        "remove it",
        frozenset({"", "false"}),
    ),
    "interceptor.classes": _INTERCEPTORS,
    **same(
        Ignored("Penstock hands bytes to the client; converters make them"),
        ("key.serializer", "value.serializer"),
    ),
}

_SHARE: Final = Ignored("for share consumers; a sink task is a member of a consumer group")

_CONSUMER: Final[dict[str, Rule]] = {
    # librdkafka's binding aborts the process over an empty group.
    "group.id": Text("group.id", empty=False),
    "group.instance.id": Text("group.instance.id", empty=False),
    "group.protocol": Choice(
        "group.protocol", {"classic": "classic", "consumer": "consumer"}, folded=True
    ),
    "group.remote.assignor": Text("group.remote.assignor"),
    "partition.assignment.strategy": Elsewhere("assignor"),
    "session.timeout.ms": Number(("session.timeout.ms",), 1, INT_MAX, 1, HOUR_MS),
    "heartbeat.interval.ms": Number(("heartbeat.interval.ms",), 1, INT_MAX, 1, HOUR_MS),
    "max.poll.interval.ms": Number(("max.poll.interval.ms",), 1, INT_MAX, 1, DAY_MS),
    "max.poll.records": Number((), 1, runtime=True),
    "auto.offset.reset": Elsewhere("offset_reset"),
    "isolation.level": Choice(
        "isolation.level",
        {"read_committed": "read_committed", "read_uncommitted": "read_uncommitted"},
    ),
    "enable.auto.commit": Unsupported(
        "offsets are committed only after the connector has put the records",
        "remove it",
        frozenset({"", "false"}),
    ),
    "auto.commit.interval.ms": Ignored("offset.flush.interval.ms says when offsets are committed"),
    "fetch.min.bytes": Number(
        ("fetch.min.bytes",), native_low=1, native_high=FETCH_MIN_BYTES_MAX, special={0: 1}
    ),
    "fetch.max.bytes": Number(
        ("fetch.max.bytes",), native_low=MESSAGE_BYTES_MIN, native_high=FETCH_MAX_BYTES
    ),
    "fetch.max.wait.ms": Number(("fetch.wait.max.ms",), native_high=BACKOFF_MAX_MS),
    "max.partition.fetch.bytes": Number(
        ("fetch.message.max.bytes",), native_low=1, native_high=MESSAGE_BYTES_MAX, special={0: 1}
    ),
    "check.crcs": Flag("check.crcs"),
    "allow.auto.create.topics": Flag("allow.auto.create.topics"),
    "exclude.internal.topics": Elsewhere("internal_topics"),
    "client.rack": Text("client.rack"),
    "request.timeout.ms": Elsewhere("request_timeout"),
    "default.api.timeout.ms": Number((), runtime=True),
    "share.acknowledgement.mode": _SHARE,
    "share.acquire.mode": _SHARE,
    "interceptor.classes": _INTERCEPTORS,
    **same(
        Ignored("Penstock takes bytes from the client; converters read them"),
        ("key.deserializer", "value.deserializer"),
    ),
}

_ADMIN: Final[dict[str, Rule]] = {
    "bootstrap.controllers": Refused(
        "cannot be honoured: librdkafka talks to brokers only", "use bootstrap.servers"
    ),
    "request.timeout.ms": Elsewhere("request_timeout"),
    "default.api.timeout.ms": Number((), runtime=True),
    "retries": Ignored("an admin call repeats until its own time is over"),
}


def _table() -> dict[str, Row]:
    table = {**rows("PCA", _COMMON), **rows("PCA", SECURITY)}
    for letter, rules in (("P", _PRODUCER), ("C", _CONSUMER), ("A", _ADMIN)):
        for key, row in rows(letter, rules).items():
            known = table.get(key)
            if known is not None and known.rule != row.rule:
                # Two clients know the name and mean different things by it.
                table[f"{letter}:{key}"] = row
            else:
                table[key] = Row(row.kinds | known.kinds if known else row.kinds, row.rule)
    return table


TABLE: Final = _table()
"""By Apache name. A name with another meaning for a later client stands under ``A:name``."""
