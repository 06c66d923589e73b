"""From the herder's reply to samples, and from samples to text."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from penstock.runtime.herder.hosts import (
    HostExitedEvent,
    HostReported,
    HostStarted,
    host_step,
    run_tasks,
)
from penstock.runtime.herder.state import ConnectorEntry, HerderState, Slot, Spec
from penstock.runtime.herder.views import task_figures, worker_figures
from penstock.runtime.host.messages import Progress, Running
from penstock.runtime.metrics.definitions import by_name
from penstock.runtime.metrics.fold import samples
from penstock.runtime.metrics.text import Sample, exposition
from penstock.runtime.model import ConnectorType, State, TaskId

KNOWN = {"a": ("gauge", "one\\two\nthree"), "b_total": ("counter", "")}


def read(text: str) -> list[tuple[str, dict[str, str], float]]:
    return [
        (one.name, one.labels, one.value)
        for family in text_string_to_metric_families(text)
        for one in family.samples
    ]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.floats(allow_nan=False))
def test_any_label_and_value_come_back_from_another_parser(label: str, value: float) -> None:
    text = exposition([Sample("a", {"connector": label}, value)], KNOWN)
    assert read(text) == [("a", {"connector": label}, value)]


def test_not_a_number_is_written_as_the_format_says() -> None:
    ((_, _, value),) = read(exposition([Sample("a", {}, math.nan)], KNOWN))
    assert math.isnan(value)


def test_samples_of_one_name_stand_together_under_one_head() -> None:
    given_samples = [Sample("b_total", {"n": "1"}, 1), Sample("a", {}, 2), Sample("b_total", {}, 3)]
    text = exposition(given_samples, KNOWN)
    assert text == (
        "# HELP a one\\\\two\\nthree\n# TYPE a gauge\na 2\n"
        '# HELP b_total \n# TYPE b_total counter\nb_total{n="1"} 1\nb_total 3\n'
    )


def test_a_name_that_is_not_defined_is_refused() -> None:
    with pytest.raises(KeyError):
        exposition([Sample("c", {}, 1)], KNOWN)


PROGRESS = Progress(
    records=10,
    committed=7,
    bytes=0,
    last_record_ms=9_000,
    last_commit_ms=0,
    filtered=2,
    started_ms=1_000,
    paused_ms=1_000,
    paused_since_ms=10_000,
    attributes={
        "sink-record-read-total": 10,
        "sink-record-send-total": 8,
        "gauge:millis-behind": 5,
    },
    places=[["t", 0, 5, 9], ["t", 1, 4, None], ["u", 0, 3, 3]],
    about={"task-class": "x.Task"},
)


def state() -> HerderState:
    found = HerderState()
    config = {"connector.class": "S"}
    found.connectors["c"] = ConnectorEntry("c", config, type=ConnectorType.SINK)
    key = TaskId("c", 0)
    found.slots[key] = Slot(key, wanted=Spec({}), state=State.RUNNING, restarts=3, figures=PROGRESS)
    found.task_startups = attrs.evolve(found.task_startups, attempts=4, succeeded=3, failed=1)
    return found


def told(now_ms: int, **more: Any) -> dict[tuple[str, str], float]:
    data = {**worker_figures(state(), "w:1"), **more}
    return {
        (one.name, one.labels.get("topic", "") + one.labels.get("partition", "")): one.value
        for one in samples(data, version="1", now_ms=now_ms)
    }


def test_a_task_without_its_connector_here_is_told_alone() -> None:
    found = told(21_000)
    assert found["kafka_connect_worker_connector_count", ""] == 0
    assert found["kafka_connect_worker_task_count", ""] == 1
    assert found["kafka_connect_worker_task_startup_success_percentage", ""] == 0.75
    assert found["penstock_task_restarts_total", ""] == 3
    assert found["penstock_task_last_record_timestamp_seconds", ""] == 9
    assert ("penstock_task_last_commit_timestamp_seconds", "") not in found
    assert ("kafka_connect_connector_status", "") not in found


def test_a_pause_that_lasts_grows_without_news_from_the_task() -> None:
    # One second of pauses that are over, and the present one since second 10.
    assert told(21_000)["kafka_connect_connector_task_pause_ratio", ""] == 0.6
    assert told(21_000)["kafka_connect_connector_task_running_ratio", ""] == 0.4


def test_the_lag_is_told_where_both_ends_are_known() -> None:
    found = told(21_000)
    assert found["penstock_sink_partition_lag", "t0"] == 4
    assert found["penstock_sink_partition_lag", "u0"] == 0
    assert ("penstock_sink_partition_lag", "t1") not in found
    assert found["kafka_connect_sink_task_sink_record_lag_max", ""] == 4
    shown = task_figures(state().slots[TaskId("c", 0)], "w:1")
    assert (shown["lag"], shown["written"], shown["filtered"]) == (4, 8, 2)


def test_a_figure_of_the_connectors_own_is_told_by_its_name() -> None:
    data = worker_figures(state(), "w:1")
    (found,) = [
        one
        for one in samples(data, version="1", now_ms=21_000)
        if one.name == "penstock_task_gauge"
    ]
    assert (found.labels["name"], found.value) == ("millis-behind", 5)


def test_before_the_first_rebalance_its_age_is_infinite() -> None:
    group = {
        "leader": None,
        "protocol": None,
        "epoch": -1,
        "rebalancing": True,
        "rebalances": 0,
        "rebalanced_ms": 0,
        "connectors": 0,
        "tasks": 0,
    }
    name = "kafka_connect_worker_rebalance_time_since_last_rebalance_ms"
    assert told(21_000, group=group)[name, ""] == math.inf
    later = {**group, "rebalances": 2, "rebalanced_ms": 20_000}
    assert told(21_000, group=later)[name, ""] == 1_000


def test_every_sample_is_defined() -> None:
    data = worker_figures(state(), "w:1")
    names = {one.name for one in samples(data, version="1", now_ms=21_000)}
    assert names
    assert names <= set(by_name())


def test_figures_of_the_host_before_are_not_taken_for_those_of_a_new_one() -> None:
    found, key = state(), TaskId("c", 0)
    host_step(found, HostStarted(key, 2), run_tasks)
    assert found.slots[key].figures is None
    assert found.task_startups.attempts == 5
    host_step(found, HostReported(key, 2, Running("1")), run_tasks)
    host_step(found, HostReported(key, 2, Running("1")), run_tasks)
    assert (found.task_startups.succeeded, found.task_startups.failed) == (4, 1)
    host_step(found, HostStarted(key, 3), run_tasks)
    host_step(found, HostExitedEvent(key, 3, "killed"), run_tasks)
    assert (found.task_startups.succeeded, found.task_startups.failed) == (4, 2)
