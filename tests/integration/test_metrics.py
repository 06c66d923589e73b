"""The figures of a worker, as Prometheus and its users read them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.workers import PenstockWorker, cluster, eventually, worker

pytestmark = pytest.mark.integration

SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
JSON = "org.apache.kafka.connect.json.JsonConverter"
GOOD, BAD = 40, 3


def scraped(running: PenstockWorker) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Return the values by name and labels, read by a parser that is not ours."""
    answer = running.request("GET", "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            values = found.setdefault(sample.name, {})
            assert labels not in values, f"{sample.name} is there twice"
            values[labels] = sample.value
    return found


class Scrape:
    """One look at the metrics of one task."""

    def __init__(self, running: PenstockWorker, connector: str) -> None:
        self.all = scraped(running)
        self._connector = connector

    def value(self, name: str, **labels: str) -> float | None:
        wanted = {"connector": self._connector, **labels}
        for found, value in self.all.get(name, {}).items():
            if wanted.items() <= dict(found).items():
                return value
        return None

    def info(self, name: str) -> dict[str, str]:
        for found in self.all.get(name, {}):
            if dict(found).get("connector") == self._connector:
                return dict(found)
        return {}


def source(text: Path, topic: str) -> dict[str, str]:
    return {
        "connector.class": SOURCE,
        "file": str(text),
        "topic": topic,
        "transforms": "quiet",
        "transforms.quiet.type": "org.apache.kafka.connect.transforms.Filter",
        "transforms.quiet.predicate": "never",
        "predicates": "never",
        "predicates.never.type": "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
    }


def sink(out: Path, topic: str, **more: str) -> dict[str, str]:
    return {"connector.class": "FileStreamSink", "file": str(out), "topics": topic, **more}


def test_a_source_and_a_sink_with_bad_records_are_counted(tmp_path: Path) -> None:
    text, out = tmp_path / "in.txt", tmp_path / "out.txt"
    lines = [f'{{"n": {n}}}' for n in range(GOOD)]
    lines[5:5] = ["{not json"] * BAD
    text.write_text("".join(f"{line}\n" for line in lines))
    tolerant = {
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        "errors.tolerance": "all",
        "errors.log.enable": "true",
        "errors.deadletterqueue.topic.name": "bad",
        "errors.deadletterqueue.topic.replication.factor": "1",
    }
    began_ms = time.time() * 1000
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path) as running:
        running.put("src", source(text, "t"))
        running.put("snk", sink(out, "t", **tolerant))

        def done() -> bool:
            of_sink, of_source = Scrape(running, "snk"), Scrape(running, "src")
            committed = of_sink.value("penstock_task_records_committed_total")
            stored = of_source.value("penstock_task_last_commit_timestamp_seconds")
            return committed == GOOD + BAD and stored is not None

        eventually(done, what="all is read and committed")
        snk, src = Scrape(running, "snk"), Scrape(running, "src")
        truth = running.request("GET", "/penstock/connectors/snk").json()
    check_source(src)
    check_sink(snk, began_ms)
    task = truth["tasks"][0]
    assert truth["state"] == "RUNNING"
    assert truth["owner_alive"] is True
    assert {k: task[k] for k in ("read", "written", "filtered", "failed", "lag", "restarts")} == {
        "read": GOOD + BAD,
        "written": GOOD,
        "filtered": 0,
        "failed": BAD,
        "lag": 0,
        "restarts": 0,
    }
    assert task["last_commit_ms"] >= task["last_record_ms"] > began_ms


def check_source(src: Scrape) -> None:
    assert src.value("kafka_connect_source_task_source_record_poll_total") == GOOD + BAD
    assert src.value("kafka_connect_source_task_source_record_write_total") == GOOD + BAD
    assert src.value("kafka_connect_source_task_source_record_active_count") == 0
    assert (src.value("kafka_connect_source_task_source_record_poll_rate") or 0) > 0
    assert src.value("kafka_connect_connector_task_batch_size_max") == GOOD + BAD
    assert src.value("kafka_connect_connector_status", status="running") == 1
    assert src.value("kafka_connect_connector_task_status", status="running") == 1
    assert src.value("kafka_connect_connector_task_running_ratio") == 1
    assert src.value("kafka_connect_sink_task_sink_record_read_total") is None
    assert src.value("kafka_connect_worker_connector_running_task_count") == 1
    assert src.info("kafka_connect_connector_info")["connector_class"] == SOURCE
    assert src.info("kafka_connect_connector_info")["connector_type"] == "source"
    task = src.info("kafka_connect_connector_task_info")
    assert task["task_class"].startswith("penstock_file.")
    assert task["value_converter_class"].endswith("StringConverter")
    assert src.info("kafka_connect_connector_transform_info")["transform"] == "quiet"
    assert src.info("kafka_connect_connector_predicate_info")["predicate"] == "never"
    (task_count,) = src.all["kafka_connect_worker_task_count"].values()
    (started,) = src.all["kafka_connect_worker_task_startup_success_total"].values()
    assert (task_count, started) == (2, 2)


def check_sink(snk: Scrape, began_ms: float) -> None:
    assert snk.value("kafka_connect_sink_task_sink_record_read_total") == GOOD + BAD
    assert snk.value("kafka_connect_sink_task_sink_record_send_total") == GOOD
    assert snk.value("kafka_connect_sink_task_sink_record_lag_max") == 0
    assert snk.value("penstock_sink_partition_lag", topic="t", partition="0") == 0
    assert snk.value("kafka_connect_sink_task_partition_count") == 1
    assert (snk.value("kafka_connect_sink_task_offset_commit_completion_total") or 0) >= 1
    assert snk.value("kafka_connect_connector_task_offset_commit_failure_percentage") == 0
    error = "kafka_connect_task_error_"
    assert snk.value(f"{error}total_record_errors_total") == BAD
    assert snk.value(f"{error}total_record_failures_total") == BAD
    assert snk.value(f"{error}total_records_skipped_total") == BAD
    assert snk.value(f"{error}total_retries_total") == 0
    assert snk.value(f"{error}total_errors_logged_total") == BAD
    assert snk.value(f"{error}deadletterqueue_produce_requests_total") == BAD
    assert snk.value(f"{error}deadletterqueue_produce_failures_total") == 0
    assert (snk.value(f"{error}last_error_timestamp") or 0) > began_ms


def test_a_pause_and_a_failed_task_are_seen(tmp_path: Path) -> None:
    text, out = tmp_path / "in.txt", tmp_path / "out.txt"
    text.write_text("{not json\n")
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path) as running:
        running.put("src", source(text, "t"))
        strict = {"value.converter": JSON, "value.converter.schemas.enable": "false"}
        running.put("snk", sink(out, "t", **strict))
        eventually(lambda: running.task_state("snk") == "FAILED", what="the sink fails")
        running.request("PUT", "/connectors/src/pause")
        eventually(lambda: running.task_state("src") == "PAUSED", what="the source pauses")
        eventually(
            lambda: (
                (Scrape(running, "src").value("kafka_connect_connector_task_pause_ratio") or 0) > 0
            ),
            what="the pause is counted",
        )
        snk = Scrape(running, "snk")
        assert snk.value("kafka_connect_connector_task_status", status="failed") == 1
        assert snk.value("kafka_connect_worker_connector_failed_task_count") == 1
        src = Scrape(running, "src")
        assert src.value("kafka_connect_worker_connector_paused_task_count") == 1
        truth: dict[str, Any] = running.request("GET", "/penstock/connectors/snk").json()
        assert truth["tasks"][0]["state"] == "FAILED"


def test_an_idle_sink_tells_its_lag_after_a_restart_and_status_shows_it(
    kafka_broker: Any, tmp_path: Path
) -> None:
    text, topic = tmp_path / "in.txt", f"t-{tmp_path.name}"
    text.write_text("one\ntwo\n")
    bootstrap = str(kafka_broker.bootstrap_servers)
    name = f"snk-{tmp_path.name}"

    def task(running: PenstockWorker) -> dict[str, Any]:
        tasks = running.request("GET", f"/penstock/connectors/{name}").json()["tasks"]
        return dict(tasks[0]) if tasks else {}

    with worker(bootstrap, tmp_path) as running:
        running.put("src", source(text, topic))
        running.put(name, sink(tmp_path / "out.txt", topic))
        eventually(lambda: task(running).get("last_commit_ms"), what="the sink commits")
    with worker(bootstrap, tmp_path) as running:
        running.put(name, sink(tmp_path / "out.txt", topic))
        eventually(lambda: task(running).get("lag") == 0, what="the lag is known")
        told = task(running)
        assert (told["read"], told["last_commit_ms"]) == (0, None)
        assert told["partitions"] == [
            {"topic": topic, "partition": 0, "position": 2, "end": 2, "lag": 0}
        ]
        running.request("POST", f"/connectors/{name}/tasks/0/restart")

        def is_new() -> bool:
            now = task(running)
            anew = (now["progress"] or told["progress"])["started_ms"]
            return anew > told["progress"]["started_ms"] and now["lag"] == 0

        eventually(is_new, what="the lag is known again")
        done = subprocess.run(
            [sys.executable, "-m", "penstock.cli", "status", name, "--url", running.url],
            capture_output=True,
            text=True,
            check=True,
        )
    row = done.stdout.splitlines()[-1].split("\t")
    assert row[0] == f"{name}-0"
    cause, lag, last_commit, restarts = row[4:]
    assert (cause, lag, restarts) == ("", "0", "1")
    assert last_commit == "", "nothing was committed since the restart"


def test_a_cluster_tells_the_truth_from_any_worker_and_doubts_the_dead(
    kafka_broker: Any, tmp_path: Path
) -> None:
    text, topic = tmp_path / "in.txt", f"t-{tmp_path.name}"
    text.write_text("one\ntwo\n")
    bootstrap = str(kafka_broker.bootstrap_servers)
    with cluster(bootstrap, tmp_path, f"g-{tmp_path.name}", 2) as members:
        members[0].put("src", source(text, topic))
        members[0].put("snk", sink(tmp_path / "out.txt", topic))

        def told(member: PenstockWorker, name: str) -> dict[str, Any]:
            return dict(member.request("GET", f"/penstock/connectors/{name}").json())

        def is_whole(member: PenstockWorker, name: str) -> bool:
            tasks = told(member, name).get("tasks") or [{}]
            return tasks[0].get("owner_alive") is True and tasks[0].get("read") == 2

        for member in members:
            for name in ("src", "snk"):
                eventually(lambda m=member, n=name: is_whole(m, n), 60, "both workers know it")
        eventually(
            lambda: told(members[1], "snk")["tasks"][0]["lag"] == 0, what="the sink has no lag"
        )
        (rebalances,) = scraped(members[1])[
            "kafka_connect_worker_rebalance_completed_rebalances_total"
        ].values()
        assert rebalances >= 1
        parts = {name: told(members[0], name)["tasks"][0] for name in ("src", "snk")}
        there = [n for n, part in parts.items() if part.get("owner_url")]
        assert there, f"the second worker runs nothing: {parts}"
        members[1].kill()
        lost = told(members[0], there[0])["tasks"][0]
        assert lost["owner_alive"] is False
        assert lost["state"] == "UNKNOWN"
        assert lost["told_state"] == "RUNNING"
        assert lost["worker_id"] in lost["problem"]
