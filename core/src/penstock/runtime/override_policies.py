"""Which properties of its Kafka clients a connector may override, by the worker's policy.

Four policies are built in; others are plugins. A policy that is missing, broken or fails allows
nothing. (source: AllConnectorClientConfigOverridePolicy and its siblings, AbstractHerder)
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

from penstock.api import ClientOverridePolicy, ClientOverrides
from penstock.config import NoConfig, config, key
from penstock.errors import ConfigError, PluginError, Problem, did_you_mean
from penstock.runtime.plugins import registry

__all__ = [
    "OVERRIDES",
    "POLICY_KEY",
    "check_policy",
    "clients_in_use",
    "override_problems",
]

log = logging.getLogger(__name__)

OVERRIDES: Final = ("producer.override.", "consumer.override.", "admin.override.")
POLICY_KEY: Final = "connector.client.config.override.policy"
KIND: Final = "client_override_policies"
_DEFAULT: Final = "All"
_SUFFIX: Final = "ConnectorClientConfigOverridePolicy"
_PACKAGE: Final = "org.apache.kafka.connect.connector.policy."
_PRINCIPAL: Final = frozenset({"sasl.jaas.config", "sasl.mechanism", "security.protocol"})

Raw = Mapping[str, str | None]


def _refusals(policy: str, names: Sequence[str]) -> dict[str, str]:
    """Return the original's words for each property."""
    return {
        name: (
            f"The '{policy}' policy does not allow '{name}' to be overridden in the connector "
            "configuration."
        )
        for name in names
    }


class _All(ClientOverridePolicy[NoConfig]):
    """Everything is allowed."""

    def refused(self, overrides: ClientOverrides) -> Mapping[str, str]:
        return {}


class _None(ClientOverridePolicy[NoConfig]):
    """Nothing is allowed."""

    def refused(self, overrides: ClientOverrides) -> Mapping[str, str]:
        return _refusals("None", list(overrides.properties))


class _Principal(ClientOverridePolicy[NoConfig]):
    """Only who the connector is may be said, not what its clients do."""

    def refused(self, overrides: ClientOverrides) -> Mapping[str, str]:
        return _refusals(
            "Principal", [name for name in overrides.properties if name not in _PRINCIPAL]
        )


@config
class _AllowlistConfig:
    """Keys of the worker that the policy reads."""

    connector_client_config_override_allowlist: list[str] = key(
        default=[], doc="The client properties that a connector may override."
    )


class _Allowlist(ClientOverridePolicy[_AllowlistConfig]):
    """What is listed is allowed (KIP-1188)."""

    def refused(self, overrides: ClientOverrides) -> Mapping[str, str]:
        allowed = self.config.connector_client_config_override_allowlist
        return _refusals(
            "Allowlist", [name for name in overrides.properties if name not in allowed]
        )


_SHORT: Final[Mapping[str, type[ClientOverridePolicy[Any]]]] = {
    "All": _All,
    "None": _None,
    "Principal": _Principal,
    "Allowlist": _Allowlist,
}
_BUILT_IN: Final[Mapping[str, type[ClientOverridePolicy[Any]]]] = {
    form: policy
    for name, policy in _SHORT.items()
    for form in (name, f"{name}{_SUFFIX}", f"{_PACKAGE}{name}{_SUFFIX}")
}


def _named(worker: Mapping[str, str]) -> str:
    return worker.get(POLICY_KEY, _DEFAULT).strip()


def check_policy(worker: Mapping[str, str], *, who: str = "worker properties") -> None:
    """See to it that the worker's policy is installed; imports no plugin.

    Raises:
        ConfigError: it is not.
    """
    name = _named(worker)
    if name in _BUILT_IN:
        return
    try:
        registry().resolve(KIND, name)
    except PluginError as missing:
        near = did_you_mean(name, list(_SHORT))
        raise ConfigError(
            Problem(
                POLICY_KEY,
                f"Invalid value {name} for configuration {POLICY_KEY}: String must be one of: "
                f"{', '.join(_SHORT)}, or a plugin{near}: {missing}",
            ),
            who=who,
        ) from missing


def _policy(worker: Mapping[str, str]) -> ClientOverridePolicy[Any]:
    name = _named(worker)
    cls = _BUILT_IN.get(name) or registry().load(KIND, name)
    made: ClientOverridePolicy[Any] = cls(cls.config_spec().parse(worker, who=f"policy {name}"))
    return made


def clients_in_use(raw: Raw, *, is_sink: bool | None) -> Sequence[str]:
    """Return the prefixes of the clients that a connector has; all when its way is not known."""
    if is_sink is None:
        return OVERRIDES
    if not is_sink:
        is_creating = any(name.startswith("topic.creation.") for name in raw)
        return ("producer.override.", "admin.override.") if is_creating else ("producer.override.",)
    if not (raw.get("errors.deadletterqueue.topic.name") or "").strip():
        return ("consumer.override.",)
    return ("consumer.override.", "producer.override.", "admin.override.")


def override_problems(
    raw: Raw, worker: Mapping[str, str], *, is_sink: bool | None = None
) -> list[Problem]:
    """Return the overrides that the worker's policy forbids, each as a problem of its key.

    As in the original, overrides of clients that the connector does not have are not judged.
    """
    asked = _asked(raw, is_sink)
    if not asked or _BUILT_IN.get(_named(worker)) is _All:
        return []
    try:
        policy = _policy(worker)
    except (PluginError, ConfigError) as missing:
        return _all_refused(asked, f"the worker's policy cannot be used: {missing}")
    try:
        policy.open()
        return [
            _problem(f"{prefix}{name}", why)
            for prefix, overrides in asked.items()
            for name, why in policy.refused(overrides).items()
        ]
    except Exception as failure:  # noqa: BLE001 - an author's policy, whatever it raises
        # Without the message, which may tell a password.
        log.warning("policy %s failed with %s", _named(worker), type(failure).__name__)
        kind = type(failure).__name__
        return _all_refused(asked, f"the worker's policy '{_named(worker)}' failed with {kind}")
    finally:
        policy.close()


def _asked(raw: Raw, is_sink: bool | None) -> dict[str, ClientOverrides]:
    """Return what is asked for of each client in use, by prefix."""
    found = {}
    for prefix in clients_in_use(raw, is_sink=is_sink):
        properties = {
            name.removeprefix(prefix): text or ""
            for name, text in raw.items()
            if name.startswith(prefix)
        }
        if properties:
            client = cast("Literal['producer', 'consumer', 'admin']", prefix.partition(".")[0])
            found[prefix] = ClientOverrides(
                connector=raw.get("name") or "",
                connector_class=raw.get("connector.class") or "",
                client=client,
                properties=properties,
            )
    return found


def _all_refused(asked: Mapping[str, ClientOverrides], why: str) -> list[Problem]:
    return [
        _problem(f"{prefix}{name}", why)
        for prefix, overrides in asked.items()
        for name in overrides.properties
    ]


def _problem(name: str, why: str) -> Problem:
    """Without the value: an override may be a password."""
    remedy = f"Remove {name}, or change {POLICY_KEY} of the worker"
    return Problem(name, f"{why.rstrip('.')}. {remedy}")
