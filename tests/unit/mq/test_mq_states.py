"""What a start finds on the state queue, failures, and the buffers of the Java side."""

from __future__ import annotations

import json
import struct

import pytest

from penstock.data import Header, Schema
from penstock.errors import ConnectError, RetriableError
from penstock_mq._failures import Cause, explain
from penstock_mq._messages import unpack
from penstock_mq._state import (
    Action,
    SequenceState,
    Start,
    decide,
    read_offsets,
    write_offsets,
)

IDS = ("ID:1", "ID:2")


def state(sequence: int, name: str) -> str:
    return json.dumps({"sequenceId": sequence, "messageIds": list(IDS), "lastKnownState": name})


@pytest.mark.parametrize(
    ("states", "stored", "start"),
    [
        ([], None, Start(Action.NORMAL, 0)),
        ([], 4, Start(Action.NORMAL, 4)),
        ([state(5, "IN_FLIGHT")], 5, Start(Action.DROP, 5, IDS)),
        ([state(5, "IN_FLIGHT")], 4, Start(Action.RESEND, 5, IDS)),
        ([state(1, "IN_FLIGHT")], None, Start(Action.RESEND, 1, IDS)),
        ([state(5, "DELIVERED")], 5, Start(Action.DROP, 5, IDS)),
        ([state(5, "DELIVERED")], 4, Start(Action.DROP, 5, IDS)),
        ([state(5, "DELIVERED")], None, Start(Action.DROP, 5, IDS)),
    ],
)
def test_start_follows_state_and_offset(
    states: list[str | None], stored: int | None, start: Start
) -> None:
    offset = None if stored is None else {"sequence-id": stored}
    assert decide(states, offset, "state") == start


@pytest.mark.parametrize(
    "states",
    [
        [state(1, "IN_FLIGHT"), state(2, "IN_FLIGHT")],
        [None],
        ["hello"],
        ["[]"],
        [state(1, "LOST")],
        ['{"sequenceId": "1", "messageIds": [], "lastKnownState": "DELIVERED"}'],
    ],
)
def test_start_refuses_what_is_no_single_state(states: list[str | None]) -> None:
    with pytest.raises(ConnectError, match="state queue 'q'"):
        decide(states, None, "q")


def test_start_refuses_an_offset_of_another_connector() -> None:
    with pytest.raises(ConnectError, match="sequence-id"):
        decide([], {"sequence-id": "7"}, "q")


def test_state_is_written_as_the_original_writes_it() -> None:
    text = SequenceState(3, IDS, "IN_FLIGHT").text()
    assert text == ('{"sequenceId":3,"messageIds":["ID:1","ID:2"],"lastKnownState":"IN_FLIGHT"}')
    assert SequenceState.of(text, "q") == SequenceState(3, IDS, "IN_FLIGHT")


def test_sink_state_is_a_map_of_offsets() -> None:
    assert write_offsets({"t-0": 7}) == '{"t-0":7}'
    assert read_offsets('{"t-0":7}', "q") == {"t-0": 7}
    assert read_offsets(None, "q") == {}
    with pytest.raises(ConnectError, match="state queue 'q'"):
        read_offsets("[1]", "q")


@pytest.mark.parametrize(
    ("reason", "retriable", "connected"),
    [
        *[(code, True, False) for code in (2009, 2035, 2059, 2161, 2162, 2195, 2537, 2538, 2548)],
        *[(code, True, True) for code in (2003, 2016, 2051, 2053)],
        *[(code, False, False) for code in (2085, 2058, 2397)],
    ],
)
def test_reason_says_whether_to_try_again(reason: int, retriable: bool, connected: bool) -> None:
    chain = [Cause("JMSRuntimeException", "JMSWMQ0018"), Cause("MQException", "no", reason)]
    failure = explain(chain, "connecting", "queue 'q'")
    assert (failure.retriable, failure.connected) == (retriable, connected)
    assert isinstance(failure.error(), RetriableError) is retriable
    assert f"MQ reason {reason}" in failure.message


def test_closed_connection_of_another_provider_is_tried_again() -> None:
    chain = [Cause("javax.jms.IllegalStateException", "Session is closed")]
    assert explain(chain, "receiving", "queue 'q'").retriable
    assert not explain([Cause("javax.jms.JMSSecurityException", "no")], "x", "y").retriable


def cell(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


def column(*cells: bytes | None) -> bytes:
    lengths = [-1 if one is None else len(one) for one in cells]
    whole = b"".join(one for one in cells if one is not None)
    return struct.pack(f">{len(cells)}i", *lengths) + struct.pack(">i", len(whole)) + whole


def test_buffer_is_taken_apart_with_the_types_of_properties() -> None:
    properties = b"".join(
        [
            cell(b"a") + b"\x00",
            cell(b"b") + b"\x01" + cell("ü".encode()),
            cell(b"c") + b"\x02\x01",
            cell(b"d") + b"\x04" + struct.pack(">h", -2),
            cell(b"e") + b"\x08" + struct.pack(">d", 1.5),
            cell(b"f") + b"\x09" + cell(b"\x00\xff"),
            cell(b"JMS_IBM_MQMD_MsgId") + b"\x09" + cell(b"\x41\x42"),
        ]
    )
    buffer = b"".join(
        [
            struct.pack(">i", 2),
            b"\x01\x00",
            struct.pack(">2q", 17, 18),
            column(b"text", None),
            column(b"ID:1", b"ID:2"),
            column(None, b"c"),
            column(None, b"\x00"),
            column(b"queue://q", None),
            column(None, None),
            column(properties, None),
        ]
    )
    found = unpack(buffer)
    assert (found.bodies, found.timestamps) == ([b"text", None], (17, 18))
    assert (found.ids, found.correlations) == (["ID:1", "ID:2"], [None, "c"])
    assert found.raw_correlations == [None, b"\x00"]
    assert list(found.headers[0]) == [
        Header("a", None, Schema.OPTIONAL_STRING),
        Header("b", "ü", Schema.STRING),
        Header("c", True, Schema.BOOLEAN),
        Header("d", -2, Schema.INT16),
        Header("e", 1.5, Schema.FLOAT64),
        Header("f", b"\x00\xff", Schema.BYTES),
        Header("JMS_IBM_MQMD_MsgId", "ID:4142", Schema.STRING),
    ]
    assert list(found.headers[1]) == []
