"""A worker that joins takes its share, and interrupts nothing of what stays where it is."""

from __future__ import annotations

import uuid
from pathlib import Path

import psutil
from tests.parts.broker import KafkaBroker
from tests.workers import ClusterMember, cluster, eventually

SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
CONNECTORS = 6


def task_processes(members: list[ClusterMember]) -> dict[str, int]:
    """Return the process of each task, of all workers; nothing while one of two still ends."""
    found: dict[str, int] = {}
    for member in members:
        for process in member.hosts():
            try:
                title = " ".join(process.cmdline())
            except psutil.NoSuchProcess:
                continue
            if "task " in title:
                if title in found:
                    return {}
                found[title] = process.pid
    return found


def test_a_joining_worker_interrupts_no_task_that_stays(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    group = f"join-{uuid.uuid4().hex[:8]}"
    files = [tmp_path / f"in-{number}" for number in range(CONNECTORS)]
    with cluster(kafka_broker.bootstrap_servers, tmp_path, group, 2) as members:
        for number, file in enumerate(files):
            file.write_text("first\n")
            members[0].put(
                f"c{number}",
                {"connector.class": SOURCE, "file": str(file), "topic": f"{group}-{number}"},
            )
        eventually(lambda: len(task_processes(members)) == CONNECTORS, 30, "all tasks run")
        before = task_processes(members)
        home = tmp_path / "joining"
        home.mkdir()
        joining = ClusterMember(kafka_broker.bootstrap_servers, home, group).start()
        members.append(joining)
        share = CONNECTORS // len(members)

        def shared() -> bool:
            return (
                len(task_processes([joining])) == share
                and len(task_processes(members)) == CONNECTORS
                and all(joining.task_state(f"c{n}") == "RUNNING" for n in range(CONNECTORS))
            )

        eventually(shared, 30, "the new worker has its share")
        after = task_processes(members)
        moved = task_processes([joining])
        assert {title for title, pid in after.items() if before[title] != pid} == set(moved)
        for number, file in enumerate(files):
            with file.open("a") as more:
                more.write("second\n")
            eventually(
                lambda n=number: _position(joining, n) == len("first\nsecond\n"),
                30,
                f"c{number} reads on",
            )


def _position(member: ClusterMember, number: int) -> int:
    answer = member.request("GET", f"/connectors/c{number}/offsets")
    offsets = answer.json().get("offsets", []) if answer.status_code == 200 else []
    return int(offsets[0]["offset"]["position"]) if offsets else 0
