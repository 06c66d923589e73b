from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from penstock.data import TopicPartition
from penstock.errors import BrokerError, ConfigError, RetriableError
from penstock.runtime.broker import EncodedBatch, TopicSpec
from penstock.runtime.clock import SystemClock
from penstock.runtime.embedded import EmbeddedBroker
from penstock.runtime.embedded import reader as reader_module

T0 = TopicPartition("t", 0)


def put(log: Any, *values: bytes, topic: str = "t", partition: int = 0, each: bool = False) -> None:
    """Append values, in one batch or in a batch (and a segment) each."""
    producer = log.producer()
    for one in [[value] for value in values] if each else [list(values)]:
        producer.send(EncodedBatch(topic, one, partitions=[partition] * len(one)), 1)
        producer.poll(0)
    producer.close(1)


def numbers(first: int, last: int) -> list[bytes]:
    return [b"%d" % i for i in range(first, last)]


def test_a_consumer_is_told_of_its_partitions_before_it_reads(log: Any, told: Any) -> None:
    put(log, b"a")
    consumer = log.consumer()
    consumer.subscribe(["t"], told.listener)
    assert consumer.position(T0) is None
    # The poll that assigns returns nothing, so that the caller may seek first.
    assert consumer.poll(10, 0) == ()
    assert told.take() == ["+t-0"]
    assert consumer.position(T0) == 0
    (batch,) = consumer.poll(10, 0)
    assert batch.values == [b"a"]
    assert consumer.position(T0) == 1


def test_polls_slice_and_join_segments(log: Any) -> None:
    put(log, *numbers(0, 7))
    put(log, *numbers(7, 20), each=True)
    consumer = log.reader()
    sizes, read, offsets = [], [], []
    while batches := consumer.poll(4, 0):
        (one,) = batches
        sizes.append(len(one))
        read += one.values
        offsets += one.offsets
        assert one.next_offset == offsets[-1] + 1
    assert read == numbers(0, 20)
    assert offsets == list(range(20))
    assert max(sizes) == 4


def test_partitions_take_turns(log: Any) -> None:
    log.create("t", 2)
    put(log, *numbers(0, 10), partition=0)
    put(log, *numbers(0, 10), partition=0)
    put(log, b"x", partition=1)
    consumer = log.reader()
    order: list[int] = []
    while batches := consumer.poll(5, 0):
        order += [one.partition for one in batches]
    # The other partition comes when the first segment is used up, not after the whole backlog.
    assert order == [0, 0, 1, 0, 0, 0]


def test_one_poll_is_bounded_in_bytes(log: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(reader_module, "FETCH_BYTES_MAX", 2000)
    put(log, *[b"x" * 900] * 10, each=True)
    consumer = log.reader()
    sizes = []
    while batches := consumer.poll(1000, 0):
        sizes.append(sum(map(len, batches)))
    assert sizes == [3, 3, 3, 1]


def test_positions_are_kept_for_the_group(log: Any) -> None:
    put(log, *numbers(0, 10))
    consumer = log.reader()
    consumer.poll(4, 0)
    consumer.commit({T0: 4}, 1)
    assert consumer.committed([T0, TopicPartition("t", 9)], 1) == {T0: 4}
    consumer.close(1)
    again, other = log.reader(), log.reader(group="other")
    assert again.position(T0) == 4
    assert again.poll(100, 0)[0].values == numbers(4, 10)
    assert other.position(T0) == 0


@pytest.mark.parametrize(("place", "offset"), [(("t", 7), 1), (("u", 0), 1), (("t", 0), -1)])
def test_a_position_that_makes_no_sense_is_refused(
    log: Any, place: tuple[str, int], offset: int
) -> None:
    put(log, b"a")
    with pytest.raises(BrokerError, match="nothing is stored"):
        log.reader().commit({T0: 1, TopicPartition(*place): offset}, 1)


def test_seek_goes_back_and_forth(log: Any) -> None:
    put(log, *numbers(0, 10))
    consumer = log.reader()
    consumer.poll(4, 0)
    for offset in (2, 9, 0, 10):
        consumer.seek(T0, offset)
        assert consumer.position(T0) == offset
        read = [value for one in consumer.poll(100, 0) for value in one.values]
        assert read == numbers(offset, 10)
    with pytest.raises(BrokerError, match="not assigned"):
        consumer.seek(TopicPartition("t", 1), 0)


def test_an_offset_out_of_range_is_reset_as_configured(log: Any, told: Any, drain: Any) -> None:
    put(log, *numbers(0, 3))
    consumer = log.reader()
    consumer.seek(T0, 77)
    assert [value for one in drain(consumer) for value in one.values] == numbers(0, 3)
    latest = log.consumer("latest", auto_offset_reset="latest")
    latest.subscribe(["t"], told.listener)
    latest.poll(1, 0)
    latest.seek(T0, 77)
    assert not latest.poll(1, 0)
    assert latest.position(T0) == 3
    strict = log.consumer("strict", auto_offset_reset="none")
    strict.subscribe(["t"], told.listener)
    with pytest.raises(BrokerError, match=r"auto\.offset\.reset"):
        strict.poll(1, 0)


def test_latest_begins_at_the_end_once_for_the_group(log: Any, told: Any) -> None:
    put(log, *numbers(0, 3))
    first = log.consumer(auto_offset_reset="latest")
    first.subscribe(["t"], told.listener)
    first.poll(1, 0)
    first.close(1)
    put(log, b"new")
    second = log.consumer(auto_offset_reset="latest")
    second.subscribe(["t"], told.listener)
    second.poll(1, 0)
    (batch,) = second.poll(1, 0)
    assert batch.values == [b"new"]


def test_paused_partitions_are_left_out(log: Any) -> None:
    log.create("t", 2)
    put(log, *numbers(0, 10), partition=0)
    put(log, *numbers(0, 10), partition=1)
    consumer = log.reader()
    consumer.poll(3, 0)
    other = TopicPartition("t", 1)
    consumer.pause([T0, TopicPartition("t", 5)])
    read = [one for _ in range(6) for one in consumer.poll(5, 0)]
    assert {one.partition for one in read} == {1}
    consumer.pause([other])
    assert not consumer.poll(5, 0)
    consumer.resume([T0, other])
    (batch,) = consumer.poll(100, 0)
    assert (batch.partition, batch.values) == (0, numbers(3, 10))


def test_partitions_move_with_their_positions(log: Any, make_told: Any) -> None:
    log.create("t", 2)
    put(log, *numbers(0, 10), partition=0)
    put(log, *numbers(0, 10), partition=1)
    a, b = log.consumer(), log.consumer()
    tell_a, tell_b = make_told(), make_told()
    a.subscribe("t.*", tell_a.listener)
    b.subscribe("t.*", tell_b.listener)
    a.poll(1, 0)
    assert tell_a.take() == ["+t-0", "+t-1"]
    seen = {one.partition: one.next_offset for one in a.poll(15, 0)}
    tell_a.on_revoked = lambda gone: a.commit({one: seen[one.partition] for one in gone}, 1)
    b.poll(1, 0)
    assert tell_b.take() == []
    a.poll(1, 0)
    (gone,) = tell_a.take()
    b.poll(1, 0)
    assert tell_b.take() == [gone.replace("-", "+", 1)]
    moved = TopicPartition("t", int(gone[-1]))
    assert b.position(moved) == seen[moved.partition]
    with pytest.raises(RetriableError):
        a.commit({moved: 10}, 1)


def test_an_expelled_consumer_loses_its_partitions_and_joins_again(log: Any, told: Any) -> None:
    put(log, *numbers(0, 10))
    consumer = log.consumer()
    consumer.subscribe(["t"], told.listener)
    consumer.poll(1, 0)
    consumer.poll(4, 0)
    consumer.commit({T0: 2}, 1)
    other = log.producer()
    with other._database.write("expelling it") as connection:
        connection.execute("DELETE FROM member")
    log.clock.s += 100
    assert consumer.poll(4, 0) == ()
    assert told.take() == ["+t-0", "!t-0"]
    assert consumer.position(T0) is None
    with pytest.raises(RetriableError, match="no member at the moment"):
        consumer.commit({T0: 4}, 1)
    assert consumer.poll(4, 0) == ()
    assert told.take() == ["+t-0"]
    # What was not committed comes again, also what had been loaded before.
    assert consumer.poll(100, 0)[0].values == numbers(2, 10)


def test_closing_does_not_wait_for_those_who_hold_the_file(log: Any, caplog: Any) -> None:
    put(log, b"a")
    producer, consumer = log.producer(), log.reader()
    with producer._database.write("holding it"):
        consumer.close(0)
    assert "will notice by themselves" in caplog.text


def test_a_listener_that_fails_fails_the_poll(log: Any, told: Any) -> None:
    def fail(places: Any) -> None:
        raise RetriableError("task says no")

    put(log, b"a")
    consumer = log.consumer()
    told.listener.on_assigned = fail
    consumer.subscribe(["t"], told.listener)
    with pytest.raises(RetriableError, match="task says no"):
        consumer.poll(1, 0)


def test_others_that_hold_the_file_are_waited_for(log: Any, told: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("penstock.runtime.embedded.membership.POLL_LOCK_WAIT_S", 0.001)
    put(log, b"a")
    producer = log.producer()
    consumer = log.consumer()
    consumer.subscribe(["t"], told.listener)
    with producer._database.write("holding it"):
        assert consumer.poll(1, 0) == ()
        assert told.take() == []
    consumer.poll(1, 0)
    assert told.take() == ["+t-0"]


def test_a_damaged_segment_is_named(log: Any) -> None:
    put(log, *numbers(0, 3))
    put(log, *numbers(3, 5))
    consumer = log.reader()
    with consumer._database.write("damaging it") as connection:
        connection.execute("UPDATE segment SET data = zeroblob(50) WHERE base = 3")
    assert consumer.poll(9, 0)[0].values == numbers(0, 3)
    with pytest.raises(BrokerError, match=r"'t' partition 0: the segment of offsets 3 to 4 is dam"):
        consumer.poll(3, 0)


def test_polling_wakes_for_news_and_for_wakeup(log: Any, told: Any) -> None:
    broker = EmbeddedBroker(str(log.path), clock=SystemClock())
    consumer = broker.consumer({}, client_id="c", group_id="g")
    consumer.subscribe(["t"], told.listener)
    assert consumer.poll(1, 0) == ()
    timer = threading.Timer(0.02, consumer.wakeup)
    timer.start()
    begun = time.monotonic()
    assert consumer.poll(1, 30) == ()
    timer.join()
    timer = threading.Timer(0.02, put, (log, b"a"))
    timer.start()
    assert consumer.poll(1, 30) == ()  # assigned
    assert consumer.poll(1, 30)[0].values == [b"a"]
    timer.join()
    assert time.monotonic() - begun < 10
    consumer.wakeup()
    assert consumer.poll(1, 30) == ()
    consumer.close(1)


def test_a_closed_consumer_does_nothing_more(log: Any) -> None:
    put(log, b"a")
    consumer = log.reader()
    consumer.close(1)
    consumer.close(1)
    assert consumer.poll(1, 30) == ()
    with pytest.raises(BrokerError, match="closed"):
        consumer.commit({T0: 1}, 1)
    with pytest.raises(BrokerError, match="closed"):
        consumer.committed([T0], 1)


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"auto.offset.reset": "earlyest"}, "did you mean 'earliest'"),
        ({"auto.offset.reset": "by_duration:PT1H"}, "the embedded log knows"),
        ({"session.timeout.ms": "-1"}, "number of milliseconds"),
        ({"max.poll.interval.ms": "9999999999999"}, "number of milliseconds"),
    ],
)
def test_properties_that_cannot_be_honoured_are_refused(
    log: Any, properties: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        log.broker.consumer(properties, client_id="c", group_id="g")


def test_names_that_cannot_be_stored_are_refused(log: Any) -> None:
    for group in ("", "a\0", "\ud800"):
        with pytest.raises(ConfigError, match=r"group\.id"):
            log.broker.consumer({}, client_id="c", group_id=group)


def test_a_wrong_pattern_is_refused(log: Any, told: Any) -> None:
    with pytest.raises(ConfigError, match=r"topics\.regex"):
        log.consumer().subscribe("t(", told.listener)


def test_admin_tells_a_stable_id_and_creates_what_is_missing(log: Any) -> None:
    admin = log.broker.admin({}, client_id="a")
    found = admin.cluster_id(1)
    assert len(found) == 22
    assert admin.create_topics([TopicSpec("a", 3), TopicSpec("b", -1)], 1) == ["a", "b"]
    assert admin.create_topics([TopicSpec("a", 5), TopicSpec("c", 2)], 1) == ["c"]
    with pytest.raises(BrokerError, match="partitions must be"):
        admin.create_topics([TopicSpec("d"), TopicSpec("e", 0)], 1)
    with pytest.raises(BrokerError, match="legal name"):
        admin.create_topics([TopicSpec("d"), TopicSpec("e e")], 1)
    assert admin.topics(1) == {"a": 3, "b": 1, "c": 2}
    admin.close()
    admin.close()
    assert admin.cluster_id(1) == found
    admin.close()
