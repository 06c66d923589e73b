"""Enhanced fan-out, on a stub that speaks HTTP/2 and the event stream's framing before moto."""

from __future__ import annotations

import contextlib
import itertools
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.parts.kinesis import client, make_stream, moto_server
from tests.parts.kinesis_push import PushServer
from tests.property.test_kinesis_laws import aggregated
from tests.unit.kinesis.kinesis_doubles import (
    KEYS,
    Store,
    connector,
    poll_until,
    read_once,
    task,
)

from penstock.data import Batch
from penstock.errors import ConnectError
from penstock_kinesis import KinesisSourceConnector
from penstock_kinesis._keys import CONSUMER_KEY

pytestmark = pytest.mark.integration
NUMBERS = itertools.count()
FIRST = "shardId-000000000000"


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto_server(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture
def server(moto: str) -> Iterator[PushServer]:
    with contextlib.closing(PushServer(moto)) as made:
        yield made


class Stream:
    """A stream of its own for one test."""

    def __init__(self, moto: str, server: PushServer, shards: int = 1) -> None:
        self.kinesis = client(moto)
        self.name = f"pushed-{next(NUMBERS)}"
        make_stream(self.kinesis, self.name, shards)
        self.raw = KEYS | {"stream": self.name, "endpoint": server.url, "kinesis.fan.out": "true"}

    def put(self, *values: bytes, key: str = "k") -> None:
        for value in values:
            self.kinesis.put_record(StreamName=self.name, Data=value, PartitionKey=key)


@pytest.fixture
def stream(moto: str, server: PushServer) -> Stream:
    return Stream(moto, server)


def count(n: int) -> Any:
    return lambda records: len(records) >= n


def values(records: list[Any]) -> list[Any]:
    return [record.value for record in records]


def test_records_are_pushed_and_nothing_is_polled(stream: Stream, server: PushServer) -> None:
    stream.put(b"1", b"2")
    store = Store()
    first, _ = read_once(stream.raw, count(2), store)
    assert (first.value, first.key, first.topic) == (b"1", "k", "t")
    headers = {header.key: header.value for header in first.headers}
    assert headers["kinesis.sequence.number"] == first.source_offset["sequenceNumber"]
    assert abs(first.timestamp - time.time() * 1000) < 10_000
    (ask,) = server.asked
    assert ask["StartingPosition"] == {"Type": "TRIM_HORIZON"}
    assert ask["ConsumerARN"].endswith("/consumer/penstock-carrides")
    assert server.signed[0].startswith("AWS4-HMAC-SHA256 Credential=test/")
    stream.put(b"3")
    assert values(read_once(stream.raw, count(1), store)) == [b"3"]
    assert server.asked[-1]["StartingPosition"]["Type"] == "AFTER_SEQUENCE_NUMBER"


def test_consumer_is_registered_once_and_taken_by_arn(stream: Stream) -> None:
    made = connector(stream.raw | {"kinesis.fan.out.consumer": "mine"})
    made.stop()
    again = connector(stream.raw | {"kinesis.fan.out.consumer": "mine"})
    again.stop()
    arn = stream.kinesis.describe_stream_summary(StreamName=stream.name)[
        "StreamDescriptionSummary"
    ]["StreamARN"]
    (listed,) = stream.kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
    assert listed["ConsumerName"] == "mine"
    given = connector(stream.raw | {"kinesis.fan.out.consumer": listed["ConsumerARN"]})
    given.stop()
    for one in (made, again, given):
        assert one.task_configs(1)[0][CONSUMER_KEY] == listed["ConsumerARN"]


def test_deleted_consumer_is_registered_again(stream: Stream, server: PushServer) -> None:
    made = connector(stream.raw)
    running = task(made.task_configs(1)[0])
    try:
        poll_until([running], lambda _: server.live)
        arn = server.asked[0]["ConsumerARN"]
        stream.kinesis.deregister_stream_consumer(ConsumerARN=arn)

        def is_back(_: list[Any]) -> bool:
            with contextlib.suppress(ClientError):
                stream.kinesis.describe_stream_consumer(ConsumerARN=arn)
                return True
            return False

        poll_until([running], is_back)
    finally:
        running.stop()
        made.stop()


def test_validation_registers_nothing_and_refuses_an_unknown_arn(stream: Stream) -> None:
    def problem_of(raw: dict[str, str]) -> str:
        told = [value.errors for value in KinesisSourceConnector.validate(raw) if value.errors]
        return "".join(itertools.chain(*told))

    assert problem_of(stream.raw) == ""
    arn = stream.kinesis.describe_stream_summary(StreamName=stream.name)[
        "StreamDescriptionSummary"
    ]["StreamARN"]
    assert stream.kinesis.list_stream_consumers(StreamARN=arn)["Consumers"] == []
    nobody = stream.raw | {"kinesis.fan.out.consumer": f"{arn}/consumer/nobody:1"}
    assert "DescribeStreamConsumer" in problem_of(nobody)


def test_subscriptions_are_renewed_where_they_ended(stream: Stream, server: PushServer) -> None:
    server.lasts_s = 0.2
    stream.put(*(b"%d" % n for n in range(5)))
    made = connector(stream.raw)
    running = task(made.task_configs(1)[0])
    try:
        got = poll_until([running], count(5))
        poll_until([running], lambda _: len(server.asked) >= 4)
        stream.put(*(b"%d" % n for n in range(5, 10)))
        got += poll_until([running], count(5))
    finally:
        running.stop()
        made.stop()
    assert values(got) == [b"%d" % n for n in range(10)]
    assert {ask["StartingPosition"]["Type"] for ask in server.asked[1:]} == {
        "AFTER_SEQUENCE_NUMBER"
    }
    assert server.most_live == {FIRST: 1}


def test_failures_between_and_inside_subscriptions_lose_and_repeat_nothing(
    stream: Stream, server: PushServer
) -> None:
    refusals = iter(["ResourceInUseException", "LimitExceededException", "InternalFailure"])
    inside = iter(["ResourceInUseException", "InternalFailureException", "KMSThrottlingException"])
    server.refusal = lambda _: next(refusals, None)
    server.during = lambda _: next(inside, None)
    stream.put(*(b"%d" % n for n in range(20)))
    got = read_once(stream.raw, count(20))
    assert values(got) == [b"%d" % n for n in range(20)]
    assert next(refusals, None) is None


def test_refusal_names_what_to_allow(stream: Stream, server: PushServer) -> None:
    server.refusal = lambda _: "AccessDeniedException"
    with pytest.raises(ConnectError) as raised:
        read_once(stream.raw, count(1))
    for part in (stream.name, FIRST, "AccessDeniedException", "allow kinesis:SubscribeToShard"):
        assert part in str(raised.value)


def test_ended_shard_is_finished(stream: Stream, server: PushServer) -> None:
    server.ended.add(FIRST)
    stream.put(b"last")
    store = Store()
    got = read_once(stream.raw, lambda _: (store.of(FIRST) or {}).get("finished"), store)
    assert values(got) == [b"last"]


def test_a_restart_inside_an_aggregated_record_goes_on_inside(
    stream: Stream, server: PushServer
) -> None:
    stream.put(b"0", aggregated([("a", b"1"), ("b", b"2"), ("c", b"3")]), b"4")
    got = read_once(stream.raw, count(5))
    assert values(got) == [b"0", b"1", b"2", b"3", b"4"]
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
    assert server.asked[-1]["StartingPosition"]["Type"] == "AT_SEQUENCE_NUMBER"


def test_what_nobody_takes_is_not_read(moto: str) -> None:
    with contextlib.closing(PushServer(moto, records=1)) as server:
        stream = Stream(moto, server)
        stream.put(*(bytes(400_000) for _ in range(20)))
        made = connector(stream.raw | {"kinesis.buffer.bytes": str(1024 * 1024)})
        running = task(made.task_configs(1)[0])
        try:
            deadline_s = time.monotonic() + 3
            held: list[int] = []
            while time.monotonic() < deadline_s:
                held.append(running._readers._held)  # type: ignore[attr-defined]
                time.sleep(0.05)
            assert 1024 * 1024 <= max(held) < 2 * 1024 * 1024
            # What the task holds and the event it waits with, in base64; the rest is in sockets.
            assert server.sent_bytes < 5 * 1024 * 1024
            assert len(poll_until([running], count(20))) == 20
        finally:
            running.stop()
            made.stop()


def test_stop_ends_subscriptions_at_once(stream: Stream, server: PushServer) -> None:
    made = connector(stream.raw)
    running = task(made.task_configs(1)[0])
    poll_until([running], lambda _: server.live)
    began_s = time.monotonic()
    running.stop()
    made.stop()
    assert time.monotonic() - began_s < 1.5
    assert not any(one.name.startswith("kinesis-0") for one in threading.enumerate())


def test_put_to_poll_is_less_than_100_ms(stream: Stream, server: PushServer) -> None:
    made = connector(stream.raw)
    running = task(made.task_configs(1)[0])
    took: list[float] = []
    try:
        poll_until([running], lambda _: server.live)
        for _ in range(20):
            stream.put(str(time.time()).encode())
            (record,) = poll_until([running], count(1))
            took.append(time.time() - float(record.value))
    finally:
        running.stop()
        made.stop()
    print(f"put to poll by fan-out: median {statistics.median(took) * 1000:.0f} ms")
    assert statistics.median(took) < 0.1
