"""The property table against the documented names, and translated values against librdkafka."""

from __future__ import annotations

from collections.abc import Mapping

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient

from penstock.errors import ConfigError
from penstock.runtime.kafka.features import has_feature
from penstock.runtime.kafka.properties import (
    MAX_POLL_RECORDS,
    ClientKind,
    Setting,
    Translation,
    penstock_defaults,
    shown,
    translate,
)
from penstock.runtime.kafka.properties_rules import INT_MAX, LONG_MAX
from penstock.runtime.kafka.properties_table import INTERNAL_TOPICS

PRODUCER, CONSUMER, ADMIN = ClientKind.PRODUCER, ClientKind.CONSUMER, ClientKind.ADMIN
ASSIGNOR = "partition.assignment.strategy"
IN_FLIGHT = "max.in.flight.requests.per.connection"
JAVA_ASSIGNORS = "org.apache.kafka.clients.consumer."


def translated(
    kind: ClientKind, properties: Mapping[str, str], *, transactional: bool = False
) -> Translation:
    given_ = {"bootstrap.servers": "127.0.0.1:1", **properties}
    if kind is CONSUMER:
        given_.setdefault("group.id", "g")
    return translate(given_, kind, transactional=transactional)


def problems_of(
    kind: ClientKind, properties: Mapping[str, str], *, transactional: bool = False
) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        translated(kind, properties, transactional=transactional)
    return {problem.key: problem.message for problem in caught.value.problems}


def create(kind: ClientKind, config: Mapping[str, Setting]) -> None:
    """Make the client: librdkafka refuses unknown names, wrong values and contradictions."""
    makers = {PRODUCER: confluent_kafka.Producer, ADMIN: AdminClient}
    if kind is CONSUMER:
        confluent_kafka.Consumer({**config, "log_level": 0}).close()
    else:
        makers[kind]({**config, "log_level": 0})


@pytest.mark.parametrize("kind", ClientKind)
def test_our_defaults_make_a_client(kind: ClientKind) -> None:
    config = translated(kind, {}).config
    assert penstock_defaults(kind).items() <= config.items()
    create(kind, config)


def test_defaults_that_speed_and_safety_hang_on() -> None:
    producer, consumer = penstock_defaults(PRODUCER), penstock_defaults(CONSUMER)
    assert producer["partitioner"] == "murmur2_random"
    assert producer["enable.idempotence"] is True
    assert consumer["fetch.queue.backoff.ms"] == 5
    assert consumer["enable.auto.commit"] is False
    assert consumer["isolation.level"] == "read_uncommitted"
    assert translated(CONSUMER, {}).runtime["max.poll.records"] == MAX_POLL_RECORDS
    assert translated(PRODUCER, {}).runtime["buffer.memory"] == 32 * 1024 * 1024


def test_defaults_are_fresh_each_time() -> None:
    penstock_defaults(ADMIN)["client.id"] = "mine"
    assert "client.id" not in penstock_defaults(ADMIN)


RENAMED: list[tuple[ClientKind, str, str, dict[str, Setting]]] = [
    (PRODUCER, "acks", "all", {"request.required.acks": -1}),
    (PRODUCER, "acks", "-1", {"request.required.acks": -1}),
    (PRODUCER, "delivery.timeout.ms", str(INT_MAX), {"message.timeout.ms": 0}),
    (PRODUCER, "delivery.timeout.ms", "120000", {"message.timeout.ms": 120_000}),
    (PRODUCER, "delivery.timeout.ms", "30005", {"message.timeout.ms": 30_005}),
    (PRODUCER, "linger.ms", " 20 ", {"queue.buffering.max.ms": 20}),
    (PRODUCER, "batch.size", "0", {"batch.size": 1}),
    (PRODUCER, "buffer.memory", "67108865", {"queue.buffering.max.kbytes": 65_537}),
    (PRODUCER, "max.request.size", "2097152", {"message.max.bytes": 2_097_152}),
    (PRODUCER, "retries", "+3", {"message.send.max.retries": 3}),
    (PRODUCER, "compression.type", "zstd", {"compression.codec": "zstd"}),
    (PRODUCER, "enable.idempotence", "FALSE", {"enable.idempotence": False, IN_FLIGHT: 1}),
    (PRODUCER, "partitioner.ignore.keys", "true", {"partitioner": "random"}),
    (PRODUCER, "partitioner.ignore.keys", "false", {"partitioner": "murmur2_random"}),
    (
        PRODUCER,
        "request.timeout.ms",
        "20000",
        {"request.timeout.ms": 20_000, "socket.timeout.ms": 20_000},
    ),
    (ADMIN, "request.timeout.ms", "20000", {"socket.timeout.ms": 20_000}),
    (ADMIN, "metadata.max.age.ms", "1000", {"topic.metadata.refresh.interval.ms": 1_000}),
    (ADMIN, "send.buffer.bytes", "-1", {"socket.send.buffer.bytes": 0}),
    (ADMIN, "connections.max.idle.ms", "-1", {"connections.max.idle.ms": 0}),
    (ADMIN, "metadata.recovery.strategy", "NONE", {"metadata.recovery.strategy": "none"}),
    (ADMIN, "client.id", "me", {"client.id": "me"}),
    (ADMIN, "reconnect.backoff.ms", "3000", {"reconnect.backoff.max.ms": 3_000}),
    (ADMIN, "bootstrap.servers", "SSL://a:1, [::1]:2,", {"bootstrap.servers": "a:1,[::1]:2"}),
    (CONSUMER, "auto.offset.reset", "none", {"auto.offset.reset": "error"}),
    (CONSUMER, "auto.offset.reset", "earliest", {"auto.offset.reset": "earliest"}),
    (CONSUMER, "fetch.max.wait.ms", "100", {"fetch.wait.max.ms": 100}),
    (CONSUMER, "max.partition.fetch.bytes", "0", {"fetch.message.max.bytes": 1}),
    (CONSUMER, "fetch.max.bytes", "5000", {"fetch.max.bytes": 5_000, "message.max.bytes": 5_000}),
    (CONSUMER, "isolation.level", "read_committed", {"isolation.level": "read_committed"}),
    (CONSUMER, "exclude.internal.topics", "true", {"topic.blacklist": INTERNAL_TOPICS}),
    (CONSUMER, "group.protocol", "CONSUMER", {"group.protocol": "consumer"}),
    (CONSUMER, ASSIGNOR, JAVA_ASSIGNORS + "RoundRobinAssignor", {ASSIGNOR: "roundrobin"}),
    (
        CONSUMER,
        ASSIGNOR,
        JAVA_ASSIGNORS + "CooperativeStickyAssignor",
        {ASSIGNOR: "cooperative-sticky"},
    ),
]


@pytest.mark.parametrize(("kind", "key", "value", "expected"), RENAMED)
def test_a_value_becomes_librdkafkas(
    kind: ClientKind, key: str, value: str, expected: dict[str, Setting]
) -> None:
    found = translated(kind, {key: value})
    assert expected.items() <= found.config.items()
    assert not found.unsupported
    create(kind, found.config)


CLAMPED: list[tuple[ClientKind, dict[str, str], dict[str, Setting]]] = [
    (PRODUCER, {"linger.ms": str(LONG_MAX)}, {"queue.buffering.max.ms": 900_000}),
    (PRODUCER, {"request.timeout.ms": str(INT_MAX)}, {"socket.timeout.ms": 300_000}),
    (PRODUCER, {"max.request.size": "1"}, {"message.max.bytes": 1_000}),
    (ADMIN, {"metadata.max.age.ms": "0"}, {"topic.metadata.refresh.interval.ms": 1}),
    (ADMIN, {"socket.connection.setup.timeout.ms": "5"}, {}),
    (
        ADMIN,
        {"reconnect.backoff.ms": "90", "reconnect.backoff.max.ms": "50"},
        {"reconnect.backoff.max.ms": 90},
    ),
    (CONSUMER, {"max.poll.interval.ms": str(INT_MAX)}, {"max.poll.interval.ms": 86_400_000}),
    (CONSUMER, {"max.poll.interval.ms": "10000"}, {"max.poll.interval.ms": 45_000}),
    (CONSUMER, {"session.timeout.ms": "400000"}, {"max.poll.interval.ms": 400_000}),
    (CONSUMER, {"fetch.max.bytes": str(INT_MAX)}, {"fetch.max.bytes": 2_147_483_135}),
    (CONSUMER, {"fetch.max.bytes": "7"}, {"fetch.max.bytes": 1_000}),
    (PRODUCER, {"compression.type": "zstd", "compression.zstd.level": "22"}, {}),
    (PRODUCER, {"acks": "1"}, {"enable.idempotence": False, IN_FLIGHT: 1}),
    (PRODUCER, {"retries": "0"}, {"enable.idempotence": False}),
    (PRODUCER, {IN_FLIGHT: "9"}, {"enable.idempotence": False, IN_FLIGHT: 9}),
    (PRODUCER, {"buffer.memory": "1000"}, {"queue.buffering.max.kbytes": 1_024}),
    (PRODUCER, {"partitioner.class": "com.example.Mine"}, {"partitioner": "murmur2_random"}),
    (PRODUCER, {"interceptor.classes": "com.example.I"}, {}),
    (PRODUCER, {"metric.reporters": "com.example.M"}, {}),
    (CONSUMER, {"enable.auto.commit": "true"}, {"enable.auto.commit": False}),
    (CONSUMER, {ASSIGNOR: JAVA_ASSIGNORS + "StickyAssignor"}, {ASSIGNOR: "range"}),
    (
        CONSUMER,
        {
            ASSIGNOR: f"{JAVA_ASSIGNORS}CooperativeStickyAssignor,{JAVA_ASSIGNORS}RangeAssignor",
        },
        {ASSIGNOR: "range"},
    ),
    (
        CONSUMER,
        {"librdkafka.receive.message.max.bytes": "1000"},
        {"receive.message.max.bytes": 8 * 1024 * 1024 + 512},
    ),
]


@pytest.mark.parametrize(("kind", "properties", "expected"), CLAMPED)
def test_what_cannot_be_honoured_is_changed_and_said(
    kind: ClientKind, properties: dict[str, str], expected: dict[str, Setting]
) -> None:
    found = translated(kind, properties)
    assert expected.items() <= found.config.items()
    (note,) = found.unsupported
    assert note.key in properties
    assert note.remedy
    assert str(note).startswith(f"'{note.key}' = '")
    create(kind, found.config)


HARMLESS: list[tuple[ClientKind, dict[str, str], str]] = [
    (PRODUCER, {"max.block.ms": "1"}, "max.block.ms"),
    (PRODUCER, {"key.serializer": "x"}, "key.serializer"),
    (PRODUCER, {"compression.gzip.level": "4"}, "compression.gzip.level"),
    (PRODUCER, {"partitioner.class": ""}, "partitioner.class"),
    (PRODUCER, {"transaction.two.phase.commit.enable": "false"}, "transaction.two"),
    (PRODUCER, {"fetch.min.bytes": "1"}, "fetch.min.bytes"),
    (PRODUCER, {"librdkafka.fetch.error.backoff.ms": "1"}, "librdkafka.fetch.error"),
    (ADMIN, {"retries": "5"}, "retries"),
    (ADMIN, {"ssl.truststore.location": "/x.jks"}, "ssl.truststore.location"),
    (ADMIN, {"ssl.protocol": "TLSv1.1"}, ""),
    (ADMIN, {"linger.msec": "5"}, "linger.msec"),
    (ADMIN, {"queued.min.messages": "5"}, "queued.min.messages"),
    (ADMIN, {"A:retries": "5"}, "A:retries"),
    (CONSUMER, {"enable.auto.commit": "false"}, "enable.auto.commit"),
    (
        CONSUMER,
        {ASSIGNOR: f"{JAVA_ASSIGNORS}RangeAssignor,{JAVA_ASSIGNORS}CooperativeStickyAssignor"},
        ASSIGNOR,
    ),
]


@pytest.mark.parametrize(("kind", "properties", "key"), HARMLESS)
def test_what_means_nothing_here_is_ignored_and_said(
    kind: ClientKind, properties: dict[str, str], key: str
) -> None:
    found = translated(kind, properties)
    expected = dict(translated(kind, {}).config)
    if key == ASSIGNOR:
        expected[ASSIGNOR] = "range"
    assert found.config == expected
    assert [note.key for note in found.ignored if note.key.startswith(key)] or not key
    create(kind, found.config)


def test_unknown_names_get_a_suggestion() -> None:
    notes = {
        note.key: str(note)
        for note in translated(
            PRODUCER, {"liner.ms": "5", "batch.num.messages": "7", "my.token": "s3cret"}
        ).ignored
    }
    assert "unknown, ignored (did you mean 'linger.ms'" in notes["liner.ms"]
    assert "'librdkafka.batch.num.messages'" in notes["batch.num.messages"]
    assert "s3cret" not in notes["my.token"]


def test_metrics_labels_are_taken_in_silence() -> None:
    found = translated(PRODUCER, {"metrics.context.connect.group.id": "g"})
    assert not found.ignored


BAD: list[tuple[ClientKind, dict[str, str], str, str]] = [
    (PRODUCER, {"acks": "2"}, "acks", "must be one of all, -1, 0, 1, got '2'"),
    (PRODUCER, {"linger.ms": "soon"}, "linger.ms", "whole number from 0"),
    (PRODUCER, {"linger.ms": "-1"}, "linger.ms", "got '-1'"),
    (PRODUCER, {"delivery.timeout.ms": "0"}, "delivery.timeout.ms", "from 1"),
    (PRODUCER, {"delivery.timeout.ms": "30004"}, "delivery.timeout.ms", "30005"),
    (PRODUCER, {"enable.idempotence": "yes"}, "enable.idempotence", "true or false"),
    (PRODUCER, {"enable.idempotence": "true", "acks": "0"}, "acks", "must be all"),
    (PRODUCER, {"enable.idempotence": "true", IN_FLIGHT: "6"}, IN_FLIGHT, "at most 5"),
    (PRODUCER, {"enable.idempotence": "true", "retries": "0"}, "retries", "at least 1"),
    (PRODUCER, {"transactional.id": "t"}, "transactional.id", "Penstock's own"),
    (PRODUCER, {"transaction.two.phase.commit.enable": "true"}, "transaction.two", "two-phase"),
    (PRODUCER, {"partitioner.ignore.keys": "1"}, "partitioner.ignore.keys", "true or false"),
    (ADMIN, {"bootstrap.servers": " , "}, "bootstrap.servers", "is missing"),
    (ADMIN, {"bootstrap.servers": "localhost"}, "bootstrap.servers", "host:port"),
    (ADMIN, {"bootstrap.servers": "h:99999"}, "bootstrap.servers", "host:port"),
    (ADMIN, {"bootstrap.controllers": "h:1"}, "bootstrap.controllers", "bootstrap.servers"),
    (ADMIN, {"security.protocol": "TLS"}, "security.protocol", "got 'TLS'"),
    (ADMIN, {"sasl.login.class": "x.Y"}, "sasl.login.class", "Java class"),
    (ADMIN, {"ssl.engine.factory.class": "x.Y"}, "ssl.engine.factory.class", "Java class"),
    (ADMIN, {"client.id": "a\0b"}, "client.id", "cannot be sent"),
    (ADMIN, {"client.id": "a\ud800b"}, "client.id", "cannot be sent"),
    (ADMIN, {"librdkafka.debug": "a\0b"}, "librdkafka.debug", "cannot be sent"),
    (ADMIN, {"librdkafka.log_level": "9"}, "librdkafka.log_level", "from 0 to 7"),
    (ADMIN, {"librdkafka.linger.ms": "9"}, "librdkafka.linger.ms", "write it as 'linger.ms'"),
    (
        ADMIN,
        {"librdkafka.message.timeout.ms": "9"},
        "librdkafka.message.timeout.ms",
        "'delivery.timeout.ms'",
    ),
    (ADMIN, {"librdkafka.log_lev": "9"}, "librdkafka.log_lev", "did you mean 'log_level'"),
    (CONSUMER, {"group.id": " "}, "group.id", "must not be empty"),
    (CONSUMER, {"auto.offset.reset": "by_duration:PT1H"}, "auto.offset.reset", "over REST"),
    (CONSUMER, {"auto.offset.reset": "smallest"}, "auto.offset.reset", "earliest, latest, none"),
    (CONSUMER, {"heartbeat.interval.ms": "45000"}, "heartbeat.interval.ms", "below"),
    (CONSUMER, {"session.timeout.ms": "3000"}, "session.timeout.ms", "below"),
    (CONSUMER, {"group.remote.assignor": "uniform"}, "group.remote.assignor", "classic"),
    (
        CONSUMER,
        {"group.protocol": "consumer", "session.timeout.ms": "9000"},
        "session.timeout.ms",
        "the broker decides",
    ),
    (CONSUMER, {ASSIGNOR: ","}, ASSIGNOR, "must not be empty"),
]


@pytest.mark.parametrize(("kind", "properties", "key", "part"), BAD)
def test_what_is_wrong_is_refused_by_name(
    kind: ClientKind, properties: dict[str, str], key: str, part: str
) -> None:
    (found,) = [(k, m) for k, m in problems_of(kind, properties).items() if k.startswith(key)]
    assert part in found[1]
    assert found[1].startswith(f"'{found[0].split(chr(0))[0]}")
    found[1].encode()


def test_all_problems_come_at_once_in_the_order_given() -> None:
    with pytest.raises(ConfigError) as caught:
        translate(
            {"linger.ms": "x", "acks": "5", "ssl.engine.factory.class": "a.B", "retries": "-2"},
            PRODUCER,
            who="connector 'orders'",
        )
    keys = [problem.key for problem in caught.value.problems]
    assert keys == [
        "linger.ms",
        "acks",
        "ssl.engine.factory.class",
        "retries",
        "bootstrap.servers",
    ]
    assert str(caught.value).startswith("connector 'orders': 5 configuration problems:")


def test_a_buffer_too_small_for_one_record_grows() -> None:
    found = translated(PRODUCER, {"max.request.size": "104857600"})
    assert found.config["queue.buffering.max.kbytes"] == 102_400
    assert found.runtime["buffer.memory"] == 104_857_600
    assert not found.unsupported


def test_hiding_internal_topics_can_be_switched_off() -> None:
    assert (
        "topic.blacklist" not in translated(CONSUMER, {"exclude.internal.topics": "false"}).config
    )
    found = translated(
        CONSUMER, {"exclude.internal.topics": "false", "librdkafka.topic.blacklist": "^x"}
    )
    assert found.config["topic.blacklist"] == "^x"
    assert problems_of(CONSUMER, {"exclude.internal.topics": "0"})


def test_a_transactional_producer_outlives_no_transaction() -> None:
    base = {"transactional.id": "t", "delivery.timeout.ms": str(INT_MAX)}
    found = translated(PRODUCER, base, transactional=True)
    assert found.config["message.timeout.ms"] == 60_000
    assert not found.unsupported
    create(PRODUCER, found.config)
    shorter = {**base, "transaction.timeout.ms": "40000", "delivery.timeout.ms": "31000"}
    assert translated(PRODUCER, shorter, transactional=True).config["message.timeout.ms"] == 31_000


@pytest.mark.parametrize("key", ["request.timeout.ms", "librdkafka.socket.timeout.ms"])
def test_a_transaction_bounds_the_other_timeouts(key: str) -> None:
    found = translated(
        PRODUCER,
        {
            "transactional.id": "t",
            "transaction.timeout.ms": "9000",
            "delivery.timeout.ms": "90000",
            key: "20000",
        },
        transactional=True,
    )
    assert [note.key for note in found.unsupported] == ["delivery.timeout.ms", key]
    assert found.config["socket.timeout.ms"] == 9_000
    create(PRODUCER, found.config)


def test_a_transactional_producer_needs_its_id_and_idempotence() -> None:
    assert "is missing" in problems_of(PRODUCER, {}, transactional=True)["transactional.id"]
    found = problems_of(
        PRODUCER, {"transactional.id": " ", "enable.idempotence": "false"}, transactional=True
    )
    assert set(found) == {"transactional.id", "enable.idempotence"}


def test_secrets_are_never_shown() -> None:
    for key in (
        "sasl.jaas.config",
        "ssl.key.password",
        "ssl.keystore.key",
        "ssl.keystore.certificate.chain",
        "ssl.truststore.certificates",
        "sasl.oauthbearer.client.credentials.client.secret",
        "sasl.oauthbearer.assertion.private.key.passphrase",
    ):
        assert shown(key, "s3cret") == "[hidden]"
    assert shown("client.id", "a\n\x1b[31m" + "x" * 500).startswith("a\\n\\x1b[31mxxx")
    assert len(shown("client.id", "x" * 500)) < 130
    assert "x1" not in repr(translated(ADMIN, {"client.id": "x1"}))


def test_the_wheel_lacks_kerberos_and_has_scram() -> None:
    assert has_feature("sasl_scram")
    assert not has_feature("no_such_feature")
