"""Properties that depend on one another: what a single rule cannot see.

Each ``finish_*`` runs when every property has been read on its own. Source: the post-processing
in ``ProducerConfig``, ``ConsumerConfig`` and ``CommonClientConfigs`` of kafka-clients 4.3, and
``rd_kafka_conf_finalize`` of librdkafka, which refuses what contradicts itself.
"""

from __future__ import annotations

import re
from typing import Final

from penstock.runtime.kafka.properties_native import PREFIX
from penstock.runtime.kafka.properties_rules import (
    ClientKind,
    Number,
    Text,
    Work,
    as_flag,
)
from penstock.runtime.kafka.properties_table import (
    MESSAGE_BYTES_MIN,
    SOCKET_TIMEOUT_MAX_MS,
    SOCKET_TIMEOUT_MIN_MS,
)

__all__ = ["finish_common", "finish_consumer", "finish_producer"]

IDEMPOTENT_IN_FLIGHT_MAX: Final = 5
_HOST_PORT: Final = re.compile(
    r"(?:[0-9a-zA-Z\-%._]*://)?(\[[0-9a-fA-F:.%a-zA-Z]+\]|[0-9a-zA-Z\-._]+):([0-9]{1,5})"
)
_PORT_MAX: Final = 65_535
_JAVA_LINGER_MS: Final = 5
_JAVA_REQUEST_TIMEOUT_MS: Final = 30_000
_JAVA_TRANSACTION_TIMEOUT_MS: Final = 60_000
_SESSION_TIMEOUT_MS: Final = 45_000
_HEARTBEAT_MS: Final = 3_000
_MAX_POLL_INTERVAL_MS: Final = 300_000
_RD_MESSAGE_BYTES: Final = 1_000_000
_RD_RESPONSE_ROOM: Final = 512
_IN_FLIGHT: Final = "max.in.flight.requests.per.connection"
_ASSIGNOR: Final = "partition.assignment.strategy"
_ASSIGNORS: Final = {
    "org.apache.kafka.clients.consumer.RangeAssignor": "range",
    "org.apache.kafka.clients.consumer.RoundRobinAssignor": "roundrobin",
    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor": "cooperative-sticky",
}
_COOPERATIVE: Final = "cooperative-sticky"
_LEVELS: Final = {
    # What the original takes, and what librdkafka takes of it.
    "gzip": Number(("compression.level",), -1, 9, -1, 9),
    "lz4": Number(("compression.level",), 1, 17, 1, 12),
    "zstd": Number(("compression.level",), -131_072, 22, 1, 12),
}


def finish_common(work: Work) -> None:
    """Settle what every client has: addresses, timeouts of requests, backoffs."""
    _finish_bootstrap(work)
    _finish_request_timeout(work)
    base, top = "reconnect.backoff.ms", "reconnect.backoff.max.ms"
    if int(work.config[base]) > int(work.config[top]):
        work.config[top] = work.config[base]
        if top in work.properties:
            work.drop(top, f"is below {base}, which is used instead", "raise it")


def _finish_bootstrap(work: Work) -> None:
    key = "bootstrap.servers"
    addresses = [part.strip() for part in work.value(key).split(",") if part.strip()]
    if not addresses:
        work.refuse(key, "is missing", "give host:port of one or more brokers, by commas")
        return
    plain = []
    for address in addresses:
        match = _HOST_PORT.fullmatch(address)
        if match is None or int(match[2]) > _PORT_MAX:
            work.refuse(key, "must be a list of host:port", "correct it")
            return
        # librdkafka would compare a prefix such as SSL:// with security.protocol.
        plain.append(f"{match[1]}:{match[2]}")
    work.config[key] = ",".join(plain)


def _finish_request_timeout(work: Work) -> None:
    key = "request.timeout.ms"
    if key not in work.properties:
        return
    targets: tuple[str, ...] = ("socket.timeout.ms",)
    if work.kind is ClientKind.PRODUCER:
        targets = ("socket.timeout.ms", key)  # the latter is the broker's time for an ack
    rule = Number(targets, native_low=SOCKET_TIMEOUT_MIN_MS, native_high=SOCKET_TIMEOUT_MAX_MS)
    native = work.config.get("socket.timeout.ms")
    rule.apply(key, work.value(key), work)
    if native is not None:
        work.config["socket.timeout.ms"] = native  # librdkafka.socket.timeout.ms is the nearer word


def finish_producer(work: Work, *, transactional: bool) -> None:
    """Settle idempotence, transactions, timeouts, buffer sizes and compression."""
    _finish_idempotence(work, transactional=transactional)
    _finish_delivery_timeout(work)
    _finish_transaction(work, transactional=transactional)
    _finish_buffer(work)
    _finish_compression(work)
    key = "partitioner.ignore.keys"
    if key in work.properties and as_flag(key, work.value(key), work):
        work.config["partitioner"] = "random"


def _finish_idempotence(work: Work, *, transactional: bool) -> None:
    """Refuse what contradicts idempotence, or switch it off when nobody asked for it."""
    config = work.config
    in_flight = int(config.get(_IN_FLIGHT, 1))
    conflicts = [
        (key, must)
        for key, must, conflict in (
            ("acks", "must be all", config["request.required.acks"] != -1),
            ("retries", "must be at least 1", config.get("message.send.max.retries") == 0),
            (_IN_FLIGHT, "must be at most 5", in_flight > IDEMPOTENT_IN_FLIGHT_MAX),
        )
        if conflict
    ]
    if config["enable.idempotence"]:
        asked = "enable.idempotence" in work.properties or transactional
        for key, must in conflicts:
            if asked:
                work.refuse(key, f"{must} for an idempotent producer", "correct or remove it")
            else:
                config["enable.idempotence"] = False
                work.drop(
                    key,
                    "idempotence is switched off for it, so a retry may store a record twice",
                    "remove it, or set enable.idempotence=false to say that it is meant",
                )
    elif transactional:
        work.refuse("enable.idempotence", "must be true for exactly-once delivery", "remove it")
    if not config["enable.idempotence"]:
        # A retry must not overtake: Connect's own setting for producers without idempotence.
        config.setdefault(_IN_FLIGHT, 1)


def _finish_delivery_timeout(work: Work) -> None:
    key = "delivery.timeout.ms"
    limit = int(work.config["message.timeout.ms"])
    if key not in work.properties or limit == 0:
        return
    linger = int(work.config.get("queue.buffering.max.ms", _JAVA_LINGER_MS))
    request = int(work.config.get("request.timeout.ms", _JAVA_REQUEST_TIMEOUT_MS))
    if limit < linger + request:
        work.refuse(
            key,
            f"must be at least linger.ms + request.timeout.ms = {linger + request}",
            "raise it, or lower request.timeout.ms",
        )


def _finish_transaction(work: Work, *, transactional: bool) -> None:
    key = "transactional.id"
    if not transactional:
        if key in work.properties:
            work.refuse(
                key,
                "is Penstock's own to set",
                "remove it; for exactly-once delivery set exactly.once.source.support=enabled",
            )
        return
    if key not in work.properties:
        work.refuse(key, "is missing", "give it one: exactly-once delivery needs it")
        return
    Text(key, empty=False).apply(key, work.value(key), work)
    limit = int(work.config.setdefault("transaction.timeout.ms", _JAVA_TRANSACTION_TIMEOUT_MS))
    delivery = int(work.config["message.timeout.ms"])
    if not 0 < delivery <= limit:
        # Nothing sent in a transaction matters once it has timed out; librdkafka insists.
        work.config["message.timeout.ms"] = limit
        if "delivery.timeout.ms" in work.properties and delivery:
            work.drop(
                "delivery.timeout.ms",
                f"transaction.timeout.ms = {limit} is used, as it is shorter",
                "raise transaction.timeout.ms",
            )
    if int(work.config.get("socket.timeout.ms", 0)) > limit:
        work.config["socket.timeout.ms"] = min(limit, SOCKET_TIMEOUT_MAX_MS)
        request = "request.timeout.ms"
        work.drop(
            request if request in work.properties else f"{PREFIX}socket.timeout.ms",
            f"transaction.timeout.ms = {limit} is used, as it is shorter",
            "lower it, or raise transaction.timeout.ms",
        )


def _finish_buffer(work: Work) -> None:
    """Make room for the largest record: librdkafka would call its queue full for ever."""
    needed = -(-int(work.config["message.max.bytes"]) // 1024)
    if int(work.config["queue.buffering.max.kbytes"]) < needed:
        work.config["queue.buffering.max.kbytes"] = needed
        for key in ("buffer.memory", f"{PREFIX}queue.buffering.max.kbytes"):
            if key in work.properties:
                work.drop(
                    key,
                    f"{needed * 1024} bytes are used, to hold one record of max.request.size",
                    "raise it, or lower max.request.size",
                )
    least = needed * 1024
    work.runtime["buffer.memory"] = max(work.runtime["buffer.memory"], least)


def _finish_compression(work: Work) -> None:
    codec = str(work.config.get("compression.codec", "none"))
    for name, rule in _LEVELS.items():
        key = f"compression.{name}.level"
        if key not in work.properties:
            continue
        if name == codec:
            rule.apply(key, work.value(key), work)
        else:
            work.ignore(key, f"compression.type is {codec}")


def finish_consumer(work: Work) -> None:
    """Settle the group protocol, the assignor, where to start and how much to fetch."""
    if work.config.get("group.protocol") == "consumer":
        for key in ("session.timeout.ms", "heartbeat.interval.ms", _ASSIGNOR):
            if key in work.properties:
                work.refuse(
                    key,
                    "cannot be set with group.protocol=consumer: the broker decides",
                    "remove it, or set group.protocol=classic",
                )
    else:
        if "group.remote.assignor" in work.properties:
            work.refuse(
                "group.remote.assignor",
                "cannot be set with group.protocol=classic",
                "remove it, or set group.protocol=consumer",
            )
        _finish_session(work)
        _finish_assignor(work)
    _finish_offset_reset(work)
    _finish_fetch(work)
    key = "exclude.internal.topics"
    shown = key in work.properties and as_flag(key, work.value(key), work) is False
    if shown and f"{PREFIX}topic.blacklist" not in work.properties:
        del work.config["topic.blacklist"]


def _finish_session(work: Work) -> None:
    session = int(work.config.get("session.timeout.ms", _SESSION_TIMEOUT_MS))
    if int(work.config.get("heartbeat.interval.ms", _HEARTBEAT_MS)) >= session:
        key = "heartbeat.interval.ms"
        key = key if key in work.properties else "session.timeout.ms"
        work.refuse(
            key,
            "must leave heartbeat.interval.ms below session.timeout.ms",
            "a third of session.timeout.ms is usual",
        )
    poll = "max.poll.interval.ms"
    if int(work.config.get(poll, _MAX_POLL_INTERVAL_MS)) < session:
        work.config[poll] = session
        work.drop(
            poll if poll in work.properties else "session.timeout.ms",
            f"librdkafka needs {poll} to be no shorter; {session} is used for it",
            "lower session.timeout.ms or raise max.poll.interval.ms",
        )


def _finish_assignor(work: Work) -> None:
    """Choose librdkafka's assignors; it refuses to mix eager and cooperative ones."""
    if _ASSIGNOR not in work.properties:
        return
    names = [name.strip() for name in work.value(_ASSIGNOR).split(",") if name.strip()]
    if not names:
        work.refuse(_ASSIGNOR, "must not be empty", "name an assignor or leave it out")
        return
    known = [_ASSIGNORS[name] for name in names if name in _ASSIGNORS]
    eager = [name for name in known if name != _COOPERATIVE]
    chosen = eager or known[:1] or ["range"]
    work.config[_ASSIGNOR] = ",".join(dict.fromkeys(chosen))
    if len(known) < len(names):
        work.drop(
            _ASSIGNOR,
            f"librdkafka has only {', '.join(_ASSIGNORS.values())}; "
            f"{work.config[_ASSIGNOR]} is used",
            "choose among RangeAssignor, RoundRobinAssignor and CooperativeStickyAssignor",
        )
    elif eager and known[0] == _COOPERATIVE:
        work.drop(
            _ASSIGNOR,
            f"eager and cooperative assignors cannot be mixed; {work.config[_ASSIGNOR]} is used",
            "leave CooperativeStickyAssignor alone in the list",
        )
    elif len(eager) < len(known):
        work.ignore(_ASSIGNOR, f"{work.config[_ASSIGNOR]} is used, which the list prefers")


def _finish_offset_reset(work: Work) -> None:
    key = "auto.offset.reset"
    if key not in work.properties:
        return
    word = work.value(key)
    words = {"earliest": "earliest", "latest": "latest", "none": "error"}
    if word in words:
        work.config[key] = words[word]
    elif word.startswith("by_duration:"):
        work.refuse(
            key,
            "cannot be honoured: librdkafka has no start by duration",
            "use earliest or latest, or set the connector's offsets over REST",
        )
    else:
        work.refuse(key, "must be one of earliest, latest, none", "choose one of them")


def _finish_fetch(work: Work) -> None:
    """Keep librdkafka's three sizes in the order that it demands."""
    fetch = int(work.config["fetch.max.bytes"])
    if fetch < _RD_MESSAGE_BYTES:
        work.config["message.max.bytes"] = max(fetch, MESSAGE_BYTES_MIN)
    response = "receive.message.max.bytes"
    if int(work.config.get(response, fetch + _RD_RESPONSE_ROOM)) < fetch + _RD_RESPONSE_ROOM:
        work.config[response] = fetch + _RD_RESPONSE_ROOM
        work.drop(
            f"{PREFIX}{response}",
            f"must hold a fetch; {fetch + _RD_RESPONSE_ROOM} is used",
            "raise it, or lower fetch.max.bytes",
        )
