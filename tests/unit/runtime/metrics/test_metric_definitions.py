"""The table of metrics: whole as the original's list, told in the documentation, drawn right."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.parts.jvm_classes import java_class

from penstock.runtime.metrics.definitions import METRICS, Kind, by_name

ROOT = Path(__file__).parents[4]
TABLE = ROOT / "docs" / "metrics.md"
DASHBOARD = ROOT / "deploy" / "grafana" / "penstock.json"
NOT_OF_THE_REGISTRY = {"connect-coordinator-metrics", "penstock"}


def test_every_attribute_of_the_original_is_given_or_refused_with_a_reason() -> None:
    registry = java_class("org.apache.kafka.connect.runtime.ConnectMetricsRegistry")()
    theirs = {(str(one.group()), str(one.name())) for one in registry.getAllTemplates()}
    ours = {(one.group, one.attribute) for one in METRICS if one.group not in NOT_OF_THE_REGISTRY}
    assert len(theirs) > 80
    assert ours == theirs


def test_the_coordinators_attributes_are_the_originals() -> None:
    ours = [one.attribute for one in METRICS if one.group == "connect-coordinator-metrics"]
    cls = "org.apache.kafka.connect.runtime.distributed.WorkerCoordinator"
    stream = java_class("java.lang.ClassLoader").getSystemResourceAsStream(
        f"{cls.replace('.', '/')}$WorkerCoordinatorMetrics.class"
    )
    constants = bytes(stream.readAllBytes())
    assert ours
    assert [one for one in ours if one.encode() not in constants] == []


def test_no_metric_is_defined_twice() -> None:
    names = [one.name for one in METRICS if one.kind not in (Kind.INFO, Kind.NONE)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in by_name())


def documented() -> list[tuple[str, ...]]:
    rows = [line for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    return [tuple(cell.strip(" `") for cell in row.strip("|").split(" | ")) for row in rows]


def row(one: Any) -> tuple[str, ...]:
    if one.kind is Kind.NONE:
        return (one.group, one.attribute, "not given", one.unit, one.help)
    label = f"label `{one.attribute.replace('-', '_')}` of `{one.name}`"
    name = label.strip("`") if one.kind is Kind.INFO else one.name
    return (one.group, one.attribute, name, one.unit, one.help)


def test_the_documentation_has_the_table_of_the_code() -> None:
    assert documented() == [row(one) for one in METRICS]


def expressions(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [value for key, value in part.items() if key in ("expr", "query", "definition")]
        return [one for one in own if isinstance(one, str)] + [
            found for value in part.values() for found in expressions(value)
        ]
    return [found for one in part for found in expressions(one)] if isinstance(part, list) else []


def test_the_dashboard_draws_metrics_that_exist() -> None:
    board = json.loads(DASHBOARD.read_text())
    found = {
        name
        for one in expressions(board)
        for name in re.findall(r"\b(?:kafka_connect|penstock)_\w+", one)
    }
    assert len(found) > 20
    assert found - set(by_name()) == set()


def test_the_dashboard_can_be_imported_anywhere() -> None:
    board = json.loads(DASHBOARD.read_text())
    assert board["schemaVersion"] >= 39
    variables = {one["name"]: one for one in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    rows = [one["title"] for one in board["panels"] if one["type"] == "row"]
    assert rows == ["Cluster", "Connectors", "Sources", "Sinks", "Errors"]
    panels = [one for one in board["panels"] if one["type"] != "row"]
    assert {one["datasource"]["uid"] for one in panels} == {"${datasource}"}
    assert len({one["id"] for one in board["panels"]}) == len(board["panels"])
