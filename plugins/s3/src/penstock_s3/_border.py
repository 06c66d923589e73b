"""The border between what decides (formats, paths, rotation, names) and what uploads.

Everything behind these protocols is pure: no clock, no client, no file but the task's spool, which
encoders are lent while memory is short. The task gives the wall
clock, carries out the steps and moves the bytes. How it all goes together::

    layout = layout_of(config, raw)              # _layout.py, once a task; or, of Aiven's keys,
    layout = aiven_layout(aiven_config)          # _aiven.py, beside core_of(aiven_config)
    lot = layout.lot(batch, now_ms)              # paths and record times; DataError: bisect rows
    for step in span.plan([lot], now_ms):        # span: a Span a topic partition
        Write -> file of (step.path, step.schemas): for each part its encoder.write(step.batch)
        Cut   -> complete every open file of the topic partition; step.offset may be committed
    span.due(now_ms) -> Cut | None               # with nothing to put: schedule and idle
    span.end() -> Cut | None                     # on demand; at each commit if ends_at_commit
    layout.object_key(part, topic, partition, path, offset)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import attrs

from penstock.data import Batch, Schema
from penstock_s3._spool import Spool

__all__ = [
    "Cut",
    "Encoder",
    "Extractor",
    "Format",
    "Lot",
    "Part",
    "Partitioner",
    "Reason",
    "Schemas",
    "Step",
    "Write",
]

Part = Literal["value", "keys", "headers"]
"""Which object of a file: the one of the values, or that of the keys or headers beside it."""

Reason = Literal["size", "bytes", "interval", "path", "schedule", "schema", "files", "idle"]
"""Why a run of rows ends."""


@attrs.frozen
class Schemas:
    """The schemas that all rows of one object have."""

    key: Schema | None
    value: Schema | None


class Encoder(Protocol):
    """Makes the bytes of one object, from its first to its last. Owner: the task's thread.

    The same rows give the same bytes, however they were cut into writes.
    """

    def write(self, batch: Batch) -> None:
        """Add rows; all of them, or none when it raises.

        Raises:
            DataError: a row cannot be written; the encoder is as it was before.
        """

    def take(self) -> list[bytes]:
        """Return the bytes finished since the last call, maybe none; never waits for more rows."""

    def finish(self) -> list[bytes]:
        """Return the last bytes; the encoder is of no use afterwards."""

    def shed(self, spool: Spool) -> None:
        """Put what is held on the disk where that can be; raises ConnectError."""

    def drop(self) -> None:
        """Free what is on the disk: nothing of the object is wanted any more."""

    @property
    def held(self) -> int:
        """About how many bytes of memory the rows take that are not finished yet."""


class Format(Protocol):
    """Opens objects of one format. Stateless: one for all files of a task."""

    @property
    def extension(self) -> str:
        """What names end with, with the dot: ``.json.gz``."""

    @property
    def content_type(self) -> str:
        """The media type."""

    def open(self, name: str, schemas: Schemas) -> Encoder:
        """Return the encoder of a new object.

        Args:
            name: the object's key; what has to differ between objects is derived from it.
            schemas: those of every batch that will be written.

        Raises:
            DataError: rows of these schemas cannot be written in this format at all.
        """


class Extractor(Protocol):
    """Says which time a row belongs to (source: TimestampExtractor)."""

    def times(self, batch: Batch, now_ms: int) -> Sequence[int]:
        """Return Unix ms a row; ``now_ms`` is the wall clock. Raises DataError."""


class Partitioner(Protocol):
    """Says in which folder a row belongs (source: Partitioner).

    Custom ones are classes under the entry point group ``penstock_s3.partitioners``, made with
    the connector's raw configuration (``Mapping[str, str]``) as only argument.
    """

    def paths(self, batch: Batch, now_ms: int) -> Sequence[str]:
        """Return the path of each row, without topic and file name, no delimiter at its ends.

        Raises:
            DataError: a row has no path: a field is missing or of a kind that makes no path.
        """


@attrs.frozen(eq=False)
class Lot:
    """A batch with the path of each row, its record time and its size where rotation needs them.

    Rows of ``tombstone``, a path of its own, have no value: only their keys are written. They may
    have no time either.
    """

    batch: Batch
    paths: Sequence[str]
    times: Sequence[int | None] | None = None
    sizes: Sequence[int] | None = None
    tombstone: str | None = None


@attrs.frozen(eq=False)
class Write:
    """Rows that belong in the file of ``path`` and ``schemas``; they fit these schemas already.

    ``offset`` is that of the first row: the start offset of the file if it is not open yet.
    ``parts`` are the objects to write to, one encoder each.
    """

    path: str
    schemas: Schemas
    batch: Batch
    offset: int
    parts: tuple[Part, ...] = ("value",)


@attrs.frozen
class Cut:
    """Complete all open files of the topic partition; ``offset`` is the next to read after."""

    reason: Reason
    offset: int


Step = Write | Cut
Raw = Mapping[str, str]
