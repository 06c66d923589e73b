"""Which client properties connectors may override (source: ConnectorClientConfigOverridePolicy)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar

import attrs

from penstock.api._plugin import Plugin

__all__ = ["ClientOverridePolicy", "ClientOverrides"]

C = TypeVar("C")


@attrs.frozen
class ClientOverrides:
    """What a connector asks to override of one client (source: ConnectorClientConfigRequest).

    Attributes:
        connector: its name; empty when it has none yet.
        connector_class: as the user wrote it.
        client: what kind of client it is.
        properties: Apache Kafka's names, without prefix; values may be secrets.
    """

    connector: str
    connector_class: str
    client: Literal["producer", "consumer", "admin"]
    properties: Mapping[str, str] = attrs.field(repr=False)


class ClientOverridePolicy(Plugin[C]):
    """Judges what connectors override of their Kafka clients.

    Named in ``connector.client.config.override.policy`` and found in the entry-point group
    ``penstock.client_override_policies``. Its config is read from the worker's properties.

    Called by: the process that validates a connector or runs its task. Threading: one thread.
    """

    def refused(self, overrides: ClientOverrides) -> Mapping[str, str]:
        """Return why, by property, for each one that is not allowed; must not tell any value.

        What it raises refuses all of them.
        """
        raise NotImplementedError
