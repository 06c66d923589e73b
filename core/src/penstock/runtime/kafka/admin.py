"""The admin port on librdkafka."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as ClientPlace
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec  # type: ignore[attr-defined]  # it is

from penstock.errors import BrokerError, StorageError
from penstock.runtime.broker import TopicPartition, TopicSpec
from penstock.runtime.kafka import groups
from penstock.runtime.kafka.client_log import client_logger
from penstock.runtime.secure_stores.causes import explained

__all__ = ["KafkaAdmin"]

RETRY_S: Final = 0.1
SLICE_S: Final = 3.0
FIRST_SLICE_S: Final = 0.2
"""So often it is seen whether the broker refused us; soon at first, then less often."""
_REFUSALS: Final = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})  # noqa: SLF001 - its API
_SILENCE: Final = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT})  # noqa: SLF001


class KafkaAdmin:
    """Asks a Kafka cluster about itself. Owned by one thread."""

    def __init__(
        self, config: Mapping[str, Any], *, bootstrap: str, probe: Callable[[], str] = lambda: ""
    ) -> None:
        """Connect lazily.

        Args:
            config: librdkafka's.
            bootstrap: only for messages.
            probe: asks what is wrong with TLS, once something is.
        """
        self._probe = probe
        self._bootstrap = bootstrap
        self._pause = threading.Event()
        self._heard = ""
        self._is_refused = False
        given = {**config, "error_cb": self._hear}
        self._client = AdminClient(given, logger=client_logger())

    def _hear(self, error: KafkaError) -> None:
        """Keep why the broker does not let us in: the answers to requests do not tell."""
        self._is_refused = error.code() in _REFUSALS
        if self._is_refused or explained(error.str()):
            self._heard = error.str()

    def _metadata(self, timeout_s: float) -> Any:
        until_s = time.monotonic() + timeout_s
        self._heard, self._is_refused = "", False
        slice_s = FIRST_SLICE_S
        while True:
            left_s = until_s - time.monotonic()
            try:
                return self._client.list_topics(timeout=max(0.01, min(left_s, slice_s)))
            except KafkaException as problem:
                self._client.poll(0)
                if not self._is_refused and left_s > slice_s:
                    slice_s = min(slice_s * 2, SLICE_S)
                    continue
                if self._heard:
                    told = self._told(self._heard)
                    raise BrokerError(
                        f"the Kafka broker at bootstrap.servers '{self._bootstrap}' is not "
                        f"talked to: {told}"
                    ) from problem
                raise BrokerError(
                    f"no Kafka broker answers at bootstrap.servers '{self._bootstrap}' within "
                    f"{timeout_s:g} s ({problem.args[0].str()}); check the address, that the "
                    "broker runs, and the security settings"
                ) from problem

    def _told(self, heard: str) -> str:
        precise = self._probe() if "SSL" in heard else ""
        cause = explained(precise) or explained(heard)
        return f"{heard}{f' ({precise})' if precise else ''}{'; ' if cause else ''}{cause}"

    def cluster_id(self, timeout_s: float) -> str:
        """See :class:`penstock.runtime.broker.Admin`."""
        return str(self._metadata(timeout_s).cluster_id)

    def topics(self, timeout_s: float) -> Mapping[str, int]:
        """See :class:`penstock.runtime.broker.Admin`."""
        return {
            name: len(topic.partitions)
            for name, topic in self._metadata(timeout_s).topics.items()
            if topic.error is None
        }

    def create_topics(self, topics: Sequence[TopicSpec], timeout_s: float) -> Sequence[str]:
        """See :class:`penstock.runtime.broker.Admin`."""
        wanted = [
            NewTopic(spec.name, spec.partitions, spec.replication_factor, config=dict(spec.config))
            for spec in topics
        ]
        created: list[str] = []
        if not wanted:  # which the client refuses
            return created
        for name, outcome in self._patiently(
            lambda slice_s: self._client.create_topics(
                wanted, operation_timeout=slice_s, request_timeout=slice_s
            ),
            timeout_s,
        ).items():
            try:
                outcome.result(0)
            except KafkaException as problem:
                if problem.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    text = f"cannot create topic '{name}': {problem.args[0].str()}"
                    raise BrokerError(text) from problem
            else:
                created.append(name)
        return created

    def topic_config(self, topic: str, key: str, timeout_s: float) -> str | None:
        """Return a topic's setting; None when the broker does not tell it to this user."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        (outcome,) = self._patiently(
            lambda slice_s: self._client.describe_configs([resource], request_timeout=slice_s),
            timeout_s,
        ).values()
        try:
            entry = outcome.result(0).get(key)
        except (KafkaException, TimeoutError):
            return None
        return None if entry is None else str(entry.value)

    def _patiently(
        self, ask: Callable[[float], Mapping[Any, Future[Any]]], timeout_s: float
    ) -> Mapping[Any, Future[Any]]:
        """Ask again in time, of brokers looked up anew, while nobody answers; all futures are done.

        The client waits for the controller that it heard of, which may be a broker that just
        died, and would look again after minutes only.
        """
        until_s = time.monotonic() + timeout_s
        slice_s = SLICE_S
        while True:
            left_s = until_s - time.monotonic()
            asked = ask(max(0.1, min(left_s, slice_s)))
            concurrent.futures.wait(asked.values())
            if left_s <= slice_s or not any(map(_is_silence, asked.values())):
                return asked
            with contextlib.suppress(KafkaException):
                self._client.list_topics(timeout=slice_s)
            slice_s *= 2

    def end_offsets(self, topic: str, partitions: int, timeout_s: float) -> Mapping[int, int]:
        """Return the offset after the last record of each partition.

        Raises:
            StorageError: the broker does not tell in time.
        """
        until_s = time.monotonic() + timeout_s
        while True:
            try:
                return self._ends(topic, partitions, timeout_s)
            except (KafkaException, TimeoutError) as problem:
                # A topic that was just created has no leaders yet.
                if time.monotonic() > until_s or self._pause.wait(RETRY_S):
                    text = f"the broker does not tell the end of topic '{topic}': {problem}"
                    raise StorageError(text) from problem
                # After a broker's restart the client asks with an epoch of the leader that is
                # over, and would for minutes: it does not look again by itself.
                with contextlib.suppress(KafkaException):
                    self._client.list_topics(timeout=timeout_s)  # by its name it would make it

    def _ends(self, topic: str, partitions: int, timeout_s: float) -> Mapping[int, int]:
        latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # it has no types
        wanted = {ClientPlace(topic, number): latest for number in range(partitions)}
        asked = self._client.list_offsets(wanted, request_timeout=timeout_s)
        return {place.partition: one.result(timeout_s).offset for place, one in asked.items()}

    def group_offsets(self, group: str, timeout_s: float) -> Mapping[TopicPartition, int]:
        """See :class:`penstock.runtime.broker.Admin`."""
        return groups.stored_offsets(self._client, group, timeout_s)

    def alter_group_offsets(
        self, group: str, offsets: Mapping[TopicPartition, int | None], timeout_s: float
    ) -> None:
        """See :class:`penstock.runtime.broker.Admin`."""
        groups.alter_offsets(self._client, group, offsets, timeout_s)

    def delete_group(self, group: str, timeout_s: float) -> None:
        """See :class:`penstock.runtime.broker.Admin`."""
        groups.delete_group(self._client, group, timeout_s)

    def close(self) -> None:
        """See :class:`penstock.runtime.broker.Admin`."""
        self._pause.set()


def _is_silence(outcome: Future[Any]) -> bool:
    problem = outcome.exception()
    return isinstance(problem, KafkaException) and problem.args[0].code() in _SILENCE
