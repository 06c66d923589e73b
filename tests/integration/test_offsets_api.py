"""Offsets read, altered and reset through REST: the same requests to Penstock and the original."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.parts.broker import KafkaBroker
from tests.parts.jvm_connect import JvmConnectWorker
from tests.workers import STRING, eventually, worker

pytestmark = pytest.mark.integration


class Api:
    """A worker of either kind."""

    def __init__(self, url: str, folder: Path, name: str) -> None:
        self.url = url
        self.folder = folder
        self.name = name

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = httpx.request(method, self.url + path, json=body, timeout=60)
        return answer.status_code, answer.json() if answer.content else None

    def create(self, name: str, **config: str) -> None:
        code, _ = self.ask("PUT", f"/connectors/{name}/config", {"tasks.max": "1", **config})
        assert code == 201
        eventually(lambda: self.states(name) == ["RUNNING", "RUNNING"], what=f"{name} runs")

    def states(self, name: str) -> list[str]:
        code, status = self.ask("GET", f"/connectors/{name}/status")
        if code != 200:
            return []
        return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]

    def offsets(self, name: str) -> Any:
        code, body = self.ask("GET", f"/connectors/{name}/offsets")
        assert code == 200
        return body["offsets"]

    def stop(self, name: str) -> None:
        assert self.ask("PUT", f"/connectors/{name}/stop")[0] == 204
        eventually(lambda: self.states(name)[:1] == ["STOPPED"], what=f"{name} stops")


@pytest.fixture(params=["penstock", "embedded", "jvm"])
def api(request: pytest.FixtureRequest, kafka_broker: KafkaBroker, tmp_path: Path) -> Iterator[Api]:
    name = f"{request.param}-{tmp_path.name.lower()}"
    if request.param == "jvm":
        properties = {
            "key.converter": STRING,
            "value.converter": STRING,
            "offset.flush.interval.ms": "500",
        }
        with JvmConnectWorker(kafka_broker.bootstrap_servers, properties=properties) as jvm:
            yield Api(jvm.rest_url, tmp_path, name)
        return
    bootstrap = kafka_broker.bootstrap_servers
    if request.param == "embedded":
        bootstrap = f"embedded:{tmp_path / 'log.db'}"
    with worker(bootstrap, tmp_path) as running:
        yield Api(running.url, tmp_path, name)


def test_offsets_of_a_source_and_a_sink(api: Api) -> None:
    lines = api.folder / "lines.txt"
    lines.write_text("one\ntwo\nthree\n")
    out = api.folder / "out.txt"
    source, sink, topic = f"{api.name}-in", f"{api.name}-out", f"{api.name}-topic"
    file = {"connector.class": "FileStreamSource", "file": str(lines), "topic": topic}
    api.create(source, **file)
    api.create(sink, **{"connector.class": "FileStreamSink", "file": str(out), "topics": topic})
    eventually(lambda: out.exists() and out.read_text().count("\n") == 3, what="three lines")
    at_end = [{"partition": {"filename": str(lines)}, "offset": {"position": 14}}]
    eventually(lambda: api.offsets(source) == at_end, what="the source's offset")
    place = {"kafka_partition": 0, "kafka_topic": topic}
    eventually(
        lambda: api.offsets(sink) == [{"partition": place, "offset": {"kafka_offset": 3}}],
        what="the sink's offset",
    )

    code, told = api.ask("DELETE", f"/connectors/{source}/offsets")
    assert code == 400
    assert told["message"].startswith("Connectors must be in the STOPPED state before")
    api.stop(source)
    api.stop(sink)

    second = [{"partition": {"filename": str(lines)}, "offset": {"position": 4}}]
    code, told = api.ask("PATCH", f"/connectors/{source}/offsets", {"offsets": second})
    assert (code, re.sub(r"\s+", " ", told["message"])[:60]) == (
        200,
        "The offsets for this connector have been altered successfull",
    )
    assert api.offsets(source) == second
    assert api.ask("PUT", f"/connectors/{source}/resume")[0] == 202
    eventually(lambda: api.offsets(source) == at_end, what="two lines again")
    api.stop(source)

    wanted = [{"partition": place, "offset": {"kafka_offset": "4"}}]

    def altered() -> bool:  # the stopped task's consumer may still be leaving its group
        return api.ask("PATCH", f"/connectors/{sink}/offsets", {"offsets": wanted})[0] == 200

    eventually(altered, what="the sink's offset is altered")
    assert api.offsets(sink) == [{"partition": place, "offset": {"kafka_offset": 4}}]
    assert api.ask("PUT", f"/connectors/{sink}/resume")[0] == 202
    eventually(lambda: out.read_text() == "one\ntwo\nthree\nthree\n", what="the fifth record")
    api.stop(sink)

    def forgotten() -> bool:
        return api.ask("DELETE", f"/connectors/{sink}/offsets")[0] == 200

    eventually(forgotten, what="the sink's offsets are reset")
    assert api.offsets(sink) == []
    code, told = api.ask("DELETE", f"/connectors/{source}/offsets")
    assert code == 200
    assert api.offsets(source) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"offsets": []},
        {"offsets": [{"partition": {"kafka_topic": "t"}, "offset": {"kafka_offset": 1}}]},
        {"offsets": [{"partition": {"kafka_topic": "t", "kafka_partition": "x"}, "offset": None}]},
        {
            "offsets": [
                {
                    "partition": {"kafka_topic": "t", "kafka_partition": 0},
                    "offset": {"kafka_offset": 1, "more": 1},
                }
            ]
        },
    ],
)
def test_offsets_that_make_no_sense_change_nothing(
    kafka_broker: KafkaBroker, tmp_path: Path, body: Any
) -> None:
    with worker(kafka_broker.bootstrap_servers, tmp_path) as running:
        name = f"sink-{tmp_path.name}"
        api = Api(running.url, tmp_path, name)
        api.create(
            name,
            **{
                "connector.class": "FileStreamSink",
                "file": str(tmp_path / "out"),
                "topics": tmp_path.name,
            },
        )
        api.stop(name)
        code, told = api.ask("PATCH", f"/connectors/{name}/offsets", body)
        assert code == 400, told
        assert api.offsets(name) == []
        assert api.ask("GET", "/connectors/nope/offsets")[0] == 404
