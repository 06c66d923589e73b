"""Offsets of a source with a topic of its own: read, altered and reset through REST."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.parts.broker import KafkaBroker
from tests.parts.task_lab import FILE_SOURCE, committed
from tests.workers import ClusterMember, cluster, eventually

pytestmark = pytest.mark.integration


def offsets(member: ClusterMember) -> list[Any]:
    answer = member.request("GET", "/connectors/s/offsets")
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["offsets"]
    return found


def halt(member: ClusterMember) -> None:
    assert member.request("PUT", "/connectors/s/stop").status_code == 204
    eventually(lambda: member.status("s")["connector"]["state"] == "STOPPED", 30, "it stops")
    eventually(lambda: not member.status("s")["tasks"], 30, "its tasks are gone")


@pytest.mark.parametrize("support", ["enabled", "disabled"])
def test_the_own_topic_is_what_is_shown_altered_and_reset(
    kafka_broker: KafkaBroker, tmp_path: Path, support: str
) -> None:
    group = f"own-{uuid.uuid4().hex[:8]}"
    file = tmp_path / "lines.txt"
    file.write_text("a\nb\n")
    partition = {"filename": str(file)}
    config = {
        "connector.class": FILE_SOURCE,
        "file": str(file),
        "topic": group,
        "offsets.storage.topic": f"{group}-own",
    }
    at = kafka_broker.bootstrap_servers
    more = {"exactly_once_source_support": support, "offset_flush_interval_ms": "500"}
    with cluster(at, tmp_path, group, 1, **more) as (member,):
        member.put("s", config)
        member.wait_running("s", 60)
        eventually(lambda: committed(at, group) == ["a", "b"], 60, "both lines are there")
        stored = [{"partition": partition, "offset": {"position": 4}}]
        eventually(lambda: offsets(member) == stored, 30, "the place is stored")
        halt(member)

        first = [{"partition": partition, "offset": {"position": 2}}]
        answer = member.request("PATCH", "/connectors/s/offsets", json={"offsets": first})
        assert answer.status_code == 200, answer.text
        assert offsets(member) == first
        member.request("PUT", "/connectors/s/resume")
        eventually(lambda: committed(at, group) == ["a", "b", "b"], 60, "read on from there")
        eventually(lambda: offsets(member) == stored, 30, "the place is stored again")
        halt(member)

        answer = member.request("DELETE", "/connectors/s/offsets")
        assert answer.status_code == 200, answer.text
        assert offsets(member) == []
        member.request("PUT", "/connectors/s/resume")
        eventually(lambda: committed(at, group)[3:] == ["a", "b"], 60, "read from the start")
