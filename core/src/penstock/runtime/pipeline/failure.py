"""A record that failed: where it stands, in which stage, of what. Pure."""

from __future__ import annotations

import attrs

from penstock.data import Batch, SinkOrigin
from penstock.runtime.broker import EncodedHeaders, FetchedBatch
from penstock.runtime.pipeline.policy import Stage

__all__ = ["Consumed", "Failure", "Polled", "Row", "row_of"]


@attrs.frozen
class Consumed:
    """A row as it was read from Kafka, its bytes among it."""

    fetched: FetchedBatch
    row: int

    @property
    def place(self) -> str:
        """``topic-partition@offset``."""
        return f"{self.fetched.topic}-{self.fetched.partition}@{self.offset}"

    @property
    def offset(self) -> int:
        """The record's offset."""
        return self.fetched.offsets[self.row]

    @property
    def timestamp(self) -> int:
        """Unix ms, or -1."""
        return self.fetched.timestamps[self.row]

    @property
    def headers(self) -> EncodedHeaders:
        """The record's headers as bytes."""
        return () if self.fetched.headers is None else self.fetched.headers[self.row]

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.fetched.keys[self.row] or b"") + len(self.fetched.values[self.row] or b"")

    def described(self) -> str:
        """Return what a log line tells of it, never key or value (source: LogReporter.Sink)."""
        fetched = self.fetched
        stamped = ""
        if fetched.timestamp_type in ("CreateTime", "LogAppendTime"):
            stamped = f", timestamp={self.timestamp}, timestampType={fetched.timestamp_type}"
        return (
            f", where consumed record is {{topic='{fetched.topic}', "
            f"partition={fetched.partition}, offset={self.offset}{stamped}}}"
        )


@attrs.frozen
class Polled:
    """A row that a source task polled; ``row`` is its number in the batch."""

    batch: Batch
    row: int

    @property
    def place(self) -> str:
        """The source partition and offset; of rows read from Kafka, where they stood."""
        origin = self.batch.origin
        row = self.batch.rows[self.row]
        if isinstance(origin, SinkOrigin):
            return f"{origin.topic}-{origin.partition}@{origin.offsets[row]}"
        return f"source partition {origin.partitions[row]} offset {origin.offsets[row]}"

    def described(self) -> str:
        """Return what a log line tells of it, the whole record (source: LogReporter.Source)."""
        return f", where source record is = {self.batch.record(self.row)}"


Row = Consumed | Polled


def row_of(batch: Batch, i: int) -> Row:
    """Return where row ``i`` of a batch came from."""
    raw = getattr(batch.origin, "raw", None)
    if isinstance(raw, FetchedBatch):
        return Consumed(raw, batch.rows[i])
    return Polled(batch, i)


@attrs.frozen
class Failure:
    """One failed record.

    Attributes:
        stage: where on its way.
        plugin: the converter, transform or task that failed, or the Java name of what did.
        label: what a message calls it, such as ``'route' (RegexRouter)``.
        row: the record as it was polled.
        error: what was raised.
    """

    stage: Stage
    plugin: object
    label: str
    row: Row
    error: BaseException
