"""Several processes on one file; some are killed in the middle of what they do."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from penstock.runtime.broker import Assignment, EncodedBatch, TopicSpec
from penstock.runtime.embedded import EmbeddedBroker

WRITER = """
import sys
from penstock.runtime.broker import EncodedBatch
from penstock.runtime.embedded import EmbeddedBroker
name, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
producer = EmbeddedBroker(address).producer({}, client_id=name)
print("ready", flush=True)
sys.stdin.readline()
for token in range(count):
    values = [b"%s %d %d " % (name.encode(), token, row) + b"x" * 200 for row in range(500)]
    row = 0
    while row < len(values):
        row = producer.send(EncodedBatch("t", values), token, row)
        for told in producer.poll(0):
            assert told.error is None, told
            print(told.token, flush=True)
producer.close(1)
"""

READER = """
import sys
from penstock.runtime.broker import Assignment
from penstock.runtime.embedded import EmbeddedBroker
say = lambda sign: lambda places: print(sign, *[one.partition for one in places], flush=True)
consumer = EmbeddedBroker(sys.argv[1]).consumer({}, client_id="r", group_id="g")
consumer.subscribe(["t"], Assignment(say("+"), say("-"), say("!")))
while True:
    consumer.poll(100, 5.0)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def starting(code: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        started.append(subprocess.Popen(command, text=True, **pipes))
        return started[-1]

    yield starting
    for process in started:
        process.kill()
        process.communicate()


def out(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def read_all(path: Path) -> list[tuple[str, int, int]]:
    """Return the rows of the topic as (writer, token, row), in order; checks their offsets."""
    consumer = EmbeddedBroker(str(path)).consumer({}, client_id="c", group_id="all")
    consumer.subscribe(["t"], Assignment(*[lambda _: None] * 3))
    consumer.poll(1, 0)
    found: list[tuple[str, int, int]] = []
    while batches := consumer.poll(5000, 0):
        for one in batches:
            assert list(one.offsets) == list(range(len(found), len(found) + len(one)))
            for value in one.values:
                assert value is not None
                name, token, row, filler = value.decode().split(" ")
                assert filler == "x" * 200
                found.append((name, int(token), int(row)))
    consumer.close(1)
    return found


def test_what_a_killed_writer_was_told_is_there_and_nothing_is_torn(
    tmp_path: Path, start: Any
) -> None:
    path = tmp_path / "log.db"
    acknowledged = 0
    for life in range(3):
        writer = start(WRITER, f"w{life}", path, 1_000_000)
        out(writer).readline()
        go(writer)
        told = [int(out(writer).readline()) for _ in range(7 + life)]
        writer.send_signal(signal.SIGKILL)
        told += [int(line) for line in out(writer).read().split("\n")[:-1] if line]
        assert writer.wait() == -signal.SIGKILL
        rows = [row for row in read_all(path) if row[0] == f"w{life}"]
        # Whole batches, in order, all that were acknowledged and at most one more.
        batches = len(rows) // 500
        expected = [(f"w{life}", token, row) for token in range(batches) for row in range(500)]
        assert rows == expected
        assert len(told) <= batches <= len(told) + 1
        acknowledged += len(told)
    assert len(read_all(path)) >= acknowledged * 500


def test_writers_that_begin_at_once_share_the_file(tmp_path: Path, start: Any) -> None:
    path = tmp_path / "log.db"
    writers = [start(WRITER, f"w{i}", path, 20) for i in range(3)]
    for writer in writers:
        assert out(writer).readline() == "ready\n"
    for writer in writers:
        go(writer)
    for writer in writers:
        assert writer.communicate()[0].split() == [str(token) for token in range(20)]
        assert writer.returncode == 0
    rows = read_all(path)
    assert len(rows) == 3 * 20 * 500
    for i in range(3):
        mine = [row[1:] for row in rows if row[0] == f"w{i}"]
        assert mine == [(token, row) for token in range(20) for row in range(500)]


def test_the_partitions_of_a_killed_reader_go_to_the_other(tmp_path: Path, start: Any) -> None:
    path = tmp_path / "log.db"
    broker = EmbeddedBroker(str(path))
    admin = broker.admin({}, client_id="a")
    admin.create_topics([TopicSpec("t", 2)], 1)
    admin.close()
    first = start(READER, path)
    assert out(first).readline() == "+ 0 1\n"
    second = start(READER, path)
    moved = out(first).readline()
    assert moved in {"- 0\n", "- 1\n"}
    assert out(second).readline() == moved.replace("-", "+")
    first.send_signal(signal.SIGKILL)
    kept = {"- 0\n": "1", "- 1\n": "0"}[moved]
    # Long before session.timeout.ms: the process is seen to have ended, also while unreaped.
    assert out(second).readline() == f"+ {kept}\n"


def test_a_disk_that_is_really_full_is_told(tmp_path: Path, start: Any) -> None:
    code = """
import resource, sys
from penstock.errors import BrokerError
from penstock.runtime.broker import EncodedBatch
from penstock.runtime.embedded import EmbeddedBroker
producer = EmbeddedBroker(sys.argv[1]).producer({}, client_id="p")
producer.send(EncodedBatch("t", [b"a"]), 0)
assert producer.poll(0)[0].error is None
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
try:
    for token in range(1, 100):
        producer.send(EncodedBatch("t", [b"x" * 100_000]), token)
        good = producer.poll(0)
except BrokerError as problem:
    print(problem)
    print(*[(one.token == token, one.retriable) for one in producer.poll(0)])
"""
    process = start(code, tmp_path / "log.db")
    said = process.communicate()[0].splitlines()
    assert "check the disk and its free space" in said[0]
    assert said[1] == "(True, True)"


def test_sends_of_other_processes_are_seen(tmp_path: Path) -> None:
    broker = EmbeddedBroker(str(tmp_path / "log.db"))
    producer = broker.producer({}, client_id="p")
    consumer = broker.consumer({}, client_id="c", group_id="g")
    consumer.subscribe("t", Assignment(*[lambda _: None] * 3))
    assert consumer.poll(1, 0) == ()
    for i in range(3):
        producer.send(EncodedBatch("t", [b"%d" % i]), i)
        producer.poll(0)
        if i == 0:
            assert consumer.poll(1, 0) == ()
        assert consumer.poll(1, 0)[0].values == [b"%d" % i]
    producer.close(1)
    consumer.close(1)
