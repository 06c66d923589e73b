"""Where source offsets are stored: bytes by bytes, as in Kafka Connect's offsets topic.

A key is the JSON array ``["connector",{partition}]``, a value the JSON object of the offset, both
exactly as Kafka Connect writes them. (source: OffsetBackingStore, OffsetStorageWriter)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from penstock.errors import StorageError

__all__ = [
    "ConnectorOffsets",
    "MemoryOffsetStore",
    "OffsetStore",
    "decode_key",
    "encode_json",
    "encode_key",
]


class OffsetStore(Protocol):
    """Owner: the worker's storage thread, after it was made."""

    def stored_keys(self) -> Iterable[bytes]:
        """Return every stored key."""

    def fresh_keys(self) -> Iterable[bytes]:
        """Return the keys that are new since the last call, whoever stored them.

        What other workers stored before this call is known to :meth:`get` after it.

        Raises:
            StorageError: the store cannot be read.
        """

    def get(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """Return the value of each key, in order; None where there is none.

        Raises:
            StorageError: the store cannot be read.
        """

    def put(self, entries: Mapping[bytes, bytes | None]) -> None:
        """Store all entries durably, or none of them; a None removes its key.

        Raises:
            StorageError: they are not stored; what was there still is.
        """


class MemoryOffsetStore:
    """Forgets everything with the process; for tests."""

    def __init__(self) -> None:
        self._entries: dict[bytes, bytes] = {}

    def stored_keys(self) -> Iterable[bytes]:
        """See :class:`OffsetStore`."""
        return list(self._entries)

    def fresh_keys(self) -> Iterable[bytes]:
        """See :class:`OffsetStore`; nobody else stores anything."""
        return ()

    def get(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """See :class:`OffsetStore`."""
        return [self._entries.get(key) for key in keys]

    def put(self, entries: Mapping[bytes, bytes | None]) -> None:
        """See :class:`OffsetStore`."""
        self._entries = merged(self._entries, entries)


def merged(old: Mapping[bytes, bytes], entries: Mapping[bytes, bytes | None]) -> dict[bytes, bytes]:
    """Return ``old`` with the entries put in; a None removes its key."""
    found: dict[bytes, bytes | None] = {**old, **entries}
    return {key: value for key, value in found.items() if value is not None}


class ConnectorOffsets:
    """Offsets by connector and partition map, over the bytes of a store. Owner: as the store's.

    Kafka Connect takes a partition's serialised bytes for its identity; a Java map may have been
    written in another order of fields than a Python one. So a partition that equals a stored one
    keeps the stored bytes, and a worker of either kind goes on where the other ended.
    """

    def __init__(self, store: OffsetStore) -> None:
        """Read the keys of the store."""
        self._store = store
        self._stored: dict[str, bytes] = {}
        self._learn(store.stored_keys())

    def _learn(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            decoded = decode_key(key)
            if decoded is not None:
                self._stored[_identity(*decoded)] = key

    def key(self, connector: str, partition: Mapping[str, Any]) -> bytes:
        """Return the key of a partition: as it is stored, or as it would be."""
        identity = _identity(connector, partition)
        return self._stored.get(identity) or encode_key(connector, partition)

    def load(
        self, connector: str, partitions: Sequence[Mapping[str, Any]], *, fresh: bool = True
    ) -> list[dict[str, Any] | None]:
        """Return the offset of each partition, in order; None where none is stored.

        ``fresh``: with what others stored until now.

        Raises:
            StorageError: the store cannot be read, or holds something else than an offset.
        """
        if fresh:
            self._learn(self._store.fresh_keys())
        values = self._store.get([self.key(connector, partition) for partition in partitions])
        return [None if value is None else _offset(connector, value) for value in values]

    def save(
        self,
        connector: str,
        offsets: Iterable[tuple[Mapping[str, Any], Mapping[str, Any] | None]],
    ) -> None:
        """Store offsets durably, the later ones of a partition winning; None forgets it.

        Raises:
            StorageError: they are not stored; what was there still is.
        """
        entries: dict[bytes, bytes | None] = {}
        identities: dict[str, bytes] = {}
        for partition, offset in offsets:
            key = self.key(connector, partition)
            identity = _identity(connector, partition)
            key = identities.setdefault(identity, key)
            entries[key] = None if offset is None else encode_json(offset)
        self._store.put(entries)
        self._stored.update(identities)

    def all(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return every partition of a connector with its offset.

        Raises:
            StorageError: the store cannot be read, or holds something else than an offset.
        """
        self._learn(self._store.fresh_keys())
        found: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for key in self._store.stored_keys():
            decoded = decode_key(key)
            if decoded is None or decoded[0] != connector:
                continue
            (value,) = self._store.get([key])
            if value is not None:
                found.append((decoded[1], _offset(connector, value)))
        return found


def encode_key(connector: str, partition: Mapping[str, Any]) -> bytes:
    """Return the key of a connector's partition, its fields in the order given."""
    return encode_json([connector, partition])


def decode_key(key: bytes) -> tuple[str, dict[str, Any]] | None:
    """Return a key's connector and partition, or None when it is another program's."""
    try:
        parsed = json.loads(key)
    except ValueError:
        return None
    match parsed:
        case [str(connector), dict(partition)]:
            return connector, partition
    return None


_CONTROL: Final = re.compile(r"(?<!\\)((?:\\\\)*\\u00)([01][0-9a-f])")


def encode_json(value: Any) -> bytes:
    """Return JSON as Kafka Connect's Jackson writes it: compact, UTF-8, escapes in capitals.

    Raises:
        StorageError: the value is not JSON data, such as bytes or NaN.
    """
    try:
        text = json.dumps(
            value, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
        )
        if "\\u00" in text:
            text = _CONTROL.sub(lambda found: found[1] + found[2].upper(), text)
        return text.encode()
    except (TypeError, ValueError) as problem:
        raise StorageError(f"a source offset must be JSON data: {problem}") from problem


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"got {type(value).__name__}")


def _identity(connector: str, partition: Mapping[str, Any]) -> str:
    """Return a text that is equal for equal partitions only: 1, 1.0 and true stay apart."""
    return json.dumps([connector, dict(partition)], sort_keys=True, default=_plain)


def _offset(connector: str, value: bytes) -> dict[str, Any]:
    try:
        offset = json.loads(value)
    except ValueError:
        offset = None
    if not isinstance(offset, dict):
        raise StorageError(f"a stored offset of connector '{connector}' is no JSON object")
    return offset
