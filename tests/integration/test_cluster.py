"""Clusters on the real broker: workers of Penstock alone, and beside the original's."""

from __future__ import annotations

import uuid
from pathlib import Path

import httpx
import pytest
from tests.parts.broker import KafkaBroker
from tests.parts.jvm_connect import JvmConnectWorker
from tests.workers import (
    STRING,
    ClusterMember,
    PenstockWorker,
    cluster,
    cluster_properties,
    eventually,
)

pytestmark = pytest.mark.integration
SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"


def group_name() -> str:
    return f"cluster-{uuid.uuid4().hex[:8]}"


def lines(folder: Path, count: int = 1000) -> Path:
    file = folder / "lines.txt"
    file.write_text("".join(f"line {number}\n" for number in range(count)))
    return file


def source(worker: PenstockWorker, name: str, file: Path, topic: str) -> None:
    config = {"connector.class": SOURCE, "file": str(file), "topic": topic, "tasks.max": "1"}
    answer = worker.request("POST", "/connectors", json={"name": name, "config": config})
    assert answer.status_code == 201, answer.text
    assert answer.json()["config"] == {**config, "name": name}


def owners(worker: PenstockWorker, names: list[str]) -> set[str]:
    """Return the workers of the tasks, once all of them run."""
    tasks = [worker.status(name).get("tasks", []) for name in names]
    if not all(one and one[0]["state"] == "RUNNING" for one in tasks):
        return set()
    return {one[0]["worker_id"] for one in tasks}


def test_two_workers_share_answer_and_take_over(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    group, file, out = group_name(), lines(tmp_path), tmp_path / "out.txt"
    names = [f"s{number}" for number in range(4)]
    with cluster(kafka_broker.bootstrap_servers, tmp_path, group, 2) as (one, two):
        for number, name in enumerate(names):
            source((one, two)[number % 2], name, file, group)
        eventually(lambda: len(owners(one, names)) == 2, what="both workers run tasks")
        assert owners(two, names) == owners(one, names)
        two.put(
            "sink",
            {"connector.class": SINK, "file": str(out), "topics": group, "tasks.max": "1"},
        )
        eventually(lambda: out.exists() and len(out.read_text().splitlines()) == 4000, 60)
        for worker in (one, two):
            assert worker.request("PUT", "/connectors/s0/pause").status_code == 202
            eventually(lambda: one.task_state("s0") == "PAUSED", what="s0 pauses")
            assert worker.request("PUT", "/connectors/s0/resume").status_code == 202
            eventually(lambda: one.task_state("s0") == "RUNNING", what="s0 runs again")
            assert worker.request("POST", "/connectors/s1/tasks/0/restart").status_code == 204
            answer = worker.request("POST", "/connectors/s1/restart?includeTasks=true")
            assert answer.status_code == 202
            eventually(lambda: one.task_state("s1") == "RUNNING", what="s1 runs again")
        two.kill()
        eventually(lambda: len(owners(one, names)) == 1, 60, "the one that is left runs all")
        with file.open("a") as more:
            more.write("last\n")
        eventually(lambda: out.read_text().count("last\n") == 4, 60, "the last line of each")
        assert len(out.read_text().splitlines()) == 4004


def test_offsets_outlive_the_cluster(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    group, file = group_name(), lines(tmp_path)
    bootstrap = kafka_broker.bootstrap_servers
    with cluster(bootstrap, tmp_path, group, 1) as (worker,):
        source(worker, "s", file, group)
        expected = [{"partition": {"filename": str(file)}, "offset": {"position": 8890}}]
        path = "/connectors/s/offsets"
        eventually(lambda: worker.request("GET", path).json()["offsets"] == expected)
    home = tmp_path / "again"
    home.mkdir()
    again = ClusterMember(bootstrap, home, group).start()
    try:
        eventually(lambda: again.task_state("s") == "RUNNING", what="s goes on")
        assert again.request("GET", path).json()["offsets"] == expected
    finally:
        again.stop()


def test_a_worker_joins_the_originals_cluster(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    group, file = group_name(), lines(tmp_path)
    bootstrap = kafka_broker.bootstrap_servers
    names = [f"s{number}" for number in range(4)]
    properties = {
        **cluster_properties(group),
        "key.converter": STRING,
        "value.converter": STRING,
        "offset.flush.interval.ms": "500",
    }
    jvm = JvmConnectWorker(bootstrap, mode="distributed", properties=properties, group=group)
    with jvm, cluster(bootstrap, tmp_path, group, 1) as (ours,):
        for name in names:
            source(ours, name, file, group)
        eventually(lambda: len(owners(ours, names)) == 2, 90, "both kinds of worker run tasks")
        theirs = httpx.get(f"{jvm.rest_url}/connectors?expand=status", timeout=30).json()
        shown = ours.request("GET", "/connectors?expand=status").json()
        assert shown == theirs
        jvm.close()
        eventually(lambda: len(owners(ours, names)) == 1, 90, "ours takes over")
