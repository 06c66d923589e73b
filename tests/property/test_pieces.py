"""A batch done in pieces around its bad rows gives what it gives row by row."""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.data import Batch
from penstock.runtime.broker import FetchedBatch
from penstock.runtime.pipeline.chain import Step, TransformChain
from penstock.runtime.pipeline.codec import RecordCodec, in_order
from penstock.runtime.pipeline.pieces import in_pieces

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "runtime" / "pipeline"))
import pipeline_parts as parts

TEXTS = st.one_of(
    st.none(),
    st.sampled_from([b"bad", b"worse", b"drop", b"other one", b"12", b"7", b"odd", b"plain text"]),
    st.text(alphabet="abc", max_size=7).map(str.encode),
)
HEADERS = st.lists(st.tuples(st.just("h"), st.sampled_from([b"good", b"bad"])), max_size=2)


@st.composite
def fetches(draw: st.DrawFn) -> FetchedBatch:
    values = draw(st.lists(TEXTS, min_size=1, max_size=60))
    keys = draw(st.one_of(st.none(), st.lists(TEXTS, min_size=len(values), max_size=len(values))))
    headers = draw(
        st.one_of(st.none(), st.lists(HEADERS, min_size=len(values), max_size=len(values)))
    )
    return parts.fetched(values, keys, headers)


def through(one: FetchedBatch, *, rows_only: bool) -> tuple[Any, Any, Any]:
    """Return the records after decoding and transforms, what is written of them, and failures."""
    told = parts.Told()
    guard = parts.guard(told)
    converter = parts.RowByRow if rows_only else parts.Refusing
    transform = (parts.SortingRows if rows_only else parts.Sorting)(parts.NONE)
    predicate = (parts.ShortRows if rows_only else parts.Short)(parts.NONE)
    codec = RecordCodec(
        converter(parts.NONE), converter(parts.NONE), parts.RefusingHeader(parts.NONE), guard
    )
    steps = [Step("all", transform), Step("short", transform, predicate, negate=True)]
    batches = TransformChain(steps, guard).apply(codec.decode(one))
    records = [(batch.rows[i], batch.record(i)) for batch in batches for i in range(len(batch))]
    records.sort(key=lambda pair: pair[0])
    written = {
        part.batch.topic: (
            list(part.rows),
            list(part.batch.values),
            None if part.batch.keys is None else list(part.batch.keys),
            None if part.batch.headers is None else [list(h) for h in part.batch.headers],
        )
        for part in in_order([codec.encode(batch) for batch in batches])
    }
    return records, written, told.brief()


@given(fetches())
def test_pieces_equal_row_by_row_for_converters_transforms_and_predicates(
    one: FetchedBatch,
) -> None:
    assert through(one, rows_only=False) == through(one, rows_only=True)


@given(fetches())
def test_a_row_fails_once_and_only_in_its_first_stage(one: FetchedBatch) -> None:
    records, _, failures = through(one, rows_only=False)
    places = [place for _, place, _ in failures]
    assert len(places) == len(set(places))
    delivered = {record.offset for _, record in records}
    assert not delivered & {int(place.rpartition("@")[2]) for place in places}


@given(st.integers(1, 3000), st.sets(st.integers(0, 2999), max_size=20))
def test_bad_rows_cost_a_logarithm_of_calls_each(total: int, marked: set[int]) -> None:
    bad = {row for row in marked if row < total}
    calls: dict[str, int] = defaultdict(int)

    def whole(start: int, stop: int) -> list[int]:
        calls["whole"] += 1
        if any(row in bad for row in range(start, stop)):
            raise ValueError
        return list(range(start, stop))

    def single(row: int) -> list[int] | None:
        calls["single"] += 1
        return None if row in bad else [row]

    done = in_pieces(total, whole, single)
    assert [row for _, _, rows in done for row in rows] == [
        row for row in range(total) if row not in bad
    ]
    assert all(rows == list(range(start, stop)) for start, stop, rows in done)
    levels = math.ceil(math.log2(total + 1)) + 2
    assert calls["whole"] <= (len(bad) + 1) * 2 * levels
    assert calls["single"] <= len(bad) + 1  # the rows at once are taken as bad


def test_rows_of_an_origin_are_kept_when_pieces_are_joined() -> None:
    batch = Batch.source(topic="t", values=[str(i) if i != 30 else "worse" for i in range(50)])
    (after,) = TransformChain(
        [Step("s", parts.Sorting(parts.NONE))], parts.guard(parts.Told())
    ).apply([batch])
    assert list(after.rows) == [i for i in range(50) if i != 30]
