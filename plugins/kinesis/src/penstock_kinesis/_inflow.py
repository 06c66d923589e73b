"""What readers and subscriptions share: the chunks that wait for the task, and how they tell."""

from __future__ import annotations

import abc
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import attrs

from penstock.errors import ConnectError
from penstock_kinesis._client import Kinesis
from penstock_kinesis._cursor import Cursor
from penstock_kinesis._failures import FailureKind, explain
from penstock_kinesis._keys import Settings
from penstock_kinesis._pacing import Pace
from penstock_kinesis._records import Chunk

__all__ = ["Followed", "Inflow"]

log = logging.getLogger(__name__)

READ_BYTES_FIRST: Final = 1024 * 1024
"""What a read is reckoned to give before its shard was read."""
TELL_S: Final = 10.0
LAG_TELL_S: Final = 60.0


@attrs.define(eq=False)
class Followed:
    """One shard that is read. Owner: the thread that reads it just now."""

    cursor: Cursor
    partition: Mapping[str, Any]
    pace: Pace
    reckoned: int = READ_BYTES_FIRST
    refusals: int = 0
    behind_ms: int = 0


class Inflow(abc.ABC):
    """Keeps what shards gave, up to a number of bytes, until the task takes it.

    Owner: the task's thread, for every method without an underscore. What threads share is guarded
    by ``_work``.
    """

    def __init__(self, kinesis: Kinesis, settings: Settings, created_ms: int | None) -> None:
        """Follow no shard yet."""
        self._kinesis = kinesis
        self._settings = settings
        self._created_ms = created_ms
        self._work = threading.Condition()
        self._ready: deque[Chunk] = deque()
        self._held = 0
        self._failure: ConnectError | None = None
        self._is_closed = False
        self._followed: list[Followed] = []
        self._told_s: dict[FailureKind, float] = {}
        self._lag_told_s = time.monotonic()

    @abc.abstractmethod
    def follow(self, cursor: Cursor, partition: Mapping[str, Any]) -> None:
        """Read this shard from now on."""

    @abc.abstractmethod
    def close(self) -> None:
        """Stop reading."""

    def take(self, timeout_s: float, rows: int) -> list[Chunk]:
        """Return what was read, in order, of at most about ``rows`` rows; wait for the first.

        Raises:
            ConnectError: a shard cannot be read at all.
        """
        with self._work:
            if not self._ready and self._failure is None:
                self._work.wait_for(lambda: self._ready or self._failure, timeout_s)
            if not self._ready and self._failure is not None:
                raise self._failure
            found: list[Chunk] = []
            while self._ready and rows > 0:
                chunk = self._ready[0]
                if len(chunk) > rows:
                    before = chunk.held
                    found.append(chunk.cut(rows))
                    self._held -= before - chunk.held
                    break
                self._ready.popleft()
                found.append(chunk)
                rows -= len(chunk)
                self._held -= chunk.held
            if found:
                self._work.notify_all()
        self._tell_lag()
        return found

    @property
    def behind_ms(self) -> dict[str, int]:
        """How far behind the newest record each shard's last read was (ms)."""
        with self._work:
            return {one.cursor.shard: one.behind_ms for one in self._followed}

    def _keep(self, chunk: Chunk) -> None:
        """Keep a chunk for the task; called with the lock."""
        if len(chunk) or chunk.finished:
            self._ready.append(chunk)
            self._held += chunk.held
            self._work.notify_all()

    def _gone(self, followed: Followed) -> Chunk | None:
        """Return the end of a shard that is past retention; None: it may come back.

        When there is a new stream of that name, the connector gives the tasks its shards.
        """
        cursor = followed.cursor
        cursor.expired()
        try:
            is_same = self._kinesis.facts().created_ms == self._created_ms
            is_listed = any(shard.id == cursor.shard for shard in self._kinesis.shards())
        except Exception as problem:  # noqa: BLE001 - whatever it is, the shard is tried again
            failure = explain(problem, "DescribeStreamSummary", self._kinesis.where)
            self._tell(failure.kind, failure.message)
            return None
        if is_listed or not is_same:
            return None
        log.warning("%s: it is past the stream's retention, and done", self._where(followed))
        chunk = Chunk(cursor.shard, followed.partition, [], [], [], [], [], cursor.place)
        chunk.finished = True
        return chunk

    def _where(self, followed: Followed) -> str:
        return f"{self._kinesis.where}, shard '{followed.cursor.shard}'"

    def _fail(self, error: ConnectError) -> None:
        with self._work:
            self._failure = self._failure or error
            self._work.notify_all()

    def _tell(self, kind: FailureKind, message: str) -> None:
        """Log, but not for each of hundreds of shards."""
        now_s = time.monotonic()
        with self._work:
            if now_s - self._told_s.get(kind, -TELL_S) < TELL_S:
                return
            self._told_s[kind] = now_s
        log.warning("%s; it is tried again", message)

    def _tell_lag(self) -> None:
        now_s = time.monotonic()
        if now_s - self._lag_told_s < LAG_TELL_S:
            return
        self._lag_told_s = now_s
        behind = self.behind_ms
        if behind:
            worst = max(behind, key=lambda shard: behind[shard])
            log.info(
                "%s: %d shards, millisBehindLatest at most %d, of %s",
                self._kinesis.where,
                len(behind),
                behind[worst],
                worst,
            )
