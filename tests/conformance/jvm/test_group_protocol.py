"""The bytes of the group protocol, beside the Java classes."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import attrs
import jpype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.runtime.group.protocol import (
    NOTHING,
    Allocation,
    Assignment,
    Offer,
    ProtocolError,
    decode_assignment,
    decode_offer,
    encode_assignment,
    encode_offer,
)
from penstock.runtime.model import TaskId
from tests.conformance.jvm.javadata import text
from tests.parts.jvm_classes import java_class

pytestmark = pytest.mark.integration
PACKAGE = "org.apache.kafka.connect.runtime.distributed."
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)
TASKS = st.builds(TaskId, NAMES, st.integers(0, 50))
SHARES = st.builds(Allocation, st.frozensets(NAMES, max_size=4), st.frozensets(TASKS, max_size=6))
OFFSETS = st.integers(-1, 2**63 - 1)
ASSIGNMENTS = st.builds(
    Assignment,
    leader=NAMES,
    leader_url=NAMES,
    offset=OFFSETS,
    added=SHARES,
    revoked=SHARES,
    delay_ms=st.integers(0, 2**31 - 1),
    error=st.sampled_from([0, 1]),
)


def java_list(items: Any) -> Any:
    found = java_class("java.util.ArrayList")()
    for one in items:
        found.add(one)
    return found


def java_tasks(tasks: frozenset[TaskId]) -> Any:
    made = java_class("org.apache.kafka.connect.util.ConnectorTaskId")
    return java_list(made(text(one.connector), one.task) for one in sorted(tasks))


def java_assignment(one: Assignment, version: int) -> Any:
    return java_class(f"{PACKAGE}ExtendedAssignment")(
        version,
        one.error,
        text(one.leader),
        text(one.leader_url),
        one.offset,
        java_list(text(name) for name in sorted(one.added.connectors)),
        java_tasks(one.added.tasks),
        java_list(text(name) for name in sorted(one.revoked.connectors)),
        java_tasks(one.revoked.tasks),
        one.delay_ms,
    )


def allocation_of(connectors: Any, tasks: Any) -> Allocation:
    names = frozenset(str(one) for one in connectors)
    return Allocation(names, frozenset(TaskId(str(t.connector()), int(t.task())) for t in tasks))


def shown(found: Any) -> Assignment:
    return Assignment(
        leader=str(found.leader()),
        leader_url=str(found.leaderUrl()),
        offset=int(found.offset()),
        added=allocation_of(found.connectors(), found.tasks()),
        revoked=allocation_of(found.revokedConnectors(), found.revokedTasks()),
        delay_ms=int(found.delay()),
        error=int(found.error()),
    )


def buffer(data: bytes) -> Any:
    return java_class("java.nio.ByteBuffer").wrap(jpype.JArray(jpype.JByte)(data))


def bytes_of(found: Any) -> bytes:
    return bytes(b & 0xFF for b in found.array()[: found.limit()])


@settings(deadline=None)
@given(assignment=ASSIGNMENTS, version=st.sampled_from([1, 2]))
def test_assignments_are_understood_both_ways(
    jvm: ModuleType, assignment: Assignment, version: int
) -> None:
    protocol = java_class(f"{PACKAGE}IncrementalCooperativeConnectProtocol")
    sessioned = version == 2
    theirs = bytes_of(protocol.serializeAssignment(java_assignment(assignment, version), sessioned))
    assert decode_assignment(theirs) == assignment
    ours = encode_assignment(assignment, version)
    assert shown(protocol.deserializeAssignment(buffer(ours))) == assignment
    assert len(ours) == len(theirs)


@settings(deadline=None)
@given(
    url=NAMES,
    offset=OFFSETS,
    current=st.one_of(st.none(), ASSIGNMENTS),
    version=st.sampled_from([1, 2]),
)
def test_offers_are_understood_both_ways(
    jvm: ModuleType, url: str, offset: int, current: Assignment | None, version: int
) -> None:
    protocol = java_class(f"{PACKAGE}IncrementalCooperativeConnectProtocol")
    offer = Offer(url, offset, current)
    state = protocol.deserializeMetadata(buffer(encode_offer(offer, version)))
    assert (str(state.url()), int(state.offset())) == (url, offset)
    if current is not None:
        assert shown(state.assignment()) == current
        made = java_class(f"{PACKAGE}ExtendedWorkerState")
        java_state = made(text(url), offset, java_assignment(current, version))
        theirs = bytes_of(protocol.serializeMetadata(java_state, version == 2))
        assert decode_offer(theirs) == offer


@settings(deadline=None)
@given(assignment=ASSIGNMENTS, url=NAMES, offset=OFFSETS)
def test_the_eager_protocol_is_understood_both_ways(
    jvm: ModuleType, assignment: Assignment, url: str, offset: int
) -> None:
    protocol = java_class(f"{PACKAGE}ConnectProtocol")
    found = protocol.deserializeAssignment(buffer(encode_assignment(assignment, 0)))
    assert allocation_of(found.connectors(), found.tasks()) == assignment.added
    assert (str(found.leader()), int(found.offset())) == (assignment.leader, assignment.offset)
    java_task_list = java_tasks(assignment.added.tasks)
    names = java_list(text(name) for name in sorted(assignment.added.connectors))
    made = java_class(f"{PACKAGE}ConnectProtocol$Assignment")(
        assignment.error,
        text(assignment.leader),
        text(assignment.leader_url),
        assignment.offset,
        names,
        java_task_list,
    )
    theirs = decode_assignment(bytes_of(protocol.serializeAssignment(made)))
    assert theirs == attrs.evolve(assignment, revoked=NOTHING, delay_ms=0)
    state = java_class(f"{PACKAGE}ConnectProtocol$WorkerState")(text(url), offset)
    assert decode_offer(bytes_of(protocol.serializeMetadata(state))) == Offer(url, offset)
    assert encode_offer(Offer(url, offset), 0) == bytes_of(protocol.serializeMetadata(state))


@settings(deadline=None)
@given(assignment=ASSIGNMENTS, url=NAMES, version=st.integers(3, 9), more=st.binary(max_size=9))
def test_a_later_version_is_read_as_the_newest_one_that_is_known(
    jvm: ModuleType, assignment: Assignment, url: str, version: int, more: bytes
) -> None:
    protocol = java_class(f"{PACKAGE}IncrementalCooperativeConnectProtocol")
    later = version.to_bytes(2, "big")
    data = later + encode_assignment(assignment, 2)[2:] + more
    assert decode_assignment(data) == shown(protocol.deserializeAssignment(buffer(data)))
    offer = later + encode_offer(Offer(url, 7, assignment), 2)[2:] + more
    state = protocol.deserializeMetadata(buffer(offer))
    assert decode_offer(offer) == Offer(str(state.url()), int(state.offset()), assignment)


@given(data=st.binary(max_size=60), cut=st.integers(0, 40), assignment=ASSIGNMENTS)
def test_garbage_is_a_protocol_error_and_nothing_else(
    data: bytes, cut: int, assignment: Assignment
) -> None:
    for given_bytes in (data, encode_assignment(assignment, 2)[:cut], b"\x00\x02" + data):
        for decode in (decode_offer, decode_assignment):
            try:
                decode(given_bytes)
            except ProtocolError:
                continue


def test_a_text_that_is_too_long_is_refused() -> None:
    long = Allocation(frozenset(["x" * 40_000]))
    with pytest.raises(ProtocolError, match="longer than"):
        encode_assignment(Assignment("l", "u", 0, long), 2)
