"""The same requests to the original's worker and to ours, on one broker: status, body, headers.

``STEPS`` is a conversation, held with both workers in order. Where ours answers otherwise on
purpose, ``DIFFERENT`` and ``ERRORS`` say so with the reason; any other difference is a failure.
What may differ everywhere, ``plain`` takes out: versions, addresses, Python's class names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import httpx
import pytest

from tests.parts.broker import KafkaBroker
from tests.parts.jvm_connect import JvmConnectWorker
from tests.workers import STRING, eventually, worker

pytestmark = pytest.mark.integration

FILE = "org.apache.kafka.connect.file.FileStream"
RUNNING = "RUNNING/RUNNING"
HOIST = "org.apache.kafka.connect.transforms.HoistField$Value"
TOPIC_MATCHES = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches"
JSON = "org.apache.kafka.connect.json.JsonConverter"
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
V_SOURCE = {"name": "v", **SOURCE}
V_SINK = {"name": "v", **SINK}


@attrs.frozen
class Step:
    """One request; or with ``until`` the wait for a connector's and its tasks' states.

    ``body`` None sends none. ``compare`` names how the bodies are compared.
    """

    name: str
    method: str = "GET"
    path: str = "/"
    body: Any = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    until: str = ""
    compare: str = "body"


def _until(name: str, states: str) -> Step:
    return Step(f"{name} is {states}", path=f"/connectors/{name}/status", until=states)


def _changed(name: str, text: str) -> list[Step]:
    """Wait until the tasks have a new configuration, and run."""
    path = f"/connectors/{name}/tasks"
    return [Step(f"tasks of {name} have {text}", path=path, until=text), _until(name, RUNNING)]


def _read(name: str, when: str) -> list[Step]:
    """Read everything there is of a connector."""
    parts = ("", "/config", "/status", "/tasks", "/tasks/0/status", "/")
    return [Step(f"{when}: read {name}{part}", path=f"/connectors/{name}{part}") for part in parts]


def _bad(name: str, body: Any) -> Step:
    return Step(name, "POST", "/connectors", body)


STEPS = [
    Step("root", path="/"),
    Step("health", path="/health"),
    Step("no connectors", path="/connectors"),
    Step("no connectors expanded", path="/connectors?expand=status&expand=info"),
    # Create.
    Step("post", "POST", "/connectors", {"name": "a", "config": dict(SOURCE)}),
    _until("a", RUNNING),
    *_read("a", "created"),
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
    _until("b", RUNNING),
    *_read("b", "created by put"),
    Step("put again", "PUT", "/connectors/b/config", {**SOURCE, "batch.size": "6"}),
    *_changed("b", '"batch.size":"6"'),
    *_read("b", "changed"),
    Step("patch", "PATCH", "/connectors/b/config", {"batch.size": None, "client.id": "x"}),
    *_changed("b", '"client.id":"x"'),
    Step("read patched", path="/connectors/b/config"),
    Step("patch nothing", "PATCH", "/connectors/b/config", {}),
    Step("patch unknown connector", "PATCH", "/connectors/none/config", {"a": "b"}),
    Step("patch to invalid", "PATCH", "/connectors/b/config", {"tasks.max": "0"}),
    Step("patch list", "PATCH", "/connectors/b/config", ["a"]),
    _until("b", RUNNING),
    Step("put name differs", "PUT", "/connectors/b/config", {**SOURCE, "name": "z"}),
    Step("put name same", "PUT", "/connectors/b/config", {**SOURCE, "name": "b"}),
    _until("b", RUNNING),
    Step("sink", "PUT", "/connectors/s/config", {**SINK, "tasks.max": "1"}),
    _until("s", RUNNING),
    *_read("s", "created"),
    # Pause, resume, stop, restart.
    Step("pause", "PUT", "/connectors/a/pause"),
    _until("a", "PAUSED/PAUSED"),
    Step("paused status", path="/connectors/a/status"),
    Step("pause again", "PUT", "/connectors/a/pause"),
    Step("resume", "PUT", "/connectors/a/resume"),
    _until("a", RUNNING),
    Step("stop", "PUT", "/connectors/a/stop"),
    _until("a", "STOPPED"),
    *_read("a", "stopped"),
    Step("stop again", "PUT", "/connectors/a/stop"),
    Step("restart stopped", "POST", "/connectors/a/restart"),
    Step("put stopped", "PUT", "/connectors/a/config", {**SOURCE, "batch.size": "7"}),
    _until("a", "STOPPED"),
    Step("resume stopped", "PUT", "/connectors/a/resume"),
    _until("a", RUNNING),
    Step("pause with slash", "PUT", "/connectors/a/pause/"),
    _until("a", "PAUSED/PAUSED"),
    Step("resume with slash", "PUT", "/connectors/a/resume/"),
    _until("a", RUNNING),
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
            _until("a", RUNNING),
        )
    ],
    Step("restart task", "POST", "/connectors/a/tasks/0/restart"),
    _until("a", RUNNING),
    # Initial states.
    *[
        step
        for name, state, shown in (
            ("stopped", "STOPPED", "STOPPED"),
            ("stopped2", "stopped", "STOPPED"),
            ("paused", "PAUSED", "PAUSED"),
            ("running", "RUNNING", RUNNING),
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
    _until("g", RUNNING),
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
    _until("a", RUNNING),
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
    _bad("post null", b"null"),
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
    _bad("post no name", {"config": dict(SOURCE)}),
    _bad("post empty name", {"name": "", "config": dict(SOURCE)}),
    _bad("post blank name", {"name": "  ", "config": dict(SOURCE)}),
    _bad("post control name", {"name": "a\nb", "config": dict(SOURCE)}),
    _bad("post name differs", {"name": "t", "config": {**SOURCE, "name": "u"}}),
    _bad("post no class", {"name": "t", "config": {"topic": "t"}}),
    _bad("post empty config", {"name": "t", "config": {}}),
    _bad("post unknown class", {"name": "t", "config": {"connector.class": "No"}}),
    _bad("post no topic", {"name": "t", "config": {"connector.class": f"{FILE}SourceConnector"}}),
    Step("put list", "PUT", "/connectors/t/config", b"[]"),
    Step("put nothing", "PUT", "/connectors/t/config", b""),
    Step("put null value", "PUT", "/connectors/b/config", {**SOURCE, "a": None}),
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
    _until("5", RUNNING),
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
    Step("keys of unknown plugin", path="/connector-plugins/No/config"),
    *[
        Step(
            f"validate {name}",
            "PUT",
            f"/connector-plugins/{plugin}/config/validate",
            config,
            compare="infos",
        )
        for name, plugin, config in (
            ("good", "FileStreamSource", V_SOURCE),
            ("good by class", SOURCE["connector.class"], V_SOURCE),
            ("sink", "FileStreamSinkConnector", V_SINK),
            (
                "no topic",
                "FileStreamSource",
                {"name": "v", "connector.class": f"{FILE}SourceConnector"},
            ),
            ("no name", "FileStreamSource", dict(SOURCE)),
            ("tasks.max 0", "FileStreamSource", {**V_SOURCE, "tasks.max": "0"}),
            ("tasks.max x", "FileStreamSource", {**V_SOURCE, "tasks.max": "x"}),
            ("batch.size 0", "FileStreamSource", {**V_SOURCE, "batch.size": "0"}),
            ("batch.size x", "FileStreamSource", {**V_SOURCE, "batch.size": "x"}),
            (
                "no such converter",
                "FileStreamSource",
                {**V_SOURCE, "value.converter": "No"},
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
                {**V_SOURCE, "errors.tolerance": "some"},
            ),
            ("sink both topics", "FileStreamSink", {**V_SINK, "topics.regex": "a.*"}),
            (
                "sink no topics",
                "FileStreamSink",
                {"name": "v", "connector.class": f"{FILE}SinkConnector"},
            ),
            (
                "sink bad regex",
                "FileStreamSink",
                {"name": "v", "connector.class": f"{FILE}SinkConnector", "topics.regex": "("},
            ),
            (
                "transform",
                "FileStreamSource",
                {
                    "name": "v",
                    **SOURCE,
                    "transforms": "h",
                    "transforms.h.type": HOIST,
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
                    "transforms.h.type": HOIST,
                },
            ),
            (
                "transform without type",
                "FileStreamSource",
                {**V_SOURCE, "transforms": "h"},
            ),
            (
                "transform unknown",
                "FileStreamSource",
                {**V_SOURCE, "transforms": "h", "transforms.h.type": "No"},
            ),
            (
                "transform twice",
                "FileStreamSource",
                {
                    "name": "v",
                    **SOURCE,
                    "transforms": "h,h",
                    "transforms.h.type": HOIST,
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
                    "transforms.h.type": HOIST,
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
                    "transforms.h.type": HOIST,
                    "transforms.h.field": "f",
                    "transforms.h.predicate": "p",
                    "predicates": "p",
                    "predicates.p.type": TOPIC_MATCHES,
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
            ("null value", "FileStreamSource", {**V_SOURCE, "batch.size": None}),
            ("other class", "FileStreamSink", V_SOURCE),
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

NONSENSE = "a request that makes no sense is the client's error, not the server's"
UNKNOWN = "an unknown connector is 404 wherever it is named"
WORDS = "the same in other words"
NAMES = "a name may hold any printable character, encoded"
DIFFERENT: Mapping[str, tuple[int, int, str]] = {
    **dict.fromkeys(
        (
            "patch list",
            "post nothing",
            "post null",
            "post broken",
            "post list",
            "post trailing",
            "post unknown field",
            "post no config",
            "post config null",
            "post config list",
            "post value object",
            "post value list",
            "post bad state",
            "post NaN",
            "post bad utf-8",
            "put list",
            "put nothing",
            "validate no class",
            "validate unknown class",
            "validate list",
        ),
        (500, 400, NONSENSE),
    ),
    "unknown: PUT /stop": (500, 404, UNKNOWN),
    "unknown: POST /restart": (500, 404, UNKNOWN),
    "unknown: POST /tasks/0/restart": (500, 404, UNKNOWN),
    "unknown: PUT /pause": (404, 404, WORDS),
    "unknown: PUT /resume": (404, 404, WORDS),
    "unknown: POST /restart?includeTasks=true": (404, 404, WORDS),
    "restart task of stopped": (404, 404, WORDS),
    "restart task of none": (404, 404, WORDS),
    "task 99999999999: GET status": (404, 404, "says which task"),
    "task 99999999999: POST restart": (404, 404, "says which task"),
    "post value null": (400, 400, "names the key"),
    "put null value": (400, 400, "names the key"),
    "post control name": (400, 400, WORDS),
    "post no class": (400, 400, "says what to set, and shows no other value"),
    "post empty config": (400, 400, "says what to set, and shows no other value"),
    "post unknown class": (400, 400, "lists plugins by the names that are given to them"),
    "put invalid": (400, 400, "one problem of one value is told once"),
    "GET /connectors/%2E%2E": (400, 404, NAMES),
    "GET /connectors/a%2Fb": (400, 404, NAMES),
    "GET /connectors/a;x=1": (200, 404, NAMES),
    "DELETE as text/plain": (415, 404, "a request without a body is of no media type"),
    "DELETE as application/xml": (415, 404, "a request without a body is of no media type"),
    "accept text": (406, 200, "there is only JSON, whatever is asked for"),
}
"""By step: the original's status, ours and the reason; then only ``error_code`` is compared."""

ERRORS: Mapping[str, tuple[set[str], set[str], str]] = {
    "validate batch.size 0": (set(), {"batch.size"}, "a poll of no records never ends"),
    "validate predicate unknown": (
        set(),
        {"transforms.h.predicate"},
        "the original accepts it, and the task fails",
    ),
    "validate null value": (set(), {"batch.size"}, "the original refuses it only on create"),
    "validate sink both topics": (
        {"topics", "topics.regex"},
        {"topics"},
        "one mistake is told once",
    ),
    "validate sink no topics": ({"topics", "topics.regex"}, {"topics"}, "one mistake is told once"),
}
"""By step of validate: the keys with errors, the original's and ours, and the reason."""

SAME_OF_KEY = ("name", "type", "required", "importance", "group")
"""What a key's definition has in common; the documentation and labels are our own."""

OTHER_KEYS: Mapping[tuple[str, str], str] = {
    ("converter.type", "required"): "the worker always sets it, nobody has to give it",
    ("value.converter.converter.type", "required"): "likewise",
}


@attrs.frozen
class Got:
    """An answer, with this side's own paths taken out of it."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text) if self.text else None


def hold(url: str, side: str, folder: Path) -> dict[str, Got]:
    """Hold the conversation with one worker and return its answers by step."""
    marks = {
        "@in.txt": str(folder / "in.txt"),
        "@out.txt": str(folder / f"{side}.txt"),
        "@topic": f"rest-{side}",
    }
    got: dict[str, Got] = {}
    # A worker may end a connection after a refusal: each request has its own.
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(timeout=30, trust_env=False, limits=limits) as client:
        for step in STEPS:
            if step.until:
                what = f"{side}: {step.name}"
                eventually(lambda s=step: came(s, send(client, url, s, marks)), 20, what)  # type: ignore[misc]
                continue
            answer = send(client, url, step, marks)
            text = answer.text
            for mark, value in marks.items():
                text = text.replace(value, mark)
            assert step.name not in got, step.name
            got[step.name] = Got(answer.status_code, dict(answer.headers), text)
    return got


def send(client: httpx.Client, url: str, step: Step, marks: Mapping[str, str]) -> httpx.Response:
    body, headers = step.body, dict(step.headers)
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if body is not None:
        for mark, value in marks.items():
            body = body.replace(mark.encode(), value.encode())
        if not step.name.endswith(" as "):
            headers.setdefault("Content-Type", "application/json")
    # The raw path: the client must not tidy it up.
    target = httpx.URL(url).copy_with(raw_path=step.path.encode())
    return client.request(step.method, target, content=body, headers=headers)


def came(step: Step, answer: httpx.Response) -> bool:
    """Tell whether what a step waits for is there."""
    if answer.status_code != httpx.codes.OK:
        return False
    if step.path.endswith("/tasks"):
        return step.until in answer.text
    status = answer.json()
    parts = (status["connector"], *status["tasks"])
    return "/".join(one["state"] for one in parts) == step.until


def plain(value: Any) -> Any:
    """Return a body without what is each worker's own."""
    if isinstance(value, dict):
        own = {"version", "commit", "worker_id"}
        kept = {key: "..." if key in own else plain(one) for key, one in value.items()}
        if "task.class" in kept:
            kept["task.class"] = kept["task.class"].rpartition(".")[2]
        return kept
    return [plain(one) for one in value] if isinstance(value, list) else value


def created(step: Step, body: Any) -> Any:
    """Return the answer to a create or change without its tasks: ours start after it.

    The original's distributed worker answers as ours does.
    """
    if step.method in ("POST", "PUT", "PATCH") and isinstance(body, dict) and "tasks" in body:
        return {**body, "tasks": "..."}
    return body


@pytest.fixture(scope="module")
def answers(
    kafka_broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, Got], dict[str, Got]]]:
    """Give the answers of both workers, the original's first."""
    folder = tmp_path_factory.mktemp("rest")
    (folder / "in.txt").write_text("a\n")
    converters = {"key.converter": STRING, "value.converter": STRING}
    with (
        JvmConnectWorker(kafka_broker.bootstrap_servers, properties=converters) as original,
        worker(kafka_broker.bootstrap_servers, folder) as ours,
        ThreadPoolExecutor(2) as pool,
    ):
        both = [
            pool.submit(hold, original.rest_url, "original", folder),
            pool.submit(hold, ours.url, "ours", folder),
        ]
        yield both[0].result(), both[1].result()


BY_NAME = {step.name: step for step in STEPS if not step.until}


def of_compare(*kinds: str) -> list[str]:
    return [name for name, step in BY_NAME.items() if step.compare in kinds]


@pytest.mark.parametrize("name", BY_NAME)
def test_status_is_the_same_or_better_with_a_reason(
    answers: tuple[dict[str, Got], dict[str, Got]], name: str
) -> None:
    theirs, ours = answers[0][name], answers[1][name]
    if name in DIFFERENT:
        assert (theirs.status, ours.status) == DIFFERENT[name][:2], (theirs.text, ours.text)
    else:
        assert ours.status == theirs.status, (theirs.text, ours.text)
    if ours.status >= httpx.codes.BAD_REQUEST and BY_NAME[name].method != "HEAD":
        body = ours.body
        assert list(body) == ["error_code", "message"]
        assert body["error_code"] == ours.status
        assert body["message"]


@pytest.mark.parametrize("name", of_compare("body"))
def test_body_is_the_same(answers: tuple[dict[str, Got], dict[str, Got]], name: str) -> None:
    theirs, ours = answers[0][name], answers[1][name]
    if name in DIFFERENT or theirs.text.startswith("<html>"):
        return  # its statuses are compared; the HTTP server's own pages are HTML
    if BY_NAME[name].method == "OPTIONS":
        assert sorted(ours.text.split(",")) == sorted(theirs.text.replace(" ", "").split(","))
        return
    step = BY_NAME[name]
    assert created(step, plain(ours.body)) == created(step, plain(theirs.body))


@pytest.mark.parametrize("name", BY_NAME)
def test_headers_are_the_same(answers: tuple[dict[str, Got], dict[str, Got]], name: str) -> None:
    theirs, ours = (one[name].headers for one in answers)
    if name in DIFFERENT or answers[0][name].status >= httpx.codes.BAD_REQUEST:
        # The original's 405 names no methods, and its errors often no type.
        assert ("allow" in ours) == (answers[1][name].status == httpx.codes.METHOD_NOT_ALLOWED)
        return
    kind = [one.get("content-type", "").partition(";")[0] for one in (theirs, ours)]
    assert kind[0] == kind[1]
    # The original's is absolute, made of the Host that was asked; both are good.
    assert urlsplit(theirs.get("location", "")).path == ours.get("location", "")
    allow = [sorted(one.get("allow", "").split(",")) for one in (theirs, ours)]
    assert allow[0] == allow[1]


@pytest.mark.parametrize("name", of_compare("plugins"))
def test_plugins_have_the_same_shape_and_are_theirs(
    answers: tuple[dict[str, Got], dict[str, Got]], name: str
) -> None:
    theirs, ours = (one[name].body for one in answers)
    assert {tuple(one) for one in ours} == {tuple(one) for one in theirs}
    kinds = [(one["class"], one["type"]) for one in theirs]
    known = [one for one in kinds if one in [(o["class"], o["type"]) for o in ours]]
    # Ours that the original has too come in its order; both connectors are among them.
    assert [(o["class"], o["type"]) for o in ours if (o["class"], o["type"]) in kinds] == known
    assert set(kinds[:2]) <= set(known)


def check_definitions(theirs: list[dict[str, Any]], ours: list[dict[str, Any]]) -> None:
    mine = {one["name"]: one for one in ours}
    for one in theirs:
        other = mine.get(one["name"])
        assert other is not None, f"{one['name']} is missing"
        assert set(one) == set(other)
        for part in SAME_OF_KEY:
            if (one["name"], part) not in OTHER_KEYS:
                assert other[part] == one[part], (one["name"], part)


@pytest.mark.parametrize("name", of_compare("keys"))
def test_keys_of_a_plugin_are_the_same(
    answers: tuple[dict[str, Got], dict[str, Got]], name: str
) -> None:
    theirs, ours = answers[0][name], answers[1][name]
    if theirs.status == httpx.codes.OK:
        check_definitions(theirs.body, ours.body)


@pytest.mark.parametrize("name", of_compare("infos"))
def test_validation_is_the_same(answers: tuple[dict[str, Got], dict[str, Got]], name: str) -> None:
    theirs, ours = answers[0][name].body, answers[1][name].body
    if "configs" not in theirs:
        return  # refused; the statuses are compared
    assert list(ours) == list(theirs)
    assert ours["name"] == theirs["name"]
    assert sorted(ours["groups"]) == sorted(theirs["groups"])
    check_definitions(*([one["definition"] for one in side["configs"]] for side in (theirs, ours)))
    failing = [
        {one["value"]["name"] for one in side["configs"] if one["value"]["errors"]}
        for side in (theirs, ours)
    ]
    if name in ERRORS:
        assert failing == list(ERRORS[name][:2])
    else:
        assert failing[0] == failing[1]
    assert ours["error_count"] == sum(len(one["value"]["errors"]) for one in ours["configs"])
    given = BY_NAME[name].body
    mine = {one["value"]["name"]: one["value"] for one in ours["configs"]}
    for one in (other["value"] for other in theirs["configs"]):
        assert set(mine[one["name"]]) == set(one)
        if one["name"] in given and one["name"] not in failing[0] | failing[1]:
            assert mine[one["name"]]["value"] == one["value"]


def test_every_difference_is_one_of_a_step() -> None:
    assert set(DIFFERENT) | set(ERRORS) <= set(BY_NAME)
