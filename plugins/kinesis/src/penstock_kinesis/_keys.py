"""What all four connectors have: our own keys, and the settings that the task works with."""

from __future__ import annotations

import abc
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.config import Long, Password, config, key
from penstock_kinesis._cursor import Start
from penstock_kinesis._offsets import Place, StreamName
from penstock_kinesis._pacing import READ_INTERVAL_MIN_S

__all__ = [
    "CONSUMER_KEY",
    "CREATED_KEY",
    "SHARDS_KEY",
    "SINCE_KEY",
    "TREE_KEY",
    "KinesisKeys",
    "Settings",
    "moment_of",
    "start_of",
]

SHARDS_KEY: Final = "kinesis.task.shards"
TREE_KEY: Final = "kinesis.task.tree"
SINCE_KEY: Final = "kinesis.task.since.ms"
CREATED_KEY: Final = "kinesis.task.stream.created.ms"
CONSUMER_KEY: Final = "kinesis.task.consumer.arn"
"""Keys that the connector gives to its tasks."""


@attrs.frozen(kw_only=True)
class Settings:
    """One configuration, whichever connector's keys it was written in."""

    stream: StreamName
    topic: str
    position: str
    timestamp_ms: int | None = None
    sequence: str | None = None
    shard_pattern: re.Pattern[str] | None = None
    record_limit: int = 10_000
    value_format: str
    key_format: str
    header_prefix: str = "kinesis."
    has_headers: bool = True
    has_aggregates: bool = True
    idle_s: float
    backoff_s: float
    threads: int
    buffer_bytes: int
    monitor_s: float
    endpoint: str = ""
    access_key: str = ""
    secret_key: Password | None = None
    session_token: Password | None = None
    profile: str = ""
    providers: tuple[str, ...] = ()
    needs_role: bool = False
    role_arn: str = ""
    role_session: str = ""
    role_external_id: Password | None = None
    fan_out: bool = False
    consumer: str = ""
    proxy_url: str = ""
    proxy_user: str = ""
    proxy_password: Password | None = None


@config
class KinesisKeys:
    """Our own keys, the same for every connector."""

    kinesis_poll_interval_ms: Long = key(
        default=250,
        min=int(READ_INTERVAL_MIN_S * 1000),
        doc="Wait between reads of a shard of which all was read (ms).",
    )
    kinesis_backoff_max_ms: Long = key(
        default=10_000, min=500, importance="low", doc="The longest wait after a failed read (ms)."
    )
    kinesis_reader_threads: int = key(
        default=8, min=1, max=64, importance="low", doc="How many shards a task reads at a time."
    )
    kinesis_buffer_bytes: Long = key(
        default=64 * 1024 * 1024,
        min=1024 * 1024,
        importance="low",
        doc="Bytes that a task holds, read and not handed on; reading stops when there are more.",
    )
    kinesis_shard_monitor_ms: Long = key(
        default=10_000, min=100, doc="How often new shards are looked for (ms)."
    )
    kinesis_headers: bool = key(
        default=True,
        doc="Add headers with sequence number, arrival time, partition key and shard.",
    )
    kinesis_deaggregate: bool = key(
        default=True, doc="Take apart records that the Kinesis Producer Library aggregated."
    )
    kinesis_fan_out: bool = key(
        default=False,
        doc="Let the service push records (enhanced fan-out). It costs, and other readers of the "
        "stream take nothing of its rate.",
    )
    kinesis_fan_out_consumer: str = key(
        default="",
        doc="The consumer of fan-out, by ARN or by name. A name that is not known is registered; "
        "left out: penstock- and the connector's name.",
    )
    aws_session_token: Password | None = key(
        default=None, importance="low", doc="The token of temporary static credentials."
    )
    kinesis_profile: str = key(
        default="", importance="low", doc="A profile of the AWS configuration files."
    )
    kinesis_role_arn: str = key(default="", importance="low", doc="The role to assume.")
    kinesis_role_session_name: str = key(
        default="penstock", importance="low", doc="The session name of the assumed role."
    )
    kinesis_role_external_id: Password | None = key(
        default=None, importance="low", doc="The external id that the role's owner asks for."
    )
    kinesis_proxy_url: str = key(default="", importance="low", doc="The proxy to Kinesis.")
    kinesis_proxy_user: str = key(default="", importance="low", doc="The user name for the proxy.")
    kinesis_proxy_password: Password | None = key(
        default=None, importance="low", doc="The password for the proxy."
    )
    kinesis_task_shards: str = key(
        default="", importance="low", doc="Set by the connector: the shards of the task."
    )
    kinesis_task_tree: str = key(
        default="", importance="low", doc="Set by the connector: what the shards descend from."
    )
    kinesis_task_since_ms: Long | None = key(
        default=None, importance="low", doc="Set by the connector: when it started, for LATEST."
    )
    kinesis_task_stream_created_ms: Long | None = key(
        default=None, importance="low", doc="Set by the connector: when the stream was created."
    )

    kinesis_task_consumer_arn: str = key(
        default="", importance="low", doc="Set by the connector: the consumer of fan-out."
    )

    @abc.abstractmethod
    def settings(self, raw: Mapping[str, str]) -> Settings:
        """Return what the task works with; ``raw`` is the whole configuration."""

    def common(
        self, *, stream: str, region: str, position: str, value_format: str, **parts: Any
    ) -> Settings:
        """Return the settings of these keys and of those that differ between connectors."""
        found: dict[str, Any] = {
            "stream": StreamName.of(stream, region.lower().replace("_", "-")),
            # Both are taken in any case.
            "position": position.upper(),
            "value_format": value_format.lower(),
            "has_headers": self.kinesis_headers,
            "has_aggregates": self.kinesis_deaggregate,
            "idle_s": self.kinesis_poll_interval_ms / 1000,
            "backoff_s": self.kinesis_backoff_max_ms / 1000,
            "threads": self.kinesis_reader_threads,
            "buffer_bytes": self.kinesis_buffer_bytes,
            "monitor_s": self.kinesis_shard_monitor_ms / 1000,
            "session_token": self.aws_session_token,
            "profile": self.kinesis_profile,
            "role_arn": self.kinesis_role_arn,
            "role_session": self.kinesis_role_session_name,
            "role_external_id": self.kinesis_role_external_id,
            "fan_out": self.kinesis_fan_out,
            "consumer": self.kinesis_fan_out_consumer,
            "proxy_url": self.kinesis_proxy_url,
            "proxy_user": self.kinesis_proxy_user,
            "proxy_password": self.kinesis_proxy_password,
        }
        return Settings(**(found | parts))


def moment_of(text: str) -> int | None:
    """Return Unix ms of ISO 8601 or of digits, None of nothing; raises ValueError.

    A text without a zone is in UTC.
    """
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "it is no moment; write 2026-01-31T12:00:00Z or Unix milliseconds"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return int(moment.timestamp() * 1000)


def start_of(settings: Settings, older: Sequence[Place], since_ms: int | None) -> Start:
    """Return where to begin in a shard of which nothing was read.

    Args:
        settings: they say what was asked for.
        older: how far the shards it descends from were read, as far as that is known. All that
            came after what was read there is read here.
        since_ms: when the connector started (Unix ms), which is what LATEST means.
    """
    moments = [place.timestamp_ms for place in older if place.timestamp_ms is not None]
    if older and (len(moments) < len(older) or any(place.sequence for place in older)):
        return Start()
    if moments:
        return Start(timestamp_ms=min(moments))
    if settings.position == "LATEST":
        return Start(timestamp_ms=since_ms)
    if settings.position == "AT_TIMESTAMP":
        return Start(timestamp_ms=settings.timestamp_ms)
    if settings.position == "AT_SEQUENCE_NUMBER":
        return Start(sequence=settings.sequence)
    return Start()
