"""The embedded log behind the broker port."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.errors import ConfigError, Problem
from penstock.runtime.broker import TransactionalProducer
from penstock.runtime.clock import Clock, SystemClock
from penstock.runtime.embedded.address import parse_address
from penstock.runtime.embedded.admin import EmbeddedAdmin
from penstock.runtime.embedded.consumer import EmbeddedConsumer
from penstock.runtime.embedded.database import Database
from penstock.runtime.embedded.membership import Membership
from penstock.runtime.embedded.producer import EmbeddedProducer
from penstock.runtime.embedded.reader import Reader
from penstock.runtime.embedded.settings import consumer_settings, producer_settings
from penstock.runtime.embedded.topic_reader import EmbeddedReader

__all__ = ["EmbeddedBroker"]


class EmbeddedBroker:
    """Makes clients of one log file, each with a connection of its own.

    Nothing is opened before a client is used, so that it may be made on one side of a fork and
    used on the other. Owner: any thread; each client has one owner.
    """

    def __init__(self, address: str, *, clock: Clock | None = None) -> None:
        """Take ``embedded:PATH?options`` or a plain path; raises ConfigError for a wrong one."""
        self._address = parse_address(address)
        self._clock = SystemClock() if clock is None else clock

    def producer(
        self,
        properties: Mapping[str, str],
        *,
        client_id: str,
        precise: bool = False,
        places: bool = False,
    ) -> EmbeddedProducer:
        """See :class:`penstock.runtime.broker.Broker`.

        ``precise`` changes nothing: rows sent between two polls are stored or refused together,
        so that a range tells each row's fate as soon as it is known. ``places`` are not told.
        """
        settings = producer_settings(properties, client_id)
        return EmbeddedProducer(
            Database(self._address),
            settings=settings,
            retention_bytes=self._address.retention_bytes,
            clock=self._clock,
        )

    def transactional_producer(
        self, properties: Mapping[str, str], *, client_id: str, places: bool = False
    ) -> TransactionalProducer:
        """See :class:`penstock.runtime.broker.Broker`; always refused."""
        message = "the embedded log has no transactions; use a Kafka broker for exactly-once"
        raise ConfigError([Problem("bootstrap.servers", message)], who=client_id)

    def consumer(
        self, properties: Mapping[str, str], *, client_id: str, group_id: str
    ) -> EmbeddedConsumer:
        """See :class:`penstock.runtime.broker.Broker`."""
        settings = consumer_settings(properties, client_id)
        for name, text in (("client.id", client_id), ("group.id", group_id)):
            if not text or "\0" in text or any("\ud800" <= one <= "\udfff" for one in text):
                raise ConfigError(f"'{name}' must be text that UTF-8 can hold, got {text!r}")
        database = Database(self._address)
        membership = Membership(
            database,
            group_id=group_id,
            client_id=client_id,
            settings=settings,
            clock=self._clock,
        )
        reader = Reader(database, settings.reset)
        return EmbeddedConsumer(database, membership, reader, clock=self._clock)

    def reader(self, properties: Mapping[str, str], *, client_id: str) -> EmbeddedReader:
        """See :class:`penstock.runtime.broker.Broker`."""
        return EmbeddedReader(Database(self._address))

    def admin(self, properties: Mapping[str, str], *, client_id: str) -> EmbeddedAdmin:
        """See :class:`penstock.runtime.broker.Broker`."""
        return EmbeddedAdmin(Database(self._address))
