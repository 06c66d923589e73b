"""The S3 sink while S3 is slow, or refuses most of what it is asked."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from tests.integration.s3_doubles import BUCKET, P0, raw_config, sink
from tests.parts.broker import KafkaBroker
from tests.parts.s3 import FaultyProxy, client, moto_server, objects
from tests.unit.s3.s3_batches import orders, sink_batch
from tests.workers import eventually, worker

from penstock.data import Schema, TopicPartition
from penstock.errors import RetriableError
from penstock_s3 import _task

PART: Final = 5 * 1024 * 1024
SLOW_S: Final = 40.0


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto_server(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture
def bucket(moto: str) -> Iterator[Any]:
    s3 = client(moto)
    s3.create_bucket(Bucket=BUCKET)
    yield s3
    for key in objects(s3, BUCKET):
        s3.delete_object(Bucket=BUCKET, Key=key)
    s3.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def proxy(moto: str) -> Iterator[FaultyProxy]:
    made = FaultyProxy(moto)
    yield made
    made.close()


def fill(bootstrap: str, topic: str, values: list[bytes]) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        made.result(30)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(30) == 0


def again(call: Callable[[], None], tries: int = 400) -> None:
    """Put as the runtime does: again after a RetriableError."""
    for _ in range(tries):
        try:
            return call()
        except RetriableError:
            continue
    raise AssertionError("it never succeeds")


def big(first: int, count: int = 20) -> Any:
    """Return rows of 100 kB each."""
    texts = [f"{i:09d}" + "x" * 100_000 for i in range(first, first + count)]
    return sink_batch(texts, Schema.STRING, first=first)


def numbers(s3: Any) -> list[int]:
    found = objects(s3, BUCKET)
    return [int(line[1:10]) for key in sorted(found) for line in found[key].splitlines()]


def test_a_slow_s3_makes_puts_wait_no_longer_than_the_membership_lasts(
    moto: str, bucket: Any, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows beyond the budget are refused, to be given again; the runtime polls meanwhile."""
    monkeypatch.setattr(_task, "PUT_WAIT_S", 0.05)
    monkeypatch.setattr(_task, "COMMIT_WAIT_S", 0.05)
    is_fast = threading.Event()
    asked = threading.Semaphore(0)

    def slow(action: str, _key: str) -> None:
        if action in {"UploadPart", "PutObject"}:
            asked.release()
            assert is_fast.wait(60)

    proxy.fault = slow
    keys: dict[str, Any] = {"s3_part_size": str(PART), "s3_buffer_memory": str(2 * PART)}
    task = sink(proxy.url, flush_size="200", **keys)
    rows, told = 0, ""
    while not told:
        try:
            task.put_batch(big(rows))
            rows += 20
        except RetriableError as problem:
            told = str(problem)
    assert re.match(r"s3://lake: \d+ MiB wait for S3.*s3\.buffer\.memory", told)
    assert asked.acquire(timeout=10)
    # Rows that are begun are written: one put, and a part that was on the disk, are over it.
    assert task._desk.counted() < 3 * PART + 2_100_000
    assert task.pre_commit({P0: rows}) == {}
    context: Any = task.context
    assert context.waited_ms == [_task.ROOM_RETRY_MS]
    monkeypatch.undo()
    is_fast.set()
    for first in range(rows, 400, 20):
        again(lambda first=first: task.put_batch(big(first)))  # type: ignore[misc]  # of a loop
    assert task.pre_commit({P0: 400}) == {P0: 400}
    task.stop()
    assert numbers(bucket) == list(range(400))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_of_slow_down_loses_and_doubles_nothing(
    moto: str, bucket: Any, proxy: FaultyProxy, seed: int
) -> None:
    """Two of three requests are refused, whatever they ask, for many files at once."""
    chance = random.Random(seed)  # noqa: S311 - a seeded storm
    refused = []

    def storm(action: str, _key: str) -> Any:
        if action != "ListMultipartUploads" and chance.random() < 2 / 3:
            refused.append(action)
            return 503, "SlowDown"
        return None

    proxy.fault = storm
    places = [TopicPartition("orders", number) for number in range(10)]
    task = sink(proxy.url, *places, flush_size="50", s3_part_retries="2")
    for first in range(0, 200, 20):
        for place in places:
            batch = orders(20, first=first, partition=place.partition)
            again(lambda batch=batch: task.put_batch(batch))  # type: ignore[misc]  # of a loop
    wanted = dict.fromkeys(places, 200)
    for _ in range(100):
        again(lambda: task.put([]))
        if task.pre_commit(wanted) == wanted:
            break
    assert task.pre_commit(wanted) == wanted
    task.stop()
    assert len(refused) > 50
    found = objects(bucket, BUCKET)
    assert len(found) == 40
    for place in places:
        mine = [key for key in sorted(found) if f"partition={place.partition}/" in key]
        lines = [json.loads(line)["id"] for key in mine for line in found[key].splitlines()]
        assert lines == list(range(200))


def test_an_error_in_an_answer_of_200_is_no_completion(
    moto: str, bucket: Any, proxy: FaultyProxy
) -> None:
    """S3 sends its 200 before it has put the parts together, and may fail then."""
    left = [2]

    def fails(action: str, _key: str) -> Any:
        if action == "CompleteMultipartUpload" and left[0]:
            left[0] -= 1
            return 200, "InternalError"
        return None

    proxy.fault = fails
    task = sink(proxy.url, flush_size="60", s3_part_size=str(PART))
    for first in (0, 20, 40):
        again(lambda first=first: task.put_batch(big(first)))  # type: ignore[misc]  # of a loop
    assert task.pre_commit({P0: 60}) == {P0: 60}
    task.stop()
    assert left == [0]
    assert numbers(bucket) == list(range(60))


def test_all_files_of_a_cut_at_once_stay_within_the_budget(moto: str, bucket: Any) -> None:
    """A field has many values, their files end together, and are more than memory may hold."""
    budget = 2 * PART
    keys: dict[str, Any] = {"partitioner_class": "field", "partition_field_name": "country"}
    task = sink(moto, flush_size="900", s3_buffer_memory=str(budget), **keys)
    schema = Schema.struct({"country": Schema.STRING, "id": Schema.INT32, "text": Schema.STRING})
    most = 0
    for first in range(0, 900, 30):
        rows = [
            {"country": f"c{i % 30:02d}", "id": i, "text": "x" * 50_000}
            for i in range(first, first + 30)
        ]
        again(lambda rows=rows, first=first: task.put_batch(sink_batch(rows, schema, first=first)))  # type: ignore[misc]  # of a loop
        most = max(most, task._desk.counted())
    assert task.pre_commit({P0: 900}) == {P0: 900}
    assert most <= budget
    assert task._desk.counted() == 0
    assert task._desk.spool.used == 0
    task.stop()
    found = objects(bucket, BUCKET)
    assert len(found) == 30
    for n in range(30):
        (body,) = [found[key] for key in found if f"country=c{n:02d}/" in key]
        assert [json.loads(line)["id"] for line in body.splitlines()] == list(range(n, 900, 30))


def test_what_is_dropped_leaves_nothing_in_memory_or_on_the_disk(moto: str, bucket: Any) -> None:
    task = sink(moto, flush_size="1000", s3_buffer_memory=str(2 * PART), s3_compression_type="gzip")
    for first in range(0, 300, 20):
        again(lambda first=first: task.put_batch(big(first)))  # type: ignore[misc]  # of a loop
    for files in task._files.values():
        files.shed(1)
    assert task._desk.spool.used > 0
    task.partitions_revoked([P0])
    assert task._desk.spool.used == 0
    assert task._desk.counted() == 0
    task.stop()
    assert objects(bucket, BUCKET) == {}


@pytest.mark.chaos
def test_a_slow_s3_costs_no_membership_on_a_real_broker(
    moto: str, bucket: Any, proxy: FaultyProxy, kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    """Parts are held up for longer than the consumer may go without a poll."""
    is_fast = threading.Event()
    held_up = threading.Event()

    def slow(action: str, _key: str) -> None:
        if action in {"UploadPart", "PutObject"}:
            held_up.set()
            is_fast.wait(SLOW_S)

    proxy.fault = slow
    fill(
        kafka_broker.bootstrap_servers, "orders", [b"%09d" % i + b"x" * 20_000 for i in range(4000)]
    )
    config = raw_config(
        proxy.url, flush_size="1000", s3_part_size=str(PART), s3_buffer_memory=str(2 * PART)
    )
    config |= {
        "consumer.override.max.poll.interval.ms": "15000",
        "consumer.override.session.timeout.ms": "6000",
        "tasks.max": "1",
    }
    properties = {"connector_client_config_override_policy": "All"}
    with worker(kafka_broker.bootstrap_servers, tmp_path, **properties) as running:
        running.put("lake", config)
        assert held_up.wait(60)
        is_fast.wait(SLOW_S)
        is_fast.set()
        eventually(lambda: len(numbers(bucket)) == 4000, 90, "all records")
        assert numbers(bucket) == list(range(4000))
        log = running.log.read_text()
        assert "MiB wait for S3, which is slow" in log
        assert "leaving group" not in log
        assert "lost" not in log
        assert running.task_state("lake") == "RUNNING"


def test_tags_that_are_tried_again_leave_the_object_as_it_is(
    moto: str, bucket: Any, proxy: FaultyProxy
) -> None:
    """Files that end by the clock are written over in their place: not with nothing."""
    left = [3]

    def fails(action: str, _key: str) -> Any:
        if action == "PutObjectTagging" and left[0]:
            left[0] -= 1
            return 503, "SlowDown"
        return None

    proxy.fault = fails
    tags = {"s3_object_tagging": "true", "s3_object_behavior_on_tagging_error": "fail"}
    keys: dict[str, Any] = {"flush_idle_ms": "3600000", "s3_part_retries": "0", **tags}
    task = sink(proxy.url, flush_size="20", **keys)
    task.put_batch(orders(20))
    for _ in range(10):
        again(lambda: task.put([]))
        if task.pre_commit({P0: 20}):
            break
    assert left == [0]
    task.stop()
    (body,) = objects(bucket, BUCKET).values()
    assert [json.loads(line)["id"] for line in body.splitlines()] == list(range(20))
