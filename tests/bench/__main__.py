"""Run the benchmark: ``python -m tests.bench [--lines N] [--rounds N] [--only NAME ...]``.

One broker, the JVM original and Penstock side by side, each scenario by turns, the JVM warmed by
uncounted rounds; ``--distributed`` has each be a cluster of one. Medians and ratios are printed;
only ratios of one run mean anything. A name before a colon stands for all that begin so:
``--only chain``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from tests.bench import bad_records, chains, exactly_once, measure, scenarios, schemas
from tests.bench.peers import Peer, RefusedError, jvm_worker, penstock_worker
from tests.parts.broker import KafkaBroker
from tests.workers import cluster_properties

WARM_UP_ROUNDS = 1
SCENARIOS = {**scenarios.SCENARIOS, **chains.SCENARIOS, **bad_records.SCENARIOS}
OTHERS = ("start", "bare", "schemas", exactly_once.NAME)
ASKED_FOR = "smt:"
"""What begins so runs only when it is named: it is many, and takes long."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", metavar="NAME", help="see docs/benchmarks.md")
    parser.add_argument("--distributed", action="store_true", help="workers of one-worker clusters")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs")
    options = parser.parse_args()
    options.names = chosen(options.only)
    return options


def chosen(only: list[str] | None) -> list[str]:
    """Return the names to run, in the order they are known."""
    known = [*OTHERS, *SCENARIOS]
    if not only:
        return [name for name in known if not name.startswith(ASKED_FOR)]
    names = [name for name in known if name in only or name.partition(":")[0] in only]
    for one in only:
        if not any(one in {name, name.partition(":")[0]} for name in names):
            raise SystemExit(f"no scenario is named {one}; there are {', '.join(known)}")
    return names


def say(text: str) -> None:
    print(text, flush=True, file=sys.stderr)


def worker_properties(bootstrap: str, group: str | None = None) -> dict[str, str]:
    """Return a worker's properties; with a group it is a cluster's only one."""
    return {
        **({} if group is None else cluster_properties(group)),
        "bootstrap.servers": bootstrap,
        "key.converter": scenarios.STRING,
        "value.converter": scenarios.STRING,
        "offset.flush.interval.ms": "10000",
        "header.converter": scenarios.STRING,
    }


def load_topic(bootstrap: str, topic: str, text: Path, lines: int) -> None:
    """Put the lines of the text into a topic, each once, as the sink's input."""
    scenarios.new_topic(bootstrap, topic)
    client = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20})
    with text.open("rb") as file:
        for n, line in enumerate(file, 1):
            while True:
                try:
                    client.produce(topic, line[:-1])
                    break
                except BufferError:
                    client.poll(0.05)
            if n >= lines:
                break
    client.flush()


def bare(what: str, bootstrap: str, topic: str, lines: int, text: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.bare", what, bootstrap, topic, str(lines)]
    done = subprocess.run([*command, str(text)], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def kcat_rate(bootstrap: str, topic: str, lines: int) -> float | None:
    if shutil.which("kcat") is None:
        return None
    began = time.monotonic()
    subprocess.run(
        ["kcat", "-C", "-b", bootstrap, "-t", topic, "-o", "beginning", "-e", "-q"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return lines / (time.monotonic() - began)


def run_scenario(
    run: scenarios.Run, scenario: scenarios.Scenario, peers: list[Peer], rounds: int
) -> dict[str, Any]:
    found: dict[str, list[scenarios.Result]] = {peer.name: [] for peer in peers}
    for number in range(WARM_UP_ROUNDS + rounds):
        for peer in peers:
            result = scenario.run(run, peer)
            counted = number >= WARM_UP_ROUNDS
            say(
                f"  {scenario.name:26} {peer.name:9} {result.records_s / 1000:7.0f}k/s "
                f"{result.cpu_us:5.2f} us/record {result.loaded_mb:4.0f} MB"
                f"{'' if counted else '  (warm-up)'}"
            )
            if counted:
                found[peer.name].append(result)
    summary: dict[str, Any] = {}
    for name, results in found.items():
        summary[name] = {
            "records_s": measure.median([r.records_s for r in results]),
            "cpu_us": measure.median([r.cpu_us for r in results]),
            "loaded_mb": measure.median([r.loaded_mb for r in results]),
        }
    ours, theirs = summary["penstock"], summary["jvm"]
    summary["speed_ratio"] = ours["records_s"] / theirs["records_s"]
    summary["cpu_ratio"] = ours["cpu_us"] / theirs["cpu_us"]
    return summary


def bare_rates(run: scenarios.Run, rounds: int) -> dict[str, Any]:
    rates: dict[str, Any] = {}
    for what in ("produce", "consume"):
        results = []
        for number in range(rounds):
            topic = run.loaded_topic
            if what == "produce":
                topic = f"bare-{number}"
                scenarios.new_topic(run.bootstrap, topic)
            results.append(bare(what, run.bootstrap, topic, run.lines, run.text))
        rates[what] = {
            "records_s": measure.median([r["records_s"] for r in results]),
            "cpu_us": measure.median([r["cpu_us"] for r in results]),
        }
        say(f"  bare {what:8} {rates[what]['records_s'] / 1000:7.0f}k/s")
    kcat = kcat_rate(run.bootstrap, run.loaded_topic, run.lines)
    if kcat is not None:
        rates["kcat_consume"] = {"records_s": kcat}
    return rates


def start_times(
    properties: dict[str, str], bootstrap: str, folder: Path, rounds: int
) -> dict[str, Any]:
    """Start to ``GET /`` and idle memory of each, alone, by turns."""
    found: dict[str, list[Peer]] = {"penstock": [], "jvm": []}
    idle: dict[str, list[float]] = {"penstock": [], "jvm": []}
    for number in range(rounds):
        with penstock_worker(properties, folder, f"start-{number}") as peer:
            found["penstock"].append(peer)
            idle["penstock"].append(measure.pss_mb(peer.pid))
        with jvm_worker(properties, bootstrap) as peer:
            found["jvm"].append(peer)
            idle["jvm"].append(measure.pss_mb(peer.pid))
    return {
        name: {
            "started_s": measure.median([peer.started_s for peer in peers]),
            "idle_mb": measure.median(idle[name]),
        }
        for name, peers in found.items()
    }


def memory_of_schemas(run: scenarios.Run, peers: list[Peer]) -> dict[str, Any]:
    """Return what each needs while 1,000 schemas pass, one after the other."""
    found: dict[str, Any] = {}
    for peer in peers:
        found[peer.name] = schemas.memory_over_time(run, peer)
        say(f"  schemas {peer.name}: {found[peer.name]}")
    return found


def workers_side_by_side(
    run: scenarios.Run, names: list[str], rounds: int, *, distributed: bool
) -> dict[str, Any]:
    """Run what needs both workers."""
    results: dict[str, Any] = {}
    groups = ("jvm-cluster", "our-cluster") if distributed else (None, None)
    theirs, own = (worker_properties(run.bootstrap, group) for group in groups)
    with (
        jvm_worker(theirs, run.bootstrap) as jvm,
        penstock_worker(own, run.folder) as ours,
    ):
        if "schemas" in names:
            results["schemas"] = memory_of_schemas(run, [jvm, ours])
        for name in names:
            if name not in SCENARIOS:
                continue
            say(SCENARIOS[name].about)
            try:
                results[name] = run_scenario(run, SCENARIOS[name], [jvm, ours], rounds)
            except RefusedError as problem:
                # What is not built yet, or not installed, must not hide the rest.
                say(f"  {name} is left out: {str(problem)[:500]}")
    return results


def main() -> int:
    options = arguments()
    names = options.names
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    results: dict[str, Any] = {"lines": options.lines, "rounds": options.rounds}
    text = folder / "lines.txt"
    say(f"writing {options.lines:,} lines of 116 bytes")
    scenarios.make_text(text, options.lines)
    with KafkaBroker(heap="1g", jvm_flags=()) as broker:
        bootstrap = broker.bootstrap_servers
        broker.open_groups()
        properties = worker_properties(bootstrap)
        run = scenarios.Run(bootstrap, folder, text, options.lines, "loaded")
        if {"sink", "bare"} & set(names):
            load_topic(bootstrap, run.loaded_topic, text, options.lines)
        if "start" in names:
            results["start"] = start_times(properties, bootstrap, folder, options.rounds)
        if "bare" in names:
            results["bare"] = bare_rates(run, options.rounds)
        if exactly_once.NAME in names:
            results[exactly_once.NAME] = exactly_once.compare(run, properties, options.rounds, say)
        if set(names) - {"start", "bare", exactly_once.NAME}:
            results |= workers_side_by_side(
                run, names, options.rounds, distributed=options.distributed
            )
    report(results)
    if options.json:
        print(json.dumps(results))
    if not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def report(results: dict[str, Any]) -> None:
    print(f"{results['lines']:,} records, medians of {results['rounds']}, {os.cpu_count()} CPUs")
    if "start" in results:
        for name, found in results["start"].items():
            print(f"start {name:9} {found['started_s']:.2f} s, idle {found['idle_mb']:.0f} MB PSS")
    if exactly_once.NAME in results:
        print(*exactly_once.lines(results[exactly_once.NAME]), sep="\n")
    shares = {"source": "produce", "source-3smt": "produce", "sink": "consume"}
    for name in SCENARIOS:
        if name not in results:
            continue
        found = results[name]
        ours, theirs = found["penstock"], found["jvm"]
        line = (
            f"{name:26} {ours['records_s'] / 1000:6.0f}k/s against {theirs['records_s'] / 1000:.0f}"
            f"k/s: {found['speed_ratio']:.2f}x; CPU {ours['cpu_us']:.2f} against "
            f"{theirs['cpu_us']:.2f} us: {found['cpu_ratio']:.2f}x; memory "
            f"{ours['loaded_mb']:.0f} against {theirs['loaded_mb']:.0f} MB"
        )
        rate = results.get("bare", {}).get(shares.get(name, ""), None)
        if rate:
            line += f"; {ours['records_s'] / rate['records_s']:.2f} of the bare client"
        print(line)
    for name, found in bad_records.shares(results).items():
        by_peer = ", ".join(f"{peer} {share:.2f}" for peer, share in found.items())
        print(f"{name:26} as a share of bad:clean: {by_peer}")
    for peer, found in results.get("schemas", {}).items():
        quarters = " ".join(f"{one:.0f}" for one in found["quarters_mb"])
        print(
            f"schemas {peer:18} {found['records_s'] / 1000:.0f}k/s; MB of the task's process by "
            f"quarters of the time: {quarters}; second to last {found['growth_mb']:+.1f}"
        )
    for what, rate in results.get("bare", {}).items():
        print(f"bare {what}: {rate['records_s'] / 1000:.0f}k/s")


if __name__ == "__main__":
    sys.exit(main())
