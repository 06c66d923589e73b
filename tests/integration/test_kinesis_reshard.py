"""Records flow while shards split and merge, tasks are killed and workers go: none is lost."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
from botocore.exceptions import ClientError
from confluent_kafka import Consumer
from tests.parts.broker import KafkaBroker
from tests.parts.kinesis import client, kinesis_local, make_stream, until_active
from tests.parts.maven import PartsUnavailableError
from tests.unit.kinesis.kinesis_doubles import KEYS, Store, connector, poll_until, task
from tests.workers import PenstockWorker, cluster, eventually, worker

from penstock_kinesis._keys import SHARDS_KEY

pytestmark = pytest.mark.integration
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
KEYS_COUNT = 20


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(kinesis_local(tmp_path_factory.mktemp("kinesis")))
        except PartsUnavailableError as error:
            if os.environ.get("PENSTOCK_TEST_REQUIRE_PARTS"):
                raise
            pytest.skip(f"no real parts: {error}")
        yield url


class Flow:
    """Puts numbered records, key by key, and reshards the stream at the same time."""

    def __init__(self, url: str, *, reshard_s: float = 1.5, seed: int = 7) -> None:
        self.kinesis = client(url)
        self.name = f"flow-{uuid.uuid4().hex[:8]}"
        make_stream(self.kinesis, self.name, 2)
        self._reshard_s = reshard_s
        self.put: list[str] = []
        self.reshards = self.retried = 0
        self.random = random.Random(seed)  # noqa: S311 - the same reshards each time
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._puts, daemon=True),
            threading.Thread(target=self._reshards, daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def _puts(self) -> None:
        for number in itertools.count():
            key, data = f"k{number % KEYS_COUNT}", f"k{number % KEYS_COUNT} {number:06}"
            while not self._stop.is_set():
                try:
                    self.kinesis.put_record(
                        StreamName=self.name, Data=data.encode(), PartitionKey=key
                    )
                    self.put.append(data)
                    break
                except ClientError:
                    self.retried += 1
                time.sleep(0.02)
            if self._stop.wait(0.005):
                return

    def _reshards(self) -> None:
        while not self._stop.wait(self._reshard_s):
            self.reshard()

    def reshard(self) -> None:
        """Split the widest shard, or merge two neighbours when there are many."""
        listed = self.kinesis.list_shards(StreamName=self.name)["Shards"]
        opened = [one for one in listed if "EndingSequenceNumber" not in one["SequenceNumberRange"]]
        opened.sort(key=lambda one: int(one["HashKeyRange"]["StartingHashKey"]))
        if len(opened) > 3 + self.random.randrange(3):
            at = self.random.randrange(len(opened) - 1)
            self.kinesis.merge_shards(
                StreamName=self.name,
                ShardToMerge=opened[at]["ShardId"],
                AdjacentShardToMerge=opened[at + 1]["ShardId"],
            )
        else:
            widest = max(opened, key=lambda one: _end(one) - _start(one))
            self.kinesis.split_shard(
                StreamName=self.name,
                ShardToSplit=widest["ShardId"],
                NewStartingHashKey=str((_start(widest) + _end(widest)) // 2 + 1),
            )
        until_active(self.kinesis, self.name)
        self.reshards += 1

    def config(self, url: str, tasks: int) -> Mapping[str, str]:
        own = {"stream": self.name, "endpoint": url, "topic": self.name, "tasks.max": str(tasks)}
        return (
            KEYS
            | own
            | {
                "connector.class": "KinesisSource",
                "kinesis.shard.monitor.ms": "500",
                "value.format": "string",
            }
        )

    def check(self, read: Callable[[], list[str]], timeout_s: float = 90.0) -> list[str]:
        """Wait for every record; return what arrived, which is in order key by key."""
        wanted = set(self.put)
        try:
            eventually(lambda: wanted <= set(read()), timeout_s, "every record arrives")
        except AssertionError as late:
            missing = sorted(wanted - set(read()), key=lambda one: one[-6:])
            raise AssertionError(f"{len(missing)} are missing: {missing[:5]}") from late
        lines = read()
        first = list(dict.fromkeys(lines))
        for key in {one.partition(" ")[0] for one in first}:
            of_key = [one for one in first if one.startswith(key + " ")]
            assert of_key == sorted(of_key), f"{key} is out of order"
        return lines


def _start(shard: Mapping[str, Any]) -> int:
    return int(shard["HashKeyRange"]["StartingHashKey"])


def _end(shard: Mapping[str, Any]) -> int:
    return int(shard["HashKeyRange"]["EndingHashKey"])


def sink(running: PenstockWorker, topic: str, out: Path) -> None:
    config = {"connector.class": SINK, "file": str(out), "topics": topic, "tasks.max": "1"}
    running.put("sink", config)


def test_split_and_merge_lose_repeat_and_reorder_nothing(local: str, tmp_path: Path) -> None:
    flow, out = Flow(local), tmp_path / "out.txt"
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path) as running, flow:
        running.put("rides", flow.config(local, 3))
        sink(running, flow.name, out)
        eventually(lambda: flow.reshards >= 4, 30, "reshards")
        flow.__exit__()
        lines = flow.check(lambda: out.read_text().splitlines())
        # What the producer put twice, because a reshard refused its first try, is there twice.
        assert len(lines) - len(set(lines)) <= flow.retried


def test_kill_9_of_tasks_and_of_the_worker_loses_and_reorders_nothing(
    local: str, tmp_path: Path
) -> None:
    flow, out = Flow(local, reshard_s=1.0), tmp_path / "out.txt"
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path) as running, flow:
        for kill in range(3):
            running.put("rides", flow.config(local, 2))
            sink(running, flow.name, out)
            seen, put = _lines(out), len(flow.put)
            eventually(lambda before=seen: _lines(out) > before, 30, "records arrive")
            eventually(lambda before=put: len(flow.put) > before + 100, 30, "records are put")
            if kill < 2:
                flow.random.choice(_hosts(running)).send_signal(signal.SIGKILL)
                restart_failed(running)
                running.kill()
                running.start()
        flow.__exit__()
        restart_failed(running)
        assert flow.reshards >= 3
        flow.check(lambda: out.read_text().splitlines())


def _lines(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_child_waits_until_the_end_of_a_parent_of_another_task_is_stored(local: str) -> None:
    kinesis, name = client(local), f"family-{uuid.uuid4().hex[:8]}"
    make_stream(kinesis, name, 1)
    kinesis.put_record(StreamName=name, Data=b"parent", PartitionKey="k")
    (parent,) = kinesis.list_shards(StreamName=name)["Shards"]
    kinesis.split_shard(
        StreamName=name,
        ShardToSplit=parent["ShardId"],
        NewStartingHashKey=str((_start(parent) + _end(parent)) // 2),
    )
    until_active(kinesis, name)
    kinesis.put_record(StreamName=name, Data=b"child", PartitionKey="k")
    made = connector(KEYS | {"stream": name, "endpoint": local})
    (config,) = made.task_configs(1)
    first, *children = config[SHARDS_KEY].split(",")
    store = Store()
    elder = task({**config, SHARDS_KEY: first}, store)
    younger = task({**config, SHARDS_KEY: ",".join(children)}, store)
    try:
        assert [younger.poll() for _ in range(4)] == [None] * 4
        # Handed on, and not stored: as far as others can see, the parent may come again.
        handed = poll_until([elder], lambda records: len(records) == 1)
        assert handed[0].value == b"parent"
        assert [younger.poll() for _ in range(4)] == [None] * 4
        poll_until([elder], lambda _: (store.of(first) or {}).get("finished"), store)
        (child,) = poll_until([younger], lambda records: len(records) == 1, store)
        assert child.value == b"child"
    finally:
        elder.stop()
        younger.stop()
        made.stop()


@pytest.mark.chaos
def test_kills_and_moves_lose_nothing(
    local: str, kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    flow, out = Flow(local), tmp_path / "out.txt"
    group = f"kinesis-{uuid.uuid4().hex[:8]}"
    with cluster(kafka_broker.bootstrap_servers, tmp_path, group, 2) as (one, two), flow:
        one.put("rides", flow.config(local, 3))
        sink(one, flow.name, out)
        eventually(lambda: out.exists() and out.read_text(), 60, "records arrive")
        kill_for_a_while(flow, one, two)
        flow.__exit__()
        restart_failed(one)
        assert flow.reshards >= 6
        flow.check(lambda: out.read_text().splitlines(), 120)


@pytest.mark.chaos
def test_kills_and_moves_repeat_nothing_when_it_is_exactly_once(
    local: str, kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    # Tasks that start anew fence each other first: that takes longer than a reshard does here.
    flow = Flow(local, reshard_s=3.0)
    group = f"kinesis-{uuid.uuid4().hex[:8]}"
    more = {"exactly_once_source_support": "enabled"}
    topic = Topic(kafka_broker.bootstrap_servers, flow.name)
    with (
        contextlib.closing(topic),
        cluster(kafka_broker.bootstrap_servers, tmp_path, group, 2, **more) as (one, two),
        flow,
    ):
        one.put("rides", {**flow.config(local, 3), "exactly.once.support": "required"})
        eventually(topic.lines, 120, "records arrive")
        kill_for_a_while(flow, one, two)
        flow.__exit__()
        restart_failed(one)
        assert flow.reshards >= 4
        lines = flow.check(topic.lines, 120)
        # What the producer put twice, because a reshard refused its first try, is there twice.
        assert len(lines) - len(set(lines)) <= flow.retried


class Topic:
    """What readers of committed records see of a topic."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._lines: list[str] = []
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": topic,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "topic.metadata.refresh.interval.ms": "1000",
            }
        )
        self._consumer.subscribe([topic])

    def lines(self) -> list[str]:
        while message := self._consumer.poll(0.5):
            if message.error() is None:
                self._lines.append(message.value().decode())
        return list(self._lines)

    def close(self) -> None:
        self._consumer.close()


def kill_for_a_while(flow: Flow, one: PenstockWorker, two: PenstockWorker) -> None:
    """Kill hosts, and one worker, while the stream reshards; tasks move to and fro."""
    for kill in range(6):
        time.sleep(2)
        hosts = [process for member in (one, two) for process in _hosts(member)]
        if hosts:
            with contextlib.suppress(psutil.NoSuchProcess):
                flow.random.choice(hosts).send_signal(signal.SIGKILL)
        if kill == 3:
            two.kill()
        if kill == 4:
            two.start()
        restart_failed(one)


def restart_failed(one: PenstockWorker) -> None:
    one.request("POST", "/connectors/rides/restart?includeTasks=true&onlyFailed=true")


def _hosts(member: PenstockWorker) -> list[psutil.Process]:
    """Return the processes of the connector and its tasks; none when the worker is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [process for process in member.hosts() if "rides" in _title(process)]
    return []


def _title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess, OSError):
        comm = Path(f"/proc/{process.pid}/comm").read_text()
        return comm + " ".join(process.cmdline())
    return ""
