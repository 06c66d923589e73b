"""The S3 sink on a cluster whose workers and tasks die, stop, move: each record is there once."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import uuid
from collections import Counter
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from tests.integration.s3_doubles import BUCKET, raw_config
from tests.parts.broker import KafkaBroker
from tests.parts.s3 import FaultyProxy, client, moto_server, objects
from tests.workers import ClusterMember, cluster, eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
PARTITIONS: Final = 4
FILE_ROWS: Final = 100
TAKEN_OVER_S: Final = 60.0
NAME: Final = "lake"
START_MS: Final = 1_700_000_000_000
"""The time of the first record; each following one of a partition is a second later."""


@attrs.define
class Scene:
    """A cluster with one sink, what was written to its topic, and what was done to it."""

    broker: KafkaBroker
    members: list[ClusterMember]
    topic: str
    choice: random.Random
    written: int = 0
    done: Counter[str] = attrs.field(factory=Counter)

    def write(self, rows: int) -> None:
        """Write so many records to each partition."""
        refused: list[object] = []
        producer = Producer({"bootstrap.servers": self.broker.bootstrap_servers, "linger.ms": 20})
        for number in range(self.written, self.written + rows):
            for partition in range(PARTITIONS):
                producer.produce(
                    self.topic,
                    json.dumps({"p": partition, "n": number}).encode(),
                    partition=partition,
                    timestamp=START_MS + 1000 * number,
                    on_delivery=lambda error, _: error and refused.append(error),
                )
            producer.poll(0)
        assert producer.flush(30) == 0
        assert refused == []
        self.written += rows

    def strike(self, what: str) -> None:
        member = self.choice.choice(self.members)
        {
            "task killed": self._kill_a_host,
            "worker killed": self._kill,
            "worker stopped": self._stop_past_session,
            "worker restarted": self._restart,
        }[what](member)
        self.done[what] += 1

    def _kill_a_host(self, _: ClusterMember) -> None:
        below = [one for member in self.members for one in member.hosts()]
        hosts = [one for one in below if "fork" not in one.name()]
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.choice.choice(hosts).pid, signal.SIGKILL)

    def _kill(self, member: ClusterMember) -> None:
        member.kill()
        member.start()

    def _restart(self, member: ClusterMember) -> None:
        member.stop()
        member.start()

    def _stop_past_session(self, member: ClusterMember) -> None:
        """Stop a worker with its hosts until others write; it wakes with what it had open."""
        others = [one for one in self.members if one is not member]
        pids = [*(one.pid for one in member.hosts()), _pid(member)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            eventually(lambda: self.runs_on(others), TAKEN_OVER_S, "others have taken over")
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def runs_on(self, members: list[ClusterMember]) -> bool:
        """Whether all tasks run, on some of these workers."""
        names = {one.url.partition("//")[2] for one in members}
        tasks = members[0].status(NAME).get("tasks", ())
        return len(tasks) == PARTITIONS and all(
            one["state"] == "RUNNING" and one["worker_id"] in names for one in tasks
        )


@attrs.define
class Faults:
    """Every fifth request to write fails, in one way or another. Owner: the proxy's threads."""

    choice: random.Random
    done: Counter[str] = attrs.field(factory=Counter)

    def choose(self, action: str, _key: str) -> Any:
        if action not in _WRITES or self.choice.random() > 1 / 5:
            return None
        self.done[action] += 1
        return self.choice.choice([(503, "SlowDown"), (500, "InternalError"), "reset", "lost"])


_WRITES: Final = frozenset({"PutObject", "UploadPart", "CompleteMultipartUpload"})


def _pid(member: ClusterMember) -> int:
    assert member.process is not None
    return member.process.pid


def found(s3: Any) -> Counter[tuple[int, int]]:
    """Return how often each record is in the objects, by partition and number."""
    return Counter(
        (row["p"], row["n"])
        for body in objects(s3, BUCKET).values()
        for row in map(json.loads, body.splitlines())
    )


BY_COUNT: Final = {"flush_size": str(FILE_ROWS)}
BY_RECORD_TIME: Final = {
    "flush_size": "100000",
    "rotate_interval_ms": str(1000 * FILE_ROWS),
    "timestamp_extractor": "Record",
    "partitioner_class": "io.confluent.connect.storage.partitioner.DailyPartitioner",
    "locale": "en-US",
    "timezone": "UTC",
}


@pytest.mark.parametrize(
    "ends",
    [
        pytest.param(BY_COUNT, id="count"),
        pytest.param(BY_RECORD_TIME, id="time", marks=pytest.mark.chaos),
    ],
)
def test_each_record_is_there_once_whoever_writes_it(
    kafka_broker: KafkaBroker,
    tmp_path: Path,
    ends: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    rounds = int(os.environ.get("PENSTOCK_S3_ROUNDS", "1"))
    group = f"s3-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap_servers})
    kept = {"retention.ms": "-1"}  # the records are of long ago
    admin.create_topics([NewTopic(group, PARTITIONS, 1, config=kept)])[group].result(30)
    with (
        moto_server(tmp_path) as url,
        contextlib.closing(FaultyProxy(url)) as proxy,
        cluster(kafka_broker.bootstrap_servers, tmp_path, group, 2) as members,
    ):
        s3 = client(url)
        s3.create_bucket(Bucket=BUCKET)
        faults = Faults(random.Random(rounds))  # noqa: S311 - a seed
        proxy.fault = faults.choose
        scene = Scene(kafka_broker, members, group, faults.choice)
        config = {
            **raw_config(proxy.url, tasks_max=str(PARTITIONS), **ends),
            "connector.class": "io.confluent.connect.s3.S3SinkConnector",
            "topics": group,
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "false",
            "consumer.override.session.timeout.ms": "6000",
            "consumer.override.heartbeat.interval.ms": "1000",
            "errors.restart.delay.ms": "200",
            "errors.restart.max.attempts": "1000",
        }
        members[0].put(NAME, config)
        eventually(lambda: scene.runs_on(members), 60, "all tasks run")
        for _ in range(rounds):
            for what in ("task killed", "worker killed", "worker stopped", "worker restarted"):
                scene.write(5 * FILE_ROWS)
                scene.strike(what)
        total = scene.written
        scene.write(FILE_ROWS + 1)  # the last file of those that end by time ends by a later record
        wanted = {(p, n) for p in range(PARTITIONS) for n in range(total)}
        eventually(lambda: wanted <= found(s3).keys(), 60, "all records are there")
        records = found(s3)
        doubles = {record: count for record, count in records.items() if count > 1}
        files = len(objects(s3, BUCKET))
        uploads = s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    with capsys.disabled():
        print(
            f"\n{dict(scene.done)}: {sum(faults.done.values())} faults of "
            f"S3; {len(wanted)} records, {files} files, {len(doubles)} doubles"
        )
    assert doubles == {}
    assert faults.done
    assert uploads == []
