"""Where the S3 sink's files end."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.s3.s3_batches import ORDER, orders, sink_batch

from penstock.data import Repeat, Schema
from penstock.errors import DataError
from penstock_s3._border import Cut, Lot, Step, Write
from penstock_s3._compat import Compatibility
from penstock_s3._rotation import Rules, Span, next_slot

HOUR = 3_600_000
UTC = zoneinfo.ZoneInfo("UTC")


def span(mode: str = "NONE", *, keys_matter: bool = False, **rules: Any) -> Span:
    return Span(Rules(**{"rows": 1000, **rules}), Compatibility(mode, keys_matter=keys_matter))


def lot(count: int, *, first: int = 0, paths: Any = "p", **parts: Any) -> Lot:
    paths = Repeat(paths, count) if isinstance(paths, str) else paths
    return Lot(orders(count, first=first), paths, **parts)


def told(steps: Sequence[Step]) -> list[Any]:
    return [
        (step.path, step.offset, len(step.batch))
        if isinstance(step, Write)
        else (step.reason, step.offset)
        for step in steps
    ]


def test_files_end_after_flush_size_rows() -> None:
    one = span(rows=3)
    assert told(one.plan([lot(2)], 0)) == [("p", 0, 2)]
    assert told(one.plan([lot(8, first=2)], 0)) == [
        ("p", 2, 1),
        ("size", 3),
        ("p", 3, 3),
        ("size", 6),
        ("p", 6, 3),
        ("size", 9),
        ("p", 9, 1),
    ]


def test_rows_of_all_paths_count_together() -> None:
    steps = span(rows=4).plan([lot(5, paths=["a", "b", "a", "c", "a"])], 0)
    assert told(steps) == [("a", 0, 2), ("b", 1, 1), ("c", 3, 1), ("size", 4), ("a", 4, 1)]
    assert [one["id"] for one in steps[0].batch.values] == [0, 2]


def test_record_time_ends_files_before_the_row_that_is_too_late() -> None:
    times = [0, 500, 400, 1000, 999, 2100]
    steps = span(interval=1000).plan([lot(6, times=times)], 0)
    assert told(steps) == [("p", 0, 3), ("interval", 3), ("p", 3, 2), ("interval", 5), ("p", 5, 1)]


def test_record_time_counts_from_the_first_row_over_several_puts() -> None:
    one = span(interval=1000)
    one.plan([lot(1, times=[100])], 0)
    assert told(one.plan([lot(1, first=1, times=[1100])], 0)) == [("interval", 1), ("p", 1, 1)]


def test_another_path_ends_files_only_with_an_interval() -> None:
    rows = lot(4, paths=["a", "a", "b", "a"], times=[0, 1, 2, 3])
    ends = span(interval=1000, ends_at_other_path=True).plan([rows], 0)
    assert told(ends) == [("a", 0, 2), ("path", 2), ("b", 2, 1), ("path", 3), ("a", 3, 1)]
    assert told(span(ends_at_other_path=True).plan([rows], 0)) == [("a", 0, 3), ("b", 2, 1)]


def test_size_in_bytes_ends_files_after_the_row_that_fills_them() -> None:
    steps = span(size=10).plan([lot(5, sizes=[4, 4, 4, 10, 1])], 0)
    assert told(steps) == [("p", 0, 3), ("bytes", 3), ("p", 3, 1), ("bytes", 4), ("p", 4, 1)]


def test_one_more_open_file_than_allowed_ends_all_of_them() -> None:
    steps = span(files=2).plan([lot(4, paths=["a", "b", "a", "c"])], 0)
    assert told(steps) == [("a", 0, 2), ("b", 1, 1), ("files", 3), ("c", 3, 1)]


def test_the_schedule_ends_files_of_before_and_without_a_put() -> None:
    one = span(schedule=HOUR, zone=UTC)
    assert told(one.plan([lot(2)], 10)) == [("p", 0, 2)]
    assert one.due(HOUR - 1) is None
    assert told(one.plan([lot(1, first=2)], HOUR)) == [("schedule", 2), ("p", 2, 1)]
    assert one.due(2 * HOUR) == Cut("schedule", 3)
    assert one.due(3 * HOUR) is None
    assert told(one.plan([lot(1, first=3)], 3 * HOUR + 1)) == [("p", 3, 1)]


def test_idle_files_end() -> None:
    one = span(idle=500)
    one.plan([lot(2)], 1000)
    assert one.due(1499) is None
    one.plan([lot(1, first=2)], 1400)
    assert one.due(1500) is None
    assert one.due(1900) == Cut("idle", 3)
    assert one.due(9000) is None


def test_somebody_may_ask_for_the_end() -> None:
    one = span()
    assert one.end() is None
    one.plan([lot(2)], 0)
    assert one.end() == Cut("idle", 2)
    assert one.rows == 0


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("UTC", 0, HOUR),
        ("UTC", HOUR, 2 * HOUR),
        ("Asia/Kolkata", 0, HOUR // 2),
        ("Europe/Berlin", 1_774_742_400_000, 1_774_746_000_000),
    ],
)
def test_slots_count_from_midnight_of_the_zone(zone: str, now: int, expected: int) -> None:
    assert next_slot(now, HOUR, zoneinfo.ZoneInfo(zone)) == expected


V1 = Schema.struct({"id": Schema.INT32}, name="O", version=1)
V2 = Schema.struct({"id": Schema.INT64, "x": Schema.OPTIONAL_STRING}, name="O", version=2)


def versions(*schemas: Schema, count: int = 1, first: int = 0) -> list[Lot]:
    """Rows of these schemas in turn, as a sink is given them: a batch a schema."""
    lots = []
    for schema in dict.fromkeys(schemas):
        places = [i for i, one in enumerate(schemas) if one is schema]
        offsets = [first + i * count + j for i in places for j in range(count)]
        batch = sink_batch([{"id": offset} for offset in offsets], schema, offsets=offsets)
        lots.append(Lot(batch, Repeat("p", len(offsets))))
    return lots


def test_another_schema_ends_files() -> None:
    steps = span().plan(versions(V1, V2, V1, count=200), 0)
    assert told(steps) == [
        ("p", 0, 200),
        ("schema", 200),
        ("p", 200, 200),
        ("schema", 400),
        ("p", 400, 200),
    ]


def test_mixed_schemas_get_files_beside_each_other_instead_of_one_a_record() -> None:
    one = span(rows=6, rows_before_schema=100)
    steps = one.plan(versions(V1, V2, V1, V2, V1, V2), 0)
    assert told(steps) == [("p", 0, 3), ("p", 1, 3), ("size", 6)]
    assert [step.schemas.value for step in steps if isinstance(step, Write)] == [V1, V2]
    original = span(rows=6).plan(versions(V1, V2, V1, V2), 0)
    assert [step.reason for step in original if isinstance(step, Cut)] == ["schema"] * 3


def test_a_schema_that_changes_once_ends_a_file_of_many_records() -> None:
    steps = span(rows_before_schema=100).plan(versions(V1, V2, count=150), 0)
    assert told(steps) == [("p", 0, 150), ("schema", 150), ("p", 150, 150)]


@pytest.mark.parametrize("mode", ["BACKWARD", "FULL"])
def test_backward_writes_older_records_with_the_schema_of_the_file(mode: str) -> None:
    steps = span(mode).plan(versions(V1, V2, V1, V2), 0)
    assert told(steps) == [("p", 0, 1), ("schema", 1), ("p", 1, 1), ("p", 2, 1), ("p", 3, 1)]
    last = [step for step in steps if isinstance(step, Write)][-2]
    assert last.schemas.value == last.batch.value_schema == V2
    assert list(last.batch.values) == [{"id": 2, "x": None}]


def test_forward_writes_newer_records_with_the_schema_of_the_file() -> None:
    v2 = Schema.struct({"id": Schema.INT32, "x": Schema.OPTIONAL_STRING}, name="O", version=2)
    steps = span("FORWARD").plan(versions(v2, V1, v2, V1), 0)
    assert told(steps)[2:] == [("p", 1, 1), ("p", 2, 1), ("p", 3, 1)]
    assert all(step.schemas.value == V1 for step in steps[2:] if isinstance(step, Write))


def test_rows_of_several_batches_are_in_one_file_in_their_order() -> None:
    steps = span("BACKWARD").plan(versions(V2, V1, V2, V1), 0)
    assert told(steps) == [("p", 0, 1), ("p", 1, 1), ("p", 2, 1), ("p", 3, 1)]
    assert {step.schemas.value for step in steps if isinstance(step, Write)} == {V2}


def test_what_is_projected_goes_into_the_file_opened_first_however_it_is_polled() -> None:
    v0 = Schema.struct({"id": Schema.INT32}, name="O", version=0)
    rows = versions(V1, v0, V2)
    together = span("BACKWARD", rows_before_schema=9).plan(rows, 0)
    assert [step.schemas.value for step in together if isinstance(step, Write)] == [V1, V1, V2]


def test_what_cannot_be_projected_ends_files() -> None:
    other = Schema.struct({"id": Schema.STRING}, name="O", version=1)
    assert told(span("BACKWARD").plan(versions(V2, other), 0))[1] == ("schema", 1)


def test_versions_are_needed_and_a_plan_that_fails_changes_nothing() -> None:
    bare = Schema.struct({"id": Schema.INT32}, name="O")
    one = span("BACKWARD", rows=3)
    one.plan([versions(V1)[0]], 0)
    bad = sink_batch([{"id": 1}], bare, first=1)
    with pytest.raises(DataError, match="Schema version required for BACKWARD compatibility"):
        one.plan([Lot(bad, Repeat("p", 1))], 0)
    assert one.rows == 1
    good = sink_batch([{"id": 2}, {"id": 3}], V1, first=2)
    assert told(one.plan([Lot(good, Repeat("p", 2))], 0)) == [("p", 2, 2), ("size", 4)]


def test_no_schema_and_a_schema_are_never_in_one_file() -> None:
    bare = Lot(sink_batch([{"id": 1}], first=1), Repeat("p", 1))
    one = span("BACKWARD")
    one.plan([versions(V1)[0]], 0)
    assert told(one.plan([bare], 0)) == [("schema", 1), ("p", 1, 1)]


def test_schemas_of_keys_matter_only_where_keys_are_written() -> None:
    def keyed(first: int, schema: Schema, key: Any) -> Lot:
        batch = orders(1, first=first, keys=[key], key_schema=schema)
        return Lot(batch, Repeat("p", 1))

    for matter, expected in ((True, ["schema"]), (False, [])):
        one = span(keys_matter=matter)
        one.plan([keyed(0, Schema.STRING, "k")], 0)
        steps = one.plan([keyed(1, Schema.INT32, 1)], 0)
        assert [step.reason for step in steps if isinstance(step, Cut)] == expected


def test_tombstones_are_written_as_keys_alone() -> None:
    batch = sink_batch(
        [{"id": 1}, None], V1.as_optional(), keys=["a", "b"], key_schema=Schema.STRING
    )
    rows = Lot(batch, ["p", "gone"], tombstone="gone")
    steps = span(keys_matter=True, parts=("value", "keys")).plan([rows], 0)
    assert [(step.path, step.parts) for step in steps if isinstance(step, Write)] == [
        ("p", ("value", "keys")),
        ("gone", ("keys",)),
    ]
    assert steps[1].schemas.value is None


def test_rows_that_were_dropped_leave_gaps_and_no_more() -> None:
    batch = sink_batch(list(orders(4).values), ORDER, offsets=[3, 7, 8, 20])
    steps = span(rows=2).plan([Lot(batch, Repeat("p", 4))], 0)
    assert told(steps) == [("p", 3, 2), ("size", 8), ("p", 8, 2), ("size", 21)]


def test_a_span_starts_anew_after_a_rewind() -> None:
    one = span(rows=3)
    one.plan([lot(2)], 0)
    one.reset()
    assert told(one.plan([lot(3)], 0)) == [("p", 0, 3), ("size", 3)]
