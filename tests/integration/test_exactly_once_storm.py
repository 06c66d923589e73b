"""Workers and the broker killed, stopped, restarted: each line is seen once, in its order."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.parts.broker import KafkaBroker
from tests.parts.task_lab import FILE_SOURCE, committed
from tests.parts.transaction_marks import ended_transactions
from tests.workers import ClusterMember, cluster, eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
LINES = int(os.environ.get("PENSTOCK_STORM_LINES", "300000"))
SEEDS = range(int(os.environ.get("PENSTOCK_STORM_SEEDS", "1")))
FILES = 3
TAKEN_OVER_S = 60.0
ENDS = ("worker killed", "worker stopped", "broker killed", "worker restarted", "broker stopped")
"""What happens, in turns; in between a seed decides when, and to whom."""
STEPS = 10


class Storm:
    """A cluster with three sources of one topic, and what is done to it."""

    def __init__(
        self, broker: KafkaBroker, members: list[ClusterMember], folder: Path, seed: int
    ) -> None:
        self._broker = broker
        self._members = members
        self._choice = random.Random(seed)  # noqa: S311 - a seeded storm
        self.names = [f"s{number}" for number in range(FILES)]
        self.files = [folder / f"lines-{number}.txt" for number in range(FILES)]
        self.done = Counter[str]()

    def answering(self) -> ClusterMember:
        return next(
            one for one in self._members if one.process is not None and one.process.poll() is None
        )

    def write(self, step: int) -> None:
        """Append this step's share to each file."""
        for file in self.files:
            with file.open("a") as more:
                first, last = (n * LINES // FILES // STEPS for n in (step, step + 1))
                more.writelines(f"{file.stem} {line:09}\n" for line in range(first, last))

    def strike(self, step: int) -> None:
        """Let one thing happen while records travel in open transactions."""
        time.sleep(self._choice.uniform(0.0, 1.5))
        what = ENDS[step % len(ENDS)]
        acts: dict[str, Callable[[], None]] = {
            "worker killed": self._kill,
            "worker stopped": self._stop_past_session,
            "broker killed": self._kill_broker,
            "worker restarted": self._restart,
            "broker stopped": self._pause_broker,
        }
        acts[what]()
        self.done[what] += 1

    def _kill(self) -> None:
        member = self._choice.choice(self._members)
        member.kill()
        member.start()

    def _restart(self) -> None:
        member = self._choice.choice(self._members)
        member.stop()
        member.start()

    def _kill_broker(self) -> None:
        self._broker.kill()
        self._broker.restart()

    def _pause_broker(self) -> None:
        self._broker.pause()
        time.sleep(self._choice.uniform(0.5, 2.0))
        self._broker.resume()

    def _stop_past_session(self) -> None:
        """Stop a worker with all its hosts until its tasks run elsewhere; then it wakes up."""
        member = self._choice.choice(self._members)
        others = [one for one in self._members if one is not member]
        _signal(member, signal.SIGSTOP)
        try:
            eventually(lambda: self._runs_on(others), TAKEN_OVER_S, "others have taken over")
        finally:
            _signal(member, signal.SIGCONT)

    def _runs_on(self, members: list[ClusterMember]) -> bool:
        names = {one.url.partition("//")[2] for one in members}
        tasks = [task for name in self.names for task in members[0].status(name).get("tasks", ())]
        return len(tasks) == FILES and all(
            one["state"] == "RUNNING" and one["worker_id"] in names for one in tasks
        )

    def is_all_stored(self) -> bool:
        return all(
            self._position(name) == file.stat().st_size
            for name, file in zip(self.names, self.files, strict=True)
        )

    def _position(self, name: str) -> int:
        answer = self.answering().request("GET", f"/connectors/{name}/offsets")
        places = answer.json().get("offsets", []) if answer.status_code == 200 else []
        return int(places[0]["offset"]["position"]) if places else -1

    def states(self) -> list[str]:
        tasks = [self.answering().status(name)["tasks"] for name in self.names]
        return [str(one["state"]) for of in tasks for one in of]


def _signal(member: ClusterMember, number: int) -> None:
    assert member.process is not None
    for pid in [*(one.pid for one in member.hosts()), member.process.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_line_is_seen_once_in_its_order(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    group = f"storm-{uuid.uuid4().hex[:8]}"
    config = {
        "connector.class": FILE_SOURCE,
        "topic": group,
        "batch.size": "500",
        "exactly.once.support": "required",
        "transaction.boundary": "interval",
        "transaction.boundary.interval.ms": "1000",
    }
    began_s = time.monotonic()
    with (
        KafkaBroker() as broker,
        cluster(
            broker.bootstrap_servers,
            tmp_path,
            group,
            3,
            exactly_once_source_support="enabled",
        ) as members,
    ):
        storm = Storm(broker, members, tmp_path, seed)
        for file in storm.files:
            file.touch()
        broker.open_groups()
        for name, file in zip(storm.names, storm.files, strict=True):
            storm.answering().put(name, {**config, "file": str(file)})
            storm.answering().wait_running(name, 60)
        for step in range(STEPS):
            storm.write(step)
            storm.strike(step)
        eventually(storm.is_all_stored, 300, "all is stored")
        # A task that was fenced or cut off from the broker comes back by itself.
        eventually(lambda: set(storm.states()) == {"RUNNING"}, 60, "all tasks run again")
        found = committed(broker.bootstrap_servers, group)
        sent = committed(broker.bootstrap_servers, group, isolation="read_uncommitted")
        ended, aborted = ended_transactions(broker.folder / "data", group)
    expected = {file.stem: file.read_text().splitlines() for file in storm.files}
    lines = {line for one in expected.values() for line in one}
    doubles = sum(count - 1 for count in Counter(found).values())
    with capsys.disabled():
        print(
            f"\nseed {seed}: {dict(storm.done)}; {len(found)} records, {doubles} duplicates, "
            f"{len(lines - set(found))} gaps, {ended} transactions, {aborted} aborted with "
            f"{len(sent) - len(found)} records, {time.monotonic() - began_s:.0f} s"
        )
    for stem, wanted in expected.items():
        assert [line for line in found if line.startswith(stem)] == wanted
    assert len(found) == LINES // FILES * FILES
    assert aborted > 0, "nothing was aborted: the kills hit nothing"
    assert len(sent) > len(found)
    assert ended >= STEPS * FILES
