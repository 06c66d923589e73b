"""Paths, times and names of the S3 sink's objects."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.s3.s3_batches import ORDER, orders, sink_batch

from penstock.config import ConfigSpec
from penstock.data import Batch, Repeat, Schema, Structs, Text, Timestamp
from penstock.errors import ConfigError, DataError
from penstock_s3._border import Cut
from penstock_s3._config import S3SinkConfig
from penstock_s3._extractors import RecordField, RecordTime, Wallclock
from penstock_s3._joda import JodaPattern
from penstock_s3._layout import Layout, layout_of, null_rows
from penstock_s3._partitioners import ByField, ByPartition, ByTime
from penstock_s3._zones import is_zone, zone_of

DAY = 86_400_000
HOUR = 3_600_000


def layout(**keys: str) -> Layout:
    raw = {"s3.bucket.name": "b", "flush.size": "10"}
    raw |= {name.replace("_", "."): value for name, value in keys.items()}
    return layout_of(ConfigSpec.of(S3SinkConfig).parse(raw), raw)


def by_time(pattern: str, zone: str = "UTC", duration: int = HOUR) -> ByTime:
    return ByTime(RecordTime(), JodaPattern.of(pattern, "en"), zoneinfo.ZoneInfo(zone), duration)


def ms(text: str) -> int:
    return Timestamp.to_ms(dt.datetime.fromisoformat(text))


def test_default_paths_are_kafka_partitions() -> None:
    paths = ByPartition().paths(orders(3, partition=7), 0)
    assert isinstance(paths, Repeat)
    assert list(paths) == ["partition=7"] * 3


def test_field_paths() -> None:
    paths = ByField(["country", "paid", "id"]).paths(orders(3), 0)
    assert list(paths) == [
        "country=ch/paid=true/id=0",
        "country=de/paid=false/id=1",
        "country=null/paid=true/id=2",
    ]


def test_field_paths_of_nested_fields_and_of_values_without_a_schema() -> None:
    nested = Schema.struct({"a": Schema.struct({"b": Schema.OPTIONAL_STRING}, optional=True)})
    batch = sink_batch([{"a": {"b": "x"}}, {"a": None}], nested)
    assert list(ByField(["a.b"]).paths(batch, 0)) == ["a.b=x", "a.b=null"]
    batch = sink_batch([{"a": {"b": 1}}, {"a": {"b": True}}])
    assert list(ByField(["a.b"]).paths(batch, 0)) == ["a.b=1", "a.b=true"]


def test_true_and_one_are_two_paths() -> None:
    batch = sink_batch([{"a": 1}, {"a": True}, {"a": 1}])
    assert list(ByField(["a"]).paths(batch, 0)) == ["a=1", "a=true", "a=1"]


def test_a_default_stands_for_a_null_field() -> None:
    schema = Schema.struct({"a": Schema(Schema.STRING.type, optional=True, default="d")})
    batch = sink_batch([{"a": None}, {"a": "x"}], schema)
    assert list(ByField(["a"]).paths(batch, 0)) == ["a=d", "a=x"]


FIELD_PROBLEMS = [
    (orders(1), "amount", "Error encoding partition: field 'amount'.* float64"),
    (orders(1), "nope", "no field 'nope'.* fields there: id, country, amount, paid"),
    (orders(1), "id.x", "no field 'id.x'"),
    (sink_batch([{"a": 1.5}]), "a", "a value is float"),
    (sink_batch([{"b": 1}]), "a", "a record has none; its fields: b"),
    (sink_batch(["text"]), "a", "a value is str, no object"),
    (sink_batch(["text"], Schema.STRING), "a", "no field 'a' in string"),
]


@pytest.mark.parametrize(("batch", "field", "message"), FIELD_PROBLEMS)
def test_fields_that_make_no_path(batch: Batch, field: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ByField([field]).paths(batch, 0)


def test_time_paths_are_cut_in_local_time() -> None:
    times = [ms("2026-03-28T22:59:59Z"), ms("2026-03-28T23:00:00Z"), ms("2026-03-29T22:30:00Z")]
    daily = by_time("YYYY-MM-dd", "Europe/Berlin", DAY)
    assert daily.paths_at(times) == ["2026-03-28", "2026-03-29", "2026-03-30"]
    hourly = by_time("HH:mm", "Asia/Kolkata", HOUR)
    assert hourly.paths_at([ms("2026-01-01T00:00:00Z")]) == ["05:00"]


def test_both_of_a_doubled_hour_have_one_path_and_a_skipped_hour_has_none() -> None:
    hourly = by_time("dd.HH", "Europe/Berlin")
    autumn = [ms("2026-10-25T00:30:00Z"), ms("2026-10-25T01:30:00Z")]
    assert hourly.paths_at(autumn) == ["25.02", "25.02"]
    spring = [ms("2026-03-29T00:30:00Z"), ms("2026-03-29T01:30:00Z")]
    assert hourly.paths_at(spring) == ["29.01", "29.03"]


def test_times_before_1970_go_into_the_path_of_their_own_hour() -> None:
    assert by_time("YYYY-MM-dd HH").paths_at([-1, 0]) == ["1969-12-31 23", "1970-01-01 00"]


@pytest.mark.parametrize(
    ("zone", "path"),
    [("+01:00", "05 +0100 +01:00"), ("-0330", "00 -0330 -03:30"), ("Z", "04 +0000 UTC")],
)
def test_zones_may_be_offsets(zone: str, path: str) -> None:
    made = ByTime(RecordTime(), JodaPattern.of("HH Z ZZZ"), zone_of(zone), HOUR)
    assert made.paths_at([ms("2026-01-01T04:00:00Z")]) == [path]


@pytest.mark.parametrize("name", ["Mars", "+25:00", "+01:60", "+1", "../UTC", ""])
def test_names_that_are_no_zones(name: str) -> None:
    assert not is_zone(name)


def test_durations_shorter_than_a_minute_and_old_offsets_of_seconds() -> None:
    assert by_time("mm:ss", duration=15_000).paths_at([74_999, 75_000]) == ["01:00", "01:15"]
    amsterdam = by_time("HH:mm", "Europe/Amsterdam")
    for text in ("1936-01-01T00:40:27Z", "1936-01-01T00:40:28Z"):
        local = dt.datetime.fromisoformat(text).astimezone(zoneinfo.ZoneInfo("Europe/Amsterdam"))
        assert amsterdam.paths_at([ms(text)]) == [f"{local.hour:02d}:00"]


def test_a_time_beyond_all_years_is_told() -> None:
    with pytest.raises(DataError, match=r"is timestamp.field in milliseconds"):
        by_time("YYYY").paths_at([ms("2026-01-01T00:00:00Z") * 1_000_000])


AT = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, dt.UTC)
AT_MS = 1767323045678
FIELDS: list[tuple[Any, Schema | None]] = [
    (AT_MS, Schema.INT64),
    (AT, Timestamp.SCHEMA),
    (AT.replace(tzinfo=None), Timestamp.SCHEMA),
    (str(AT_MS), Schema.STRING),
    ("2026-01-02T03:04:05.678Z", Schema.STRING),
    ("2026-01-02T04:04:05.678+01:00", None),
    (AT_MS, None),
]


@pytest.mark.parametrize(("value", "schema"), FIELDS)
def test_times_of_a_field(value: Any, schema: Schema | None) -> None:
    struct = None if schema is None else Schema.struct({"t": schema})
    batch = sink_batch([{"t": value}], struct)
    assert list(RecordField("t").times(batch, 0)) == [AT_MS]


@pytest.mark.parametrize("value", [None, "soon", 1.5, True, b"1", "9" * 30])
def test_a_field_that_is_no_time_is_told(value: Any) -> None:
    with pytest.raises(DataError, match="Unable to determine timestamp: field 't'"):
        RecordField("t").times(sink_batch([{"t": value}]), 0)


def test_times_of_records_and_of_the_wall_clock() -> None:
    assert list(RecordTime().times(orders(2, times=[5, 6]), 0)) == [5, 6]
    assert list(Wallclock().times(orders(2), 99)) == [99, 99]
    with pytest.raises(DataError, match="a record has no timestamp"):
        RecordTime().times(orders(1, times=[None]), 0)


MOMENT = dt.datetime(2026, 1, 2, 15, 4, 5, 678000, zoneinfo.ZoneInfo("Europe/Berlin"))
PATTERNS = [
    ("'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH", "en", "year=2026/month=01/day=02/hour=15"),
    ("yy/M/d/H/h/K/k a", "en", "26/1/2/15/3/3/15 PM"),
    ("xxxx-'W'ww-e D", "en", "2026-W01-5 2"),
    ("EEE EEEE MMM MMMM", "de", "Fr. Freitag Jan. Januar"),
    ("SSS SS SSSS", "en", "678 67 6780"),
    ("Z ZZ ZZZ", "en", "+0100 +01:00 Europe/Berlin"),
    ("G CC", "en", "AD 20"),
    ("'it''s' ''yyyy''", "en", "it's '2026'"),
]


@pytest.mark.parametrize(("pattern", "locale", "expected"), PATTERNS)
def test_joda_patterns(pattern: str, locale: str, expected: str) -> None:
    assert JodaPattern.of(pattern, locale).format(MOMENT) == expected


@pytest.mark.parametrize(("pattern", "locale"), [("b", "en"), ("MMM", "xx-nonsense")])
def test_joda_patterns_that_are_none(pattern: str, locale: str) -> None:
    with pytest.raises(ConfigError, match=r"Illegal pattern component|no language"):
        JodaPattern.of(pattern, locale)


def keys(layout: Layout, batch: Batch, *, now_ms: int = 0, offset: int = 5) -> Sequence[str]:
    lot = layout.lot(batch, now_ms)
    origin = batch.origin.partition  # type: ignore[union-attr]
    return [layout.object_key("value", batch.topic, origin, path, offset) for path in lot.paths]


def test_names_of_the_original() -> None:
    assert keys(layout(), orders(1)) == ["topics/orders/partition=0/orders+0+0000000005.json"]
    changed = layout(
        topics_dir="", directory_delim="|", file_delim="-", filename_offset_zero_pad_width="3"
    )
    assert keys(changed, orders(1)) == ["orders|partition=0|orders-0-005.json"]


def test_keys_and_headers_are_named_beside_their_values() -> None:
    made = layout(
        store_kafka_keys="true",
        store_kafka_headers="true",
        headers_format_class="json",
        format_class="parquet",
    )
    start = "topics/t/p/t+1+0000000002"
    assert made.object_key("value", "t", 1, "p", 2) == f"{start}.snappy.parquet"
    assert made.object_key("keys", "t", 1, "p", 2) == f"{start}.keys.avro"
    assert made.object_key("headers", "t", 1, "p", 2) == f"{start}.headers.json"
    assert made.rules.parts == ("value", "keys", "headers")


def test_names_of_daily_and_hourly_paths() -> None:
    batch = orders(1, times=[AT_MS])
    common = {"locale": "en", "timezone": "UTC", "timestamp_extractor": "Record"}
    daily = layout(partitioner_class="daily", **common)
    name = "orders+0+0000000005.json"
    assert keys(daily, batch) == [f"topics/orders/year=2026/month=01/day=02/{name}"]
    hourly = layout(partitioner_class="hourly", **common)
    assert keys(hourly, batch) == [f"topics/orders/year=2026/month=01/day=02/hour=03/{name}"]


def test_a_delimiter_at_the_end_of_a_pattern_goes() -> None:
    timed = layout(
        partitioner_class="time",
        path_format="'dt'=YYYY/",
        partition_duration_ms="1000",
        locale="en",
        timezone="UTC",
        timestamp_extractor="Record",
    )
    assert keys(timed, orders(1, times=[AT_MS])) == [
        "topics/orders/dt=2026/orders+0+0000000005.json"
    ]


@pytest.mark.parametrize(
    ("affix", "path"),
    [
        ("PREFIX", "schema_name=com.example.Order/partition=0"),
        ("SUFFIX", "partition=0/schema_name=com.example.Order"),
    ],
)
def test_the_schema_may_have_a_folder(affix: str, path: str) -> None:
    made = layout(s3_schema_partition_affix_type=affix)
    assert keys(made, orders(1)) == [f"topics/orders/{path}/orders+0+0000000005.json"]


def test_names_by_a_template() -> None:
    template = (
        "{{path}}/{{timestamp:unit=yyyy}}{{timestamp:unit=MM}}{{timestamp:unit=dd}}"
        "{{ timestamp:unit=HH }}-{{topic}}-{{partition:padding=true}}-{{start_offset:padding=true}}"
    )
    made = layout(
        file_name_template=template, timestamp_extractor="Record", timezone="Asia/Kolkata"
    )
    assert keys(made, orders(1, times=[AT_MS])) == [
        "topics/partition=0/2026010208-orders-0000000000-00000000000000000005.json"
    ]


def test_tombstones_have_a_path_of_their_own() -> None:
    made = layout(
        behavior_on_null_values="write",
        store_kafka_keys="true",
        partitioner_class="field",
        partition_field_name="id",
    )
    rows = [{"id": 1}, None, {"id": 2}]
    batch = sink_batch(rows, Schema.struct({"id": Schema.INT32}, optional=True))
    lot = made.lot(batch, 0)
    assert list(lot.paths) == ["id=1", "tombstone", "id=2"]
    assert lot.tombstone == "tombstone"


def test_tombstones_have_no_time_and_end_no_file_by_it() -> None:
    made = layout(
        behavior_on_null_values="write",
        store_kafka_keys="true",
        partitioner_class="daily",
        locale="en",
        timezone="UTC",
        timestamp_extractor="RecordField",
        timestamp_field="at",
        rotate_interval_ms="1000",
        rotate_file_on_partition_change="false",
    )
    schema = Schema.struct({"at": Schema.INT64}, optional=True)
    lot = made.lot(sink_batch([None, {"at": 5}, None, {"at": 1004}, {"at": 1005}], schema), 0)
    assert lot.times == [None, 5, None, 1004, 1005]
    steps = made.span().plan([lot], 0)
    assert [step.offset for step in steps if isinstance(step, Cut)] == [4]
    none = made.lot(sink_batch([None], schema), 0)
    assert made.span().plan([none], 0)[0].offset == 0


def test_null_rows_of_every_kind_of_column() -> None:
    assert null_rows(orders(3)) == ()
    assert list(null_rows(sink_batch(Repeat(None, 2)))) == [0, 1]
    assert null_rows(sink_batch(Text([b"a", None]))) == [1]
    assert null_rows(sink_batch([None, {}, None])) == [0, 2]
    assert null_rows(sink_batch(Structs({"a": [1]}, 1), ORDER)) == ()


def test_sizes_are_about_those_of_json() -> None:
    lot = layout(flush_size_bytes="100").lot(orders(3), 0)
    assert lot.sizes is not None
    assert all(30 < size < 90 for size in lot.sizes)
    rows = sink_batch([dict(one) for one in orders(3).values])
    other = layout(flush_size_bytes="100").lot(rows, 0)
    assert other.sizes is not None
    assert all(30 < size < 90 for size in other.sizes)


def test_files_by_the_wall_clock_are_said_to_be() -> None:
    common = {"locale": "en", "timezone": "UTC", "partitioner_class": "daily"}
    assert not layout(**common).is_deterministic
    assert layout(**common, timestamp_extractor="Record").is_deterministic
    assert layout().is_deterministic
