"""The event stream of a subscription: whole events, however its bytes are cut."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

import pytest
from botocore.eventstream import ParserError
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.kinesis_push import event, exception

from penstock_kinesis._cursor import Cursor, Start
from penstock_kinesis._offsets import Place
from penstock_kinesis._pushed import events, subscription

WHEN = 1_795_459_208.726


def told(data: list[bytes], following: str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "SequenceNumber": str(number),
                "PartitionKey": "k",
                "Data": base64.b64encode(one).decode(),
                "ApproximateArrivalTimestamp": WHEN,
            }
            for number, one in enumerate(data)
        ],
        "ContinuationSequenceNumber": following,
        "MillisBehindLatest": 0,
    }


def cut(whole: bytes, size: int) -> list[bytes]:
    return [whole[at : at + size] for at in range(0, len(whole), size)]


@given(st.lists(st.lists(st.binary(max_size=40), max_size=4), max_size=4), st.integers(1, 300))
def test_events_do_not_depend_on_how_their_bytes_come(
    content: list[list[bytes]], size: int
) -> None:
    whole = event("initial-response", {})
    for number, data in enumerate(content):
        whole += event("SubscribeToShardEvent", told(data, str(number)))
    found = list(events(iter(cut(whole, size))))
    assert [[record["Data"] for record in one["Records"]] for one in found] == content
    assert [one["ContinuationSequenceNumber"] for one in found] == [
        str(number) for number in range(len(content))
    ]
    moment = dt.datetime.fromtimestamp(WHEN, dt.UTC)
    for one in found:
        assert {record["ApproximateArrivalTimestamp"] for record in one["Records"]} <= {moment}


def test_what_came_before_a_failure_is_given_first() -> None:
    whole = event("SubscribeToShardEvent", told([b"1"], "0")) + exception(
        "InternalFailureException"
    )
    stream = events(iter(cut(whole, 50)))
    assert next(stream)["Records"][0]["Data"] == b"1"
    with pytest.raises(ClientError, match="InternalFailureException"):
        next(stream)


def test_one_wrong_byte_is_noticed() -> None:
    whole = bytearray(event("SubscribeToShardEvent", told([b"1"], "0")))
    whole[-10] ^= 1
    with pytest.raises(ParserError):
        list(events(iter([bytes(whole)])))


def test_subscription_begins_where_the_cursor_is() -> None:
    def start(cursor: Cursor) -> Any:
        return subscription("arn", cursor)["StartingPosition"]

    assert start(Cursor("s", Start())) == {"Type": "TRIM_HORIZON"}
    assert start(Cursor("s", Start(timestamp_ms=1500))) == {
        "Type": "AT_TIMESTAMP",
        "Timestamp": 1.5,
    }
    read = Cursor("s", Start(), Place("7"))
    assert start(read) == {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "7"}
    inside = Cursor("s", Start(), Place("7", sub=1))
    assert start(inside) == {"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": "7"}
    # A subscription that ended goes on where it ended, also past numbers without a record.
    read.iterator = "9"
    assert start(read) == {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "9"}
