"""The connector's overrides of Kafka client properties, checked before any client is made.

(source: AbstractHerder.validateClientOverrides)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.config import HIDDEN, ConfigInfos, ConfigValue, KeySpec, KeyType
from penstock.errors import ConfigError, Problem
from penstock.runtime.brokers import is_embedded
from penstock.runtime.kafka.client_settings import ClientRole, ClientSettings, split_prefix
from penstock.runtime.kafka.oauth_allowed import split_allowed
from penstock.runtime.kafka.properties import shown, translate
from penstock.runtime.kafka.stores import with_pem_texts
from penstock.runtime.override_policies import clients_in_use

__all__ = ["add_overrides", "client_problems"]

_SOURCE: Final = {
    "producer.override.": ClientRole.SOURCE_PRODUCER,
    "admin.override.": ClientRole.ADMIN,
}
_SINK: Final = {
    "consumer.override.": ClientRole.SINK_CONSUMER,
    "producer.override.": ClientRole.DLQ_PRODUCER,
    "admin.override.": ClientRole.DLQ_ADMIN,
}


def _roles(raw: Mapping[str, str | None], *, is_sink: bool) -> Mapping[str, ClientRole]:
    """Return the clients that the connector uses, by the prefix of their overrides."""
    roles = _SINK if is_sink else _SOURCE
    return {prefix: roles[prefix] for prefix in clients_in_use(raw, is_sink=is_sink)}


def add_overrides(infos: ConfigInfos, raw: Mapping[str, str | None], *, is_sink: bool) -> None:
    """Append the overrides of clients in use, so that their errors have a place."""
    prefixes = tuple(_roles(raw, is_sink=is_sink))
    values = []
    for key, text in raw.items():
        if key.startswith(prefixes) and infos.of(key) is None:
            is_secret = shown(key, "x") == HIDDEN
            spec = KeySpec(
                name=key,
                type=KeyType.PASSWORD if is_secret else KeyType.STRING,
                default=None,
                display_name=key[key.index(".override.") + len(".override.") :],
                doc="Replaces this property of the connector's own Kafka client.",
            )
            values.append(ConfigValue(spec=spec, parsed=text, given=text))
    infos.add(values)


def client_problems(
    raw: Mapping[str, str | None], worker: Mapping[str, str], *, is_sink: bool
) -> list[Problem]:
    """Return the overrides that a client would refuse, each as a problem of its whole key."""
    if is_embedded(worker):
        return []
    texts = {key: text for key, text in raw.items() if text is not None}
    problems = []
    for prefix, role in _roles(raw, is_sink=is_sink).items():
        if not any(key.startswith(prefix) for key in texts):
            continue
        settings = split_prefix(worker, texts, role=role, connector=texts.get("name", ""), task=0)
        try:
            _translated(settings, role)
        except ConfigError as refused:
            # What is wrong with the worker's own properties is no fault of this connector.
            problems += [
                Problem(f"{prefix}{one.key}", one.message.replace(one.key, f"{prefix}{one.key}", 1))
                for one in refused.problems
                if f"{prefix}{one.key}" in texts
            ]
    return problems


def _translated(settings: ClientSettings, role: ClientRole) -> None:
    """Read stores and translate, as the client's own process will; raises ConfigError."""
    own, allowed = split_allowed(settings.properties)
    translate(
        with_pem_texts(own),
        role.kind,
        oauth_urls=allowed.urls,
        oauth_files=allowed.files,
        gssapi=True,
    )
