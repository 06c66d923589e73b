"""Reads and alters the offsets of sources: the worker's, and those of a connector's own topic.

(source: ConnectorOffsetBackingStore.withConnectorAndWorkerStores)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, Protocol

from penstock.runtime.herder.state import OffsetsWork
from penstock.runtime.host.messages import Call

__all__ = ["SourceOffsets"]

Pairs = Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]
_MARKS: Final = ("offsets.storage.topic", "producer.override.bootstrap.servers")
"""Keys of which one is set where a connector has a topic of its own."""


class _Worker(Protocol):
    """What is asked of the worker."""

    def call(self, call: Call, timeout_s: float) -> Future[Any]:
        """Run one function in a host of its own."""

    def read_offsets(self, connector: str) -> Future[Any]:
        """Return all source offsets of a connector, as pairs of partition and offset."""

    def write_offsets(self, connector: str, offsets: Pairs | None) -> Future[Any]:
        """Store source offsets; None forgets all of the connector's."""


class SourceOffsets:
    """Asks both places where a connector has a topic of its own. Owner: the driver's thread."""

    def __init__(self, worker: _Worker, worker_config: Mapping[str, str], timeout_s: float) -> None:
        """``timeout_s`` bounds what is asked of a host."""
        self._worker = worker
        self._worker_config = dict(worker_config)
        self._timeout_s = timeout_s

    def read(self, action: OffsetsWork) -> Future[Any]:
        """Return all offsets as pairs; what the connector's own topic holds wins."""
        theirs = self._worker.read_offsets(action.name)
        if not _has_own(action):
            return theirs
        answer: Future[Any] = Future()

        def with_theirs(done: Future[Any]) -> None:
            if _failed(done, answer):
                return
            self._own(action).add_done_callback(lambda own: with_own(done.result(), own))

        def with_own(stored: Pairs, done: Future[Any]) -> None:
            if not _failed(done, answer):
                answer.set_result(_merged(stored, done.result() or ()))

        theirs.add_done_callback(with_theirs)
        return answer

    def write(self, action: OffsetsWork) -> Future[Any]:
        """Store offsets in both; the worker's first: the own topic's win until it is done, too."""
        theirs = self._worker.write_offsets(action.name, action.offsets)
        if not _has_own(action):
            return theirs
        answer: Future[Any] = Future()

        def stored(done: Future[Any]) -> None:
            if not _failed(done, answer):
                self._own(action).add_done_callback(ended)

        def ended(done: Future[Any]) -> None:
            if not _failed(done, answer):
                answer.set_result(None)

        theirs.add_done_callback(stored)
        return answer

    def _own(self, action: OffsetsWork) -> Future[Any]:
        arguments = {
            "config": dict(action.config),
            "worker": self._worker_config,
            "change": action.change,
            "offsets": action.offsets,
        }
        return self._worker.call(Call("own_offsets", arguments), self._timeout_s)


def _has_own(action: OffsetsWork) -> bool:
    return any(action.config.get(key, "").strip() for key in _MARKS)


def _failed(done: Future[Any], answer: Future[Any]) -> bool:
    problem = done.exception()
    if problem is not None:
        answer.set_exception(problem)
    return problem is not None


def _merged(theirs: Pairs, own: Pairs) -> list[Any]:
    found = {json.dumps(partition, sort_keys=True): (partition, o) for partition, o in theirs}
    found |= {json.dumps(partition, sort_keys=True): (partition, o) for partition, o in own}
    return list(found.values())
