"""The properties of a worker that belongs to a cluster (source: DistributedConfig). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from penstock.config import Long, config, key
from penstock.errors import ConfigError, Problem
from penstock.runtime.settings import WorkerSettings

__all__ = ["ClusterSettings", "topic_settings"]

_TOPIC_KEYS: Final = frozenset({"topic", "partitions", "replication.factor", "cleanup.policy"})


def _replicas(name: str, value: Any) -> str | None:
    good = value == -1 or value > 0
    return None if good else "Value must be -1, for the broker's default, or at least 1"


def _partitions(name: str, value: Any) -> str | None:
    good = value == -1 or value > 0
    return None if good else "Number of partitions must be -1 or larger than 0"


@config
class ClusterSettings(WorkerSettings):
    """The keys of ``penstock distributed``."""

    group_id: str = key(
        non_empty=True,
        importance="high",
        doc="Names the cluster: workers of one group share connectors and tasks.",
    )
    config_storage_topic: str = key(
        non_empty=True, importance="high", doc="Topic that keeps the connectors' configurations."
    )
    config_storage_replication_factor: int = key(
        default=3, validator=_replicas, importance="low", doc="Replicas of the config topic."
    )
    offset_storage_topic: str = key(
        non_empty=True, importance="high", doc="Topic that keeps source offsets."
    )
    offset_storage_replication_factor: int = key(
        default=3, validator=_replicas, importance="low", doc="Replicas of the offsets topic."
    )
    offset_storage_partitions: int = key(
        default=25, validator=_partitions, importance="low", doc="Partitions of the offsets topic."
    )
    status_storage_topic: str = key(
        non_empty=True, importance="high", doc="Topic that keeps statuses."
    )
    status_storage_replication_factor: int = key(
        default=3, validator=_replicas, importance="low", doc="Replicas of the status topic."
    )
    status_storage_partitions: int = key(
        default=5, validator=_partitions, importance="low", doc="Partitions of the status topic."
    )
    session_timeout_ms: int = key(
        default=10_000,
        min=1,
        importance="high",
        doc="Without a heartbeat for so long, in ms, the others take over.",
    )
    heartbeat_interval_ms: int = key(
        default=3_000,
        min=1,
        importance="high",
        doc="How often this worker says that it lives, in ms; less than a third of the session.",
    )
    rebalance_timeout_ms: int = key(
        default=60_000,
        min=1,
        importance="high",
        doc="How long a worker has to join when the group shares anew, in ms.",
    )
    scheduled_rebalance_max_delay_ms: int = key(
        default=300_000,
        min=0,
        max=2**31 - 1,
        importance="low",
        doc="How long the share of a worker that went away waits for it to come back, in ms.",
    )
    connect_protocol: Literal["eager", "compatible", "sessioned"] = key(
        default="sessioned",
        any_case=True,
        importance="low",
        doc="How workers share: sessioned signs what they ask of each other.",
    )
    exactly_once_source_support: Literal["disabled", "preparing", "enabled"] = key(
        default="disabled",
        any_case=True,
        importance="high",
        doc="Whether sources deliver exactly once: prepare every worker, then enable it on each.",
    )
    worker_sync_timeout_ms: int = key(
        default=3_000,
        importance="medium",
        doc="How long this worker may lag behind the config topic, in ms, before it leaves.",
    )
    worker_unsync_backoff_ms: int = key(
        default=300_000,
        importance="medium",
        doc="How long it then stays out of the group, in ms.",
    )
    inter_worker_key_ttl_ms: int = key(
        default=3_600_000, min=0, importance="low", doc="Age of a session key, in ms."
    )
    inter_worker_key_generation_algorithm: str = key(
        default="HmacSHA256", importance="low", doc="Algorithm that session keys are made for."
    )
    inter_worker_key_size: int | None = key(
        default=None, importance="low", doc="Bits of a session key; by default the algorithm's."
    )
    inter_worker_signature_algorithm: str = key(
        default="HmacSHA256", importance="low", doc="Algorithm that requests are signed with."
    )
    inter_worker_verification_algorithms: list[str] = key(
        default=["HmacSHA256"], importance="low", doc="Algorithms that signatures may have."
    )
    client_id: str = key(default="", importance="low", doc="Names this worker to the brokers.")
    request_timeout_ms: Long = key(
        default=40_000, min=0, importance="medium", doc="How long a broker may take, in ms."
    )

    @classmethod
    def parse(cls, raw: Mapping[str, str], *, who: str = "worker properties") -> Self:
        """Return the settings; raises ConfigError with every problem."""
        parsed = super().parse(raw, who=who)
        if parsed.heartbeat_interval_ms >= parsed.session_timeout_ms:
            text = (
                f"must be lower than session.timeout.ms ({parsed.session_timeout_ms}), better a "
                f"third of it; got {parsed.heartbeat_interval_ms}"
            )
            raise ConfigError(Problem("heartbeat.interval.ms", text), who=who)
        return parsed


def topic_settings(raw: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the topic settings given for an internal topic, as ``config.storage.retention.ms``."""
    found = {k.removeprefix(prefix): v for k, v in raw.items() if k.startswith(prefix)}
    return {k: v for k, v in found.items() if k not in _TOPIC_KEYS}
