"""FileStreamSink on real files: rendering, appending, moving, torn lines, full disks."""

from __future__ import annotations

import datetime as dt
import decimal
import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.file.file_doubles import Context, end, sink, sink_batch

from penstock.data import EpochMillis, Schema, Text
from penstock.errors import ConnectError, RetriableError
from penstock_file import FileStreamSinkConnector
from penstock_file._render import render, render_line

STRUCT = Schema.struct({"a": Schema.INT32, "b": Schema.OPTIONAL_STRING, "c": Schema.FLOAT64})


def test_lines_are_visible_before_the_flush_and_appended(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    out.write_text("before\n")
    task = sink(out)
    task.put_batch(sink_batch(Text([b"a", "é".encode()])))
    assert out.read_text() == "before\na\né\n"
    task.put_batch(sink_batch(["b", None, 1.5]))
    task.put_batch(sink_batch(Text([b"c", None])))
    task.put_batch(sink_batch([]))
    task.put(list(sink_batch([{"x": 1}]).records()))  # type: ignore[arg-type]  # of a sink's batch
    task.put([])
    task.flush({})
    end(task)
    assert out.read_text() == "before\na\né\nb\nnull\n1.5\nc\nnull\n{x=1}\n"


@pytest.mark.parametrize(
    ("value", "schema", "text"),
    [
        ("text", Schema.STRING, "text"),
        (None, None, "null"),
        (True, Schema.BOOLEAN, "true"),
        (7, Schema.INT8, "7"),
        (1.0, Schema.FLOAT64, "1.0"),
        (-0.0, Schema.FLOAT64, "-0.0"),
        (100.25, None, "100.25"),
        (0.001, None, "0.001"),
        (1e7, None, "1.0E7"),
        (1.5e-5, Schema.FLOAT64, "1.5E-5"),
        (5e-324, Schema.FLOAT64, "4.9E-324"),
        (0.10000000149011612, Schema.FLOAT32, "0.1"),
        (float("nan"), Schema.FLOAT64, "NaN"),
        (float("-inf"), Schema.FLOAT64, "-Infinity"),
        ({"a": 1, "b": None, "c": 2.5}, STRUCT, "Struct{a=1,c=2.5}"),
        ({"x": 1, "y": None}, None, "{x=1, y=null}"),
        (["p", ["q", True]], None, "[p, [q, true]]"),
        ({"x": b"\xff\x41"}, None, "{x=\\xffA}"),
        (decimal.Decimal("1.50"), None, "1.50"),
        (decimal.Decimal("1E+9"), None, "1E+9"),
        (dt.date(2020, 1, 2), None, "2020-01-02"),
        (dt.time(1, 2, 3, 4000), None, "01:02:03.004"),
        (dt.datetime(2020, 1, 2, tzinfo=dt.UTC), None, "2020-01-02T00:00:00.000Z"),
        (EpochMillis(2**60), None, str(2**60)),
    ],
)
def test_values_are_written_as_java_prints_them(
    value: Any, schema: Schema | None, text: str
) -> None:
    assert render(value, schema) == text


def test_bytes_pass_unchanged_and_lone_surrogates_become_question_marks(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    task = sink(out)
    task.put_batch(sink_batch([b"\xff\x00", bytearray(b"b")]))
    task.put_batch(sink_batch(["\ud800x"]))
    end(task)
    assert out.read_bytes() == b"\xff\x00\nb\n?x\n"
    assert render_line(memoryview(b"m"), None) == b"m"


def test_line_torn_by_a_crash_is_completed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out.txt"
    out.write_text("whole\ntor")
    task = sink(out)
    task.put_batch(sink_batch(["torn line", "next"]))
    end(task)
    assert out.read_text() == "whole\ntorn line\nnext\n"
    assert len(caplog.records) == 1


def test_line_torn_long_after_the_commit_is_cut_when_the_lines_come_again(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    lines = [f"line {n}" for n in range(1000)]
    out.write_text("committed\n" + "\n".join(lines)[:-1])
    task = sink(out)
    task.put_batch(sink_batch(lines[:5]))
    task.put_batch(sink_batch(lines[5:]))
    end(task)
    assert out.read_text().splitlines() == ["committed", *lines[:-1], *lines]


def test_unfinished_line_of_somebody_else_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out.txt"
    out.write_text("whole\ntheirs")
    task = sink(out)
    task.put_batch(sink_batch(["ours"]))
    with out.open("a") as file:
        file.write("theirs")
    task.put_batch(sink_batch(["theirs or ours"]))
    end(task)
    assert out.read_text() == "whole\ntheirs\nours\ntheirs\ntheirs or ours\n"
    assert len(caplog.records) == 2


def test_file_that_cannot_be_opened_is_told_with_the_remedy(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "out.txt", tmp_path, f"{tmp_path}/a\0b"):
        with pytest.raises(ConnectError, match=r"cannot be opened for writing.*folder"):
            sink(path)


def test_renamed_file_keeps_its_lines_and_a_new_one_is_gone_on_with(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    task = sink(out)
    task.put_batch(sink_batch(["a"]))
    old = out.rename(tmp_path / "out.txt.1")
    task.put_batch(sink_batch(["b"]))
    task.flush({})
    end(task)
    assert (old.read_text(), out.read_text()) == ("a\n", "b\n")


@pytest.mark.parametrize("more", [[], ["b"]])
def test_lines_in_a_deleted_file_come_again(more: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    task = sink(out)
    task.put_batch(sink_batch(["a"]))
    out.unlink()
    if more:
        task.put_batch(sink_batch(more))
    with pytest.raises(RetriableError, match="deleted"):
        task.flush({})
    task.put_batch(sink_batch(["a", "b"]))
    task.flush({})
    end(task)
    assert out.read_text().splitlines() == [*more, "a", "b"]


def test_deleted_file_whose_lines_are_committed_loses_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    task = sink(out)
    task.put_batch(sink_batch(["a"]))
    task.flush({})
    out.unlink()
    task.flush({})
    task.put_batch(sink_batch(["b"]))
    task.flush({})
    end(task)
    assert out.read_text() == "b\n"


def test_folder_that_vanished_fails_the_task(tmp_path: Path) -> None:
    out = tmp_path / "folder" / "out.txt"
    out.parent.mkdir()
    task = sink(out)
    out.unlink()
    out.parent.rmdir()
    with pytest.raises(ConnectError, match=r"out\.txt.*No such file"):
        task.put_batch(sink_batch(["a"]))
    end(task)


HALF_WAY = """
import resource, signal, sys
from pathlib import Path
from penstock.errors import ConnectError
from tests.unit.file.test_file_sink import end, sink, sink_batch

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
task = sink(Path(sys.argv[1]))
task.put_batch(sink_batch(["before"]))
lines = [f"line {n:04d}" for n in range(300)]
try:
    task.put_batch(sink_batch(lines))
except ConnectError as problem:
    print(problem)
print(repr(Path(sys.argv[1]).read_text()))
task.put_batch(sink_batch(lines[:20]))
task.flush({})
end(task)
"""


def test_write_that_fails_half_way_leaves_nothing_and_comes_again(tmp_path: Path) -> None:
    """No file of that process may grow past 1000 bytes, which fails a write half way."""
    out = tmp_path / "out.txt"
    out.write_text("theirs")
    done = subprocess.run(
        [sys.executable, "-c", HALF_WAY, str(out)], capture_output=True, text=True, check=True
    )
    assert "out.txt' failed: File too large; make room" in done.stdout
    assert repr("theirs\nbefore\n") in done.stdout
    lines = [f"line {n:04d}" for n in range(20)]
    assert out.read_text().splitlines() == ["theirs", "before", *lines]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on a disk of one megabyte, where a test may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_fails_the_task_and_leaves_no_torn_line(small_disk: Path) -> None:
    out = small_disk / "out.txt"
    task = sink(out)
    task.put_batch(sink_batch(["kept"]))
    lines = ["x" * 99] * 20_000
    with pytest.raises(ConnectError, match="No space left on device"):
        task.put_batch(sink_batch(lines))
    assert out.read_text() == "kept\n"
    task.put_batch(sink_batch(lines[:100]))
    task.flush({})
    end(task)
    assert len(out.read_text().splitlines()) == 101


def test_failed_sync_fails_every_later_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel drops what it could not write and then reports success: it is not believed."""
    task = sink(tmp_path / "out.txt")
    task.put_batch(sink_batch(["a"]))

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(ConnectError, match="not safely on disk"):
        task.flush({})
    monkeypatch.undo()
    with pytest.raises(ConnectError, match="not safely on disk"):
        task.flush({})
    end(task)


def test_flush_syncs_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (synced.append(fd), sync(fd)))
    task = sink(tmp_path / "out.txt")
    task.flush({})
    task.put_batch(sink_batch(["a"]))
    task.flush({})
    task.flush({})
    assert len(synced) == 1
    end(task)


def test_tasks_that_share_a_file_tear_no_lines(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    rows = 200

    def write(name: str) -> None:
        task = sink(out)
        for first in range(0, 20 * rows, rows):
            lines = [f"{name}{n:05d}" for n in range(first, first + rows)]
            while True:
                try:
                    task.put_batch(sink_batch(lines))
                    break
                except RetriableError:
                    continue  # another task has the lock: the runtime puts the same lines again
        end(task)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = out.read_text().splitlines()
    for name in "abc":
        mine = [line for line in found if line[0] == name]
        assert mine == [f"{name}{n:05d}" for n in range(20 * rows)]
    assert len(found) == 60 * rows


def test_file_locked_by_another_process_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.txt"
    out.touch()
    context = Context()
    task = sink(out, context)
    with out.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RetriableError, match="locked"):
            task.put_batch(sink_batch(["a"]))
        assert sum(context.waits) == pytest.approx(5.0, abs=0.1)
        context.on_wait = lambda: fcntl.flock(file, fcntl.LOCK_UN)
        task.put_batch(sink_batch(["a"]))
    end(task)
    assert out.read_text() == "a\n"


def test_pipe_is_written_as_fast_as_it_is_read_and_stops(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    context = Context()
    task = sink(path, context)
    task.put_batch(sink_batch(["a", "b"]))
    task.flush({})
    assert os.read(reader, 100) == b"a\nb\n"
    context.stopping = True
    with pytest.raises(ConnectError, match="is not read"):
        task.put_batch(sink_batch(["x" * 100_000]))
    end(task)
    os.close(reader)


def test_standard_output_takes_lines(capfd: pytest.CaptureFixture[str]) -> None:
    task = sink()
    task.put_batch(sink_batch(["a", None]))
    task.flush({})
    end(task)
    assert capfd.readouterr().out == "a\nnull\n"


def test_new_file_obeys_the_umask(tmp_path: Path) -> None:
    kept = os.umask(0o027)
    try:
        end(sink(tmp_path / "out.txt"))
    finally:
        os.umask(kept)
    assert stat.S_IMODE((tmp_path / "out.txt").stat().st_mode) == 0o640


def test_connector_copies_its_config_to_every_task_and_takes_any_offsets() -> None:
    made = FileStreamSinkConnector(FileStreamSinkConnector.config_spec().parse({"file": "f"}))
    made.context = Context(file="f")  # type: ignore[assignment]
    assert made.task_configs(3) == [{"file": "f"}] * 3
    assert made.alter_offsets({}) is True
