"""One record: the row form of a batch (source: ConnectRecord, SourceRecord, SinkRecord)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final, Self

import attrs

from penstock.data._headers import Headers
from penstock.data._schema import Schema

__all__ = ["Record", "SinkRecord", "SourceRecord"]

_KEEP: Final[Any] = object()


@attrs.define(kw_only=True)
class Record:
    """A record on its way. Treat it, and what it holds, as immutable: use the ``with_`` methods.

    Attributes:
        topic: the topic it goes to (source) or came from (sink).
        value, value_schema: a struct's and a map's value is a dict; the schema is None for
            schemaless data.
        key, key_schema: likewise.
        partition: the Kafka partition, or None to let the key decide.
        timestamp: Unix ms, or None.
        headers: in order.
    """

    topic: str
    value: Any = None
    value_schema: Schema | None = None
    key: Any = None
    key_schema: Schema | None = None
    partition: int | None = None
    timestamp: int | None = None
    headers: Headers = Headers.EMPTY

    def with_value(self, value: Any, schema: Schema | None = _KEEP) -> Self:
        """Return a copy with another value; the schema stays unless one is given."""
        changed = copy.copy(self)
        changed.value = value
        if schema is not _KEEP:
            changed.value_schema = schema
        return changed

    def with_key(self, key: Any, schema: Schema | None = _KEEP) -> Self:
        """Return a copy with another key; the schema stays unless one is given."""
        changed = copy.copy(self)
        changed.key = key
        if schema is not _KEEP:
            changed.key_schema = schema
        return changed

    def with_topic(self, topic: str, partition: int | None = _KEEP) -> Self:
        """Return a copy for another topic; the partition stays unless one is given."""
        changed = copy.copy(self)
        changed.topic = topic
        if partition is not _KEEP:
            changed.partition = partition
        return changed

    def with_headers(self, headers: Headers) -> Self:
        """Return a copy with other headers."""
        changed = copy.copy(self)
        changed.headers = headers
        return changed

    def with_timestamp(self, timestamp: int | None) -> Self:
        """Return a copy with another timestamp (Unix ms)."""
        changed = copy.copy(self)
        changed.timestamp = timestamp
        return changed


@attrs.define(kw_only=True)
class SourceRecord(Record):
    """A record that a source task polled.

    ``source_partition`` names what it was read from and ``source_offset`` where to go on after
    it; both are flat dicts of text keys to null, bool, int, float or str. Both None: the record
    has no position to remember.
    """

    source_partition: Mapping[str, Any] | None = None
    source_offset: Mapping[str, Any] | None = None


@attrs.define(kw_only=True)
class SinkRecord(Record):
    """A record read from Kafka.

    ``original_topic``, ``original_partition`` and ``offset`` are where it really stands, whatever
    transforms made of topic and partition (source: KIP-793). ``origin`` is the runtime's, by which
    it finds the bytes again when the record is reported; None in records that a task made itself.
    """

    offset: int = -1
    timestamp_type: str = "CreateTime"
    original_topic: str = ""
    original_partition: int = -1
    origin: Any = attrs.field(default=None, repr=False, eq=False)
