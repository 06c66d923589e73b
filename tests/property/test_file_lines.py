"""Lines and positions of a file do not depend on how it is read, and survive a restart anywhere."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.file import file_doubles as doubles

from penstock.data import Text
from penstock.errors import ConnectError
from penstock_file._lines import LineSplitter, Positions, java_utf8
from penstock_file._resume import find_place

LINE = re.compile(rb"([^\r\n]*)(\r\n|\n|\r(?!\Z))")
"""A CR at the very end waits for one more byte."""

PIECES = st.sampled_from(
    [b"\n", b"\r", b"\r\n", b"a", b"bc", "é".encode(), "€𝄞".encode(), b"\xff", b"\xe2\x82", b"\0"]
)
CONTENT = st.lists(PIECES, max_size=60).map(b"".join)
TEXT = st.text(st.sampled_from("aé€𝄞 ,"), max_size=12)


def model(data: bytes) -> tuple[list[bytes], list[int], bytes]:
    """Return the lines of the whole, the position after each, and what is left."""
    found = list(LINE.finditer(data))
    ends = [one.end() for one in found]
    return [java_utf8(one[1]) for one in found], ends, data[ends[-1] if ends else 0 :]


@given(CONTENT, st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 5))
def test_any_split_into_blocks_gives_the_same(data: bytes, cuts: list[int], most: int) -> None:
    splitter = LineSplitter(0, name="f")
    lines: list[bytes] = []
    ends: list[int] = []
    sizes = itertools.cycle(cuts)
    at = 0
    while at < len(data):
        block = data[at : at + next(sizes)]
        at += len(block)
        fed = splitter.feed(block)
        while fed is not None and len(fed):
            raw, positions = fed.take(most)
            assert len(raw) == len(positions) <= most
            lines += raw
            ends += [one["position"] for one in positions]
    wanted, wanted_ends, rest = model(data)
    assert (lines, ends) == (wanted, wanted_ends)
    assert splitter.position == len(data) - len(rest)
    assert Text.checked(lines) is not None
    last = splitter.finish()
    if rest:
        assert last is not None
        raw, positions = last.take(9)
        assert raw == [java_utf8(rest.removesuffix(b"\r"))]
        assert positions[-1] == {"position": len(data)}
    else:
        assert last is None


@given(CONTENT, st.integers(1, 9), st.integers(1, 6))
def test_a_line_beyond_the_bound_is_refused_after_those_before(
    data: bytes, size: int, bound: int
) -> None:
    wanted = [one[1] for one in LINE.finditer(data)]
    good = list(itertools.takewhile(lambda line: len(line) <= bound, wanted))
    is_refused = len(good) < len(wanted) or len(model(data)[2].removesuffix(b"\r")) > bound
    splitter = LineSplitter(0, name="f", line_bytes_max=bound)
    lines: list[bytes] = []
    try:
        for at in range(0, len(data), size):
            fed = splitter.feed(data[at : at + size])
            if fed is not None:
                lines += fed.take(len(fed))[0]
        splitter.check()
    except ConnectError as problem:
        assert is_refused
        assert f"longer than {bound} bytes" in str(problem)  # noqa: PT017 - may also go well
    else:
        assert not is_refused
    assert lines == [java_utf8(line) for line in good]


@given(
    st.lists(TEXT, min_size=1, max_size=30),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 7),
    st.integers(0, 40),
)
def test_text_survives_a_restart_at_any_line(
    lines: list[str], line_end: str, most: int, stop_at: int
) -> None:
    # A line of text behind them completes the last line when its end is a CR.
    data = line_end.join([*lines, "|"]).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.txt"
        path.write_bytes(data)
        got: list[str] = []
        stored: dict[str, int] = {}
        for _ in range(2):
            task = doubles.source(doubles.Context(stored), file=str(path), batch_size=str(most))
            while (batch := task.poll()) is not None:
                got += list(batch.values)
                stored = {str(path): doubles.positions_of(batch)[-1]}
                if len(got) >= stop_at:
                    break
            doubles.end(task)
        task = doubles.source(doubles.Context(stored), file=str(path))
        got += doubles.lines_of(task, idle=1)
        doubles.end(task)
    assert got == lines


@given(st.lists(TEXT, max_size=20), st.sampled_from(["\n", "\r\n"]), st.data())
def test_a_position_in_characters_is_taken_over(
    lines: list[str], line_end: str, data: st.DataObject
) -> None:
    """Java counts UTF-16 units; where that is no byte position of a line, the bytes are found."""
    text = "".join(line + line_end for line in lines)
    read = data.draw(st.integers(0, len(lines)))
    before = "".join(line + line_end for line in lines[:read])
    content = text.encode()
    units = len(before.encode("utf-16-le")) // 2
    place, _ = find_place(
        lambda size, at: content[at : at + size], units, len(content), lambda: False
    )
    starts = [0, *itertools.accumulate(len((line + line_end).encode()) for line in lines)]
    assert place in starts
    assert place in (units, len(before.encode()))


@given(st.binary(max_size=40), st.integers(0, 60))
def test_any_stored_position_gives_the_start_of_a_line(content: bytes, position: int) -> None:
    place, why = find_place(
        lambda size, at: content[at : at + size], position, len(content), lambda: False
    )
    assert place == 0 or re.search(rb"(\n|\r(?!\n))\Z", content[:place]) is not None
    assert why or place == position


@given(st.lists(st.integers(0, 300), min_size=1, max_size=20), st.integers(0, 2))
def test_positions_are_the_sums(sizes: list[int], end_size: int) -> None:
    wanted = list(itertools.accumulate((n + end_size for n in sizes), initial=7))[1:]
    positions = Positions(7, sizes, end_size, wanted[-1])
    assert [one["position"] for one in positions] == wanted
    assert positions[-1] == {"position": wanted[-1]}
    assert [one["position"] for one in positions[1:3]] == wanted[1:3]


LINES = st.lists(st.text(st.sampled_from("aé,"), max_size=5), min_size=2, max_size=25).map(
    lambda texts: [f"{text}#{i}" for i, text in enumerate(texts)]
)


@given(LINES, st.data())
def test_a_sink_cut_anywhere_after_the_commit_has_whole_lines_again(
    lines: list[str], data: st.DataObject
) -> None:
    """A crash may leave any part of what was written after the commit; all that comes again."""
    committed = data.draw(st.integers(0, len(lines) - 1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.txt"
        first = doubles.sink(path)
        first.put_batch(doubles.sink_batch(Text([line.encode() for line in lines])))
        doubles.end(first)
        safe = len("".join(line + "\n" for line in lines[:committed]).encode())
        os.truncate(path, data.draw(st.integers(safe, path.stat().st_size)))
        again = doubles.sink(path)
        left = [line.encode() for line in lines[committed:]]
        while left:
            n = data.draw(st.integers(1, len(left)))
            again.put_batch(doubles.sink_batch(Text(left[:n])))
            left = left[n:]
        doubles.end(again)
        found = path.read_text().splitlines()
    assert set(found) == set(lines)
    assert found[:committed] == lines[:committed]


@pytest.mark.parametrize("bad", [b"\xed\xa0\x80", b"\xff\xfe", b"\xe2\x82", b"\xf0\x9d\x84"])
def test_bytes_that_are_no_text_do_not_move_positions(bad: bytes) -> None:
    splitter = LineSplitter(0, name="f")
    lines = splitter.feed(b"a" + bad + b"\nb\n")
    assert lines is not None
    raw, positions = lines.take(5)
    assert "\ufffd" in raw[0].decode()
    assert [one["position"] for one in positions] == [len(bad) + 2, len(bad) + 4]
