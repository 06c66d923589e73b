from __future__ import annotations

import pytest

from penstock.data import Repeat
from penstock.runtime.broker import EncodedBatch
from penstock.runtime.embedded.segment import Rows, join_rows, pack, row_sizes, rows_of, unpack


def rows(n: int = 3, **columns: object) -> Rows:
    plain = {"values": [b"v%d" % i for i in range(n)], "keys": None, "headers": None}
    return Rows(**{**plain, "timestamps": Repeat(5, n), **columns})  # type: ignore[arg-type]


def same(a: Rows, b: Rows) -> bool:
    def plain(one: Rows) -> list[object]:
        headers = None if one.headers is None else [list(row) for row in one.headers]
        keys = None if one.keys is None else list(one.keys)
        return [list(one.values), keys, list(one.timestamps), headers]

    return plain(a) == plain(b)


@pytest.mark.parametrize(
    "given",
    [
        rows(),
        rows(1),
        rows(values=[None, b"", b"x"]),
        rows(values=[None, None, None]),
        rows(keys=[b"a", None, b""]),
        rows(timestamps=[1, -1, 2**62]),
        rows(headers=[[("h", b"1"), ("h", None)], [], [("é", b"")]]),
        rows(headers=[[("half \ud800", b"1")], (), ()]),
    ],
)
def test_rows_come_back_as_they_were(given: Rows) -> None:
    segment = unpack(pack(given))
    assert segment.count == len(given)
    assert same(segment.rows(0, len(given)), given)
    for start in range(len(given)):
        assert same(segment.rows(start, start + 1), given.slice(start, start + 1))


def test_same_timestamps_take_no_space() -> None:
    assert len(pack(rows(timestamps=[7, 7, 7]))) == len(pack(rows()))
    assert isinstance(unpack(pack(rows(timestamps=[7, 7, 7]))).rows(0, 3).timestamps, Repeat)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (rows(values=["text", b"", b""]), TypeError),
        (rows(values=[1, b"", b""]), TypeError),
        (rows(timestamps=[1, 2, 2**63]), OverflowError),
        (rows(timestamps=Repeat(2**63, 3)), OverflowError),
        (rows(headers=[[(1, b"")], (), ()]), AttributeError),
    ],
)
def test_what_is_not_bytes_is_refused(wrong: Rows, error: type[Exception]) -> None:
    with pytest.raises(error):
        pack(wrong)


def test_every_single_bit_that_flips_is_found() -> None:
    data = pack(rows(keys=[b"k", None, b""], headers=[[("h", b"1")], (), ()]))
    for at in range(len(data)):
        broken = bytearray(data)
        broken[at] ^= 1 << (at % 8)
        with pytest.raises(ValueError, match=r"version|checksum"):
            unpack(bytes(broken))


def test_every_cut_is_found() -> None:
    data = pack(rows(keys=[b"k", None, b""]))
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"ends|checksum"):
            unpack(data[:length])


def test_joined_rows_fill_the_columns_that_some_lack() -> None:
    joined = join_rows(
        [
            rows(1),
            rows(1, keys=[b"k"], timestamps=Repeat(6, 1)),
            rows(1, headers=[[("h", b"1")]], timestamps=[7]),
        ]
    )
    expected = rows(
        values=[b"v0"] * 3,
        keys=[None, b"k", None],
        timestamps=[5, 6, 7],
        headers=[(), (), [("h", b"1")]],
    )
    assert same(joined, expected)


def test_joined_rows_of_one_time_stay_cheap() -> None:
    joined = join_rows([rows(2), rows(3)])
    assert isinstance(joined.timestamps, Repeat)
    assert len(joined.timestamps) == 5
    assert joined.keys is None


def test_rows_of_a_batch_are_stamped_where_they_have_no_time() -> None:
    values = [b"a", b"b", b"c"]
    assert list(rows_of(EncodedBatch("t", values), 1, 3, 9).timestamps) == [9, 9]
    mixed = rows_of(EncodedBatch("t", values, timestamps=[1, None, 3]), 0, 3, 9)
    assert list(mixed.timestamps) == [1, 9, 3]
    one = rows_of(EncodedBatch("t", values, timestamps=Repeat(4, 3)), 0, 2, 9)
    assert list(one.timestamps) == [4, 4]
    none = rows_of(EncodedBatch("t", values, timestamps=Repeat(None, 3)), 0, 3, 9)
    assert list(none.timestamps) == [9, 9, 9]


def test_row_sizes_count_keys_and_headers() -> None:
    given = rows(keys=[b"kk", None, b""], headers=[[("h", b"123")], (), [("i", None)]])
    assert row_sizes(given) == [2 + 2 + 4, 2, 2 + 1]
