"""What the records of the status topic mean together, beside the Java class that reads them.

Java's store is given the records as if it read them from the topic: statuses of some generations
and workers, in any order, taken away, forgotten, and some that are garbage.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import jpype
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.runtime.model import TaskId
from penstock.runtime.stages import Stage
from penstock.runtime.storage.status_records import Status, StatusBoard, parse_status
from tests.conformance.jvm.javadata import text
from tests.parts.jvm_classes import java_class, java_map

pytestmark = pytest.mark.integration
STORAGE = "org.apache.kafka.connect.storage."
Written = tuple[str, bytes | None]
NAMES = st.sampled_from(["a", "b", "a-1", "a:connector-b"])
STATES = ["UNASSIGNED", "RUNNING", "PAUSED", "STOPPED", "FAILED", "RESTARTING", "DESTROYED"]


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def status_of(state: str, worker: str = "w:1", generation: int = 1, **more: Any) -> bytes:
    told = {"state": state, "trace": None, "worker_id": worker, "generation": generation, **more}
    return as_json(told)


STATUS = st.one_of(
    st.none(),
    st.builds(
        status_of,
        st.sampled_from(STATES),
        st.sampled_from(["w:1", "w:2"]),
        st.integers(0, 3),
        trace=st.sampled_from([None, "", "ü\nno"]),
        version=st.sampled_from([None, "1.0"]),
    ),
)
CONNECTOR = st.tuples(NAMES.map("status-connector-{}".format), STATUS)
TASK = st.tuples(st.builds("status-task-{}-{}".format, NAMES, st.integers(0, 2)), STATUS)


def topic_use(name: str, topic: str, task: int, ms: int) -> Written:
    told = {"name": topic, "connector": name, "task": task, "discoverTimestamp": ms}
    return f"status-topic-{topic}:connector-{name}", as_json({"topic": told})


USED = st.builds(
    topic_use,
    st.sampled_from(["a", "b", "a-1"]),
    st.sampled_from(["t", "t-1"]),
    st.integers(0, 2),
    st.integers(0, 2**62),
)
USE = st.one_of(USED, USED.map(lambda one: (one[0], None)))
GARBAGE = st.tuples(
    st.sampled_from(
        [
            "status-connector-a",
            "status-task-a-0",
            "status-topic-t:connector-a",
            "status-connector-",
            "status-task-a",
            "status-task-a-x",
            "status-task-1",
            "status-task-",
            "status-topic-t",
            "status-topic-:connector-a",
            "status-topic-t:connector-",
            "x",
            "",
        ]
    ),
    st.sampled_from(
        [
            b"{",
            b"[]",
            b"1",
            b"\xff",
            b'"x"',
            b"{}",
            b'{"topic":1}',
            b'{"state":"RUNNING"}',
            status_of("GONE"),
            status_of("running"),
            status_of("RUNNING", trace=1),
            status_of("RUNNING"),
            None,
        ]
    ),
)
TOPICS = st.lists(st.one_of(CONNECTOR, TASK, TASK, USE, GARBAGE), max_size=14)


class JavaStore:
    """A KafkaStatusBackingStore that reads what it is given."""

    def __init__(self) -> None:
        converter = java_class("org.apache.kafka.connect.json.JsonConverter")()
        converter.configure(java_map({"schemas.enable": "false"}), False)
        made = java_class(f"{STORAGE}KafkaStatusBackingStore")
        self._time = java_class("org.apache.kafka.common.utils.Time").SYSTEM
        admins = jpype.JProxy("java.util.function.Supplier", dict={"get": lambda: None})
        self._store = made(self._time, converter, admins, text("test-"))
        self._take = next(
            one for one in made.class_.getDeclaredMethods() if one.getName() == "read"
        )
        self._take.setAccessible(True)

    def read(self, offset: int, key: str, value: bytes | None) -> None:
        """Take a record as the topic's reader would give it."""
        data = None if value is None else jpype.JArray(jpype.JByte)(value)
        record = java_class("org.apache.kafka.clients.consumer.ConsumerRecord")
        self._take.invoke(self._store, [record("s", 0, offset, text(key), data)])

    def shown(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what is known of these connectors, in plain values."""
        return {
            name: {
                "connector": told(self._store.get(text(name))),
                "tasks": {
                    int(one.id().task()): told(one) for one in self._store.getAll(text(name))
                },
                "topics": sorted(str(one.topic()) for one in self._store.getAllTopics(text(name))),
            }
            for name in names
        }


def told(status: Any) -> Any:
    if status is None:
        return None
    trace, version = status.trace(), status.version()
    return (
        str(status.state().toString()),
        str(status.workerId()),
        int(status.generation()),
        None if trace is None else str(trace),
        None if version is None else str(version),
    )


def ours_told(status: Status | None) -> Any:
    if status is None:
        return None
    return (status.state.value, status.worker_id, status.generation, status.trace, status.version)


KNOWN = ["", "a", "b", "a-1", "a:connector-b", "a-x"]


def shown(board: StatusBoard) -> dict[str, Any]:
    return {
        name: {
            "connector": ours_told(board.connector(name)),
            "tasks": {number: ours_told(one) for number, one in board.tasks(name).items()},
            "topics": sorted(board.topics(name)),
        }
        for name in KNOWN
    }


def takes_its_own_back(board: StatusBoard, key: str, value: bytes | None) -> bool:
    """Whether a worker says UNASSIGNED of a task that it said was RUNNING."""
    read = parse_status(key.encode(), value)
    if read is None or not isinstance(read[0], TaskId) or not isinstance(read[1], Status):
        return False
    known, status = board.get(read[0]), read[1]
    return (
        known is not None
        and (known.state.value, status.state.value) == ("RUNNING", "UNASSIGNED")
        and known.worker_id == status.worker_id
    )


def take_along(board: StatusBoard, name: str) -> None:
    """Forget the tasks of a connector that is taken away."""
    for number in board.tasks(name):
        board.take(TaskId(name, number), None)


def compare(topic: Sequence[Written]) -> None:
    theirs, ours = JavaStore(), StatusBoard()
    for offset, (key, value) in enumerate(topic):
        if takes_its_own_back(ours, key, value):
            continue  # a difference; see the test of it
        if value is None and key.startswith("status-connector-"):
            take_along(ours, key.removeprefix("status-connector-"))  # likewise
        theirs.read(offset, key, value)
        ours.fold(key.encode(), value)
        assert shown(ours) == theirs.shown(KNOWN), topic[: offset + 1]


@settings(deadline=None, max_examples=150)
@given(topic=TOPICS)
@example(topic=[("status-connector-", status_of("RUNNING"))])
@example(topic=[("status-topic-:connector-a", topic_use("a", "t", 0, 1)[1])])
@example(topic=[("status-topic-t:connector-", topic_use("", "t", 0, 1)[1])])
def test_the_records_mean_what_java_reads_in_them(jvm: ModuleType, topic: list[Written]) -> None:
    compare(topic)


def test_a_worker_takes_its_own_running_back_which_java_ignores(jvm: ModuleType) -> None:
    theirs, ours = JavaStore(), StatusBoard()
    for offset, state in enumerate(("RUNNING", "UNASSIGNED")):
        theirs.read(offset, "status-task-a-0", status_of(state))
        ours.fold(b"status-task-a-0", status_of(state))
    assert theirs.shown(["a"])["a"]["tasks"][0][0] == "RUNNING"
    assert shown(ours)["a"]["tasks"][0][0] == "UNASSIGNED"


def test_each_tombstone_speaks_for_itself_where_javas_of_a_connector_takes_its_tasks_along(
    jvm: ModuleType,
) -> None:
    theirs, ours = JavaStore(), StatusBoard()
    records = [("status-task-a-0", status_of("RUNNING")), ("status-connector-a", None)]
    for offset, (key, value) in enumerate(records):
        theirs.read(offset, key, value)
        ours.fold(key.encode(), value)
    assert theirs.shown(["a"])["a"]["tasks"] == {}
    assert list(shown(ours)["a"]["tasks"]) == [0]


@pytest.mark.parametrize("ended", [None, 1_795_470_602_000])
def test_a_stage_reads_as_in_the_original(jvm: ModuleType, ended: int | None) -> None:
    java = java_class("org.apache.kafka.connect.util.Stage")(text("stopping c"), 1_795_470_601_023)
    if ended is not None:
        java.complete(ended)
    assert Stage("stopping c", 1_795_470_601_023, ended).summary() == str(java.summarize())
