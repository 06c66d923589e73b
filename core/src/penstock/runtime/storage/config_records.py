"""The records of the config topic: from bytes to what they say, and back. Pure.

Keys are plain text, values JSON without schema, both exactly as Kafka Connect writes them. Anyone
who may write to the topic can write anything: what cannot be understood becomes an
:class:`Unreadable`, never an exception. (source: KafkaConfigBackingStore)
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.runtime.model import TargetState, TaskId

__all__ = [
    "NAME_BYTES_MAX",
    "TASKS_MAX",
    "ConfigRecord",
    "ConnectorConfig",
    "Encoded",
    "LoggerLevel",
    "RestartRequest",
    "SessionKey",
    "TargetStateSet",
    "TaskCommit",
    "TaskConfig",
    "TaskFencing",
    "Unreadable",
    "encode",
    "parse",
    "writing",
]

Encoded = tuple[bytes, bytes | None]
"""Key and value of one record."""
_Members = tuple[str, Mapping[str, Any] | None]

NAME_BYTES_MAX: Final = 8_000
"""Longest connector name; past 32,767 bytes the group protocol could not say it."""
TASKS_MAX: Final = 100_000
"""Most tasks of one connector that a commit may name."""

_CONNECTOR: Final = "connector-"
_TARGET: Final = "target-state-"
_TASK: Final = "task-"
_COMMIT: Final = "commit-"
_FENCING: Final = "tasks-fencing-"
_RESTART: Final = "restart-connector-"
_LOGGER: Final = "logger-cluster-"
_SESSION_KEY: Final = "session-key"


@attrs.frozen
class ConnectorConfig:
    """``connector-NAME``: the connector's configuration; None deletes it."""

    name: str
    config: Mapping[str, str] | None


@attrs.frozen
class TargetStateSet:
    """``target-state-NAME``: what the connector should be; None goes back to STARTED."""

    name: str
    target: TargetState | None


@attrs.frozen
class TaskConfig:
    """``task-NAME-N``: one task's configuration, held back until its commit."""

    task: TaskId
    config: Mapping[str, str]


@attrs.frozen
class TaskCommit:
    """``commit-NAME``: the task configurations before it are a whole of ``tasks``."""

    name: str
    tasks: int


@attrs.frozen
class TaskFencing:
    """``tasks-fencing-NAME``: producers of up to ``tasks`` older tasks are fenced."""

    name: str
    tasks: int


@attrs.frozen
class SessionKey:
    """``session-key``: signs what workers ask of each other."""

    key: bytes = attrs.field(repr=False)
    algorithm: str
    created_ms: int


@attrs.frozen
class RestartRequest:
    """``restart-connector-NAME``: restart the connector, its tasks too, or what failed only."""

    name: str
    include_tasks: bool
    only_failed: bool


@attrs.frozen
class LoggerLevel:
    """``logger-cluster-NAMESPACE``: the level of a logger on every worker."""

    logger: str
    level: str


@attrs.frozen
class Unreadable:
    """A record that says nothing: its key (shortened) and why. It is reported and left alone.

    One that is not even JSON does not count for the offset that workers agree on: the original
    stays before it, and would wait for ever for a worker that says that it is further.
    """

    key: str
    reason: str
    is_json: bool = True


ConfigRecord = (
    ConnectorConfig
    | TargetStateSet
    | TaskConfig
    | TaskCommit
    | TaskFencing
    | SessionKey
    | RestartRequest
    | LoggerLevel
    | Unreadable
)


def writing(record: ConfigRecord) -> str:
    """Return what a worker does when it writes this record, in the original's words."""
    what = "records"
    if isinstance(record, TaskConfig | TaskCommit):
        name = record.task.connector if isinstance(record, TaskConfig) else record.name
        return f"writing task configs for connector {name} to the config topic"
    if isinstance(record, ConnectorConfig):
        verb = "removing the" if record.config is None else "writing a"
        end = "from" if record.config is None else "to"
        return f"{verb} config for connector {record.name} {end} the config topic"
    if isinstance(record, TargetStateSet):
        what = f"the target state for connector {record.name}"
    elif isinstance(record, TaskFencing):
        what = f"a task count record for connector {record.name}"
    elif isinstance(record, RestartRequest):
        what = f"restart request for connector {record.name}"
    elif isinstance(record, SessionKey):
        what = "a new session key"
    return f"writing {what} to the config topic"


class _WrongError(ValueError):
    """Why a record cannot be understood."""


def parse(key: bytes | None, value: bytes | None) -> ConfigRecord:
    """Return what a record says; never raises."""
    value = value or None  # an empty value is a null one, as in the original
    try:
        name = (key or b"").decode()
    except UnicodeDecodeError:
        return Unreadable(repr((key or b"")[:80]), "the key is not UTF-8", _is_json(value))
    try:
        for prefix, read in _READERS:
            if name.startswith(prefix) and (prefix != _SESSION_KEY or name == prefix):
                return read(_named(name[len(prefix) :], prefix), value)
        raise _WrongError("unknown kind of key")
    except _WrongError as wrong:
        return Unreadable(name[:80], str(wrong), _is_json(value))


def _is_json(value: bytes | None) -> bool:
    try:
        json.loads(b"null" if value is None else value)
    except (ValueError, RecursionError):
        return False
    return True


def _named(name: str, prefix: str) -> str:
    if len(name.encode()) > NAME_BYTES_MAX:
        raise _WrongError(f"the name is longer than {NAME_BYTES_MAX} bytes")
    if not name and prefix != _SESSION_KEY:
        raise _WrongError("the key has no name after its prefix")
    return name


def _members(value: bytes | None) -> dict[str, Any]:
    if value is None:
        raise _WrongError("the value is null, an object was expected")
    try:
        found = json.loads(value)
    except (ValueError, RecursionError) as problem:
        raise _WrongError(f"the value is not JSON: {str(problem)[:120]}") from problem
    if not isinstance(found, dict):
        raise _WrongError(f"the value is {type(found).__name__}, an object was expected")
    return found


def _properties(value: bytes | None) -> Mapping[str, str]:
    found = _members(value).get("properties")
    if not isinstance(found, dict):
        raise _WrongError(f"'properties' is {type(found).__name__}, an object was expected")
    for name, one in found.items():
        if one is not None and not isinstance(one, str):
            raise _WrongError(f"property '{name}' is {type(one).__name__}, a text was expected")
    return {name: one for name, one in found.items() if one is not None}


def _count(value: bytes | None, member: str) -> int:
    found = _members(value).get(member)
    if type(found) is not int:
        raise _WrongError(f"'{member}' is {type(found).__name__}, a whole number was expected")
    if not 0 <= found <= TASKS_MAX:
        raise _WrongError(f"'{member}' is {found}, it must be from 0 to {TASKS_MAX}")
    return found


def _connector(name: str, value: bytes | None) -> ConfigRecord:
    return ConnectorConfig(name, None if value is None else _properties(value))


def _target(name: str, value: bytes | None) -> ConfigRecord:
    if value is None:
        return TargetStateSet(name, None)
    members = _members(value)
    # Older workers know no STOPPED: it is PAUSED to them, and told in a member of its own.
    newer = members.get("state.v2")
    text = newer if isinstance(newer, str) else members.get("state")
    try:
        return TargetStateSet(name, TargetState(text))
    except ValueError as problem:
        raise _WrongError(f"the state is {str(text)[:40]!r}, none that is known") from problem


def _task(name: str, value: bytes | None) -> ConfigRecord:
    connector, dash, number = name.rpartition("-")
    if not dash or not connector or not (number.isascii() and number.isdigit()):
        raise _WrongError("the key does not end with a task's number")
    if int(number[:7]) >= TASKS_MAX:
        raise _WrongError(f"the task's number is {TASKS_MAX} or more")
    return TaskConfig(TaskId(connector, int(number)), _properties(value))


def _commit(name: str, value: bytes | None) -> ConfigRecord:
    return TaskCommit(name, _count(value, "tasks"))


def _fencing(name: str, value: bytes | None) -> ConfigRecord:
    return TaskFencing(name, _count(value, "task-count"))


def _session_key(name: str, value: bytes | None) -> ConfigRecord:
    members = _members(value)
    text, algorithm = members.get("key"), members.get("algorithm")
    created_ms = members.get("creation-timestamp")
    if not isinstance(text, str) or not isinstance(algorithm, str) or type(created_ms) is not int:
        raise _WrongError(
            "'key', 'algorithm' and 'creation-timestamp' must be text, text and number"
        )
    try:
        return SessionKey(base64.b64decode(text, validate=True), algorithm, created_ms)
    except binascii.Error as problem:
        raise _WrongError("'key' is not base64") from problem


def _restart(name: str, value: bytes | None) -> ConfigRecord:
    members = _members(value)
    return RestartRequest(
        name, members.get("include-tasks") is True, members.get("only-failed") is True
    )


def _logger(name: str, value: bytes | None) -> ConfigRecord:
    level = _members(value).get("level")
    if not isinstance(level, str):
        raise _WrongError(f"'level' is {type(level).__name__}, a text was expected")
    return LoggerLevel(name, level)


# In the original's order; the first prefix that fits decides.
_READERS: Final[Sequence[tuple[str, Callable[[str, bytes | None], ConfigRecord]]]] = (
    (_TARGET, _target),
    (_CONNECTOR, _connector),
    (_TASK, _task),
    (_COMMIT, _commit),
    (_RESTART, _restart),
    (_FENCING, _fencing),
    (_SESSION_KEY, _session_key),
    (_LOGGER, _logger),
)


def encode(record: ConfigRecord) -> Encoded:
    """Return a record's key and value as Kafka Connect writes them.

    Raises:
        TypeError: for an Unreadable, which nobody writes.
    """
    write = _WRITERS.get(type(record))
    if write is None:
        raise TypeError(f"{type(record).__name__} is never written")
    key, value = write(record)
    return key.encode(), None if value is None else _json(value)


def _write_target(record: TargetStateSet) -> _Members:
    key, target = f"{_TARGET}{record.name}", record.target
    if target is None:
        return key, None
    old = TargetState.PAUSED if target is TargetState.STOPPED else target
    return key, {"state": old.value, "state.v2": target.value}


def _write_connector(record: ConnectorConfig) -> _Members:
    config = record.config
    return f"{_CONNECTOR}{record.name}", None if config is None else {"properties": dict(config)}


def _write_session_key(record: SessionKey) -> _Members:
    text = base64.b64encode(record.key).decode()
    return _SESSION_KEY, {
        "key": text,
        "algorithm": record.algorithm,
        "creation-timestamp": record.created_ms,
    }


_WRITERS: Final[Mapping[type[Any], Callable[[Any], _Members]]] = {
    ConnectorConfig: _write_connector,
    TargetStateSet: _write_target,
    TaskConfig: lambda one: (f"{_TASK}{one.task}", {"properties": dict(one.config)}),
    TaskCommit: lambda one: (f"{_COMMIT}{one.name}", {"tasks": one.tasks}),
    TaskFencing: lambda one: (f"{_FENCING}{one.name}", {"task-count": one.tasks}),
    SessionKey: _write_session_key,
    RestartRequest: lambda one: (
        f"{_RESTART}{one.name}",
        {"include-tasks": one.include_tasks, "only-failed": one.only_failed},
    ),
    LoggerLevel: lambda one: (f"{_LOGGER}{one.logger}", {"level": one.level}),
}


def _json(members: Mapping[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()
