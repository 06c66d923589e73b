"""What the worker and a host say to each other. Only control, status and figures: no records.

Commands go to the host, events come from it. On the wire a message is one JSON array
``[class name, {field: value}]`` in a length-prefixed frame; every field is plain JSON data. Pure.

A host runs exactly one of: a connector instance (:class:`StartConnector`), a task
(:class:`StartTask`) or one call (:class:`Call`). It is told to end with :class:`Stop`, or by the
end of its control channel: then the worker is gone and the host exits at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.errors import PenstockError

__all__ = [
    "Answer",
    "Call",
    "Command",
    "ConnectorReady",
    "Event",
    "Failed",
    "GuestCommand",
    "GuestEnded",
    "GuestEvent",
    "Lease",
    "LoadOffsets",
    "MakeTaskConfigs",
    "Message",
    "NeedsProcess",
    "OffsetsLoaded",
    "OffsetsStored",
    "Pause",
    "Paused",
    "Progress",
    "ReconfigurationRequested",
    "Resume",
    "Running",
    "SetLevel",
    "StartConnector",
    "StartTask",
    "Stop",
    "Stopped",
    "StoreOffsets",
    "TaskConfigsMade",
    "TopicsUsed",
    "ValuesExpire",
    "decode",
    "encode",
    "pack",
    "unpack",
]


class Message:
    """Base of all messages."""


class Command(Message):
    """From the worker to a host."""


class Event(Message):
    """From a host to the worker."""


@attrs.frozen
class StartConnector(Command):
    """Run a connector instance. ``paused``: make it, but do not call ``start`` yet.

    ``config`` is the connector's raw configuration, references not replaced; ``worker`` are the
    worker's properties.
    """

    connector: str
    config: Mapping[str, str]
    worker: Mapping[str, str]
    paused: bool = False


@attrs.frozen
class StartTask(Command):
    """Run a task. ``config`` is the task's, ``connector_config`` its connector's, both raw.

    ``exactly_once``: a source task, whose older instances are fenced, sends in transactions.
    """

    connector: str
    task: int
    config: Mapping[str, str]
    connector_config: Mapping[str, str]
    worker: Mapping[str, str]
    paused: bool = False
    exactly_once: bool = False


@attrs.frozen
class Call(Command):
    """Run one function of ``penstock.runtime.host.calls`` and answer; then the host ends.

    ``function`` is one of the names in that module's table; ``arguments`` its keyword arguments.
    """

    function: str
    arguments: Mapping[str, Any]


@attrs.frozen
class Pause(Command):
    """Stop moving records (task) or watching (connector); stay alive."""


@attrs.frozen
class Resume(Command):
    """Go on after :class:`Pause`."""


@attrs.frozen
class Stop(Command):
    """End in good order within ``timeout_ms``; after that the worker kills the host."""

    timeout_ms: int


@attrs.frozen
class SetLevel(Command):
    """Set the level of a logger and all below it, by the original's name of the level."""

    logger: str
    level: str


@attrs.frozen
class Lease(Command):
    """The group counts on this worker until a time, in seconds of this machine's monotonic clock.

    After it others may run the same task: nothing may be sent, put or stored before the next
    lease. A worker that is alone grants none, and its tasks need none.
    """

    until_s: float


@attrs.frozen
class MakeTaskConfigs(Command):
    """Ask a running connector for its task configurations."""

    max_tasks: int


@attrs.frozen
class OffsetsLoaded(Command):
    """Answers :class:`LoadOffsets`: one offset a partition, in order; ``error`` if it failed.

    ``keys`` are the keys of the partitions, as they are or would be stored.
    """

    request: int
    offsets: Sequence[Mapping[str, Any] | None]
    error: str | None = None
    keys: Sequence[str] = ()


@attrs.frozen
class OffsetsStored(Command):
    """Answers :class:`StoreOffsets`: stored durably, or ``error``."""

    request: int
    error: str | None = None


@attrs.frozen
class GuestCommand(Command):
    """A command for a guest of a host that several share, as :func:`pack` makes it.

    A :class:`StartConnector` or :class:`StartTask` brings the guest in; its number is never 0,
    which is the one that the host was started with.
    """

    guest: int
    message: Sequence[Any]


@attrs.frozen
class GuestEvent(Event):
    """An event of a guest."""

    guest: int
    message: Sequence[Any]


@attrs.frozen
class GuestEnded(Event):
    """A guest ended, with or without order, while others of its host go on."""

    guest: int


@attrs.frozen
class NeedsProcess(Event):
    """It can only live in a process that it shares with nobody, and takes no guests."""


@attrs.frozen
class Running(Event):
    """The connector or task runs now (also after a resume). ``version`` is the plugin's."""

    version: str | None = None


@attrs.frozen
class ConnectorReady(Event):
    """A connector instance was made: what it is. Sent once, before :class:`Running`."""

    type: str
    version: str


@attrs.frozen
class Paused(Event):
    """The connector or task moves nothing now."""


@attrs.frozen
class Stopped(Event):
    """Ended in good order; the process exits."""


@attrs.frozen
class Failed(Event):
    """It cannot go on. ``trace`` is for the status; ``reason`` is its last line, for a log.

    ``fenced``: another producer took its transactional id, or its transaction could not be ended;
    a new start may cure both.
    """

    reason: str
    trace: str
    fenced: bool = False


@attrs.frozen
class TaskConfigsMade(Event):
    """Answers :class:`MakeTaskConfigs`; ``error`` when the connector raised."""

    configs: Sequence[Mapping[str, str]]
    error: str | None = None


@attrs.frozen
class ReconfigurationRequested(Event):
    """The connector wants its task configurations asked for again."""


@attrs.frozen
class LoadOffsets(Event):
    """A source task asks for stored offsets.

    ``fresh``: with all that other workers stored until now; otherwise what is known is enough.
    """

    request: int
    partitions: Sequence[Mapping[str, Any]]
    fresh: bool = True


@attrs.frozen
class StoreOffsets(Event):
    """A source task asks to store offsets, as ``[partition, offset]`` pairs."""

    request: int
    offsets: Sequence[Sequence[Mapping[str, Any] | None]]


@attrs.frozen
class Progress(Event):
    """Figures of a task since it started, about once a second and at the end.

    ``records`` were polled (source) or read (sink); ``committed`` of them are stored by Kafka
    (source) or their offsets committed (sink), ``filtered`` of them dropped by transforms. Times
    are Unix ms, 0 for never.

    Attributes:
        paused_ms: time in pauses that are over; ``paused_since_ms`` is when the present one began.
        attributes: by the original's names of metrics; what is not known is left out.
        places: topic, partition, position and log end (None: not known) of a sink's partitions.
        about: names and versions of the classes, see ``runtime.metrics.fold``.
    """

    records: int
    committed: int
    bytes: int
    last_record_ms: int
    last_commit_ms: int
    errors: int = 0
    filtered: int = 0
    started_ms: int = 0
    paused_ms: int = 0
    paused_since_ms: int = 0
    attributes: Mapping[str, float] = attrs.field(factory=dict)
    places: Sequence[Sequence[Any]] = ()
    about: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class TopicsUsed(Event):
    """Topics that a task sent to or read from, each told once by a task."""

    topics: Sequence[str]


@attrs.frozen
class ValuesExpire(Event):
    """Values that config providers gave to this host live for so long; then it is to start anew."""

    ttl_ms: int


@attrs.frozen
class Answer(Event):
    """The result of a :class:`Call`: ``result`` is JSON data, or ``error`` tells why not.

    ``kind`` is the class name of the error, of ``penstock.errors`` when it is one of ours;
    ``problems`` are a ConfigError's, as ``[key, message]`` pairs.
    """

    result: Any = None
    error: str | None = None
    kind: str | None = None
    problems: Sequence[Sequence[str]] = ()


_CLASSES: Final[Mapping[str, type[Message]]] = {
    cls.__name__: cls for base in (Command, Event) for cls in base.__subclasses__()
}


def encode(message: Message) -> bytes:
    """Return the message as bytes."""
    return json.dumps(pack(message), default=_plain).encode()


def pack(message: Message) -> Sequence[Any]:
    """Return the message as its name and fields, for another message to carry."""
    names = attrs.fields_dict(type(message))  # type: ignore[arg-type]  # all are attrs classes
    return [type(message).__name__, {name: getattr(message, name) for name in names}]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"a message may hold JSON data only, got {type(value).__name__}")


def decode(data: bytes) -> Message:
    """Return the message of bytes; raises PenstockError when they are none."""
    try:
        return unpack(json.loads(data))
    except ValueError as problem:
        raise PenstockError(f"not a message between worker and host: {data[:200]!r}") from problem


def unpack(packed: Sequence[Any]) -> Message:
    """Return the message of its name and fields; raises PenstockError when they are none."""
    try:
        name, fields = packed
        return _CLASSES[name](**fields)
    except (ValueError, KeyError, TypeError) as problem:
        told = repr(packed)[:200]
        raise PenstockError(f"not a message between worker and host: {told}") from problem
