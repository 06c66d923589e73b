"""The admin port on the embedded log."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from penstock.data import TopicPartition
from penstock.errors import BrokerError
from penstock.runtime.broker import TopicSpec
from penstock.runtime.embedded import store, teams
from penstock.runtime.embedded.database import Database
from penstock.runtime.embedded.liveness import is_running, this_process

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

    def group_offsets(self, group: str, timeout_s: float) -> Mapping[TopicPartition, int]:
        """See :class:`penstock.runtime.broker.Admin`."""
        with self._database.read("reading positions", timeout_s) as connection:
            return teams.positions_of(connection, group)

    def alter_group_offsets(
        self, group: str, offsets: Mapping[TopicPartition, int | None], timeout_s: float
    ) -> None:
        """See :class:`penstock.runtime.broker.Admin`; all are stored, or none."""
        with self._database.write("storing positions", timeout_s) as connection:
            _refuse_members(connection, group)
            for place, offset in offsets.items():
                topic = store.find_topic(connection, place.topic)
                if topic is None or not 0 <= place.partition < topic.partitions:
                    raise BrokerError(
                        f"there is no partition {place.partition} of topic '{place.topic}'; "
                        "nothing is stored"
                    )
                if offset is None:
                    teams.forget_position(connection, group, topic, place.partition)
                else:
                    teams.store_position(connection, group, topic, place.partition, offset)

    def delete_group(self, group: str, timeout_s: float) -> None:
        """See :class:`penstock.runtime.broker.Admin`."""
        with self._database.write("forgetting a group", timeout_s) as connection:
            _refuse_members(connection, group)
            for place in teams.positions_of(connection, group):
                topic = store.find_topic(connection, place.topic)
                if topic is not None:
                    teams.forget_position(connection, group, topic, place.partition)

    def close(self) -> None:
        """See :class:`penstock.runtime.broker.Admin`."""
        self._database.close()


def _refuse_members(connection: sqlite3.Connection, group: str) -> None:
    """Refuse while somebody reads: what is stored would be undone by the next commit."""
    here = this_process()
    members = teams.members_of(connection, group)
    if any(is_running(member.process, here) is not False for member in members):
        raise BrokerError(
            f"group '{group}' has members still: the connector's tasks have not all stopped yet; "
            "try again once they have"
        )
