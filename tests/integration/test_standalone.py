"""A standalone worker as its user meets it, on real Kafka and on the embedded log."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workers import PenstockWorker, eventually, worker

pytestmark = pytest.mark.integration

SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK = "FileStreamSink"


@pytest.fixture(params=["embedded", "kafka"])
def bootstrap(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "embedded":
        return f"embedded:{tmp_path / 'log.db'}"
    return str(request.getfixturevalue("kafka_broker").bootstrap_servers)


def topic_of(tmp_path: Path) -> str:
    return "t-" + tmp_path.name


def source(text: Path, topic: str, **more: str) -> dict[str, str]:
    return {"connector.class": SOURCE, "file": str(text), "topic": topic, **more}


def sink(out: Path, topic: str, **more: str) -> dict[str, str]:
    return {"connector.class": SINK, "file": str(out), "topics": topic, **more}


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_lines_go_through_a_topic_into_a_file_and_go_on_after_a_restart(
    bootstrap: str, tmp_path: Path
) -> None:
    text, out, topic = tmp_path / "in.txt", tmp_path / "out.txt", topic_of(tmp_path)
    expected = [f"line {n} é" for n in range(5000)]
    text.write_text("".join(f"{line}\n" for line in expected))
    with worker(bootstrap, tmp_path) as running:
        running.put("src", source(text, topic))
        running.put("snk", sink(out, topic))
        eventually(lambda: len(lines_of(out)) >= 5000, what="all lines arrive")
    assert lines_of(out) == expected
    more = [f"more {n} ü" for n in range(100)]
    with text.open("a") as file:
        file.writelines(f"{line}\n" for line in more)
    with worker(bootstrap, tmp_path) as running:
        running.put("src", source(text, topic))
        running.put("snk", sink(out, topic))
        eventually(lambda: len(lines_of(out)) >= 5100, what="the new lines arrive")
    # A clean stop stores every offset: nothing twice, nothing lost.
    assert lines_of(out) == expected + more


def test_smt_chain_and_json_with_schemas_reach_the_sink(bootstrap: str, tmp_path: Path) -> None:
    text, out, topic = tmp_path / "in.txt", tmp_path / "out.txt", topic_of(tmp_path)
    text.write_text("a\nb\n")
    smt = "org.apache.kafka.connect.transforms."
    json_converter = {"value.converter": "org.apache.kafka.connect.json.JsonConverter"}
    chain = {
        "transforms": "hoist,insert,rename,route",
        "transforms.hoist.type": f"{smt}HoistField$Value",
        "transforms.hoist.field": "line",
        "transforms.insert.type": f"{smt}InsertField$Value",
        "transforms.insert.static.field": "from",
        "transforms.insert.static.value": "file",
        "transforms.rename.type": f"{smt}ReplaceField$Value",
        "transforms.rename.renames": "line:text",
        "transforms.route.type": f"{smt}RegexRouter",
        "transforms.route.regex": "t-(.*)",
        "transforms.route.replacement": "routed-$1",
    }
    with worker(bootstrap, tmp_path) as running:
        running.put("src", {**source(text, topic), **json_converter, **chain})
        running.put("snk", {**sink(out, "routed-" + tmp_path.name), **json_converter})
        eventually(lambda: len(lines_of(out)) >= 2, what="both records arrive")
    assert lines_of(out) == ["Struct{text=a,from=file}", "Struct{text=b,from=file}"]


def test_pause_stop_resume_restart_and_delete(bootstrap: str, tmp_path: Path) -> None:
    text, topic = tmp_path / "in.txt", topic_of(tmp_path)
    text.write_text("a\n")
    with worker(bootstrap, tmp_path) as running:
        running.put("src", source(text, topic))
        running.wait_running("src")
        for action, code, state in (
            ("pause", 202, "PAUSED"),
            ("resume", 202, "RUNNING"),
        ):
            assert running.request("PUT", f"/connectors/src/{action}").status_code == code
            eventually(lambda s=state: running.task_state("src") == s, what=f"task {state}")  # type: ignore[misc]
        assert running.request("PUT", "/connectors/src/stop").status_code == 204
        eventually(lambda: running.status("src")["tasks"] == [], what="no tasks")
        assert running.status("src")["connector"]["state"] == "STOPPED"
        running.request("PUT", "/connectors/src/resume")
        running.wait_running("src")
        answer = running.request(
            "POST", "/connectors/src/restart?includeTasks=True&onlyFailed=false"
        )
        assert answer.status_code == 202
        assert answer.json()["tasks"][0]["state"] == "RESTARTING"
        running.wait_running("src")
        assert running.request("POST", "/connectors/src/tasks/0/restart").status_code == 204
        running.wait_running("src")
        assert running.request("DELETE", "/connectors/src").status_code == 204
        assert running.request("GET", "/connectors/src").status_code == 404
        assert running.request("GET", "/connectors").json() == []


def test_killed_task_host_is_failed_with_its_last_words_and_restartable(
    bootstrap: str, tmp_path: Path
) -> None:
    text, topic = tmp_path / "in.txt", topic_of(tmp_path)
    text.write_text("a\n")
    with worker(bootstrap, tmp_path) as running:
        running.put("src", source(text, topic))
        running.put("other", source(text, topic))
        running.wait_running("src")
        running.wait_running("other")
        running.host_of("src-0").kill()
        eventually(lambda: running.task_state("src") == "FAILED", what="the task is FAILED")
        assert "SIGKILL" in running.status("src")["tasks"][0]["trace"]
        assert running.task_state("other") == "RUNNING"
        running.request("POST", "/connectors/src/restart?includeTasks=true&onlyFailed=true")
        running.wait_running("src")


def test_broken_configuration_is_refused_with_every_problem(bootstrap: str, tmp_path: Path) -> None:
    with worker(bootstrap, tmp_path) as running:
        answer = running.request(
            "PUT",
            "/connectors/x/config",
            json={"connector.class": SOURCE, "tasks.max": "none", "batch.size": "0"},
        )
        assert answer.status_code == 400
        for part in ("tasks.max", "batch.size", '"topic"'):
            assert part in answer.json()["message"]
        unknown = running.request(
            "PUT", "/connectors/x/config", json={"connector.class": "FileStreamSorce"}
        )
        assert unknown.status_code == 400
        assert "FileStreamSource" in unknown.json()["message"]
        assert running.request("GET", "/connectors").json() == []


def test_connector_files_of_all_kinds_are_deployed(bootstrap: str, tmp_path: Path) -> None:
    text, out, topic = tmp_path / "in.txt", tmp_path / "out.txt", topic_of(tmp_path)
    text.write_text("a\nb\n")
    properties = tmp_path / "source.properties"
    config = {"name": "src", "type": "source", **source(text, topic)}
    properties.write_text("".join(f"{k}={v}\n" for k, v in config.items()))
    as_json = tmp_path / "sink.json"
    as_json.write_text(json.dumps({"name": "snk", "config": sink(out, topic)}))
    running = PenstockWorker(bootstrap, tmp_path)
    try:
        running.start(properties, as_json)
        eventually(lambda: lines_of(out) == ["a", "b"], what="the lines arrive")
    finally:
        running.stop()


def cli(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "penstock.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_broker_that_is_not_there_is_a_startup_error_without_traceback(tmp_path: Path) -> None:
    file = tmp_path / "worker.properties"
    file.write_text(
        "bootstrap.servers=127.0.0.1:1\nkey.converter=String\nvalue.converter=String\n"
        f"offset.storage.file.filename={tmp_path / 'offsets'}\nlisteners=http://127.0.0.1:0\n"
    )
    done = cli("standalone", str(file))
    assert done.returncode == 3
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_worker_properties_are_all_named(tmp_path: Path) -> None:
    file = tmp_path / "worker.properties"
    file.write_text("bootstrap.servers=embedded:x.db\noffset.flush.interval.ms=soon\n")
    done = cli("standalone", str(file))
    assert done.returncode == 3
    for part in ("offset.flush.interval.ms", "key.converter", "value.converter", str(file)):
        assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_run_reads_worker_and_connectors_from_one_file(tmp_path: Path) -> None:
    shutil.copyfile(__file__, tmp_path / "in.txt")
    pipeline = tmp_path / "pipeline.yaml"
    pipeline.write_text(
        f"""
worker:
  bootstrap.servers: embedded:{tmp_path}/log.db
  key.converter: String
  value.converter: String
  offset.storage.file.filename: {tmp_path}/offsets
  listeners: http://127.0.0.1:0
connectors:
  lines:
    connector.class: FileStreamSource
    file: {tmp_path}/in.txt
    topic: lines
  copy:
    connector.class: FileStreamSink
    topics: lines
    file: {tmp_path}/out.txt
"""
    )
    process = subprocess.Popen([sys.executable, "-m", "penstock.cli", "run", str(pipeline)])
    try:
        wanted = (tmp_path / "in.txt").read_text().splitlines()
        eventually(lambda: lines_of(tmp_path / "out.txt") == wanted, what="all lines are copied")
    finally:
        process.terminate()
        assert process.wait(20) == 0
