"""Groups of settings that a source connector's topics are created with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from penstock.errors import BrokerError, ConfigError, ConnectError
from penstock.runtime.broker import TopicSpec
from penstock.runtime.tasks.topics import TopicMaker
from penstock.runtime.topic_creation import TopicCreation, creation_notes, creation_values

KEYS = {
    "topic.creation.default.partitions": "3",
    "topic.creation.default.replication.factor": "-1",
    "topic.creation.default.retention.ms": "1000",
    "topic.creation.groups": "logs, eu",
    "topic.creation.logs.include": "log-.*,audit",
    "topic.creation.logs.exclude": "log-private",
    "topic.creation.logs.cleanup.policy": "compact",
    "topic.creation.eu.include": ".*-eu",
    "topic.creation.eu.partitions": "5",
    "topic.creation.eu.replication.factor": "2",
}


def made(changes: Mapping[str, str | None] | None = None) -> TopicCreation:
    raw = {**KEYS, **(changes or {})}
    found = TopicCreation.of({k: v for k, v in raw.items() if v is not None}, {})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("topic", "spec", "group"),
    [
        ("log-eu", TopicSpec("log-eu", 3, -1, {"cleanup.policy": "compact"}), "logs"),
        ("audit", TopicSpec("audit", 3, -1, {"cleanup.policy": "compact"}), "logs"),
        ("audit-eu", TopicSpec("audit-eu", 5, 2), "eu"),
        ("log-private", TopicSpec("log-private", 3, -1, {"retention.ms": "1000"}), "default"),
        ("x", TopicSpec("x", 3, -1, {"retention.ms": "1000"}), "default"),
    ],
)
def test_the_first_group_that_takes_a_topic_says_what_it_is(
    topic: str, spec: TopicSpec, group: str
) -> None:
    assert made().spec(topic) == (spec, group)


def test_topics_are_left_to_the_broker_unless_asked_for_and_allowed() -> None:
    assert TopicCreation.of({"name": "c"}, {}) is None
    assert TopicCreation.of(KEYS, {"topic.creation.enable": "False"}) is None
    assert creation_values({"name": "c"}) == []
    wrong = {**KEYS, "topic.creation.default.partitions": "0"}
    assert any(value.errors for value in creation_values(wrong, {}))
    assert creation_values(wrong, {"topic.creation.enable": "false"}) == []


@pytest.mark.parametrize(
    ("pattern", "topic"),
    [
        (r"\p{Upper}+", "EU"),
        (r"\Qa.b\E.", "a.bc"),
        (r"(?<x>a)\k<x>", "aa"),
        (r"x,(?i)log-.*", "LOG-1"),
    ],
)
def test_patterns_are_those_of_java(pattern: str, topic: str) -> None:
    assert made({"topic.creation.eu.include": pattern}).spec(topic)[1] == "eu"


def test_a_group_without_patterns_takes_nothing_and_that_is_told() -> None:
    changes = {
        "topic.creation.eu.include": None,
        "topic.creation.groups": "logs,eu,default",
        "topic.creation.us.partitions": "1",
    }
    assert made(changes).spec("x-eu")[1] == "default"
    raw = {**KEYS, **changes}
    assert creation_notes(raw) == [
        "'default' topic creation group always exists and does not need to be listed explicitly",
        (
            "topic.creation.us.partitions is for no group that topic.creation.groups names; "
            "it is ignored"
        ),
        "topic creation group 'eu' takes no topic; set topic.creation.eu.include",
    ]
    assert creation_notes(KEYS) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"topic.creation.default.partitions": None}, "topic.creation.default.partitions"),
        ({"topic.creation.default.partitions": "0"}, "Number of partitions must be positive, or"),
        ({"topic.creation.default.replication.factor": "0"}, "Replication factor must be positive"),
        ({"topic.creation.eu.partitions": "-2"}, "topic.creation.eu.partitions"),
        ({"topic.creation.eu.include": "("}, "Syntax error in regular expression"),
        ({"topic.creation.eu.exclude": "[a&&b]"}, "topic.creation.eu.exclude"),
    ],
)
def test_wrong_keys_are_told_by_their_whole_name(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(changes)
    assert told in str(caught.value)


class Broker:
    """An admin client of a broker with these topics."""

    def __init__(
        self, topics: Sequence[str] = (), refuses: str = "", away: int = 0, lost: bool = False
    ) -> None:
        self.names = dict.fromkeys(topics, 1)
        self.refuses = refuses
        self.away = away
        self.lost = lost
        self.asked = 0
        self.open = 0

    def __call__(self) -> Any:
        self.open += 1
        return self

    def topics(self, timeout_s: float) -> Mapping[str, int]:
        self.asked += 1
        if self.asked <= self.away:
            raise BrokerError("nobody answers")
        return self.names

    def create_topics(self, topics: Sequence[TopicSpec], timeout_s: float) -> Sequence[str]:
        if self.lost:  # the first request, and the answer to it
            self.lost = False
            self.away = self.asked + 1
            raise BrokerError("timed out")
        if self.refuses:
            raise BrokerError(self.refuses)
        self.names |= {one.name: one.partitions for one in topics}
        return [one.name for one in topics]

    def close(self) -> None:
        self.open -= 1


def test_each_topic_is_looked_for_once_and_made_when_missing() -> None:
    broker = Broker(["there"])
    maker = TopicMaker(made(), broker, lambda _: False)
    for topic in ("there", "audit-eu", "there", "audit-eu"):
        maker.ensure(topic)
    assert broker.names == {"there": 1, "audit-eu": 5}
    assert (broker.asked, broker.open) == (2, 0)


def test_a_broker_that_is_away_is_waited_for_until_the_task_stops() -> None:
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False

    broker = Broker(away=3)
    TopicMaker(made(), broker, wait).ensure("x")
    assert broker.names == {"x": 3}
    assert waits == [0.5, 1.0, 2.0]
    stopped = Broker(away=9)
    TopicMaker(made(), stopped, lambda _: True).ensure("x")
    assert stopped.names == {}


def test_a_topic_that_is_refused_fails_the_task_with_what_was_tried() -> None:
    maker = TopicMaker(made(), Broker(refuses="not authorized"), lambda _: False)
    with pytest.raises(ConnectError, match=r"create new topic 'audit-eu' \(group 'eu', 5 part"):
        maker.ensure("audit-eu")


def test_a_broker_that_goes_away_while_it_creates_is_waited_for() -> None:
    broker = Broker(lost=True)
    TopicMaker(made(), broker, lambda _: False).ensure("x")
    assert broker.names == {"x": 3}
    assert broker.open == 0
