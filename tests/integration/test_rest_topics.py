"""Which topics a connector has used: told, forgotten, and refused where that is not kept."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from tests.parts.broker import KafkaBroker
from tests.workers import PenstockWorker, cluster, eventually, worker

pytestmark = pytest.mark.integration


def use_topic(one: PenstockWorker) -> None:
    """Send a line, and wait until the topic is told of."""
    file = one.folder / "in.txt"
    file.write_text("a\n")
    config = {"connector.class": "FileStreamSource", "file": str(file), "topic": "used"}
    one.put("c", config)
    one.wait_running("c")


def topics(one: PenstockWorker, name: str = "c") -> object:
    answer = one.request("GET", f"/connectors/{name}/topics")
    assert answer.status_code == 200, answer.text
    return answer.json()


def told_and_forgotten(one: PenstockWorker) -> None:
    use_topic(one)
    eventually(lambda: topics(one) == {"c": {"topics": ["used"]}}, what="the topic is told")
    assert one.request("PUT", "/connectors/c/topics/reset").status_code == 202
    eventually(lambda: topics(one) == {"c": {"topics": []}}, what="the topic is forgotten")
    eventually(lambda: told_as_it_is_used(one), what="a topic that is used still is told again")
    assert topics(one, "none") == {"none": {"topics": []}}
    assert one.request("PUT", "/connectors/none/topics/reset").status_code == 202


def told_as_it_is_used(one: PenstockWorker) -> bool:
    """Send one line more, and say whether the topic is told of."""
    with (one.folder / "in.txt").open("a") as file:
        file.write("b\n")
    return topics(one) == {"c": {"topics": ["used"]}}


def test_topics_of_a_worker_that_is_alone(tmp_path: Path) -> None:
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path) as one:
        told_and_forgotten(one)


def test_topics_of_a_cluster(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    group = f"topics-{uuid.uuid4().hex[:8]}"
    with cluster(kafka_broker.bootstrap_servers, tmp_path, group, 1) as (one,):
        told_and_forgotten(one)


@pytest.mark.parametrize(
    ("key", "reading", "resetting"),
    [
        ("topic_tracking_enable", "Topic tracking is disabled.", "Topic tracking is disabled."),
        ("topic_tracking_allow_reset", "", "Topic tracking reset is disabled."),
    ],
)
def test_what_is_switched_off_is_refused_as_by_the_original(
    kafka_broker: KafkaBroker, tmp_path: Path, key: str, reading: str, resetting: str
) -> None:
    group = f"topics-{uuid.uuid4().hex[:8]}"
    bootstrap = kafka_broker.bootstrap_servers
    with cluster(bootstrap, tmp_path, group, 1, **{key: "false"}) as (one,):
        for method, path, text in (
            ("GET", "/connectors/c/topics", reading),
            ("PUT", "/connectors/c/topics/reset", resetting),
        ):
            answer = one.request(method, path)
            if text:
                assert (answer.status_code, answer.json()["message"]) == (403, text)
            else:
                assert answer.json() == {"c": {"topics": []}}
