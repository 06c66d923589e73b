"""The bytes of Kafka Connect's group protocol: what a member offers, what the leader assigns.

Anyone who may join the group can send anything: what cannot be understood is a ProtocolError, and
nothing else. (source: ConnectProtocol, IncrementalCooperativeConnectProtocol)
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from penstock.errors import PenstockError
from penstock.runtime.model import TaskId

__all__ = [
    "CONNECTOR_TASK",
    "SUB_PROTOCOLS",
    "Allocation",
    "Assignment",
    "Offer",
    "ProtocolError",
    "decode_assignment",
    "decode_offer",
    "encode_assignment",
    "encode_offer",
    "offers",
]

CONNECTOR_TASK: Final = -1
"""Stands for the connector's instance among the numbers of its tasks."""
STRING_BYTES_MAX: Final = 32_767
ITEMS_MAX: Final = 1_000_000
CONFIG_MISMATCH: Final = 1

SUB_PROTOCOLS: Final[Mapping[str, Sequence[tuple[str, int]]]] = {
    "eager": [("default", 0)],
    "compatible": [("compatible", 1), ("default", 0)],
    "sessioned": [("sessioned", 2), ("compatible", 1), ("default", 0)],
}
"""``connect.protocol`` -> the sub-protocols that are offered, best first, with their versions."""


class ProtocolError(PenstockError):
    """Bytes of another member that are no message of this protocol."""


@attrs.frozen
class Allocation:
    """Connectors and tasks, as a share or as what is to be given up."""

    connectors: frozenset[str] = frozenset()
    tasks: frozenset[TaskId] = frozenset()

    def __bool__(self) -> bool:
        """Return whether there is anything in it."""
        return bool(self.connectors or self.tasks)

    def plus(self, other: Allocation) -> Allocation:
        """Return both together."""
        return Allocation(self.connectors | other.connectors, self.tasks | other.tasks)

    def minus(self, other: Allocation) -> Allocation:
        """Return this without the other."""
        return Allocation(self.connectors - other.connectors, self.tasks - other.tasks)


NOTHING: Final = Allocation()


@attrs.frozen
class Assignment:
    """What the leader tells a member.

    ``added`` is new to it and ``revoked`` to be given up; of version 0 ``added`` is all there is.
    ``delay_ms`` is when to join again for what is held back.
    """

    leader: str
    leader_url: str
    offset: int
    added: Allocation = NOTHING
    revoked: Allocation = NOTHING
    delay_ms: int = 0
    error: int = 0


@attrs.frozen
class Offer:
    """What a member joins with: its URL, how far it read the config topic, what it runs."""

    url: str
    offset: int
    current: Assignment | None = None

    @property
    def owned(self) -> Allocation:
        """What the member says that it runs."""
        return NOTHING if self.current is None else self.current.added


class _Writer:
    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def number(self, form: str, value: int) -> None:
        self.parts.append(struct.pack(f">{form}", value))

    def text(self, value: str) -> None:
        data = value.encode()
        if len(data) > STRING_BYTES_MAX:
            raise ProtocolError(f"a text of {len(data)} bytes is longer than {STRING_BYTES_MAX}")
        self.number("h", len(data))
        self.parts.append(data)

    def allocation(self, allocation: Allocation) -> None:
        grouped: dict[str, list[int]] = {}
        for name in sorted(allocation.connectors):
            grouped.setdefault(name, []).append(CONNECTOR_TASK)
        for task in sorted(allocation.tasks):
            grouped.setdefault(task.connector, []).append(task.task)
        self.number("i", len(grouped))
        for name in sorted(grouped):
            self.text(name)
            self.number("i", len(grouped[name]))
            for number in grouped[name]:
                self.number("i", number)

    def done(self) -> bytes:
        return b"".join(self.parts)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at >= len(self._data)

    def take(self, size: int) -> bytes:
        if size < 0 or self._at + size > len(self._data):
            raise ProtocolError(f"ends after {len(self._data)} bytes, {size} more were expected")
        found = self._data[self._at : self._at + size]
        self._at += size
        return found

    def number(self, form: str) -> int:
        (found,) = struct.unpack(f">{form}", self.take(struct.calcsize(f">{form}")))
        return int(found)

    def text(self) -> str:
        try:
            return self.take(self.number("h")).decode()
        except UnicodeDecodeError as problem:
            raise ProtocolError("a text is not UTF-8") from problem

    def count(self) -> int:
        found = self.number("i")
        if not 0 <= found <= ITEMS_MAX:
            raise ProtocolError(f"a list has {found} items, from 0 to {ITEMS_MAX} are possible")
        return found

    def allocation(self, *, nullable: bool) -> Allocation:
        count = self.number("i")
        if count == -1 and nullable:
            return NOTHING
        if not 0 <= count <= ITEMS_MAX:
            raise ProtocolError(f"a list has {count} items, from 0 to {ITEMS_MAX} are possible")
        connectors, tasks = set(), set()
        for _ in range(count):
            name = self.text()
            for _ in range(self.count()):
                number = self.number("i")
                if number == CONNECTOR_TASK:
                    connectors.add(name)
                else:
                    tasks.add(TaskId(name, number))
        return Allocation(frozenset(connectors), frozenset(tasks))


def offers(protocol: str, offer: Offer) -> list[tuple[str, bytes]]:
    """Return the sub-protocols of a ``connect.protocol`` with what the member offers in each."""
    return [(name, encode_offer(offer, version)) for name, version in SUB_PROTOCOLS[protocol]]


def encode_offer(offer: Offer, version: int) -> bytes:
    """Return an offer's bytes; raises ProtocolError for a URL or name that is too long."""
    writer = _Writer()
    writer.number("h", version)
    writer.text(offer.url)
    writer.number("q", offer.offset)
    if version > 0:
        if offer.current is None:
            writer.number("i", -1)
        else:
            current = encode_assignment(offer.current, version)
            writer.number("i", len(current))
            writer.parts.append(current)
    return writer.done()


def decode_offer(data: bytes) -> Offer:
    """Return an offer; raises ProtocolError for anything that is none."""
    reader = _Reader(data)
    version = _version(reader)
    url, offset = reader.text(), reader.number("q")
    if version == 0 or reader.ended:
        return Offer(url, offset)
    size = reader.number("i")
    return Offer(url, offset, None if size == -1 else decode_assignment(reader.take(size)))


def _version(reader: _Reader) -> int:
    version = reader.number("h")
    if version < 0:
        raise ProtocolError(f"there is no version {version}")
    return version


def encode_assignment(assignment: Assignment, version: int) -> bytes:
    """Return an assignment's bytes; raises ProtocolError for a text that is too long."""
    writer = _Writer()
    writer.number("h", version)
    writer.number("h", assignment.error)
    writer.text(assignment.leader)
    writer.text(assignment.leader_url)
    writer.number("q", assignment.offset)
    writer.allocation(assignment.added)
    if version > 0:
        writer.allocation(assignment.revoked)
        writer.number("i", assignment.delay_ms)
    return writer.done()


def decode_assignment(data: bytes) -> Assignment:
    """Return an assignment; raises ProtocolError for anything that is none."""
    reader = _Reader(data)
    version = _version(reader)
    error = reader.number("h")
    leader, leader_url = reader.text(), reader.text()
    offset = reader.number("q")
    added = reader.allocation(nullable=version > 0)
    revoked, delay_ms = NOTHING, 0
    if version > 0 and not reader.ended:
        revoked = reader.allocation(nullable=True)
    if version > 0 and not reader.ended:
        delay_ms = reader.number("i")
    return Assignment(leader, leader_url, offset, added, revoked, delay_ms, error)
