"""Hosts that share processes, once a worker has more of them than processes."""

from __future__ import annotations

import os
import queue
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from penstock.runtime.host.messages import Event, Failed, Pause, Paused, Running, Stopped
from penstock.runtime.host.processes import PRELOAD
from penstock.runtime.model import TaskId
from penstock.runtime.offsets.store import MemoryOffsetStore
from penstock.runtime.worker import HostExited, HostKey, Worker

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "runtime" / "host"))
import host_doubles as doubles

pytestmark = pytest.mark.integration


class Shared:
    """A worker of few processes, and what was heard of each host."""

    def __init__(self, processes_max: int) -> None:
        self._heard: dict[HostKey, queue.Queue[Event | HostExited]] = {}
        self.worker = Worker(
            store=MemoryOffsetStore(),
            processes_max=processes_max,
            preload=[*PRELOAD, "host_doubles_installed"],
            on_event=self._hear,
        )

    def _hear(self, key: HostKey, incarnation: int, event: Event | HostExited) -> None:
        self._of(key).put(event)

    def _of(self, key: HostKey) -> queue.Queue[Event | HostExited]:
        return self._heard.setdefault(key, queue.Queue())

    def next(self, number: int) -> Any:
        return self._of(TaskId("double", number)).get(timeout=20)

    def silent(self, number: int) -> bool:
        return self._of(TaskId("double", number)).empty()

    def start(self, number: int, do: str = "idle", **config: str) -> int:
        """Start a double; return the process that it says it runs in."""
        self.worker.start_task(doubles.task(do, number, **config))
        return self.runs(number)

    def runs(self, number: int) -> int:
        running = self.next(number)
        assert isinstance(running, Running), running
        return int(running.version or "")

    def stop(self, number: int) -> None:
        self.worker.stop(TaskId("double", number), 5000)
        assert self.next(number) == Stopped()
        exited = self.next(number)
        assert isinstance(exited, HostExited)
        assert not exited.killed


@pytest.fixture
def two() -> Iterator[Shared]:
    made = Shared(processes_max=2)
    yield made
    made.worker.close(1)


def test_the_third_moves_in_where_the_fewest_live(two: Shared) -> None:
    pids = [two.start(number) for number in range(5)]
    assert len(set(pids[:2])) == 2
    assert set(pids) == set(pids[:2])
    assert sorted(pids.count(pid) for pid in set(pids)) == [2, 3]
    shown = " ".join(psutil.Process(pids[0]).cmdline())
    assert "task double-0, task double-" in shown


def test_each_is_paused_and_stopped_alone(two: Shared) -> None:
    pids = [two.start(number) for number in range(4)]
    third = TaskId("double", 2)
    two.worker.send(third, Pause())
    assert two.next(2) == Paused()
    two.stop(0)  # what the process was started with; its guest stays
    assert two.silent(2)
    assert psutil.pid_exists(pids[2])
    two.stop(2)
    two.stop(1)
    two.stop(3)
    assert two.start(0) not in pids


def test_what_a_guest_raises_fails_it_alone(two: Shared) -> None:
    for number in range(2):
        two.start(number)
    two.worker.start_task(doubles.task("raise", 2))
    failed = two.next(2)
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("ValueError: boom")
    assert two.next(2) == HostExited("task double-2 ended", killed=False)
    two.stop(0)
    two.stop(1)


def test_who_shared_a_process_that_died_is_started_again_alone(two: Shared) -> None:
    pids = [two.start(number) for number in range(4)]
    number = next(i for i in (2, 3) if pids[i] == pids[0])
    two.worker.send(TaskId("double", number), Pause())
    assert two.next(number) == Paused()
    os.kill(pids[0], signal.SIGKILL)
    again = two.runs(0)
    assert again != pids[0]
    restarted = two.runs(number)
    assert two.next(number) == Paused()  # what it was told before holds still
    assert len({again, restarted, pids[1]}) == 3
    # Now it is known who dies: that one is not started again here.
    os.kill(again, signal.SIGKILL)
    exited = two.next(0)
    assert isinstance(exited, HostExited)
    assert "task double-0 was ended by signal SIGKILL" in exited.reason
    two.stop(number)
    two.stop(1)


def test_a_guest_that_does_not_stop_is_left_behind_without_its_lease(
    two: Shared, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    os.mkfifo(said)
    two.start(0)
    two.start(1)
    pid = two.start(2, "haunt", file=str(said))
    neighbour = next(i for i in (0, 1) if f"double-{i}" in _title(pid))
    two.worker.stop(TaskId("double", 2), 100)
    exited = two.next(2)
    assert exited.killed
    assert "did not end within 100 ms; 1 others live in its process" in exited.reason
    assert said.read_text("ascii") == "no lease"
    # Nobody moves in there any more, and it ends with the last who lives in it.
    newcomer = two.start(3)
    assert newcomer != pid
    two.stop(neighbour)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_last_of_a_process_is_killed_with_it(two: Shared) -> None:
    two.start(0)
    two.start(1)
    pid = two.start(2, "haunt", file=os.devnull)
    neighbour = next(i for i in (0, 1) if f"double-{i}" in _title(pid))
    two.stop(neighbour)
    two.worker.stop(TaskId("double", 2), 100)
    assert two.next(2) == HostExited(
        "task double-2 did not end within 100 ms and was killed", killed=True
    )


def test_what_needs_a_process_gets_one(two: Shared) -> None:
    pids = [two.start(number) for number in range(3)]
    own = two.start(3, "alone")
    assert own not in pids
    assert two.start(4) != own  # and it is shared with nobody afterwards


def test_a_connector_may_keep_its_processes_for_itself(two: Shared) -> None:
    pids = [two.start(number) for number in range(2)]
    command = doubles.task("idle", 2)
    assert not command.connector_config
    two.worker.start_task(
        type(command)("double", 2, command.config, {"task.isolation": "process"}, {})
    )
    assert two.runs(2) not in pids


def _title(pid: int) -> str:
    return " ".join(psutil.Process(pid).cmdline())
