"""Camel's Kafka connectors (core 0.11.0 on Camel 3) in a Python worker: a timer to a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workers import eventually, worker

from penstock.errors import ConfigError
from penstock_jvm._maven import KAFKA_VERSION
from penstock_jvm.machine import resolve

pytestmark = pytest.mark.integration

FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
CAMEL = "org.apache.camel.kafkaconnector"
PACKAGE = f"""\
{CAMEL}:camel-kafka-connector:0.11.0
org.apache.camel:camel-timer:3.11.1
org.apache.camel:camel-file:3.11.1
"""


@pytest.fixture(scope="module")
def packages() -> str:
    """Give the coordinates once their jars are in the cache: fetching them may take a while."""
    try:
        resolve([f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}", *PACKAGE.split()])
    except ConfigError as problem:
        pytest.skip(f"Camel's jars cannot be fetched: {problem}")
    return PACKAGE


def test_a_timer_source_and_a_file_sink_run_by_their_own_json(
    tmp_path: Path, packages: str
) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "camel.coordinates").write_text(packages)
    out = tmp_path / "out"
    source = {
        "connector.class": f"{CAMEL}.CamelSourceConnector",
        "topics": "ticks",
        "camel.source.url": "timer:tick?period=20&repeatCount=5&delay=0&includeMetadata=true",
    }
    sink = {
        "connector.class": f"{CAMEL}.CamelSinkConnector",
        "topics": "lines",
        "camel.sink.url": f"file:{out}?fileName=lines.txt&fileExist=Append&appendChars=%0A",
    }
    lines = tmp_path / "lines"
    lines.write_text("one\ntwo\nthree\n")
    with worker(f"embedded:{tmp_path / 'log'}", tmp_path, plugin_path=str(plugins)) as one:
        one.put("timer", source)
        one.put(
            "lines",
            {
                "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
                "file": str(lines),
                "topic": "lines",
            },
        )
        one.put("camel", sink)
        written = out / "lines.txt"
        eventually(lambda: written.exists() and written.read_text().count("\n") >= 3, what="lines")
        assert written.read_text() == "one\ntwo\nthree\n"
        ticks = tmp_path / "ticks"
        one.put("ticks", {"connector.class": FILE_SINK, "file": str(ticks), "topics": "ticks"})
        eventually(lambda: ticks.exists() and ticks.read_text().count("\n") >= 5, what="ticks")
        assert ticks.read_text().count("\n") == 5
        assert one.task_state("timer") == "RUNNING"
