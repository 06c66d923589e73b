"""Calls of a transactional producer that wait, each of them with a bound.

A commit costs some round trips. A task that does not want to hear of commits polls and converts
its next records meanwhile; nothing is sent before the commit is known to be done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import attrs

from penstock.errors import TimedOutError
from penstock.runtime.broker import TransactionalProducer
from penstock.runtime.host.control import HostControl

__all__ = ["FENCED_HINT", "Committer", "Limits", "taken_over"]

SLICE_S: Final = 0.5
"""How long one call of the client may wait before the flags are looked at again."""


@attrs.frozen(eq=False)
class Limits:
    """Times of a task, in seconds.

    Attributes:
        commit_s: how long a commit or an abort may take in all.
        flush_interval_s: how long places after dropped records wait for company.
    """

    commit_s: float
    flush_interval_s: float


def taken_over(producer: TransactionalProducer, control: HostControl, timeout_s: float) -> bool:
    """Take the transactional id over; return False when the task is to stop meanwhile.

    Raises:
        TimedOutError: no answer within ``timeout_s``.
        BrokerError: refused.
    """
    until_s = time.monotonic() + timeout_s
    while not control.stopping:
        if producer.init(SLICE_S):
            return True
        if time.monotonic() > until_s:
            raise TimedOutError(
                f"the broker did not give this task its transactional id within {timeout_s:g} s; "
                "see whether the broker's transaction coordinator is there"
            )
    return False


class Committer:
    """Commits and aborts. Owner: the task's thread.

    While a commit runs ahead, its thread owns the producer: :meth:`settle` comes before anything
    else is asked of it.
    """

    def __init__(
        self, producer: TransactionalProducer, control: HostControl, timeout_s: float
    ) -> None:
        """``timeout_s`` bounds a commit or an abort in all."""
        self._producer = producer
        self._control = control
        self._timeout_s = timeout_s
        self._ahead: Future[None] | None = None

    def commit(self, *, ahead: bool) -> None:
        """Commit, or begin to; what fails is raised here, or by :meth:`settle`.

        Raises:
            TimedOutError: it did not end in time.
            BrokerError: see :class:`penstock.runtime.broker.TransactionalProducer`.
        """
        if not ahead:
            self._bounded("commit", self._producer.commit)
            return
        future: Future[None] = Future()
        self._ahead = future

        def run() -> None:
            try:
                self._bounded("commit", self._producer.commit)
            except BaseException as problem:  # noqa: BLE001 - whoever settles is told
                future.set_exception(problem)
            else:
                future.set_result(None)

        threading.Thread(target=run, name="transaction-commit", daemon=True).start()

    @property
    def is_ahead(self) -> bool:
        """Whether a commit was begun and not settled."""
        return self._ahead is not None

    def settle(self) -> None:
        """Wait for the commit that runs ahead; raises what failed it."""
        future, self._ahead = self._ahead, None
        if future is not None:
            future.result()

    def abort(self) -> None:
        """Abort; raises as :meth:`commit`."""
        self._bounded("abort", self._producer.abort)

    def _bounded(self, what: str, call: Callable[[float], bool]) -> None:
        until_s = time.monotonic() + self._timeout_s
        while not call(SLICE_S):
            if self._control.stopping and self._control.stop_deadline_s <= 0:
                raise TimedOutError(f"the {what} of a transaction did not end before the task")
            if time.monotonic() > until_s:
                raise TimedOutError(_TIMED_OUT.format(what, f"{self._timeout_s:g}"))


FENCED_HINT: Final = (
    "{0}. Another producer has the transactional id of this task, or its transaction took longer "
    "than transaction.timeout.ms. If it was a transaction timeout: raise "
    "producer.override.transaction.timeout.ms, or end transactions sooner "
    "(transaction.boundary.interval.ms). If no other worker runs this connector: look for another "
    "Connect cluster with the same group.id"
)
_TIMED_OUT: Final = (
    "the {0} of a transaction did not end within {1} s. The task was unable to finish writing "
    "records to Kafka before its producer transaction expired; tune the producer for higher "
    "throughput, raise producer.override.transaction.timeout.ms, or end transactions sooner"
)
