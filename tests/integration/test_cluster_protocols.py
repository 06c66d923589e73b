"""Clusters under each protocol of sharing: eager, and cooperative without signatures."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from tests.parts.broker import KafkaBroker
from tests.workers import ClusterMember, cluster, eventually

pytestmark = pytest.mark.integration
SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
NAMES = [f"s{number}" for number in range(4)]


def owners(worker: ClusterMember) -> set[str]:
    tasks = [worker.status(name).get("tasks", []) for name in NAMES]
    if not all(one and one[0]["state"] == "RUNNING" for one in tasks):
        return set()
    return {one[0]["worker_id"] for one in tasks}


@pytest.mark.parametrize("protocol", ["eager", "compatible"])
def test_workers_share_and_take_over(
    kafka_broker: KafkaBroker, tmp_path: Path, protocol: str
) -> None:
    group = f"{protocol}-{uuid.uuid4().hex[:8]}"
    file = tmp_path / "lines.txt"
    file.write_text("one\ntwo\n")
    with cluster(kafka_broker.bootstrap_servers, tmp_path, group, 2, connect_protocol=protocol) as (
        one,
        two,
    ):
        for name in NAMES:
            two.put(name, {"connector.class": SOURCE, "file": str(file), "topic": group})
        eventually(lambda: len(owners(one)) == 2, 60, "both workers run tasks")
        assert owners(two) == owners(one)
        shown = one.request("GET", "/penstock/cluster").json()
        assert shown["member"] is True
        assert shown["leader_url"].startswith("http://")
        two.kill()
        eventually(lambda: owners(one) == {one.url.split("//")[1]}, 60, "the other takes over")
        assert one.request("GET", "/connectors/s0/topics").json() == {"s0": {"topics": [group]}}
