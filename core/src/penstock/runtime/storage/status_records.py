"""The records of the status topic, and the board they make. Pure.

(source: KafkaStatusBackingStore)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from penstock.runtime.model import State, TaskId

__all__ = [
    "Status",
    "StatusBoard",
    "StatusKey",
    "TopicUse",
    "TopicUseKey",
    "encode_status",
    "encode_topic_use",
    "parse_status",
]

_CONNECTOR: Final = "status-connector-"
_TASK: Final = "status-task-"
_TOPIC: Final = "status-topic-"
_TOPIC_BREAK: Final = ":connector-"

StatusKey = str | TaskId
"""A connector's name stands for its instance."""


@attrs.frozen
class Status:
    """What the owner said last. ``generation`` is that of its group membership.

    ``version`` is the plugin's; None where the writer told none.
    """

    state: State
    worker_id: str
    generation: int
    trace: str | None = None
    version: str | None = None


@attrs.frozen
class TopicUseKey:
    """A topic that a connector has used."""

    topic: str
    connector: str


@attrs.frozen
class TopicUse:
    """Which task used the topic first, and when (Unix ms)."""

    task: int
    discovered_ms: int


def encode_status(key: StatusKey, status: Status | None) -> tuple[bytes, bytes | None]:
    """Return key and value of a status record; None takes the status away."""
    prefix = _TASK if isinstance(key, TaskId) else _CONNECTOR
    text = f"{prefix}{key}".encode()
    if status is None or status.state is State.DESTROYED:
        return text, None
    members: dict[str, Any] = {
        "state": status.state.value,
        "trace": status.trace,
        "worker_id": status.worker_id,
        "generation": status.generation,
        "version": status.version,
    }
    return text, _json(members)


def encode_topic_use(key: TopicUseKey, use: TopicUse | None) -> tuple[bytes, bytes | None]:
    """Return key and value of a topic record; None forgets the use."""
    text = f"{_TOPIC}{key.topic}{_TOPIC_BREAK}{key.connector}".encode()
    if use is None:
        return text, None
    members = {
        "name": key.topic,
        "connector": key.connector,
        "task": use.task,
        "discoverTimestamp": use.discovered_ms,
    }
    return text, _json({"topic": members})


def _json(members: Mapping[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()


def parse_status(
    key: bytes | None, value: bytes | None
) -> tuple[StatusKey, Status | None] | tuple[TopicUseKey, TopicUse | None] | None:
    """Return what a record says; None for one that cannot be understood. Never raises."""
    try:
        name = (key or b"").decode()
        if name.startswith(_TASK):
            connector, _, number = name[len(_TASK) :].rpartition("-")
            return TaskId(connector, _number(number)), _status(value)
        if name.startswith(_CONNECTOR):
            name = name[len(_CONNECTOR) :]
            return (name, _status(value)) if name else None
        if name.startswith(_TOPIC):
            topic, found, connector = name[len(_TOPIC) :].partition(_TOPIC_BREAK)
            is_whole = bool(topic and found and connector)
            return (TopicUseKey(topic, connector), _topic_use(value)) if is_whole else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


def _status(value: bytes | None) -> Status | None:
    if value is None:
        return None
    members = json.loads(value)
    trace, version = members.get("trace"), members.get("version")
    if not isinstance(members["worker_id"], str) or type(members["generation"]) is not int:
        raise TypeError("worker_id and generation")
    if not all(one is None or isinstance(one, str) for one in (trace, version)):
        raise TypeError("trace and version")
    state = State(members["state"])
    return Status(state, members["worker_id"], members["generation"], trace, version)


def _topic_use(value: bytes | None) -> TopicUse | None:
    if value is None:
        return None
    members = json.loads(value)["topic"]
    return TopicUse(int(members["task"]), int(members["discoverTimestamp"]))


class StatusBoard:
    """The last status of everything. Owner: the herder's thread."""

    def __init__(self) -> None:
        self._connectors: dict[str, Status] = {}
        self._tasks: dict[str, dict[int, Status]] = {}
        self._topics: dict[str, dict[str, TopicUse]] = {}

    def connector(self, name: str) -> Status | None:
        """Return the status of a connector's instance."""
        return self._connectors.get(name)

    def tasks(self, name: str) -> dict[int, Status]:
        """Return the status of a connector's tasks, by number."""
        return dict(sorted(self._tasks.get(name, {}).items()))

    def get(self, key: StatusKey) -> Status | None:
        """Return the status of one connector instance or task."""
        if isinstance(key, TaskId):
            return self._tasks.get(key.connector, {}).get(key.task)
        return self._connectors.get(key)

    def topics(self, name: str) -> list[str]:
        """Return the topics that a connector has used."""
        return list(self._topics.get(name, {}))

    def names(self) -> set[str]:
        """Return every connector that something is known of."""
        return {*self._connectors, *self._tasks, *self._topics}

    def fold(self, key: bytes | None, value: bytes | None) -> bool:
        """Take a record; return False for one that cannot be understood, which is left alone."""
        parsed = parse_status(key, value)
        if parsed is None:
            return False
        name, told = parsed
        if isinstance(name, TopicUseKey):
            self.take_topic(name, told if isinstance(told, TopicUse) else None)
        else:
            self.take(name, told if isinstance(told, Status) else None)
        return True

    def take(self, key: StatusKey, status: Status | None) -> None:
        """Put a status on the board, unless it is news that came too late."""
        if isinstance(key, str):
            if status is None:
                self._connectors.pop(key, None)
            else:
                self._connectors[key] = status
            return
        tasks = self._tasks.setdefault(key.connector, {})
        if status is None:
            tasks.pop(key.task, None)
        elif not _is_late(tasks.get(key.task), status):
            tasks[key.task] = status
        if not tasks:
            del self._tasks[key.connector]

    def take_topic(self, key: TopicUseKey, use: TopicUse | None) -> None:
        """Note that a connector uses a topic; None forgets it."""
        topics = self._topics.setdefault(key.connector, {})
        if use is None:
            topics.pop(key.topic, None)
        else:
            topics[key.topic] = use
        if not topics:
            del self._topics[key.connector]

    def may_write(self, key: StatusKey, status: Status) -> bool:
        """Return whether a careful write, of UNASSIGNED or FAILED, still says something true.

        It does not when another worker of a later generation has spoken since.
        """
        known = self.get(key)
        return (
            known is None
            or known.worker_id == status.worker_id
            or known.generation <= status.generation
        )


def _is_late(known: Status | None, status: Status) -> bool:
    """Return whether an UNASSIGNED comes after the next owner said RUNNING."""
    return (
        known is not None
        and known.state is State.RUNNING
        and status.state is State.UNASSIGNED
        and known.worker_id != status.worker_id
        and status.generation <= known.generation
    )
