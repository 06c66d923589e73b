"""Java connectors on a cluster whose tasks and workers are killed: each record exactly once."""

from __future__ import annotations

import random
import shutil
import uuid
from pathlib import Path

import attrs
import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tests.parts.broker import KafkaBroker
from tests.parts.task_lab import committed
from tests.workers import ClusterMember, cluster, eventually, worker

from penstock_jvm import resolve

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

SEED, KILLS = 84, 2
FILE = "org.apache.kafka.connect.file.FileStream{}Connector@jvm"
VERIFIABLE = "org.apache.kafka.connect.tools.VerifiableSourceConnector"
RECOVERY_S = 40.0
NAMES = ("src", "ver", "snk")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A plugin path with connect-file and connect-test-plugins, each with what it needs."""
    path = tmp_path_factory.mktemp("plugins")
    for name in ("connect-file", "connect-test-plugins"):
        (path / name).mkdir()
        for jar in resolve([f"org.apache.kafka:{name}:4.3.1"]):
            if not jar.name.startswith("kafka-clients"):
                shutil.copy(jar, path / name)
    return str(path)


@attrs.define
class Scene:
    """A file that is copied to a topic and from there to a file, and numbers to another topic."""

    broker: KafkaBroker
    folder: Path
    group: str
    members: list[ClusterMember]
    lines: int = 0

    def create(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap_servers})
        new = [NewTopic(f"{self.group}-{what}", 1) for what in ("lines", "numbers")]
        for future in admin.create_topics(new).values():
            future.result(30)
        common = {"jvm.options": "-Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"}
        (self.folder / "in.txt").touch()
        source = {
            **common,
            "connector.class": FILE.format("Source"),
            "file": str(self.folder / "in.txt"),
            "topic": f"{self.group}-lines",
            "batch.size": "100000",  # a full batch leaves lines behind in the task's buffer
            "exactly.once.support": "required",
        }
        numbers = {
            **common,
            "connector.class": VERIFIABLE,
            "id": "7",
            "topic": f"{self.group}-numbers",
            "throughput": "300",
        }
        sink = {
            **common,
            "connector.class": FILE.format("Sink"),
            "file": str(self.folder / "out.txt"),
            "topics": f"{self.group}-lines",
            "consumer.override.session.timeout.ms": "6000",
            "consumer.override.isolation.level": "read_committed",
        }
        for name, config in zip(NAMES, (source, numbers, sink), strict=True):
            self.members[0].put(name, config)

    def write(self, count: int) -> None:
        with (self.folder / "in.txt").open("a") as file:
            file.writelines(f"{n:06d}\n" for n in range(self.lines, self.lines + count))
        self.lines += count

    def seen(self, what: str) -> list[str]:
        return committed(self.broker.bootstrap_servers, f"{self.group}-{what}")

    def expected(self) -> list[str]:
        return [f"{n:06d}" for n in range(self.lines)]

    def copied(self) -> list[str]:
        out = self.folder / "out.txt"
        return out.read_text().splitlines() if out.exists() else []

    def alive(self) -> ClusterMember:
        return next(one for one in self.members if one.process and one.process.poll() is None)

    def all_run(self) -> bool:
        """Do what an operator does: restart what has failed; tell whether all runs."""
        states = {name: self.alive().task_state(name) for name in NAMES}
        for name, state in states.items():
            if state == "FAILED":
                path = f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true"
                self.alive().request("POST", path)
        return set(states.values()) == {"RUNNING"}

    def recovered(self, fault: str) -> None:
        """Wait until what is written now has come through, and the numbers go on."""
        self.write(500)
        numbers = len(self.seen("numbers"))
        eventually(self.all_run, RECOVERY_S, f"all runs after {fault}")
        eventually(
            lambda: self.all_run() and self.seen("lines")[-1:] == self.expected()[-1:],
            RECOVERY_S,
            f"the last line is committed after {fault}",
        )
        eventually(lambda: len(self.seen("numbers")) > numbers, RECOVERY_S, "numbers go on")
        eventually(
            lambda: self.copied()[-1:] == self.expected()[-1:],
            RECOVERY_S,
            f"the last line is copied after {fault}",
        )

    def host(self, name: str) -> psutil.Process:
        for member in self.members:
            if member.process is not None and member.process.poll() is None:
                try:
                    return member.host_of(f"{name}-0")
                except AssertionError:
                    continue
        raise AssertionError(f"no host runs {name}-0")

    def owner(self) -> ClusterMember:
        (task,) = self.alive().status("src")["tasks"]
        return next(one for one in self.members if task["worker_id"] in one.url)


def test_tasks_and_workers_die_and_java_sources_deliver_exactly_once(
    packages: str, tmp_path: Path, kafka_broker: KafkaBroker
) -> None:
    group = f"jvm-{uuid.uuid4().hex[:8]}"
    chance = random.Random(SEED)  # noqa: S311 - no secret
    more = {"exactly_once_source_support": "enabled", "plugin_path": packages}
    with cluster(kafka_broker.bootstrap_servers, tmp_path, group, 2, **more) as members:
        scene = Scene(kafka_broker, tmp_path, group, members)
        scene.create()
        scene.recovered("the start")
        for _ in range(KILLS):
            for name in NAMES:
                scene.write(chance.randrange(3000, 6000))
                eventually(
                    lambda: len(scene.seen("lines")) > scene.lines - 6000, 30, "a part of it"
                )
                scene.host(name).kill()
                scene.recovered(f"kill -9 of the host of {name}")
            scene.write(chance.randrange(3000, 6000))
            owner = scene.owner()
            owner.kill()
            scene.recovered("kill -9 of the worker")  # the other one has all, after the delay
            owner.start()
            scene.recovered("its return")
        for name in ("src", "ver"):
            answer = scene.alive().request("PUT", f"/connectors/{name}/stop")
            assert answer.status_code == 204, answer.text
            eventually(lambda name=name: not scene.alive().status(name)["tasks"], 30, "it stops")
        assert scene.seen("lines") == scene.expected(), "each line once, in order"
        numbers = scene.seen("numbers")
        assert numbers == [str(n) for n in range(len(numbers))], "each number once, in order"
        assert len(numbers) > 1000
        copied = scene.copied()
    assert sorted(set(copied)) == scene.expected(), "no line is lost on the way to the file"


def test_pauses_stops_and_restarts_amid_large_polls_in_a_small_heap_lose_nothing(
    packages: str, tmp_path: Path, kafka_broker: KafkaBroker
) -> None:
    topic = f"jvm-{uuid.uuid4().hex[:8]}"
    chance = random.Random(SEED)  # noqa: S311 - no secret
    total = 400_000
    file = tmp_path / "in.txt"
    file.write_text("".join(f"{n:060d}\n" for n in range(total)))
    source = {
        "connector.class": FILE.format("Source"),
        "file": str(file),
        "topic": topic,
        "batch.size": "60000",
        "jvm.options": "-Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    }
    ends = Consumer({"bootstrap.servers": kafka_broker.bootstrap_servers, "group.id": topic})
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap_servers})
    for future in admin.create_topics([NewTopic(topic, 1)]).values():
        future.result(30)

    def end() -> int:
        return int(ends.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1])

    with worker(kafka_broker.bootstrap_servers, tmp_path, plugin_path=packages) as running:
        running.put("src", source)
        for act, back in (("pause", "resume"), ("stop", "resume"), ("restart", "")) * 3:
            running.wait_running("src")
            there = end() + chance.randrange(40_000)
            eventually(lambda there=there: end() >= min(there, total), 60, "more lines come")
            if act == "restart":
                path = "/connectors/src/restart?includeTasks=true"
                assert running.request("POST", path).status_code == 202
                continue
            assert running.request("PUT", f"/connectors/src/{act}").is_success
            state = {"pause": "PAUSED", "stop": ""}[act]
            eventually(lambda state=state: running.task_state("src") == state, 30, act)
            assert running.request("PUT", f"/connectors/src/{back}").is_success
        running.wait_running("src")
        last = f"{total - 1:060d}"
        eventually(
            lambda: end() >= total and committed(kafka_broker.bootstrap_servers, topic)[-1] == last,
            60,
            "the last line comes",
        )
    ends.close()
    found = committed(kafka_broker.bootstrap_servers, topic)
    assert found == [f"{n:060d}" for n in range(total)], "orderly stops repeat nothing, either"
