"""The four connectors' keys become one set of settings."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.api import SourceConnector
from penstock.errors import ConfigError
from penstock_kinesis import (
    CamelKinesisSourceConnector,
    ClassicKinesisSourceConnector,
    ConfluentKinesisSourceConnector,
    KinesisSourceConnector,
)
from penstock_kinesis._cursor import Start
from penstock_kinesis._keys import Settings, moment_of, start_of
from penstock_kinesis._offsets import Place

KAMELET = "camel.kamelet.aws-kinesis-source."
CLASSIC = {
    "aws.access.key.id": "key",
    "aws.secret.key.id": "secret",
    "kafka.topic": "t",
    "kinesis.stream": "s",
}
CAMEL = {"topics": "carrides", KAMELET + "stream": "acr-carrides", KAMELET + "region": "us-west-2"}


def settings(kind: type[SourceConnector[Any]], raw: dict[str, str]) -> Settings:
    parsed = kind.config_spec().parse(raw)
    found: Settings = parsed.settings(raw)
    return found


def test_three_keys_are_enough() -> None:
    found = settings(KinesisSourceConnector, {"stream": "s", "topic": "t", "region": "eu-west-1"})
    assert (found.stream.name, found.topic, found.stream.region) == ("s", "t", "eu-west-1")
    assert (found.position, found.value_format, found.key_format) == (
        "TRIM_HORIZON",
        "bytes",
        "string",
    )


def test_classic_keys_with_their_defaults() -> None:
    found = settings(ClassicKinesisSourceConnector, CLASSIC)
    assert found.stream.region == "us-east-1"
    assert found.access_key == "key"
    assert found.secret_key is not None
    assert found.secret_key.value == "secret"
    assert "secret" not in repr(found.secret_key)
    assert (found.record_limit, found.backoff_s, found.value_format) == (500, 10.0, "struct")


def test_classic_backoff_is_the_wait_of_an_idle_shard_only_when_it_is_set() -> None:
    assert settings(ClassicKinesisSourceConnector, CLASSIC).idle_s == 0.25
    raw = CLASSIC | {"kinesis.empty.records.backoff.ms": "5000"}
    assert settings(ClassicKinesisSourceConnector, raw).idle_s == 5.0


def test_classic_shard_pattern_is_searched_in_any_case() -> None:
    found = settings(ClassicKinesisSourceConnector, CLASSIC | {"kinesis.shard.id": "0001$|SHARD-7"})
    assert found.shard_pattern is not None
    assert found.shard_pattern.search("shardId-000000000001")
    assert found.shard_pattern.search("a-shard-7-b")
    assert not found.shard_pattern.search("shardId-000000000002")


def test_confluent_has_an_endpoint_and_a_moment() -> None:
    raw = CLASSIC | {
        "kinesis.base.url": "http://h:1",
        "kinesis.region": "eu-central-1",
        "kinesis.position": "AT_TIMESTAMP",
        "kinesis.shard.timestamp": "2020-01-01T00:00:00Z",
        "kinesis.proxy.url": "http://proxy:3128",
        "kinesis.proxy.username": "me",
    }
    found = settings(ConfluentKinesisSourceConnector, raw)
    assert (found.endpoint, found.timestamp_ms) == ("http://h:1", 1577836800000)
    assert (found.proxy_url, found.proxy_user) == ("http://proxy:3128", "me")


def test_camel_lab_keys() -> None:
    found = settings(CamelKinesisSourceConnector, CAMEL)
    assert (found.stream.name, found.stream.region, found.topic) == (
        "acr-carrides",
        "us-west-2",
        "carrides",
    )
    assert (found.access_key, found.secret_key, found.endpoint) == ("", None, "")
    assert found.value_format == "string"


def test_camel_values_stay_bytes_for_a_converter_of_bytes() -> None:
    raw = CAMEL | {"value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter"}
    assert settings(CamelKinesisSourceConnector, raw).value_format == "bytes"


def test_camel_static_keys_are_left_where_the_default_chain_is_asked_for() -> None:
    raw = CAMEL | {KAMELET + "accessKey": "key", KAMELET + "secretKey": "secret"}
    assert settings(CamelKinesisSourceConnector, raw).access_key == "key"
    raw |= {KAMELET + "useDefaultCredentialsProvider": "true"}
    assert settings(CamelKinesisSourceConnector, raw).access_key == ""


def test_camel_endpoint_counts_only_when_it_is_switched_on() -> None:
    raw = CAMEL | {KAMELET + "uriEndpointOverride": "http://h:1"}
    assert settings(CamelKinesisSourceConnector, raw).endpoint == ""
    raw |= {KAMELET + "overrideEndpoint": "true"}
    assert settings(CamelKinesisSourceConnector, raw).endpoint == "http://h:1"


def test_arn_names_region_and_account() -> None:
    raw = {
        "stream": "arn:aws:kinesis:eu-north-1:123456789012:stream/orders",
        "topic": "t",
        "region": "eu-west-1",
    }
    stream = settings(KinesisSourceConnector, raw).stream
    assert stream.call() == {"StreamARN": raw["stream"]}
    assert stream.partition("shardId-1") == {
        "region": "eu-north-1",
        "stream": "orders",
        "shardId": "shardId-1",
        "account": "123456789012",
    }


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None),
        ("1577836800000", 1577836800000),
        ("2020-01-01T00:00:00Z", 1577836800000),
        ("2020-01-01T01:00:00+01:00", 1577836800000),
        ("2020-01-01T00:00:00", 1577836800000),
    ],
)
def test_moments(text: str, moment: int | None) -> None:
    assert moment_of(text) == moment


@pytest.mark.parametrize(
    "position", [{"position": "AT_TIMESTAMP"}, {"position": "AT_SEQUENCE_NUMBER"}]
)
def test_position_without_its_place_is_told_before_anything_is_asked(
    position: dict[str, str],
) -> None:
    raw = {"stream": "s", "topic": "t", "region": "nowhere", **position}
    told = [value.errors for value in KinesisSourceConnector.validate(raw) if value.errors]
    assert len(told) == 1
    assert "needs a" in told[0][0]


def test_moment_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="it is no moment"):
        settings(
            KinesisSourceConnector,
            {"stream": "s", "topic": "t", "region": "r", "timestamp": "yesterday"},
        )


def test_latest_in_small_letters_is_latest() -> None:
    """It was taken, and the stream read from its start."""
    raw = {"stream": "s", "topic": "t", "region": "r", "value.format": "String"}
    found = settings(KinesisSourceConnector, raw | {"position": "latest"})
    assert (found.position, found.value_format) == ("LATEST", "string")
    classic = CLASSIC | {"kinesis.position": "latest"}
    assert settings(ClassicKinesisSourceConnector, classic).position == "LATEST"
    camel = CAMEL | {"kinesis.value.format": "AUTO"}
    assert settings(CamelKinesisSourceConnector, camel).value_format == "string"


def test_shard_starts_where_its_parents_ended() -> None:
    raw = {"stream": "s", "topic": "t", "region": "r", "position": "LATEST"}
    found = settings(KinesisSourceConnector, raw)
    assert start_of(found, [], 5) == Start(timestamp_ms=5)
    assert start_of(found, [Place("12")], 5) == Start()
    assert start_of(found, [Place(finished=True)], 5) == Start()
    # Nothing was read in the parent, from the moment 3 on: nor was anything here.
    assert start_of(found, [Place(timestamp_ms=3, finished=True)], 5) == Start(timestamp_ms=3)
