"""What Java connectors and tasks ask of their contexts, from a package without service files."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from tests.parts.java_probe import java_probe
from tests.workers import PenstockWorker, eventually, worker

from penstock_jvm._packages import found_on

pytestmark = pytest.mark.integration

SOURCE, SINK = "probe.AskingSource", "probe.AskingSink"


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A plugin path with two releases of the probe, whose jars name no class."""
    made = Path(java_probe(tmp_path_factory.mktemp("made"))) / "probe-1.0.jar"
    path = tmp_path_factory.mktemp("plugins")
    for release in ("1.0", "2.0"):
        jar = path / release / f"probe-{release}.jar"
        jar.parent.mkdir()
        with zipfile.ZipFile(made) as given, zipfile.ZipFile(jar, "w") as archive:
            for name in given.namelist():
                if not name.startswith("META-INF/services"):
                    archive.writestr(name, given.read(name))
            archive.writestr("release.txt", release)
    return str(path)


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def states(running: PenstockWorker, name: str) -> list[str]:
    return [one["state"] for one in running.status(name).get("tasks", ())]


def test_classes_that_no_service_file_names_are_found_by_what_they_extend(
    plugins: str, tmp_path: Path
) -> None:
    found = {(one.kind, one.name) for one in found_on([Path(plugins)]) if one.version == "2.0"}
    assert found == {
        ("source", "probe.ProbeSource"),
        ("source", SOURCE),
        ("sink", "probe.ThreadedSink"),
        ("sink", SINK),
        ("transform", "probe.Shout"),
    }
    package = tmp_path / "named"
    package.mkdir()
    shutil.copy(Path(plugins) / "1.0" / "probe-1.0.jar", package)
    with zipfile.ZipFile(package / "probe-1.0.jar", "a") as archive:
        service = "META-INF/services/org.apache.kafka.connect.sink.SinkConnector"
        archive.writestr(service, f"{SINK}\n")
    assert [one.name for one in found_on([tmp_path])] == [SINK]  # taken at its word


def test_two_releases_of_a_class_run_beside_each_other_and_keep_their_offsets(
    plugins: str, tmp_path: Path
) -> None:
    releases = {"old": f"{SOURCE}@1.0", "new": SOURCE}
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path, plugin_path=plugins) as running:
        for name, kind in releases.items():
            config = {"connector.class": kind, "told": str(tmp_path / name)}
            running.put(name, config)
        for name, release in (("old", "1.0"), ("new", "2.0")):
            told = tmp_path / name
            eventually(lambda told=told: lines_of(told), what=f"{name} is polled")
            assert lines_of(told) == [f"{release} from none"]
        path = "/connectors/new/offsets"
        eventually(lambda: running.request("GET", path).json()["offsets"], what="it is stored")
        running.request("PUT", "/connectors/new/stop")
        eventually(lambda: states(running, "new") == [], what="it is stopped")
        refused = {"offsets": [{"partition": {"task": "0"}, "offset": {"n": -1}}]}
        answer = running.request("PATCH", path, json=refused)
        assert answer.status_code >= 400
        assert "an offset below zero: {n=-1}" in answer.text
        wanted = {"offsets": [{"partition": {"task": "0"}, "offset": {"n": 7}}]}
        answer = running.request("PATCH", path, json=wanted)
        assert answer.status_code == 200, answer.text
        assert lines_of(tmp_path / "new")[1:] == ["altered {{task=0}={n=7}}"]
        running.request("PUT", "/connectors/new/resume")
        eventually(lambda: len(lines_of(tmp_path / "new")) > 2, what="it goes on")
    assert lines_of(tmp_path / "new")[2] == "2.0 from 7"


def boundary_errors(running: PenstockWorker, exact: str) -> list[str]:
    config = {"connector.class": SOURCE, "name": "n", "transaction.boundary": "connector"}
    answer = running.request(
        "PUT", f"/connector-plugins/{SOURCE}/config/validate", json={**config, "exact": exact}
    ).json()
    errors = {one["value"]["name"]: one["value"]["errors"] for one in answer["configs"]}
    return list(errors["transaction.boundary"])


def test_a_java_connector_tells_of_boundaries_asks_for_other_tasks_and_fails_at_will(
    plugins: str, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    count.write_text("1")
    config = {
        "connector.class": SOURCE,
        "told": str(tmp_path / "told"),
        "count": str(count),
        "tasks.max": "2",
    }
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path, plugin_path=plugins) as running:
        assert boundary_errors(running, "yes") == []
        assert "does not support" in boundary_errors(running, "no")[0]
        running.put("src", config)
        eventually(lambda: states(running, "src") == ["RUNNING"], what="one task runs")
        count.write_text("2")
        eventually(lambda: states(running, "src") == ["RUNNING"] * 2, what="two tasks run")
        count.write_text("fail")
        failed = eventually(
            lambda: running.status("src")["connector"].get("trace"), what="the connector fails"
        )
        assert running.status("src")["connector"]["state"] == "FAILED"
    assert "the file says so" in failed


def test_a_java_task_that_eats_its_heap_is_one_failed_task_that_says_so(
    plugins: str, tmp_path: Path
) -> None:
    config = {
        "connector.class": SOURCE,
        "told": str(tmp_path / "told"),
        "eat": "yes",
        "jvm.options": "-Xmx48m -XX:+UseSerialGC",
    }
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path, plugin_path=plugins) as running:
        running.put("src", config)
        eventually(lambda: states(running, "src") == ["FAILED"], what="the task is FAILED")
        status = running.status("src")
    assert status["connector"]["state"] == "RUNNING"
    assert "java.lang.OutOfMemoryError" in status["tasks"][0]["trace"]


def test_a_java_sink_rewinds_pauses_commits_and_has_its_offsets_altered(
    plugins: str, tmp_path: Path
) -> None:
    told, text = tmp_path / "told", tmp_path / "in.txt"
    text.write_text("first\nsecond\n")
    source = {"connector.class": "FileStreamSource", "file": str(text), "topic": "asked"}
    sink = {"connector.class": SINK, "told": str(told), "topics": "asked"}
    log = f"embedded:{tmp_path / 'log.db'}"
    never = "3600000"  # so that each commit is one that was asked for
    with worker(log, tmp_path, plugin_path=plugins, offset_flush_interval_ms=never) as running:
        running.put("src", source)
        running.put("snk", sink)
        eventually(lambda: "resume" in lines_of(told), what="the sink pauses and resumes")
        with text.open("a") as file:
            file.write("third\n")
        eventually(lambda: "commit 3" in lines_of(told), what="the third is committed")
        path = "/connectors/snk/offsets"
        running.request("PUT", "/connectors/snk/stop")
        eventually(lambda: states(running, "snk") == [], what="it is stopped")
        place = {"kafka_topic": "asked", "kafka_partition": 0}
        body = {"offsets": [{"partition": place, "offset": {"kafka_offset": 1}}]}
        answer = running.request("PATCH", path, json=body)
        assert answer.status_code == 200, answer.text
        assert running.request("GET", path).json() == body
    lines = lines_of(told)
    assert lines[:4] == ["open [asked-0] of [asked-0]", "fail", "rewind", "pause at 2"]
    asked = lines.index("commit 2")
    assert asked < lines.index("resume") < lines.index("at 3") < lines.index("commit 3")
    assert lines[-3:] == ["close [asked-0]", "stop", "altered {asked-0=1}"]
