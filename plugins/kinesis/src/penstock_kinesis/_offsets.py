"""Source partitions and offsets: ours, and what other connectors stored. Pure.

Ours: ``{"region": R, "stream": S, "shardId": I}``, with ``"account"`` where an ARN names one, and
``{"sequenceNumber": N, "streamCreated": C}``. N is text: it is too large for a long. C, Unix ms,
tells a stream from another of the same name. Further parts:

- ``subSequenceNumber``: the record was one of several in an aggregated one, and not its last.
- ``finished``: true, with the number of the last record if there was one: the shard is closed
  and all of it was acknowledged.
- ``timestamp``: Unix ms, instead of a number: nothing was read yet, reading starts there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from penstock.errors import ConnectError

__all__ = ["Place", "StreamName", "check_offset", "check_partition", "older_forms", "read_offset"]

_PARTITION_KEYS: Final = frozenset({"region", "stream", "shardId", "account"})
_OFFSET_KEYS: Final = frozenset(
    {"sequenceNumber", "subSequenceNumber", "finished", "timestamp", "streamCreated"}
)
_ARN_PARTS: Final = 6


@attrs.frozen
class StreamName:
    """A stream by name, or by ARN when it belongs to another account."""

    name: str
    region: str
    arn: str | None = None
    account: str | None = None

    @classmethod
    def of(cls, given: str, region: str) -> StreamName:
        """Take a name or an ARN; an ARN's own region counts."""
        parts = given.split(":", 5)
        if given.startswith("arn:") and len(parts) == _ARN_PARTS and "/" in parts[5]:
            return cls(parts[5].partition("/")[2], parts[3] or region, given, parts[4] or None)
        return cls(given, region)

    def call(self) -> dict[str, str]:
        """Return what names the stream in a request."""
        return {"StreamARN": self.arn} if self.arn else {"StreamName": self.name}

    def partition(self, shard: str) -> dict[str, str]:
        """Return the source partition of a shard."""
        found = {"region": self.region, "stream": self.name, "shardId": shard}
        return found if self.account is None else {**found, "account": self.account}


@attrs.frozen
class Place:
    """How far a shard was read.

    ``sequence`` is the last record read, None before the first; with ``sub`` not all of its user
    records were. ``timestamp_ms`` is where reading starts when nothing was read.
    """

    sequence: str | None = None
    sub: int | None = None
    finished: bool = False
    timestamp_ms: int | None = None

    def offset(self, created_ms: int | None) -> dict[str, Any]:
        """Return the source offset."""
        found: dict[str, Any] = {}
        if self.sequence is not None:
            found["sequenceNumber"] = self.sequence
        elif self.timestamp_ms is not None:
            found["timestamp"] = self.timestamp_ms
        if self.sub is not None:
            found["subSequenceNumber"] = self.sub
        if self.finished:
            found["finished"] = True
        if created_ms is not None:
            found["streamCreated"] = created_ms
        return found


def older_forms(stream: StreamName, shard: str) -> list[dict[str, str]]:
    """Return the source partitions under which other connectors stored their place."""
    return [{"shardId": shard}, {"shard": f"{stream.name}/{shard}"}]


def read_offset(
    offset: Mapping[str, Any] | None, created_ms: int | None, who: str = ""
) -> Place | None:
    """Return the place that an offset of any form tells.

    None: there is none, or it belongs to a stream of the same name that was deleted since.

    Raises:
        ConnectError: the offset makes no sense.
    """
    if not offset:
        return None
    stored_ms = offset.get("streamCreated")
    if stored_ms is not None and created_ms is not None and stored_ms != created_ms:
        return None
    sequence = offset.get("sequenceNumber", offset.get("seqNum"))
    sub, finished = offset.get("subSequenceNumber"), offset.get("finished", False)
    timestamp_ms = offset.get("timestamp")
    problem = (
        _number_problem("sequenceNumber", sequence)
        or _whole_problem("subSequenceNumber", sub)
        or _whole_problem("timestamp", timestamp_ms)
        or _whole_problem("streamCreated", stored_ms)
    )
    if problem is None and not isinstance(finished, bool):
        problem = f"'finished' must be true or false, got {finished!r}"
    if problem is None and sequence is None and timestamp_ms is None and not finished:
        problem = "it has neither 'sequenceNumber' nor 'timestamp'"
    if problem is not None:
        raise ConnectError(
            f"{who}the source offset {dict(offset)!r} cannot be used: {problem}; reset or alter "
            "the connector's offsets"
        )
    return Place(None if sequence is None else str(sequence), sub, finished, timestamp_ms)


def check_partition(partition: Mapping[str, Any]) -> None:
    """Refuse a source partition that a user wants to store and that is of no form we read."""
    names = set(partition)
    if names in ({"shardId"}, {"shard"}):
        return
    if {"region", "stream", "shardId"} - names:
        raise ConnectError(
            "Partition objects should contain the keys 'region', 'stream' and 'shardId', got "
            + (", ".join(f"'{name}'" for name in sorted(names)) or "none")
        )
    _refuse_others("Partition", names, _PARTITION_KEYS)
    for name, value in partition.items():
        if not isinstance(value, str) or not value:
            raise ConnectError(f"Partition objects: '{name}' must be a text, got {value!r}")


def check_offset(offset: Mapping[str, Any]) -> None:
    """Refuse a source offset that a user wants to store and that tells no place."""
    _refuse_others("Offset", set(offset), _OFFSET_KEYS | {"seqNum"})
    if read_offset(offset, None) is None:
        raise ConnectError("Offset objects should either be null or contain 'sequenceNumber'")


def _refuse_others(what: str, names: set[str], known: frozenset[str]) -> None:
    others = sorted(names - known)
    if others:
        raise ConnectError(
            f"{what} objects should contain only the keys "
            + ", ".join(f"'{name}'" for name in sorted(known))
            + ", got also "
            + ", ".join(f"'{name}'" for name in others)
        )


def _number_problem(name: str, value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value.isascii() and value.isdigit()):
        return None
    return f"'{name}' must be a text of digits, got {value!r}"


def _whole_problem(name: str, value: Any) -> str | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return None
    return f"'{name}' must be a whole number of at least 0, got {value!r}"
