"""Every metric: where the original has it, what it is called here, what it tells. Pure.

A name is ``kafka_connect_``, the original's group without ``connect-`` and ``-metrics``, and its
attribute, with underscores; units stay the original's. A counter ends with ``_total``, as some
readers of the format would have it otherwise. What the original does not have begins
with ``penstock_``. (source: ConnectMetricsRegistry)
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

__all__ = ["GAUGE", "METRICS", "Kind", "Metric", "by_name", "metric_name", "shown"]


class Kind(enum.Enum):
    """What becomes of an attribute."""

    COUNTER = "counter"
    GAUGE = "gauge"
    STATE = "state"
    """A gauge that is 1; the label ``status`` tells the state."""
    INFO = "info"
    """A label of the group's ``_info`` gauge, which is 1."""
    NONE = "none"
    """Not given; the help tells why."""


@attrs.frozen
class Metric:
    """One attribute of the original, or a metric of our own, whose group then is ``penstock``."""

    group: str
    attribute: str
    kind: Kind
    unit: str
    help: str

    @property
    def name(self) -> str:
        """The name in the text format; a label has that of its group's ``_info``."""
        if self.kind is Kind.INFO:
            return metric_name(self.group, "info")
        name = metric_name(self.group, self.attribute)
        lacks = self.kind is Kind.COUNTER and not name.endswith("_total")
        return f"{name}_total" if lacks else name


def metric_name(group: str, attribute: str) -> str:
    """Return the name of an attribute in the text format."""
    if group == "penstock":
        return f"penstock_{attribute}"
    short = group.removeprefix("connect-").removesuffix("-metrics")
    return f"kafka_connect_{short}_{attribute}".replace("-", "_")


_Row = tuple[str, Kind, str, str]
_C, _G, _I, _N = Kind.COUNTER, Kind.GAUGE, Kind.INFO, Kind.NONE
GAUGE: Final = "gauge:"
"""Begins the attribute of a task that is its connector's own figure."""
_NO_TRANSACTIONS: Final = "sources do not write in transactions"


def _startups(what: str) -> list[_Row]:
    return [
        (f"{what}-startup-attempts-total", _C, "", f"{what}s that this worker began to start"),
        (f"{what}-startup-success-total", _C, "", f"{what}s that came up"),
        (f"{what}-startup-success-percentage", _G, "ratio", f"part of the {what}s that came up"),
        (f"{what}-startup-failure-total", _C, "", f"{what}s that failed before they ran"),
        (f"{what}-startup-failure-percentage", _G, "ratio", f"part of the {what}s that failed"),
    ]


def _class(what: str, name: str) -> list[_Row]:
    return [
        (f"{what}-class", _I, "", f"the class of the {name}"),
        (f"{what}-version", _I, "", f"the version of the {name}"),
    ]


_CONNECTOR: Final[list[_Row]] = [
    *_class("connector", "connector"),
    ("connector-type", _I, "", "source or sink"),
]
_ROWS: Final[Mapping[str, Sequence[_Row]]] = {
    "connector-metrics": [
        ("status", Kind.STATE, "", "the state of the connector's instance, in lower case"),
        *_CONNECTOR,
    ],
    "connector-task-metrics": [
        ("status", Kind.STATE, "", "the state of the task, in lower case"),
        ("running-ratio", _G, "ratio", "part of its time that the task was not paused"),
        ("pause-ratio", _G, "ratio", "part of its time that the task was paused"),
        ("offset-commit-max-time-ms", _G, "ms", "longest commit of offsets in the last minute"),
        ("offset-commit-avg-time-ms", _G, "ms", "mean commit of offsets in the last minute"),
        ("offset-commit-success-percentage", _G, "ratio", "part of the commits that succeeded"),
        ("offset-commit-failure-percentage", _G, "ratio", "part of the commits that failed"),
        ("batch-size-max", _G, "records", "largest batch of the last minute"),
        ("batch-size-avg", _G, "records", "mean batch of the last minute"),
        *_CONNECTOR,
        *_class("task", "task"),
        *_class("key-converter", "converter of keys"),
        *_class("value-converter", "converter of values"),
        *_class("header-converter", "converter of headers"),
    ],
    "connector-transform-metrics": _class("transform", "transform"),
    "connector-predicate-metrics": _class("predicate", "predicate"),
    "source-task-metrics": [
        ("source-record-poll-total", _C, "records", "polled, before transforms"),
        ("source-record-poll-rate", _G, "records/s", "polled, in the last minute"),
        ("source-record-write-total", _C, "records", "stored by Kafka"),
        ("source-record-write-rate", _G, "records/s", "stored by Kafka, in the last minute"),
        ("poll-batch-max-time-ms", _G, "ms", "longest poll that gave records, in the last minute"),
        ("poll-batch-avg-time-ms", _G, "ms", "mean poll that gave records, in the last minute"),
        ("source-record-active-count", _G, "records", "polled and not stored yet"),
        ("source-record-active-count-max", _G, "records", "most of them, in the last minute"),
        ("source-record-active-count-avg", _G, "records", "mean of them, in the last minute"),
        ("transaction-size-avg", _G, "records", "mean of transactions, in the last minute"),
        ("transaction-size-max", _G, "records", "of the largest transaction, in the last minute"),
        ("transaction-size-min", _G, "records", "of the smallest transaction, in the last minute"),
        ("transaction-size-min", _N, "records", _NO_TRANSACTIONS),
        ("transaction-size-max", _N, "records", _NO_TRANSACTIONS),
        ("transaction-size-avg", _N, "records", _NO_TRANSACTIONS),
    ],
    "sink-task-metrics": [
        ("sink-record-read-total", _C, "records", "read from Kafka, before transforms"),
        ("sink-record-read-rate", _G, "records/s", "read from Kafka, in the last minute"),
        ("sink-record-send-total", _C, "records", "given to put"),
        ("sink-record-send-rate", _G, "records/s", "given to put, in the last minute"),
        ("sink-record-lag-max", _G, "records", "largest lag of a partition behind the log's end"),
        ("partition-count", _G, "", "partitions that the task reads"),
        ("offset-commit-seq-no", _C, "", "commits that were tried"),
        ("offset-commit-completion-total", _C, "", "commits that succeeded"),
        ("offset-commit-completion-rate", _G, "1/s", "commits that succeeded, in the last minute"),
        ("offset-commit-skip-total", _N, "", "commits are waited for: none comes too late"),
        ("offset-commit-skip-rate", _N, "1/s", "commits are waited for: none comes too late"),
        ("put-batch-max-time-ms", _G, "ms", "longest put in the last minute"),
        ("put-batch-avg-time-ms", _G, "ms", "mean put in the last minute"),
        ("sink-record-active-count", _G, "records", "read and not committed yet"),
        ("sink-record-active-count-max", _G, "records", "most of them, in the last minute"),
        ("sink-record-active-count-avg", _G, "records", "mean of them, in the last minute"),
    ],
    "task-error-metrics": [
        (
            "total-record-failures",
            _C,
            "",
            "exceptions of single records, repeated tries among them",
        ),
        ("total-record-errors", _C, "records", "given up, skipped or failing the task"),
        ("total-records-skipped", _C, "records", "skipped, since errors are tolerated"),
        ("total-retries", _C, "", "operations that were tried again"),
        ("total-errors-logged", _C, "", "log lines of failed records"),
        ("deadletterqueue-produce-requests", _C, "records", "meant for the dead letter queue"),
        ("deadletterqueue-produce-failures", _C, "records", "refused as dead letters"),
        ("last-error-timestamp", _G, "Unix ms", "when a record failed last, 0 for never"),
    ],
    "connect-worker-metrics": [
        ("connector-count", _G, "", "connectors that run on this worker"),
        ("task-count", _G, "", "tasks that run on this worker"),
        *_startups("connector"),
        *_startups("task"),
        ("connector-total-task-count", _G, "", "the connector's tasks on this worker"),
        ("connector-running-task-count", _G, "", "those that are running"),
        ("connector-paused-task-count", _G, "", "those that are paused"),
        ("connector-failed-task-count", _G, "", "those that have failed"),
        ("connector-unassigned-task-count", _G, "", "those that have not come up yet"),
        ("connector-restarting-task-count", _G, "", "those that are restarting"),
        ("connector-destroyed-task-count", _N, "", "a task that is destroyed is forgotten at once"),
    ],
    "connect-worker-rebalance-metrics": [
        ("connect-protocol", _I, "", "the group protocol in use"),
        ("leader-name", _I, "", "the URL of the leader"),
        ("epoch", _G, "", "the group's generation, -1 outside of it"),
        ("completed-rebalances-total", _C, "", "rebalances that this worker completed"),
        ("rebalancing", _G, "", "1 while this worker is no member of its group"),
        (
            "time-since-last-rebalance-ms",
            _G,
            "ms",
            "since the last rebalance, +Inf before the first",
        ),
        (
            "rebalance-max-time-ms",
            _N,
            "ms",
            "hosts run on through a rebalance, nothing stands still",
        ),
        (
            "rebalance-avg-time-ms",
            _N,
            "ms",
            "hosts run on through a rebalance, nothing stands still",
        ),
    ],
    "connect-coordinator-metrics": [
        ("assigned-connectors", _G, "", "connectors in this worker's share"),
        ("assigned-tasks", _G, "", "tasks in this worker's share"),
    ],
    "penstock": [
        ("worker_info", _G, "", "1; the label version is Penstock's"),
        ("task_restarts_total", _C, "", "restarts of the task, asked for or by itself"),
        ("task_started_timestamp_seconds", _G, "Unix s", "when the task came up"),
        (
            "task_last_record_timestamp_seconds",
            _G,
            "Unix s",
            "when it last polled or read a record",
        ),
        ("task_last_commit_timestamp_seconds", _G, "Unix s", "when its offsets were last stored"),
        ("task_gauge", _G, "", "a figure of the connector's own; the label name says which"),
        ("task_records_filtered_total", _C, "records", "dropped by transforms"),
        ("task_records_committed_total", _C, "records", "stored (source) or committed (sink)"),
        ("sink_partition_lag", _G, "records", "behind the log's end, by topic and partition"),
    ],
}

METRICS: Final[Sequence[Metric]] = [
    Metric(group, *row) for group, rows in _ROWS.items() for row in rows
]
"""In the order of the documentation."""


def shown() -> list[Metric]:
    """Return the metrics that appear in the text: all but labels and what is not given."""
    return [one for one in METRICS if one.kind not in (Kind.INFO, Kind.NONE)]


def by_name() -> dict[str, tuple[str, str]]:
    """Return type and help of every name that may appear."""
    found: dict[str, tuple[str, str]] = {}
    for one in METRICS:
        if one.kind is Kind.INFO:
            found[one.name] = ("gauge", f"1; the labels are texts of {one.group}")
        elif one.kind is not Kind.NONE:
            kind = "counter" if one.kind is Kind.COUNTER else "gauge"
            unit = f" ({one.unit})" if one.unit else ""
            found[one.name] = (kind, f"{one.help}{unit}")
    return found
