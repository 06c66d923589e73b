"""The configuration keys that every connector has, whatever its plugin.

One class a kind; groups, order and defaults as in the original (source: ConnectorConfig,
SourceConnectorConfig, SinkConnectorConfig). Pure.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from penstock.config import ClassName, Long, Short, config, key

__all__ = [
    "CommonKeys",
    "ConditionKeys",
    "PredicateKeys",
    "SidedKeys",
    "SinkKeys",
    "SourceKeys",
    "TransformKeys",
]

COMMON = "Common"
TRANSFORMS = "Transforms"
PREDICATES = "Predicates"
ERRORS = "Error Handling"


def _no_control_chars(name: str, value: Any) -> str | None:
    if not value:
        return "String may not be empty"
    bad = [f"0x{ord(c):02x}" for c in value if unicodedata.category(c) == "Cc"]
    return f"String may not contain control characters, has {', '.join(bad)}" if bad else None


def _retry_timeout(name: str, value: Any) -> str | None:
    return None if value >= -1 else "Value must be at least -1; -1 retries without end"


def _no_doubles(name: str, value: Any) -> str | None:
    is_doubled = len(set(value)) < len(value)
    return "Duplicate alias provided. Name each group once" if is_doubled else None


def _regex(name: str, value: Any) -> str | None:
    try:
        re.compile(value)
    except re.error as problem:
        return f"not a regular expression: {problem}"
    return None


@config
class CommonKeys:
    """Keys of all connectors."""

    name: str = key(
        doc="The connector's name, unique in the worker.",
        importance="high",
        group=COMMON,
        order=1,
        width="medium",
        display_name="Connector name",
        validator=_no_control_chars,
    )
    connector_class: str = key(
        non_empty=True,
        doc="The connector: its short name or class name.",
        importance="high",
        group=COMMON,
        order=2,
        width="long",
        display_name="Connector class",
    )
    connector_plugin_version: str | None = key(
        default=None,
        doc="The version, or range of versions, of the connector's plugin.",
        group=COMMON,
        order=3,
        width="medium",
        display_name="Connector version",
    )
    tasks_max: int = key(
        default=1,
        min=1,
        doc="The most tasks that the connector may be split into.",
        importance="high",
        group=COMMON,
        order=4,
        width="short",
        display_name="Tasks max",
    )
    tasks_max_enforce: bool = key(
        default=True,
        doc="Refuse a connector that makes more tasks than tasks.max.",
        importance="low",
        group=COMMON,
        order=5,
        width="short",
        display_name="Enforce tasks max",
    )
    key_converter: ClassName | None = key(
        default=None,
        doc="Converter of record keys; the worker's when left out.",
        importance="low",
        group=COMMON,
        order=6,
        width="short",
        display_name="Key converter class",
    )
    key_converter_plugin_version: str | None = key(
        default=None,
        doc="The version of the key converter's plugin.",
        importance="low",
        group=COMMON,
        order=7,
        width="short",
        display_name="Key converter version",
    )
    value_converter: ClassName | None = key(
        default=None,
        doc="Converter of record values; the worker's when left out.",
        importance="low",
        group=COMMON,
        order=8,
        width="short",
        display_name="Value converter class",
    )
    value_converter_plugin_version: str | None = key(
        default=None,
        doc="The version of the value converter's plugin.",
        importance="low",
        group=COMMON,
        order=9,
        width="short",
        display_name="Value converter version",
    )
    header_converter: ClassName | None = key(
        default=None,
        doc="Converter of record headers; the worker's when left out.",
        importance="low",
        group=COMMON,
        order=10,
        width="short",
        display_name="Header converter class",
    )
    header_converter_plugin_version: str | None = key(
        default=None,
        doc="The version of the header converter's plugin.",
        importance="low",
        group=COMMON,
        order=11,
        width="short",
        display_name="Header converter version",
    )
    transforms: list[str] = key(
        default=[],
        doc="Aliases of the transforms, in the order in which they are applied.",
        importance="low",
        group=TRANSFORMS,
        order=12,
        width="long",
        display_name="Transforms",
    )
    predicates: list[str] = key(
        default=[],
        doc="Aliases of the predicates that transforms refer to.",
        importance="low",
        group=PREDICATES,
        order=13,
        width="long",
        display_name="Predicates",
    )
    config_action_reload: str = key(
        default="restart",
        choices=("none", "restart"),
        any_case=True,
        doc="What to do when a value behind a ${provider:...} reference expires.",
        importance="low",
        group=COMMON,
        order=14,
        width="medium",
        display_name="Reload Action",
    )
    errors_retry_timeout: Long = key(
        default=0,
        validator=_retry_timeout,
        doc="How long, in ms, a failed operation is tried again; 0 not at all, -1 without end.",
        group=ERRORS,
        order=1,
        width="medium",
        display_name="Retry Timeout for Errors",
    )
    errors_retry_delay_max_ms: Long = key(
        default=60_000,
        min=0,
        doc="The longest pause, in ms, between two attempts.",
        group=ERRORS,
        order=2,
        width="medium",
        display_name="Maximum Delay Between Retries for Errors",
    )
    errors_tolerance: str = key(
        default="none",
        choices=("none", "all"),
        any_case=True,
        doc="none: a bad record fails the task. all: a bad record is skipped.",
        group=ERRORS,
        order=3,
        width="short",
        display_name="Error Tolerance",
    )
    errors_log_enable: bool = key(
        default=False,
        doc="Log every record that fails, with its place and cause.",
        group=ERRORS,
        order=4,
        width="short",
        display_name="Log Errors",
    )
    errors_log_include_messages: bool = key(
        default=False,
        doc="Log the record itself too; it may hold what should not be in a log.",
        group=ERRORS,
        order=5,
        width="short",
        display_name="Log Error Details",
    )


@config
class SourceKeys:
    """Keys that source connectors have besides."""

    topic_creation_groups: list[str] = key(
        default=[],
        validator=_no_doubles,
        repeats=True,
        doc="Groups of settings for topics that are created for this connector.",
        importance="low",
        group="Topic Creation",
        order=1,
        width="long",
        display_name="Topic Creation Groups",
    )
    exactly_once_support: str = key(
        "exactly.once.support",
        default="requested",
        choices=("requested", "required"),
        any_case=True,
        doc="Whether the connector must be able to deliver exactly once.",
        group="Exactly Once Support",
        order=2,
        width="short",
        display_name="Exactly once support",
    )
    transaction_boundary: str = key(
        default="poll",
        choices=("poll", "interval", "connector"),
        any_case=True,
        doc="What ends a transaction, when delivery is exactly once.",
        group="Exactly Once Support",
        order=3,
        width="short",
        display_name="Transaction Boundary",
    )
    transaction_boundary_interval_ms: Long | None = key(
        default=None,
        doc="The length of a transaction in ms, for the boundary 'interval'.",
        importance="low",
        group="Exactly Once Support",
        order=4,
        width="short",
        display_name="Transaction boundary interval",
    )
    offsets_storage_topic: str | None = key(
        default=None,
        doc="A topic of the connector's own for its offsets.",
        importance="low",
        group="offsets.topic",
        order=1,
        width="long",
        display_name="Offsets topic",
    )


@config
class SinkKeys:
    """Keys that sink connectors have besides."""

    topics: list[str] = key(
        default=[],
        doc="Topics to read; either this or topics.regex.",
        importance="high",
        group=COMMON,
        order=4,
        width="long",
        display_name="Topics",
    )
    topics_regex: str = key(
        default="",
        validator=_regex,
        doc="Regular expression of the topics to read; either this or topics.",
        importance="high",
        group=COMMON,
        order=4,
        width="long",
        display_name="Topics regex",
    )
    errors_deadletterqueue_topic_name: str = key(
        default="",
        doc="Topic for records that failed; empty: they are not kept.",
        group=ERRORS,
        order=6,
        width="medium",
        display_name="Dead Letter Queue Topic Name",
    )
    errors_deadletterqueue_topic_replication_factor: Short = key(
        default=3,
        doc="Replication factor of the dead letter topic when it is created.",
        group=ERRORS,
        order=7,
        width="medium",
        display_name="Dead Letter Queue Topic Replication Factor",
    )
    errors_deadletterqueue_context_headers_enable: bool = key(
        default=False,
        doc="Add headers to dead letters that tell where and why the record failed.",
        group=ERRORS,
        order=8,
        width="medium",
        display_name="Enable Error Context Headers",
    )


@config
class TransformKeys:
    """Keys of every transform, under ``transforms.<alias>.``, before its own."""

    type: ClassName = key(
        doc="The transform: its short name or class name.", importance="high", order=0, width="long"
    )
    plugin_version: str | None = key(
        default=None,
        doc="The version of the transform's plugin.",
        importance="high",
        order=1,
        width="long",
    )


@config
class ConditionKeys:
    """Keys of every transform, after its own: for which records it is."""

    negate: bool = key(default=False, doc="Choose the records that the predicate does not choose.")
    predicate: str | None = key(
        default=None, doc="Alias of the predicate that chooses the records."
    )


@config
class SidedKeys:
    """Keys of a sided transform whose type does not say the side.

    Not of every transform: one that has no sides may have a key of this name for itself.
    """

    target: str = key(
        default="value",
        choices=("key", "value"),
        doc="The side of the record that the transform works on.",
        importance="low",
    )


@config
class PredicateKeys:
    """Keys of every predicate, under ``predicates.<alias>.``."""

    type: ClassName = key(
        doc="The predicate: its short name or class name.", importance="high", order=0, width="long"
    )
    plugin_version: str | None = key(
        default=None,
        doc="The version of the predicate's plugin.",
        importance="high",
        order=1,
        width="long",
    )
