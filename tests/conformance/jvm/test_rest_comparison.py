"""The conversation of ``test_rest``, and more, with one worker of a cluster each: theirs and ours.

What may differ is told by step with the reason; any other difference in status, headers or body
fails.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conformance.jvm import test_rest as alone
from tests.conformance.jvm.test_rest import SINK, SOURCE, Got, Step, plain, send
from tests.parts.broker import KafkaBroker
from tests.parts.jvm_connect import JvmConnectWorker
from tests.workers import STRING, cluster, eventually

pytestmark = pytest.mark.integration

REBALANCE_S: Final = 30.0
OFFSETS_S: Final = 40.0
RUNNING = alone.RUNNING
DAY_MS: Final = 86_400_000
PARTITION: Final = {"filename": "@in.txt"}
OWN_SINK: Final = {**SINK, "consumer.override.group.id": "@topic-group"}
"""Both workers are on one broker, where a group of one name is one group."""


def _until(name: str, states: str) -> Step:
    return Step(f"{name} is {states}", path=f"/connectors/{name}/status", until=states)


def _has(path: str, text: str) -> Step:
    """Wait until an answer holds a text."""
    return Step(f"{path} has {text}", path=path, until=text, compare="text")


def _offsets(name: str, body: Any, *, connector: str = "o") -> Step:
    raw = body if isinstance(body, bytes) else json.dumps({"offsets": body}).encode()
    return Step(f"offsets: {name}", "PATCH", f"/connectors/{connector}/offsets", raw)


OFFSETS = [
    Step("offsets: create", "PUT", "/connectors/o/config", {**SOURCE, "tasks.max": 1}),
    _until("o", RUNNING),
    _has("/connectors/o/offsets", '"position":2'),
    Step("offsets: read", path="/connectors/o/offsets"),
    _offsets("running", [{"partition": PARTITION, "offset": {"position": 0}}]),
    Step("offsets: reset running", "DELETE", "/connectors/o/offsets"),
    Step("offsets: pause", "PUT", "/connectors/o/pause"),
    _until("o", "PAUSED/PAUSED"),
    _offsets("paused", [{"partition": PARTITION, "offset": {"position": 0}}]),
    Step("offsets: reset paused", "DELETE", "/connectors/o/offsets"),
    Step("offsets: stop", "PUT", "/connectors/o/stop"),
    _until("o", "STOPPED"),
    Step("offsets: read stopped", path="/connectors/o/offsets"),
    _offsets("nothing", b""),
    _offsets("null", b"null"),
    _offsets("no list", b"{}"),
    _offsets("null list", b'{"offsets":null}'),
    _offsets("empty list", []),
    _offsets("list of texts", ["a"]),
    _offsets("unknown field", b'{"offsets":[{"partition":{"filename":"x"},"other":1}]}'),
    _offsets("unknown field beside", b'{"offsets":[],"other":1}'),
    _offsets("null partition", [{"partition": None, "offset": {"position": 0}}]),
    _offsets("no partition", [{"offset": {"position": 0}}]),
    _offsets("text for partition", [{"partition": "a", "offset": {"position": 0}}]),
    _offsets("text for offset", [{"partition": PARTITION, "offset": "a"}]),
    _offsets("text for position", [{"partition": PARTITION, "offset": {"position": "a"}}]),
    _offsets("negative position", [{"partition": PARTITION, "offset": {"position": -1}}]),
    _offsets("no position", [{"partition": PARTITION, "offset": {"other": 1}}]),
    _offsets("other partition", [{"partition": {"table": "a"}, "offset": {"position": 0}}]),
    _offsets("alter", [{"partition": PARTITION, "offset": {"position": 1}}]),
    Step("offsets: read altered", path="/connectors/o/offsets"),
    _offsets("forget", [{"partition": PARTITION, "offset": None}]),
    Step("offsets: read forgotten", path="/connectors/o/offsets"),
    Step("offsets: reset", "DELETE", "/connectors/o/offsets"),
    Step("offsets: reset again", "DELETE", "/connectors/o/offsets"),
    Step("offsets: delete", "DELETE", "/connectors/o"),
    Step("offsets: unknown read", path="/connectors/none/offsets"),
    _offsets("unknown", [{"partition": {}, "offset": {}}], connector="none"),
    Step("offsets: unknown reset", "DELETE", "/connectors/none/offsets"),
    Step("offsets: put", "PUT", "/connectors/none/offsets", {}),
]

SINK_OFFSETS = [
    Step("sink offsets: create", "PUT", "/connectors/so/config", OWN_SINK),
    _until("so", RUNNING),
    _has("/connectors/so/offsets", '"kafka_offset":'),
    Step("sink offsets: stop", "PUT", "/connectors/so/stop"),
    _until("so", "STOPPED"),
    Step("sink offsets: read", path="/connectors/so/offsets", compare="sink"),
    *[
        _offsets(f"sink {name}", [{"partition": partition, "offset": offset}], connector="so")
        for name, partition, offset in (
            ("no topic", {"kafka_partition": 0}, {"kafka_offset": 1}),
            ("no number", {"kafka_topic": "@topic"}, {"kafka_offset": 1}),
            ("text number", {"kafka_topic": "@topic", "kafka_partition": "x"}, {"kafka_offset": 1}),
            ("text offset", {"kafka_topic": "@topic", "kafka_partition": 0}, {"kafka_offset": "x"}),
            ("negative", {"kafka_topic": "@topic", "kafka_partition": 0}, {"kafka_offset": -1}),
            ("no offset", {"kafka_topic": "@topic", "kafka_partition": 0}, {}),
            ("null", {"kafka_topic": "@topic", "kafka_partition": 0}, None),
            ("good", {"kafka_topic": "@topic", "kafka_partition": 0}, {"kafka_offset": 1}),
            ("as text", {"kafka_topic": "@topic", "kafka_partition": "0"}, {"kafka_offset": "2"}),
        )
    ],
    Step("sink offsets: read altered", path="/connectors/so/offsets"),
    Step("sink offsets: reset", "DELETE", "/connectors/so/offsets"),
    Step("sink offsets: read reset", path="/connectors/so/offsets"),
    Step("sink offsets: delete", "DELETE", "/connectors/so"),
]

TOPICS = [
    Step("topics: create", "PUT", "/connectors/t/config", dict(SOURCE)),
    _until("t", RUNNING),
    Step("topics: unknown", path="/connectors/none/topics"),
    Step("topics: reset unknown", "PUT", "/connectors/none/topics/reset"),
    Step("topics: create sink", "PUT", "/connectors/ts/config", OWN_SINK),
    _until("ts", RUNNING),
    _has("/connectors/ts/topics", "@topic"),
    Step("topics: of a sink", path="/connectors/ts/topics"),
    Step("topics: reset", "PUT", "/connectors/ts/topics/reset"),
    _has("/connectors/ts/topics", '"topics":[]'),
    Step("topics: after reset", path="/connectors/ts/topics"),
    Step("topics: reset with slash", "PUT", "/connectors/ts/topics/reset/"),
    Step("topics: get reset", path="/connectors/ts/topics/reset"),
    Step("topics: post", "POST", "/connectors/ts/topics"),
    Step("topics: delete", "DELETE", "/connectors/t"),
    Step("topics: delete sink", "DELETE", "/connectors/ts"),
]


def _logger(name: str, body: Any, query: str = "") -> Step:
    return Step(f"logger: {name}", "PUT", f"/admin/loggers/rest.comparison{query}", body)


LOGGERS = [
    Step("loggers", path="/admin/loggers", compare="loggers"),
    Step("loggers with slash", path="/admin/loggers/", compare="loggers"),
    Step("logger: unknown", path="/admin/loggers/no.such"),
    _logger("set", {"level": "DEBUG"}),
    Step("logger: read", path="/admin/loggers/rest.comparison", compare="logger"),
    _logger("set in small letters", {"level": "warn"}),
    _logger("unknown level", {"level": "SHOUT"}),
    _logger("null level", {"level": None}),
    _logger("no level", {}),
    _logger("number level", {"level": 5}),
    _logger("nothing", b""),
    _logger("null", b"null"),
    _logger("list", ["DEBUG"]),
    _logger("unknown scope", {"level": "INFO"}, "?scope=galaxy"),
    _logger("worker scope", {"level": "ERROR"}, "?scope=worker"),
    _logger("cluster scope", {"level": "INFO"}, "?scope=cluster"),
    _logger("cluster scope in capitals", {"level": "INFO"}, "?scope=CLUSTER"),
    _logger("cluster scope of an unknown level", {"level": "SHOUT"}, "?scope=cluster"),
    _logger("cluster scope without level", {}, "?scope=cluster"),
    Step("logger: delete", "DELETE", "/admin/loggers/rest.comparison"),
    Step("logger: post", "POST", "/admin/loggers", {}),
]

NAMED = ("a b", "é😀", "a?b#c", "a:b", "a+b", "a&b=c", "'q'", '"q"', "<b>", "x" * 249, "~.-_*")


def _names() -> Iterator[Step]:
    for name in NAMED:
        label = "name " + name[:6]
        path = "".join(f"%{byte:02X}" for byte in name.encode())
        body = {"name": name, "config": {**SOURCE, "file": "@in.txt"}, "initial_state": "STOPPED"}
        yield Step(f"{label}: post", "POST", "/connectors", body)
        yield Step(f"{label}: read", path=f"/connectors/{path}")
        yield Step(f"{label}: list", path="/connectors")
        yield Step(f"{label}: delete", "DELETE", f"/connectors/{path}")
        yield Step(f"{label}: gone", path=f"/connectors/{path}")


OTHERS = [
    Step("tasks-config", path="/connectors/o/tasks-config"),
    Step("tasks by post", "POST", "/connectors/none/tasks", []),
    Step("fence", "PUT", "/connectors/none/fence"),
    Step("fence by get", path="/connectors/none/fence"),
    Step("tasks by put", "PUT", "/connectors/none/tasks", []),
    *[
        Step(f"slash: {path}", path=path)
        for path in ("/health/", "/connectors/none/", "/connectors/none/status/")
    ],
    Step("slash: post", "POST", "/connectors/", {"name": "sl", "config": dict(SOURCE)}),
    Step("slash: delete", "DELETE", "/connectors/sl/"),
    Step(
        "form", "POST", "/connectors", b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}
    ),
    Step(
        "form put",
        "PUT",
        "/connectors/f/config",
        b"a=b",
        {"Content-Type": "application/x-www-form-urlencoded"},
    ),
    Step("get with type", path="/connectors", headers={"Content-Type": "application/json"}),
    Step(
        "pause with type",
        "PUT",
        "/connectors/none/pause",
        headers={"Content-Type": "application/json"},
    ),
    Step(
        "plugin config with version",
        path="/connector-plugins/FileStreamSource/config?version=latest",
        compare="keys",
    ),
    Step(
        "plugin config with bad version",
        path="/connector-plugins/FileStreamSource/config?version=zzz",
    ),
    Step(
        "plugin config with no such version",
        path="/connector-plugins/FileStreamSource/config?version=99.0",
    ),
    Step("plugins in capitals", path="/connector-plugins?connectorsOnly=FALSE", compare="plugins"),
    Step("plugins with nonsense", path="/connector-plugins?connectorsOnly=zzz", compare="plugins"),
    Step("plugins with nothing", path="/connector-plugins?connectorsOnly=", compare="plugins"),
    Step("json text", "PUT", "/connector-plugins/FileStreamSource/config/validate", b'"{}"'),
    Step("patch name", "PATCH", "/connectors/none/config", {"name": "other"}),
]

STEPS = [*alone.STEPS[:-1], *OFFSETS, *SINK_OFFSETS, *TOPICS, *LOGGERS, *_names(), *OTHERS]

NONSENSE = alone.NONSENSE
WORDS = alone.WORDS
GOT = "says what was got"
AS_ORIGINAL: Final = {
    "unknown: PUT /stop",
    "unknown: PUT /pause",
    "unknown: PUT /resume",
    "unknown: POST /restart",
    "unknown: POST /restart?includeTasks=true",
    "unknown: POST /tasks/0/restart",
}
"""Differences from the original's standalone worker that there are none of in a cluster."""
DIFFERENT: Mapping[str, tuple[int, int, str]] = {
    **{name: one for name, one in alone.DIFFERENT.items() if name not in AS_ORIGINAL},
    **dict.fromkeys(
        (
            "offsets: nothing",
            "offsets: null",
            "offsets: list of texts",
            "offsets: unknown field",
            "offsets: unknown field beside",
            "offsets: null partition",
            "offsets: no partition",
            "offsets: text for partition",
            "offsets: text for offset",
            "offsets: sink negative",
            "logger: nothing",
            "logger: null",
            "logger: list",
            "json text",
        ),
        (500, 400, NONSENSE),
    ),
    "offsets: text for position": (500, 400, NONSENSE),
    "offsets: no position": (500, 400, NONSENSE),
    "offsets: other partition": (500, 400, NONSENSE),
    "offsets: negative position": (500, 400, NONSENSE),
    **dict.fromkeys(
        (
            "offsets: sink no topic",
            "offsets: sink no number",
            "offsets: sink text number",
            "offsets: sink text offset",
            "offsets: sink no offset",
        ),
        (400, 400, GOT),
    ),
    "plugin config with bad version": (400, 400, "the versions there are, are our own"),
    "plugin config with no such version": (400, 400, "likewise"),
    "restart task of stopped": (409, 404, "a task that is not there stays so; 409 says try again"),
}
"""By step: the original's status, ours and the reason; then only ``error_code`` is compared."""


def hold(url: str, side: str, folder: Path, steps: list[Step]) -> dict[str, Got]:
    """Hold the conversation with one worker and return its answers by step."""
    marks = {
        "@in.txt": str(folder / "in.txt"),
        "@out.txt": str(folder / f"{side}.txt"),
        "@topic": f"rest-{side}",
    }
    got: dict[str, Got] = {}
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(timeout=60, trust_env=False, limits=limits) as client:
        for step in steps:
            if step.until:
                await_step(client, url, step, marks, f"{side}: {step.name}")
                continue
            answer = settled(client, url, step, marks)
            text = answer.text
            for mark, value in marks.items():
                text = text.replace(value, mark)
            assert step.name not in got, step.name
            got[step.name] = Got(answer.status_code, dict(answer.headers), text)
    return got


def await_step(
    client: httpx.Client, url: str, step: Step, marks: Mapping[str, str], what: str
) -> None:
    """Wait until the worker shows what a step waits for."""
    wanted = step.until
    for mark, value in marks.items():
        wanted = wanted.replace(mark, value)

    def came() -> bool:
        answer = send(client, url, step, marks)
        if step.compare == "text":
            return wanted in answer.text
        return alone.came(step, answer)

    eventually(came, OFFSETS_S, what)


def settled(client: httpx.Client, url: str, step: Step, marks: Mapping[str, str]) -> httpx.Response:
    """Send a request, again while the group shares anew: that is no answer of the contract's."""
    until = time.monotonic() + REBALANCE_S
    while True:
        answer = send(client, url, step, marks)
        busy = answer.status_code in (httpx.codes.CONFLICT, httpx.codes.INTERNAL_SERVER_ERROR)
        shares = busy and "rebalance" in answer.text
        # Of the restart before: nothing has failed that this one could restart.
        restarts = "onlyFailed=true" in step.path and "RESTARTING" in answer.text
        if not (shares or restarts) or time.monotonic() > until:
            return answer
        time.sleep(0.2)


@pytest.fixture(scope="module")
def answers(
    kafka_broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, Got], dict[str, Got]]]:
    """Give the answers of both workers, the original's first."""
    folder = tmp_path_factory.mktemp("rest")
    (folder / "in.txt").write_text("a\n")
    bootstrap = kafka_broker.bootstrap_servers
    settings = {
        "key.converter": STRING,
        "value.converter": STRING,
        "offset.flush.interval.ms": "500",
    }
    with (
        JvmConnectWorker(bootstrap, mode="distributed", properties=settings) as original,
        cluster(bootstrap, folder, f"rest-{uuid.uuid4().hex[:8]}", 1) as (ours,),
        ThreadPoolExecutor(2) as pool,
    ):
        both = [
            pool.submit(hold, original.rest_url, "original", folder, STEPS),
            pool.submit(hold, ours.url, "ours", folder, STEPS),
        ]
        yield both[0].result(), both[1].result()


BY_NAME = {step.name: step for step in STEPS if not step.until}


@pytest.mark.parametrize("name", BY_NAME)
def test_answer_is_the_same_or_better_with_a_reason(
    answers: tuple[dict[str, Got], dict[str, Got]], name: str
) -> None:
    step, (theirs, ours) = BY_NAME[name], (one[name] for one in answers)
    if ours.status >= httpx.codes.BAD_REQUEST and step.method != "HEAD":
        assert list(ours.body) == ["error_code", "message"]
        assert ours.body["error_code"] == ours.status
        assert ours.body["message"]
    if name in DIFFERENT:
        assert (theirs.status, ours.status) == DIFFERENT[name][:2], (theirs.text, ours.text)
        return
    assert ours.status == theirs.status, (theirs.text, ours.text)
    if ours.status < httpx.codes.BAD_REQUEST:
        check_headers(theirs.headers, ours.headers)
    if theirs.text.startswith("<html>"):
        return  # a page of the original's HTTP server
    if step.method == "OPTIONS":
        assert sorted(ours.text.split(",")) == sorted(theirs.text.replace(" ", "").split(","))
    elif step.compare in COMPARED:
        COMPARED[step.compare](answers, name)
    else:
        mine, own = (alone.created(step, plain(one.body)) for one in (ours, theirs))
        assert mine == own


def check_headers(theirs: Mapping[str, str], ours: Mapping[str, str]) -> None:
    """Check the headers that clients read."""
    kinds = [one.get("content-type", "").partition(";")[0] for one in (theirs, ours)]
    assert kinds[0] == kinds[1]
    # The original's is absolute, made of the Host that was asked; both are good.
    assert urlsplit(theirs.get("location", "")).path == ours.get("location", "")
    allow = [sorted(one.get("allow", "").replace(" ", "").split(",")) for one in (theirs, ours)]
    assert allow[0] == allow[1]


def check_loggers(answers: tuple[dict[str, Got], dict[str, Got]], name: str) -> None:
    """Check the shape: which loggers there are is each worker's own."""
    for one in answers:
        levels = one[name].body
        assert "root" in levels
        assert list(levels) == sorted(levels)
        assert {tuple(level) for level in levels.values()} == {("level", "last_modified")}


def check_logger(answers: tuple[dict[str, Got], dict[str, Got]], name: str) -> None:
    """Check one logger, whose time of change differs."""
    theirs, ours = (one[name].body for one in answers)
    assert list(ours) == list(theirs)
    assert ours["level"] == theirs["level"]
    assert abs(ours["last_modified"] - theirs["last_modified"]) < DAY_MS


def check_sink_offsets(answers: tuple[dict[str, Got], dict[str, Got]], name: str) -> None:
    """Check the shape: how many lines were read before the stop is each worker's own."""
    theirs, ours = (one[name].body["offsets"] for one in answers)
    assert [one["partition"] for one in ours] == [one["partition"] for one in theirs]
    assert {tuple(one["offset"]) for one in [*ours, *theirs]} == {("kafka_offset",)}


COMPARED: Final = {
    "sink": check_sink_offsets,
    "plugins": alone.test_plugins_have_the_same_shape_and_are_theirs,
    "keys": alone.test_keys_of_a_plugin_are_the_same,
    "infos": alone.test_validation_is_the_same,
    "loggers": check_loggers,
    "logger": check_logger,
}


def test_every_difference_is_one_of_a_step() -> None:
    assert set(DIFFERENT) <= set(BY_NAME)
