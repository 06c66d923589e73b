"""One thread that waits for descriptors, timers and calls from other threads."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import os
import selectors
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from penstock.errors import PenstockError
from penstock.runtime.clock import Clock

__all__ = ["POSTS_MAX", "Loop", "Timer"]

log = logging.getLogger(__name__)

POSTS_MAX: Final = 100_000
"""Calls of other threads that may wait; more means that the loop stands still."""

Work = Callable[[], None]


class Timer:
    """A call at a time; ``cancel`` on the loop's thread."""

    def __init__(self, work: Work) -> None:
        """Use :meth:`Loop.call_later`."""
        self.work: Work | None = work

    def cancel(self) -> None:
        """Forget the call."""
        self.work = None


class Loop:
    """Owner of everything that its callbacks touch.

    ``post``, ``start`` and ``stop`` may be called from any thread, the rest only from callbacks.
    A callback must not block; one that raises is logged and the loop goes on.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        """Make a loop with a thread of that name; it runs from :meth:`start` on."""
        self.clock = clock
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = os.pipe()
        for fd in (self._wake, self._woken):
            os.set_blocking(fd, False)
        self._selector.register(self._wake, selectors.EVENT_READ, self._drain_wake)
        self._posts: deque[Work] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()  # guards _closed and _woken against a late post
        self._closed = False
        self._ending = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to run."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End after the callbacks that are due; later posts are dropped."""
        self.post(self._end)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.error("thread %s did not end within %g s", self._thread.name, timeout_s)

    def post(self, work: Work) -> None:
        """Have ``work()`` called on the loop's thread, in the order of the posts.

        Raises:
            PenstockError: more than POSTS_MAX wait.
        """
        if len(self._posts) >= POSTS_MAX:
            raise PenstockError(f"{POSTS_MAX} calls wait for thread {self._thread.name}")
        with self._lock:
            if self._closed:
                return
            self._posts.append(work)
            with contextlib.suppress(BlockingIOError):  # full: it will wake up anyway
                os.write(self._woken, b"\0")

    def watch(self, fd: int, work: Work, *, writing: bool = False) -> None:
        """Have ``work()`` called whenever ``fd`` can be read, or be written to as well."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0)
        if fd in self._selector.get_map():
            self._selector.modify(fd, events, work)
        else:
            self._selector.register(fd, events, work)

    def unwatch(self, fd: int) -> None:
        """Forget a descriptor; does nothing when it is not watched."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(fd)

    def call_later(self, delay_s: float, work: Work) -> Timer:
        """Have ``work()`` called in ``delay_s`` seconds."""
        timer = Timer(work)
        due_s = self.clock.monotonic_s() + delay_s
        heapq.heappush(self._timers, (due_s, next(self._numbers), timer))
        return timer

    def _end(self) -> None:
        self._ending = True

    def _drain_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 64 * 1024)

    def _run(self) -> None:
        while not self._ending:
            for key, _ in self._selector.select(self._timeout_s()):
                # An earlier callback of this round may have closed it.
                if self._selector.get_map().get(key.fd) == key:
                    self._do(key.data)
            for _ in range(len(self._posts)):
                self._do(self._posts.popleft())
            self._run_timers()
        with self._lock:
            self._closed = True
        self._selector.close()
        os.close(self._wake)
        os.close(self._woken)

    def _timeout_s(self) -> float | None:
        if self._posts:
            return 0.0
        while self._timers and self._timers[0][2].work is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0.0, self._timers[0][0] - self.clock.monotonic_s())

    def _run_timers(self) -> None:
        now_s = self.clock.monotonic_s()
        while self._timers and self._timers[0][0] <= now_s:
            work = heapq.heappop(self._timers)[2].work
            if work is not None:
                self._do(work)

    def _do(self, work: Work) -> None:
        try:
            work()
        except Exception:
            log.exception("a callback of thread %s failed", self._thread.name)
