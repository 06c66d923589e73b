"""A cluster beside the original's: ``python -m tests.bench.cluster [--connectors N] [--json]``.

Three workers of each kind, by turns on one broker: connectors are created through REST until all
their tasks run; the statuses are read by many clients at once; workers join and are killed.
Ratios below 1 say that Penstock needs less. Penstock runs twice: a process for each connector and
task, and threads in one (``task.isolation=thread``), which is what the original does.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import json
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
import httpx
import psutil

from tests.bench.measure import pss_mb
from tests.parts.broker import KafkaBroker
from tests.parts.jvm_connect import JvmConnectWorker
from tests.workers import STRING, ClusterMember, cluster_properties

SINK: Final = "org.apache.kafka.connect.file.FileStreamSinkConnector"
WORKERS: Final = 3
TASKS: Final = 2
CLIENTS: Final = 20
READS: Final = 200
TAKEOVERS: Final = 3
"""How often a worker is killed; the group's heartbeats make one time differ from the next."""
SESSION_MS: Final = 10_000
DELAY_MS: Final = 1_000
CREATORS: Final = 4


_LOCAL: Final = threading.local()


def client() -> httpx.Client:
    """Return this thread's client: making one costs more than many requests."""
    found: httpx.Client | None = getattr(_LOCAL, "client", None)
    if found is None:
        found = _LOCAL.client = httpx.Client(timeout=90, verify=False)  # noqa: S501 - http only
    return found


def say(text: str) -> None:
    print(text, flush=True, file=sys.stderr)


@attrs.define
class Worker:
    """One worker of either kind."""

    url: str
    pid: int
    close: Callable[[], object]

    @property
    def id(self) -> str:
        return self.url.split("//")[1]


Starter = Callable[[int], Worker]


def properties(group: str) -> dict[str, str]:
    return {
        **cluster_properties(group),
        "key.converter": STRING,
        "value.converter": STRING,
        "session.timeout.ms": str(SESSION_MS),
        "heartbeat.interval.ms": "3000",
        "scheduled.rebalance.max.delay.ms": str(DELAY_MS),
    }


def starter_of_jvm(broker: KafkaBroker, group: str, stack: contextlib.ExitStack) -> Starter:
    def start(number: int) -> Worker:
        worker = stack.enter_context(
            JvmConnectWorker(
                broker.bootstrap_servers,
                mode="distributed",
                properties=properties(group),
                group=group,
                log_level="WARN",
            )
        )
        return Worker(worker.rest_url, worker.pid, worker.close)

    return start


def starter_of_ours(
    broker: KafkaBroker, group: str, folder: Path, isolation: str, stack: contextlib.ExitStack
) -> Starter:
    def start(number: int) -> Worker:
        home = folder / f"{isolation}-{number}"
        home.mkdir()
        member = ClusterMember(broker.bootstrap_servers, home, group)
        member.properties |= {**properties(group), "task.isolation": isolation}
        member.start()
        assert member.process is not None
        stack.callback(_stop, member)
        return Worker(member.url, member.process.pid, member.kill)

    return start


def _stop(member: ClusterMember) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, AssertionError):
        member.stop(60)


@attrs.define
class Figures:
    """What was measured of one kind; seconds, MB, ms."""

    all_running_s: float = 0.0
    memory_mb: float = 0.0
    read_p50_ms: float = 0.0
    read_p99_ms: float = 0.0
    join_s: float = 0.0
    takeover_s: float = 0.0


def statuses(url: str) -> dict[str, Any]:
    answer = client().get(f"{url}/connectors?expand=status")
    return answer.json() if answer.status_code == 200 else {}


def placed(url: str, workers: set[str]) -> dict[str, int]:
    """Return the running tasks of each of these workers."""
    counts = dict.fromkeys(workers, 0)
    for one in statuses(url).values():
        for task in one["status"]["tasks"]:
            if task["state"] == "RUNNING" and task["worker_id"] in counts:
                counts[task["worker_id"]] += 1
    return counts


def until(condition: Callable[[], bool], what: str, timeout_s: float = 300.0) -> float:
    """Return the seconds until a condition holds."""
    began_s = time.monotonic()
    while not condition():
        if time.monotonic() - began_s > timeout_s:
            raise SystemExit(f"{what}: not within {timeout_s:g} s")
        time.sleep(0.1)
    return time.monotonic() - began_s


def create(
    workers: list[Worker], topic: str, folder: Path, count: int, state: str = "RUNNING"
) -> None:
    def one(number: int) -> None:
        config = {
            "connector.class": SINK,
            "tasks.max": str(TASKS),
            "topics": topic,
            "file": str(folder / f"out-{number}"),
        }
        url = workers[number % len(workers)].url
        for _ in range(100):
            body = {"name": f"c{number}", "config": config, "initial_state": state}
            answer = client().post(f"{url}/connectors", json=body)
            if answer.status_code in (200, 201):
                return
            if answer.status_code == 409 and "already exists" in answer.text:
                return  # an answer was late, not the creation
            if answer.status_code != 409:  # 409: the group shares anew just now
                raise SystemExit(f"{answer.status_code} {answer.text}")
            time.sleep(0.1)

    with concurrent.futures.ThreadPoolExecutor(CREATORS) as pool:
        list(pool.map(one, range(count)))


def read_latency(url: str) -> tuple[float, float]:
    """Return p50 and p99 in ms of reading all statuses and configurations, by many at once."""
    path = f"{url}/connectors?expand=status&expand=info"

    def one(_: int) -> list[float]:
        times = []
        for _ in range(READS // CLIENTS):
            began_s = time.monotonic()
            client().get(path).raise_for_status()
            times.append((time.monotonic() - began_s) * 1000)
        return times

    whole = httpx.get(path, timeout=120)
    say(f"  {len(whole.json())} connectors, {len(whole.content):,} bytes an answer")
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        times = sorted(t for found in pool.map(one, range(CLIENTS)) for t in found)
    return statistics.median(times), times[int(len(times) * 0.99) - 1]


def measure(name: str, start: Starter, topic: str, folder: Path, connectors: int) -> Figures:
    found = Figures()
    workers = [start(number) for number in range(WORKERS)]
    ids = {one.id for one in workers}
    want = connectors * TASKS
    began_s = time.monotonic()
    create(workers, topic, folder, connectors)
    until(lambda: sum(placed(workers[0].url, ids).values()) == want, "all tasks run")
    found.all_running_s = time.monotonic() - began_s
    found.memory_mb = sum(pss_mb(one.pid) for one in workers)
    say(f"  {name}: all run after {found.all_running_s:.1f} s, {found.memory_mb:.0f} MB")
    found.read_p50_ms, found.read_p99_ms = read_latency(workers[0].url)
    say(f"  {name}: read p50 {found.read_p50_ms:.0f} ms, p99 {found.read_p99_ms:.0f} ms")
    joins, takeovers = [], []
    for number in range(TAKEOVERS):
        joins.append(join(workers, start(WORKERS + number), want))
        say(f"  {name}: a worker joined within {joins[-1]:.1f} s")
        takeovers.append(kill_one(workers, want))
        say(f"  {name}: taken over within {takeovers[-1]:.1f} s")
    found.join_s, found.takeover_s = statistics.median(joins), statistics.median(takeovers)
    return found


def join(workers: list[Worker], joining: Worker, want: int) -> float:
    """Return the seconds until a worker that answers has its share, and all tasks run."""
    workers.append(joining)
    ids = {one.id for one in workers}
    share = want // len(ids)

    def shared() -> bool:
        found = placed(workers[0].url, ids)
        return found[joining.id] >= share - 1 and sum(found.values()) == want

    return until(shared, "the new worker has its share")


def kill_one(workers: list[Worker], want: int) -> float:
    """Return the seconds until all tasks run again on the workers that are left."""
    victim = workers.pop(1)
    psutil.Process(victim.pid).kill()
    ids = {one.id for one in workers}
    return until(lambda: sum(placed(workers[0].url, ids).values()) == want, "all tasks run again")


def measure_reads(name: str, start: Starter, topic: str, folder: Path, connectors: int) -> Figures:
    """Read many connectors of one task that are stopped: their number is what counts."""
    found = Figures()
    worker = start(0)
    create([worker], topic, folder, connectors, "STOPPED")
    read_latency(worker.url)  # the JVM gets warm
    found.read_p50_ms, found.read_p99_ms = read_latency(worker.url)
    say(f"  {name}: read p50 {found.read_p50_ms:.0f} ms, p99 {found.read_p99_ms:.0f} ms")
    return found


def kinds(broker: KafkaBroker, folder: Path) -> dict[str, Callable[..., Starter]]:
    def ours(isolation: str) -> Callable[..., Starter]:
        return lambda group, stack: starter_of_ours(broker, group, folder, isolation, stack)

    return {
        "jvm": lambda group, stack: starter_of_jvm(broker, group, stack),
        "penstock": ours("process"),
        "threads": ours("thread"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.cluster", description=__doc__)
    parser.add_argument("--connectors", type=int, default=100)
    parser.add_argument("--only", nargs="*", default=[], help="jvm, penstock, threads")
    parser.add_argument("--reads", action="store_true", help="only reading, of many connectors")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results: dict[str, Figures] = {}
    with KafkaBroker() as broker, tempfile.TemporaryDirectory() as home:
        broker.open_groups()
        for name, make in kinds(broker, Path(home)).items():
            if options.only and name not in options.only:
                continue
            group = f"bench-{uuid.uuid4().hex[:8]}"
            out = Path(home) / group
            out.mkdir()
            with contextlib.ExitStack() as stack:
                start = make(group, stack)
                say(name)
                run = measure_reads if options.reads else measure
                results[name] = run(name, start, f"in-{group}", out, options.connectors)
    if options.json:
        print(json.dumps({name: attrs.asdict(one) for name, one in results.items()}))
        return
    show(results)


def show(results: dict[str, Figures]) -> None:
    theirs = results.get("jvm")
    for name, found in results.items():
        print(name)
        for field, value in attrs.asdict(found).items():
            base = getattr(theirs, field) if theirs is not None and found is not theirs else 0
            ratio = f"  {value / base:.2f}x" if base else ""
            print(f"  {field:16s}{value:10.1f}{ratio}")


if __name__ == "__main__":
    main()
