"""Read the shards that the connector gave, children after their parents."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import attrs

from penstock.api import SourceTask
from penstock.data import Batch
from penstock_kinesis._client import Kinesis
from penstock_kinesis._config import (
    CamelKinesisSourceConfig,
    ClassicKinesisSourceConfig,
    ConfluentKinesisSourceConfig,
    KinesisSourceConfig,
)
from penstock_kinesis._cursor import Cursor
from penstock_kinesis._inflow import Inflow
from penstock_kinesis._keys import KinesisKeys, Settings, start_of
from penstock_kinesis._offsets import Place, older_forms, read_offset
from penstock_kinesis._pushed import Subscriptions
from penstock_kinesis._readers import Readers
from penstock_kinesis._records import Maker, marks
from penstock_kinesis._shards import ancestors, from_text

__all__ = [
    "CamelKinesisSourceTask",
    "ClassicKinesisSourceTask",
    "ConfluentKinesisSourceTask",
    "KinesisSourceTask",
]

log = logging.getLogger(__name__)

POLL_WAIT_S: Final = 0.5
ROWS_MAX: Final = 5_000
"""Rows of one batch."""
TELL_S: Final = 1.0
"""How often figures are told."""
PARENTS_LOOK_S: Final = 1.0
"""How often the end of a parent is looked for that another task reads."""

C = TypeVar("C", bound=KinesisKeys)
_Mark = tuple[Mapping[str, Any], Mapping[str, Any]]


class _KinesisTask(SourceTask[C]):
    """Hands on what its readers read. Owner: the task's thread.

    A child shard is read when each of its parents is done: handed on by this task, in whose order
    records are stored, or stored as finished by another. A parent that is listed no more is past
    retention, and nobody waits for it.
    """

    def start(self) -> None:
        """Find the place of every shard."""
        config = self.config
        self._settings: Settings = self.config.settings(self.context.raw_config)
        self._created_ms = config.kinesis_task_stream_created_ms
        self._since_ms = config.kinesis_task_since_ms
        self._tree = from_text(config.kinesis_task_tree)
        self._own = [name for name in config.kinesis_task_shards.split(",") if name]
        self._maker = Maker(self._settings)
        self._kinesis = Kinesis(self._settings, threads=self._settings.threads)
        self._readers = self._inflow()
        self._marks: list[_Mark] = []
        self._ended: list[str] = []
        self._look_at_s = self._tell_at_s = 0.0
        family = set(self._own)
        for name in self._own:
            family |= ancestors(self._tree, name)
        self._places = self._stored(sorted(family))
        self._done = {name for name, place in self._places.items() if place.finished}
        self._waiting = {name for name in self._own if name not in self._done}
        self._release()

    def _inflow(self) -> Inflow:
        if self._settings.fan_out:
            consumer = self.config.kinesis_task_consumer_arn
            return Subscriptions(self._kinesis, self._settings, self._created_ms, consumer)
        return Readers(self._kinesis, self._settings, self._created_ms)

    def _stored(self, names: Sequence[str]) -> dict[str, Place]:
        """Return the stored places; those of other connectors where there are none of ours."""
        stream = self._settings.stream
        found: dict[str, Place] = {}
        replaced: set[str] = set()
        asked = [(name, stream.partition(name)) for name in names]
        asked += [(name, form) for name in names for form in older_forms(stream, name)]
        offsets = self.context.offsets([partition for _, partition in asked]) if asked else []
        for (name, _), offset in zip(asked, offsets, strict=True):
            if name in found or name in replaced:
                continue
            place = read_offset(offset, self._created_ms, f"shard '{name}': ")
            if place is not None:
                found[name] = place
            elif offset:
                replaced.add(name)
                log.warning(
                    "stream '%s' was created anew since shard '%s' was read: it is read from "
                    "its start",
                    stream.name,
                    name,
                )
        return found

    def poll(self) -> Batch | None:
        """Return rows of any shards; a batch without rows tells places only."""
        if self._marks:
            told, self._marks = self._marks, []
            return marks(told, self._settings.topic)
        if self._ended:
            # Their ends were handed on by the poll before.
            self._done.update(self._ended)
            self._ended = []
            self._release()
        elif self._waiting and time.monotonic() >= self._look_at_s:
            self._look()
        if self._marks:
            return self.poll()
        chunks = self._readers.take(POLL_WAIT_S, ROWS_MAX)
        self._tell()
        for chunk in chunks:
            if chunk.finished:
                place = attrs.evolve(chunk.place, finished=True)
                self._marks.append((chunk.partition, place.offset(self._created_ms)))
                self._ended.append(chunk.shard)
                self._places[chunk.shard] = place
                log.info("stream '%s': shard '%s' is done", self._settings.stream.name, chunk.shard)
        rows = [chunk for chunk in chunks if len(chunk)]
        return self._maker.batch(rows) if rows else None

    def _tell(self) -> None:
        now_s = time.monotonic()
        if now_s >= self._tell_at_s:
            self._tell_at_s = now_s + TELL_S
            behind = self._readers.behind_ms
            self.context.gauge("millis-behind-latest", max(behind.values(), default=0))
            self.context.gauge("shards", len(behind))

    def _look(self) -> None:
        """Look whether other tasks have finished the parents that shards wait for."""
        self._look_at_s = time.monotonic() + PARENTS_LOOK_S
        own = set(self._own)
        wanted = {
            parent
            for name in self._waiting
            for parent in self._parents(name)
            if parent not in self._done and parent not in own
        }
        if wanted:
            found = self._stored(sorted(wanted))
            self._places |= found
            self._done |= {name for name, place in found.items() if place.finished}
            self._release()

    def _parents(self, name: str) -> list[str]:
        return [parent for parent in self._tree[name].parents if parent in self._tree]

    def _release(self) -> None:
        """Begin to read the shards whose parents are done."""
        for name in sorted(self._waiting):
            if all(parent in self._done for parent in self._parents(name)):
                self._waiting.discard(name)
                self._begin(name)

    def _begin(self, name: str) -> None:
        place = self._places.get(name)
        older = ancestors(self._tree, name)
        start = start_of(
            self._settings,
            [self._places[parent] for parent in older if parent in self._places],
            self._since_ms,
        )
        partition = self._settings.stream.partition(name)
        if place is None and start.timestamp_ms is not None:
            # Kept at once: a shard that stays empty until a restart still begins here.
            mark = Place(timestamp_ms=start.timestamp_ms)
            self._marks.append((partition, mark.offset(self._created_ms)))
            self._places[name] = place = mark
        cursor = Cursor(name, start, place if place is not None else Place())
        self._readers.follow(cursor, partition)

    def stop(self) -> None:
        """End the readers and close connections."""
        readers = getattr(self, "_readers", None)
        if readers is not None:
            readers.close()
            self._kinesis.close()


class KinesisSourceTask(_KinesisTask[KinesisSourceConfig]):
    """The task of KinesisSourceConnector."""


class ClassicKinesisSourceTask(_KinesisTask[ClassicKinesisSourceConfig]):
    """The task of ClassicKinesisSourceConnector."""


class ConfluentKinesisSourceTask(_KinesisTask[ConfluentKinesisSourceConfig]):
    """The task of ConfluentKinesisSourceConnector."""


class CamelKinesisSourceTask(_KinesisTask[CamelKinesisSourceConfig]):
    """The task of CamelKinesisSourceConnector."""
