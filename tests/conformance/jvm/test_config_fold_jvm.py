"""What the records of the config topic mean together, beside the Java class that reads them.

Java's store is given the records by its callback, as if it read them from the topic. Connectors are
made, changed, deleted and made again; records are missing as after compaction; some are garbage.
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

from penstock.runtime.storage.config_fold import ConfigFold, ConfigSnapshot
from penstock.runtime.storage.config_records import ConnectorConfig, TaskCommit, parse
from tests.conformance.jvm.javadata import text
from tests.parts.jvm_classes import java_class, java_map

pytestmark = pytest.mark.integration
STORAGE = "org.apache.kafka.connect.storage."
DISTRIBUTED = "org.apache.kafka.connect.runtime.distributed."
Written = tuple[str, bytes | None]

NAMES = st.sampled_from(["a", "b", "a-1"])
CONFIGS = st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["", "1", "ü"]), max_size=2)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


CONNECTOR = st.tuples(
    NAMES.map("connector-{}".format),
    st.one_of(st.none(), CONFIGS.map(lambda c: as_json({"properties": c}))),
)
TASK = st.builds(
    lambda name, number, config: (f"task-{name}-{number}", as_json({"properties": config})),
    NAMES,
    st.integers(0, 3),
    CONFIGS,
)
COMMIT = st.builds(
    lambda name, count: (f"commit-{name}", as_json({"tasks": count})), NAMES, st.integers(0, 3)
)
TARGET = st.tuples(
    NAMES.map("target-state-{}".format),
    st.sampled_from(
        [
            None,
            as_json({"state": "STARTED"}),
            as_json({"state": "PAUSED"}),
            as_json({"state": "PAUSED", "state.v2": "STOPPED"}),
            as_json({"state": "GONE"}),
            as_json({"state": "STARTED", "state.v2": "GONE"}),
            as_json({"state": "PAUSED", "state.v2": 1}),
            as_json({"state": "PAUSED", "state.v2": ""}),
            b"",
        ]
    ),
)
FENCING = st.builds(
    lambda name, count: (f"tasks-fencing-{name}", as_json({"task-count": count})),
    NAMES,
    st.integers(0, 3),
)
KEY = st.builds(
    lambda key, ms: (
        "session-key",
        as_json({"key": key, "algorithm": "HmacSHA256", "creation-timestamp": ms}),
    ),
    st.sampled_from(["AAAA", "c2VjcmV0"]),
    st.integers(0, 2**62),
)
TOLD = st.sampled_from(
    [
        ("restart-connector-a", as_json({"include-tasks": True, "only-failed": False})),
        ("logger-cluster-root", as_json({"level": "DEBUG"})),
    ]
)
PREFIXES = ["connector-a", "task-a-0", "commit-a", "target-state-a", "tasks-fencing-a", "x", ""]
GARBAGE = st.tuples(
    st.sampled_from([*PREFIXES, "task-a", "task-a-x", "session-key"]),
    st.sampled_from(
        [b"", b"{", b"[]", b"1", b"\xff", b'"x"', b'{"properties":1}', b'{"properties":[]}']
    ),
).filter(
    lambda one: not (one[0].startswith(("commit", "tasks-f", "session")) and b"prop" in one[1])
)


@st.composite
def wholes(draw: st.DrawFn) -> list[Written]:
    """Return the records of one setting of tasks, of which compaction may have taken some."""
    name, count = draw(NAMES), draw(st.integers(0, 3))
    tasks = [(f"task-{name}-{n}", as_json({"properties": {"n": str(n)}})) for n in range(count)]
    kept = draw(st.sampled_from([tasks, tasks, tasks[1:]]))
    return [*kept, (f"commit-{name}", as_json({"tasks": count}))]


ONE = st.one_of(CONNECTOR, CONNECTOR, TASK, COMMIT, TARGET, FENCING, KEY, TOLD, GARBAGE)
TOPICS = st.lists(st.one_of(ONE.map(lambda one: [one]), wholes()), max_size=14).map(
    lambda found: [one for some in found for one in some]
)


class JavaStore:
    """A KafkaConfigBackingStore that reads what it is given."""

    def __init__(self) -> None:
        config = {
            "bootstrap.servers": "localhost:9",
            "group.id": "g",
            "config.storage.topic": "c",
            "offset.storage.topic": "o",
            "status.storage.topic": "s",
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        }
        worker = java_class(f"{DISTRIBUTED}DistributedConfig")(java_map(config))
        cluster_id = java_class("org.apache.kafka.connect.runtime.WorkerConfig").class_
        known = cluster_id.getDeclaredField("kafkaClusterId")
        known.setAccessible(True)
        known.set(worker, text("nowhere"))  # or it would ask a broker
        converter = java_class("org.apache.kafka.connect.json.JsonConverter")()
        converter.configure(java_map({"schemas.enable": "false"}), False)
        made = java_class(f"{STORAGE}KafkaConfigBackingStore")
        admins = jpype.JProxy("java.util.function.Supplier", dict={"get": lambda: None})
        self._store = made(converter, worker, None, admins, text("test-"))
        callback = java_class(f"{STORAGE}KafkaConfigBackingStore$ConsumeCallback").class_
        constructor = callback.getDeclaredConstructors()[0]
        constructor.setAccessible(True)
        self._callback = constructor.newInstance([self._store])
        self._take = next(
            one
            for one in callback.getDeclaredMethods()
            if one.getName() == "onCompletion" and not one.isBridge()
        )
        self._take.setAccessible(True)

    def read(self, offset: int, key: str, value: bytes | None) -> None:
        """Take a record as the topic's reader would give it."""
        data = None if value is None else jpype.JArray(jpype.JByte)(value)
        record = java_class("org.apache.kafka.clients.consumer.ConsumerRecord")
        self._take.invoke(self._callback, [None, record("c", 0, offset, text(key), data)])

    def shown(self) -> dict[str, Any]:
        """Return the state, in plain values."""
        state = self._store.snapshot()
        key = state.sessionKey()
        return {
            "offset": int(state.offset()),
            "key": None
            if key is None
            else (bytes(b & 0xFF for b in key.key().getEncoded()), int(key.creationTimestamp())),
            "connectors": {str(name): self._connector(state, name) for name in state.connectors()},
        }

    def _connector(self, state: Any, name: Any) -> dict[str, Any]:
        fenced = state.taskCountRecord(name)
        applied = state.appliedConnectorConfig(name)
        return {
            "config": plain(state.rawConnectorConfig(name)),
            "target": str(state.targetState(name).toString()),
            "tasks": [plain(state.rawTaskConfig(task)) for task in state.tasks(name)],
            "applied": None if applied is None else plain(applied),
            "fenced": None if fenced is None else int(fenced),
            "pending": bool(state.pendingFencing(name)),
            "inconsistent": bool(state.inconsistentConnectors().contains(name)),
        }


def plain(found: Any) -> dict[str, str]:
    return {str(one.getKey()): str(one.getValue()) for one in found.entrySet()}


def shown(state: ConfigSnapshot) -> dict[str, Any]:
    key = state.session_key
    return {
        "offset": state.offset,
        "key": None if key is None else (key.key, key.created_ms),
        "connectors": {
            name: {
                "config": dict(one.config),
                "target": one.target.value,
                "tasks": [dict(task) for task in one.tasks],
                "applied": None if one.applied is None else dict(one.applied),
                "fenced": one.fenced_tasks,
                "pending": one.pending_fencing,
                "inconsistent": one.inconsistent,
            }
            for name, one in state.connectors.items()
        },
    }


def compare(topic: Sequence[Written]) -> None:
    theirs, ours = JavaStore(), ConfigFold()
    reborn: set[str] = set()
    for offset, (key, value) in enumerate(topic):
        record = parse(key.encode(), value)
        theirs.read(offset, key, value)
        ours.fold(offset, record)
        if isinstance(record, ConnectorConfig) and record.config is None:
            reborn.add(record.name)
        if isinstance(record, TaskCommit) and record.name in ours.snapshot().connectors:
            reborn.discard(record.name)
        got, wanted = shown(ours.snapshot()), theirs.shown()
        for state in (got, wanted):
            for name in reborn & set(state["connectors"]):
                # Java goes on with the deleted one's, which mean nothing before there are tasks.
                del state["connectors"][name]["pending"], state["connectors"][name]["inconsistent"]
        assert got == wanted, topic[: offset + 1]


REDUCED = [
    ("connector-a", as_json({"properties": {"k": "1"}})),
    ("task-a-1", as_json({"properties": {"n": "1"}})),
    ("task-a-0", as_json({"properties": {"n": "0"}})),
    ("commit-a", as_json({"tasks": 1})),
]
"""Two tasks were set, then one; compaction took the first commit and the older task 0."""


@settings(deadline=None, max_examples=200)
@given(topic=TOPICS)
@example(topic=REDUCED)
def test_the_records_mean_what_java_reads_in_them(jvm: ModuleType, topic: list[Written]) -> None:
    compare(topic)


def test_a_connector_that_is_made_again_inherits_no_fault_of_the_deleted_one(
    jvm: ModuleType,
) -> None:
    made = ("connector-a", as_json({"properties": {}}))
    topic = [made, ("commit-a", as_json({"tasks": 2})), ("connector-a", None), made]
    theirs, ours = JavaStore(), ConfigFold()
    for offset, (key, value) in enumerate(topic):
        theirs.read(offset, key, value)
        ours.fold(offset, parse(key.encode(), value))
    java = theirs.shown()["connectors"]["a"]
    assert (java["inconsistent"], java["pending"]) == (True, True)
    found = ours.snapshot().connectors["a"]
    assert (found.inconsistent, found.pending_fencing) == (False, False)
