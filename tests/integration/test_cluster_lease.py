"""A worker that stood still longer than its session publishes nothing when it wakes up."""

from __future__ import annotations

import os
import signal
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from tests.parts.broker import KafkaBroker
from tests.workers import ClusterMember, PenstockWorker, cluster, eventually

pytestmark = pytest.mark.integration
SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"


@pytest.fixture
def stopped() -> Iterator[list[int]]:
    """Processes that are stopped by a signal; they go on when the test ends, whatever happens."""
    pids: list[int] = []
    yield pids
    signal_all(pids, signal.SIGCONT)


def signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def lines_in(broker: KafkaBroker, topic: str) -> Counter[str]:
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": f"look-{uuid.uuid4().hex}"}
    )
    place = TopicPartition(topic, 0, 0)
    try:
        _, end = consumer.get_watermark_offsets(place, timeout=10)
        consumer.assign([place])
        found: Counter[str] = Counter()
        while sum(found.values()) < end:
            for message in consumer.consume(1000, 5):
                found[message.value().decode()] += 1
        return found
    finally:
        consumer.close()


def stored(worker: PenstockWorker, name: str, file: Path) -> bool:
    """Return whether the whole file is read and its position stored."""
    body = worker.request("GET", f"/connectors/{name}/offsets").json()
    return [one["offset"]["position"] for one in body["offsets"]] == [file.stat().st_size]


def owner(members: list[ClusterMember], name: str) -> ClusterMember | None:
    for asked in members:
        status = asked.status(name)
        for task in status.get("tasks", ()):
            for member in members:
                if task["state"] == "RUNNING" and task["worker_id"] in member.url:
                    return member
    return None


@pytest.mark.parametrize("whom", ["the tree", "the worker alone"])
def test_a_zombie_publishes_nothing(
    kafka_broker: KafkaBroker, tmp_path: Path, stopped: list[int], whom: str
) -> None:
    group = f"lease-{uuid.uuid4().hex[:8]}"
    file = tmp_path / "lines.txt"
    file.write_text("".join(f"before {number}\n" for number in range(1000)))
    with cluster(kafka_broker.bootstrap_servers, tmp_path, group, 2) as members:
        config = {"connector.class": SOURCE, "file": str(file), "topic": group, "tasks.max": "1"}
        members[0].put("s", config)
        eventually(lambda: owner(members, "s"), 60, "the task runs")
        eventually(lambda: stored(members[0], "s", file), 30, "the positions are stored")
        zombie = owner(members, "s")
        assert zombie is not None
        assert zombie.process is not None
        (other,) = [one for one in members if one is not zombie]
        task = zombie.host_of("task s-0").pid
        below = [one.pid for one in zombie.hosts()] if whom == "the tree" else []
        stopped += [zombie.process.pid, *below]
        signal_all(stopped, signal.SIGSTOP)
        with file.open("a") as more:
            more.writelines(f"while it stood still {number}\n" for number in range(1000))
        eventually(lambda: owner([other], "s") is other and stored(other, "s", file), 60)
        signal_all(stopped, signal.SIGCONT)
        with file.open("a") as more:
            more.writelines(f"after {number}\n" for number in range(1000))
        eventually(lambda: not Path(f"/proc/{task}").exists(), 30, "the zombie's task ends")
        eventually(lambda: stored(other, "s", file), 30, "all is stored")
        eventually(lambda: zombie.status("s")["tasks"][0]["state"] == "RUNNING", 60)
        found = lines_in(kafka_broker, group)
    expected = file.read_text().splitlines()
    assert set(found) == set(expected), "a line was lost"
    repeated = {line: count for line, count in found.items() if count > 1}
    if whom == "the tree":
        assert not repeated
    # A task whose worker stands still sends until the lease ends: before anybody takes over.
    assert not [line for line in repeated if line.startswith("after")]
