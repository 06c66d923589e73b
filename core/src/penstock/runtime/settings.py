"""A worker's own properties (source: WorkerConfig, StandaloneConfig). Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from penstock.config import ClassName, ConfigSpec, Long, config, key
from penstock.errors import ConfigError, Problem, did_you_mean

__all__ = ["StandaloneSettings", "WorkerSettings", "misspelt", "not_honoured"]

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
    "admin.listeners.https.",
    "ssl.",
    "sasl.",
    "metric",
    "offset.storage.",
    "config.storage.",
    "status.storage.",
    "socket.connection.",
    "reconnect.",
    "retry.backoff.",
    "inter.worker.",
    "topic.tracking.",
    "topic.creation.",
    "librdkafka.",
)
_KNOWN: Final = frozenset(
    {
        "bootstrap.resolve.timeout.ms",
        "client.dns.lookup",
        "client.id",
        "connect.protocol",
        "connections.max.idle.ms",
        "exactly.once.source.support",
        "group.id",
        "heartbeat.interval.ms",
        "receive.buffer.bytes",
        "rebalance.timeout.ms",
        "request.timeout.ms",
        "java.security.auth.login.config",
        "rest.auth.roles",
        "rest.basic.auth.file",
        "rest.extension.classes",
        "rest.host.name",
        "rest.port",
        "scheduled.rebalance.max.delay.ms",
        "security.protocol",
        "send.buffer.bytes",
        "session.timeout.ms",
        "worker.sync.timeout.ms",
        "worker.unsync.backoff.ms",
    }
)
"""Keys of the original's that are neither ours nor misspelt."""
_NOT_HONOURED: Final[Mapping[str, str]] = {
    "exactly.once.source.support": "a standalone worker delivers at least once",
}
"""Keys of the original's whose absence somebody would notice too late, and what happens instead."""
_SERVER: Final = re.compile(r"([A-Z_]+://)?(\[[0-9a-fA-F:%.]+\]|[^\s:/\[\]]+):([0-9]{1,5})")
_EMBEDDED: Final = "embedded:"
_PORT_MAX: Final = 65_535
_SIMILAR_MIN: Final = 0.85


def _servers(name: str, value: Any) -> str | None:
    if any(one.startswith(_EMBEDDED) for one in value):
        if len(value) > 1:
            return "the embedded log stands alone; its path may have no comma"
        return None if value[0] != _EMBEDDED else "embedded: needs a path, as embedded:./log.db"
    for one in value:
        found = _SERVER.fullmatch(one)
        if found is None or not 0 < int(found[3]) <= _PORT_MAX:
            return f"'{one}' is not host:port"
    return None


def _port(name: str, value: Any) -> str | None:
    return None if 0 < value <= _PORT_MAX else f"Value must be from 1 to {_PORT_MAX}"


@config
class WorkerSettings:
    """The keys of every worker; others of the original's are accepted and ignored."""

    bootstrap_servers: list[str] = key(
        non_empty=True,
        importance="high",
        validator=_servers,
        doc="host:port of Kafka brokers, or embedded:PATH for the embedded log.",
    )
    key_converter: ClassName = key(
        non_empty=True, importance="high", doc="Converter of keys, by default."
    )
    value_converter: ClassName = key(
        non_empty=True, importance="high", doc="Converter of values, by default."
    )
    header_converter: ClassName = key(
        default="org.apache.kafka.connect.storage.SimpleHeaderConverter",
        non_empty=True,
        importance="low",
        doc="Converter of headers, by default.",
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
        doc="process: tasks in processes of their own, or shared by a few, see "
        "task.processes.max. thread: all in the worker.",
    )
    task_processes_max: int | None = key(
        default=None,
        min=1,
        importance="low",
        doc="How many processes there may be for connectors and tasks; the next ones share them, "
        "each in a thread. By default 8, or twice the processors where that is more.",
    )
    listeners: list[str] = key(
        default=["http://:8083"],
        non_empty=True,
        importance="low",
        doc="Where the REST API listens, http(s)://host:port; port 0 is any free one.",
    )
    rest_advertised_host_name: str | None = key(
        default=None, importance="low", doc="The host that status bodies show for this worker."
    )
    rest_advertised_port: int | None = key(
        default=None,
        validator=_port,
        importance="low",
        doc="The port that status bodies show for this worker.",
    )
    rest_advertised_listener: str | None = key(
        default=None,
        choices=("http", "https"),
        any_case=True,
        importance="low",
        doc="Which listener other workers are told of, http or https; http when there is one.",
    )
    admin_listeners: list[str] | None = key(
        default=None,
        importance="low",
        doc="Addresses of the admin endpoints alone; empty for none, unset: those of listeners.",
    )
    access_control_allow_origin: str = key(
        default="", importance="low", doc="Origins whose pages browsers let in; * for all."
    )
    access_control_allow_methods: str = key(
        default="", importance="low", doc="Methods that those pages may use."
    )
    response_http_headers_config: str = key(
        default="", importance="low", doc="Headers of every answer: [action] Name: value, ..."
    )
    plugin_path: list[str] = key(
        default=[],
        importance="low",
        doc="Folders of connectors written in Java, for penstock-jvm; others are installed "
        "with pip.",
    )
    plugin_discovery: str = key(
        default="hybrid_warn", importance="low", doc="Accepted; plugins are found in metadata."
    )
    config_providers: list[str] = key(
        default=[], importance="low", doc="Names of config providers."
    )
    connector_client_config_override_policy: str = key(
        default="All",
        doc="Which client properties a connector may override: All, None, Principal, Allowlist, or "
        "a plugin's name.",
    )
    connector_client_config_override_allowlist: list[str] = key(
        default=[], doc="The client properties that the policy Allowlist lets a connector override."
    )
    topic_tracking_enable: bool = key(
        default=True, importance="low", doc="Whether it is kept which topics a connector uses."
    )
    topic_tracking_allow_reset: bool = key(
        default=True, importance="low", doc="Whether that may be reset through REST."
    )
    log_level: str = key(
        default="INFO",
        choices=("TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"),
        any_case=True,
        importance="low",
        doc="The least severe lines that are logged. PENSTOCK_LOG_LEVEL goes before it.",
    )
    log_format: Literal["auto", "plain", "json"] = key(
        default="auto",
        importance="low",
        doc="json: an object a line. auto: colours on a terminal. PENSTOCK_LOG goes before it.",
    )

    @classmethod
    def parse(cls, raw: Mapping[str, str], *, who: str = "worker properties") -> Self:
        """Return the settings; raises ConfigError with every problem."""
        spec: ConfigSpec[Any] = ConfigSpec.of(cls)
        problems = [
            Problem(value.name, f"{text}{_written_as(spec, value.name, raw)}")
            for value in spec.check(raw)
            for text in value.errors
        ]
        problems += _provider_problems(raw)
        if problems:
            raise ConfigError(problems, who=who)
        parsed: Self = spec.parse(raw, who=who)
        return parsed


@config
class StandaloneSettings(WorkerSettings):
    """The keys of ``penstock standalone``."""

    offset_storage_file_filename: str = key(
        non_empty=True,
        importance="high",
        doc="File that keeps the offsets of source connectors.",
    )


def _written_as(spec: ConfigSpec[Any], name: str, raw: Mapping[str, str]) -> str:
    """Return the key of ``raw`` that may be meant by a required one that is missing."""
    if name in raw:
        return ""
    ours = spec.by_name
    others = [one for one in raw if one not in ours and not one.startswith(f"{name}.")]
    near = difflib.get_close_matches(name, others, n=2, cutoff=_SIMILAR_MIN)
    return f" Is it meant by {' or '.join(repr(one) for one in near)}?" if near else ""


def _provider_problems(raw: Mapping[str, str]) -> list[Problem]:
    names = [name.strip() for name in raw.get("config.providers", "").split(",") if name.strip()]
    wanted = [f"config.providers.{name}.class" for name in names]
    return [
        Problem(one, f'Missing required configuration "{one}" which has no default value.')
        for one in wanted
        if not raw.get(one, "").strip()
    ]


def _is_known(name: str) -> bool:
    ours = ConfigSpec.of(StandaloneSettings).by_name
    return name in ours or name in _KNOWN or name.startswith(PREFIXES)


def misspelt(raw: Mapping[str, str]) -> list[str]:
    """Return a sentence for each unknown key that looks like a known one."""
    known = [*ConfigSpec.of(StandaloneSettings).by_name, *_KNOWN]
    found = []
    for name in raw:
        near = "" if _is_known(name) else did_you_mean(name, known)
        if near:
            found.append(f"unknown property '{name}'{near}; it is ignored")
    return found


def not_honoured(raw: Mapping[str, str]) -> list[str]:
    """Return a sentence for each property that the original obeys and we do not yet."""
    return [
        f"property '{name}' is not supported and is ignored: {instead}"
        for name, instead in _NOT_HONOURED.items()
        if raw.get(name, "").strip()
    ]
