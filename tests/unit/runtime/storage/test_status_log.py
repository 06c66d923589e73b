"""What the reader of the status topic keeps of records that say nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from penstock.runtime.kafka.topic_log import LogRecord
from penstock.runtime.storage.config_fold import QUARANTINE_MAX
from penstock.runtime.storage.logs import IgnoredRecord, StatusLog, Told

Reader = Callable[[Sequence[LogRecord]], None]
GOOD = LogRecord(0, 9, b"status-connector-c", b'{"state":"RUNNING","worker_id":"w","generation":1}')


def opened() -> tuple[StatusLog, Reader, list[Told]]:
    """Return a status log, what its topic's reader calls, and what it tells."""
    readers: list[Reader] = []
    told: list[Told] = []

    def open_log(read: Reader) -> Any:
        readers.append(read)

    return StatusLog("s", open_log, cast("Any", None), told.extend), readers[0], told


def test_a_record_that_says_no_status_is_counted_and_the_others_are_told() -> None:
    log, read, told = opened()
    read([LogRecord(0, 7, b"x\xff", b"1"), LogRecord(0, 8, None, None), GOOD])
    assert [key for key, _ in told] == ["c"]
    assert log.unreadable_count == 2
    assert log.ignored == [
        IgnoredRecord("s", 7, "x\N{REPLACEMENT CHARACTER}", "it says no status"),
        IgnoredRecord("s", 8, "", "it says no status"),
    ]


def test_only_the_last_ignored_records_are_kept_and_all_are_counted() -> None:
    log, read, _ = opened()
    read([LogRecord(0, offset, b"x", b"1") for offset in range(QUARANTINE_MAX + 5)])
    assert log.unreadable_count == QUARANTINE_MAX + 5
    assert [one.offset for one in log.ignored] == list(range(5, QUARANTINE_MAX + 5))
