"""FileStreamSource on real files: growth, cuts, rotation, restarts, bad inputs."""

from __future__ import annotations

import gzip
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.config import ConfigSpec
from penstock.data import PollTime, Schema, Text
from penstock.errors import ConfigError, ConnectError
from penstock_file import FileStreamSourceConnector, FileStreamSourceTask


class Context:
    """The runtime's side of a source task: stored offsets, and waits that do not wait."""

    connector, task, stopping = "src", 0, False

    def __init__(self, stored: Mapping[str, int] | None = None) -> None:
        self.stored = dict(stored or {})
        self.raw_config: dict[str, str] = {}
        self.waits = 0

    def wait(self, timeout_s: float) -> bool:
        self.waits += 1
        return False

    def offset(self, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        return self.offsets([partition])[0]

    def offsets(self, partitions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        found = [self.stored.get(partition["filename"]) for partition in partitions]
        return [None if position is None else {"position": position} for position in found]


def started(stored: Mapping[str, int] | None = None, **raw: str) -> FileStreamSourceTask:
    config = {"topic": "t", **{key.replace("_", "."): value for key, value in raw.items()}}
    task = FileStreamSourceTask(FileStreamSourceTask.config_spec().parse(config))
    task.context = Context(stored)
    task.start()
    return task


def poll_all(task: FileStreamSourceTask, idle_polls: int = 3) -> list[tuple[str, dict[str, Any]]]:
    """Poll until several polls in a row gave nothing; return lines with their offsets."""
    found: list[tuple[str, dict[str, Any]]] = []
    idle = 0
    while idle < idle_polls:
        batch = task.poll()
        idle = idle + 1 if batch is None else 0
        if batch is not None:
            found.extend((record.value, record.source_offset) for record in batch.records())
    return found


def texts(task: FileStreamSourceTask) -> list[str]:
    return [line for line, _ in poll_all(task)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "in.txt"


def test_lines_become_string_records_with_byte_positions(path: Path) -> None:
    path.write_bytes("a\nhéllo\r\nlast".encode())
    task = started(file=str(path))
    batch = task.poll()
    assert batch is not None
    assert (batch.topic, batch.value_schema, batch.key_schema) == ("t", Schema.STRING, None)
    assert isinstance(batch.values, Text)
    assert isinstance(batch.timestamps, PollTime)
    records = list(batch.records())
    assert [r.value for r in records] == ["a", "héllo"]
    assert [r.source_offset for r in records] == [{"position": 2}, {"position": 10}]
    assert {r.source_partition["filename"] for r in records} == {str(path)}
    task.stop()


def test_unfinished_line_waits_and_growth_is_followed(path: Path) -> None:
    path.write_text("a\npart")
    task = started(file=str(path))
    assert texts(task) == ["a"]
    with path.open("a") as file:
        file.write("ial\nb\n")
    assert texts(task) == ["partial", "b"]
    task.stop()


def test_batch_size_bounds_a_poll(path: Path) -> None:
    path.write_text("".join(f"{n}\n" for n in range(25)))
    task = started(file=str(path), batch_size="10")
    sizes = [len(batch) for batch in iter(task.poll, None)]
    assert sizes == [10, 10, 5]
    task.stop()


@pytest.mark.parametrize("line", range(4))
def test_multibyte_text_survives_a_restart_at_every_line(path: Path, line: int) -> None:
    lines = ["é" * 5, "漢字", "🙂 x", "end"]
    path.write_text("".join(f"{one}\n" for one in lines))
    whole = poll_all(started(file=str(path)))
    stored = 0 if line == 0 else whole[line - 1][1]["position"]
    assert texts(started({str(path): stored}, file=str(path))) == lines[line:]


def test_position_inside_a_line_goes_back_to_its_start_with_a_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("héllo wörld\nnext\n")
    assert texts(started({str(path): 12}, file=str(path))) == ["héllo wörld", "next"]
    assert "inside a line" in caplog.text


def test_stored_position_past_the_end_reads_from_the_start_with_one_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("new\n")
    assert texts(started({str(path): 1000}, file=str(path))) == ["new"]
    assert caplog.text.count("fewer than the stored position") == 1


def test_truncated_while_followed_goes_on_from_its_start(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("one\ntwo\n")
    task = started(file=str(path))
    assert texts(task) == ["one", "two"]
    path.write_text("3\n")
    assert texts(task) == ["3"]
    assert caplog.text.count("was cut") == 1
    task.stop()


def test_rotated_file_is_read_to_its_end_before_the_new_one(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("one\n")
    task = started(file=str(path))
    assert texts(task) == ["one"]
    with path.open("a") as file:
        file.write("two\nunfinished")
    path.rename(path.with_suffix(".1"))
    path.write_text("three\n")
    assert poll_all(task) == [
        ("two", {"position": 8}),
        ("unfinished", {"position": 18}),
        ("three", {"position": 6}),
    ]
    assert caplog.text.count("another file stands at") == 1
    task.stop()


def test_deleted_and_created_again_goes_on(path: Path) -> None:
    path.write_text("one\n")
    task = started(file=str(path))
    assert texts(task) == ["one"]
    path.unlink()
    assert texts(task) == []
    path.write_text("two\n")
    assert texts(task) == ["two"]
    task.stop()


def test_missing_file_is_waited_for_with_one_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    task = started(file=str(path))
    assert texts(task) == []
    path.write_text("a\n")
    assert texts(task) == ["a"]
    assert caplog.text.count("couldn't find file") == 1


@pytest.mark.parametrize("kind", ["directory", "fifo"])
def test_what_is_no_file_fails_with_the_reason(path: Path, kind: str) -> None:
    path.mkdir() if kind == "directory" else os.mkfifo(path)
    with pytest.raises(ConnectError, match=r"in\.txt' is (a directory|no regular file)"):
        started(file=str(path)).poll()


def test_line_past_the_bound_fails_naming_place_and_key(path: Path) -> None:
    path.write_bytes(b"ok\n" + b"x" * 5000)
    task = started(file=str(path), file_line_bytes_max="1000")
    with pytest.raises(ConnectError, match=r"begins at byte 3 .*file\.line\.bytes\.max"):
        poll_all(task)


def test_invalid_utf8_becomes_the_replacement_character_as_in_java(path: Path) -> None:
    path.write_bytes(b"good\n\xff\xfebad\nfine\n")
    assert texts(started(file=str(path))) == ["good", "\ufffd\ufffdbad", "fine"]


def test_gzip_of_several_members_resumes_by_content_position(path: Path) -> None:
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(b"one\ntwo\n") + gzip.compress(b"three\n"))
    assert texts(started(file=str(packed), file_compression="auto")) == ["one", "two", "three"]
    stored = {str(packed): 4}
    assert texts(started(stored, file=str(packed), file_compression="gzip")) == ["two", "three"]


def test_plain_text_read_as_gzip_fails_with_the_remedy(path: Path) -> None:
    path.write_text("no gzip\n")
    with pytest.raises(ConnectError, match=r"file\.compression=none"):
        started(file=str(path), file_compression="gzip").poll()


def test_glob_follows_every_file_from_its_own_place(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.log").write_text(f"{name}1\n{name}2\n")
    stored = {str(tmp_path / "b.log"): 3}
    task = started(stored, file_glob=str(tmp_path / "*.log"))
    assert sorted(texts(task)) == ["a1", "a2", "b2"]
    (tmp_path / "c.log").write_text("c1\n")
    task._glob_at_s = 0.0
    assert texts(task) == ["c1"]
    task.stop()


def connector(**raw: str) -> FileStreamSourceConnector:
    spec: ConfigSpec[Any] = FileStreamSourceConnector.config_spec()
    return FileStreamSourceConnector(spec.parse({"topic": "t", **raw}))


def test_alter_offsets_accepts_what_the_original_accepts() -> None:
    assert connector(file="f").alter_offsets(
        [({"filename": "f"}, {"position": 5}), ({"filename": "f"}, None)]
    )


@pytest.mark.parametrize(
    ("partition", "offset"),
    [
        ({"file": "f"}, {"position": 1}),
        ({"filename": "f"}, {"position": -1}),
        ({"filename": "f"}, {"position": "1"}),
        ({"filename": "f"}, {"position": True}),
        ({"filename": "f"}, {}),
    ],
)
def test_alter_offsets_refuses_what_makes_no_sense(
    partition: dict[str, str], offset: dict[str, Any]
) -> None:
    with pytest.raises(ConnectError):
        connector(file="f").alter_offsets([(partition, offset)])


def test_standard_input_has_no_offsets_and_is_not_exactly_once() -> None:
    with pytest.raises(ConnectError, match="standard input"):
        connector().alter_offsets([({"filename": "f"}, None)])
    assert not connector().exactly_once_support()
    assert connector(file="f").exactly_once_support()


def test_configuration_problems_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        FileStreamSourceConnector.config_spec().parse(
            {"batch.size": "0", "file.compression": "zip"}
        )
    assert {problem.key for problem in caught.value.problems} == {
        "topic",
        "batch.size",
        "file.compression",
    }
