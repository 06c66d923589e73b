"""Answers what source tasks ask about stored offsets, on the worker's storage thread."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from penstock.errors import PenstockError
from penstock.runtime.host.messages import (
    Command,
    LoadOffsets,
    OffsetsLoaded,
    OffsetsStored,
    StoreOffsets,
)
from penstock.runtime.offsets.store import ConnectorOffsets, OffsetStore

__all__ = ["OffsetDesk"]

log = logging.getLogger(__name__)


class OffsetDesk:
    """Serves one request after the other, so that a slow disk delays tasks and nobody else.

    Owner of the store: its one thread. A host waits for its answer before it asks again, so at
    most one request a host waits here.
    """

    def __init__(self, store: OffsetStore) -> None:
        """Take the store over."""
        self._offsets = ConnectorOffsets(store)
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        # A daemon: a disk that hangs must not keep the worker from ending.
        self._thread = threading.Thread(target=self._run, name="offset-storage", daemon=True)
        self._thread.start()

    def answer(
        self,
        connector: str,
        request: LoadOffsets | StoreOffsets,
        reply: Callable[[Command], None],
    ) -> None:
        """Have ``reply(answer)`` called on the storage thread. Called by: the loop's thread."""
        self._work.put(lambda: self._serve(connector, request, reply))

    def ask(self, work: Callable[[ConnectorOffsets], Any]) -> Future[Any]:
        """Have something done with the offsets on the storage thread. Called by: any thread."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(work(self._offsets))
            except Exception as problem:  # noqa: BLE001 - whoever waits is told
                future.set_exception(problem)

        self._work.put(run)
        return future

    def close(self, timeout_s: float) -> None:
        """Serve what waits, then end the thread. Called by: any thread, once no host is left."""
        self._work.put(None)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.error("the offset store did not answer within %g s; it is left behind", timeout_s)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def _serve(
        self,
        connector: str,
        request: LoadOffsets | StoreOffsets,
        reply: Callable[[Command], None],
    ) -> None:
        try:
            if isinstance(request, LoadOffsets):
                found = self._offsets.load(connector, request.partitions, fresh=request.fresh)
                keys = [
                    self._offsets.key(connector, partition).decode()
                    for partition in request.partitions
                ]
                reply(OffsetsLoaded(request.request, found, keys=keys))
            else:
                self._offsets.save(connector, [(p or {}, offset) for p, offset in request.offsets])
                reply(OffsetsStored(request.request))
        except Exception as problem:
            if not isinstance(problem, PenstockError):
                log.exception("the offsets of connector %s cannot be served", connector)
            text = str(problem) or type(problem).__name__
            if isinstance(request, LoadOffsets):
                reply(OffsetsLoaded(request.request, [], text))
            else:
                reply(OffsetsStored(request.request, text))
