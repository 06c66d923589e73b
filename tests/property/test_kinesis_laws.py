"""What always holds of the parts of the Kinesis source that decide."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ConnectError
from penstock_kinesis._aggregated import MAGIC, deaggregate
from penstock_kinesis._cursor import Cursor, Start
from penstock_kinesis._offsets import Place, StreamName, check_offset, check_partition, read_offset
from penstock_kinesis._pacing import READ_INTERVAL_MIN_S, Pace
from penstock_kinesis._records import Chunk, chunk_of
from penstock_kinesis._shards import Shard, ancestors, assign, from_text, lineage, to_text

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


@st.composite
def streams(draw: st.DrawFn) -> list[list[Shard]]:
    """Return the shards of a stream after each of some splits and merges."""
    count = draw(st.integers(1, 6))
    shards = {f"s{n:04}": Shard(f"s{n:04}") for n in range(count)}
    history = [list(shards.values())]
    for _ in range(draw(st.integers(0, 12))):
        opened = [one.id for one in shards.values() if not one.closed]
        parents = draw(st.permutations(opened))[: draw(st.integers(1, min(2, len(opened))))]
        for name in parents:
            shards[name] = Shard(name, shards[name].parents, closed=True)
        for _ in range(2 if len(parents) == 1 else 1):
            count += 1
            shards[f"s{count:04}"] = Shard(f"s{count:04}", tuple(parents))
        if draw(st.booleans()):  # the oldest closed one is past retention
            closed = [one.id for one in shards.values() if one.closed]
            del shards[closed[0]]
        history.append(list(shards.values()))
    return history


@given(streams(), st.integers(1, 8))
def test_every_shard_has_one_task_and_open_ones_are_even(
    history: list[list[Shard]], tasks: int
) -> None:
    before: dict[str, int] = {}
    for shards in history:
        placed = assign(shards, tasks, before)
        assert placed == assign(list(reversed(shards)), tasks, before)
        assert set(placed) == {shard.id for shard in shards}
        assert set(placed.values()) <= set(range(tasks))
        opened = [0] * tasks
        for shard in shards:
            opened[placed[shard.id]] += not shard.closed
        assert max(opened) - min(opened) <= 1
        before = placed


@given(streams(), st.integers(1, 8))
def test_shards_stay_where_they_are_when_nothing_changes(
    history: list[list[Shard]], tasks: int
) -> None:
    placed = assign(history[-1], tasks)
    assert assign(history[-1], tasks, placed) == placed


@given(streams())
def test_lineage_survives_the_way_to_the_task(history: list[list[Shard]]) -> None:
    shards = {shard.id: shard for shard in history[-1]}
    for name, shard in shards.items():
        told = from_text(to_text(lineage(shards, [name])))
        assert ancestors(told, name) == ancestors(shards, name)
        assert told[name] == shard


# Aggregated records, written by hand as the producer library writes them.


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def aggregated(users: list[tuple[str, bytes]]) -> bytes:
    keys = sorted({key for key, _ in users})
    message = b"".join(field(1, key.encode()) for key in keys)
    for key, data in users:
        message += field(3, field(1, keys.index(key)) + field(3, data))
    return MAGIC + message + hashlib.md5(message, usedforsecurity=False).digest()


USERS = st.lists(st.tuples(st.text(min_size=1, max_size=8), st.binary(max_size=20)), min_size=1)


@given(USERS)
def test_aggregated_records_come_apart(users: list[tuple[str, bytes]]) -> None:
    found = deaggregate(aggregated(users))
    assert found is not None
    assert [(user.key, user.data) for user in found] == users


@given(USERS, st.integers(min_value=0), st.integers(1, 255))
def test_one_wrong_byte_makes_it_a_plain_record(
    users: list[tuple[str, bytes]], at: int, flip: int
) -> None:
    data = bytearray(aggregated(users))
    data[at % len(data)] ^= flip
    assert deaggregate(bytes(data)) is None


@given(st.binary(max_size=60))
def test_any_message_with_a_right_digest_is_read_or_plain(message: bytes) -> None:
    digest = hashlib.md5(message, usedforsecurity=False).digest()
    found = deaggregate(MAGIC + message + digest)
    assert found is None or len(found) > 0


def record(number: int, data: bytes) -> dict[str, Any]:
    return {
        "SequenceNumber": str(number),
        "Data": data,
        "PartitionKey": "k",
        "ApproximateArrivalTimestamp": NOW,
    }


RECORDS = st.lists(st.one_of(st.binary(max_size=4), USERS), min_size=1, max_size=8)


@given(RECORDS, st.data())
def test_a_stop_at_any_row_goes_on_with_the_next(content: list[Any], data: st.DataObject) -> None:
    """Stored after any user record, the source reads what follows, each row once."""
    records = [
        record(n * 10 + 10, one if isinstance(one, bytes) else aggregated(one))
        for n, one in enumerate(content)
    ]
    whole = read(records, Place())
    if not len(whole):
        return
    row = data.draw(st.integers(0, len(whole) - 1))
    place = read_offset(whole.offsets[row], 7)
    assert place is not None
    at = int(place.sequence or 0) - (place.sub is not None)
    rest = read([one for one in records if int(one["SequenceNumber"]) > at], place)
    assert whole.data[: row + 1] + rest.data == whole.data
    assert whole.offsets[row + 1 :] == rest.offsets


@given(RECORDS, st.integers(0, 10))
def test_what_is_read_again_comes_once(content: list[Any], again: int) -> None:
    records = [
        record(n * 10 + 10, one if isinstance(one, bytes) else aggregated(one))
        for n, one in enumerate(content)
    ]
    cursor = Cursor("s", Start())
    whole = chunk_of(records, cursor, {}, 7, has_aggregates=True)
    more = chunk_of(records[again:], cursor, {}, 7, has_aggregates=True)
    assert len(more) == 0
    assert whole.place == cursor.place == Place(records[-1]["SequenceNumber"])


def read(records: list[dict[str, Any]], place: Place) -> Chunk:
    return chunk_of(records, Cursor("s", Start(), place), {}, 7, has_aggregates=True)


@given(st.integers(1, 20), st.integers(1, 30))
def test_a_cut_chunk_loses_nothing(rows: int, cut: int) -> None:
    chunk = read([record(n, b"%d" % n) for n in range(1, rows + 1)], Place())
    held = chunk.held
    first = chunk.cut(cut)
    assert len(first) == min(cut, rows)
    assert first.sequences + chunk.sequences == [str(n) for n in range(1, rows + 1)]
    assert first.held + chunk.held == held


# Iterators.

PLACES = st.builds(
    Place,
    sequence=st.none() | st.integers(0, 1 << 185).map(str),
    timestamp_ms=st.none() | st.integers(0, 1 << 42),
)
STARTS = st.builds(Start, timestamp_ms=st.none() | st.integers(0, 1 << 42))


@given(PLACES, STARTS)
def test_an_expired_iterator_goes_on_after_the_last_read_and_never_at_the_latest(
    place: Place, start: Start
) -> None:
    cursor = Cursor("s", start, place, iterator="old")
    cursor.expired()
    assert cursor.iterator is None
    request = cursor.iterator_request()
    assert request["ShardIteratorType"] != "LATEST"
    if place.sequence is not None:
        assert request == {
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "StartingSequenceNumber": place.sequence,
        }
    elif place.timestamp_ms is not None or start.timestamp_ms is not None:
        asked_ms = place.timestamp_ms if place.timestamp_ms is not None else start.timestamp_ms
        assert request["ShardIteratorType"] == "AT_TIMESTAMP"
        assert asked_ms == round(request["Timestamp"].timestamp() * 1000)
    else:
        assert request == {"ShardIteratorType": "TRIM_HORIZON"}


# Offsets.

FULL_PLACES = st.builds(
    Place,
    sequence=st.integers(0, 1 << 185).map(str),
    sub=st.none() | st.integers(0, 1000),
    finished=st.booleans(),
) | st.builds(Place, timestamp_ms=st.integers(0, 1 << 42), finished=st.booleans())


@given(FULL_PLACES, st.none() | st.integers(0, 1 << 42))
def test_offsets_tell_their_place(place: Place, created_ms: int | None) -> None:
    offset = place.offset(created_ms)
    assert read_offset(offset, created_ms) == place
    check_offset(offset)


@given(FULL_PLACES, st.integers(0, 1 << 42), st.integers(1, 1000))
def test_offsets_of_a_deleted_stream_are_none(place: Place, created_ms: int, later: int) -> None:
    assert read_offset(place.offset(created_ms), created_ms + later) is None


@pytest.mark.parametrize("offset", [{"sequenceNumber": "12"}, {"seqNum": "12"}])
def test_older_offsets_are_read(offset: dict[str, str]) -> None:
    assert read_offset(offset, 7) == Place("12")


@pytest.mark.parametrize(
    "offset",
    [
        {"sequenceNumber": 12},
        {"sequenceNumber": "x"},
        {"sequenceNumber": "1", "subSequenceNumber": -1},
        {"sequenceNumber": "1", "finished": "yes"},
        {"streamCreated": 5},
    ],
)
def test_offsets_without_sense_are_refused(offset: dict[str, Any]) -> None:
    with pytest.raises(ConnectError, match="cannot be used"):
        read_offset(offset, 5)


@pytest.mark.parametrize(
    "partition", [{}, {"shardId": "s", "more": "x"}, {"region": "r", "stream": "s", "shardId": ""}]
)
def test_partitions_without_sense_are_refused(partition: dict[str, Any]) -> None:
    with pytest.raises(ConnectError, match="Partition objects"):
        check_partition(partition)


def test_partitions_of_every_form_are_taken() -> None:
    for partition in (
        {"shardId": "s"},
        {"shard": "stream/s"},
        StreamName("s", "r").partition("s1"),
        StreamName("s", "r", "arn", "1").partition("s1"),
    ):
        check_partition(partition)


# Pacing.


@given(
    st.lists(
        st.sampled_from(["throttled", "failed"])
        | st.tuples(st.integers(0, 10_000_000), st.integers(0, 1000)),
        max_size=60,
    ),
    st.floats(0, 1),
)
def test_pace_keeps_the_limits_of_a_shard(events: list[Any], random: float) -> None:
    pace = Pace(0.25, 10.0, lambda low, high: low + (high - low) * random)
    for event in events:
        if isinstance(event, tuple):
            size, behind_ms = event
            wait_s = pace.read(size, behind_ms)
            assert wait_s >= size / 2_000_000
            assert wait_s <= max(size / 2_000_000, 0.25, 8 * READ_INTERVAL_MIN_S)
        else:
            wait_s = pace.throttled() if event == "throttled" else pace.failed()
            assert wait_s <= 10.0
        assert wait_s >= READ_INTERVAL_MIN_S


def test_refusals_make_reads_rarer_and_success_makes_them_as_before() -> None:
    pace = Pace(0.2, 10.0, lambda _low, high: high)
    assert [pace.throttled() for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0]
    assert pace.read(0, 5) > 1.0
    for _ in range(60):
        pace.read(0, 5)
    assert pace.read(0, 5) == READ_INTERVAL_MIN_S
