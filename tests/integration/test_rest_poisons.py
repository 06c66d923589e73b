"""What ends the original's workers for good: one request, one record, one stranger in the group.

A live worker of a cluster refuses or ignores each, tells of it, and goes on, also once restarted.
"""

from __future__ import annotations

import json
import uuid
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer
from tests.parts.broker import KafkaBroker
from tests.workers import ClusterMember, cluster, eventually

from penstock.runtime.kafka.group_security import group_settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of kafka-python, at its import
    from penstock.runtime.kafka.group_client import Coordinates, GroupClient, JoinAnswer

pytestmark = pytest.mark.integration

CONFIG = {"connector.class": "FileStreamSource", "file": "no-such-file.txt", "topic": "poison"}
JOIN_TRIES = 60


@pytest.fixture(scope="module")
def running(
    kafka_broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterMember]:
    group = f"poison-{uuid.uuid4().hex[:8]}"
    folder = tmp_path_factory.mktemp("poison")
    with cluster(kafka_broker.bootstrap_servers, folder, group, 1) as (one,):
        one.put("kept", CONFIG)
        one.wait_running("kept")
        yield one
        # With all of them in its topic a worker starts as well.
        one.stop()
        one.start()
        does_all(one)


@pytest.fixture(autouse=True)
def goes_on(running: ClusterMember) -> Iterator[None]:
    """Hold after each poison that the worker still does all it does."""
    yield
    does_all(running)


def does_all(running: ClusterMember) -> None:
    assert running.request("GET", "/health").json()["status"] == "healthy"
    assert "kept" in running.request("GET", "/connectors").json()
    name = f"after-{uuid.uuid4().hex[:6]}"
    running.put(name, CONFIG)
    running.wait_running(name)
    running.wait_running("kept")
    assert running.request("DELETE", f"/connectors/{name}").status_code == 204


def produce(running: ClusterMember, *records: tuple[str, Any]) -> None:
    """Write records to the config topic; a text is the value as it is."""
    producer = Producer({"bootstrap.servers": running.properties["bootstrap.servers"]})
    for key, value in records:
        raw = value if isinstance(value, str) else json.dumps(value)
        producer.produce(running.properties["config.storage.topic"], raw, key)
    assert producer.flush(20) == 0


def ignored(running: ClusterMember) -> dict[str, Any]:
    answer = running.request("GET", "/penstock/health")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()["ignored"]
    return found


def test_name_beyond_all_bounds_is_400_and_not_written(running: ClusterMember) -> None:
    for length in (8_001, 32_768, 100_000):
        for body in (
            {"name": "x" * length, "config": CONFIG},
            {"name": "é" * length, "config": CONFIG, "initial_state": "STOPPED"},
        ):
            answer = running.request("POST", "/connectors", json=body)
            assert answer.status_code == 400, answer.text[:200]
            assert "8000 bytes" in answer.json()["message"]
    assert running.request("GET", "/connectors").json() == ["kept"]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("commit-kept", {"tasks": -5}, "-5"),
        ("commit-kept", {"tasks": 2**31}, ""),
        ("commit-kept", {"tasks": "x"}, ""),
        ("commit-kept", "not json", ""),
        ("connector-" + "x" * 40_000, {"properties": CONFIG}, ""),
        ("session-key", {"key": "!!!", "algorithm": "HmacSHA256", "creation-timestamp": 1}, ""),
    ],
    ids=["negative", "beyond", "text", "no-json", "long-name", "session-key"],
)
def test_poisonous_record_is_ignored_and_told(
    running: ClusterMember, key: str, value: Any, says: str
) -> None:
    before = ignored(running)["count"]
    produce(running, (key, value))
    eventually(lambda: ignored(running)["count"] == before + 1, what="the record is told")
    last = ignored(running)["records"][-1]
    assert last["topic"] == running.properties["config.storage.topic"]
    assert last["offset"] > 0
    assert key.startswith(last["key"].removesuffix("...").removesuffix("…"))
    assert says in last["reason"]
    message = running.request("GET", "/health").json()
    assert set(message) == {"status", "message"}
    assert message["message"].startswith(
        "Worker has completed startup and is ready to handle requests. "
    )
    assert f"at offset {last['offset']} " in message["message"]
    assert f"the record at offset {last['offset']} of topic" in running.log.read_text()


def test_records_behind_a_poisonous_one_are_read(running: ClusterMember) -> None:
    """The original skips the rest of what it polled together with a bad session key."""
    produce(
        running,
        ("session-key", {"key": "%", "algorithm": "HmacSHA256", "creation-timestamp": 1}),
        ("connector-behind", {"properties": {**CONFIG, "name": "behind"}}),
        ("commit-kept", {"tasks": -1}),
        ("target-state-behind", {"state": "PAUSED", "state.v2": "PAUSED"}),
    )
    eventually(
        lambda: (
            running.status("behind").get("connector", {}).get("state") == "PAUSED"
            and "behind" in running.request("GET", "/connectors").json()
        ),
        what="the connector behind it is there",
    )
    assert running.request("DELETE", "/connectors/behind").status_code == 204


@pytest.mark.parametrize("protocol", ["sessioned", "compatible"])
@pytest.mark.parametrize(
    "metadata",
    [b"", b"\x00", b"\xff" * 64, b"\x00\x01" + b"\x7f\xff" * 8],
    ids=["empty", "short", "negative", "huge"],
)
def test_stranger_in_the_group_gets_nothing_and_ends_nobody(
    running: ClusterMember, protocol: str, metadata: bytes
) -> None:
    servers = {"bootstrap.servers": running.properties["bootstrap.servers"]}
    where = Coordinates(running.properties["group.id"], "stranger", 6_000, 10_000)
    stranger = GroupClient(where, group_settings(servers))
    joined = JoinAnswer()
    try:
        stranger.find_coordinator(10_000)
        member = ""
        for _ in range(JOIN_TRIES):
            pending = stranger.join(member, [(protocol, metadata)])
            answer = None
            while answer is None:
                answer = pending.wait(1_000)
            joined = stranger.joined(answer)
            if joined.error is None:
                break
            member = joined.member_id or member
        assert joined.error is None
        assert joined.leader_id != joined.member_id
        told = f"member {joined.member_id} of the group is left out"
        eventually(lambda: told in running.log.read_text(), what="the stranger is told of")
        assert running.request("GET", "/health").json()["status"] == "healthy"
        shares = running.request("GET", "/penstock/cluster").json()["workers"]
        assert all("stranger" not in one["url"] for one in shares)
    finally:
        stranger.leave(joined.member_id, 2_000)
        stranger.close()
