"""Columns behave as lists do; batches split, pick and merge without losing the order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.api import Converter, HeaderConverter
from penstock.config import NoConfig
from penstock.data import Batch, Lazy, Repeat, Schema, SourceRecord, Text, pick
from penstock.runtime.pipeline.codec import RecordCodec, in_order
from penstock.runtime.pipeline.failure import Failure
from penstock.runtime.pipeline.guard import RowGuard
from penstock.runtime.pipeline.policy import ErrorPolicy

TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)


@given(st.lists(st.one_of(st.none(), TEXTS), max_size=8), st.data())
def test_text_column_equals_the_list_it_stands_for(values: list[str | None], data: Any) -> None:
    raw = [None if value is None else value.encode() for value in values]
    column = Text(raw)
    assert list(column) == values
    assert column.decoded() == values
    assert [column[i] for i in range(len(values))] == values
    rows = data.draw(st.lists(st.sampled_from(range(len(values))), unique=True)) if values else []
    assert list(pick(column, sorted(rows))) == [values[row] for row in sorted(rows)]
    assert list(column[1:]) == values[1:]
    assert Text.checked(raw) is not None


@given(st.lists(st.binary(max_size=3), min_size=1, max_size=6))
def test_checked_text_refuses_exactly_what_is_not_utf8(raw: list[bytes]) -> None:
    def is_text(value: bytes) -> bool:
        try:
            value.decode("utf-8")
        except UnicodeDecodeError:
            return False
        return True

    assert (Text.checked(raw) is not None) == all(map(is_text, raw))


@given(st.integers(0, 9), st.integers(-10, 10), st.integers(-10, 10))
def test_repeat_and_lazy_slice_as_lists_do(length: int, first: int, last: int) -> None:
    assert list(Repeat(7, length)[first:last]) == ([7] * length)[first:last]
    numbers = list(range(length))
    lazy = Lazy(length, lambda: list(numbers))
    assert len(lazy) == length
    assert list(lazy[first:last]) == numbers[first:last]


RECORDS = st.lists(
    st.builds(
        SourceRecord,
        topic=st.sampled_from(["a", "b"]),
        value=TEXTS,
        value_schema=st.sampled_from([None, Schema.STRING, Schema.OPTIONAL_STRING]),
        key=st.one_of(st.none(), TEXTS),
        partition=st.one_of(st.none(), st.integers(0, 3)),
        timestamp=st.one_of(st.none(), st.integers(0, 9)),
    ),
    max_size=12,
)


class Utf8(Converter[NoConfig]):
    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        return None if value is None else str(value).encode()


class NoReporter:
    def failed(self, failure: Failure) -> None:
        raise failure.error


@given(RECORDS)
def test_grouping_and_merging_keeps_every_record_in_order_per_topic(
    records: list[SourceRecord],
) -> None:
    batches = Batch.of_records(records)
    assert sorted(row for batch in batches for row in batch.rows) == list(range(len(records)))
    for batch in batches:
        for row, record in zip(batch.rows, batch.records(), strict=True):
            assert record == records[row]
    guard = RowGuard(ErrorPolicy(), NoReporter(), lambda _: False, lambda: 0.5)
    none = NoConfig()
    codec = RecordCodec(Utf8(none), Utf8(none), HeaderConverter(none), guard)
    for part in in_order([codec.encode(batch) for batch in batches]):
        wanted = [(i, r) for i, r in enumerate(records) if r.topic == part.batch.topic]
        assert list(part.rows) == [i for i, _ in wanted]
        assert list(part.batch.values) == [str(r.value).encode() for _, r in wanted]
        keys = part.batch.keys or [None] * len(wanted)
        assert list(keys) == [None if r.key is None else r.key.encode() for _, r in wanted]
        stamps = part.batch.timestamps or [None] * len(wanted)
        assert list(stamps) == [r.timestamp for _, r in wanted]


@given(RECORDS, st.data())
def test_selected_rows_keep_their_place(records: list[SourceRecord], data: Any) -> None:
    for batch in Batch.of_records(records):
        rows = sorted(data.draw(st.sets(st.integers(0, len(batch) - 1))))
        part = batch.select(rows)
        assert list(part.records()) == [list(batch.records())[row] for row in rows]
        assert list(part.rows) == [batch.rows[row] for row in rows]
