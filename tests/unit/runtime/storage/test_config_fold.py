"""The meaning of the config topic, record by record."""

from __future__ import annotations

from penstock.runtime.model import TargetState, TaskId
from penstock.runtime.storage.config_fold import (
    QUARANTINE_MAX,
    Change,
    ConfigFold,
    ConnectorChanged,
    ConnectorRemoved,
    LevelAsked,
    Quarantined,
    RestartAsked,
    SessionKeyChanged,
    TargetChanged,
    TasksChanged,
)
from penstock.runtime.storage.config_records import (
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
)


def folded(*records: ConfigRecord) -> tuple[ConfigFold, list[Change | None]]:
    fold = ConfigFold()
    return fold, [fold.fold(offset, record) for offset, record in enumerate(records)]


def task(number: int, **config: str) -> TaskConfig:
    return TaskConfig(TaskId("c", number), config)


def test_tasks_count_only_when_their_commit_is_there() -> None:
    fold, changes = folded(
        ConnectorConfig("c", {"v": "1"}), task(0, a="0"), task(1, a="1"), TaskCommit("c", 2)
    )
    assert changes == [ConnectorChanged("c"), None, None, TasksChanged("c")]
    found = fold.snapshot().connectors["c"]
    assert (found.tasks, found.generation) == (({"a": "0"}, {"a": "1"}), 0)
    assert found.applied == {"v": "1"}
    assert found.pending_fencing
    assert fold.snapshot().offset == 4
    assert fold.snapshot().allocation() == {"c": [0, 1]}


def test_a_torn_commit_shows_no_tasks_until_a_good_one() -> None:
    fold, _ = folded(ConnectorConfig("c", {}), task(1), TaskCommit("c", 2))
    assert fold.snapshot().connectors["c"].inconsistent
    assert fold.snapshot().connectors["c"].tasks == ()
    assert fold.snapshot().connectors["c"].generation == -1
    fold.fold(3, task(0))
    fold.fold(4, TaskCommit("c", 1))
    assert not fold.snapshot().connectors["c"].inconsistent
    assert fold.snapshot().connectors["c"].generation == 0


def test_a_later_configuration_is_not_the_applied_one() -> None:
    fold, _ = folded(
        ConnectorConfig("c", {"v": "1"}), TaskCommit("c", 0), ConnectorConfig("c", {"v": "2"})
    )
    found = fold.snapshot().connectors["c"]
    assert (found.config, found.applied) == ({"v": "2"}, {"v": "1"})


def test_tasks_that_compaction_left_of_a_deleted_connector_are_nobodys() -> None:
    fold, changes = folded(task(0), TaskCommit("c", 1), ConnectorConfig("c", {}))
    assert changes == [None, None, ConnectorChanged("c")]
    assert fold.snapshot().connectors["c"].tasks == ()


def test_targets_come_before_and_after_their_connector() -> None:
    fold, changes = folded(
        TargetStateSet("c", TargetState.PAUSED),
        ConnectorConfig("c", {}),
        TargetStateSet("c", TargetState.PAUSED),
        TargetStateSet("c", TargetState.STOPPED),
        TargetStateSet("c", None),
    )
    assert changes == [None, ConnectorChanged("c"), None, TargetChanged("c"), TargetChanged("c")]
    assert fold.snapshot().connectors["c"].target is TargetState.STARTED


def test_a_deleted_connector_is_gone_with_all_its_tasks() -> None:
    fold, changes = folded(
        ConnectorConfig("c", {}),
        task(0),
        TaskCommit("c", 1),
        ConnectorConfig("c", None),
        ConnectorConfig("c", None),
    )
    assert changes[-2:] == [ConnectorRemoved("c"), None]
    assert fold.snapshot().connectors == {}


def test_fencing_is_pending_from_commit_to_its_record() -> None:
    fold, _ = folded(ConnectorConfig("c", {}), TaskCommit("c", 0), TaskFencing("c", 2))
    found = fold.snapshot().connectors["c"]
    assert (found.fenced_tasks, found.pending_fencing) == (2, False)
    fold, _ = folded(TaskFencing("c", 2), ConnectorConfig("c", {}))
    assert fold.snapshot().connectors["c"].fenced_tasks == 2


def test_requests_keys_and_levels_are_handed_on() -> None:
    key = SessionKey(b"k", "HmacSHA256", 1)
    restart = RestartRequest("c", include_tasks=True, only_failed=True)
    fold, changes = folded(key, restart, LoggerLevel("x", "INFO"))
    assert changes == [
        SessionKeyChanged(),
        RestartAsked(restart),
        LevelAsked(LoggerLevel("x", "INFO")),
    ]
    assert fold.snapshot().session_key == key


def test_poison_moves_the_offset_and_is_remembered_within_bounds() -> None:
    wrong = Unreadable("k", "r")
    fold, changes = folded(*[wrong] * (QUARANTINE_MAX + 5))
    assert changes[-1] == Quarantined(wrong)
    assert fold.snapshot().offset == QUARANTINE_MAX + 5
    assert (len(fold.unreadable), fold.unreadable_count) == (QUARANTINE_MAX, QUARANTINE_MAX + 5)


def test_snapshots_do_not_change_afterwards() -> None:
    fold, _ = folded(ConnectorConfig("c", {"v": "1"}))
    before = fold.snapshot()
    assert fold.snapshot() is before
    fold.fold(1, ConnectorConfig("d", {}))
    assert list(before.connectors) == ["c"]


def test_a_smaller_whole_counts_when_compaction_left_tasks_of_a_larger_one() -> None:
    # Of "two tasks" and then "one", compaction takes the first commit and the older task 0.
    fold, _ = folded(ConnectorConfig("c", {}), task(1, a="1"), task(0, a="0"), TaskCommit("c", 1))
    found = fold.snapshot().connectors["c"]
    assert not found.inconsistent
    assert found.tasks == ({"a": "0"},)


def test_the_offset_is_the_originals_before_all_records_and_past_garbage() -> None:
    fold, _ = folded(Unreadable("x", "not JSON", is_json=False))
    assert fold.snapshot().offset == -1
    fold.fold(1, Unreadable("x", "unknown"))
    assert fold.snapshot().offset == 2
