"""The same requests to the original's worker and to ours, on one broker: status, body, headers.

``STEPS`` is a conversation, told to both workers in order. Where ours answers otherwise on
purpose, the step says what and why; any other difference is a failure.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
from tests.parts.broker import KafkaBroker
from tests.parts.jvm_connect import JvmConnectWorker
from tests.workers import STRING, eventually, worker

pytestmark = pytest.mark.integration

FILE = "org.apache.kafka.connect.file.FileStream"
SOURCE: Mapping[str, Any] = {
    "connector.class": f"{FILE}SourceConnector",
    "file": "@in.txt",
    "topic": "@topic",
}
SINK: Mapping[str, Any] = {
    "connector.class": f"{FILE}SinkConnector",
    "file": "@out.txt",
    "topics": "@topic",
}


@attrs.frozen
class Step:
    """One request; or with ``until`` the wait for a connector's and its tasks' states.

    ``body`` None sends none. ``ours`` is our status where it is not the original's; ``message``
    False: the two messages say the same in other words. ``why`` tells the reason of either.
    """

    name: str
    method: str = "GET"
    path: str = "/"
    body: Any = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    until: str = ""
    ours: int | None = None
    message: bool = True
    compare: str = "body"
    why: str = ""


def _until(name: str, states: str) -> Step:
    return Step(
        f"{name} becomes {states or 'gone'}", path=f"/connectors/{name}/status", until=states
    )


def _read(name: str) -> list[Step]:
    """Read everything there is of a connector."""
    parts = ("", "/config", "/status", "/tasks", "/tasks/0/status", "/")
    return [Step(f"read {name}{part}", path=f"/connectors/{name}{part}") for part in parts]


def _bad(name: str, body: Any, ours: int | None = 400, why: str = "", **more: Any) -> Step:
    return Step(name, "POST", "/connectors", body, ours=ours, why=why, message=False, **more)


STEPS = [
    Step("root", path="/"),
    Step("health", path="/health"),
    Step("no connectors", path="/connectors"),
    Step("no connectors expanded", path="/connectors?expand=status&expand=info"),
    # Create.
    Step("post", "POST", "/connectors", {"name": "a", "config": dict(SOURCE)}),
    _until("a", "RUNNING/RUNNING"),
    *_read("a"),
    Step("post again", "POST", "/connectors", {"name": "a", "config": dict(SOURCE)}),
    Step("list", path="/connectors"),
    Step("list with slash", path="/connectors/"),
    Step("expand status", path="/connectors?expand=status"),
    Step("expand info", path="/connectors?expand=info"),
    Step("expand both", path="/connectors?expand=status&expand=info"),
    Step("expand unknown", path="/connectors?expand=zzz"),
    Step("expand unknown and info", path="/connectors?expand=zzz&expand=info"),
    Step("expand empty", path="/connectors?expand="),
    Step("expand joined", path="/connectors?expand=status,info"),
    Step("expand in capitals", path="/connectors?expand=STATUS"),
    Step("unknown query", path="/connectors/a?nothing=1&forward=true"),
    Step("head", "HEAD", "/connectors"),
    # Change.
    Step("put new", "PUT", "/connectors/b/config", {**SOURCE, "batch.size": 5, "odd.key": True}),
    _until("b", "RUNNING/RUNNING"),
    *_read("b"),
    Step("put again", "PUT", "/connectors/b/config", {**SOURCE, "batch.size": "6"}),
    _until("b", "RUNNING/RUNNING"),
    *_read("b"),
    Step("patch", "PATCH", "/connectors/b/config", {"batch.size": None, "client.id": "x"}),
    _until("b", "RUNNING/RUNNING"),
    Step("read patched", path="/connectors/b/config"),
    Step("patch nothing", "PATCH", "/connectors/b/config", {}),
    Step("patch unknown connector", "PATCH", "/connectors/none/config", {"a": "b"}),
    Step("patch to invalid", "PATCH", "/connectors/b/config", {"tasks.max": "0"}),
    Step("patch list", "PATCH", "/connectors/b/config", ["a"], message=False, ours=400, why="500"),
    _until("b", "RUNNING/RUNNING"),
    Step("put name differs", "PUT", "/connectors/b/config", {**SOURCE, "name": "z"}),
    Step("put name same", "PUT", "/connectors/b/config", {**SOURCE, "name": "b"}),
    _until("b", "RUNNING/RUNNING"),
    Step("sink", "PUT", "/connectors/s/config", {**SINK, "tasks.max": "1"}),
    _until("s", "RUNNING/RUNNING"),
    *_read("s"),
    # Pause, resume, stop, restart.
    Step("pause", "PUT", "/connectors/a/pause"),
    _until("a", "PAUSED/PAUSED"),
    Step("paused status", path="/connectors/a/status"),
    Step("pause again", "PUT", "/connectors/a/pause"),
    Step("resume", "PUT", "/connectors/a/resume"),
    _until("a", "RUNNING/RUNNING"),
    Step("stop", "PUT", "/connectors/a/stop"),
    _until("a", "STOPPED"),
    *_read("a"),
    Step("stop again", "PUT", "/connectors/a/stop"),
    Step("restart stopped", "POST", "/connectors/a/restart"),
    Step("put stopped", "PUT", "/connectors/a/config", {**SOURCE, "batch.size": "7"}),
    _until("a", "STOPPED"),
    Step("resume stopped", "PUT", "/connectors/a/resume"),
    _until("a", "RUNNING/RUNNING"),
    Step("pause with slash", "PUT", "/connectors/a/pause/"),
    _until("a", "PAUSED/PAUSED"),
    Step("resume with slash", "PUT", "/connectors/a/resume/"),
    _until("a", "RUNNING/RUNNING"),
    *[
        step
        for query in (
            "",
            "?includeTasks=false",
            "?includeTasks=true",
            "?includeTasks=True",
            "?includeTasks=TRUE&onlyFailed=False",
            "?includeTasks=1",
            "?includeTasks=",
            "?includeTasks",
            "?includeTasks=yes",
            "?includetasks=true",
            "?onlyFailed=true",
            "?includeTasks=true&onlyFailed=true",
        )
        for step in (
            Step(f"restart {query}", "POST", f"/connectors/a/restart{query}"),
            _until("a", "RUNNING/RUNNING"),
        )
    ],
    Step("restart task", "POST", "/connectors/a/tasks/0/restart"),
    _until("a", "RUNNING/RUNNING"),
    # Initial states.
    *[
        step
        for name, state, shown in (
            ("stopped", "STOPPED", "STOPPED"),
            ("stopped2", "stopped", "STOPPED"),
            ("paused", "PAUSED", "PAUSED"),
            ("running", "RUNNING", "RUNNING/RUNNING"),
        )
        for step in (
            Step(
                f"initial {state}",
                "POST",
                "/connectors",
                {"name": name, "initial_state": state, "config": dict(SOURCE)},
            ),
            _until(name, shown),
            Step(f"initial {state} status", path=f"/connectors/{name}/status"),
            Step(f"initial {state} deleted", "DELETE", f"/connectors/{name}"),
        )
    ],
    Step("ghost", "PUT", "/connectors/g/config", dict(SOURCE)),
    _until("g", "RUNNING/RUNNING"),
    Step("ghost stopped", "PUT", "/connectors/g/stop"),
    _until("g", "STOPPED"),
    Step("restart task of stopped", "POST", "/connectors/g/tasks/0/restart"),
    Step("restart task of none", "POST", "/connectors/g/tasks/-1/restart"),
    Step("delete ghost", "DELETE", "/connectors/g"),
    # Unknown connectors and tasks.
    *[
        Step(f"unknown: {method} {path}", method, f"/connectors/none{path}", body)
        for method, path, body in (
            ("GET", "", None),
            ("GET", "/config", None),
            ("GET", "/status", None),
            ("GET", "/tasks", None),
            ("GET", "/tasks/0/status", None),
            ("PUT", "/pause", None),
            ("PUT", "/resume", None),
            ("PUT", "/stop", None),
            ("POST", "/restart", None),
            ("POST", "/restart?includeTasks=true", None),
            ("POST", "/tasks/0/restart", None),
            ("DELETE", "", None),
        )
    ],
    *[
        Step(f"task {task}: {method} {end}", method, f"/connectors/a/tasks/{task}/{end}")
        for task in ("7", "abc", "99999999999", "0x0", "00")
        for method, end in (("GET", "status"), ("POST", "restart"))
        if task != "7" or method == "GET"
    ],
    _until("a", "RUNNING/RUNNING"),
    # Paths and methods.
    *[
        Step(f"{method} {path}", method, path, headers=headers)
        for method, path, headers in (
            ("GET", "/nothing", {}),
            ("GET", "/connectors/a/nothing", {}),
            ("GET", "/connectors/a/status/more", {}),
            ("DELETE", "/connectors", {}),
            ("PATCH", "/connectors", {}),
            ("POST", "/connectors/a", {}),
            ("PUT", "/connectors/a", {}),
            ("GET", "/connectors/a/pause", {}),
            ("POST", "/connectors/a/pause", {}),
            ("GET", "/connectors/a/restart", {}),
            ("DELETE", "/connectors/a/status", {}),
            ("POST", "/", {}),
            ("TRACE", "/connectors", {}),
            ("OPTIONS", "/connectors", {}),
            ("OPTIONS", "/connectors/a", {}),
            ("GET", "/connectors//a", {}),
            ("GET", "//connectors", {}),
            ("GET", "/connectors/a//status", {}),
            ("GET", "/connectors/%2E%2E", {}),
            ("GET", "/connectors/a%2Fb", {}),
            ("GET", "/connectors/%00", {}),
            ("GET", "/connectors/%zz", {}),
            ("GET", "/connectors/%ff", {}),
            ("GET", "/connectors/a%0Ab", {}),
            ("GET", "/connectors/a%20b", {}),
            ("GET", "/connectors/a;x=1", {}),
            ("GET", "/connectors/x/../a", {}),
        )
    ],
    # Media types.
    *[
        Step(
            f"{method} as {media}",
            method,
            path,
            json.dumps(dict(body)).encode(),
            headers={"Content-Type": media} if media else {},
        )
        for media in ("text/plain", "application/xml", "application/json; charset=utf-8", "")
        for method, path, body in (
            ("POST", "/connectors", {"name": "m", "config": dict(SOURCE)}),
            ("DELETE", "/connectors/m", {}),
        )
    ],
    Step("accept json", path="/connectors", headers={"Accept": "application/json"}),
    Step("accept anything", path="/connectors", headers={"Accept": "*/*"}),
    Step("accept text", path="/connectors", headers={"Accept": "text/plain"}),
    # Bodies that make no sense.
    _bad("post nothing", b""),
    _bad("post null", None if False else b"null"),
    _bad("post broken", b"{"),
    _bad("post list", b"[]"),
    _bad("post trailing", b'{"name":"t","config":{}} x'),
    _bad("post unknown field", {"name": "t", "config": {}, "more": 1}),
    _bad("post no config", {"name": "t"}),
    _bad("post config null", {"name": "t", "config": None}),
    _bad("post config list", {"name": "t", "config": []}),
    _bad("post value object", {"name": "t", "config": {**SOURCE, "a": {}}}),
    _bad("post value list", {"name": "t", "config": {**SOURCE, "a": [1]}}),
    _bad("post bad state", {"name": "t", "config": dict(SOURCE), "initial_state": "EXPLODED"}),
    _bad("post NaN", b'{"name":"t","config":{"a":NaN}}'),
    _bad("post bad utf-8", b'{"name":"\xff","config":{}}'),
    _bad("post value null", {"name": "t", "config": {**SOURCE, "a": None}}),
    Step("null value deleted", "DELETE", "/connectors/t"),
    _bad("post no name", {"config": dict(SOURCE)}, None),
    _bad("post empty name", {"name": "", "config": dict(SOURCE)}, None),
    _bad("post blank name", {"name": "  ", "config": dict(SOURCE)}, None),
    _bad("post control name", {"name": "a\nb", "config": dict(SOURCE)}, None),
    _bad("post name differs", {"name": "t", "config": {**SOURCE, "name": "u"}}, None),
    _bad("post no class", {"name": "t", "config": {"topic": "t"}}, None),
    _bad("post empty config", {"name": "t", "config": {}}, None),
    _bad("post unknown class", {"name": "t", "config": {"connector.class": "No"}}, None),
    _bad(
        "post no topic",
        {"name": "t", "config": {"connector.class": SOURCE["connector.class"]}},
        None,
    ),
    Step("put list", "PUT", "/connectors/t/config", b"[]", ours=400, message=False),
    Step("put nothing", "PUT", "/connectors/t/config", b"", ours=400, message=False),
    Step("put null value", "PUT", "/connectors/b/config", {**SOURCE, "a": None}, message=False),
    Step("put invalid", "PUT", "/connectors/b/config", {**SOURCE, "tasks.max": "none"}),
    Step(
        "duplicate keys",
        "POST",
        "/connectors",
        b'{"name":"d1","name":"d","config":{"connector.class":"%s","topic":"rest-x","file":"@in.txt"}}'
        % SOURCE["connector.class"].encode(),
    ),
    Step("duplicate deleted", "DELETE", "/connectors/d"),
    Step("number name", "POST", "/connectors", {"name": 5, "config": dict(SOURCE)}),
    _until("5", "RUNNING/RUNNING"),
    Step("number name deleted", "DELETE", "/connectors/5"),
    # Plugins.
    Step("plugins", path="/connector-plugins", compare="plugins"),
    Step("all plugins", path="/connector-plugins?connectorsOnly=false", compare="plugins"),
    *[
        Step(f"keys of {plugin}", path=f"/connector-plugins/{plugin}/config", compare="keys")
        for plugin in (
            SOURCE["connector.class"],
            SINK["connector.class"],
            "FileStreamSource",
            "FileStreamSourceConnector",
            "org.apache.kafka.connect.json.JsonConverter",
            "org.apache.kafka.connect.transforms.InsertField$Value",
            "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
        )
    ],
    Step("keys of unknown plugin", path="/connector-plugins/No/config", message=False),
    *[
        Step(
            f"validate {name}",
            "PUT",
            f"/connector-plugins/{plugin}/config/validate",
            config,
            compare="infos",
            message=False,
        )
        for name, plugin, config in (
            ("good", "FileStreamSource", {"name": "v", **SOURCE}),
            ("good by class", SOURCE["connector.class"], {"name": "v", **SOURCE}),
            ("sink", "FileStreamSinkConnector", {"name": "v", **SINK}),
            (
                "no topic",
                "FileStreamSource",
                {"name": "v", "connector.class": SOURCE["connector.class"]},
            ),
            ("no name", "FileStreamSource", dict(SOURCE)),
            ("tasks.max 0", "FileStreamSource", {"name": "v", **SOURCE, "tasks.max": "0"}),
            ("tasks.max x", "FileStreamSource", {"name": "v", **SOURCE, "tasks.max": "x"}),
            ("batch.size 0", "FileStreamSource", {"name": "v", **SOURCE, "batch.size": "0"}),
            ("batch.size x", "FileStreamSource", {"name": "v", **SOURCE, "batch.size": "x"}),
            (
                "no such converter",
                "FileStreamSource",
                {"name": "v", **SOURCE, "value.converter": "No"},
            ),
            (
                "json converter",
                "FileStreamSource",
                {
                    "name": "v",
                    **SOURCE,
                    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
                    "value.converter.schemas.enable": "false",
                },
            ),
            (
                "bad tolerance",
                "FileStreamSource",
                {"name": "v", **SOURCE, "errors.tolerance": "some"},
            ),
            ("sink both topics", "FileStreamSink", {"name": "v", **SINK, "topics.regex": "a.*"}),
            (
                "sink no topics",
                "FileStreamSink",
                {"name": "v", "connector.class": SINK["connector.class"]},
            ),
            (
                "sink bad regex",
                "FileStreamSink",
                {"name": "v", "connector.class": SINK["connector.class"], "topics.regex": "("},
            ),
            (
                "transform",
                "FileStreamSource",
                {
                    "name": "v",
                    **SOURCE,
                    "transforms": "h",
                    "transforms.h.type": "org.apache.kafka.connect.transforms.HoistField$Value",
                    "transforms.h.field": "f",
                },
            ),
            (
                "transform without key",
                "FileStreamSource",
                {
                    "name": "v",
                    **SOURCE,
                    "transforms": "h",
                    "transforms.h.type": "org.apache.kafka.connect.transforms.HoistField$Value",
                },
            ),
            (
                "transform without type",
                "FileStreamSource",
                {"name": "v", **SOURCE, "transforms": "h"},
            ),
            (
                "transform unknown",
                "FileStreamSource",
                {"name": "v", **SOURCE, "transforms": "h", "transforms.h.type": "No"},
            ),
            (
                "transform twice",
                "FileStreamSource",
                {
                    "name": "v",
                    **SOURCE,
                    "transforms": "h,h",
                    "transforms.h.type": "org.apache.kafka.connect.transforms.HoistField$Value",
                    "transforms.h.field": "f",
                },
            ),
            (
                "predicate unknown",
                "FileStreamSource",
                {
                    "name": "v",
                    **SOURCE,
                    "transforms": "h",
                    "transforms.h.type": "org.apache.kafka.connect.transforms.HoistField$Value",
                    "transforms.h.field": "f",
                    "transforms.h.predicate": "p",
                },
            ),
            (
                "predicate",
                "FileStreamSource",
                {
                    "name": "v",
                    **SOURCE,
                    "transforms": "h",
                    "transforms.h.type": "org.apache.kafka.connect.transforms.HoistField$Value",
                    "transforms.h.field": "f",
                    "transforms.h.predicate": "p",
                    "predicates": "p",
                    "predicates.p.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
                    "predicates.p.pattern": "a",
                },
            ),
            (
                "topic creation",
                "FileStreamSource",
                {
                    "name": "v",
                    **SOURCE,
                    "topic.creation.default.partitions": "1",
                    "topic.creation.default.replication.factor": "1",
                },
            ),
            ("null value", "FileStreamSource", {"name": "v", **SOURCE, "batch.size": None}),
            ("other class", "FileStreamSink", {"name": "v", **SOURCE}),
            ("no class", "FileStreamSource", {"name": "v"}),
            ("unknown class", "No", {"name": "v", "connector.class": "No"}),
            ("list", "FileStreamSource", ["x"]),
        )
    ],
    # Delete.
    *[Step(f"delete {name}", "DELETE", f"/connectors/{name}") for name in "abs"],
    Step("delete again", "DELETE", "/connectors/a"),
    Step("list at the end", path="/connectors"),
]


@attrs.frozen
class Got:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        try:
            return json.loads(self.text) if self.text else None
        except ValueError:
            return self.text


def tell(url: str, side: str, folder: Path) -> dict[str, Got]:
    """Hold the conversation with one worker."""
    got: dict[str, Got] = {}
    fill = {
        "@in.txt": str(folder / "in.txt"),
        "@out.txt": str(folder / f"{side}.txt"),
        "@side": side,
    }

    def filled(text: str) -> str:
        for mark, value in fill.items():
            text = text.replace(mark, value)
        return text

    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:

        def send(step: Step) -> httpx.Response:
            body, headers = step.body, dict(step.headers)
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
            if body is not None and "Content-Type" not in headers and not step.name.endswith(" as "):
                headers["Content-Type"] = "application/json"
            content = None if body is None else filled(body.decode("latin-1")).encode("latin-1")
            # raw: the client must not tidy up the path.
            target = httpx.URL(url).copy_with(raw_path=step.path.encode())
            return client.request(step.method, target, content=content, headers=headers)

        for number, step in enumerate(STEPS):
            if step.until:
                try:
                    eventually(
                        lambda s=step: states(send(s)) == s.until, 20, f"{side}: {step.name}"
                    )  # type: ignore[misc]
                except AssertionError as problem:
                    got[f"{number:03d} {step.name}"] = Got(0, {}, f"{problem} {send(step).text}")
                continue
            answer = send(step)
            text = answer.text
            for mark, value in fill.items():
                text = text.replace(value, mark)
            got[f"{number:03d} {step.name}"] = Got(answer.status_code, dict(answer.headers), text)
    return got


def states(answer: httpx.Response) -> str:
    if answer.status_code != 200:
        return ""
    status = answer.json()
    return "/".join(one["state"] for one in (status["connector"], *status["tasks"]))
