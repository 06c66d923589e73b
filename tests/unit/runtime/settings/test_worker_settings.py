from __future__ import annotations

import pytest

from penstock.errors import ConfigError
from penstock.runtime.settings import StandaloneSettings, misspelt, not_honoured

MINIMAL = {
    "bootstrap.servers": "localhost:9092",
    "key.converter": "String",
    "value.converter": "Json",
    "offset.storage.file.filename": "/tmp/offsets",  # noqa: S108 - never opened
}


def problems(**changes: str | None) -> dict[str, str]:
    raw = {**MINIMAL, **{key.replace("__", "."): text for key, text in changes.items()}}
    with pytest.raises(ConfigError) as told:
        StandaloneSettings.parse({key: text for key, text in raw.items() if text is not None})
    return {one.key: one.message for one in told.value.problems}


def test_defaults_are_those_of_the_original() -> None:
    settings = StandaloneSettings.parse(MINIMAL)
    assert settings.header_converter == "org.apache.kafka.connect.storage.SimpleHeaderConverter"
    assert settings.offset_flush_interval_ms == 60_000
    assert settings.offset_flush_timeout_ms == 5_000
    assert settings.task_shutdown_graceful_timeout_ms == 5_000
    assert settings.listeners == ["http://:8083"]
    assert settings.connector_client_config_override_policy == "All"
    assert settings.task_isolation == "process"


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as told:
        StandaloneSettings.parse({"offset.flush.interval.ms": "soon", "task.isolation": "jail"})
    keys = [one.key for one in told.value.problems]
    assert keys == [
        "bootstrap.servers",
        "key.converter",
        "value.converter",
        "offset.flush.interval.ms",
        "task.isolation",
        "offset.storage.file.filename",
    ]
    assert "worker properties" in str(told.value)


@pytest.mark.parametrize(
    "servers",
    [
        "localhost:9092",
        "a:1,b:2",
        "[::1]:9092",
        "SASL_SSL://broker.example.com:9093",
        "embedded:./log.db",
        " kafka-0.kafka:9092 , kafka-1.kafka:9092 ",
    ],
)
def test_bootstrap_servers_that_are_right(servers: str) -> None:
    assert StandaloneSettings.parse({**MINIMAL, "bootstrap.servers": servers})


@pytest.mark.parametrize(
    "servers", ["", "localhost", "a:b", "a:0", "a:65536", "a:1,,b:2", "embedded:", "embedded:a,b:1"]
)
def test_bootstrap_servers_that_are_wrong(servers: str) -> None:
    assert "bootstrap.servers" in problems(bootstrap__servers=servers)["bootstrap.servers"]


def test_misspelt_required_key_is_named_beside_the_missing_one() -> None:
    found = problems(key__converter=None, key__convertor="String")
    assert found["key.converter"].endswith("Is it meant by 'key.convertor'?")


def test_keys_of_a_converter_are_no_misspelling_of_it() -> None:
    found = problems(value__converter=None, value__converter__x="1")
    assert "meant" not in found["value.converter"]


def test_provider_without_a_class_is_a_problem() -> None:
    found = problems(config__providers="vault,file", config__providers__file__class="File")
    assert list(found) == ["config.providers.vault.class"]


@pytest.mark.parametrize("level", ["debug", "WARN", "Fatal"])
def test_levels_of_the_original_are_levels(level: str) -> None:
    assert StandaloneSettings.parse({**MINIMAL, "log.level": level})


def test_misspelt_keys_get_a_sentence() -> None:
    first, second = misspelt({**MINIMAL, "offset.flush.intervall.ms": "1", "listners": "http://:1"})
    assert first.startswith(
        "unknown property 'offset.flush.intervall.ms' (did you mean 'offset.flush.interval.ms'"
    )
    assert second.startswith("unknown property 'listners' (did you mean 'listeners'")
    assert second.endswith("it is ignored")


def test_keys_of_the_original_are_no_misspellings() -> None:
    """The keys of the original's two sample files, and clients' keys without prefix."""
    keys = [
        "group.id",
        "config.storage.topic",
        "config.storage.replication.factor",
        "offset.storage.topic",
        "offset.storage.partitions",
        "status.storage.topic",
        "status.storage.replication.factor",
        "key.converter.schemas.enable",
        "value.converter.schemas.enable",
        "plugin.path",
        "plugin.discovery",
        "producer.acks",
        "consumer.auto.offset.reset",
        "admin.request.timeout.ms",
        "security.protocol",
        "sasl.jaas.config",
        "ssl.truststore.location",
        "request.timeout.ms",
        "retry.backoff.ms",
        "heartbeat.interval.ms",
        "session.timeout.ms",
        "rest.port",
        "rest.host.name",
        "rest.advertised.port",
        "metrics.num.samples",
        "metric.reporters",
        "topic.creation.enable",
        "topic.tracking.enable",
        "internal.key.converter",
        "client.id",
        "rebalance.timeout.ms",
    ]
    assert misspelt(dict.fromkeys(keys, "1")) == []


def test_what_is_not_obeyed_is_said() -> None:
    given = {**MINIMAL, "exactly.once.source.support": "enabled"}
    (sentence,) = not_honoured(given)
    assert "'exactly.once.source.support' is not supported" in sentence
    assert not_honoured({**MINIMAL, "exactly.once.source.support": ""}) == []


def test_a_worker_that_is_alone_may_keep_no_topics_as_well() -> None:
    found = StandaloneSettings.parse(
        {**MINIMAL, "topic.tracking.enable": "false", "topic.tracking.allow.reset": "false"}
    )
    assert (found.topic_tracking_enable, found.topic_tracking_allow_reset) == (False, False)
