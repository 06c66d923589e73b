"""Which properties a connector's Kafka clients get from the worker and from the connector.

Pure. Follows ``Worker.baseProducerConfigs``, ``baseConsumerConfigs`` and ``adminConfigs`` of
Kafka Connect 4.3: producers and consumers get only ``bootstrap.servers`` of the worker's own
properties, and all else by prefix; an admin client gets the unprefixed client properties too.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from penstock.errors import ConfigError, Problem
from penstock.runtime.kafka.oauth import ALLOWED_FILES_PROPERTY, ALLOWED_URLS_PROPERTY
from penstock.runtime.kafka.properties import row_of
from penstock.runtime.kafka.properties_native import PREFIX
from penstock.runtime.kafka.properties_rules import INT_MAX, ClientKind, Note, shown

__all__ = [
    "ClientRole",
    "ClientSettings",
    "OverridePolicy",
    "allow_all",
    "split_prefix",
    "with_prefix",
]

OverridePolicy = Callable[[ClientKind, Mapping[str, str]], Sequence[Problem]]
"""Judges a connector's overrides, by Apache name without prefix; returns the problems found.

A problem's key is the name as the policy got it; the prefix is put before it."""


class ClientRole(enum.Enum):
    """What a connector's client is for; the value is the middle of its client id."""

    SOURCE_PRODUCER = "producer"
    SINK_CONSUMER = "consumer"
    ADMIN = "adminclient"
    DLQ_PRODUCER = "dlq-producer"
    DLQ_ADMIN = "dlq-adminclient"

    @property
    def kind(self) -> ClientKind:
        """The kind of client that plays this role."""
        return _KINDS[self]


_KINDS: Final = {
    ClientRole.SOURCE_PRODUCER: ClientKind.PRODUCER,
    ClientRole.SINK_CONSUMER: ClientKind.CONSUMER,
    ClientRole.ADMIN: ClientKind.ADMIN,
    ClientRole.DLQ_PRODUCER: ClientKind.PRODUCER,
    ClientRole.DLQ_ADMIN: ClientKind.ADMIN,
}
_PREFIXES: Final = {
    ClientKind.PRODUCER: "producer.",
    ClientKind.CONSUMER: "consumer.",
    ClientKind.ADMIN: "admin.",
}
# The original adds enable.idempotence=false and one request in flight here. Penstock's producers
# are idempotent unless told otherwise, which keeps order and stores nothing twice.
_PRODUCER_BASE: Final = {"acks": "all", "delivery.timeout.ms": str(INT_MAX)}
_CONSUMER_BASE: Final = {"enable.auto.commit": "false", "auto.offset.reset": "earliest"}


@attrs.frozen
class ClientSettings:
    """The Apache properties of one client, ready for a ``Broker``.

    Attributes:
        properties: by Apache name; hold secrets, so they are kept out of ``repr``.
        client_id: ``connector-<role>-<connector>-<task>`` unless overridden.
        group_id: of a consumer ``connect-<connector>`` unless overridden; else empty.
        ignored: the user's values that exactly-once delivery replaces.
    """

    properties: Mapping[str, str] = attrs.field(repr=False)
    client_id: str
    group_id: str = ""
    ignored: tuple[Note, ...] = ()


def allow_all(_kind: ClientKind, _overrides: Mapping[str, str]) -> Sequence[Problem]:
    """Let every override pass: the original's policy ``All``."""
    return ()


def split_prefix(
    worker_properties: Mapping[str, str],
    connector_properties: Mapping[str, str],
    *,
    role: ClientRole,
    connector: str,
    task: int,
    policy: OverridePolicy = allow_all,
    transactional_id: str | None = None,
) -> ClientSettings:
    """Derive the Apache properties of one client of a connector's task.

    Later ones win: what Connect sets, the worker's ``producer.*`` (``consumer.*``, ``admin.*``),
    the connector's ``producer.override.*`` (``consumer.override.*``, ``admin.override.*``).

    Args:
        role: what the client is for.
        connector, task: the name and the number, for client and group ids.
        policy: judges the connector's overrides.
        transactional_id: makes the source producer one for exactly-once delivery; then it and
            idempotence replace the user's values.

    Raises:
        ConfigError: the policy forbids an override; keys carry their prefix.
    """
    prefix = _PREFIXES[role.kind]
    overrides = with_prefix(connector_properties, f"{prefix}override.")
    problems = [
        attrs.evolve(problem, key=f"{prefix}override.{problem.key}")
        for problem in policy(role.kind, overrides)
    ]
    if problems:
        raise ConfigError(problems, who=f"connector '{connector}'")
    properties = _base(worker_properties, role, connector, task)
    properties |= with_prefix(worker_properties, prefix)
    properties |= overrides
    for key in (ALLOWED_URLS_PROPERTY, ALLOWED_FILES_PROPERTY):
        # The worker's alone, whatever stands under a prefix.
        properties.pop(key, None)
        if key in worker_properties:
            properties[key] = worker_properties[key]
    ignored: list[Note] = []
    if transactional_id is not None:
        owned = {"enable.idempotence": "true", "transactional.id": transactional_id}
        for key, value in owned.items():
            if properties.get(key, value) != value:
                reason = f"exactly-once delivery sets it to '{value}'"
                ignored.append(Note(key, shown(key, properties[key]), reason))
        properties |= owned
    group = properties.get("group.id", "") if role.kind is ClientKind.CONSUMER else ""
    return ClientSettings(properties, properties["client.id"], group, tuple(ignored))


def _base(worker: Mapping[str, str], role: ClientRole, connector: str, task: int) -> dict[str, str]:
    properties = {"client.id": f"connector-{role.value}-{connector}-{task}"}
    if "bootstrap.servers" in worker:
        properties["bootstrap.servers"] = worker["bootstrap.servers"]
    if role.kind is ClientKind.PRODUCER:
        properties |= _PRODUCER_BASE
    elif role.kind is ClientKind.CONSUMER:
        properties |= {"group.id": f"connect-{connector}", **_CONSUMER_BASE}
    else:
        properties |= {k: v for k, v in worker.items() if _is_client_property(k, role.kind)}
    return properties


def _is_client_property(key: str, kind: ClientKind) -> bool:
    """Return whether an unprefixed worker property is one that such a client knows."""
    row = row_of(key, kind)
    return key.startswith(PREFIX) or (row is not None and kind in row.kinds)


def with_prefix(properties: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the properties under ``prefix``, without it."""
    return {k.removeprefix(prefix): v for k, v in properties.items() if k.startswith(prefix)}
