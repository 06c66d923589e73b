"""The embedded log against a model: what is read is what was appended, whatever happens between."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from penstock.data import Repeat, TopicPartition
from penstock.errors import RetriableError
from penstock.runtime.broker import Assignment, EncodedBatch, TopicSpec
from penstock.runtime.embedded import EmbeddedBroker
from penstock.runtime.embedded.address import parse_address
from penstock.runtime.embedded.database import Database
from penstock.runtime.embedded.group import Subscription, assign
from penstock.runtime.embedded.liveness import Process
from penstock.runtime.embedded.membership import Membership
from penstock.runtime.embedded.segment import Rows, join_rows, pack, unpack
from penstock.runtime.embedded.settings import ConsumerSettings, OffsetReset

STRINGS = st.none() | st.binary(max_size=8)
HEADERS = st.lists(st.tuples(st.text("aé\ud800", max_size=3), STRINGS), max_size=2)
STAMPS = st.integers(-(2**63), 2**63 - 1)


@st.composite
def some_rows(draw: st.DrawFn) -> Rows:
    n = draw(st.integers(1, 7))

    def column(values: st.SearchStrategy[Any]) -> Any:
        return draw(st.lists(values, min_size=n, max_size=n))

    return Rows(
        values=column(STRINGS),
        keys=column(STRINGS) if draw(st.booleans()) else None,
        timestamps=column(STAMPS) if draw(st.booleans()) else Repeat(draw(STAMPS), n),
        headers=column(HEADERS) if draw(st.booleans()) else None,
    )


def plain(rows: Rows) -> list[tuple[object, ...]]:
    n = len(rows)
    keys = rows.keys or [None] * n
    headers = [list(one) for one in rows.headers or [()] * n]
    return list(zip(rows.values, keys, rows.timestamps, headers, strict=True))


@given(some_rows(), st.data())
def test_a_segment_gives_back_any_part_of_its_rows(rows: Rows, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(rows)))
    stop = data.draw(st.integers(start, len(rows)))
    segment = unpack(pack(rows))
    assert segment.count == len(rows)
    assert plain(segment.rows(start, stop)) == plain(rows)[start:stop]


@given(st.lists(some_rows(), min_size=1, max_size=4))
def test_joined_rows_are_all_rows_in_order(parts: list[Rows]) -> None:
    assert plain(join_rows(parts)) == [row for part in parts for row in plain(part)]


@given(st.binary(max_size=60))
def test_no_bytes_crash_the_decoder(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        unpack(data)


WISHES = st.dictionaries(
    st.sampled_from("abcdef"), st.frozensets(st.sampled_from("tuv")), max_size=6
)
TOPICS = st.dictionaries(st.sampled_from("tuv"), st.integers(1, 7), max_size=3)


@given(WISHES, WISHES, TOPICS)
def test_every_wanted_partition_has_one_reader_who_wants_it(
    before: dict[str, frozenset[str]], after: dict[str, frozenset[str]], topics: dict[str, int]
) -> None:
    target = assign(after, topics, assign(before, topics, {}))
    wanted = {
        TopicPartition(topic, part)
        for topic, n in topics.items()
        for part in range(n)
        if any(topic in wish for wish in after.values())
    }
    assert target.keys() == wanted
    assert all(place.topic in after[who] for place, who in target.items())
    # Asked again, nothing moves.
    assert assign(after, topics, target) == target


@given(
    st.frozensets(st.sampled_from("abcdef"), min_size=1),
    st.frozensets(st.sampled_from("abcdef"), min_size=1),
    st.integers(1, 20),
)
def test_equal_members_are_balanced_and_little_moves(
    before: frozenset[str], after: frozenset[str], n: int
) -> None:
    wish = frozenset("t")
    first = assign(dict.fromkeys(before, wish), {"t": n}, {})
    second = assign(dict.fromkeys(after, wish), {"t": n}, first)
    loads = [list(second.values()).count(who) for who in after]
    assert max(loads) - min(loads) <= 1
    moved = sum(first[place] != who for place, who in second.items())
    least = sum(
        max(0, list(first.values()).count(who) - (-(-n // len(after)))) for who in before & after
    ) + sum(who not in after for who in first.values())
    newcomers = sum(n // len(after) for who in after - before)
    assert moved <= max(least, newcomers) + len(after)


class Clock:
    ms = 1_700_000_000_000
    s = 1000.0

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.s


class AppendAndRead(RuleBasedStateMachine):
    """Producers and readers come and go; a list for each partition is the model."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.broker = EmbeddedBroker(
            f"embedded:{self.folder / 'log.db'}?durability=process", clock=self.clock
        )
        self.log: dict[tuple[str, int], list[bytes]] = {}
        self.sent: dict[Any, list[tuple[tuple[str, int], bytes, int]]] = {}
        self.number = 0
        self.readers = 0

    @initialize()
    def topics(self) -> None:
        admin = self.broker.admin({}, client_id="a")
        admin.create_topics([TopicSpec("one", 1), TopicSpec("many", 3)], 1)
        admin.close()

    producers = Bundle("producers")

    @rule(target=producers)
    def open_producer(self) -> Any:
        made = self.broker.producer({}, client_id="p")
        self.sent[made] = []
        return made

    @rule(
        producer=producers,
        place=st.sampled_from([("one", 0), ("many", 0), ("many", 2), ("new", 0)]),
        count=st.sampled_from([1, 2, 5, 700]),
    )
    def send(self, producer: Any, place: tuple[str, int], count: int) -> None:
        values = [b"%d" % (self.number + i) for i in range(count)]
        batch = EncodedBatch(place[0], values, partitions=[place[1]] * count)
        assert producer.send(batch, self.number) == count
        self.sent[producer] += [(place, value, self.number) for value in values]
        self.number += count

    @rule(producer=producers)
    def poll(self, producer: Any) -> None:
        told = producer.poll(0)
        assert all(one.error is None for one in told)
        sent = self.sent[producer]
        assert sum(one.stop - one.start for one in told) == len(sent)
        assert {one.token for one in told} == {token for _, _, token in sent}
        self.acknowledge(producer)

    def acknowledge(self, producer: Any) -> None:
        for place, value, _ in self.sent[producer]:
            self.log.setdefault(place, []).append(value)
        self.sent[producer] = []

    @rule(producer=consumes(producers), flush=st.booleans())
    def close_producer(self, producer: Any, flush: bool) -> None:
        producer.close(1 if flush else 0)
        if flush:
            self.acknowledge(producer)
        del self.sent[producer]

    @rule(max_records=st.sampled_from([1, 3, 100, 5000]))
    def read_everything(self, max_records: int) -> None:
        self.readers += 1
        consumer = self.broker.consumer({}, client_id="c", group_id=f"g{self.readers}")
        consumer.subscribe(".*", Assignment(*[lambda _: None] * 3))
        assert not consumer.poll(1, 0)
        if max_records < 100:
            for place, values in self.log.items():
                consumer.seek(TopicPartition(*place), max(0, len(values) - 20))
        found: dict[tuple[str, int], list[bytes]] = {}
        while batches := consumer.poll(max_records, 0):
            assert sum(map(len, batches)) <= max_records
            for one in batches:
                place = (one.topic, one.partition)
                first = one.offsets[0]
                assert list(one.values) == self.log[place][first : first + len(one)]
                found.setdefault(place, []).extend(one.values)
        expected = {
            place: values[-20:] if max_records < 100 else values
            for place, values in self.log.items()
        }
        assert found == expected
        consumer.close(1)

    def teardown(self) -> None:
        for producer in self.sent:
            producer.close(0)
        shutil.rmtree(self.folder)


class OneOwner(RuleBasedStateMachine):
    """Members join, leave, die, sleep and wake; no two living ones ever hold one partition."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.address = parse_address(f"{self.folder / 'log.db'}?durability=process")
        self.clock = Clock()
        self.alive: dict[int, Membership] = {}
        self.databases: list[Database] = []
        self.count = 0
        self.polled: dict[int, float] = {}
        admin = EmbeddedBroker(str(self.folder / "log.db")).admin({}, client_id="a")
        admin.create_topics([TopicSpec("t", 5)], 1)
        admin.close()

    members = Bundle("members")

    @rule(target=members)
    def join(self) -> int:
        self.count += 1
        number = self.count
        database = Database(self.address)
        self.databases.append(database)
        self.alive[number] = Membership(
            database,
            group_id="g",
            client_id=f"c{number}",
            settings=ConsumerSettings(OffsetReset.EARLIEST, 30, 300),
            clock=self.clock,
            process=lambda: Process("boot", "ns", number, 1),
            is_running=lambda process, _: process.pid in self.alive,
        )
        self.alive[number].subscribe(Subscription(names=("t",)))
        self.look(number)
        return number

    @rule(number=members)
    def look(self, number: int) -> None:
        member = self.alive.get(number)
        if member is None:
            return
        change = member.look(self.databases[number - 1].version())
        self.polled[number] = self.clock.s
        if change.revoked:
            member.let_go(change.revoked)
        if change.claimable:
            member.claim()

    @rule(number=members)
    def commit(self, number: int) -> None:
        """Whoever may commit is the owner: nobody else holds the partition in good faith."""
        member = self.alive.get(number)
        if member is None:
            return
        for place in sorted(member.held):
            with contextlib.suppress(RetriableError):
                member.commit({place: number})
                self.polled[number] = self.clock.s
                assert member.committed([place]) == {place: number}

    @rule(number=consumes(members))
    def leave(self, number: int) -> None:
        member = self.alive.pop(number, None)
        if member is not None:
            member.leave(1)

    @rule(number=consumes(members))
    def die(self, number: int) -> None:
        self.alive.pop(number, None)

    @rule(seconds=st.sampled_from([0.5, 2, 40, 301]))
    def wait(self, seconds: float) -> None:
        self.clock.s += seconds

    @invariant()
    def one_owner(self) -> None:
        """Among those that polled within max.poll.interval.ms: others may not know better yet."""
        held = [
            place
            for number, member in self.alive.items()
            if self.clock.s - self.polled[number] <= 300
            for place in member.held
        ]
        assert len(held) == len(set(held))

    def teardown(self) -> None:
        # In the end the living share everything.
        for _ in range(6):
            self.clock.s += 2
            for number in list(self.alive):
                self.look(number)
        loads = [len(member.held) for member in self.alive.values()]
        if loads:
            assert sum(loads) == 5
            assert max(loads) - min(loads) <= 1
        for database in self.databases:
            database.close()
        shutil.rmtree(self.folder)


# Each example is dozens of steps on real files: fewer of them than of the pure tests, and still
# more where the profile asks for more.
EXAMPLES = max(12, settings.default.max_examples // 4) if settings.default else 12
TestAppendAndRead = AppendAndRead.TestCase
TestAppendAndRead.settings = settings(max_examples=EXAMPLES, stateful_step_count=25)
TestOneOwner = OneOwner.TestCase
TestOneOwner.settings = settings(max_examples=EXAMPLES, stateful_step_count=40)
