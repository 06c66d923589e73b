from __future__ import annotations

from typing import Any

import pytest

from penstock.data import Repeat, TopicPartition
from penstock.errors import BrokerError, ConfigError, RetriableError
from penstock.runtime.broker import Delivery, EncodedBatch
from penstock.runtime.embedded import lot, store
from penstock.runtime.embedded import producer as producer_module
from penstock.runtime.murmur2 import partition_of_key


def batch(*values: bytes | None, topic: str = "t", **columns: Any) -> EncodedBatch:
    return EncodedBatch(topic, values, **columns)


def values_of(log: Any, drain: Any, topic: str = "t") -> dict[int, list[bytes | None]]:
    consumer = log.reader([topic], group="values")
    found: dict[int, list[bytes | None]] = {}
    for one in drain(consumer):
        assert one.offsets[0] == len(found.get(one.partition, []))
        found.setdefault(one.partition, []).extend(one.values)
    consumer.close(1)
    return found


def test_rows_are_delivered_only_after_the_commit(log: Any, drain: Any) -> None:
    producer = log.producer()
    reader = log.reader()
    assert producer.send(batch(b"a", b"b"), 7) == 2
    assert producer.send(batch(b"c"), 8) == 1
    assert not drain(reader)
    assert producer.poll(0) == [Delivery(7, 0, 2), Delivery(8, 0, 1)]
    assert producer.poll(0) == []
    assert values_of(log, drain) == {0: [b"a", b"b", b"c"]}


def test_flush_stores_and_the_next_poll_tells(log: Any) -> None:
    producer = log.producer()
    producer.send(batch(b"a"), 1)
    assert producer.flush(1) == 0
    assert producer.poll(0) == [Delivery(1, 0, 1)]


def test_sending_goes_on_from_a_row(log: Any, drain: Any) -> None:
    producer = log.producer()
    assert producer.send(batch(b"a", b"b", b"c"), 1, 1) == 3
    assert producer.poll(0) == [Delivery(1, 1, 3)]
    assert values_of(log, drain) == {0: [b"b", b"c"]}


def test_an_empty_batch_is_nothing(log: Any) -> None:
    producer = log.producer()
    assert producer.send(batch(), 1) == 0
    assert producer.poll(0) == []


def test_a_full_buffer_takes_what_fits(log: Any, drain: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(producer_module, "BUFFER_ROWS_MAX", 3)
    producer = log.producer()
    whole = batch(b"a", b"b", b"c", b"d")
    assert producer.send(whole, 1) == 3
    assert producer.send(whole, 1, 3) == 3
    assert producer.poll(0) == [Delivery(1, 0, 3)]
    assert producer.send(whole, 1, 3) == 4
    producer.poll(0)
    assert values_of(log, drain) == {0: [b"a", b"b", b"c", b"d"]}


def test_the_buffer_is_bounded_in_bytes_but_takes_one_large_row(
    log: Any, drain: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(producer_module, "BUFFER_BYTES_MAX", 1000)
    producer = log.producer()
    large = [bytes([65 + i]) * size for i, size in enumerate((400, 400, 400, 5000, 10))]
    whole = batch(*large)
    stops, row = [], 0
    while row < 5:
        row = producer.send(whole, 1, row)
        stops.append(row)
        producer.poll(0)
    assert stops == [2, 3, 4, 5]
    assert values_of(log, drain) == {0: large}


def test_large_batches_become_several_segments(log: Any, drain: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(lot, "SEGMENT_BYTES_MAX", 2000)
    producer = log.producer()
    values = [b"%05d" % i * (1 + i % 40) for i in range(1200)] + [b"x" * 9000]
    assert producer.send(batch(*values), 1) == len(values)
    assert producer.poll(0) == [Delivery(1, 0, len(values))]
    assert values_of(log, drain) == {0: values}
    with producer._database.read("counting") as connection:
        sizes = connection.execute("SELECT size, count FROM segment").fetchall()
    assert len(sizes) > 50
    assert all(size < 2000 + 4 * count + 100 for size, count in sizes if count > 1)


def test_small_batches_share_a_segment(log: Any, drain: Any) -> None:
    producer = log.producer()
    for i in range(300):
        producer.send(batch(b"%d" % i, keys=None if i % 2 else [b"k"]), i)
    assert len(producer.poll(0)) == 300
    with producer._database.read("counting") as connection:
        assert connection.execute("SELECT count FROM segment").fetchall() == [(300,)]
    assert values_of(log, drain) == {0: [b"%d" % i for i in range(300)]}


def test_small_and_large_batches_stay_in_order(log: Any, drain: Any) -> None:
    producer = log.producer()
    expected: list[bytes] = []
    for size in (1, 2, 600, 3, 4097, 1, 1):
        values = [b"%d" % (len(expected) + i) for i in range(size)]
        assert producer.send(batch(*values), len(expected)) == size
        expected += values
    producer.poll(0)
    assert values_of(log, drain) == {0: expected}


def test_all_columns_are_kept(log: Any, drain: Any) -> None:
    producer = log.producer()
    headers = [[("a", b"1"), ("a", None)], ()]
    producer.send(batch(b"x", None, keys=[None, b"k"], timestamps=[5, None], headers=headers), 1)
    producer.poll(0)
    (fetched,) = drain(log.reader())
    assert (fetched.topic, fetched.partition, fetched.timestamp_type) == ("t", 0, "CreateTime")
    assert list(fetched.offsets) == [0, 1]
    assert list(fetched.keys) == [None, b"k"]
    assert list(fetched.values) == [b"x", None]
    assert list(fetched.timestamps) == [5, log.clock.ms]
    assert [list(one) for one in fetched.headers] == [[("a", b"1"), ("a", None)], []]
    assert fetched.next_offset == 2


def test_rows_go_where_they_are_told_or_by_key(log: Any, drain: Any) -> None:
    log.create("t", 4)
    producer = log.producer()
    keys = [b"a", b"b", None, b"a"]
    wanted = [None, None, 3, 1]
    producer.send(batch(b"0", b"1", b"2", b"3", keys=keys, partitions=wanted), 1)
    producer.send(batch(b"4", b"5", partitions=Repeat(2, 2)), 2)
    assert producer.poll(0) == [Delivery(1, 0, 4), Delivery(2, 0, 2)]
    expected: dict[int, list[bytes]] = {}
    places = [partition_of_key(b"a", 4), partition_of_key(b"b", 4), 3, 1, 2, 2]
    for i, place in enumerate(places):
        expected.setdefault(place, []).append(b"%d" % i)
    assert values_of(log, drain) == expected


def test_a_row_that_can_never_be_stored_is_met_when_it_comes_first(log: Any, drain: Any) -> None:
    producer = log.producer()
    for bad in (
        batch(b"a", "text", b"c"),  # type: ignore[arg-type]
        batch(b"a", b"b", b"c", partitions=[None, 1, 0]),
        batch(b"a", b"b", b"c", partitions=[None, -1, 0]),
        batch(b"a", b"b", b"c", timestamps=[1, 2**70, 1]),
    ):
        assert producer.send(bad, 1) == 1
        with pytest.raises(BrokerError, match="topic 't'"):
            producer.send(bad, 1, 1)
        assert producer.send(bad, 1, 2) == 3
        assert producer.poll(0) == [Delivery(1, 0, 1), Delivery(1, 2, 3)]
    assert values_of(log, drain) == {0: [b"a", b"c"] * 4}


def test_a_record_beyond_the_bound_is_refused(log: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(lot, "RECORD_BYTES_MAX", 1000)
    producer = log.producer()
    bad = batch(b"a" * 900, b"b" * 900, b"c" * 1001, b"d")
    assert producer.send(bad, 1) == 2
    with pytest.raises(BrokerError, match="has 1001 bytes, at most 1000"):
        producer.send(bad, 1, 2)
    assert producer.send(bad, 1, 3) == 4


@pytest.mark.parametrize("name", ["", "a b", "é", "..", "x" * 250, "a\0", "a\n"])
def test_an_illegal_topic_is_refused(log: Any, name: str) -> None:
    with pytest.raises(BrokerError, match="legal name"):
        log.producer().send(batch(b"a", topic=name), 1)


def test_a_missing_topic_is_made_with_one_partition(log: Any) -> None:
    log.producer().send(batch(b"a", topic="new"), 1)
    admin = log.broker.admin({}, client_id="a")
    assert admin.topics(1) == {"new": 1}
    admin.close()


def test_a_full_disk_loses_nothing(log: Any, drain: Any) -> None:
    producer = log.producer()
    producer.send(batch(b"first"), 1)
    producer.poll(0)
    with producer._database.read("filling the disk") as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 1}")
    producer.send(batch(b"x" * 200_000, b"y"), 2)
    producer.send(batch(b"z"), 3)
    with pytest.raises(BrokerError, match="the disk is full; free some space"):
        producer.poll(0)
    told = producer.poll(0)
    assert [(one.token, one.start, one.stop, one.retriable) for one in told] == [
        (2, 0, 2, True),
        (3, 0, 1, True),
    ]
    assert all("disk is full" in one.error for one in told)
    assert values_of(log, drain) == {0: [b"first"]}
    with producer._database.read("freeing the disk") as connection:
        connection.execute("PRAGMA max_page_count=1000000")
    producer.send(batch(b"x" * 200_000, b"y"), 2)
    assert producer.poll(0) == [Delivery(2, 0, 2)]


def test_rows_wait_while_others_hold_the_file_up_to_a_limit(log: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(producer_module, "LOCK_WAIT_MIN_S", 0.001)
    monkeypatch.setattr(producer_module, "TOPIC_LOCK_WAIT_S", 0.001)
    producer, other = log.producer(delivery_timeout_ms="60000"), log.producer()
    producer.send(batch(b"a"), 1)
    producer.poll(0)
    with other._database.write("holding it") as connection:
        connection.execute("SELECT 1")
        producer.send(batch(b"b"), 2)
        assert producer.poll(0) == []
        assert producer.flush(0) == 1
        with pytest.raises(RetriableError):
            producer.send(batch(b"b", topic="new"), 3)
    assert producer.poll(0) == [Delivery(2, 0, 1)]
    with other._database.write("holding it") as connection:
        connection.execute("SELECT 1")
        producer.send(batch(b"c"), 4)
        log.clock.s += 61
        (told,) = producer.poll(0)
    assert (told.token, told.retriable) == (4, True)
    assert "delivery.timeout.ms" in str(told.error)


def test_retention_keeps_the_newest(make_log: Any, drain: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(producer_module, "_TRIM_BYTES_MIN", 1)
    log = make_log("durability=process&retention.bytes=3000")
    producer = log.producer()
    for i in range(20):
        producer.send(batch(b"%02d" % i * 500), i)
        producer.poll(0)
    (fetched,) = drain(log.reader())
    assert list(fetched.values) == [b"%02d" % i * 500 for i in (17, 18, 19)]
    assert list(fetched.offsets) == [17, 18, 19]


def test_retention_deletes_a_backlog_in_portions(
    make_log: Any, drain: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(store, "TRIM_SEGMENTS_MAX", 4)
    whole = make_log("durability=process").producer()
    for i in range(12):
        whole.send(batch(b"%02d" % i * 500), i)
        whole.poll(0)
    log = make_log("durability=process&retention.bytes=0")
    producer = log.producer()
    firsts = []
    for i in range(4):
        producer.send(batch(b"new"), i)
        producer.poll(0)
        firsts.append(drain(log.reader(group=f"g{i}"))[0].offsets[0])
    assert firsts == [4, 8, 12, 15]


def test_close_with_time_stores_and_without_drops(log: Any, drain: Any) -> None:
    one, two = log.producer(), log.producer()
    one.send(batch(b"kept"), 1)
    two.send(batch(b"dropped"), 1)
    one.close(1)
    two.close(0)
    assert one.poll(0) == [Delivery(1, 0, 1)]
    (told,) = two.poll(0)
    assert told.retriable
    one.close(1)
    with pytest.raises(BrokerError, match="closed"):
        one.send(batch(b"late"), 2)
    assert values_of(log, drain) == {0: [b"kept"]}


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"transactional.id": "x"}, "no transactions"),
        ({"delivery.timeout.ms": "soon"}, "number of milliseconds"),
        ({"delivery.timeout.ms": "0"}, "number of milliseconds"),
    ],
)
def test_properties_that_cannot_be_honoured_are_refused(
    log: Any, properties: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        log.broker.producer(properties, client_id="p")


def test_the_log_goes_on_after_it_was_closed(log: Any, drain: Any) -> None:
    for i in range(3):
        producer = log.producer()
        producer.send(batch(b"%d" % i), 1)
        producer.close(1)
    assert values_of(log, drain) == {0: [b"0", b"1", b"2"]}
    assert log.reader(group="other").position(TopicPartition("t", 0)) == 0
