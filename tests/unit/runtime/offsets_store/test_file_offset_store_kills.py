"""A process that is killed while it stores offsets leaves the old file or the new one."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.runtime.offsets.file_store import FileOffsetStore

pytestmark = pytest.mark.chaos

KEY = b'["a",{}]'
ROUNDS = 20

AT_A_STEP = """
import os, pathlib, sys
from penstock.runtime.offsets.file_store import FileOffsetStore
store = FileOffsetStore(sys.argv[1])
step, left = sys.argv[2], int(sys.argv[3])

def dying(real):
    def call(*given, **named):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return real(*given, **named)
    return call

if step == "replace":
    pathlib.Path.replace = dying(pathlib.Path.replace)
else:
    setattr(os, step, dying(getattr(os, step)))
store.put({b'["a",{}]': b"2" * 100_000})
"""

WITHOUT_END = """
import sys
from penstock.runtime.offsets.file_store import FileOffsetStore
store = FileOffsetStore(sys.argv[1])
n = int(store.get([b'["a",{}]'])[0] or 0)
while True:
    n += 1
    store.put({b'["a",{}]': b"%d" % n, b"more": b"x" * 50_000})
    print(n, flush=True)
"""


@pytest.mark.parametrize(
    ("step", "done"), [("open", 0), ("fsync", 0), ("replace", 0), ("open", 1), ("fsync", 1)]
)
def test_killed_before_a_step(tmp_path: Path, step: str, done: int) -> None:
    file = tmp_path / "offsets"
    FileOffsetStore(file).put({KEY: b"1"})
    ended = subprocess.run(
        [sys.executable, "-c", AT_A_STEP, str(file), step, str(done)], timeout=30, check=False
    )
    assert ended.returncode == 9
    store = FileOffsetStore(file)
    assert store.get([KEY]) == [b"2" * 100_000 if done else b"1"]
    store.put({KEY: b"3"})
    assert FileOffsetStore(file).get([KEY]) == [b"3"]


def test_killed_anywhere_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "offsets"
    FileOffsetStore(file).put({KEY: b"0"})
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - for a test
    for _ in range(ROUNDS):
        with subprocess.Popen(
            [sys.executable, "-c", WITHOUT_END, str(file)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randrange(1, 20)):
                acknowledged = int(writer.stdout.readline())
            writer.kill()
            acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])
        (value,) = FileOffsetStore(file).get([KEY])
        assert acknowledged <= int(value or b"-1") <= acknowledged + 1
