"""The S3 sink's files do not depend on how their records came: what exactly once rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.s3.s3_batches import sink_batch

from penstock.data import Schema
from penstock_s3._border import Cut, Lot, Write
from penstock_s3._compat import Compatibility
from penstock_s3._rotation import Rules, Span

V1 = Schema.struct({"id": Schema.INT32}, name="O", version=1)
V2 = Schema.struct({"id": Schema.INT64, "x": Schema.OPTIONAL_STRING}, name="O", version=2)
V3 = Schema.struct({"id": Schema.STRING}, name="O", version=3)
V0 = Schema.struct({"id": Schema.INT32}, name="O", version=0)


@attrs.frozen
class Row:
    path: str
    time: int
    size: int
    schema: Schema
    gap: int


rows = st.lists(
    st.builds(
        Row,
        path=st.sampled_from(["a", "b", "c"]),
        time=st.integers(0, 100),
        size=st.integers(1, 20),
        schema=st.sampled_from([V0, V1, V2, V3]),
        gap=st.integers(0, 2),
    ),
    max_size=40,
)
rules = st.builds(
    Rules,
    rows=st.integers(1, 12),
    size=st.sampled_from([-1, 1, 30, 100]),
    interval=st.sampled_from([-1, 1, 20, 60]),
    ends_at_other_path=st.booleans(),
    files=st.sampled_from([-1, 1, 2]),
    rows_before_schema=st.sampled_from([0, 2, 5, 100]),
)
modes = st.sampled_from(["NONE", "BACKWARD", "FORWARD", "FULL"])
sizes = st.lists(st.integers(1, 7), min_size=1)
Files = list[tuple[str, int, list[int], Any]]


def lots(some: Sequence[tuple[int, Row]]) -> list[Lot]:
    """Return rows as a sink is given them: a batch a schema."""
    made = []
    for schema in dict.fromkeys(row.schema for _, row in some):
        mine = [(offset, row) for offset, row in some if row.schema is schema]
        offsets = [offset for offset, _ in mine]
        made.append(
            Lot(
                sink_batch([{"id": offset} for offset in offsets], schema, offsets=offsets),
                [row.path for _, row in mine],
                [row.time for _, row in mine],
                [row.size for _, row in mine],
            )
        )
    return made


def numbered(given_rows: Sequence[Row]) -> list[tuple[int, Row]]:
    found, offset = [], 0
    for row in given_rows:
        offset += row.gap
        found.append((offset, row))
        offset += 1
    return found


def files(
    span: Span, given_rows: Sequence[tuple[int, Row]], polls: Sequence[int]
) -> tuple[Files, int]:
    """Return the completed files, and the offset to read on from."""
    done: Files = []
    opened: dict[Any, tuple[str, int, list[int], Any]] = {}
    committed, at, turn = 0, 0, 0
    while at < len(given_rows):
        size = polls[turn % len(polls)]
        for step in span.plan(lots(given_rows[at : at + size]), 0):
            if isinstance(step, Cut):
                done += sorted(opened.values(), key=lambda file: (file[0], file[1]))
                opened.clear()
                committed = step.offset
                continue
            add(opened, step)
        at, turn = at + size, turn + 1
    return done, committed


def add(opened: dict[Any, Any], step: Write) -> None:
    file = opened.setdefault(
        (step.path, step.schemas), (step.path, step.offset, [], step.schemas.value)
    )
    origin: Any = step.batch.origin
    file[2].extend(origin.offsets[row] for row in step.batch.rows)


@settings(deadline=None, max_examples=300)
@given(given_rows=rows, chosen=rules, mode=modes, polls=sizes)
def test_files_are_the_same_for_all_polls(
    given_rows: list[Row], chosen: Rules, mode: str, polls: list[int]
) -> None:
    all_rows = numbered(given_rows)
    whole = files(Span(chosen, Compatibility(mode)), all_rows, [1000])
    assert files(Span(chosen, Compatibility(mode)), all_rows, polls) == whole


@settings(deadline=None, max_examples=300)
@given(given_rows=rows, chosen=rules, mode=modes, polls=sizes, stop=st.integers(0, 40))
def test_files_are_the_same_after_a_crash(
    given_rows: list[Row], chosen: Rules, mode: str, polls: list[int], stop: int
) -> None:
    all_rows = numbered(given_rows)
    whole, _ = files(Span(chosen, Compatibility(mode)), all_rows, polls)
    before, committed = files(Span(chosen, Compatibility(mode)), all_rows[:stop], polls)
    left = [(offset, row) for offset, row in all_rows if offset >= committed]
    after, _ = files(Span(chosen, Compatibility(mode)), left, [3])
    assert before + after == whole


@settings(deadline=None, max_examples=300)
@given(given_rows=rows, chosen=rules, mode=modes, polls=sizes)
def test_every_record_is_in_one_file_and_files_have_names_of_their_own(
    given_rows: list[Row], chosen: Rules, mode: str, polls: list[int]
) -> None:
    all_rows = numbered(given_rows)
    span = Span(chosen, Compatibility(mode))
    done, committed = files(span, all_rows, polls)
    found = sorted(offset for _, _, offsets, _ in done for offset in offsets)
    assert found == [offset for offset, _ in all_rows if offset < committed]
    assert len({(path, start) for path, start, _, _ in done}) == len(done)
    assert all(start == offsets[0] for _, start, offsets, _ in done)
    assert all(offsets == sorted(offsets) for _, _, offsets, _ in done)
    assert span.rows == len(all_rows) - len(found)
