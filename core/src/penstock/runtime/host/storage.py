"""Answers what source tasks ask about stored offsets, on the worker's storage thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

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
        self._executor = ThreadPoolExecutor(1, "offset-storage")

    def answer(
        self,
        connector: str,
        request: LoadOffsets | StoreOffsets,
        reply: Callable[[Command], None],
    ) -> None:
        """Have ``reply(answer)`` called on the storage thread. Called by: the loop's thread."""
        self._executor.submit(self._serve, connector, request, reply)

    def close(self) -> None:
        """Serve what waits, then end the thread. Called by: any thread, once no host is left."""
        self._executor.shutdown(wait=True)

    def _serve(
        self,
        connector: str,
        request: LoadOffsets | StoreOffsets,
        reply: Callable[[Command], None],
    ) -> None:
        try:
            if isinstance(request, LoadOffsets):
                found = self._offsets.load(connector, request.partitions)
                reply(OffsetsLoaded(request.request, found))
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
