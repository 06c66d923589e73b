from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.unit.file.file_doubles import (
    Context,
    connector,
    end,
    lines_of,
    poll_all,
    positions_of,
    source,
)

from penstock.data import PollTime, Repeat, Schema, Text
from penstock.errors import ConfigError, ConnectError
from penstock_file import FileStreamSourceConnector, FileStreamSourceTask


def test_record_has_the_shape_of_the_original(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes("héllo\nb\r\n\nlast".encode())
    task = source(file=str(path), topic="lines")
    before_ms = time.time_ns() // 1_000_000
    batch = task.poll()
    assert batch is not None
    assert batch.topic == "lines"
    assert batch.value_schema == Schema.STRING
    assert isinstance(batch.values, Text)
    assert isinstance(batch.timestamps, PollTime)
    assert before_ms <= batch.timestamps[0] <= time.time_ns() // 1_000_000
    assert isinstance(batch.origin.partitions, Repeat)
    assert batch.origin.partitions.value == {"filename": str(path)}
    record = batch.record(1)
    assert (record.value, record.key, record.key_schema, record.partition) == (
        "b",
        None,
        None,
        None,
    )
    assert list(batch.values) == ["héllo", "b", ""]
    assert positions_of(batch) == [7, 10, 11]
    end(task)


def test_one_poll_returns_at_most_batch_size(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("".join(f"{i}\n" for i in range(25)))
    task = source(file=str(path), batch_size="10")
    sizes = [len(batch) for batch in iter(task.poll, None)]
    assert sizes == [10, 10, 5]
    end(task)


def test_last_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(b"a\nhalf")
    task = source(file=str(path))
    assert poll_all(task) == [("a", 2)]
    with path.open("ab") as file:
        file.write(b" and half\r")
    assert poll_all(task) == []
    with path.open("ab") as file:
        file.write(b"\nc\n")
    assert poll_all(task) == [("half and half", 17), ("c", 19)]
    end(task)


def test_idle_task_waits_longer_and_longer_up_to_a_second(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("a\n")
    context = Context()
    task = source(context, file=str(path))
    task.poll()
    for _ in range(8):
        assert task.poll() is None
    assert context.waits[:3] == [0.05, 0.1, 0.2]
    assert context.waits[-1] == 1.0
    path.write_text("a\nb\n")
    assert task.poll() is not None
    task.poll()
    assert context.waits[-1] == 0.05
    end(task)


def test_missing_file_is_waited_for_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "later" / "in.txt"
    task = source(file=str(path))
    assert lines_of(task) == []
    assert len(caplog.records) == 1
    assert str(path) in caplog.text
    path.parent.mkdir()
    path.write_text("here\n")
    assert lines_of(task) == ["here"]
    end(task)


@pytest.mark.parametrize("kind", ["directory", "fifo", "nul", "device"])
def test_what_is_no_file_fails_the_task(kind: str, tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    if kind == "directory":
        Path(path).mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path = "/dev/null" if kind == "device" else path + "\0y"
    task = source(file=path)
    with pytest.raises(ConnectError, match=r"directory|pipe or a device|null"):
        task.poll()
    end(task)


def test_line_beyond_the_limit_fails_after_the_lines_before(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("short\n" + "x" * 101 + "\nafter\n")
    task = source(file=str(path), file_line_bytes_max="100")
    batch = task.poll()
    assert batch is not None
    assert list(batch.values) == ["short"]
    with pytest.raises(ConnectError, match=r"in\.txt.*begins at byte 6 .*longer than 100 bytes"):
        task.poll()
    end(task)


def test_long_line_in_many_pieces_is_read_in_one_poll(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    line = "0123456789" * 500_000
    path.write_text(line + "\nb\n")
    task = source(file=str(path))
    batch = task.poll()
    assert batch is not None
    assert batch.values[0] == line
    assert positions_of(batch) == [5_000_001, 5_000_003]
    end(task)


def test_bytes_that_are_no_text_are_replaced_as_in_java(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(b"good\n\xff\xfebad\nfine\n")
    task = source(file=str(path))
    assert poll_all(task) == [("good", 5), ("\ufffd\ufffdbad", 11), ("fine", 16)]
    end(task)


def test_configuration_problems_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        FileStreamSourceConnector.config_spec().parse(
            {"batch.size": "0", "file.compression": "zip"}
        )
    found = {problem.key for problem in caught.value.problems}
    assert found == {"topic", "batch.size", "file.compression"}


@pytest.mark.parametrize("position", ["7", -1, True, 1.5])
def test_stored_position_that_is_no_number_fails_the_task(position: object) -> None:
    context = Context({"f": position})  # type: ignore[dict-item]  # that is what is tested
    with pytest.raises(ConnectError, match="'f': the stored offset has position"):
        source(context, file="f")


def test_position_in_characters_of_the_original_is_taken_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "in.txt"
    path.write_text("héllo wörld 𝄞\nzwei\ndrei\n")
    chars = len("héllo wörld 𝄞\n".encode("utf-16-le")) // 2
    task = source(Context({str(path): chars}), file=str(path))
    assert lines_of(task) == ["zwei", "drei"]
    assert "counts characters" in caplog.text
    end(task)


@pytest.mark.parametrize("position", [3, 9, 100])
def test_position_that_fits_no_line_reads_from_the_start(
    position: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "in.txt"
    path.write_text("first\nsecond\n")
    task = source(Context({str(path): position}), file=str(path))
    assert lines_of(task) == ["first", "second"]
    assert len(caplog.records) == 1
    end(task)


def test_resume_goes_on_exactly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "in.txt"
    path.write_text("é\nzwei\n")
    task = source(Context({str(path): 3}), file=str(path))
    assert poll_all(task) == [("zwei", 8)]
    assert caplog.text == ""
    end(task)


def test_stop_while_resuming_delivers_nothing(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("éé\nzwei\n")
    context = Context({str(path): 3})
    context.stopping = True
    task = source(context, file=str(path))
    assert task.poll() is None
    context.stopping = False
    assert lines_of(task) == ["zwei"]
    end(task)


def test_stdin_is_read_without_offsets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock_file._source_task.STDIN_WAIT_S", 0.0)
    read, write = os.pipe()
    kept = os.dup(0)
    os.dup2(read, 0)
    try:
        task = source()
        assert task.poll() is None
        os.write(write, b"eins\nzw")
        batch = task.poll()
        assert batch is not None
        assert list(batch.values) == ["eins"]
        assert batch.record(0).source_partition is None
        assert batch.record(0).source_offset is None
        os.write(write, b"ei")
        os.close(write)
        assert lines_of(task) == ["zwei"]
        end(task)
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(read)


def test_connector_has_one_task_with_its_own_config() -> None:
    made = connector(file="f")
    assert made.task_configs(5) == [{"topic": "t", "file": "f"}]
    assert made.task_class is FileStreamSourceTask


@pytest.mark.parametrize(
    ("keys", "exactly_once"),
    [({"file": "f"}, True), ({"file_glob": "*.log"}, True), ({}, False), ({"file": ""}, False)],
)
def test_exactly_once_needs_a_file(keys: dict[str, str], exactly_once: bool) -> None:
    assert connector(**keys).exactly_once_support() is exactly_once


def test_file_and_glob_exclude_each_other() -> None:
    raw = {"topic": "t", "file": "f", "file.glob": "*.log"}
    errors = [text for value in FileStreamSourceConnector.validate(raw) for text in value.errors]
    assert errors == ["file.glob: set either 'file' or 'file.glob', not both"]
    with pytest.raises(ConfigError, match="not both"):
        connector(file="f", file_glob="*.log").start()


P = {"filename": "f"}


@pytest.mark.parametrize(
    ("partition", "offset"),
    [(P, {"position": 0}), (P, {"position": 2**63 - 1}), (P, None), ({"x": 1}, None)],
)
def test_offset_that_makes_sense_may_be_stored(
    partition: dict[str, object], offset: dict[str, object] | None
) -> None:
    assert connector(file="f").alter_offsets([(partition, offset)]) is True


@pytest.mark.parametrize(
    ("partition", "offset", "text"),
    [
        (P, {}, "contain the key 'position'"),
        (P, {"position": "1"}, "expected to be a Long"),
        (P, {"position": True}, "expected to be a Long"),
        (P, {"position": 1.0}, "expected to be a Long"),
        (P, {"position": 2**63}, "expected to be a Long"),
        (P, {"position": -1}, "non-negative"),
        (P, {"position": 1, "x": 2}, "alone, got also 'x'"),
        ({"file": "f"}, {"position": 1}, "contain the key 'filename'"),
        ({}, {"position": 1}, "contain the key 'filename'"),
        ({**P, "y": 2}, {"position": 1}, "alone, got also 'y'"),
    ],
)
def test_offset_that_makes_none_is_refused(
    partition: dict[str, object], offset: dict[str, object], text: str
) -> None:
    with pytest.raises(ConnectError, match=text):
        connector(file="f").alter_offsets([(partition, offset)])


def test_stdin_has_no_offsets_to_store() -> None:
    with pytest.raises(ConnectError, match="stdin"):
        connector().alter_offsets([(P, None)])
