"""Source offsets in the cluster's offsets topic (source: KafkaOffsetBackingStore)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

from penstock.errors import PenstockError, StorageError
from penstock.runtime.kafka.topic_log import LogRecord, TopicLog, TopicWriter

__all__ = ["TopicOffsetStore"]

TIMEOUT_S: Final = 30.0


class TopicOffsetStore:
    """An :class:`penstock.runtime.offsets.store.OffsetStore` on a compacted topic.

    The topic's thread writes the entries, the storage thread reads them.
    """

    def __init__(
        self,
        topic: str,
        open_log: Callable[[Callable[[Sequence[LogRecord]], None]], TopicLog],
        writer: TopicWriter,
    ) -> None:
        """Nothing is read before :meth:`start`."""
        self._topic = topic
        self.may_write: Callable[[], bool] = lambda: True
        self._writer = writer
        self._lock = threading.Lock()  # guards _entries and _fresh
        self._entries: dict[bytes, bytes] = {}
        self._fresh: list[bytes] = []
        self._log = open_log(self._read)

    def start(self) -> Future[None]:
        """Begin to read; done when all that is there was read."""
        return self._log.start()

    def _read(self, records: Sequence[LogRecord]) -> None:
        with self._lock:
            for record in records:
                key, value = record.key, record.value
                if key is None:
                    continue
                if value is None:
                    self._entries.pop(key, None)
                else:
                    if key not in self._entries:
                        self._fresh.append(key)
                    self._entries[key] = value

    def fresh_keys(self) -> Iterable[bytes]:
        """Return the keys that are new since the last call; reads what other workers wrote first.

        Such as the task that ran elsewhere until now.
        """
        self._wait(self._log.read_to_end(), "read")
        with self._lock:
            fresh, self._fresh = self._fresh, []
        return fresh

    def stored_keys(self) -> Iterable[bytes]:
        """See :class:`penstock.runtime.offsets.store.OffsetStore`."""
        with self._lock:
            return list(self._entries)

    def get(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """See :class:`penstock.runtime.offsets.store.OffsetStore`."""
        with self._lock:
            return [self._entries.get(key) for key in keys]

    def put(self, entries: Mapping[bytes, bytes | None]) -> None:
        """See :class:`penstock.runtime.offsets.store.OffsetStore`.

        Stored means acknowledged by the topic; a failure may leave some of the entries stored,
        each of them a position that was safe to store.

        Raises:
            StorageError: not stored; or ``may_write`` says that other workers may have stored
                later ones by now.
        """
        if not self.may_write():
            raise StorageError(
                "source offsets are not stored: this worker may have lost its place in its group"
            )
        self._wait(self._writer.write(self._topic, list(entries.items())), "stored")

    def _wait(self, future: Future[Any], what: str) -> None:
        try:
            future.result(TIMEOUT_S)
        except TimeoutError as problem:
            raise StorageError(
                f"source offsets are not {what}: topic '{self._topic}' did not answer within "
                f"{TIMEOUT_S:g} s"
            ) from problem
        except PenstockError as problem:
            raise StorageError(f"source offsets are not {what}: {problem}") from problem

    def close(self, timeout_s: float) -> None:
        """End the log."""
        self._log.close(timeout_s)
