"""A log in a temporary folder, a clock that tests move, and listeners that remember."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs
import pytest

from penstock.data import TopicPartition
from penstock.runtime.broker import Assignment, Consumer, FetchedBatch, Producer, TopicSpec
from penstock.runtime.embedded import EmbeddedBroker


@attrs.define
class FakeClock:
    ms: int = 1_700_000_000_000
    s: float = 1000.0

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.s


class Told:
    """A listener that notes what it is told, as ``+topic-0`` (assigned), ``-`` and ``!`` (lost)."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.on_revoked: Callable[[Sequence[TopicPartition]], None] = lambda _: None
        self.listener = Assignment(self._assigned, self._revoked, self._lost)

    def _note(self, sign: str, places: Sequence[TopicPartition]) -> None:
        self.events += [f"{sign}{one.topic}-{one.partition}" for one in places]

    def _assigned(self, places: Sequence[TopicPartition]) -> None:
        self._note("+", places)

    def _revoked(self, places: Sequence[TopicPartition]) -> None:
        self.on_revoked(places)
        self._note("-", places)

    def _lost(self, places: Sequence[TopicPartition]) -> None:
        self._note("!", places)

    def take(self) -> list[str]:
        events, self.events = self.events, []
        return events


class Log:
    """Makes clients of one file and closes them at the end."""

    def __init__(self, path: Path, options: str = "durability=process") -> None:
        self.path = path
        self.clock = FakeClock()
        self.broker = EmbeddedBroker(f"embedded:{path}?{options}", clock=self.clock)
        self._made: list[Producer | Consumer] = []

    def producer(self, **properties: str) -> Producer:
        dotted = {key.replace("_", "."): value for key, value in properties.items()}
        self._made.append(self.broker.producer(dotted, client_id="p"))
        return self._made[-1]

    def consumer(self, group: str = "g", **properties: str) -> Consumer:
        dotted = {key.replace("_", "."): value for key, value in properties.items()}
        self._made.append(self.broker.consumer(dotted, client_id="c", group_id=group))
        return self._made[-1]

    def reader(self, topics: Sequence[str] | str = ("t",), group: str = "g") -> Consumer:
        """Return a consumer that has its partitions."""
        consumer = self.consumer(group)
        consumer.subscribe(topics, Told().listener)
        assert not consumer.poll(1, 0)
        return consumer

    def create(self, name: str, partitions: int) -> None:
        admin = self.broker.admin({}, client_id="a")
        assert admin.create_topics([TopicSpec(name, partitions)], 1) == [name]
        admin.close()

    def close(self) -> None:
        for client in self._made:
            client.close(0)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "log.db")
    yield made
    made.close()


@pytest.fixture
def make_log(tmp_path: Path) -> Iterator[Callable[[str], Log]]:
    made: list[Log] = []

    def make(options: str) -> Log:
        made.append(Log(tmp_path / "log.db", options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def make_told() -> type[Told]:
    return Told


@pytest.fixture
def drain() -> Callable[[Consumer], list[FetchedBatch]]:
    def read(consumer: Consumer) -> list[FetchedBatch]:
        found: list[FetchedBatch] = []
        while batches := consumer.poll(1000, 0):
            found += batches
        return found

    return read
