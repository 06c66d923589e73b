"""Run the benchmark: ``python -m tests.bench [--lines N] [--rounds N] [--only NAME ...] [--json]``.

One broker, the JVM original and Penstock side by side, each scenario by turns, the JVM warmed by
uncounted rounds. Medians and ratios are printed; only ratios of one run mean anything.
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

from tests.bench import measure, scenarios
from tests.bench.peers import Peer, jvm_worker, penstock_worker
from tests.parts.broker import KafkaBroker

WARM_UP_ROUNDS = 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=[*scenarios.SCENARIOS, "start", "bare"])
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs")
    return parser.parse_args()


def say(text: str) -> None:
    print(text, flush=True, file=sys.stderr)


def worker_properties(bootstrap: str) -> dict[str, str]:
    return {
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
                f"  {scenario.name:12} {peer.name:9} {result.records_s / 1000:7.0f}k/s "
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


def main() -> int:
    options = arguments()
    only = options.only or [*scenarios.SCENARIOS, "start", "bare"]
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    results: dict[str, Any] = {"lines": options.lines, "rounds": options.rounds}
    text = folder / "lines.txt"
    say(f"writing {options.lines:,} lines of 116 bytes")
    scenarios.make_text(text, options.lines)
    with KafkaBroker(heap="1g", jvm_flags=()) as broker:
        bootstrap = broker.bootstrap_servers
        properties = worker_properties(bootstrap)
        run = scenarios.Run(bootstrap, folder, text, options.lines, "loaded")
        load_topic(bootstrap, run.loaded_topic, text, options.lines)
        if "start" in only:
            results["start"] = start_times(properties, bootstrap, folder, options.rounds)
        if "bare" in only:
            results["bare"] = bare_rates(run, options.rounds)
        names = [name for name in scenarios.SCENARIOS if name in only]
        if names:
            with (
                jvm_worker(properties, bootstrap) as jvm,
                penstock_worker(properties, folder) as ours,
            ):
                for name in names:
                    scenario = scenarios.SCENARIOS[name]
                    say(scenario.about)
                    results[name] = run_scenario(run, scenario, [jvm, ours], options.rounds)
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
    shares = {"source": "produce", "source-3smt": "produce", "sink": "consume"}
    for name in scenarios.SCENARIOS:
        if name not in results:
            continue
        found = results[name]
        ours, theirs = found["penstock"], found["jvm"]
        line = (
            f"{name:12} {ours['records_s'] / 1000:6.0f}k/s against {theirs['records_s'] / 1000:.0f}"
            f"k/s: {found['speed_ratio']:.2f}x; CPU {ours['cpu_us']:.2f} against "
            f"{theirs['cpu_us']:.2f} us: {found['cpu_ratio']:.2f}x; memory "
            f"{ours['loaded_mb']:.0f} against {theirs['loaded_mb']:.0f} MB"
        )
        rate = results.get("bare", {}).get(shares.get(name, ""), None)
        if rate:
            line += f"; {ours['records_s'] / rate['records_s']:.2f} of the bare client"
        print(line)
    for what, rate in results.get("bare", {}).items():
        print(f"bare {what}: {rate['records_s'] / 1000:.0f}k/s")


if __name__ == "__main__":
    sys.exit(main())
