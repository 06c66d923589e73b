"""However a file is cut into blocks, its lines and their positions are those of the whole."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from penstock_file._lines import LineSplitter

TEXT = st.lists(
    st.one_of(
        st.sampled_from(
            [b"\n", b"\r", b"\r\n", b"a", b"line", b"\x00", "é".encode(), "漢🙂".encode()]
        ),
        st.binary(max_size=6),
    ),
    max_size=40,
).map(b"".join)


def expected(data: bytes) -> list[tuple[bytes, int]]:
    """Return every complete line and the position after it; a CR at the end waits."""
    known = data[:-1] if data.endswith(b"\r") else data
    ends = re.finditer(rb"([^\r\n]*)(\r\n|\n|\r)", known)
    return [(match[1], match.end()) for match in ends]


@given(TEXT, st.lists(st.integers(1, 7), min_size=1, max_size=60), st.integers(1, 5))
def test_any_blocks_give_the_lines_and_positions_of_the_whole(
    data: bytes, cuts: list[int], most: int
) -> None:
    splitter = LineSplitter(0)
    found: list[tuple[bytes, int]] = []
    at = 0
    sizes = iter(cuts * (len(data) + 1))
    while at < len(data):
        size = next(sizes)
        lines = splitter.feed(data[at : at + size])
        at += size
        if lines is None:
            continue
        for first in range(0, len(lines.raw), most):
            raw, positions = lines.piece(first, min(first + most, len(lines.raw)))
            assert positions[-1] == {"position": positions.end}
            found.extend((line, positions[i]["position"]) for i, line in enumerate(raw))
    assert found == expected(data)
    assert splitter.position == (found[-1][1] if found else 0)
    assert splitter.read_position == len(data)


@given(TEXT, st.data())
def test_reading_goes_on_after_any_line_without_loss_or_tearing(
    data: bytes, draw: st.DataObject
) -> None:
    lines = expected(data)
    at = draw.draw(st.integers(0, len(lines)))
    start = lines[at - 1][1] if at else 0
    splitter = LineSplitter(start)
    again = splitter.feed(data[start:])
    raw = again.raw if again is not None else []
    assert raw == [line for line, _ in lines[at:]]


@given(st.binary(max_size=30))
def test_finish_gives_the_unfinished_rest_as_lines(data: bytes) -> None:
    splitter = LineSplitter(0)
    first = splitter.feed(data)
    last = splitter.finish()
    raw = (first.raw if first else []) + (last.raw if last else [])
    assert raw == data.splitlines()
    assert splitter.position == len(data)
