"""The file connectors keep the contract of connectors, also when their process is killed."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.unit.file.file_doubles import Context, end, lines_of, positions_of, sink, source

from penstock.api import SinkConnector, SourceConnector
from penstock.errors import ConfigError
from penstock_file import FileStreamSinkConnector, FileStreamSourceConnector

LINES = 20_000
CHUNK = 4_000

WRITER = f"""
import sys
from pathlib import Path
from tests.unit.file.file_doubles import sink, sink_batch
from penstock.data import Text
out, committed = Path(sys.argv[1]), Path(sys.argv[2])
done = int((committed.read_text() or "0").split()[0])
task = sink(out)
while True:
    for step in range(3):
        lines = [b"%09d " % n + b"x" * 290 for n in range(done, done + {CHUNK})]
        task.put_batch(sink_batch(Text(lines)))
        done += {CHUNK}
    task.flush({{}})
    committed.write_text(f"{{done}} {{out.stat().st_size}}")
    print(done, flush=True)
"""


def test_sink_killed_at_any_time_has_every_line_whole_in_the_end(tmp_path: Path) -> None:
    """The process dies in the middle of writes of a megabyte; a write may then end early."""
    out, committed = tmp_path / "out.txt", tmp_path / "committed"
    committed.touch()
    for kill in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(out), str(committed)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(1 + kill % 2):
            process.stdout.readline()
        threading.Event().wait(0.001 * kill)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if kill % 2:
            # A power cut tears more finely, and behind what was synced.
            _cut_last_line(out, safe_bytes=int((committed.read_text() or "0 0").split()[1]))
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(out), str(committed)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()
    whole = out.read_bytes().rpartition(b"\n")[0].split(b"\n")
    assert {len(line) for line in whole} == {300}
    assert {int(line[:9]) for line in whole} >= set(range(int(committed.read_text().split()[0])))


def _cut_last_line(out: Path, safe_bytes: int) -> None:
    size = out.stat().st_size
    if size - 150 > safe_bytes:
        os.truncate(out, size - 150)


@pytest.mark.parametrize("batch_size", ["7", "2000"])
def test_source_stopped_at_any_poll_goes_on_exactly(batch_size: str, tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    lines = [f"{n} éü漢{'x' * (n % 50)}" for n in range(LINES)]
    path.write_text("".join(f"{line}\n" for line in lines))
    got: list[str] = []
    stored: dict[str, int] = {}
    for polls in itertools.count(1):
        task = source(Context(stored), file=str(path), batch_size=batch_size)
        for _ in range(polls * polls):
            batch = task.poll()
            if batch is None:
                break
            got += list(batch.values)
            stored = {str(path): positions_of(batch)[-1]}
        end(task)
        if len(got) >= LINES:
            break
    assert got == lines


def test_unacknowledged_lines_come_again(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("a\nb\nc\n")
    task = source(file=str(path))
    batch = task.poll()
    assert batch is not None
    end(task)
    task = source(Context({str(path): positions_of(batch)[0]}), file=str(path))
    assert lines_of(task) == ["b", "c"]
    end(task)


def test_stop_while_polling_returns_soon(tmp_path: Path) -> None:
    class Waiting(Context):
        told = threading.Event()

        def wait(self, timeout_s: float) -> bool:
            return self.told.wait(timeout_s)

    context = Waiting()
    task = source(context, file=str(tmp_path / "missing"))
    thread = threading.Thread(target=lambda: [task.poll() for _ in range(6)])
    thread.start()
    context.stopping = True
    context.told.set()
    thread.join(2)
    assert not thread.is_alive()
    end(task)


def test_nothing_is_left_open_or_running(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("a\n")
    before = (threading.active_count(), sorted(os.listdir("/proc/self/fd")))  # noqa: PTH208
    for _ in range(3):
        task = source(file=str(path))
        lines_of(task)
        end(task)
        end(sink(tmp_path / "out.txt"))
        never_started = source(file=str(tmp_path))
        with pytest.raises(Exception, match="directory"):
            never_started.poll()
        end(never_started)
    assert (threading.active_count(), sorted(os.listdir("/proc/self/fd"))) == before  # noqa: PTH208


@pytest.mark.parametrize("connector", [FileStreamSourceConnector, FileStreamSinkConnector])
def test_connector_tells_its_version(
    connector: type[SourceConnector[object] | SinkConnector[object]],
) -> None:
    assert connector.version() == "0.1.0"


def test_topic_is_required() -> None:
    with pytest.raises(ConfigError, match='Missing required configuration "topic"'):
        FileStreamSourceConnector.config_spec().parse({})
