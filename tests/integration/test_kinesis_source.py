"""The Kinesis source beside moto, through a proxy that makes the service's faults."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.parts.kinesis import FaultyProxy, client, make_stream, moto_server, refusal
from tests.parts.kinesis_proxy import HttpProxy
from tests.property.test_kinesis_laws import aggregated
from tests.unit.kinesis.kinesis_doubles import (
    KEYS,
    Store,
    connector,
    poll_until,
    read_once,
    task,
)
from tests.workers import eventually, worker

from penstock.data import Batch
from penstock.errors import ConnectError
from penstock_kinesis import ConfluentKinesisSourceConnector, KinesisSourceConnector
from penstock_kinesis._records import KEY_SCHEMA, VALUE_SCHEMA

pytestmark = pytest.mark.integration
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto_server(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture
def proxy(moto: str) -> Iterator[FaultyProxy]:
    with contextlib.closing(FaultyProxy(moto)) as made:
        yield made


@pytest.fixture
def kinesis(moto: str) -> Any:
    return client(moto)


class Stream:
    """A stream of its own for one test."""

    def __init__(self, kinesis: Any, url: str, shards: int = 1) -> None:
        self.kinesis = kinesis
        self.name = f"stream-{next(NUMBERS)}"
        make_stream(kinesis, self.name, shards)
        self.raw = KEYS | {"stream": self.name, "endpoint": url}

    def put(self, *values: bytes, key: str = "k") -> None:
        for value in values:
            self.kinesis.put_record(StreamName=self.name, Data=value, PartitionKey=key)


@pytest.fixture
def stream(kinesis: Any, proxy: FaultyProxy) -> Stream:
    return Stream(kinesis, proxy.url)


def count(n: int) -> Any:
    return lambda records: len(records) >= n


def values(records: list[Any]) -> list[Any]:
    return [record.value for record in records]


def test_record_has_key_headers_and_event_time(stream: Stream) -> None:
    before_ms = int(time.time() * 1000) - 1000
    stream.put(b"ride", key="order-7")
    (record,) = read_once(stream.raw, count(1))
    assert (record.topic, record.key, record.value) == ("t", "order-7", b"ride")
    assert before_ms <= record.timestamp <= before_ms + 10_000
    headers = {header.key: header.value for header in record.headers}
    moment = headers["kinesis.arrival.time"]
    assert moment.tzinfo is dt.UTC
    assert int(moment.timestamp() * 1000 + 0.5) == record.timestamp
    assert headers["kinesis.partition.key"] == "order-7"
    assert headers["kinesis.shard.id"] == record.source_partition["shardId"]
    assert headers["kinesis.sequence.number"] == record.source_offset["sequenceNumber"]
    assert record.source_partition["stream"] == stream.name


def test_classic_record_is_the_original_struct(stream: Stream) -> None:
    stream.put(b"ride", key="order-7")
    raw = {
        "aws.access.key.id": "test",
        "aws.secret.key.id": "test",
        "kafka.topic": "t",
        "kinesis.stream": stream.name,
        "kinesis.region": "EU_WEST_1",
        "kinesis.base.url": stream.raw["endpoint"],
    }

    (record,) = read_once(raw, count(1), kind=ConfluentKinesisSourceConnector)
    assert (record.key_schema, record.value_schema) == (KEY_SCHEMA, VALUE_SCHEMA)
    assert record.key == {"partitionKey": "order-7"}
    assert record.value["data"] == b"ride"
    assert record.value["streamName"] == stream.name


def test_restart_goes_on_after_what_was_stored(stream: Stream) -> None:
    store = Store()
    stream.put(b"1", b"2")
    assert values(read_once(stream.raw, count(2), store)) == [b"1", b"2"]
    stream.put(b"3")
    assert values(read_once(stream.raw, count(1), store)) == [b"3"]


@pytest.mark.parametrize(
    ("partition", "offset"),
    [
        ({"shardId": "shardId-000000000000"}, {"sequenceNumber": "2"}),
        ({"shard": "NAME/shardId-000000000000"}, {"seqNum": "2"}),
    ],
)
def test_offsets_of_older_connectors_are_gone_on_from(
    stream: Stream, partition: dict[str, str], offset: dict[str, str]
) -> None:
    stream.put(b"1", b"2", b"3")
    numbers = [record.source_offset["sequenceNumber"] for record in read_once(stream.raw, count(3))]
    store = Store()
    batch = Batch.source(
        topic="t",
        values=[None],
        source_partitions=[
            {name: text.replace("NAME", stream.name) for name, text in partition.items()}
        ],
        source_offsets=[dict.fromkeys(offset, numbers[1])],
    )
    store.keep(batch)
    assert values(read_once(stream.raw, count(1), store)) == [b"3"]


def test_expired_iterators_lose_and_repeat_nothing(stream: Stream, proxy: FaultyProxy) -> None:
    reads = itertools.count(1)

    def fault(action: str, _request: Mapping[str, Any]) -> Any:
        if action == "GetRecords" and next(reads) % 2 == 0:
            return refusal("ExpiredIteratorException")
        return None

    proxy.fault = fault
    raw = stream.raw | {"record.limit": "3"}
    stream.put(*(b"%d" % n for n in range(10)))
    got = read_once(raw, count(10))
    assert values(got) == [b"%d" % n for n in range(10)]
    kinds = [request["ShardIteratorType"] for request in proxy.asked("GetShardIterator")]
    assert kinds[0] == "LATEST" or kinds[0] == "TRIM_HORIZON"
    assert set(kinds[1:]) == {"AFTER_SEQUENCE_NUMBER"}


def test_throttling_and_server_faults_are_waited_out(stream: Stream, proxy: FaultyProxy) -> None:
    faults = iter(
        [
            refusal("ProvisionedThroughputExceededException"),
            refusal("InternalFailure", 500),
            refusal("ServiceUnavailable", 503),
        ]
    )
    proxy.fault = lambda action, _: next(faults, None) if action == "GetRecords" else None
    stream.put(b"1", b"2")
    assert values(read_once(stream.raw, count(2))) == [b"1", b"2"]
    assert len(proxy.asked("GetRecords")) >= 4


def test_latest_reads_what_came_since_the_start_also_over_a_restart(
    stream: Stream, proxy: FaultyProxy
) -> None:
    stream.put(b"old")
    time.sleep(1.1)  # the service's clock is told in whole seconds
    raw = stream.raw | {"position": "LATEST"}
    store = Store()
    # Nothing is read; yet the place is stored, as a batch without rows.
    read_once(raw, lambda _: store.of("shardId-000000000000"), store)
    assert set(store.of("shardId-000000000000") or {}) == {"timestamp", "streamCreated"}
    stream.put(b"while it was down")
    expired = iter([refusal("ExpiredIteratorException")])
    proxy.fault = lambda action, _: next(expired, None) if action == "GetRecords" else None
    assert values(read_once(raw, count(1), store)) == [b"while it was down"]
    assert {one["ShardIteratorType"] for one in proxy.asked("GetShardIterator")} == {"AT_TIMESTAMP"}


def test_millis_behind_latest_is_told_while_and_after_it_is_behind(
    stream: Stream, proxy: FaultyProxy
) -> None:
    told: list[dict[str, Any]] = [
        {"Records": [], "NextShardIterator": "more", "MillisBehindLatest": 7_000},
        {"Records": [], "NextShardIterator": "more", "MillisBehindLatest": 0},
    ]

    def fault(action: str, _request: Mapping[str, Any]) -> Any:
        return (200, told[0]) if action == "GetRecords" else None

    proxy.fault = fault
    made = connector(stream.raw)
    running = task(made.task_configs(1)[0])
    gauges = running.context.gauges  # type: ignore[attr-defined]
    try:
        poll_until([running], lambda _: gauges.get("millis-behind-latest") == 7_000)
        told.pop(0)
        poll_until([running], lambda _: gauges.get("millis-behind-latest") == 0)
        assert gauges["shards"] == 1
    finally:
        running.stop()
        made.stop()


def test_shard_past_retention_is_done(kinesis: Any, proxy: FaultyProxy) -> None:
    stream = Stream(kinesis, proxy.url, shards=2)
    gone = "shardId-000000000000"
    listed = iter([None])

    def fault(action: str, request: Mapping[str, Any]) -> Any:
        if action == "GetShardIterator" and request["ShardId"] == gone:
            return refusal("ResourceNotFoundException")
        if action == "ListShards" and next(listed, "later") is not None:
            kept = [
                shard
                for shard in kinesis.list_shards(StreamName=stream.name)["Shards"]
                if shard["ShardId"] != gone
            ]
            return 200, {"Shards": kept}
        return None

    proxy.fault = fault
    store = Store()
    raw = stream.raw | {"kinesis.shard.monitor.ms": "60000"}
    read_once(raw, lambda _: (store.of(gone) or {}).get("finished"), store)
    assert store.of(gone) is not None


def test_stream_created_anew_is_read_from_its_start(kinesis: Any, proxy: FaultyProxy) -> None:
    stream = Stream(kinesis, proxy.url)
    stream.put(b"1", b"2", b"3")
    made = connector(stream.raw)
    store = Store()
    running = [task(one, store) for one in made.task_configs(1)]
    try:
        assert values(poll_until(running, count(3), store)) == [b"1", b"2", b"3"]
        kinesis.delete_stream(StreamName=stream.name)
        time.sleep(1.1)  # another second, by which the streams are told apart
        make_stream(kinesis, stream.name, 1)
        stream.put(b"new")
        assert poll_until(running, lambda _: made.context.reconfigurations, store) == []  # type: ignore[attr-defined]
        running[0].stop()
        running[0] = task(made.task_configs(1)[0], store)
        assert values(poll_until(running, count(1), store)) == [b"new"]
    finally:
        running[0].stop()
        made.stop()


def test_refusal_names_stream_shard_action_code_and_remedy(
    stream: Stream, proxy: FaultyProxy
) -> None:
    proxy.fault = lambda action, _: (
        refusal("AccessDeniedException", message="not you") if action == "GetRecords" else None
    )
    with pytest.raises(ConnectError) as raised:
        read_once(stream.raw, count(1))
    message = str(raised.value)
    for part in (
        stream.name,
        "eu-west-1",
        "shardId-000000000000",
        "GetRecords",
        "AccessDeniedException",
        "not you",
        "allow kinesis:GetRecords",
    ):
        assert part in message
    assert KEYS["secret.access.key"] not in message.replace("AccessDenied", "")


@pytest.mark.parametrize("action", ["DescribeStreamSummary", "ListShards", "GetRecords"])
def test_missing_rights_fail_in_validate(stream: Stream, proxy: FaultyProxy, action: str) -> None:
    proxy.fault = lambda asked, _: refusal("AccessDeniedException") if asked == action else None
    assert f"allow kinesis:{action}" in problem_of(stream.raw)


def test_unknown_stream_and_wrong_region_fail_in_validate(stream: Stream) -> None:
    assert problem_of(stream.raw) == ""
    assert "check the name of the stream and its region" in problem_of(
        stream.raw | {"stream": "nobody"}
    )
    assert "check the name" in problem_of(stream.raw | {"region": "us-east-2"})
    assert "check region, endpoint and proxy" in problem_of(
        stream.raw | {"endpoint": "http://127.0.0.1:9"}
    )


def problem_of(raw: Mapping[str, str]) -> str:
    told = {value.name: value.errors for value in KinesisSourceConnector.validate(raw)}
    wrong = {name: errors for name, errors in told.items() if errors}
    assert set(wrong) <= {"stream"}
    return "".join(wrong.get("stream", []))


def test_aggregated_records_go_on_inside_after_a_restart(stream: Stream) -> None:
    stream.put(b"0", aggregated([("a", b"1"), ("b", b"2"), ("c", b"3")]), b"4")
    got = read_once(stream.raw, count(5))
    assert values(got) == [b"0", b"1", b"2", b"3", b"4"]
    assert [record.key for record in got] == ["k", "a", "b", "c", "k"]
    store = Store()
    store.keep(
        Batch.source(
            topic="t",
            values=[None],
            source_partitions=[got[2].source_partition],
            source_offsets=[got[2].source_offset],
        )
    )
    assert values(read_once(stream.raw, count(2), store)) == [b"3", b"4"]


def test_reading_stops_at_the_buffer_and_goes_on(stream: Stream) -> None:
    raw = stream.raw | {"kinesis.buffer.bytes": str(1024 * 1024), "record.limit": "1"}
    stream.put(*(bytes(400_000) for _ in range(6)))
    made = connector(raw)
    running = task(made.task_configs(1)[0])
    try:
        deadline_s = time.monotonic() + 3
        held: list[int] = []
        while time.monotonic() < deadline_s:
            held.append(running._readers._held)  # type: ignore[attr-defined]
            time.sleep(0.05)
        assert max(held) < 3 * 1024 * 1024
        assert len(poll_until([running], count(6))) == 6
    finally:
        running.stop()
        made.stop()


def test_assumed_role_reads(stream: Stream, moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto)
    stream.put(b"1")
    raw = stream.raw | {
        "kinesis.role.arn": "arn:aws:iam::123456789012:role/reader",
        "kinesis.role.external.id": "hush",
    }
    assert values(read_once(raw, count(1))) == [b"1"]


def test_proxy_with_a_password_is_gone_through(stream: Stream, moto: str) -> None:
    stream.put(b"1")
    with contextlib.closing(HttpProxy("me", "s:e/c@ret")) as made:
        raw = stream.raw | {
            "endpoint": moto,
            "kinesis.proxy.url": made.url,
            "kinesis.proxy.user": "me",
            "kinesis.proxy.password": "s:e/c@ret",
        }
        assert values(read_once(raw, count(1))) == [b"1"]
        assert set(made.seen) == {moto.removeprefix("http://")}
        assert made.refused == 0
        told = problem_of(raw | {"kinesis.proxy.password": "wrong"})
        assert "407" in told
        assert "wrong" not in told


def test_latest_is_kept_when_the_worker_is_killed_before_its_first_flush(
    stream: Stream, moto: str, tmp_path: Path
) -> None:
    stream.put(b"old")
    time.sleep(1.1)  # the service's clock is told in whole seconds
    config = stream.raw | {
        "connector.class": "KinesisSource",
        "position": "LATEST",
        "value.format": "string",
        "endpoint": moto,
    }
    out = tmp_path / "out.txt"
    sink = {"connector.class": "FileStreamSink", "file": str(out), "topics": "t"}
    with worker(
        f"embedded:{tmp_path / 'log.db'}", tmp_path, offset_flush_interval_ms="60000"
    ) as running:
        running.put("rides", config)
        eventually(
            lambda: "timestamp" in running.request("GET", "/connectors/rides/offsets").text,
            15,
            "the start is stored",
        )
        running.kill()
        stream.put(b"while it was down")
        running.start()
        running.put("rides", config)
        running.put("sink", sink)
        eventually(lambda: out.exists() and out.read_text(), 30, "the record arrives")
        eventually(
            lambda: 'name="millis-behind-latest"' in running.request("GET", "/metrics").text,
            15,
            "the figure is among the metrics",
        )
    assert out.read_text() == "while it was down\n"
