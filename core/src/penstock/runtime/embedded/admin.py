"""The admin port on the embedded log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.runtime.broker import TopicSpec
from penstock.runtime.embedded import store
from penstock.runtime.embedded.database import Database

__all__ = ["EmbeddedAdmin"]


class EmbeddedAdmin:
    """Asks the log about itself and its topics. Owner: one thread."""

    def __init__(self, database: Database) -> None:
        """Take a database of its own; the file is opened, or made, by the first call."""
        self._database = database

    def cluster_id(self, timeout_s: float) -> str:
        """See :class:`penstock.runtime.broker.Admin`."""
        with self._database.read("asking for its id", timeout_s) as connection:
            return store.cluster_id(connection)

    def topics(self, timeout_s: float) -> Mapping[str, int]:
        """See :class:`penstock.runtime.broker.Admin`."""
        with self._database.read("listing topics", timeout_s) as connection:
            return {topic.name: topic.partitions for topic in store.all_topics(connection)}

    def create_topics(self, topics: Sequence[TopicSpec], timeout_s: float) -> Sequence[str]:
        """See :class:`penstock.runtime.broker.Admin`; all are made, or none.

        Replication and topic configs have no meaning in one file and no effect; -1 partitions
        are 1. BrokerError for a name or a number of partitions that is not allowed.
        """
        created: list[str] = []
        with self._database.write("creating topics", timeout_s) as connection:
            for topic in topics:
                if store.find_topic(connection, topic.name) is None:
                    partitions = 1 if topic.partitions == -1 else topic.partitions
                    store.create_topic(connection, topic.name, partitions)
                    created.append(topic.name)
        return created

    def close(self) -> None:
        """See :class:`penstock.runtime.broker.Admin`."""
        self._database.close()
