"""A cluster of three workers that is killed, stopped, restarted: every line arrives.

What is printed are the times from a fault until all runs again.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import psutil
import pytest
from tests.parts.broker import KafkaBroker
from tests.parts.jvm_connect import JvmConnectWorker
from tests.workers import STRING, ClusterMember, cluster_properties, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]
SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
PAIRS = 4
SESSION_S = 6.0
DELAY_S = 4.0
RECOVERY_S = SESSION_S + DELAY_S + 5.0
"""What an owner's death may cost: its session, the wait for its return, and the start of tasks."""
SEEDS = range(int(os.environ.get("PENSTOCK_CHAOS_SEEDS", "1")))


@pytest.fixture(scope="module")
def broker(kafka_broker: KafkaBroker) -> Iterator[KafkaBroker]:
    """Give a broker of its own, to be restarted."""
    assert kafka_broker.running
    with KafkaBroker(properties={"group.min.session.timeout.ms": "1000"}) as own:
        own.open_groups()
        yield own


@attrs.define
class Scene:
    """Pairs of a source and a sink on a cluster, and what was written so far."""

    folder: Path
    group: str
    members: list[ClusterMember]
    others: list[str] = attrs.field(factory=list)
    lines: int = 0

    def files(self, pair: int) -> tuple[Path, Path]:
        return self.folder / f"in-{pair}.txt", self.folder / f"out-{pair}.txt"

    def create(self) -> None:
        for pair in range(PAIRS):
            source, sink = self.files(pair)
            source.touch()
            topic = f"{self.group}-{pair}"
            (first, *_) = self.alive()
            first.put(
                f"src-{pair}", {"connector.class": SOURCE, "file": str(source), "topic": topic}
            )
            first.put(
                f"snk-{pair}",
                {
                    "connector.class": SINK,
                    "file": str(sink),
                    "topics": topic,
                    "consumer.override.session.timeout.ms": "6000",
                },
            )

    def write(self, count: int = 200) -> None:
        for pair in range(PAIRS):
            with self.files(pair)[0].open("a") as file:
                file.writelines(f"{n:06d}\n" for n in range(self.lines, self.lines + count))
        self.lines += count

    def alive(self) -> list[ClusterMember]:
        return [one for one in self.members if one.process and one.process.poll() is None]

    def placed(self) -> Counter[str] | None:
        """Return how many tasks each worker runs, or None while not all of them run."""
        for member in self.alive():
            try:
                found = member.request("GET", "/connectors?expand=status")
            except httpx.HTTPError:
                continue
            return self._placed(found.json()) if found.status_code == 200 else None
        return None

    def _placed(self, found: dict[str, Any]) -> Counter[str] | None:
        known = {one.url.split("//")[1] for one in self.alive()} | set(self.others)
        tasks = [task for one in found.values() for task in one["status"]["tasks"]]
        workers = [task["worker_id"] for task in tasks if task["state"] == "RUNNING"]
        if len(workers) != 2 * PAIRS or not known.issuperset(workers):
            return None
        return Counter(workers)

    def converged(self, within_s: float, what: str) -> float:
        """Wait until all tasks run on live workers and all lines came; return the seconds."""
        began_s = time.monotonic()
        eventually(self.placed, within_s, f"{what}: all tasks run")
        placed_s = time.monotonic() - began_s
        self.write()
        eventually(self.complete, 60, f"{what}: every line arrives")
        print(f"{what}: all tasks run after {placed_s:.1f} s")
        return placed_s

    def complete(self) -> bool:
        last = f"{self.lines - 1:06d}"
        return all(self._last(pair) == last for pair in range(PAIRS))

    def _last(self, pair: int) -> str:
        out = self.files(pair)[1]
        return (out.read_text().split() or [""])[-1] if out.exists() else ""

    def check_lines(self) -> None:
        expected = [f"{number:06d}" for number in range(self.lines)]
        for pair in range(PAIRS):
            found = self.files(pair)[1].read_text().split()
            assert list(dict.fromkeys(found)) == expected, f"pair {pair}: lost, or out of order"

    def check_single_owners(self) -> None:
        """Each task lives in one process of all workers, once those told to end have done so."""
        eventually(lambda: set(self.titles().values()) == {1}, 15, "each task has one process")

    def titles(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for process in [one for member in self.alive() for one in member.hosts()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                title = " ".join(process.cmdline())
                found[title] += "task " in title
        return +found


@contextlib.contextmanager
def scene(broker: KafkaBroker, folder: Path, size: int = 3) -> Iterator[Scene]:
    group = f"chaos-{uuid.uuid4().hex[:8]}"
    made = Scene(folder, group, [])
    try:
        for number in range(size):
            made.members.append(member(broker, folder / f"worker-{number}", group).start())
        yield made
    finally:
        for one in made.members:
            if one.process is not None and one.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one.process.pid, signal.SIGCONT)
                    one.stop()


def member(broker: KafkaBroker, folder: Path, group: str) -> ClusterMember:
    folder.mkdir(exist_ok=True)
    return ClusterMember(broker.bootstrap_servers, folder, group)


def busiest(running: Scene) -> ClusterMember:
    placed = running.placed() or Counter()
    return max(running.alive(), key=lambda one: placed[one.url.split("//")[1]])


def signal_tree(one: ClusterMember, number: int) -> None:
    assert one.process is not None
    for process in [*one.hosts(), None]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.process.pid if process is None else process.pid, number)


@pytest.mark.parametrize("seed", SEEDS)
def test_workers_die_stop_and_come_back(broker: KafkaBroker, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - which worker, not a secret
    with scene(broker, tmp_path) as running:
        running.create()
        running.converged(60, "start")
        spread = running.placed()
        assert spread is not None
        assert max(spread.values()) - min(spread.values()) <= 1, spread
        victim = busiest(running)
        victim.kill()
        assert running.converged(60, "kill -9") <= RECOVERY_S
        victim.start()
        running.converged(60, "it is back")
        sleeper = chance.choice(running.alive())
        signal_tree(sleeper, signal.SIGSTOP)
        running.members.remove(sleeper)
        try:
            assert running.converged(60, "SIGSTOP") <= RECOVERY_S
        finally:
            signal_tree(sleeper, signal.SIGCONT)
            running.members.append(sleeper)
        running.converged(60, "SIGCONT")
        eventually(lambda: len(running.placed() or ()) == 3, 60, "all three run tasks again")
        running.converged(30, "balanced again")
        running.check_lines()
        running.check_single_owners()


def test_a_rolling_restart_interrupts_little(broker: KafkaBroker, tmp_path: Path) -> None:
    with scene(broker, tmp_path) as running:
        running.create()
        running.converged(60, "start")
        for number, one in enumerate(list(running.members)):
            assert one.stop() == 0
            one.start()
            running.converged(RECOVERY_S, f"restart of worker {number}")
        running.check_lines()
        running.check_single_owners()
        for pair in range(PAIRS):
            found = running.files(pair)[1].read_text().split()
            assert len(found) == running.lines, "a stop in good order repeats nothing"


def test_the_broker_restarts(broker: KafkaBroker, tmp_path: Path) -> None:
    with scene(broker, tmp_path, size=2) as running:
        running.create()
        running.converged(60, "start")
        broker.restart()
        running.converged(90, "the broker is back")
        running.check_lines()
        running.check_single_owners()


def test_a_mixed_cluster_loses_either_kind(broker: KafkaBroker, tmp_path: Path) -> None:
    with scene(broker, tmp_path, size=1) as running:
        properties = {
            **cluster_properties(running.group),
            "key.converter": STRING,
            "value.converter": STRING,
            "offset.flush.interval.ms": "500",
        }
        with JvmConnectWorker(
            broker.bootstrap_servers,
            mode="distributed",
            properties=properties,
            group=running.group,
        ) as jvm:
            running.others.append(f"127.0.0.1:{jvm.port}")
            running.create()
            running.converged(90, "start")
            eventually(lambda: len(running.placed() or ()) == 2, 60, "both run tasks")
            running.others.clear()
            jvm.process.kill()
            running.converged(60, "the original is killed")
        running.check_lines()
