"""Topics of a source task, created before the first record goes there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from penstock.errors import BrokerError, ConnectError
from penstock.runtime.broker import Admin
from penstock.runtime.topic_creation import TopicCreation

__all__ = ["TopicMaker"]

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 30.0
BACKOFF_FIRST_S: Final = 0.5
BACKOFF_MAX_S: Final = 10.0


class TopicMaker:
    """Creates what is missing, once a topic. Owner: the task's thread.

    (source: AbstractWorkerSourceTask.maybeCreateTopic)
    """

    def __init__(
        self,
        creation: TopicCreation,
        admin: Callable[[], Admin],
        wait: Callable[[float], bool],
    ) -> None:
        """``admin`` connects; ``wait(seconds)`` returns True when the task should stop."""
        self._creation = creation
        self._connect = admin
        self._wait = wait
        self._known: set[str] = set()

    def ensure(self, topic: str) -> None:
        """See to it that a topic is there; called before each batch, at the price of a look-up.

        A broker that is away is waited for, as a send would.

        Raises:
            ConnectError: the topic cannot be created.
        """
        if topic in self._known:
            return
        backoff_s = BACKOFF_FIRST_S
        while not self._made(topic):
            if self._wait(backoff_s):
                return
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
        self._known.add(topic)

    def _made(self, topic: str) -> bool:
        """Create the topic if it is missing; return False when nobody answers."""
        admin = self._connect()
        try:
            if topic not in admin.topics(TIMEOUT_S):
                self._create(admin, topic)
        except BrokerError as problem:
            log.warning("it is not known whether topic '%s' exists: %s", topic, problem)
            return False
        finally:
            admin.close()
        return True

    def _create(self, admin: Admin, topic: str) -> None:
        spec, group = self._creation.spec(topic)
        try:
            created = admin.create_topics([spec], TIMEOUT_S)
        except BrokerError as problem:
            # A broker that went away meanwhile says so here, and is waited for.
            if topic in admin.topics(TIMEOUT_S):
                return
            raise ConnectError(
                f"Task failed to create new topic '{topic}' (group '{group}', "
                f"{spec.partitions} partitions, replication factor {spec.replication_factor}). "
                "Ensure that the task is authorized to create topics or that the topic exists "
                f"and restart the task: {problem}"
            ) from problem
        if created:
            log.info("topic '%s' is created by the settings of group '%s'", topic, group)
