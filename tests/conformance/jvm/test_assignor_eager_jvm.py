"""How the eager protocol shares, beside the Java assignor."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.runtime.group.protocol import Allocation, decode_assignment
from penstock.runtime.group.sharing import share_eagerly
from tests.conformance.jvm.javadata import text
from tests.conformance.jvm.test_assignor_jvm import everything, java_state
from tests.parts.jvm_classes import java_class

pytestmark = pytest.mark.integration
PACKAGE = "org.apache.kafka.connect.runtime.distributed."
NAMES = st.sampled_from(["a", "B", "b-1", "c", "ü", "😀"])


def coordinator(configured: Mapping[str, int]) -> Any:
    """Return a WorkerCoordinator that knows the connectors, and no broker: it was never built."""
    unsafe = java_class("sun.misc.Unsafe").class_.getDeclaredField("theUnsafe")
    unsafe.setAccessible(True)
    made = java_class(f"{PACKAGE}WorkerCoordinator").class_
    found = unsafe.get(None).allocateInstance(made)
    known = made.getDeclaredField("configSnapshot")
    known.setAccessible(True)
    known.set(found, java_state(configured))
    return found


def java_shares(members: frozenset[str], configured: Mapping[str, int]) -> dict[str, Allocation]:
    made = java_class(f"{PACKAGE}EagerAssignor")
    assignor = made(java_class("org.apache.kafka.common.utils.LogContext")())
    perform = next(
        one for one in made.class_.getDeclaredMethods() if one.getName() == "performTaskAssignment"
    )
    perform.setAccessible(True)
    states = java_class("java.util.HashMap")()
    for member in members:
        state = java_class(f"{PACKAGE}ExtendedWorkerState")(text("http://w"), 7, None)
        states.put(text(member), state)
    offset = java_class("java.lang.Long")(7)
    given_values = [text(min(members)), offset, states, coordinator(configured)]
    shares = perform.invoke(assignor, given_values)
    found = {}
    for one in shares.entrySet():
        told = one.getValue()
        data = bytes(b & 0xFF for b in told.array()[: told.limit()])
        found[str(one.getKey())] = decode_assignment(data).added
    return found


@settings(deadline=None, max_examples=100)
@given(
    members=st.frozensets(st.sampled_from(["w0", "w1", "W2", "é"]), min_size=1),
    configured=st.dictionaries(NAMES, st.integers(0, 12), max_size=5),
)
def test_the_eager_protocol_shares_alike(
    jvm: ModuleType, members: frozenset[str], configured: dict[str, int]
) -> None:
    ours = share_eagerly(members, everything(configured))
    assert ours == java_shares(members, configured)
