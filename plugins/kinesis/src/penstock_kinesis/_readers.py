"""Threads that read the shards of one task, each shard by one of them at a time."""

from __future__ import annotations

import heapq
import logging
import random
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from penstock.errors import ConnectError
from penstock_kinesis._client import Kinesis
from penstock_kinesis._cursor import Cursor
from penstock_kinesis._failures import Failure, FailureKind, explain
from penstock_kinesis._inflow import Followed, Inflow
from penstock_kinesis._keys import Settings
from penstock_kinesis._pacing import READ_INTERVAL_MIN_S, Pace
from penstock_kinesis._records import Chunk, chunk_of

__all__ = ["Readers"]

log = logging.getLogger(__name__)

REFUSALS_MAX: Final = 3
"""How often an iterator is refused in a row before it is no longer the iterator's fault."""
CLOSE_WAIT_S: Final = 2.0


class Readers(Inflow):
    """Reads shards and keeps what they give, up to a number of bytes, until it is taken."""

    def __init__(self, kinesis: Kinesis, settings: Settings, created_ms: int | None) -> None:
        """Start no thread yet: each shard brings one, up to the number that is set."""
        super().__init__(kinesis, settings, created_ms)
        self._due: list[tuple[float, int, Followed]] = []
        self._turn = 0
        self._threads: list[threading.Thread] = []

    def follow(self, cursor: Cursor, partition: Mapping[str, Any]) -> None:
        """Read this shard from now on."""
        settings = self._settings
        pace = Pace(settings.idle_s, settings.backoff_s, random.uniform)
        followed = Followed(cursor, partition, pace)
        with self._work:
            self._followed.append(followed)
            self._put(followed, 0.0)
            if len(self._threads) < settings.threads:
                name = f"kinesis-reader-{len(self._threads)}"
                thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """Stop; a read under way ends on its own, and nobody waits for it long."""
        with self._work:
            self._is_closed = True
            self._ready.clear()
            self._work.notify_all()
        deadline_s = time.monotonic() + CLOSE_WAIT_S
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))

    def _put(self, followed: Followed, wait_s: float) -> None:
        """Queue a shard; called with the lock."""
        self._turn += 1
        heapq.heappush(self._due, (time.monotonic() + wait_s, self._turn, followed))
        self._work.notify_all()

    def _next(self) -> Followed | None:
        """Wait for the next shard to be read; None when it is over."""
        with self._work:
            while not self._is_closed:
                wait_s = None
                if self._due and self._held < self._settings.buffer_bytes:
                    wait_s = self._due[0][0] - time.monotonic()
                    if wait_s <= 0:
                        followed = heapq.heappop(self._due)[2]
                        self._held += followed.reckoned
                        return followed
                self._work.wait(wait_s)
            return None

    def _run(self) -> None:
        while (followed := self._next()) is not None:
            reckoned, began_s = followed.reckoned, time.monotonic()
            try:
                chunk, wait_s = self._read(followed)
            except Exception as problem:
                log.exception("a reader of %s ends", self._kinesis.where)
                chunk, wait_s = None, None
                self._fail(ConnectError(f"{self._where(followed)}: reading failed: {problem!r}"))
            with self._work:
                self._held -= reckoned
                if self._is_closed:
                    return
                if chunk is not None:
                    self._keep(chunk)
                if wait_s is not None and (chunk is None or not chunk.finished):
                    self._put(followed, max(0.0, began_s + wait_s - time.monotonic()))
                elif chunk is not None and chunk.finished:
                    self._followed.remove(followed)
                self._work.notify_all()

    def _read(self, followed: Followed) -> tuple[Chunk | None, float | None]:
        """Read once; return the rows and the wait until the next read, None for never."""
        cursor = followed.cursor
        action = "GetShardIterator"
        try:
            if cursor.iterator is None:
                cursor.iterator = self._kinesis.iterator(cursor.shard, cursor.iterator_request())
            action = "GetRecords"
            answer = self._kinesis.read(cursor.iterator)
        except Exception as problem:  # noqa: BLE001 - sorted by what it means
            failure = explain(problem, action, self._where(followed))
            return self._failed(followed, failure, action)
        followed.refusals = 0
        records = answer["Records"]
        size = sum(len(record["Data"]) for record in records)
        followed.reckoned = max(size, followed.reckoned // 2, 1)
        followed.behind_ms = answer.get("MillisBehindLatest") or 0
        chunk = chunk_of(
            records,
            cursor,
            followed.partition,
            self._created_ms,
            has_aggregates=self._settings.has_aggregates,
        )
        cursor.iterator = answer.get("NextShardIterator")
        chunk.finished = cursor.iterator is None
        return chunk, followed.pace.read(size, followed.behind_ms)

    def _failed(
        self, followed: Followed, failure: Failure, action: str
    ) -> tuple[Chunk | None, float | None]:
        cursor = followed.cursor
        kind = failure.kind
        if kind is FailureKind.FATAL and action == "GetRecords" and cursor.iterator is not None:
            # Some servers refuse an old iterator as a wrong argument.
            followed.refusals += 1
            if followed.refusals < REFUSALS_MAX and "InvalidArgument" in failure.message:
                kind = FailureKind.EXPIRED
        if kind is FailureKind.FATAL:
            self._fail(failure.error())
            return None, None
        self._tell(kind, failure.message)
        if kind is FailureKind.EXPIRED:
            cursor.expired()
            return None, READ_INTERVAL_MIN_S
        if kind is FailureKind.GONE:
            chunk = self._gone(followed)
            return (None, followed.pace.failed()) if chunk is None else (chunk, None)
        wait_s = followed.pace.throttled if kind is FailureKind.THROTTLED else followed.pace.failed
        return None, wait_s()
