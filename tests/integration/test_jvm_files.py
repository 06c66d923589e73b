"""Apache's own FileStream connectors, written in Java, in a Python worker."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.workers import eventually, worker

from penstock_jvm import resolve

pytestmark = pytest.mark.integration

PACKAGE = "org.apache.kafka.connect.file."
SOURCE = f"{PACKAGE}FileStreamSourceConnector@jvm"
SINK = f"{PACKAGE}FileStreamSinkConnector@jvm"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin path with the unpacked package of connect-file."""
    path = tmp_path_factory.mktemp("plugins")
    package = path / "kafka-connect-file"
    package.mkdir()
    jars = resolve(["org.apache.kafka:connect-file:4.3.1"])
    shutil.copy(next(jar for jar in jars if jar.name.startswith("connect-file")), package)
    return path


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_java_source_and_sink_copy_a_file_and_go_on_after_a_restart(
    packages: Path, tmp_path: Path
) -> None:
    text, out = tmp_path / "in.txt", tmp_path / "out.txt"
    log = f"embedded:{tmp_path / 'log.db'}"
    expected = [f"line {n}" for n in range(5000)]  # ASCII: Java's counts its place in characters
    text.write_text("".join(f"{line}\n" for line in expected))
    source = {"connector.class": SOURCE, "file": str(text), "topic": "lines"}
    sink = {"connector.class": SINK, "file": str(out), "topics": "lines"}
    with worker(log, tmp_path, plugin_path=str(packages)) as running:
        running.put("src", source)
        running.put("snk", sink)
        eventually(lambda: len(lines_of(out)) >= 5000, what="all lines arrive")
        offsets = eventually(
            lambda: running.request("GET", "/connectors/src/offsets").json()["offsets"],
            what="the offset is stored",
        )
    assert lines_of(out) == expected
    assert offsets[0]["partition"] == {"filename": str(text)}
    more = [f"more {n}" for n in range(100)]
    with text.open("a") as file:
        file.writelines(f"{line}\n" for line in more)
    with worker(log, tmp_path, plugin_path=str(packages)) as running:
        running.put("src", source)
        running.put("snk", sink)
        eventually(lambda: len(lines_of(out)) >= 5100, what="the new lines arrive")
    assert lines_of(out) == expected + more


def test_java_connectors_are_listed_with_their_own_keys(packages: Path, tmp_path: Path) -> None:
    log = f"embedded:{tmp_path / 'log.db'}"
    with worker(log, tmp_path, plugin_path=str(packages)) as running:
        listed = running.request("GET", "/connector-plugins").json()
        assert {"class": SOURCE, "type": "source", "version": "4.3.1"} in listed
        assert {"class": SINK, "type": "sink", "version": "4.3.1"} in listed
        keys = running.request("GET", f"/connector-plugins/{SOURCE}/config").json()
        by_name = {key["name"]: key for key in keys}
        assert by_name["batch.size"]["default_value"] == "2000"
        assert by_name["topic"]["required"]
        answer = running.request(
            "PUT",
            f"/connector-plugins/{SOURCE}/config/validate",
            json={"connector.class": SOURCE, "name": "n", "file": "f", "batch.size": "x"},
        ).json()
    errors = {one["value"]["name"]: one["value"]["errors"] for one in answer["configs"]}
    assert errors["topic"] == ['Missing required configuration "topic" which has no default value.']
    assert "Not a number of type INT" in errors["batch.size"][0]
