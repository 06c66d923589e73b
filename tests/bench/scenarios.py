"""What both workers are asked to do: the same connector JSON, through REST."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.bench import measure
from tests.bench.peers import Peer

__all__ = [
    "JSON",
    "SCENARIOS",
    "SINK",
    "SMT",
    "SOURCE",
    "STRING",
    "Result",
    "Run",
    "Scenario",
    "counter",
    "fill",
    "following",
    "make_text",
    "measured",
    "new_topic",
    "source",
]

STRING = "org.apache.kafka.connect.storage.StringConverter"
JSON = "org.apache.kafka.connect.json.JsonConverter"
SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
_NOT_YET = (KafkaError._UNKNOWN_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
"""Of a topic that was made a moment ago."""
SMT = "org.apache.kafka.connect.transforms."
TIMEOUT_S = 600.0

_numbers = itertools.count(1)


@attrs.define
class Result:
    """One run of one scenario by one worker."""

    records_s: float
    cpu_us: float
    loaded_mb: float


@attrs.define
class Run:
    """What a scenario needs: the broker, the input, where to write."""

    bootstrap: str
    folder: Path
    text: Path
    lines: int
    loaded_topic: str = ""
    worst_prefix: str = ""
    topics: dict[str, str] = attrs.field(factory=dict)
    """Topics that scenarios filled, by what is in them."""


@attrs.frozen
class Scenario:
    """A name, what to configure, and how to see how far it is."""

    name: str
    about: str
    run: Callable[[Run, Peer], Result]


def make_text(path: Path, lines: int) -> None:
    """Write lines of 116 bytes, the newline included, each its own."""
    filler = "the quick brown fox jumps over the lazy dog and runs along the penstock to the mill "
    with path.open("w") as file:
        for first in range(0, lines, 10_000):
            block = (
                f"{n:010d} {filler}".ljust(115, "x")[:115]
                for n in range(first, min(first + 10_000, lines))
            )
            file.write("\n".join(block) + "\n")


def new_topic(bootstrap: str, name: str, partitions: int = 1) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, partitions, 1)]).values():
        future.result(30)


def end_offset(client: Consumer, topic: str, partition: int = 0) -> int:
    try:
        return int(client.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1])
    except KafkaException as problem:
        if problem.args[0].code() in _NOT_YET:
            return 0
        raise


def following(prefix: str) -> str:
    """Return a name that no run has had yet."""
    return f"{prefix}-{next(_numbers)}"


def fill(run: Run, topic: str, values: Iterable[bytes], headers: Any = None) -> None:
    """Put values into a new topic."""
    new_topic(run.bootstrap, topic)
    client = Producer({"bootstrap.servers": run.bootstrap, "linger.ms": 20})
    for value in values:
        while True:
            try:
                client.produce(topic, value, headers=headers)
                break
            except BufferError:
                client.poll(0.05)
    client.flush()


def counter(out: Path) -> Callable[[], int]:
    """Return what tells how many lines a file has, all of them as long as its first."""
    length = 0

    def count() -> int:
        nonlocal length
        if not length and out.exists():
            with out.open("rb") as file:
                first = file.readline()
            length = len(first) if first.endswith(b"\n") else 0
        return out.stat().st_size // length if length else 0

    return count


def measured(
    peer: Peer, name: str, config: Mapping[str, str], total: int, count: Callable[[], int]
) -> Result:
    """Create a connector, see it move ``total`` records, delete it; ``count`` tells how far."""
    cpu = measure.cpu_s(peer.pid)
    peer.create(name, config)
    try:
        records_s, _ = measure.Rate(count, total).measure(TIMEOUT_S, f"{peer.name} {name}")
        used = measure.cpu_s(peer.pid) - cpu
        loaded = measure.pss_mb(peer.pid)
        peer.check(name)
    finally:
        peer.delete(name)
    return Result(records_s, used / total * 1e6, loaded)


def source(extra: Mapping[str, str], topic_prefix: str = "") -> Callable[[Run, Peer], Result]:
    """Return a run of the file source; a transform takes ``topic_prefix`` off its topic."""

    def run(run: Run, peer: Peer) -> Result:
        name = following("source")
        new_topic(run.bootstrap, name)
        client = Consumer({"bootstrap.servers": run.bootstrap, "group.id": "watch"})
        config = {
            "connector.class": SOURCE,
            "tasks.max": "1",
            "file": str(run.text),
            "topic": f"{topic_prefix}{name}",
            **extra,
        }
        result = measured(peer, name, config, run.lines, lambda: end_offset(client, name))
        client.close()
        return result

    return run


def _sink(extra: Mapping[str, str], line_bytes: int = 116) -> Callable[[Run, Peer], Result]:
    def run(run: Run, peer: Peer) -> Result:
        name = following("sink")
        out = run.folder / f"{name}.txt"
        config = {
            "connector.class": SINK,
            "tasks.max": "1",
            "file": str(out),
            "topics": run.loaded_topic,
            **extra,
        }

        def count() -> int:
            return out.stat().st_size // line_bytes if out.exists() else 0

        result = measured(peer, name, config, run.lines, count)
        out.unlink()
        return result

    return run


WORST_TOPICS = 100
WORST_SCHEMAS = 20
WORST_LINE = b"Struct{f00=0000000000}\n"


def load_worst(run: Run) -> None:
    """Fill 100 topics whose records change between 20 schemas from one to the next."""
    run.worst_prefix = "worst-"
    client = Producer({"bootstrap.servers": run.bootstrap, "linger.ms": 20})
    for number in range(WORST_TOPICS):
        new_topic(run.bootstrap, f"{run.worst_prefix}{number}")
    for n in range(run.lines):
        field = f"f{n // WORST_TOPICS % WORST_SCHEMAS:02d}"
        schema = {"type": "struct", "optional": False}
        schema["fields"] = [{"type": "string", "optional": False, "field": field}]
        value = {"schema": schema, "payload": {field: f"{n:010d}"}}
        while True:
            try:
                client.produce(f"{run.worst_prefix}{n % WORST_TOPICS}", json.dumps(value))
                break
            except BufferError:
                client.poll(0.05)
    client.flush()


def _sink_worst(run: Run, peer: Peer) -> Result:
    if not run.worst_prefix:
        load_worst(run)
    name = following("worst-sink")
    out = run.folder / f"{name}.txt"
    config = {
        "connector.class": SINK,
        "tasks.max": "1",
        "file": str(out),
        "topics": ",".join(f"{run.worst_prefix}{n}" for n in range(WORST_TOPICS)),
        "key.converter": STRING,
        "value.converter": JSON,
        "value.converter.schemas.enable": "true",
    }

    def count() -> int:
        return out.stat().st_size // len(WORST_LINE) if out.exists() else 0

    result = measured(peer, name, config, run.lines, count)
    out.unlink()
    return result


STRINGS = {"key.converter": STRING, "value.converter": STRING}
THREE_SMTS = {
    "key.converter": STRING,
    "value.converter": JSON,
    "value.converter.schemas.enable": "true",
    "transforms": "hoist,insert,replace",
    "transforms.hoist.type": f"{SMT}HoistField$Value",
    "transforms.hoist.field": "line",
    "transforms.insert.type": f"{SMT}InsertField$Value",
    "transforms.insert.static.field": "source",
    "transforms.insert.static.value": "file",
    "transforms.replace.type": f"{SMT}ReplaceField$Value",
    "transforms.replace.renames": "line:text",
}

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("source", "file source, String converter", source(STRINGS)),
        Scenario(
            "source-3smt",
            "file source, HoistField + InsertField + ReplaceField, JSON with schemas",
            source(THREE_SMTS),
        ),
        Scenario("sink", "file sink, String converter", _sink(STRINGS)),
        Scenario("sink-worst", "file sink, 100 topics, 20 JSON schemas interleaved", _sink_worst),
    )
}
