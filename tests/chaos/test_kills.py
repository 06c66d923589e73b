"""Lines through a topic into a file while hosts, the worker and the broker are killed.

The victim dies at a place of the stream that a seed draws, not at a time. Afterwards every line is
in the topic and in the file at least once, whole, and in order where it stands first; what is
stored of the source's and the sink's positions only ever grew. ``PENSTOCK_CHAOS=full`` sends more
lines and kills more often.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tests.parts.broker import KafkaBroker
from tests.workers import PenstockWorker, eventually

from penstock.runtime.offsets.file_store import FileOffsetStore

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

FULL = os.environ.get("PENSTOCK_CHAOS") == "full"
LINES = 2_000_000 if FULL else 200_000
KILLS = 4 if FULL else 2
SEEDS = range(int(os.environ.get("PENSTOCK_CHAOS_SEEDS", "5" if FULL else "1")))
TIMEOUT_S = 300.0 if FULL else 60.0
BATCH = "500"
"""Small polls, so that a kill between the first and the last record is easy to place."""


@pytest.fixture(scope="module")
def broker(kafka_broker: KafkaBroker) -> Iterator[KafkaBroker]:
    """Give a broker of its own, to be killed; the shared one only tells whether parts are here.

    A killed member holds its partitions until its session ends, so sessions may be short.
    """
    assert kafka_broker.running
    with KafkaBroker(properties={"group.min.session.timeout.ms": "1000"}) as own:
        own.open_groups()
        yield own


def line(number: int) -> str:
    return f"{number:07d} é {'x' * (number % 37)}"


@attrs.define
class Stream:
    """A source, a topic and a sink on one worker, and what was seen of them."""

    broker: KafkaBroker
    folder: Path
    topic: str
    text: Path = attrs.field(init=False)
    out: Path = attrs.field(init=False)
    worker: PenstockWorker = attrs.field(init=False)
    files: list[Path] = attrs.field(init=False)
    look: Consumer = attrs.field(init=False)
    positions: list[int] = attrs.field(factory=lambda: [0])
    groups: list[int] = attrs.field(factory=lambda: [0])
    restarts: int = 0

    def __attrs_post_init__(self) -> None:
        self.text, self.out = self.folder / "in.txt", self.folder / "out.txt"
        self.text.write_text("".join(f"{line(n)}\n" for n in range(LINES)))
        self.files = [
            self._connector("src", file=str(self.text), topic=self.topic),
            self._connector("snk", file=str(self.out), topics=self.topic),
        ]
        self.worker = PenstockWorker(
            self.broker.bootstrap_servers,
            self.folder,
            offset_flush_interval_ms="100",
            consumer_session_timeout_ms="2000",
            consumer_heartbeat_interval_ms="500",
            consumer_max_poll_records=BATCH,
        )
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap_servers, "log_level": 0})
        for made in admin.create_topics([NewTopic(self.topic, 1)]).values():
            made.result(30)
        self.look = Consumer(
            {
                "bootstrap.servers": self.broker.bootstrap_servers,
                "group.id": "connect-snk-" + self.topic,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "log_level": 0,
            }
        )

    def _connector(self, kind: str, **keys: str) -> Path:
        config = {
            "name": f"{kind}-{self.topic}",
            "connector.class": "FileStreamSource" if kind == "src" else "FileStreamSink",
            **keys,
        }
        if kind == "src":
            config["batch.size"] = BATCH
        path = self.folder / f"{kind}.json"
        path.write_text(json.dumps(config))
        return path

    @property
    def names(self) -> list[str]:
        return [f"src-{self.topic}", f"snk-{self.topic}"]

    def start(self) -> None:
        self.worker.start(*self.files)

    def produced(self) -> int:
        """Return how many records the topic has."""
        place = TopicPartition(self.topic, 0)
        try:
            return int(self.look.get_watermark_offsets(place, timeout=5, cached=False)[1])
        except KafkaException:  # the broker is away
            return 0

    def written(self) -> int:
        """Return about how many lines the sink's file has."""
        size = self.out.stat().st_size if self.out.exists() else 0
        return size * LINES // self.text.stat().st_size

    def sample(self) -> None:
        """Note what is stored of the source's and the sink's positions."""
        offsets = self.folder / "offsets"
        store = FileOffsetStore(offsets)
        for value in store.get(list(store.stored_keys())):
            if value is not None:
                self.positions.append(json.loads(value)["position"])
        try:
            (place,) = self.look.committed([TopicPartition(self.topic, 0)], timeout=10)
        except KafkaException:
            return
        self.groups.append(max(0, place.offset))

    def restart_failed(self) -> None:
        """Do what an operator does: restart the tasks that have failed."""
        for name in self.names:
            if self.worker.task_state(name) == "FAILED":
                self.restarts += 1
                answer = self.worker.request(
                    "POST", f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true"
                )
                assert answer.status_code == 202, answer.text

    def went_through(self) -> bool:
        """Whether the last line has arrived; else keeps things going."""
        self.restart_failed()
        self.sample()
        if not self.out.exists() or self.out.stat().st_size < self.text.stat().st_size:
            return False
        with self.out.open("rb") as file:
            file.seek(-200, os.SEEK_END)
            return file.read().endswith(f"{line(LINES - 1)}\n".encode())

    def read_topic(self) -> list[str]:
        """Return all values of the topic."""
        last = self.produced()
        self.look.assign([TopicPartition(self.topic, 0, 0)])
        values: list[str] = []
        deadline_s = time.monotonic() + TIMEOUT_S
        while len(values) < last and time.monotonic() < deadline_s:
            for message in self.look.consume(20_000, timeout=1.0):
                assert message.error() is None, message.error()
                values.append(message.value().decode())
        self.look.unassign()
        return values


def check_lines(where: str, seen: list[str]) -> int:
    """Hold the lines of a place against what was sent, and return how many came twice."""
    wanted = [line(n) for n in range(LINES)]
    first = list(dict.fromkeys(seen))
    if first != wanted:
        missing = set(wanted) - set(first)
        foreign = [one for one in first if one not in set(wanted)][:3]
        raise AssertionError(
            f"{where}: {len(missing)} lines are missing, such as {sorted(missing)[:3]}; "
            f"not ours: {foreign}; in order: {[n for n in first if n not in missing] == wanted}"
        )
    return len(seen) - len(first)


def kill_source(stream: Stream) -> None:
    stream.worker.host_of(f"src-{stream.topic}-0"[:15]).kill()
    failed(stream, stream.names[0])


def kill_sink(stream: Stream) -> None:
    stream.worker.host_of(f"snk-{stream.topic}-0"[:15]).kill()
    failed(stream, stream.names[1])


def failed(stream: Stream, name: str) -> None:
    eventually(lambda: stream.worker.task_state(name) == "FAILED", 20, f"{name} is FAILED")
    assert "SIGKILL" in stream.worker.status(name)["tasks"][0]["trace"]


def kill_worker(stream: Stream) -> None:
    stream.worker.kill()
    stream.sample()
    stream.start()


def kill_broker(stream: Stream) -> None:
    stream.broker.kill()
    stream.broker.start()


VICTIMS: dict[str, tuple[Callable[[Stream], None], bool]] = {
    "source": (kill_source, True),
    "sink": (kill_sink, False),
    "worker": (kill_worker, False),
    "broker": (kill_broker, False),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("victim", VICTIMS)
def test_no_line_is_lost_torn_or_out_of_order(
    broker: KafkaBroker, tmp_path: Path, victim: str, seed: int
) -> None:
    kill, by_topic = VICTIMS[victim]
    chance = random.Random(f"{victim}-{seed}")  # noqa: S311 - a reproducible place
    moments = [int(LINES * (0.05 + 0.65 * (n + chance.random()) / KILLS)) for n in range(KILLS)]
    print(f"victim {victim}, seed {seed}: kills after {moments} of {LINES} records")
    stream = Stream(broker, tmp_path, f"k-{victim}-{seed}")
    progress = stream.produced if by_topic else stream.written
    stream.start()
    try:
        for moment in moments:
            eventually(lambda m=moment: progress() >= m, TIMEOUT_S, f"{moment} records")  # type: ignore[misc]
            at = progress()
            kill(stream)
            print(f"  killed at {at}; then {stream.produced()} in the topic")
            assert at < LINES, "the kill came after the last record: it proves nothing"
            stream.sample()
            stream.restart_failed()
        eventually(stream.went_through, TIMEOUT_S, "the last line arrives")
        assert stream.worker.stop() == 0
        stream.sample()
        twice_topic = check_lines("topic", stream.read_topic())
        twice_file = check_lines("file", stream.out.read_text().splitlines())
        print(
            f"  repeated: {twice_topic} records, {twice_file} lines; restarts by hand: "
            f"{stream.restarts}; positions seen: {len(set(stream.positions))}"
        )
        assert stream.positions == sorted(stream.positions)
        assert stream.groups == sorted(stream.groups)
        assert stream.positions[-1] == stream.text.stat().st_size
        assert stream.groups[-1] == stream.produced()
    finally:
        stream.look.close()
        if stream.worker.process is not None and stream.worker.process.poll() is None:
            stream.worker.kill()
