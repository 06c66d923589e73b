"""The embedded log: an ordered, durable log in one SQLite file, behind the broker port."""

from penstock.runtime.embedded.broker import EmbeddedBroker

__all__ = ["EmbeddedBroker"]
