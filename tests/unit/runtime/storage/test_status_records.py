"""Statuses: the bytes of the original, and which of two is the truth."""

from __future__ import annotations

import json

import pytest

from penstock.runtime.model import State, TaskId
from penstock.runtime.storage.status_records import (
    Status,
    StatusBoard,
    TopicUse,
    TopicUseKey,
    encode_status,
    encode_topic_use,
    parse_status,
)

RUNNING = Status(State.RUNNING, "w1:8083", 3, version="1")
VALUE = b'{"state":"RUNNING","trace":null,"worker_id":"w1:8083","generation":3,"version":"1"}'


def test_written_as_the_original_writes_and_read_back() -> None:
    assert encode_status("a-0", RUNNING) == (b"status-connector-a-0", VALUE)
    assert encode_status(TaskId("a", 0), RUNNING) == (b"status-task-a-0", VALUE)
    assert encode_status("a", None) == (b"status-connector-a", None)
    assert encode_status("a", Status(State.DESTROYED, "w", 1))[1] is None
    assert parse_status(b"status-connector-a-0", VALUE) == ("a-0", RUNNING)
    assert parse_status(b"status-task-a-b-12", VALUE) == (TaskId("a-b", 12), RUNNING)
    assert parse_status(b"status-task-a-0", None) == (TaskId("a", 0), None)
    key, use = TopicUseKey("t:1", "c"), TopicUse(2, 99)
    record = encode_topic_use(key, use)
    expected = b'{"topic":{"name":"t:1","connector":"c","task":2,"discoverTimestamp":99}}'
    assert record == (b"status-topic-t:1:connector-c", expected)
    assert parse_status(*record) == (key, use)
    assert parse_status(*encode_topic_use(key, None)) == (key, None)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"status-task-a", VALUE),
        (b"status-task-a-x", VALUE),
        (b"status-task-a-0", b"{"),
        (b"status-task-a-0", b"[]"),
        (b"status-task-a-0", b'{"state":"DANCING","worker_id":"w","generation":1}'),
        (b"status-task-a-0", b'{"state":"RUNNING","worker_id":"w","generation":"1"}'),
        (b"status-connector-a", b"[" * 100_000),
        (b"status-topic-t", b"{}"),
        (b"status-topic-t:connector-c", b"{}"),
        (b"\xff", VALUE),
        (b"other", VALUE),
        (None, VALUE),
    ],
)
def test_what_says_no_status_is_left_alone(key: bytes | None, value: bytes) -> None:
    board = StatusBoard()
    assert parse_status(key, value) is None
    assert not board.fold(key, value)


def test_the_board_keeps_the_last_of_each() -> None:
    board = StatusBoard()
    for number in (1, 0):
        assert board.fold(*encode_status(TaskId("a", number), RUNNING))
    assert board.fold(*encode_status("a", RUNNING))
    assert board.fold(*encode_topic_use(TopicUseKey("t", "a"), TopicUse(0, 1)))
    assert list(board.tasks("a")) == [0, 1]
    assert board.connector("a") == board.get("a") == board.get(TaskId("a", 1)) == RUNNING
    assert board.topics("a") == ["t"]
    assert board.names() == {"a"}
    for key in ("a", TaskId("a", 0), TaskId("a", 1)):
        board.fold(*encode_status(key, None))
    board.fold(*encode_topic_use(TopicUseKey("t", "a"), None))
    assert board.names() == set()
    assert board.topics("a") == []


def test_a_late_unassigned_does_not_hide_the_next_owner() -> None:
    board, key = StatusBoard(), TaskId("a", 0)
    board.take(key, Status(State.RUNNING, "w2", 4))
    board.take(key, Status(State.UNASSIGNED, "w1", 4))
    found = board.get(key)
    assert found is not None
    assert found.worker_id == "w2"
    board.take(key, Status(State.UNASSIGNED, "w1", 5))
    found = board.get(key)
    assert found is not None
    assert found.state is State.UNASSIGNED


def test_a_careful_write_gives_way_to_a_later_generation_of_another() -> None:
    board, key = StatusBoard(), TaskId("a", 0)
    failed = Status(State.FAILED, "w1", 3)
    assert board.may_write(key, failed)
    board.take(key, Status(State.RUNNING, "w2", 4))
    assert not board.may_write(key, failed)
    assert board.may_write(key, Status(State.FAILED, "w2", 1))
    assert board.may_write(key, Status(State.FAILED, "w1", 4))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status-connector-", {"state": "RUNNING", "worker_id": "w", "generation": 1}),
        ("status-topic-:connector-a", {"topic": {"task": 0, "discoverTimestamp": 1}}),
        ("status-topic-t:connector-", {"topic": {"task": 0, "discoverTimestamp": 1}}),
        ("status-task-a-0", {"state": "RUNNING", "worker_id": "w", "generation": 1, "trace": 1}),
        ("status-task-a-0", {"state": "RUNNING", "worker_id": "w", "generation": 1, "version": 1}),
    ],
)
def test_what_java_discards_is_left_alone(key: str, value: dict[str, object]) -> None:
    board = StatusBoard()
    assert not board.fold(key.encode(), json.dumps(value).encode())
    assert board.names() == set()
