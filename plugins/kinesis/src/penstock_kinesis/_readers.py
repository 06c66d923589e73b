"""Threads that read the shards of one task, each shard by one of them at a time."""

from __future__ import annotations

import heapq
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import attrs

from penstock.errors import ConnectError
from penstock_kinesis._client import Kinesis
from penstock_kinesis._cursor import Cursor
from penstock_kinesis._failures import Failure, FailureKind, explain
from penstock_kinesis._keys import Settings
from penstock_kinesis._pacing import READ_INTERVAL_MIN_S, Pace
from penstock_kinesis._records import Chunk, chunk_of

__all__ = ["Readers"]

log = logging.getLogger(__name__)

READ_BYTES_FIRST: Final = 1024 * 1024
"""What a read is reckoned to give before its shard was read."""
REFUSALS_MAX: Final = 3
"""How often an iterator is refused in a row before it is no longer the iterator's fault."""
CLOSE_WAIT_S: Final = 2.0
TELL_S: Final = 10.0
LAG_TELL_S: Final = 60.0


@attrs.define(eq=False)
class _Followed:
    """One shard that is read. Owner: the thread that took it from the queue."""

    cursor: Cursor
    partition: Mapping[str, Any]
    pace: Pace
    reckoned: int = READ_BYTES_FIRST
    refusals: int = 0
    behind_ms: int = 0


class Readers:
    """Reads shards and keeps what they give, up to a number of bytes, until it is taken.

    Owner: the task's thread, for every method. What the threads share is guarded by ``_work``.
    """

    def __init__(self, kinesis: Kinesis, settings: Settings, created_ms: int | None) -> None:
        """Start no thread yet: each shard brings one, up to the number that is set."""
        self._kinesis = kinesis
        self._settings = settings
        self._created_ms = created_ms
        self._work = threading.Condition()
        self._due: list[tuple[float, int, _Followed]] = []
        self._turn = 0
        self._ready: deque[Chunk] = deque()
        self._held = 0
        self._failure: ConnectError | None = None
        self._is_closed = False
        self._threads: list[threading.Thread] = []
        self._followed: list[_Followed] = []
        self._told_s: dict[FailureKind, float] = {}
        self._lag_told_s = time.monotonic()

    def follow(self, cursor: Cursor, partition: Mapping[str, Any]) -> None:
        """Read this shard from now on."""
        settings = self._settings
        pace = Pace(settings.idle_s, settings.backoff_s, random.uniform)
        followed = _Followed(cursor, partition, pace)
        with self._work:
            self._followed.append(followed)
            self._put(followed, 0.0)
            if len(self._threads) < settings.threads:
                name = f"kinesis-reader-{len(self._threads)}"
                thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

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

    def close(self) -> None:
        """Stop; a read under way ends on its own, and nobody waits for it long."""
        with self._work:
            self._is_closed = True
            self._ready.clear()
            self._work.notify_all()
        deadline_s = time.monotonic() + CLOSE_WAIT_S
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))

    @property
    def behind_ms(self) -> dict[str, int]:
        """How far behind the newest record each shard's last read was (ms)."""
        with self._work:
            return {one.cursor.shard: one.behind_ms for one in self._followed}

    def _put(self, followed: _Followed, wait_s: float) -> None:
        """Queue a shard; called with the lock."""
        self._turn += 1
        heapq.heappush(self._due, (time.monotonic() + wait_s, self._turn, followed))
        self._work.notify_all()

    def _next(self) -> _Followed | None:
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
                if chunk is not None and (len(chunk) or chunk.finished):
                    self._ready.append(chunk)
                    self._held += chunk.held
                if wait_s is not None and (chunk is None or not chunk.finished):
                    self._put(followed, max(0.0, began_s + wait_s - time.monotonic()))
                elif chunk is not None and chunk.finished:
                    self._followed.remove(followed)
                self._work.notify_all()

    def _read(self, followed: _Followed) -> tuple[Chunk | None, float | None]:
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
        self, followed: _Followed, failure: Failure, action: str
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
            return self._gone(followed)
        wait_s = followed.pace.throttled if kind is FailureKind.THROTTLED else followed.pace.failed
        return None, wait_s()

    def _gone(self, followed: _Followed) -> tuple[Chunk | None, float | None]:
        """Finish a shard that is past retention; wait when it is the stream that is away.

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
            return None, followed.pace.failed()
        if is_listed or not is_same:
            return None, followed.pace.failed()
        log.warning("%s: it is past the stream's retention, and done", self._where(followed))
        chunk = Chunk(cursor.shard, followed.partition, [], [], [], [], [], cursor.place)
        chunk.finished = True
        return chunk, None

    def _where(self, followed: _Followed) -> str:
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
