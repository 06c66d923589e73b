"""The consumer port on the embedded log."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from penstock.data import TopicPartition
from penstock.errors import BrokerError, ConfigError, RetriableError
from penstock.runtime.broker import Assignment, FetchedBatch
from penstock.runtime.clock import Clock
from penstock.runtime.embedded.database import Database
from penstock.runtime.embedded.failures import LockedError
from penstock.runtime.embedded.group import Subscription
from penstock.runtime.embedded.membership import Membership
from penstock.runtime.embedded.reader import Reader

__all__ = ["EmbeddedConsumer"]

log = logging.getLogger(__name__)

WAIT_FIRST_S: Final = 0.001
"""How long a poll that finds nothing waits before it looks again; doubled each time, up to..."""
WAIT_MAX_S: Final = 0.05
"""...this: the most by which a record written after a long silence comes late."""
LOCKED_WARNING_S: Final = 30.0
"""How often it is told that others keep the file locked."""


class EmbeddedConsumer:
    """Reads topics as a member of a group. Owner: the task's thread; ``wakeup`` is for any."""

    def __init__(
        self, database: Database, membership: Membership, reader: Reader, *, clock: Clock
    ) -> None:
        """Take its parts; the file is opened by the first poll."""
        self._database = database
        self._membership = membership
        self._reader = reader
        self._clock = clock
        self._listener: Assignment | None = None
        self._news: int | None = None
        self._wait_s = WAIT_FIRST_S
        self._warn_at_s = 0.0
        self._awake = threading.Event()
        self._closed = False

    def subscribe(self, topics: Sequence[str] | str, listener: Assignment) -> None:
        """See :class:`penstock.runtime.broker.Consumer`. ConfigError for a wrong pattern."""
        if isinstance(topics, str):
            try:
                re.compile(topics)
            except re.error as problem:
                raise ConfigError(
                    f"'topics.regex' is no regular expression: {problem}, got '{topics}'"
                ) from problem
            subscription = Subscription(pattern=topics)
        else:
            subscription = Subscription(names=tuple(topics))
        self._listener = listener
        self._membership.subscribe(subscription)

    def poll(self, max_records: int, timeout_s: float) -> Sequence[FetchedBatch]:
        """See :class:`penstock.runtime.broker.Consumer`."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        while not self._closed:
            batches = self._look(max_records)
            if batches is None:
                return ()
            if batches:
                self._wait_s = WAIT_FIRST_S
                return batches
            left_s = deadline_s - self._clock.monotonic_s()
            if left_s <= 0 or self._awake.wait(min(self._wait_s, left_s)):
                break
            self._wait_s = min(self._wait_s * 2, WAIT_MAX_S)
        self._awake.clear()
        return ()

    def _look(self, max_records: int) -> Sequence[FetchedBatch] | None:
        """Do what the group asks for and return what is there; None after new partitions came."""
        try:
            news = self._database.version()
            if self._attend(news):
                # The caller may want to seek in them before it is given anything.
                return None
            if news != self._news:
                self._reader.refresh()
                self._news = news
            return self._reader.fetch(max_records)
        except LockedError as problem:
            # Others hold the file: that is waiting, as on a silent network, and no failure.
            now_s = self._clock.monotonic_s()
            if now_s >= self._warn_at_s:
                self._warn_at_s = now_s + LOCKED_WARNING_S
                log.warning("polling goes on: %s", problem)
            return ()

    def _attend(self, news: int) -> bool:
        """Follow the group, tell the listener, and return whether new partitions came."""
        change = self._membership.look(news)
        listener = self._listener
        if change.lost:
            self._reader.drop(change.lost)
            if listener is not None:
                listener.on_lost(change.lost)
        if change.revoked:
            if listener is not None:
                listener.on_revoked(change.revoked)
            self._reader.drop(change.revoked)
            self._membership.let_go(change.revoked)
        claimed = self._membership.claim() if change.claimable else ()
        for one in claimed:
            self._reader.add(one.place, one.topic, one.offset)
        if claimed:
            self._news = None
            if listener is not None:
                listener.on_assigned([one.place for one in claimed])
        return bool(claimed)

    def commit(self, offsets: Mapping[TopicPartition, int], timeout_s: float) -> None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        self._check_open()
        self._membership.commit(offsets, timeout_s)

    def committed(
        self, partitions: Sequence[TopicPartition], timeout_s: float
    ) -> Mapping[TopicPartition, int]:
        """See :class:`penstock.runtime.broker.Consumer`."""
        self._check_open()
        return self._membership.committed(partitions, timeout_s)

    def position(self, partition: TopicPartition) -> int | None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        return self._reader.position(partition)

    def log_end(self, partition: TopicPartition) -> int | None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        return self._reader.log_end(partition)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        if not self._reader.seek(partition, offset):
            raise BrokerError(
                f"topic '{partition.topic}' partition {partition.partition}: cannot seek to "
                f"{offset}, the partition is not assigned to this consumer"
            )

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        """See :class:`penstock.runtime.broker.Consumer`; partitions not assigned are left out."""
        self._reader.pause(partitions, paused=True)

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        """See :class:`penstock.runtime.broker.Consumer`; partitions not assigned are left out."""
        self._reader.pause(partitions, paused=False)

    def wakeup(self) -> None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        self._awake.set()

    def close(self, timeout_s: float) -> None:
        """See :class:`penstock.runtime.broker.Consumer`."""
        if self._closed:
            return
        self._closed = True
        try:
            self._membership.leave(timeout_s)
        except (RetriableError, BrokerError) as problem:
            log.warning("the others will notice by themselves that this member left: %s", problem)
        finally:
            self._database.close()

    def _check_open(self) -> None:
        if self._closed:
            raise BrokerError("the consumer is closed")
