"""Apache Kafka client properties, translated for librdkafka.

Users write the names that the Java clients document (``security.protocol``, ``linger.ms``,
``sasl.jaas.config``); librdkafka knows some of them under other names, in other units or not at
all. Pure: no file, network or client is touched. Checked against kafka-clients 4.3 and
librdkafka 2.16.

The tables (``properties_table``, ``properties_table_security``, ``properties_native``) hold one
rule a property; ``properties_joint``, ``tls`` and ``sasl`` see to those that depend on others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import attrs

from penstock.errors import ConfigError, did_you_mean
from penstock.runtime.kafka.msk_iam import SignatureRequest
from penstock.runtime.kafka.oauth import TokenRequest
from penstock.runtime.kafka.properties_joint import finish_common, finish_consumer, finish_producer
from penstock.runtime.kafka.properties_native import FORBIDDEN, NATIVE, PREFIX
from penstock.runtime.kafka.properties_rules import (
    Choice,
    ClientKind,
    Flag,
    Note,
    Number,
    Row,
    Setting,
    Text,
    Work,
    printable,
    shown,
)
from penstock.runtime.kafka.properties_table import INTERNAL_TOPICS, TABLE
from penstock.runtime.kafka.sasl import apply_sasl
from penstock.runtime.kafka.tls import apply_tls

__all__ = [
    "CONSUMER_FETCH_BYTES",
    "CONSUMER_QUEUE_KBYTES",
    "CONSUMER_QUEUE_MESSAGES",
    "MAX_POLL_RECORDS",
    "PRODUCER_QUEUE_KBYTES",
    "PRODUCER_QUEUE_MESSAGES",
    "ClientKind",
    "Note",
    "Setting",
    "Translation",
    "penstock_defaults",
    "row_of",
    "shown",
    "translate",
]

# The bounds that keep a task under 200 MB however far its topics lag. A message waiting in
# librdkafka costs about 400 bytes beside its own, so short messages are bounded by number.
CONSUMER_QUEUE_KBYTES: Final = 16 * 1024
"""Bytes of fetched messages kept ready, in KiB; no new fetch starts above it."""
CONSUMER_QUEUE_MESSAGES: Final = 50_000
"""Messages kept ready; no new fetch of a partition starts above it."""
CONSUMER_FETCH_BYTES: Final = 8 * 1024 * 1024
"""The most that one fetch adds on top, from each broker (compressed batches grow as they open)."""
PRODUCER_QUEUE_KBYTES: Final = 32 * 1024
"""Bytes sent and not yet acknowledged, in KiB: the original's ``buffer.memory``."""
PRODUCER_QUEUE_MESSAGES: Final = 100_000
"""Messages sent and not yet acknowledged."""
FETCH_QUEUE_BACKOFF_MS: Final = 5
MAX_POLL_RECORDS: Final = 500
"""The original's default of ``max.poll.records``, which the runtime obeys."""
DEFAULT_API_TIMEOUT_MS: Final = 60_000

_COMMON_DEFAULTS: Final[dict[str, Setting]] = {
    # The original's: librdkafka waits up to 10 s before it tries a restarted broker again.
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
    # The original always asks for it: a dead peer behind a firewall is noticed.
    "socket.keepalive.enable": True,
    # Brokers close idle connections; that is no news.
    "log.connection.close": False,
}
_PRODUCER_DEFAULTS: Final[dict[str, Setting]] = {
    # As Java: the same key must reach the same partition, or compacted topics keep stale twins.
    "partitioner": "murmur2_random",
    # Retries neither double nor reorder. The original has it off and one request in flight.
    "enable.idempotence": True,
    "request.required.acks": -1,
    # 0 is for ever: a task that waits for its broker is better than one that drops records.
    "message.timeout.ms": 0,
    "message.max.bytes": 1_048_576,  # the original's max.request.size
    "queue.buffering.max.kbytes": PRODUCER_QUEUE_KBYTES,
    "queue.buffering.max.messages": PRODUCER_QUEUE_MESSAGES,
}
_CONSUMER_DEFAULTS: Final[dict[str, Setting]] = {
    # Offsets are committed when the connector says so, never by the client.
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": False,
    # librdkafka's 1000 makes a full queue wait a second: six times slower.
    "fetch.queue.backoff.ms": FETCH_QUEUE_BACKOFF_MS,
    "queued.max.messages.kbytes": CONSUMER_QUEUE_KBYTES,
    "queued.min.messages": CONSUMER_QUEUE_MESSAGES,
    "fetch.max.bytes": CONSUMER_FETCH_BYTES,
    # From here on the original's defaults, which librdkafka does not share.
    "isolation.level": "read_uncommitted",
    "check.crcs": True,
    "allow.auto.create.topics": True,
    "topic.blacklist": INTERNAL_TOPICS,
}
_DEFAULTS: Final = {
    ClientKind.PRODUCER: _PRODUCER_DEFAULTS,
    ClientKind.CONSUMER: _CONSUMER_DEFAULTS,
    ClientKind.ADMIN: dict[str, Setting](),
}
_RUNTIME_DEFAULTS: Final = {
    ClientKind.PRODUCER: {"buffer.memory": PRODUCER_QUEUE_KBYTES * 1024},
    ClientKind.CONSUMER: {
        "max.poll.records": MAX_POLL_RECORDS,
        "default.api.timeout.ms": DEFAULT_API_TIMEOUT_MS,
    },
    ClientKind.ADMIN: {"default.api.timeout.ms": DEFAULT_API_TIMEOUT_MS},
}


@attrs.frozen
class Translation:
    """What the properties mean for librdkafka.

    Attributes:
        config: for the constructor of confluent_kafka's client; holds secrets, so it is kept
            out of ``repr``.
        runtime: properties that Penstock obeys itself: ``max.poll.records`` (records),
            ``buffer.memory`` (bytes), ``default.api.timeout.ms``.
        ignored: left out, harmlessly.
        unsupported: left out or changed, so that behaviour differs from the original's.
        tokens: how the client gets tokens that librdkafka does not get itself, see
            ``oauth_tokens``; None without.
    """

    config: Mapping[str, Setting] = attrs.field(repr=False)
    runtime: Mapping[str, int]
    ignored: tuple[Note, ...]
    unsupported: tuple[Note, ...]
    tokens: TokenRequest | SignatureRequest | None = None


def penstock_defaults(kind: ClientKind) -> dict[str, Setting]:
    """Return the librdkafka settings that Penstock starts from; the user's values win."""
    return {**_COMMON_DEFAULTS, **_DEFAULTS[kind]}


def translate(
    properties: Mapping[str, str],
    kind: ClientKind,
    *,
    transactional: bool = False,
    oauth_urls: Collection[str] = (),
    oauth_files: Collection[str] = (),
    gssapi: bool = False,
    who: str = "",
) -> Translation:
    """Translate Apache client properties for librdkafka, our defaults filled in.

    Args:
        properties: Apache names, or ``librdkafka.<name>`` for what only librdkafka has.
        kind: the client to be made.
        transactional: the producer is one that Penstock makes for exactly-once delivery; any
            other must not have a ``transactional.id``.
        oauth_urls: the token endpoints that the worker allows clients to call.
        oauth_files: the files that it allows them to make assertions of.
        gssapi: this librdkafka has Kerberos, see ``features.has_feature("sasl_gssapi")``.
        who: whose properties these are, for the error; for example ``connector 'orders'``.

    Raises:
        ConfigError: values that are wrong, or cannot be honoured without harm to safety or
            security; all of them at once, in the order of ``properties``, secrets hidden.
    """
    work = Work(kind, properties, penstock_defaults(kind), dict(_RUNTIME_DEFAULTS[kind]))
    natives = [key for key in properties if key.startswith(PREFIX)]
    for key in properties:
        if not _is_sendable(key, properties[key]):
            work.refuse(key, "holds a character that cannot be sent", "remove it")
        elif not key.startswith(PREFIX):
            _apply_apache(work, key)
    for key in natives:
        _apply_native(work, key)
    finish_common(work)
    if kind is ClientKind.PRODUCER:
        finish_producer(work, transactional=transactional)
    elif kind is ClientKind.CONSUMER:
        finish_consumer(work)
    apply_tls(work)
    apply_sasl(work, oauth_urls, oauth_files, gssapi=gssapi)
    if work.problems:
        places = {key: at for at, key in enumerate(properties)}
        ordered = sorted(work.problems, key=lambda found: places.get(found.key, len(places)))
        raise ConfigError(ordered, who=who)
    notes = tuple(work.ignored), tuple(work.unsupported)
    return Translation(work.config, work.runtime, *notes, work.tokens)


def _apply_apache(work: Work, key: str) -> None:
    row = row_of(key, work.kind)
    if row is None:
        if not key.startswith("metrics.context."):
            near = did_you_mean(key, [known for known in TABLE if ":" not in known])
            hint = f"; a name of librdkafka's is written '{PREFIX}{key}'" if key in NATIVE else near
            work.ignored.append(_unknown(key, work, hint))
    elif work.kind in row.kinds:
        row.rule.apply(key, work.value(key), work)
    else:
        work.ignore(key, f"the {work.kind.value} has no such property")


def _unknown(key: str, work: Work, hint: str) -> Note:
    return Note(printable(key), shown(key, work.secret(key)), f"unknown, ignored{hint}")


def row_of(key: str, kind: ClientKind) -> Row | None:
    """Return the table's line for the Apache name ``key``, as a client of ``kind`` reads it."""
    if ":" in key:
        return None
    return TABLE.get(f"{kind.name[0]}:{key}") or TABLE.get(key)


def _apply_native(work: Work, key: str) -> None:
    name = key.removeprefix(PREFIX)
    row = NATIVE.get(name)
    if not _is_sendable(key, work.secret(key)):
        return
    if row is None:
        fault, remedy = _native_fault(name)
        work.refuse(key, fault, remedy)
    elif work.kind in row.kinds:
        row.rule.apply(key, work.value(key), work)
    else:
        work.ignore(key, f"the {work.kind.value} has no such property")


def _native_fault(name: str) -> tuple[str, str]:
    if name in FORBIDDEN:
        return FORBIDDEN[name], "remove it"
    apache = name if name in TABLE else _APACHE_NAMES.get(name)
    if apache is not None:
        return "has an Apache name", f"write it as '{apache}'"
    return f"is not a property that librdkafka lets through{did_you_mean(name, list(NATIVE))}", (
        "correct or remove it"
    )


def _apache_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for key, row in TABLE.items():
        rule = row.rule
        if isinstance(rule, Number):
            names |= dict.fromkeys(rule.targets, key)
        elif isinstance(rule, Text | Flag | Choice):
            names[rule.target] = key
    return names


_APACHE_NAMES: Final = _apache_names()


def _is_sendable(key: str, value: str) -> bool:
    """Return whether both can cross into C: librdkafka ends at a NUL and needs UTF-8."""
    try:
        return b"\0" not in (key + value).encode()
    except UnicodeEncodeError:
        return False
