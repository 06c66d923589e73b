"""FileStreamSink on real files: rendering, appending, torn lines, full disks."""

from __future__ import annotations

import datetime as dt
import decimal
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from penstock.data import Batch, Repeat, Schema, SinkOrigin, Text
from penstock.errors import ConnectError
from penstock_file import FileStreamSinkTask
from penstock_file._render import render


def batch(values: Any, schema: Schema | None = Schema.STRING) -> Batch:
    n = len(values)
    whole = Batch.source(topic="t", values=values, value_schema=schema)
    whole.origin = SinkOrigin(topic="t", partition=0, offsets=range(n))
    whole.partitions = Repeat(0, n)
    return whole


def started(path: Path | None) -> FileStreamSinkTask:
    raw = {} if path is None else {"file": str(path)}
    task = FileStreamSinkTask(FileStreamSinkTask.config_spec().parse(raw))
    task.start()
    return task


def test_lines_are_visible_before_the_flush_and_appended(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    out.write_text("before\n")
    task = started(out)
    task.put_batch(batch(Text([b"a", "é".encode()])))
    assert out.read_text() == "before\na\né\n"
    task.put_batch(batch(["b", None]))
    task.put(list(batch([{"x": 1}], None).records()))
    task.flush({})
    task.stop()
    assert out.read_text() == "before\na\né\nb\nnull\n{x=1}\n"


STRUCT = Schema.struct({"a": Schema.INT32, "b": Schema.OPTIONAL_STRING, "c": Schema.FLOAT64})


@pytest.mark.parametrize(
    ("value", "schema", "text"),
    [
        ("text", Schema.STRING, "text"),
        (None, None, "null"),
        (True, Schema.BOOLEAN, "true"),
        (7, Schema.INT8, "7"),
        (1.0, Schema.FLOAT64, "1.0"),
        (1e10, Schema.FLOAT64, "1.0E10"),
        (1.5e-5, Schema.FLOAT64, "1.5E-5"),
        (float("nan"), Schema.FLOAT64, "NaN"),
        ({"a": 1, "b": None, "c": 2.5}, STRUCT, "Struct{a=1,c=2.5}"),
        ({"x": 1, "y": None}, None, "{x=1, y=null}"),
        (["p", "q"], Schema.array(Schema.STRING), "[p, q]"),
        (b"raw", Schema.BYTES, "raw"),
        (decimal.Decimal("1.50"), None, "1.50"),
        (dt.date(2020, 1, 2), None, "2020-01-02"),
    ],
)
def test_values_are_written_as_java_prints_them(
    value: Any, schema: Schema | None, text: str
) -> None:
    assert render(value, schema) == text


def test_torn_line_of_a_crash_is_written_again_whole(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    out.write_text("whole\ntor")
    task = started(out)
    task.put_batch(batch(["torn line", "next"]))
    task.stop()
    assert out.read_text() == "whole\ntorn line\nnext\n"


def test_unfinished_line_of_somebody_else_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    out.write_text("whole\ntheirs")
    task = started(out)
    task.put_batch(batch(["ours"]))
    task.stop()
    assert out.read_text() == "whole\ntheirs\nours\n"


def test_file_that_cannot_be_opened_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match=r"missing/out.txt.*folder"):
        started(tmp_path / "missing" / "out.txt")


FULL = """
import resource, signal, sys
from pathlib import Path
from penstock.errors import ConnectError
from tests.unit.file.test_sink import batch, started
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
task = started(Path(sys.argv[1]))
lines = [f"line {n:04d}" for n in range(300)]
try:
    task.put_batch(batch(lines))
except ConnectError as problem:
    print(problem)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
again = started(Path(sys.argv[1]))
again.put_batch(batch(lines))
again.flush({})
"""


def test_full_disk_leaves_no_torn_line_and_the_lines_come_again(tmp_path: Path) -> None:
    """A bound on the file's size fails the write half way, as a full disk does."""
    out = tmp_path / "out.txt"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(out)], capture_output=True, text=True, check=True
    )
    assert "out.txt" in done.stdout
    assert "make room" in done.stdout
    lines = out.read_text().splitlines()
    wanted = [f"line {n:04d}" for n in range(300)]
    assert lines[-300:] == wanted
    assert set(lines) == set(wanted)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
