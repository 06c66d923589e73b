"""Record builders, keys and dead letters of the source; message builders of the sink."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
from typing import Any

import pytest

from penstock.data import Header, Headers, Schema, SinkRecord
from penstock.errors import DataError
from penstock_mq._builders import Shaping, default_body, json_body, message_of
from penstock_mq._messages import BYTES, EMPTY, OTHER, TEXT, Received
from penstock_mq._records import Building, build, dead_letters


def received(*bodies: tuple[int, bytes | None], correlation: str | None = "ID:c0") -> Received:
    n = len(bodies)
    return Received(
        kinds=bytes(kind for kind, _ in bodies),
        timestamps=[1000 + i for i in range(n)],
        bodies=[body for _, body in bodies],
        ids=[f"ID:{i}" for i in range(n)],
        correlations=[correlation] * n,
        raw_correlations=[None] * n,
        destinations=["queue:///q"] * n,
        groups=[None] * n,
        headers=[Headers.EMPTY] * n,
    )


def how(**more: Any) -> Building:
    return Building(topic="t", queue="q", **more)


@pytest.mark.parametrize(
    ("body_jms", "kind", "body", "value", "schema"),
    [
        (False, BYTES, b"x", b"x", Schema.OPTIONAL_BYTES),
        (False, EMPTY, None, None, Schema.OPTIONAL_BYTES),
        (True, BYTES, b"x", b"x", None),
        (True, TEXT, "ü".encode(), "ü", None),
        (True, EMPTY, None, None, None),
    ],
)
def test_default_builder(
    body_jms: bool,
    kind: int,
    body: bytes | None,
    value: Any,
    schema: Schema | None,
) -> None:
    made = build(received((kind, body)), how(body_jms=body_jms))
    assert not made.bad
    assert list(made.batch.values) == [value]
    assert made.batch.value_schema is schema
    assert made.batch.timestamps[0] == (1000 if body_jms else None)


@pytest.mark.parametrize("kind", [TEXT, BYTES])
def test_json_builder_is_schemaless(kind: int) -> None:
    made = build(received((kind, b'{"a":[1,2.5,null]}')), how(is_json=True))
    assert list(made.batch.values) == [{"a": [1, 2.5, None]}]
    assert made.batch.value_schema is None


@pytest.mark.parametrize("body", [b"{", b"\xff", b"NaN", b"9223372036854775808", b"[" * 100_000])
def test_json_builder_refuses(body: bytes) -> None:
    made = build(received((BYTES, body), (BYTES, b"1")), how(is_json=True))
    assert list(made.bad) == [0]
    assert "queue 'q', message ID:0" in str(made.bad[0])
    assert list(made.batch.values) == [1]


def test_map_object_and_stream_are_bad_messages() -> None:
    for one in (how(), how(body_jms=True), how(is_json=True)):
        made = build(received((OTHER, b"{a=1}")), one)
        assert "Unsupported JMS message type" in str(made.bad[0])
        assert len(made.batch) == 0


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (None, None),
        ("JMSMessageID", "0"),
        ("JMSCorrelationID", "c0"),
        ("JMSDestination", "queue:///q"),
        ("JMSXGroupID", None),
    ],
)
def test_key_is_a_header(header: str | None, key: str | None) -> None:
    made = build(received((TEXT, b"x")), how(key_header=header))
    assert made.batch.keys[0] == key
    assert made.batch.key_schema is (None if header is None else Schema.OPTIONAL_STRING)


def test_message_without_correlation_id_has_a_null_key() -> None:
    # The original fails with a null pointer.
    made = build(received((TEXT, b"x"), correlation=None), how(key_header="JMSCorrelationID"))
    assert made.batch.keys[0] is None


def test_dead_letter_keeps_bytes_key_and_says_why() -> None:
    found = received((BYTES, b"{"), (BYTES, b"1"))
    way = how(is_json=True, key_header="JMSMessageID")
    made = build(found, way)
    (letter,) = dead_letters(found, made, way, "dead", with_context=True, now_ms=5)
    assert (letter.topic, letter.value, letter.key) == ("dead", b"{", "0")
    headers = {
        header.key.removeprefix("__connect.errors."): header.value for header in letter.headers
    }
    assert headers["topic"] == "t"
    assert headers["mq.queue"] == "q"
    assert headers["jms.message.id"] == "ID:0"
    assert headers["timestamp"] == 5
    assert headers["exception.class.name"] == "DataError"
    assert headers["cause.class"] == "JSONDecodeError"


def test_default_message_is_text_bytes_or_nothing() -> None:
    values = [None, b"x", "x", 7, True, 1.0]
    assert [default_body(one) for one in values] == [None, b"x", "x", "7", "true", "1.0"]
    with pytest.raises(DataError, match="JsonMessageBuilder"):
        default_body({"a": 1})


def test_json_message_is_what_connect_writes() -> None:
    value = {
        "b": b"\x01",
        "d": decimal.Decimal("-1.28"),
        "t": dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC),
        "day": dt.date(1970, 1, 3),
        "time": dt.time(0, 0, 2),
    }
    decimal_text = base64.b64encode(b"\x80").decode()
    assert json_body(value) == (f'{{"b":"AQ==","d":"{decimal_text}","t":1000,"day":2,"time":2000}}')
    with pytest.raises(DataError, match="no form in JSON"):
        json_body(float("nan"))


def record(key: Any = None, key_schema: Schema | None = None, **headers: Any) -> SinkRecord:
    return SinkRecord(
        topic="t",
        value="v",
        key=key,
        key_schema=key_schema,
        offset=9,
        original_topic="t",
        original_partition=3,
        headers=Headers(Header(name, value, schema) for name, (value, schema) in headers.items()),
    )


@pytest.mark.parametrize(
    ("key", "schema", "correlation"),
    [
        ("k", Schema.STRING, "k"),
        (b"k", Schema.BYTES, b"k"),
        (7, None, "7"),
        (7, Schema.INT32, None),
        (None, None, None),
    ],
)
def test_key_becomes_the_correlation_id(key: Any, schema: Schema | None, correlation: Any) -> None:
    shaping = Shaping(default_body, is_correlated=True)
    assert message_of(record(key, schema), shaping).correlation == correlation


def test_headers_become_typed_properties_and_mqmd_only_when_wanted() -> None:
    given = record(
        size=(7, Schema.INT16),
        JMS_IBM_MQMD_Priority=("4", Schema.STRING),
        JMS_IBM_MQMD_BackoutCount=(4, Schema.INT32),
        JMS_IBM_MQMD_CorrelId=("ID:4142", Schema.STRING),
        JMSType=("x", Schema.STRING),
    )
    plain = message_of(given, Shaping(default_body, has_headers=True))
    assert plain.properties == [("size", Schema.INT16, 7)]
    assert plain.correlation is None
    mqmd = message_of(given, Shaping(default_body, has_headers=True, has_mqmd=True))
    assert mqmd.properties[1:] == [("JMS_IBM_MQMD_Priority", Schema.INT32, 4)]
    assert mqmd.correlation == b"AB"


def test_place_in_kafka_becomes_properties() -> None:
    shaping = Shaping(
        default_body, topic_property="topic", partition_property="part", offset_property="off"
    )
    assert message_of(record(), shaping).properties == [
        ("topic", Schema.STRING, "t"),
        ("part", Schema.INT32, 3),
        ("off", Schema.INT64, 9),
    ]
