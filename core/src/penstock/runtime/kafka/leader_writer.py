"""What only the leader of a cluster writes, in transactions that fence its forerunners.

(source: KafkaConfigBackingStore.claimWritePrivileges, KIP-618)
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from penstock.errors import ConflictError, StorageError
from penstock.runtime.kafka.client_log import client_logger
from penstock.runtime.kafka.topic_log import WRITES_WAITING_MAX, Written

__all__ = ["TransactionalWriter"]

log = logging.getLogger(__name__)

CALL_TIMEOUT_S: Final = 30.0
Records = Sequence[tuple[bytes, bytes | None]]
_FENCED: Final = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 - how the client names its own error codes
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    }
)


class TransactionalWriter:
    """Each write is one transaction. Owner of the producer: the ``leader-writer`` thread.

    The transactional id is taken over by :meth:`claim`, or by the first write; a writer that was
    fenced refuses that write, and takes the id over again with the next one: by then the herder
    knows whether it still leads.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """``config`` is librdkafka's, with a transactional id; connects with the first claim."""
        self._config = dict(config)
        self._work: queue.Queue[tuple[str, Records, Future[Written | None]] | None] = queue.Queue(
            WRITES_WAITING_MAX
        )
        self._client: confluent_kafka.Producer | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="leader-writer", daemon=True)
        self._thread.start()

    def claim(self) -> None:
        """Take the id over, so that a former leader writes no more; what fails is tried again."""
        self._put(("", (), Future()))

    def write(self, topic: str, records: Records) -> Future[Written | None]:
        """Write records in one transaction; the future tells where the last one is.

        It raises ConflictError when another leader has taken over, StorageError when the records
        are not stored.
        """
        future: Future[Written | None] = Future()
        self._put((topic, records, future))
        return future

    def _put(self, work: tuple[str, Records, Future[Written | None]]) -> None:
        try:
            self._work.put_nowait(work)
        except queue.Full:
            work[2].set_exception(
                StorageError(f"more than {WRITES_WAITING_MAX} writes wait for the broker")
            )

    def close(self, timeout_s: float) -> None:
        """Write what waits, then end the thread."""
        self._closing = True
        self._work.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            topic, records, future = work
            try:
                if not topic:
                    self._client = None
                future.set_result(self._written(topic, records))
            except KafkaException as problem:
                future.set_exception(self._failed(topic, problem.args[0]))
            except Exception as problem:  # noqa: BLE001 - whoever waits is told
                self._client = None
                future.set_exception(StorageError(f"cannot write to '{topic}': {problem}"))

    def _claimed(self) -> confluent_kafka.Producer:
        if self._client is None:
            client = confluent_kafka.Producer(dict(self._config), logger=client_logger())
            client.init_transactions(CALL_TIMEOUT_S)
            self._client = client
        return self._client

    def _written(self, topic: str, records: Records) -> Written | None:
        client = self._claimed()
        if not records:
            return None
        last: list[Written] = []
        errors: list[KafkaError] = []

        def delivered(error: KafkaError | None, message: Any) -> None:
            if error is not None:
                errors.append(error)
            else:
                last.append(Written(message.partition(), message.offset()))

        client.begin_transaction()
        try:
            for key, value in records:
                client.produce(topic, value=value, key=key, on_delivery=delivered)
            client.commit_transaction(CALL_TIMEOUT_S)
        except (KafkaException, BufferError):
            with contextlib.suppress(KafkaException):
                client.abort_transaction(CALL_TIMEOUT_S)
            raise
        client.poll(0)
        if errors or len(last) < len(records):
            raise KafkaException(errors[0] if errors else KafkaError(KafkaError._FAIL))  # noqa: SLF001
        return last[-1]

    def _failed(self, topic: str, error: KafkaError) -> Exception:
        self._client = None  # the next write, if there is one, takes the id over again
        if error.code() in _FENCED:
            log.warning("another leader writes the config topic now: %s", error.str())
            return ConflictError(
                "Cannot complete request because of a conflicting operation (e.g. worker "
                "rebalance): another worker leads; try again"
            )
        name = self._config.get("transactional.id")
        text = f"transactional id '{name}' cannot write to '{topic}': {error.str()}"
        if not topic:
            log.warning("%s", text)
        return StorageError(text)
