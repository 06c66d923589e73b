"""What the herder knows of this worker's hosts, as samples. Pure.

Takes the reply to GetMetrics (``herder/views.py``); ``progress.attributes`` of a task are named
as the original's attributes, ``progress.about`` holds the texts: ``task-class`` and the like, and
``transforms`` and ``predicates`` as ``{alias: [class, version]}``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock.runtime.metrics.definitions import GAUGE, METRICS, Kind, metric_name
from penstock.runtime.metrics.text import Sample

__all__ = ["samples"]

_Data = Mapping[str, Any]
_Labels = Mapping[str, str]

_OF_TASK: Final = {
    group: {one.attribute: one.name for one in METRICS if one.group == group}
    for group in ("connector-task-metrics", "source-task-metrics", "sink-task-metrics")
}
_ERRORS: Final = {one.attribute: one.name for one in METRICS if one.group == "task-error-metrics"}
_TEXTS: Final = [
    one.attribute
    for one in METRICS
    if one.group == "connector-task-metrics" and one.kind is Kind.INFO
]
_COUNTED: Final = ("running", "paused", "failed", "unassigned", "restarting")


def samples(data: _Data, *, version: str, now_ms: int) -> Iterator[Sample]:
    """Yield the samples of a worker; what is not known yet is left out.

    Args:
        data: the reply to GetMetrics.
        version: Penstock's.
        now_ms: Unix ms.
    """
    worker = {"worker": str(data["worker_id"])}
    yield Sample("penstock_worker_info", {**worker, "version": version}, 1)
    yield from _worker(data, worker)
    for connector in data["connectors"]:
        labels = {"connector": str(connector["name"]), **worker}
        yield from _connector(connector, labels)
        for task in connector["tasks"]:
            of_task = {
                "connector": labels["connector"],
                "task": str(task["task"]),
                **worker,
            }
            yield from _task(connector, task, of_task, now_ms)
    if data.get("group") is not None:
        yield from _group(data["group"], worker, now_ms)


def _named(group: str, attribute: str, labels: _Labels, value: float) -> Sample:
    return Sample(metric_name(group, attribute), labels, value)


def _worker(data: _Data, labels: _Labels) -> Iterator[Sample]:
    group = "connect-worker-metrics"
    connectors = data["connectors"]
    running = sum(one["state"] is not None for one in connectors)
    yield _named(group, "connector-count", labels, running)
    yield _named(group, "task-count", labels, sum(len(one["tasks"]) for one in connectors))
    for what in ("connector", "task"):
        counts = data[f"{what}_startups"]
        known = counts["succeeded"] + counts["failed"]
        yield _named(group, f"{what}-startup-attempts-total", labels, counts["attempts"])
        for name, key in (("success", "succeeded"), ("failure", "failed")):
            yield _named(group, f"{what}-startup-{name}-total", labels, counts[key])
            part = counts[key] / known if known else 0.0
            yield _named(group, f"{what}-startup-{name}-percentage", labels, part)


def _connector(connector: _Data, labels: _Labels) -> Iterator[Sample]:
    states = Counter(task["state"].lower() for task in connector["tasks"])
    group = "connect-worker-metrics"
    yield _named(group, "connector-total-task-count", labels, len(connector["tasks"]))
    for state in _COUNTED:
        yield _named(group, f"connector-{state}-task-count", labels, states[state])
    if connector["state"] is None:
        return
    status = {**labels, "status": connector["state"].lower()}
    yield _named("connector-metrics", "status", status, 1)
    yield _named("connector-metrics", "info", {**labels, **_texts(connector)}, 1)


def _texts(connector: _Data) -> dict[str, str]:
    found = {
        "connector_class": connector["class"],
        "connector_version": connector["version"],
        "connector_type": connector["type"],
    }
    return {name: str(text) for name, text in found.items() if text}


def _task(connector: _Data, task: _Data, labels: _Labels, now_ms: int) -> Iterator[Sample]:
    group = "connector-task-metrics"
    yield _named(group, "status", {**labels, "status": task["state"].lower()}, 1)
    yield Sample("penstock_task_restarts_total", labels, task["restarts"])
    told = task["progress"]
    if told is None:
        return
    about = told["about"]
    texts = {name.replace("-", "_"): str(about[name]) for name in _TEXTS if about.get(name)}
    yield _named(group, "info", {**labels, **_texts(connector), **texts}, 1)
    yield from _pauses(told, labels, now_ms)
    for names in (*_OF_TASK.values(), _ERRORS):
        for attribute, name in names.items():
            if attribute in told["attributes"]:
                yield Sample(name, labels, told["attributes"][attribute])
    for kind in ("transform", "predicate"):
        for alias, (name, version) in about.get(f"{kind}s", {}).items():
            one = {kind: alias, f"{kind}_class": name, f"{kind}_version": version}
            yield _named(f"connector-{kind}-metrics", "info", {**labels, **one}, 1)
    yield from _ours(task, told, labels)


def _pauses(told: _Data, labels: _Labels, now_ms: int) -> Iterator[Sample]:
    since = told["paused_since_ms"]
    paused = told["paused_ms"] + (max(0, now_ms - since) if since else 0)
    lived = max(1, now_ms - told["started_ms"])
    ratio = min(1.0, paused / lived)
    yield _named("connector-task-metrics", "pause-ratio", labels, round(ratio, 4))
    yield _named("connector-task-metrics", "running-ratio", labels, round(1 - ratio, 4))


def _ours(task: _Data, told: _Data, labels: _Labels) -> Iterator[Sample]:
    yield Sample("penstock_task_records_filtered_total", labels, told["filtered"])
    yield Sample("penstock_task_records_committed_total", labels, told["committed"])
    for attribute, value in told["attributes"].items():
        if attribute.startswith(GAUGE):
            named = {**labels, "name": attribute.removeprefix(GAUGE)}
            yield Sample("penstock_task_gauge", named, value)
    for what in ("started", "last_record", "last_commit"):
        if told[f"{what}_ms"]:
            at_s = told[f"{what}_ms"] / 1000
            yield Sample(f"penstock_task_{what}_timestamp_seconds", labels, at_s)
    lags = [place for place in task["partitions"] if place["lag"] is not None]
    for place in lags:
        where = {"topic": place["topic"], "partition": str(place["partition"])}
        yield Sample("penstock_sink_partition_lag", {**labels, **where}, place["lag"])
    if lags:
        most = max(place["lag"] for place in lags)
        yield _named("sink-task-metrics", "sink-record-lag-max", labels, most)


def _group(group: _Data, labels: _Labels, now_ms: int) -> Iterator[Sample]:
    name = "connect-worker-rebalance-metrics"
    texts = {"leader_name": group["leader"], "connect_protocol": group["protocol"]}
    known = {key: str(text) for key, text in texts.items() if text}
    yield _named(name, "info", {**labels, **known}, 1)
    yield _named(name, "epoch", labels, group["epoch"])
    yield _named(name, "rebalancing", labels, int(group["rebalancing"]))
    yield _named(name, "completed-rebalances-total", labels, group["rebalances"])
    since = now_ms - group["rebalanced_ms"] if group["rebalances"] else math.inf
    yield _named(name, "time-since-last-rebalance-ms", labels, max(0, since))
    coordinator = "connect-coordinator-metrics"
    yield _named(coordinator, "assigned-connectors", labels, group["connectors"])
    yield _named(coordinator, "assigned-tasks", labels, group["tasks"])
