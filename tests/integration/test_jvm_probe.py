"""A Java connector that does unusual things: what the bridge makes of each."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from tests.workers import eventually, worker

from penstock_jvm._compile import compile_shim

pytestmark = pytest.mark.integration

SOURCES = Path(__file__).parents[1] / "parts" / "java_plugins"
SERVICES = "META-INF/services/org.apache.kafka.connect."
SOURCE = "probe.ProbeSource"


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A plugin path with the probe's jar."""
    path = tmp_path_factory.mktemp("plugins")
    jar = compile_shim(SOURCES, path / "probe-1.0.jar")
    with zipfile.ZipFile(jar, "a") as archive:
        archive.writestr(f"{SERVICES}source.SourceConnector", f"{SOURCE}\n")
        archive.writestr(f"{SERVICES}transforms.Transformation", "probe.Shout\n")
    return str(path)


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_java_gets_its_own_records_back_and_a_java_transform_runs_before_they_cross(
    plugins: str, tmp_path: Path
) -> None:
    told, out = tmp_path / "told", tmp_path / "out"
    source = {
        "connector.class": SOURCE,
        "mode": "records",
        "told": str(told),
        "transforms": "shout",
        "transforms.shout.type": "probe.Shout",
        "transforms.shout.drop": "value 3",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    }
    sink = {"connector.class": "FileStreamSink", "file": str(out), "topics": "even,odd"}
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path, plugin_path=plugins) as running:
        running.put("src", source)
        running.put("snk", sink)
        eventually(lambda: len(lines_of(out)) >= 9, what="the records arrive")
        # The dropped one, too, and each is the task's own object: a copy has no number.
        eventually(lambda: len(lines_of(told)) >= 10, what="each record is told of")
    assert sorted(lines_of(out)) == [f"VALUE {n}" for n in range(10) if n != 3]
    assert sorted(lines_of(told)[:10], key=int) == [str(n) for n in range(10)]
    assert lines_of(told)[10:] == ["stopped"]


def test_a_poll_that_blocks_in_java_is_interrupted_when_the_task_stops(
    plugins: str, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    config = {"connector.class": SOURCE, "mode": "block", "told": str(told)}
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path, plugin_path=plugins) as running:
        running.put("src", config)
        eventually(lambda: lines_of(told) == ["blocked"], what="the poll blocks")
        running.request("PUT", "/connectors/src/stop")
        eventually(lambda: len(lines_of(told)) >= 3, 10, "the poll is interrupted")
    assert lines_of(told) == ["blocked", "stopped", "interrupted"]


def test_a_java_task_that_exits_is_one_failed_task_with_its_last_words(
    plugins: str, tmp_path: Path
) -> None:
    config = {"connector.class": SOURCE, "mode": "exit", "told": str(tmp_path / "told")}
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path, plugin_path=plugins) as running:
        running.put("src", config)
        eventually(lambda: running.task_state("src") == "FAILED", what="the task is FAILED")
        status = running.status("src")
    assert status["connector"]["state"] == "RUNNING"
    # Either the process is gone before Python notices, or Python tells why Java is.
    trace = status["tasks"][0]["trace"]
    assert "the probe exits now" in trace or "called System.exit" in trace
    assert "the probe exits now" in running.log.read_text()
