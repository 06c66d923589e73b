"""A worker's own properties (source: WorkerConfig, StandaloneConfig). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from penstock.config import ClassName, ConfigSpec, Long, config, key
from penstock.errors import did_you_mean

__all__ = ["StandaloneSettings", "misspelt"]

PREFIXES: Final = (
    "producer.",
    "consumer.",
    "admin.",
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "internal.",
    "config.providers.",
    "listeners.https.",
    "ssl.",
    "sasl.",
    "metrics.",
    "offset.storage.",
    "config.storage.",
    "status.storage.",
)


@config
class StandaloneSettings:
    """The keys of ``penstock standalone``; others of the original's are accepted and ignored."""

    bootstrap_servers: list[str] = key(
        non_empty=True,
        importance="high",
        doc="host:port of Kafka brokers, or embedded:PATH for the embedded log.",
    )
    key_converter: ClassName = key(importance="high", doc="Converter of keys, by default.")
    value_converter: ClassName = key(importance="high", doc="Converter of values, by default.")
    header_converter: ClassName = key(
        default="org.apache.kafka.connect.storage.SimpleHeaderConverter",
        importance="low",
        doc="Converter of headers, by default.",
    )
    offset_storage_file_filename: str = key(
        non_empty=True,
        importance="high",
        doc="File that keeps the offsets of source connectors.",
    )
    offset_flush_interval_ms: Long = key(
        default=60_000, min=1, importance="low", doc="How often offsets are stored, in ms."
    )
    offset_flush_timeout_ms: Long = key(
        default=5_000, min=1, importance="low", doc="How long storing offsets may take, in ms."
    )
    task_shutdown_graceful_timeout_ms: Long = key(
        default=5_000,
        min=0,
        importance="low",
        doc="How long a task has to end in good order, in ms; then its process is killed.",
    )
    task_isolation: Literal["process", "thread"] = key(
        default="process",
        importance="low",
        doc="process: every task in a process of its own. thread: all in the worker.",
    )
    listeners: list[str] = key(
        default=["http://:8083"],
        non_empty=True,
        importance="low",
        doc="Addresses that the REST API listens at, http://host:port; port 0 is any free one.",
    )
    rest_advertised_host_name: str | None = key(
        default=None, importance="low", doc="The host that status bodies show for this worker."
    )
    rest_advertised_port: int | None = key(
        default=None, importance="low", doc="The port that status bodies show for this worker."
    )
    plugin_path: list[str] = key(
        default=[],
        importance="low",
        doc="Accepted for the original's files; plugins are installed with pip.",
    )
    plugin_discovery: str = key(
        default="hybrid_warn", importance="low", doc="Accepted; plugins are found in metadata."
    )
    config_providers: list[str] = key(
        default=[], importance="low", doc="Names of config providers."
    )
    connector_client_config_override_policy: str = key(
        default="All",
        importance="low",
        doc="Which client properties a connector may override; All is what there is so far.",
    )

    @classmethod
    def parse(cls, raw: Mapping[str, str], *, who: str = "worker properties") -> Self:
        """Return the settings; raises ConfigError with every problem."""
        spec: ConfigSpec[Any] = ConfigSpec.of(cls)
        parsed: Self = spec.parse(raw, who=who)
        return parsed


def misspelt(raw: Mapping[str, str]) -> list[str]:
    """Return a sentence for each unknown key that looks like a known one."""
    known = list(ConfigSpec.of(StandaloneSettings).by_name)
    found = []
    for name in raw:
        if name in known or name.startswith(PREFIXES):
            continue
        near = did_you_mean(name, known)
        if near:
            found.append(f"unknown property '{name}'{near}; it is ignored")
    return found
