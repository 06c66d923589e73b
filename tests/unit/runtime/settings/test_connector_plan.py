from __future__ import annotations

import pytest

from penstock.api import Side
from penstock.errors import ConfigError
from penstock.runtime.connector_config import SIMPLE_HEADER, DeadLetterPlan, plan

WORKER = {
    "key.converter": "String",
    "value.converter": "Json",
    "value.converter.schemas.enable": "false",
}
BASE = {"name": "orders", "connector.class": "X"}


def problems(
    raw: dict[str, str], worker: dict[str, str] | None = None, *, is_sink: bool | None = None
) -> dict[str, str]:
    with pytest.raises(ConfigError) as told:
        plan({**BASE, **raw}, WORKER if worker is None else worker, is_sink=is_sink)
    assert told.value.who == "connector 'orders'"
    return {one.key: one.message for one in told.value.problems}


def test_defaults() -> None:
    made = plan(BASE, WORKER)
    assert (made.name, made.type, made.tasks_max) == ("orders", "X", 1)
    assert made.transforms == []
    assert made.policy.tolerate_all is False
    assert made.dead_letters is None
    assert made.converters["header"].type == SIMPLE_HEADER


def test_workers_converter_comes_with_the_workers_keys() -> None:
    made = plan({**BASE, "value.converter.schemas.enable": "true"}, WORKER)
    assert made.converters["value"].type == "Json"
    assert made.converters["value"].config == {"schemas.enable": "false"}


def test_connectors_converter_comes_with_the_connectors_keys_alone() -> None:
    made = plan({**BASE, "value.converter": "Avro", "value.converter.url": "u"}, WORKER)
    assert made.converters["value"].type == "Avro"
    assert made.converters["value"].config == {"url": "u"}


def test_empty_converter_is_none_at_all() -> None:
    assert plan({**BASE, "value.converter": " "}, WORKER).converters["value"].type == "Json"
    assert set(problems({}, {})) == {"key.converter", "value.converter"}


def test_transforms_are_in_order_with_their_keys_sides_and_predicates() -> None:
    raw = {
        "transforms": "b, a",
        "transforms.b.type": "org.x.HoistField$Key",
        "transforms.b.field": "f",
        "transforms.a.type": "Cast",
        "transforms.a.target": "key",
        "transforms.a.predicate": "p",
        "transforms.a.negate": "true",
        "predicates": "p",
        "predicates.p.type": "TopicNameMatches",
        "predicates.p.pattern": "x.*",
    }
    first, second = plan({**BASE, **raw}, WORKER).transforms
    assert (first.alias, first.side, first.config) == ("b", Side.KEY, {"field": "f"})
    assert first.predicate is None
    assert (second.type, second.side, second.negate) == ("Cast", Side.KEY, True)
    assert second.predicate is not None
    assert second.predicate.type == "TopicNameMatches"
    assert second.predicate.config == {"pattern": "x.*"}


def test_key_named_target_stays_the_transforms_own() -> None:
    raw = {"transforms": "a", "transforms.a.type": "Router", "transforms.a.target": "eu-west"}
    (one,) = plan({**BASE, **raw}, WORKER).transforms
    assert one.side is None
    assert one.config == {"target": "eu-west"}


def test_sink_keys() -> None:
    raw = {
        "topics": "a,b",
        "errors.tolerance": "ALL",
        "errors.retry.timeout": "-1",
        "errors.log.enable": "true",
        "errors.log.include.messages": "true",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
    made = plan({**BASE, **raw}, WORKER)
    assert made.topics == ["a", "b"]
    assert made.policy.tolerate_all
    assert (made.log_errors, made.log_messages) == (True, True)
    assert made.dead_letters == DeadLetterPlan("dead", 1, context_headers=True)


def test_everything_that_is_wrong_is_told_at_once_with_whole_keys() -> None:
    found = problems(
        {
            "tasks.max": "0",
            "topics": "a",
            "topics.regex": "([",
            "transforms": "a,b,b",
            "transforms.a.predicate": "p",
            "transforms.b.negate": "maybe",
            "errors.tolerance": "some",
        },
        {},
    )
    assert set(found) == {
        "tasks.max",
        "errors.tolerance",
        "topics",
        "topics.regex",
        "transforms",
        "transforms.a.type",
        "transforms.a.predicate",
        "transforms.b.type",
        "transforms.b.negate",
        "key.converter",
        "value.converter",
    }
    assert '"transforms.a.type"' in found["transforms.a.type"]


@pytest.mark.parametrize("tasks", ["0", "-1", "abc", "2147483648", "1_000", "\uff17", "", "1.0"])
def test_tasks_max_is_as_strict_as_java(tasks: str) -> None:
    assert "tasks.max" in problems({"tasks.max": tasks})


@pytest.mark.parametrize(("tasks", "number"), [(" 7 ", 7), ("+7", 7), ("1000000000", 10**9)])
def test_tasks_max_as_java_reads_it(tasks: str, number: int) -> None:
    assert plan({**BASE, "tasks.max": tasks}, WORKER).tasks_max == number


@pytest.mark.parametrize("name", ["", "a\nb", "a\x00", "a\x9b31m", "a\x7f"])
def test_name_must_be_visible(name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        plan({**BASE, "name": name}, WORKER)


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ({"errors.deadletterqueue.topic.name": "a", "topics": "a,b"}, True),
        ({"errors.deadletterqueue.topic.name": "a1", "topics.regex": "a[0-9]"}, True),
        ({"errors.deadletterqueue.topic.name": "a1x", "topics.regex": "a[0-9]"}, False),
        ({"errors.deadletterqueue.topic.name": "dead", "topics": "a"}, False),
    ],
)
def test_dead_letters_must_not_come_back(raw: dict[str, str], key: bool) -> None:
    if key:
        assert "come back" in problems(raw)["errors.deadletterqueue.topic.name"]
    else:
        assert plan({**BASE, **raw}, WORKER).dead_letters


def test_keys_of_the_other_way_are_the_connectors_own() -> None:
    """An MQTT source has 'topics' and a sink may have 'exactly.once.support'."""
    source = {"topics": "a/#", "topics.regex": "(["}
    assert plan({**BASE, **source}, WORKER, is_sink=False).topics == []
    sink = {"topics": "a", "exactly.once.support": "sure", "transaction.boundary": "none"}
    assert plan({**BASE, **sink}, WORKER, is_sink=True).topics == ["a"]
    assert "exactly.once.support" in problems(sink, is_sink=None)


def test_nul_is_refused_anywhere_without_showing_the_value() -> None:
    found = problems({"file": "secret\0"})
    assert "NUL" in found["file"]
    assert "secret" not in found["file"]


POLICY = "connector.client.config.override.policy"


@pytest.mark.parametrize(
    ("policy", "more", "refused"),
    [
        ("All", {}, set()),
        ("None", {}, {"producer.override.acks", "consumer.override.sasl.jaas.config"}),
        ("Principal", {}, {"producer.override.acks"}),
        (
            "org.apache.kafka.connect.connector.policy.PrincipalConnectorClientConfigOverridePolicy",
            {},
            {"producer.override.acks"},
        ),
        (
            "Allowlist",
            {"connector.client.config.override.allowlist": "acks, linger.ms"},
            {"consumer.override.sasl.jaas.config"},
        ),
        ("Allowlist", {}, {"producer.override.acks", "consumer.override.sasl.jaas.config"}),
        ("Nonsense", {}, {"producer.override.acks", "consumer.override.sasl.jaas.config"}),
    ],
)
def test_overrides_are_judged_by_the_workers_policy(
    policy: str, more: dict[str, str], refused: set[str]
) -> None:
    raw = {"producer.override.acks": "1", "consumer.override.sasl.jaas.config": "hunter2"}
    worker = {**WORKER, POLICY: policy, **more}
    if not refused:
        assert plan({**BASE, **raw}, worker)
        return
    found = problems(raw, worker)
    assert set(found) == refused
    assert "hunter2" not in str(found)
