"""One record in a hundred is broken: what skipping them costs, and what a dead letter queue adds.

Each hundredth record is no whole JSON, or lacks a required field in its payload, in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from confluent_kafka import Consumer

from tests.bench import scenarios
from tests.bench.chains import JSONS, orders
from tests.bench.peers import Peer
from tests.bench.scenarios import SINK, Result, Run, Scenario, counter, fill, following, measured

__all__ = ["SCENARIOS", "shares"]

EVERY: Final = 100
TOLERANT: Final = {"errors.tolerance": "all"}
DLQ: Final = "errors.deadletterqueue."


def _values(lines: int, every: int) -> Iterator[bytes]:
    for n, value in enumerate(orders(lines)):
        if every and n % every == every - 1:
            half = n // every % 2
            yield value[:-9] if half else value.replace(b'"count":', b'"counted":')
        else:
            yield value


def _sink(every: int, *, dlq: bool = False) -> Callable[[Run, Peer], Result]:
    def run(run: Run, peer: Peer) -> Result:
        content = f"bad-{every}"
        if content not in run.topics:
            run.topics[content] = f"loaded-{content}"
            fill(run, run.topics[content], _values(run.lines, every))
        name = following("sink-bad")
        out = run.folder / f"{name}.txt"
        config = {
            "connector.class": SINK,
            "tasks.max": "1",
            "file": str(out),
            "topics": run.topics[content],
            **JSONS,
            **TOLERANT,
        }
        bad = run.lines // every if every else 0
        if dlq:
            scenarios.new_topic(run.bootstrap, f"dlq-{name}")
            config |= {
                f"{DLQ}topic.name": f"dlq-{name}",
                f"{DLQ}topic.replication.factor": "1",
                f"{DLQ}context.headers.enable": "true",
            }
        result = measured(peer, name, config, run.lines - bad, counter(out))
        out.unlink()
        if dlq:
            _say_missing(run, peer, f"dlq-{name}", bad)
        return result

    return run


def _say_missing(run: Run, peer: Peer, topic: str, bad: int) -> None:
    """Say it when a worker did not write all broken records to its dead letter queue."""
    client = Consumer({"bootstrap.servers": run.bootstrap, "group.id": "watch"})
    found = scenarios.end_offset(client, topic)
    client.close()
    if found != bad:
        print(f"  {peer.name}: {found} of {bad} broken records are in the dead letter queue")


def shares(results: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the rate of each variant as a share of the clean one's, by worker."""
    clean = results.get("bad:clean")
    found: dict[str, dict[str, float]] = {}
    for name in ("bad:1%", "bad:dlq"):
        if clean is not None and name in results:
            found[name] = {
                peer: results[name][peer]["records_s"] / clean[peer]["records_s"]
                for peer in ("penstock", "jvm")
            }
    return found


SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        Scenario("bad:clean", "JSON with schemas, file sink, errors tolerated, none", _sink(0)),
        Scenario("bad:1%", "the same, every 100th record broken", _sink(EVERY)),
        Scenario("bad:dlq", "the same, to a dead letter queue", _sink(EVERY, dlq=True)),
    )
}
