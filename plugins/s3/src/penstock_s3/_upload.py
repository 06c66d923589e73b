"""Objects on their way to S3: in parts, within a budget of memory, completed at most once."""

from __future__ import annotations

import concurrent.futures as cf
import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.errors import ConnectError, RetriableError
from penstock_s3._client import Bucket
from penstock_s3._config_s3 import PART_BYTES_MIN
from penstock_s3._failures import is_taken, is_unknown_upload
from penstock_s3._spool import Parked, Spool

__all__ = ["Desk", "Upload"]

_ROOM_SHARE: Final = 0.75
"""How full the budget is left once it was full, so that it is not full again at once."""
_SMALL: Final = 4096
"""Bytes of less than this are joined: a row at a time, most memory would be that of objects."""


@attrs.define(eq=False)
class _Part:
    """A part; its bytes are kept until S3 has them."""

    number: int
    body: bytes
    etag: cf.Future[str]


@attrs.define(eq=False)
class _Whole:
    """An object written at once: what was put on the disk, then what is in memory."""

    parked: Parked | None
    chunks: list[bytes]
    size: int


class Upload:
    """One object. Owner: the task's thread; jobs of the desk's pool touch only parts."""

    def __init__(self, desk: Desk, key: str, content_type: str, *, replaces: bool) -> None:
        """Begin with nothing; ``replaces``: write over another object in its place.

        S3 hears of it with its first part, or at its end.
        """
        self.key = key
        self._desk = desk
        self._type = content_type
        self._replaces = replaces
        self._buffer: list[bytes] = []
        self.buffered = 0
        self._parked: Parked | None = None
        self._parts: list[_Part] = []
        self._id: cf.Future[str] | None = None
        self._hash = hashlib.sha256()
        self._notes: Mapping[str, str] = {}
        self._whole: _Whole | None = None
        self.end: cf.Future[None] | None = None
        self.is_dropped = False

    def add(self, chunks: Iterable[bytes]) -> None:
        """Take bytes; whole parts are sent."""
        buffer = self._buffer
        for chunk in chunks:
            if buffer and len(chunk) < _SMALL and len(buffer[-1]) < _SMALL:
                buffer[-1] += chunk
            else:
                buffer.append(chunk)
            self.buffered += len(chunk)
            self._desk.held += len(chunk)
        while self.pending >= self._desk.part_bytes:
            self.send_part(self._desk.part_bytes)

    @property
    def pending(self) -> int:
        """Bytes not sent yet, in memory or on disk."""
        return self.buffered + (0 if self._parked is None else self._parked.size)

    def _taken(self, size: int) -> bytes:
        """Return the next bytes to send, ``size`` at most; the desk counts them still."""
        front = b""
        if self._parked is not None:
            front = self._parked.read()
            self._parked.free()
            self._parked = None
            self._desk.held += len(front)
        chunks = [front, *self._buffer]
        # Cut before they are joined: what is over is a small piece, and nothing is copied twice.
        over = sum(map(len, chunks)) - size
        rest: list[bytes] = []
        while over > 0:
            last = chunks.pop()
            keep = max(len(last) - over, 0)
            rest.insert(0, last[keep:])
            over -= len(last) - keep
            if keep:
                chunks.append(last[:keep])
        self._buffer, self.buffered = rest, sum(map(len, rest))
        return b"".join(chunks)

    def send_part(self, size: int) -> None:
        """Send what is there, ``size`` bytes at most, as a part."""
        body = self._taken(size)
        self._hash.update(body)
        if self._id is None:
            self._id = self._desk.run(self, self._desk.bucket.start, self.key, self._type)
        part = _Part(len(self._parts) + 1, body, cf.Future())
        self._parts.append(part)
        part.etag = self._desk.run(self, self._sent, part, self._id)

    def _sent(self, part: _Part, started: cf.Future[str]) -> str:
        """Send a part, in the pool.

        A job waits only for jobs that were given to the pool before it, so that some job can
        always go on; hence the futures are arguments and are not looked up.
        """
        etag = self._desk.bucket.part(self.key, started.result(), part.number, part.body)
        self._desk.let_go(len(part.body))
        part.body = b""
        return etag

    def spill(self) -> None:
        """Put what waits in memory on the disk; raises ConnectError."""
        if self._parked is None:
            self._parked = Parked(self._desk.spool)
        self._parked.add(b"".join(self._buffer))
        self._desk.held -= self.buffered
        self._buffer, self.buffered = [], 0

    def finish(self, chunks: Iterable[bytes], notes: Mapping[str, str]) -> None:
        """Take the last bytes and complete the object; ``end`` says when it is."""
        self.add(chunks)
        self._notes = notes
        self._desk.open.discard(self)
        if self._parts:
            if self.pending:
                self.send_part(self._desk.part_bytes)
        else:
            # The pool reads what is on the disk: all files of a cut at once may not fit in memory.
            self._whole = _Whole(self._parked, self._buffer, self.buffered)
            self._parked, self._buffer, self.buffered = None, [], 0
        self.end = self._ended()

    def _ended(self) -> cf.Future[None]:
        etags = [part.etag for part in self._parts]
        return self._desk.run(self, self._completed, self._id, etags)

    def again(self) -> None:
        """Try again what failed."""
        if self._id is not None and _failed(self._id):
            self._id = self._desk.run(self, self._desk.bucket.start, self.key, self._type)
        for part in self._parts:
            if _failed(part.etag):
                part.etag = self._desk.run(self, self._sent, part, self._id)
        if self.end is not None and _failed(self.end):
            self.end = self._ended()

    def _completed(self, started: cf.Future[str] | None, sent: Sequence[cf.Future[str]]) -> None:
        """Make the object, in the pool, after all its parts."""
        bucket = self._desk.bucket
        whole = self._whole
        try:
            if whole is not None:
                self._put(whole)
            elif started is not None:
                etags = [etag.result() for etag in sent]
                bucket.complete(self.key, started.result(), etags, over=self._replaces)
        except ConnectError as problem:
            cause = _cause(problem)
            if not (is_taken(cause) or is_unknown_upload(cause)):
                raise
            self._compare(problem, started)
        self.forget()
        told = bucket.tag(self.key, self._notes)
        if told:
            self._desk.warnings.append(told)

    def _put(self, whole: _Whole) -> None:
        """Write an object at once, in the pool."""
        front = b"" if whole.parked is None else whole.parked.read()
        self._desk.let_go(-len(front))
        try:
            body = b"".join([front, *whole.chunks])
            self._hash = hashlib.sha256(body)
            self._desk.bucket.put(self.key, self._type, body, over=self._replaces)
        finally:
            self._desk.let_go(len(front))

    def forget(self) -> None:
        """Let go of an object written at once, or never."""
        whole, self._whole = self._whole, None
        if whole is not None:
            self._desk.let_go(whole.size)
            if whole.parked is not None:
                whole.parked.free()

    def _compare(self, problem: ConnectError, started: cf.Future[str] | None) -> None:
        """Accept the object in our place if its bytes are ours: an answer was lost, or a crash."""
        found = self._desk.bucket.digest(self.key, hashlib.sha256)
        if found == self._hash.hexdigest():
            if started is not None and is_taken(_cause(problem)):
                self._desk.abort(self.key, started.result())
            return
        raise ConnectError(
            f"s3://{self._desk.bucket.name}/{self.key}: there is another object of this name, with"
            " other bytes. Its records may be the same: look at it, then remove it, or set"
            " enable.conditional.writes=false to write over it"
        ) from problem

    def drop(self) -> None:
        """Forget everything; parts that S3 has are removed."""
        self.is_dropped = True
        self._desk.open.discard(self)
        self._desk.held -= self.buffered
        self._buffer, self.buffered = [], 0
        if self._parked is not None:
            self._parked.free()
            self._parked = None
        for part in self._parts:
            if part.etag.cancel() or _failed(part.etag):
                self._desk.let_go(len(part.body))
        if self.end is not None:
            is_undone = self.end.cancel() or _failed(self.end)
            if is_undone:
                self.forget()
            if not is_undone:
                return
        if self._id is not None and not self._id.cancel():
            self._desk.forget(self.key, self._id)


def _cause(problem: ConnectError) -> BaseException:
    return problem.__cause__ or problem


def _failed(future: cf.Future[Any]) -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)


class Desk:
    """Runs the uploads of a task. Owner: the task's thread, but for what jobs of its pool say.

    Memory: ``held`` counts the bytes of all open files and of those under way.
    """

    def __init__(self, bucket: Bucket, *, threads: int, part_bytes: int, budget: int) -> None:
        """Start a pool of ``threads``; ``budget`` is in bytes."""
        self.bucket = bucket
        self.part_bytes = part_bytes
        self.open: set[Upload] = set()
        self.held = 0
        self.spool = Spool()
        self.warnings: deque[str] = deque(maxlen=10)
        self._budget = budget
        self._until_s = 0.0
        self._pool = cf.ThreadPoolExecutor(threads, thread_name_prefix="s3-upload")
        self._flying: set[cf.Future[Any]] = set()
        self._gone: deque[int] = deque()
        self._failed: deque[tuple[Upload, BaseException]] = deque()
        self._lock = threading.Lock()

    def run(self, upload: Upload, job: Callable[..., Any], *args: Any) -> cf.Future[Any]:
        """Have the pool do a job of an upload; a failure is kept for :meth:`failures`."""
        future = self._pool.submit(job, *args)
        with self._lock:
            self._flying.add(future)
        future.add_done_callback(lambda done: self._over(upload, done))
        return future

    def _over(self, upload: Upload, done: cf.Future[Any]) -> None:
        with self._lock:
            self._flying.discard(done)
        problem = None if done.cancelled() else done.exception()
        if problem is not None and upload.is_dropped:
            upload.forget()
        elif problem is not None:
            self._failed.append((upload, problem))

    def let_go(self, size: int) -> None:
        """Note that so many bytes are not held any more; from any thread."""
        self._gone.append(size)

    def counted(self) -> int:
        """Return the bytes held now."""
        while self._gone:
            self.held -= self._gone.popleft()
        return self.held

    def failures(self) -> list[tuple[Upload, BaseException]]:
        """Return what failed since the last call, each upload once, the worst first."""
        found: dict[Upload, BaseException] = {}
        while self._failed:
            upload, problem = self._failed.popleft()
            if upload.is_dropped:
                continue
            if upload not in found or not isinstance(problem, RetriableError):
                found[upload] = problem
        return sorted(found.items(), key=lambda one: isinstance(one[1], RetriableError))

    def be_patient(self, wait_s: float) -> None:
        """Let :meth:`make_room` wait so long from now on, in all."""
        self._until_s = time.monotonic() + wait_s

    def make_room(self, more: int = 0) -> bool:
        """Send, put on the disk or wait until the budget has room; ``more`` is held elsewhere.

        Returns:
            Whether there is room, or nothing under way that would make it.
        """
        if self.counted() + more <= self._budget:
            return True
        wanted = self._budget * _ROOM_SHARE - more
        for upload in sorted(self.open, key=lambda one: one.buffered, reverse=True):
            if self.counted() <= wanted or not upload.buffered:
                break
            if upload.pending >= PART_BYTES_MIN:
                upload.send_part(self.part_bytes)
            else:
                upload.spill()
        while self.counted() + more > self._budget:
            with self._lock:
                flying = set(self._flying)
            if not flying or self._failed:
                return True
            left_s = self._until_s - time.monotonic()
            if left_s <= 0:
                return False
            cf.wait(flying, left_s, return_when=cf.FIRST_COMPLETED)
        return True

    def wait(self, timeout_s: float) -> None:
        """Wait until nothing is under way."""
        with self._lock:
            flying = set(self._flying)
        cf.wait(flying, timeout_s)

    def abort(self, key: str, upload: str) -> None:
        """Remove the parts of an upload; what fails is told, the parts cost little."""
        try:
            self.bucket.abort(key, upload)
        except ConnectError as problem:
            self.warnings.append(str(problem))

    def forget(self, key: str, started: cf.Future[str]) -> None:
        """Remove the parts of an upload that may have begun, in the pool."""

        def job() -> None:
            if not started.cancelled() and started.exception() is None:
                self.abort(key, started.result())

        self._pool.submit(job)

    def close(self) -> None:
        """End the pool; what has not begun does not begin, aborts excepted."""
        for upload in list(self.open):
            upload.drop()
        self._pool.shutdown(wait=True)
        self.spool.close()
