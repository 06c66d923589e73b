"""A group moves from the original to Penstock and back: nothing is lost or repeated."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.parts.broker import KafkaBroker
from tests.parts.jvm_connect import JvmConnectWorker
from tests.workers import STRING, cluster, cluster_properties, eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
PROPERTIES = {
    "key.converter": STRING,
    "value.converter": STRING,
    "offset.flush.interval.ms": "500",
}


@contextmanager
def original(broker: KafkaBroker, group: str) -> Iterator[str]:
    properties = {**cluster_properties(group), **PROPERTIES}
    with JvmConnectWorker(
        broker.bootstrap_servers, mode="distributed", properties=properties, group=group
    ) as worker:
        yield worker.rest_url
        assert worker.process.terminate() in (0, 130, 143)


@contextmanager
def ours(broker: KafkaBroker, folder: Path, group: str) -> Iterator[str]:
    folder.mkdir()
    with cluster(broker.bootstrap_servers, folder, group, 1) as (worker,):
        yield worker.url
        assert worker.stop() == 0


def states(url: str) -> dict[str, list[str]]:
    found = httpx.get(f"{url}/connectors?expand=status", timeout=30).json()
    return {
        name: [one["status"]["connector"]["state"], *(t["state"] for t in one["status"]["tasks"])]
        for name, one in found.items()
    }


def test_there_and_back_again(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    group = f"move-{uuid.uuid4().hex[:8]}"
    file, out = tmp_path / "in.txt", tmp_path / "out.txt"
    file.touch()
    configs = {
        f"{group}-src": {"connector.class": SOURCE, "file": str(file), "topic": group},
        f"{group}-snk": {"connector.class": SINK, "file": str(out), "topics": group},
        f"{group}-paused": {"connector.class": SINK, "file": str(out), "topics": "none"},
    }
    written: list[str] = []

    def more(stage: str) -> None:
        lines = [f"{stage} {number}" for number in range(500)]
        with file.open("a") as append:
            append.writelines(f"{line}\n" for line in lines)
        written.extend(lines)

    def arrived() -> bool:
        return out.exists() and out.read_text().splitlines()[-1:] == written[-1:]

    def stage(name: str, url: str, check: Callable[[], None] = lambda: None) -> None:
        expected = {
            f"{group}-src": ["RUNNING", "RUNNING"],
            f"{group}-snk": ["RUNNING", "RUNNING"],
            f"{group}-paused": ["PAUSED", "PAUSED"],
        }
        eventually(lambda: states(url) == expected, 60, f"{name}: all as before")
        check()
        more(name)
        eventually(arrived, 60, f"{name}: every line arrives")

    with original(kafka_broker, group) as url:
        for name, config in configs.items():
            answer = httpx.put(f"{url}/connectors/{name}/config", json=config, timeout=30)
            assert answer.status_code == 201, answer.text
        httpx.put(f"{url}/connectors/{group}-paused/pause", timeout=30).raise_for_status()
        stage("the original", url)
        before = httpx.get(f"{url}/connectors?expand=info", timeout=30).json()
    with ours(kafka_broker, tmp_path / "ours", group) as url:

        def same() -> None:
            assert httpx.get(f"{url}/connectors?expand=info", timeout=30).json() == before

        stage("ours", url, same)
    with original(kafka_broker, group) as url:
        stage("the original again", url)
    assert out.read_text().splitlines() == written
