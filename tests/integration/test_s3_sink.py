"""The S3 sink on a stand-in of S3: objects, offsets, crashes, faults."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.s3_doubles import BUCKET, P0, Context, Reporter, raw_config, sink
from tests.parts.s3 import FaultyProxy, client, moto_server, objects
from tests.unit.s3.s3_batches import orders, sink_batch

from penstock.config import ConfigSpec
from penstock.data import Schema, TopicPartition
from penstock.errors import ConnectError, DataError, RetriableError
from penstock_s3 import AivenS3SinkConnector, AivenS3SinkTask, S3SinkConnector, S3SinkTask
from penstock_s3._client import Bucket, open_client
from penstock_s3._config import S3SinkConfig

PART = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto_server(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture
def bucket(moto: str) -> Iterator[Any]:
    """Give a client; the bucket is empty before and gone afterwards."""
    s3 = client(moto)
    s3.create_bucket(Bucket=BUCKET)
    yield s3
    for one in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=BUCKET, Key=one["Key"], UploadId=one["UploadId"])
    for key in objects(s3, BUCKET):
        s3.delete_object(Bucket=BUCKET, Key=key)
    s3.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def proxy(moto: str) -> Iterator[FaultyProxy]:
    made = FaultyProxy(moto)
    yield made
    made.close()


def key(offset: int, partition: int = 0) -> str:
    return f"topics/orders/partition={partition}/orders+{partition}+{offset:010d}.json"


def ids(found: dict[str, bytes]) -> list[int]:
    return [json.loads(line)["id"] for name in sorted(found) for line in found[name].splitlines()]


def put_all(task: S3SinkTask, count: int, step: int, first: int = 0) -> None:
    """Put rows as the runtime does: again after a RetriableError."""
    for start in range(first, first + count, step):
        batch = orders(min(step, first + count - start), first=start)
        until(lambda batch=batch: task.put_batch(batch))  # type: ignore[misc]  # of a loop


def until(call: Callable[[], None], tries: int = 50) -> None:
    for _ in range(tries):
        try:
            return call()
        except RetriableError:
            continue
    raise AssertionError("it never succeeds")


def big(count: int, first: int = 0) -> Any:
    """Return rows of about 100 kB each, whose text does not compress well."""
    return sink_batch(
        [f"{i:09d}" + "x" * 100_000 for i in range(first, first + count)],
        Schema.STRING,
        first=first,
    )


def test_files_of_flush_size_are_written_and_only_their_offsets_are_safe(
    moto: str, bucket: Any
) -> None:
    task = sink(moto)
    put_all(task, 25, 4)
    assert task.pre_commit({P0: 25}) == {P0: 20}
    found = objects(bucket, BUCKET)
    assert sorted(found) == [key(0), key(10)]
    assert ids(found) == list(range(20))
    task.stop()
    assert sorted(objects(bucket, BUCKET)) == [key(0), key(10)]


def test_nothing_is_safe_before_the_first_object(moto: str, bucket: Any) -> None:
    task = sink(moto)
    put_all(task, 5, 5)
    assert task.pre_commit({P0: 5}) == {}
    task.stop()


def test_a_crash_before_the_commit_makes_the_same_objects_and_accepts_them(
    moto: str, bucket: Any
) -> None:
    for step in (7, 3):
        task = sink(moto, s3_compression_type="gzip")
        put_all(task, 20, step)
        assert task.pre_commit({P0: 20}) == {P0: 20}
        task.stop()
    found = objects(bucket, BUCKET)
    assert sorted(found) == [key(0) + ".gz", key(10) + ".gz"]
    assert ids({name: gzip.decompress(body) for name, body in found.items()}) == list(range(20))


def test_another_object_of_the_same_name_fails_the_task_and_stays(moto: str, bucket: Any) -> None:
    bucket.put_object(Bucket=BUCKET, Key=key(0), Body=b"of somebody else")
    task = sink(moto)
    put_all(task, 10, 10)
    assert task.pre_commit({P0: 10}) == {}
    with pytest.raises(ConnectError, match="another object of this name"):
        task.put([])
    task.stop()
    assert objects(bucket, BUCKET) == {key(0): b"of somebody else"}


def test_without_conditional_writes_it_is_written_over(moto: str, bucket: Any) -> None:
    bucket.put_object(Bucket=BUCKET, Key=key(0), Body=b"of somebody else")
    task = sink(moto, enable_conditional_writes="false")
    put_all(task, 10, 10)
    assert task.pre_commit({P0: 10}) == {P0: 10}
    task.stop()
    assert ids(objects(bucket, BUCKET)) == list(range(10))


def test_a_flush_by_the_clock_after_a_crash_writes_over_the_shorter_object(
    moto: str, bucket: Any
) -> None:
    """Its end differs; all records of the shorter one are in the longer one."""
    task = sink(moto, flush_size="1000", flush_idle_ms="1")
    put_all(task, 5, 5)
    context: Any = task.context
    context.stopping = True
    assert task.pre_commit({P0: 5}) == {P0: 5}
    task.stop()
    task = sink(moto, flush_size="1000", flush_idle_ms="1")
    put_all(task, 9, 9)
    context = task.context
    context.stopping = True
    assert task.pre_commit({P0: 9}) == {P0: 9}
    task.stop()
    assert ids(objects(bucket, BUCKET)) == list(range(9))


def test_large_objects_go_in_parts_and_leave_no_upload_behind(moto: str, bucket: Any) -> None:
    for _ in range(2):
        task = sink(moto, flush_size="120", s3_part_size=str(PART), format_class="bytes")
        task.put_batch(sink_batch([b"%09d" % i + b"x" * 100_000 for i in range(120)], Schema.BYTES))
        assert task.pre_commit({P0: 120}) == {P0: 120}
        task.stop()
    (body,) = objects(bucket, BUCKET).values()
    assert [int(line[:9]) for line in body.splitlines()] == list(range(120))
    assert bucket.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_what_a_crash_left_of_our_partitions_is_removed_and_nothing_else(
    moto: str, bucket: Any
) -> None:
    names = [key(0), key(0, partition=1), "elsewhere/orders+0+0000000000.json"]
    for name in names:
        bucket.create_multipart_upload(Bucket=BUCKET, Key=name)
    sink(moto).stop()
    left = bucket.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    assert sorted(one["Key"] for one in left) == sorted(names[1:])


def test_partitions_taken_away_leave_nothing_and_are_written_by_the_next(
    moto: str, bucket: Any
) -> None:
    first, second = sink(moto), sink(moto)
    put_all(first, 15, 5)
    assert first.pre_commit({P0: 15}) == {P0: 10}
    first.partitions_revoked([P0])
    put_all(second, 20, 5, first=10)
    assert second.pre_commit({P0: 30}) == {P0: 30}
    first.stop()
    second.stop()
    assert ids(objects(bucket, BUCKET)) == list(range(30))


def test_a_writer_that_should_be_gone_changes_nothing(moto: str, bucket: Any) -> None:
    """Both write the same files; whoever is second finds its own bytes there."""
    zombie, owner = sink(moto), sink(moto)
    put_all(zombie, 9, 9)
    put_all(owner, 20, 5)
    assert owner.pre_commit({P0: 20}) == {P0: 20}
    put_all(zombie, 11, 11, first=9)
    assert zombie.pre_commit({P0: 20}) == {P0: 20}
    zombie.stop()
    owner.stop()
    assert ids(objects(bucket, BUCKET)) == list(range(20))


FAULTS: dict[str, Any] = {
    "500": (500, "InternalError"),
    "slow_down": (503, "SlowDown"),
    "reset": "reset",
    "lost_answer": "lost",
    "conflict": (409, "ConditionalRequestConflict"),
}


@pytest.mark.parametrize("action", ["PutObject", "UploadPart", "CompleteMultipartUpload"])
@pytest.mark.parametrize("fault", list(FAULTS))
def test_every_record_is_there_once_through_faults(
    moto: str, bucket: Any, proxy: FaultyProxy, action: str, fault: str
) -> None:
    """Every first and second try fails, and more often than a request is tried."""
    left = [5]

    def broken(asked: str, _key: str) -> Any:
        if asked == action and left[0]:
            left[0] -= 1
            return FAULTS[fault]
        return None

    proxy.fault = broken
    task = sink(proxy.url, flush_size="60", s3_part_size=str(PART), s3_part_retries="1")
    safe = 0
    batches = [orders(60)] if action == "PutObject" else [big(30), big(30, first=30)]
    for batch in batches:
        until(lambda batch=batch: task.put_batch(batch))  # type: ignore[misc]  # of a loop
    for _ in range(20):
        task.put([])
        safe = task.pre_commit({P0: 60}).get(P0, 0)
        if safe:
            break
    assert safe == 60
    task.stop()
    (body,) = objects(bucket, BUCKET).values()
    lines = [json.loads(line) for line in body.splitlines()]
    found = [line["id"] if isinstance(line, dict) else int(line[:9]) for line in lines]
    assert found == list(range(60))
    assert left == [0]


def test_no_rows_are_taken_while_uploads_fail(moto: str, bucket: Any, proxy: FaultyProxy) -> None:
    proxy.fault = lambda action, _key: (503, "SlowDown") if action == "PutObject" else None
    task = sink(proxy.url, s3_part_retries="0")
    task.put_batch(orders(10))
    assert task.pre_commit({P0: 10}) == {}
    with pytest.raises(RetriableError, match=r"s3://lake/topics.*PutObject.*SlowDown"):
        task.put_batch(orders(10, first=10))
    context: Any = task.context
    assert context.waited_ms == [10]
    proxy.fault = lambda _action, _key: None
    until(lambda: task.put_batch(orders(10, first=10)))
    task.pre_commit({P0: 20})
    task.put([])
    assert task.pre_commit({P0: 20}) == {P0: 20}
    task.stop()
    assert ids(objects(bucket, BUCKET)) == list(range(20))


def test_a_refusal_fails_the_task_and_says_what_to_do(
    moto: str, bucket: Any, proxy: FaultyProxy
) -> None:
    proxy.fault = lambda action, _key: (403, "AccessDenied") if action == "PutObject" else None
    task = sink(proxy.url)
    task.put_batch(orders(10))
    task.pre_commit({P0: 10})
    with pytest.raises(ConnectError, match=r"PutObject.*AccessDenied.*allow s3:PutObject"):
        task.put([])
    task.stop()
    assert len(proxy.asked("PutObject")) == 1


def test_memory_of_open_files_stays_in_its_budget(moto: str, bucket: Any) -> None:
    places = [TopicPartition("orders", i) for i in range(40)]
    budget = 2 * PART
    task = sink(moto, *places, flush_size="20", s3_buffer_memory=str(budget))
    rows = 20
    for start in range(0, rows, 5):
        for place in places:
            values = [f"{i:09d}" + "x" * 100_000 for i in range(start, start + 5)]
            batch = sink_batch(values, Schema.STRING, first=start, partition=place.partition)
            until(lambda batch=batch: task.put_batch(batch))  # type: ignore[misc]  # of a loop
            assert task._desk.counted() <= budget
    wanted = dict.fromkeys(places, rows)
    assert task.pre_commit(wanted) == wanted
    assert task._desk.counted() == 0
    task.stop()
    found = objects(bucket, BUCKET)
    assert len(found) == len(places)
    for body in found.values():
        assert [int(line[1:10]) for line in body.splitlines()] == list(range(rows))


def test_null_values_fail_or_are_left_out_and_reported(moto: str, bucket: Any) -> None:
    batch = sink_batch(["a", None, "c"], Schema.OPTIONAL_STRING)
    task = sink(moto)
    with pytest.raises(DataError, match=r"Null valued records.*Offset 1 has no value"):
        task.put_batch(batch)
    task.stop()
    reporter = Reporter()
    task = sink(moto, reporter=reporter, flush_size="2", behavior_on_null_values="ignore")
    task.put_batch(batch)
    assert task.pre_commit({P0: 3}) == {P0: 3}
    task.stop()
    assert [offset for offset, _ in reporter.rows] == [1]
    assert objects(bucket, BUCKET) == {key(0): b'"a"\n"c"\n'}


def test_rows_that_cannot_be_written_go_to_the_reporter_and_the_others_are_there(
    moto: str, bucket: Any
) -> None:
    reporter = Reporter()
    task = sink(moto, reporter=reporter, format_class="bytes", flush_size="6")
    task.put_batch(sink_batch([b"a", b"b", {"x": 1}, b"d", 5, b"f"]))
    assert task.pre_commit({P0: 6}) == {P0: 6}
    task.stop()
    assert [offset for offset, _ in reporter.rows] == [2, 4]
    (body,) = objects(bucket, BUCKET).values()
    assert body.split() == [b"a", b"b", b"d", b"f"]


def test_keys_beside_values_stay_aligned_when_a_key_is_bad(moto: str, bucket: Any) -> None:
    reporter = Reporter()
    task = sink(
        moto, reporter=reporter, flush_size="3", store_kafka_keys="true", keys_format_class="json"
    )
    task.put_batch(
        sink_batch(
            ["a", "b", "c"], Schema.STRING, keys=["x", None, "z"], key_schema=Schema.OPTIONAL_STRING
        )
    )
    assert task.pre_commit({P0: 3}) == {P0: 3}
    task.stop()
    assert [offset for offset, _ in reporter.rows] == [1]
    found = objects(bucket, BUCKET)
    assert sorted(found.values()) == [b'"a"\n"c"\n', b'"x"\n"z"\n']


def test_tags_storage_class_and_encryption_are_asked_for(moto: str, bucket: Any) -> None:
    task = sink(
        moto,
        s3_object_tagging="true",
        s3_object_tagging_key_value_pairs="team:data",
        s3_storage_class="STANDARD_IA",
        s3_ssea_name="AES256",
    )
    task.put_batch(orders(10))
    task.pre_commit({P0: 10})
    task.stop()
    tags = bucket.get_object_tagging(Bucket=BUCKET, Key=key(0))["TagSet"]
    assert {one["Key"]: one["Value"] for one in tags} == {
        "startOffset": "0",
        "endOffset": "9",
        "recordCount": "10",
        "team": "data",
    }
    head = bucket.head_object(Bucket=BUCKET, Key=key(0))
    assert (head["StorageClass"], head["ServerSideEncryption"]) == ("STANDARD_IA", "AES256")


def test_validation_names_a_bucket_that_is_not_there(moto: str, bucket: Any) -> None:
    good = S3SinkConnector.validate(raw_config(moto))
    assert [value for value in good if value.errors] == []
    bad = S3SinkConnector.validate(raw_config(moto) | {"s3.bucket.name": "nowhere"})
    (problem,) = [error for value in bad for error in value.errors]
    assert "s3://nowhere" in problem
    assert "correct s3.bucket.name" in problem


def test_validation_tells_missing_rights(proxy: FaultyProxy) -> None:
    proxy.fault = lambda action, _key: (403, "AccessDenied") if action == "Head" else None
    found = S3SinkConnector.validate(raw_config(proxy.url))
    (problem,) = [error for value in found for error in value.errors]
    assert "allow s3:ListBucket" in problem


@pytest.mark.parametrize("right", ["CreateMultipartUpload", "AbortMultipartUpload"])
def test_validation_tells_a_missing_right_to_write(
    proxy: FaultyProxy, bucket: Any, right: str
) -> None:
    proxy.fault = lambda action, _key: (403, "AccessDenied") if action == right else None
    found = S3SinkConnector.validate(raw_config(proxy.url))
    (problem,) = [error for value in found for error in value.errors]
    assert right in problem
    assert "s3://lake/topics/.penstock-check" in problem
    assert "AccessDenied" in problem


def test_validation_writes_nothing(proxy: FaultyProxy, bucket: Any) -> None:
    S3SinkConnector.validate(raw_config(proxy.url))
    assert [action for action, _ in proxy.seen] == [
        "Head",
        "CreateMultipartUpload",
        "AbortMultipartUpload",
    ]
    assert objects(bucket, BUCKET) == {}
    assert bucket.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_all_pages_of_unfinished_uploads_are_read(moto: str, bucket: Any) -> None:
    keys = [f"topics/orders/{number}" for number in range(7)]
    for name in keys:
        bucket.create_multipart_upload(Bucket=BUCKET, Key=name)
    config = ConfigSpec.of(S3SinkConfig).parse(raw_config(moto), who="S3Sink")
    asked = Bucket(config, open_client(config), threading.Event())
    assert sorted(key for key, _ in asked.uploads("topics/orders", page=3)) == keys


def test_aiven_keys_write_files_at_each_commit(moto: str, bucket: Any) -> None:
    raw = {
        "topics": "orders",
        "aws.s3.bucket.name": BUCKET,
        "aws.s3.endpoint": moto,
        "aws.access.key.id": "test",
        "aws.secret.access.key": "test",
        "format.output.type": "jsonl",
        "file.compression.type": "none",
    }
    assert [value for value in AivenS3SinkConnector.validate(raw) if value.errors] == []
    task = AivenS3SinkTask(AivenS3SinkConnector.config_spec().parse(raw))
    context: Any = Context(raw, None)
    task.context = context
    task.start()
    task.partitions_assigned([P0])
    for first in (0, 3):
        task.put_batch(orders(3, first=first))
        assert task.pre_commit({P0: first + 3}) == {P0: first + 3}
    task.stop()
    found = objects(bucket, BUCKET)
    assert sorted(found) == ["orders-0-0", "orders-0-3"]
    values = [
        json.loads(line)["value"]["id"]
        for name in sorted(found)
        for line in found[name].splitlines()
    ]
    assert values == list(range(6))


WRITER = """
import sys
from pathlib import Path
from tests.integration.s3_doubles import P0, sink
from tests.unit.s3.s3_batches import orders
url, committed, step = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
at = int(committed.read_text() or "0")
task = sink(url, flush_size="50")
while at < 2000:
    task.put_batch(orders(min(step, 2000 - at), first=at))
    at = min(at + step, 2000)
    safe = task.pre_commit({P0: at}).get(P0)
    if safe is not None:
        committed.with_suffix(".new").write_text(str(safe))
        committed.with_suffix(".new").rename(committed)
    print(at, flush=True)
task.stop()
"""


def test_killed_again_and_again_every_record_is_there_once(
    moto: str, bucket: Any, tmp_path: Path
) -> None:
    committed = tmp_path / "committed"
    committed.write_text("0")
    kills = 0
    for round_number in range(20):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, moto, str(committed), str(17 + round_number * 3)],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        for _ in range(8 + round_number):
            if not process.stdout.readline():
                break
        else:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.stdout.close()
        process.wait()
        if committed.read_text() == "2000":
            break
    assert committed.read_text() == "2000"
    assert kills >= 3
    assert ids(objects(bucket, BUCKET)) == list(range(2000))
