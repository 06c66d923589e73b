"""The runtime's side of the file tasks, for tests: contexts that keep offsets and never sleep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.data import (
    Batch,
    Column,
    Headers,
    Repeat,
    Schema,
    SinkOrigin,
    SourceOrigin,
    TopicPartition,
)
from penstock_file import (
    FileStreamSinkConnector,
    FileStreamSinkTask,
    FileStreamSourceConnector,
    FileStreamSourceTask,
)

IDLE_POLLS = 3


class Context:
    """Both contexts of a task. Offsets are found by the file's name."""

    connector = "lines"
    task = 0
    exactly_once = False
    assignment: frozenset[TopicPartition] = frozenset()

    def __init__(self, stored: Mapping[str, int] | None = None, **raw: str) -> None:
        self.stored = dict(stored or {})
        self.raw_config = raw
        self.stopping = False
        self.waits: list[float] = []
        self.on_wait: Callable[[], None] | None = None

    def wait(self, timeout_s: float) -> bool:
        self.waits.append(timeout_s)
        if self.on_wait is not None:
            self.on_wait()
        return self.stopping

    def offset(self, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        position = self.stored.get(partition["filename"])
        return None if position is None else {"position": position}

    def offsets(self, partitions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        return [self.offset(partition) for partition in partitions]


def source(context: Context | None = None, **keys: str) -> FileStreamSourceTask:
    """Return a started source task; underscores in the keys stand for dots."""
    raw = {"topic": "t"} | {name.replace("_", "."): text for name, text in keys.items()}
    task = FileStreamSourceTask(FileStreamSourceConnector.config_spec().parse(raw))
    task.context = context if context is not None else Context()  # type: ignore[assignment]
    task.open()
    task.start()
    return task


def connector(**keys: str) -> FileStreamSourceConnector:
    raw = {"topic": "t"} | {name.replace("_", "."): text for name, text in keys.items()}
    made = FileStreamSourceConnector(FileStreamSourceConnector.config_spec().parse(raw))
    made.context = Context(**raw)  # type: ignore[assignment]
    return made


def poll_all(task: FileStreamSourceTask, idle: int = IDLE_POLLS) -> list[tuple[str, int]]:
    """Poll until nothing comes; return each line with the position after it."""
    found: list[tuple[str, int]] = []
    quiet = 0
    while quiet < idle:
        batch = task.poll()
        quiet = quiet + 1 if batch is None else 0
        if batch is not None:
            found.extend(zip(batch.values, positions_of(batch), strict=True))
    return found


def lines_of(task: FileStreamSourceTask, idle: int = IDLE_POLLS) -> list[str]:
    return [line for line, _ in poll_all(task, idle)]


def positions_of(batch: Batch) -> list[int]:
    assert isinstance(batch.origin, SourceOrigin)
    return [-1 if one is None else one["position"] for one in batch.origin.offsets]


def end(task: FileStreamSourceTask | FileStreamSinkTask) -> None:
    task.stop()
    task.close()


def sink(path: Path | str = "", context: Context | None = None) -> FileStreamSinkTask:
    """Return a started sink task."""
    raw = {"file": str(path)} if path else {}
    task = FileStreamSinkTask(FileStreamSinkConnector.config_spec().parse(raw))
    task.context = context if context is not None else Context()  # type: ignore[assignment]
    task.open()
    task.start()
    return task


def sink_batch(values: Column, schema: Schema | None = None, first: int = 0) -> Batch:
    """Return a batch as a sink task is given it."""
    n = len(values)
    return Batch(
        topic="t",
        values=values,
        value_schema=schema,
        keys=Repeat(None, n),
        key_schema=None,
        partitions=Repeat(0, n),
        timestamps=Repeat(0, n),
        headers=Repeat(Headers.EMPTY, n),
        rows=range(n),
        origin=SinkOrigin("t", 0, range(first, first + n)),
    )
