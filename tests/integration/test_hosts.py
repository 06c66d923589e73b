"""Hosts that are processes: how they start, end, die and are cleaned up after."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from penstock.errors import ConflictError, ConnectError, TimedOutError
from penstock.runtime.host.frames import FRAME_BYTES_MAX
from penstock.runtime.host.messages import Call, Event, Failed, Pause, Paused, Running, Stopped
from penstock.runtime.host.processes import PRELOAD
from penstock.runtime.model import TaskId
from penstock.runtime.offsets.file_store import FileOffsetStore
from penstock.runtime.offsets.store import MemoryOffsetStore, OffsetStore
from penstock.runtime.worker import HostExited, HostKey, Worker

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "runtime" / "host"))
import host_doubles as doubles

pytestmark = pytest.mark.integration

DOUBLES = Path(doubles.__file__).parent
FIRST = TaskId("double", 0)
SECOND = TaskId("double", 1)
START_S = 0.080
PRIVATE_KIB = 8 * 1024


class Worked:
    """A worker, what its hosts wrote, and what was heard of them."""

    def __init__(self, store: OffsetStore) -> None:
        self._events: queue.Queue[tuple[HostKey, int, Event | HostExited]] = queue.Queue()
        self.words = b""
        self.worker = Worker(
            store=store,
            preload=[*PRELOAD, "host_doubles_installed"],
            on_event=lambda *news: self._events.put(news),
            forward=self._forward,
        )

    def _forward(self, lines: bytes) -> None:
        self.words += lines

    def next(self) -> Any:
        return self._events.get(timeout=20)[2]

    def start(self, do: str, number: int = 0, **config: str) -> Running:
        """Start a double and return how it said that it runs."""
        self.worker.start_task(doubles.task(do, number, **config))
        running = self.next()
        assert isinstance(running, Running)
        return running

    @property
    def fork_server(self) -> psutil.Process:
        pid = self.worker.fork_server_pid
        assert pid is not None
        return psutil.Process(pid)

    def wait_ready(self) -> None:
        assert self.worker.call(Call("ping", {}), 20).result(20) == "pong"


def ended(processes: list[psutil.Process], timeout_s: float = 5.0) -> bool:
    """Whether none of them runs; one that only its new parent has not noticed yet does not."""
    _, left = psutil.wait_procs(processes, timeout=timeout_s)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in left)


@contextlib.contextmanager
def working(store: OffsetStore | None = None) -> Iterator[Worked]:
    made = Worked(store or MemoryOffsetStore())
    try:
        yield made
    finally:
        made.worker.close(1)


@pytest.fixture(scope="module")
def shared() -> Iterator[Worked]:
    """One worker for tests that leave it as it was; its first host waits for the imports."""
    with working() as made:
        made.wait_ready()
        yield made


def test_a_host_starts_and_stops_within_the_budget(shared: Worked) -> None:
    starts: list[float] = []
    stops: list[float] = []
    for _ in range(7):
        begun = time.perf_counter()
        shared.start("idle")
        starts.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        shared.worker.stop(FIRST, 5000)
        assert shared.next() == Stopped()
        assert isinstance(shared.next(), HostExited)
        stops.append(time.perf_counter() - begun)
    start_s, stop_s = statistics.median(starts), statistics.median(stops)
    print(f"start {start_s * 1e3:.1f} ms, stop {stop_s * 1e3:.1f} ms")
    assert start_s <= START_S
    assert stop_s <= START_S


def test_a_host_shares_its_memory_with_the_others(shared: Worked) -> None:
    pid = int(shared.start("idle").version or "")
    fields = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    )
    private = sum(int(fields[f"Private_{kind}"].split()[0]) for kind in ("Clean", "Dirty"))
    print(f"{private} KiB private")
    shared.worker.stop(FIRST, 5000)
    assert shared.next() == Stopped()
    assert isinstance(shared.next(), HostExited)
    assert private <= PRIVATE_KIB


def test_a_host_is_a_small_clean_process_with_a_name(shared: Worked) -> None:
    host = psutil.Process(int(shared.start("idle").version or ""))
    assert host.ppid() == shared.fork_server.pid
    assert host.name() == "task double-0"
    assert " ".join(host.cmdline()) == "penstock: task double-0"
    fds = sorted(int(path.name) for path in Path(f"/proc/{host.pid}/fd").iterdir())
    assert fds[:3] == [0, 1, 2]
    assert len(fds) == 4  # and its control socket
    assert os.getsid(host.pid) == host.pid
    assert int(Path(f"/proc/{host.pid}/oom_score_adj").read_text()) > 0
    # What a terminal or an init system sends to all is for the worker alone.
    for number in (signal.SIGINT, signal.SIGTERM):
        host.send_signal(number)
        shared.fork_server.send_signal(number)
    shared.worker.send(FIRST, Pause())
    assert shared.next() == Paused()
    shared.worker.stop(FIRST, 5000)
    assert shared.next() == Stopped()
    assert isinstance(shared.next(), HostExited)


def test_a_killed_host_is_told(shared: Worked) -> None:
    pid = int(shared.start("idle").version or "")
    os.kill(pid, signal.SIGKILL)
    exited = shared.next()
    assert exited == HostExited(
        "the process of task double-0 was ended by signal SIGKILL, by the system when memory runs "
        "out, or by a person",
        killed=False,
    )


def test_a_host_that_ends_by_itself_leaves_its_last_words(shared: Worked) -> None:
    shared.worker.start_task(doubles.task("die"))
    exited = shared.next()
    assert exited.reason == (
        "the process of task double-0 ended with exit code 7; its last words:\n"
        "these are my last words"
    )
    assert b"these are my last words\n" in shared.words


def test_a_crash_in_native_code_shows_where(shared: Worked) -> None:
    shared.worker.start_task(doubles.task("crash"))
    exited = shared.next()
    assert "SIGSEGV" in exited.reason
    assert "Fatal Python error: Segmentation fault" in exited.reason
    assert "in _crash" in exited.reason


@pytest.mark.parametrize(("do", "reason"), [("raise", "ValueError: boom"), ("exit", "SystemExit")])
def test_what_a_task_raises_becomes_failed(shared: Worked, do: str, reason: str) -> None:
    shared.worker.start_task(doubles.task(do))
    failed = shared.next()
    assert isinstance(failed, Failed)
    assert failed.reason.startswith(reason)
    assert isinstance(shared.next(), HostExited)


@pytest.mark.parametrize("do", ["block", "spin"])
def test_a_host_that_does_not_stop_is_killed_and_others_go_on(shared: Worked, do: str) -> None:
    shared.start(do)
    shared.start("idle", 1)
    shared.worker.stop(FIRST, 300)
    shared.worker.send(SECOND, Pause())
    assert shared.next() == Paused()  # at once, not after the other's time
    begun = time.monotonic()
    exited = shared.next()
    assert exited == HostExited(
        "task double-0 did not end within 300 ms and was killed", killed=True
    )
    assert time.monotonic() - begun < 1.5
    shared.worker.stop(SECOND, 5000)
    assert shared.next() == Stopped()
    assert isinstance(shared.next(), HostExited)


def test_a_stopped_process_is_killed_at_the_deadline(shared: Worked) -> None:
    pid = int(shared.start("idle").version or "")
    os.kill(pid, signal.SIGSTOP)
    shared.worker.stop(FIRST, 100)
    assert shared.next().killed


def test_what_a_task_started_ends_with_it(shared: Worked) -> None:
    host, child = json.loads(shared.start("child").version or "")
    program = psutil.Process(child)
    os.kill(host, signal.SIGKILL)
    assert isinstance(shared.next(), HostExited)
    assert ended([program])


def test_calls_fail_as_what_they_are(shared: Worked) -> None:
    call = shared.worker.call
    with pytest.raises(ConnectError, match=r"(?s)exit code 9; its last words:.*call is over"):
        call(Call("end", {}), 10).result(10)
    with pytest.raises(ConnectError, match="JSON data only"):
        call(Call("not_json", {}), 10).result(10)
    with pytest.raises(TimedOutError, match="'sleep' gave no answer"):
        call(Call("sleep", {}), 0.05).result(10)


def test_messages_are_bounded_and_large_ones_pass(shared: Worked) -> None:
    size = FRAME_BYTES_MAX - 1000
    assert len(shared.start("flood", size=str(size)).version or "") == size
    assert shared.next() == Stopped()
    assert isinstance(shared.next(), HostExited)
    shared.worker.start_task(doubles.task("flood", size=str(FRAME_BYTES_MAX)))
    assert isinstance(shared.next(), Failed)
    assert isinstance(shared.next(), HostExited)
    shared.worker.start_task(doubles.task("idle", much="x" * FRAME_BYTES_MAX))
    exited = shared.next()
    assert "task double-0 could not be started: a message of" in exited.reason


def test_offsets_are_stored_in_the_workers_file(tmp_path: Path) -> None:
    file = tmp_path / "offsets"
    with working(FileOffsetStore(file)) as made:
        assert made.start("offsets").version == '[null, null, [{"n": 1}, null]]'
    assert FileOffsetStore(file).get([b'["double",{"p":1}]']) == [b'{"n":1}']


def test_a_killed_fork_server_is_replaced() -> None:
    with working() as made:
        hosts = [psutil.Process(int(made.start("idle", n).version or "")) for n in range(2)]
        before = made.fork_server
        waiting = made.worker.call(Call("sleep", {}), 60)
        before.kill()
        for _ in hosts:
            assert "ended with its fork server" in made.next().reason
        with pytest.raises(ConnectError, match="ended with its fork server"):
            waiting.result(10)
        assert ended(hosts)
        made.start("idle")
        assert made.fork_server.pid != before.pid


def test_many_starts_leak_nothing() -> None:
    with working() as made:
        worker = psutil.Process()
        before: Any = None
        for _ in range(101):
            made.worker.start_task(doubles.task("raise"))
            assert isinstance(made.next(), Failed)
            assert isinstance(made.next(), HostExited)
            if before is None:  # the first one has waited for the fork server
                before = worker.num_fds(), threading.active_count()
                server_fds = made.fork_server.num_fds()
        # Fewer: a host of another test's call may just have ended.
        assert worker.num_fds() <= before[0]
        assert threading.active_count() <= before[1]
        assert made.fork_server.num_fds() == server_fds
        assert made.fork_server.children() == []
        assert made.fork_server.num_threads() == 1


def test_a_closed_worker_leaves_nothing() -> None:
    before = psutil.Process().num_fds(), threading.active_count()
    with working() as made:
        made.start("block")
        made.start("idle", 1)
        processes = [made.fork_server, *made.fork_server.children()]
        waiting = made.worker.call(Call("sleep", {}), 60)
        made.worker.close(0.2)
        with pytest.raises(ConflictError):
            waiting.result(0)
    assert ended(processes, 0)
    assert psutil.Process().num_fds() <= before[0]
    assert threading.active_count() <= before[1]


WORKER = """
import json, sys, threading
sys.path.insert(0, sys.argv[1])
import host_doubles as doubles
from penstock.runtime.offsets.store import MemoryOffsetStore
from penstock.runtime.worker import HostExited, Worker

def on_event(key, incarnation, event):
    print(json.dumps([type(event).__name__, getattr(event, "version", None)]), flush=True)

worker = Worker(store=MemoryOffsetStore(), preload=["host_doubles_installed"], on_event=on_event)
print(json.dumps(["ForkServer", worker.fork_server_pid]), flush=True)
for number, do in enumerate(sys.argv[2:]):
    worker.start_task(doubles.task(do, number))
threading.Event().wait()
"""


@contextlib.contextmanager
def separate_worker(*doubles_started: str) -> Iterator[tuple[subprocess.Popen[str], list[Any]]]:
    """Start a worker in a process of its own; yield it and its fork server's pid."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(DOUBLES), *doubles_started],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
        process.kill()


def test_a_killed_worker_leaves_no_process_behind() -> None:
    with separate_worker("idle", "block", "child") as (process, (_, server)):
        assert process.stdout is not None
        for _ in range(3):
            assert json.loads(process.stdout.readline())[0] == "Running"
        tree = psutil.Process(server)
        left = [tree, *tree.children(recursive=True)]
        assert len(left) == 1 + 3 + 1  # the last one is a program that a task started
        process.kill()
        begun = time.monotonic()
        assert ended(left)
        print(f"all gone in {(time.monotonic() - begun) * 1e3:.0f} ms")


def test_a_worker_and_its_fork_server_killed_together_leave_no_host() -> None:
    with separate_worker("idle", "block") as (process, (_, server)):
        assert process.stdout is not None
        for _ in range(2):
            assert json.loads(process.stdout.readline())[0] == "Running"
        hosts = psutil.Process(server).children()
        assert len(hosts) == 2
        os.kill(server, signal.SIGKILL)
        process.kill()
        assert ended(hosts)


def test_what_a_task_prints_reaches_the_workers_stdout() -> None:
    with separate_worker("print") as (process, _):
        assert process.stdout is not None
        lines = {process.stdout.readline() for _ in range(2)}
        assert "to stdout\n" in lines
