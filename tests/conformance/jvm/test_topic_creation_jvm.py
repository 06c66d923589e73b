"""The groups of topic.creation beside the original's, on generated groups and topics."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jpype
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.config import ConfigSpec
from penstock.runtime.connector_keys import SourceKeys
from penstock.runtime.topic_creation import TopicCreation, creation_values
from tests.parts.jvm_classes import java_class, java_map

_PATTERNS = st.sampled_from(
    ["a", "a.*", ".*b", "[ab]+", "a|c", "", ".", "x-(eu|us)", r"\p{Alpha}+", r"\Qa\E", r"\w-.+"]
)
_TOPICS = st.sampled_from(["a", "ab", "b", "c", "abc", "x-eu", "x-us", "x", "zz"])
_COUNTS = st.sampled_from(["-1", "1", "3", "12"])


@st.composite
def _configs(draw: st.DrawFn) -> dict[str, str]:
    raw = {
        "name": "c",
        "connector.class": "C",
        "topic.creation.default.partitions": draw(_COUNTS),
        "topic.creation.default.replication.factor": draw(_COUNTS),
    }
    if draw(st.booleans()):
        raw["topic.creation.default.retention.ms"] = "7"
    names = draw(st.lists(st.sampled_from(["g", "h", "k"]), unique=True, max_size=3))
    if names:
        raw["topic.creation.groups"] = ",".join(names)
    for name in names:
        prefix = f"topic.creation.{name}."
        raw[f"{prefix}include"] = ",".join(
            draw(st.lists(_PATTERNS.filter(bool), min_size=1, max_size=2))
        )
        if draw(st.integers(0, 4)) == 0:
            raw.pop(f"{prefix}include")
        if draw(st.booleans()):
            raw[f"{prefix}exclude"] = ",".join(
                draw(st.lists(_PATTERNS.filter(bool), min_size=1, max_size=2))
            )
        for key in ("partitions", "replication.factor"):
            if draw(st.booleans()):
                raw[f"{prefix}{key}"] = draw(_COUNTS)
        if draw(st.booleans()):
            raw[f"{prefix}cleanup.policy"] = "compact"
    return raw


@pytest.fixture(scope="module")
def plugins(jvm: ModuleType) -> Any:
    return java_class("org.apache.kafka.connect.runtime.isolation.Plugins")(java_map({}))


def _theirs(plugins: Any, raw: dict[str, str], topic: str) -> tuple[Any, ...]:
    config = java_class("org.apache.kafka.connect.runtime.SourceConnectorConfig")(
        plugins, java_map(raw), True
    )
    groups = java_class("org.apache.kafka.connect.util.TopicCreationGroup").configuredGroups(config)
    for name in list(groups.keySet()):
        group = groups.get(name)
        if bool(group.matches(topic)):
            spec = group.newTopic(topic)
            own = {str(k): str(spec.configs()[k]) for k in spec.configs()} if spec.configs() else {}
            return str(name), int(spec.numPartitions()), int(spec.replicationFactor()), own
    raise AssertionError("the default group takes everything")


@settings(suppress_health_check=[*HealthCheck], deadline=None)
@given(raw=_configs(), topic=_TOPICS)
def test_a_topic_gets_the_same_settings(plugins: Any, raw: dict[str, str], topic: str) -> None:
    creation = TopicCreation.of(raw, {})
    assert creation is not None
    spec, group = creation.spec(topic)
    ours = group, spec.partitions, spec.replication_factor, dict(spec.config)
    assert ours == _theirs(plugins, raw, topic)


_TEXTS = st.sampled_from(["-2", "-1", "0", "1", "32767", "32768", "x", "", " 3 ", "2147483648"])
_REGEXES = st.sampled_from(["a", "a,b", "(", "a,[", "a{2,1}", "*", "x(?<n>y)"])


@st.composite
def _any_configs(draw: st.DrawFn) -> dict[str, str]:
    """Configurations of which many are wrong."""
    raw = {"name": "c", "connector.class": "C"}
    raw["topic.creation.groups"] = draw(st.sampled_from(["g", "g,g", "default", "g, default", ""]))
    for group in ("default", "g"):
        for key in ("partitions", "replication.factor"):
            if draw(st.integers(0, 5)):
                raw[f"topic.creation.{group}.{key}"] = draw(st.just("1") | _TEXTS)
    for key in ("include", "exclude"):
        if draw(st.booleans()):
            raw[f"topic.creation.g.{key}"] = draw(_REGEXES)
    return raw


def _why_not(plugins: Any, raw: dict[str, str]) -> str | None:
    """Return what is wrong by the original, without value and key; None when all is right."""
    try:
        java_class("org.apache.kafka.connect.runtime.SourceConnectorConfig")(
            plugins, java_map(raw), True
        )
    except jpype.JException as refused:
        told = str(refused.getMessage())
        if told.startswith("Missing required"):
            return told
        return told.partition(" for configuration ")[2].partition(": ")[2].partition(": ")[0]
    return None


@settings(suppress_health_check=[*HealthCheck], deadline=None)
@given(raw=_any_configs())
def test_what_is_wrong_is_wrong_in_both_and_in_the_same_words(
    plugins: Any, raw: dict[str, str]
) -> None:
    checked = [*creation_values(raw), *ConfigSpec.of(SourceKeys).check(raw)]
    errors = [text for value in checked for text in value.errors]
    theirs = _why_not(plugins, raw)
    assert bool(errors) == (theirs is not None), (errors, theirs)
    assert theirs is None or any(theirs in text for text in errors), (errors, theirs)
