"""Exactly-once sources on a cluster: workers die, the group moves, and no line comes twice."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from tests.parts.broker import KafkaBroker
from tests.parts.jvm_connect import JvmConnectWorker
from tests.parts.task_lab import committed
from tests.workers import STRING, ClusterMember, cluster, cluster_properties, eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
ENABLED = {"exactly.once.source.support": "enabled"}
KILLS = 3
SEED = 618


def lines(start: int, stop: int) -> list[str]:
    return [f"{number:06d}" for number in range(start, stop)]


class Growing:
    """A file that grows, and what a reader of committed records sees of it."""

    def __init__(self, broker: KafkaBroker, folder: Path, topic: str) -> None:
        self.bootstrap = broker.bootstrap_servers
        self.path = folder / "in.txt"
        self.path.touch()
        self.topic = topic
        self.count = 0
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)

    def grow(self, count: int) -> None:
        with self.path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines(self.count, self.count + count))
        self.count += count

    def arrived(self) -> None:
        """Wait for the last line, then see that each came once and in order."""
        last = lines(self.count - 1, self.count)
        eventually(lambda: committed(self.bootstrap, self.topic)[-1:] == last, 60, "the last line")
        assert committed(self.bootstrap, self.topic) == lines(0, self.count)

    def config(self) -> dict[str, str]:
        return {
            "connector.class": SOURCE,
            "file": str(self.path),
            "topic": self.topic,
            "exactly.once.support": "required",
        }


def test_workers_die_and_each_line_comes_once(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    group = f"once-{uuid.uuid4().hex[:8]}"
    file = Growing(kafka_broker, tmp_path, f"{group}-lines")
    chance = random.Random(SEED)  # noqa: S311 - no secret
    more = {"exactly_once_source_support": "enabled"}
    with cluster(kafka_broker.bootstrap_servers, tmp_path, group, 3, **more) as members:
        file.grow(20_000)
        members[0].put("src", file.config())
        for _ in range(KILLS):
            owner = eventually(lambda: _owner(members), 60, "the task has an owner")
            file.grow(5_000)
            # Somewhere among the batches of what was just written.
            seen = len(committed(file.bootstrap, file.topic)) + chance.randrange(1_000)
            eventually(
                lambda seen=seen: len(committed(file.bootstrap, file.topic)) >= seen, 30, "a part"
            )
            owner.kill()
            owner.start()
            file.arrived()


def _owner(members: list[ClusterMember]) -> ClusterMember | None:
    """Return the worker that runs the task, once it runs."""
    for asked in members:
        for task in asked.status("src").get("tasks", ()):
            for member in members:
                if task["state"] == "RUNNING" and task["worker_id"] in member.url:
                    return member
    return None


def test_new_tasks_fence_the_former_ones(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    group = f"once-{uuid.uuid4().hex[:8]}"
    first = Growing(kafka_broker, tmp_path, f"{group}-lines")
    more = {"exactly_once_source_support": "enabled"}
    with cluster(kafka_broker.bootstrap_servers, tmp_path, group, 2, **more) as members:
        first.grow(1_000)
        members[0].put("src", first.config())
        first.arrived()
        for size in ("1000", "500", "2000"):
            first.grow(1_000)
            members[1].put("src", {**first.config(), "batch.size": size})
            first.arrived()
        answer = members[0].request("PUT", "/connectors/src/stop")
        assert answer.status_code == 204
        eventually(lambda: not members[0].status("src")["tasks"], 30, "no task is left")
        reset = members[1].request("DELETE", "/connectors/src/offsets")
        assert reset.status_code == 200, reset.text
        # An unsigned stranger may not fence anybody.
        assert members[0].request("PUT", "/connectors/src/fence").status_code in (400, 403)


def test_the_group_moves_there_and_back(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    group = f"once-{uuid.uuid4().hex[:8]}"
    file = Growing(kafka_broker, tmp_path, f"{group}-lines")
    properties = {
        **cluster_properties(group),
        **ENABLED,
        "key.converter": STRING,
        "value.converter": STRING,
    }

    def stage(url: str) -> None:
        def runs() -> bool:
            answer = httpx.get(f"{url}/connectors/src/status", timeout=30)
            tasks = answer.json()["tasks"] if answer.status_code == 200 else []
            return [one["state"] for one in tasks] == ["RUNNING"]

        eventually(runs, 60, "the task runs")
        file.grow(2_000)
        file.arrived()

    def original(then: Callable[[str], None]) -> None:
        with JvmConnectWorker(
            kafka_broker.bootstrap_servers, mode="distributed", properties=properties, group=group
        ) as worker:
            then(worker.rest_url)
            assert worker.process.terminate() in (0, 130, 143)

    def begin(url: str) -> None:
        answer = httpx.put(f"{url}/connectors/src/config", json=file.config(), timeout=60)
        assert answer.status_code == 201, answer.text
        stage(url)

    original(begin)
    home = tmp_path / "ours"
    home.mkdir()
    member = ClusterMember(kafka_broker.bootstrap_servers, home, group)
    member.properties |= ENABLED
    member.start()
    try:
        stage(member.url)
    finally:
        assert member.stop() == 0
    original(stage)
