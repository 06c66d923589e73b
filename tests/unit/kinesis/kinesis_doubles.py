"""The runtime's side of the Kinesis connectors, for tests: a context that keeps offsets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.api import SourceConnector, SourceTask
from penstock.data import Batch, SourceOrigin
from penstock_kinesis import KinesisSourceConnector

KEYS = {
    "topic": "t",
    "region": "eu-west-1",
    "access.key.id": "test",
    "secret.access.key": "test",
    "kinesis.poll.interval.ms": "200",
    "kinesis.shard.monitor.ms": "100",
}


class Store(dict[str, dict[str, Any]]):
    """Stored offsets by the text of their partition."""

    def keep(self, batch: Batch) -> None:
        """Store what the runtime would store if every record were acknowledged."""
        origin = batch.origin
        assert isinstance(origin, SourceOrigin)
        for partition, offset in zip(origin.partitions, origin.offsets, strict=True):
            assert partition is not None
            assert offset is not None
            self[json.dumps(dict(partition), sort_keys=True)] = dict(offset)

    def of(self, shard: str) -> dict[str, Any] | None:
        return next((offset for text, offset in self.items() if shard in text), None)


class Context:
    """Both contexts of a connector and of its tasks."""

    name = connector = "carrides"
    task = 0
    transaction_context = None

    def __init__(self, raw: Mapping[str, str], store: Store | None = None) -> None:
        self.raw_config = dict(raw)
        self.store = Store() if store is None else store
        self.stopping = False
        self.reconfigurations = 0
        self.gauges: dict[str, float] = {}

    def wait(self, timeout_s: float) -> bool:
        time.sleep(min(timeout_s, 0.05))
        return self.stopping

    def offset(self, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        return self.store.get(json.dumps(dict(partition), sort_keys=True))

    def offsets(self, partitions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        return [self.offset(partition) for partition in partitions]

    def gauge(self, name: str, value: float) -> None:
        self.gauges[name] = value

    def request_task_reconfiguration(self) -> None:
        self.reconfigurations += 1


def connector(
    raw: Mapping[str, str], kind: type[SourceConnector[Any]] = KinesisSourceConnector
) -> SourceConnector[Any]:
    """Return a started connector; stop it."""
    made = kind(kind.config_spec().parse(raw))
    made.context = Context(raw)  # type: ignore[assignment]
    made.start()
    return made


def task(
    raw: Mapping[str, str],
    store: Store | None = None,
    kind: type[SourceConnector[Any]] = KinesisSourceConnector,
) -> SourceTask[Any]:
    """Return a started task of one configuration that a connector made; stop it."""
    made: SourceTask[Any] = kind.task_class(kind.task_class.config_spec().parse(raw))
    made.context = Context(raw, store)  # type: ignore[assignment]
    made.open()
    made.start()
    return made


def poll_until(
    running: Sequence[SourceTask[Any]],
    done: Callable[[list[Any]], Any],
    store: Store | None = None,
    timeout_s: float = 20.0,
) -> list[Any]:
    """Poll tasks by turns until ``done`` of all records; what is handed on counts as stored."""
    records: list[Any] = []
    deadline_s = time.monotonic() + timeout_s
    while not done(records):
        for one in running:
            batch = one.poll()
            if isinstance(batch, Batch):
                records.extend(batch.records())
                if store is not None:
                    store.keep(batch)
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not within {timeout_s:g} s; {len(records)} records")
    return records


def read_once(
    raw: Mapping[str, str],
    done: Callable[[list[Any]], Any],
    store: Store | None = None,
    tasks: int = 1,
    kind: type[SourceConnector[Any]] = KinesisSourceConnector,
) -> list[Any]:
    """Run a connector with its tasks until ``done`` of the records, and stop all of it."""
    store = Store() if store is None else store
    made = connector(raw, kind)
    running: list[SourceTask[Any]] = []
    try:
        running = [task(one, store, kind) for one in made.task_configs(tasks)]
        return poll_until(running, done, store)
    finally:
        for one in running:
            one.stop()
        made.stop()
