"""The transactional producer port on librdkafka."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException

from penstock.errors import AbortedError, BrokerError, FencedError
from penstock.runtime.kafka.producer import FENCED, KafkaProducer

__all__ = ["KafkaTransactionalProducer"]

_ABORTABLE: Final = frozenset(
    {
        # What rows get once their transaction must be aborted, and as it is.
        KafkaError._STATE,  # noqa: SLF001
        KafkaError._PURGE_QUEUE,  # noqa: SLF001
        KafkaError._PURGE_INFLIGHT,  # noqa: SLF001
        KafkaError._MSG_TIMED_OUT,  # noqa: SLF001
        KafkaError.TRANSACTION_ABORTABLE,
    }
)
_WAITED: Final = (
    "see whether all brokers are up and enough replicas of the topics are in sync "
    "(min.insync.replicas)"
)
_REMEDIES: Final = {
    # Records that no broker took in time, as the end of a transaction and as a row have it.
    KafkaError._TIMED_OUT: _WAITED,  # noqa: SLF001
    KafkaError._MSG_TIMED_OUT: _WAITED,  # noqa: SLF001
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: (
        "allow WRITE and DESCRIBE on this transactional id to the producer's principal (ACLs)"
    ),
    KafkaError.INVALID_TRANSACTION_TIMEOUT: (
        "lower the producer's transaction.timeout.ms, or raise the broker's "
        "transaction.max.timeout.ms"
    ),
}


class KafkaTransactionalProducer(KafkaProducer):
    """Sends batches in transactions. Owner: the task's thread.

    Acknowledgements are counted, or need not be looked at: a commit that succeeds is one of
    every row. See :class:`penstock.runtime.broker.TransactionalProducer`.
    """

    def __init__(self, config: Mapping[str, Any], *, bytes_max: int, places: bool = False) -> None:
        """Connect lazily; raises KafkaException for settings the client refuses."""
        super().__init__(config, precise=places, bytes_max=bytes_max, places=places)
        self._id = str(config["transactional.id"])
        self._is_open = False

    def _may_repeat(self, error: KafkaError) -> bool:
        return bool(error.retriable() or error.txn_requires_abort() or error.code() in _ABORTABLE)

    def init(self, timeout_s: float) -> bool:
        """See :class:`penstock.runtime.broker.TransactionalProducer`."""
        return self._done("cannot be taken over", lambda: self._client.init_transactions(timeout_s))

    def begin(self) -> None:
        """See :class:`penstock.runtime.broker.TransactionalProducer`."""
        self._done("cannot begin a transaction", self._client.begin_transaction)
        self._is_open = True

    def commit(self, timeout_s: float) -> bool:
        """See :class:`penstock.runtime.broker.TransactionalProducer`."""
        done = self._done(
            "cannot commit a transaction", lambda: self._client.commit_transaction(timeout_s)
        )
        if done:
            self._is_open = False
            self._forget_rows(stored=True)
        return done

    def abort(self, timeout_s: float) -> bool:
        """See :class:`penstock.runtime.broker.TransactionalProducer`."""
        if not self._is_open:
            return True
        done = self._done(
            "cannot abort a transaction", lambda: self._client.abort_transaction(timeout_s)
        )
        if done:
            self._is_open = False
            self._forget_rows(stored=False)
        return done

    def close(self, timeout_s: float) -> None:
        """See :class:`penstock.runtime.broker.Producer`; one that is past help is left quietly."""
        with contextlib.suppress(KafkaException):  # what it refuses to purge
            super().close(timeout_s)

    def _forget_rows(self, *, stored: bool) -> None:
        """All rows are stored, or none: nobody asks for them one by one, only for places."""
        self._serve(0)
        self._settle()
        self._lanes.clear()
        if not (stored and self._places):
            self._deliveries.clear()
        self._pending_bytes = self._pending_rows = 0

    def _done(self, fault: str, call: Callable[[], object]) -> bool:
        try:
            call()
        except KafkaException as problem:
            error: KafkaError = problem.args[0]
            text = f"transactional id '{self._id}' {fault}: {error.str()}"
            if error.code() in FENCED:
                raise FencedError(text) from problem
            remedy = _REMEDIES.get(error.code())
            whole = text if remedy is None else f"{text}; {remedy}"
            if error.txn_requires_abort():
                raise AbortedError(whole) from problem
            if error.retriable():
                return False
            raise BrokerError(whole) from problem
        return True
