"""Records of the config topic: the bytes of the original, and what nobody can understand."""

from __future__ import annotations

import pytest

from penstock.runtime.model import TargetState, TaskId
from penstock.runtime.storage.config_records import (
    NAME_BYTES_MAX,
    ConfigRecord,
    ConnectorConfig,
    LoggerLevel,
    RestartRequest,
    SessionKey,
    TargetStateSet,
    TaskCommit,
    TaskConfig,
    TaskFencing,
    Unreadable,
    encode,
    parse,
)

WRITTEN: list[tuple[ConfigRecord, bytes, bytes | None]] = [
    (
        ConnectorConfig("a-b", {"name": "a-b", "x": "é"}),
        b"connector-a-b",
        '{"properties":{"name":"a-b","x":"é"}}'.encode(),
    ),
    (ConnectorConfig("c", None), b"connector-c", None),
    (
        TargetStateSet("c", TargetState.STOPPED),
        b"target-state-c",
        b'{"state":"PAUSED","state.v2":"STOPPED"}',
    ),
    (
        TargetStateSet("c", TargetState.STARTED),
        b"target-state-c",
        b'{"state":"STARTED","state.v2":"STARTED"}',
    ),
    (TargetStateSet("c", None), b"target-state-c", None),
    (TaskConfig(TaskId("a-1", 2), {"k": "v"}), b"task-a-1-2", b'{"properties":{"k":"v"}}'),
    (TaskCommit("c", 3), b"commit-c", b'{"tasks":3}'),
    (TaskFencing("c", 3), b"tasks-fencing-c", b'{"task-count":3}'),
    (
        SessionKey(b"\x01\x02", "HmacSHA256", 17),
        b"session-key",
        b'{"key":"AQI=","algorithm":"HmacSHA256","creation-timestamp":17}',
    ),
    (
        RestartRequest("c", include_tasks=True, only_failed=False),
        b"restart-connector-c",
        b'{"include-tasks":true,"only-failed":false}',
    ),
    (LoggerLevel("org.x", "DEBUG"), b"logger-cluster-org.x", b'{"level":"DEBUG"}'),
]


@pytest.mark.parametrize(("record", "key", "value"), WRITTEN)
def test_written_as_the_original_writes_and_read_back(
    record: ConfigRecord, key: bytes, value: bytes | None
) -> None:
    assert encode(record) == (key, value)
    assert parse(key, value) == record


def test_a_state_of_an_older_worker_is_understood() -> None:
    found = parse(b"target-state-c", b'{"state":"PAUSED"}')
    assert found == TargetStateSet("c", TargetState.PAUSED)


POISON: list[tuple[bytes | None, bytes | None, str]] = [
    (b"commit-c", b'{"tasks":-5}', "from 0 to"),
    (b"commit-c", b'{"tasks":true}', "bool, a whole number"),
    (b"commit-c", b'{"tasks":1e99}', "float"),
    (b"commit-c", b'{"tasks":99999999999}', "from 0 to"),
    (b"commit-c", None, "null"),
    (b"commit-c", b"[" * 100_000, "not JSON"),
    (b"commit-", b'{"tasks":1}', "no name"),
    (b"session-key", b'{"key":"***","algorithm":"H","creation-timestamp":1}', "base64"),
    (b"session-key", b'{"key":1}', "text, text and number"),
    (b"session-key-not", b"{}", "unknown kind"),
    (b"connector-c", b'{"properties":[]}', "'properties' is list"),
    (b"connector-c", b'{"properties":{"a":1}}', "property 'a' is int"),
    (b"connector-" + b"x" * (NAME_BYTES_MAX + 1), b'{"properties":{}}', "longer than"),
    (b"task-c", b'{"properties":{}}', "a task's number"),
    (b"task-c-x", b'{"properties":{}}', "a task's number"),
    (b"task-c-9999999999", b'{"properties":{}}', "or more"),
    (b"target-state-c", b'{"state":"DANCING"}', "none that is known"),
    (b"target-state-c", b"\xff", "not JSON"),
    (b"logger-cluster-x", b'{"level":5}', "a text was expected"),
    (b"\xff\xfe", b"{}", "not UTF-8"),
    (None, b"{}", "unknown kind"),
    (b"elephant", b"{}", "unknown kind"),
]


@pytest.mark.parametrize(("key", "value", "reason"), POISON)
def test_poison_is_named_and_harms_nobody(
    key: bytes | None, value: bytes | None, reason: str
) -> None:
    found = parse(key, value)
    assert isinstance(found, Unreadable)
    assert reason in found.reason


def test_a_key_never_shows_in_the_repr() -> None:
    assert "secret" not in repr(SessionKey(b"secret", "HmacSHA256", 1))


def test_nobody_writes_what_cannot_be_read() -> None:
    with pytest.raises(TypeError, match="never written"):
        encode(Unreadable("k", "r"))
