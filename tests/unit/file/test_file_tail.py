"""Files that are cut, renamed, deleted, made again, compressed, or many."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from tests.unit.file.file_doubles import Context, end, lines_of, poll_all, source

from penstock.errors import ConnectError


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave rotated files at once, and look for new ones at each poll."""
    monkeypatch.setattr("penstock_file._tail.ROTATION_WAIT_S", 0.0)
    monkeypatch.setattr("penstock_file._source_task.ROTATION_WAIT_S", 0.0)
    monkeypatch.setattr("penstock_file._source_task.GLOB_INTERVAL_S", 0.0)


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_cut_file_goes_on_from_its_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.log"
    add(path, "one\ntwo\nhal")
    task = source(file=str(path))
    assert lines_of(task) == ["one", "two"]
    os.truncate(path, 0)
    add(path, "new\n")
    # What was read of the unfinished line stands in no file any more.
    assert poll_all(task) == [("hal", 11), ("new", 4)]
    assert "was cut from 11 to 4 bytes" in caplog.text
    end(task)


def test_file_cut_and_grown_beyond_the_place_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    add(path, "one\ntwo\n")
    task = source(file=str(path))
    assert lines_of(task) == ["one", "two"]
    os.truncate(path, 0)
    add(path, "uno\nzwo\nthree\nfour\n")
    assert lines_of(task) == ["uno", "zwo", "three", "four"]
    end(task)


def test_renamed_file_is_read_to_its_end_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock_file._tail.ROTATION_WAIT_S", 3600.0)
    path = tmp_path / "a.log"
    add(path, "1\n")
    task = source(file=str(path))
    assert lines_of(task) == ["1"]
    add(path, "2\n")
    old = path.rename(tmp_path / "a.log.1")
    add(path, "4\n5\n")
    assert lines_of(task) == ["2"]
    add(old, "3\nend")
    assert lines_of(task) == ["3"]
    monkeypatch.setattr("penstock_file._tail.ROTATION_WAIT_S", 0.0)
    assert poll_all(task) == [("end", 9), ("4", 2), ("5", 4)]
    assert "another file stands at" in caplog.text
    assert "has no end" in caplog.text
    end(task)


def test_deleted_file_is_waited_for_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.log"
    add(path, "1\n")
    task = source(file=str(path))
    assert lines_of(task) == ["1"]
    path.unlink()
    assert lines_of(task, idle=6) == []
    assert [record.message for record in caplog.records] == [
        f"{path} was deleted or renamed, waiting for it to be created again"
    ]
    add(path, "2\n")
    assert lines_of(task) == ["2"]
    end(task)


def test_file_renamed_away_and_back_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    add(path, "1\n")
    task = source(file=str(path))
    assert lines_of(task) == ["1"]
    away = path.rename(tmp_path / "b.log")
    assert lines_of(task) == []
    away.rename(path)
    add(path, "2\n")
    assert lines_of(task) == ["2"]
    end(task)


def test_gzip_file_is_read_as_it_grows_and_resumed(tmp_path: Path) -> None:
    path = tmp_path / "a.log.gz"
    whole = gzip.compress(b"one\ntwo\n") + gzip.compress("drei é\nvier\n".encode()) + b"\0" * 9
    task = source(file=str(path), file_compression="auto")
    got = []
    for at in range(0, len(whole), 7):
        with path.open("ab") as file:
            file.write(whole[at : at + 7])
        got += poll_all(task, idle=1)
    assert got == [("one", 4), ("two", 8), ("drei é", 16), ("vier", 21)]
    end(task)
    task = source(Context({str(path): 8}), file=str(path), file_compression="gzip")
    assert lines_of(task) == ["drei é", "vier"]
    end(task)


def test_gzip_file_that_was_replaced_is_read_from_its_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n"))
    for position in (6, 100):
        task = source(Context({str(path): position}), file=str(path), file_compression="gzip")
        assert lines_of(task) == ["one", "two"]
        end(task)
    assert len(caplog.records) == 2


def test_gzip_bomb_is_read_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"x" * 99 + b"\n" + (b"y" * 99 + b"\n") * 100_000))
    task = source(file=str(path), file_compression="gzip", batch_size="1000000")
    sizes = [len(batch) for batch in iter(task.poll, None)]
    assert sum(sizes) == 100_001
    assert max(sizes) < 10_600
    end(task)


def test_what_is_no_gzip_fails_the_task(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(b"plain text\n")
    task = source(file=str(path), file_compression="gzip")
    with pytest.raises(ConnectError, match=r"no gzip file.*file\.compression"):
        task.poll()
    end(task)


def test_pattern_follows_each_file_from_its_own_place(tmp_path: Path) -> None:
    add(tmp_path / "a.log", "a1\na2\n")
    add(tmp_path / "b.log", "b1\n")
    (tmp_path / "c.log").mkdir()
    stored = {str(tmp_path / "a.log"): 3}
    task = source(Context(stored), file_glob=str(tmp_path / "*.log"))
    found: dict[str, list[str]] = {}
    for batch in iter(task.poll, None):
        name = batch.record(0).source_partition["filename"]  # type: ignore[index,union-attr]
        found.setdefault(Path(name).name, []).extend(batch.values)
    assert found == {"a.log": ["a2"], "b.log": ["b1"]}
    add(tmp_path / "d.log", "d1\n")
    assert lines_of(task) == ["d1"]
    end(task)


def test_pattern_that_matches_rotated_names_reads_no_line_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    add(path, "1\n2\n")
    task = source(file_glob=str(tmp_path / "a.log*"))
    assert lines_of(task) == ["1", "2"]
    old = path.rename(tmp_path / "a.log.1")
    add(path, "3\n")
    assert lines_of(task, idle=6) == ["3"]
    add(old, "late\n")
    assert lines_of(task, idle=6) == ["late"]
    end(task)


def test_pattern_lets_go_of_deleted_files(tmp_path: Path) -> None:
    task = source(file_glob=str(tmp_path / "*.log"))
    open_before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counts, not names
    got = []
    for i in range(20):
        path = tmp_path / f"{i % 3}.log"
        add(path, f"{i}\nlast {i}")
        got += lines_of(task)
        path.unlink()
        got += lines_of(task, idle=6)
        assert not task.tails
    assert got == [text for i in range(20) for text in (str(i), f"last {i}")]
    assert len(os.listdir("/proc/self/fd")) == open_before  # noqa: PTH208 - likewise
    end(task)


def test_pattern_that_matches_too_much_fails_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock_file._source_task.FILES_MAX", 3)
    for i in range(4):
        add(tmp_path / f"{i}.log", "x\n")
    task = source(file_glob=str(tmp_path / "*.log"))
    with pytest.raises(ConnectError, match="more than 3 files"):
        task.poll()
    end(task)
