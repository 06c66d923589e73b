from __future__ import annotations

import pytest

from penstock.data import Repeat
from penstock.runtime.embedded import partitioner
from penstock.runtime.embedded.partitioner import Partitioner
from penstock.runtime.murmur2 import murmur2, partition_of_key


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_java(data: bytes, expected: int) -> None:
    assert murmur2(data) == expected


def test_partition_of_a_key_drops_the_sign_as_java_does() -> None:
    assert partition_of_key(b"21", 1000) == (-973932308 & 0x7FFFFFFF) % 1000


def test_rows_without_a_key_stay_together_and_rotate() -> None:
    chooser = Partitioner()
    chosen = [chooser.choose(None, None, 5, 3) for _ in range(4)]
    assert [list(one) for one in chosen] == [[0] * 5, [1] * 5, [2] * 5, [0] * 5]
    assert all(isinstance(one, Repeat) for one in chosen)


def test_a_wanted_partition_wins_over_the_key_and_the_key_over_the_rotation() -> None:
    keys = [b"21", b"21", None, b"foobar"]
    chosen = Partitioner().choose([7, None, None, None], keys, 4, 10)
    expected = [7, partition_of_key(b"21", 10), 0, partition_of_key(b"foobar", 10)]
    assert list(chosen) == expected


def test_one_partition_needs_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitioner, "partition_of_key", lambda *_: pytest.fail("hashed"))
    assert list(Partitioner().choose(None, [b"a", b"b"], 2, 1)) == [0, 0]
    assert list(Partitioner().choose(Repeat(None, 2), [b"a", b"b"], 2, 1)) == [0, 0]


def test_hashed_keys_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitioner, "KEYS_CACHED_MAX", 2)
    chooser = Partitioner()
    keys = [b"%d" % i for i in range(9)]
    chosen = chooser.choose(None, keys, 9, 100)
    assert list(chosen) == [partition_of_key(key, 100) for key in keys]
    assert len(chooser._known) <= 2
