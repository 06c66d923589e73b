from __future__ import annotations

import copy
import datetime as dt
from typing import Any

import pytest

from penstock.data import Batch, Date, EpochMillis, Schema, SourceRecord, Time, Timestamp
from penstock.errors import ConfigError, DataError
from penstock_transforms import TimestampConverter

MOMENT = dt.datetime(2024, 2, 29, 13, 5, 7, 89_000, dt.UTC)
MS = 1_709_211_907_089


def converter(**config: str) -> TimestampConverter:
    keys = {name.replace("_", "."): value for name, value in config.items()}
    made = TimestampConverter(TimestampConverter.config_spec().parse(keys))
    made.open()
    return made


def converted(value: Any, schema: Schema | None, **config: str) -> Any:
    record = SourceRecord(topic="t", value=value, value_schema=schema)
    return converter(**config).apply(record).value


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("Timestamp", MOMENT),
        ("Date", MOMENT.date()),
        ("Time", dt.time(13, 5, 7, 89_000)),
        ("unix", MS),
        ("string", "29.02.2024 01:05 PM"),
    ],
)
def test_each_target_of_each_source(target: str, expected: Any) -> None:
    config = {"target_type": target, "format": "dd.MM.yyyy hh:mm a"}
    assert converted(MOMENT, Timestamp.SCHEMA, **config) == expected
    assert converted(MS, Schema.INT64, **config) == expected
    assert converted(MS, None, **config) == expected
    assert converted(MOMENT, None, **config) == expected


def test_moments_without_a_zone_are_utc() -> None:
    assert converted(MOMENT.replace(tzinfo=None), Timestamp.SCHEMA, target_type="unix") == MS


def test_what_datetime_cannot_hold_stays_exact() -> None:
    found = converted(2**62, Schema.INT64, target_type="Timestamp")
    assert found == EpochMillis(2**62)
    assert converted(found, Timestamp.SCHEMA, target_type="unix") == 2**62
    assert converted(86_400_000, Schema.INT64, target_type="Time") == dt.time(0)
    assert converted(EpochMillis(86_400_000), Time.SCHEMA, target_type="Date") == dt.date(
        1970, 1, 2
    )


def test_default_of_a_struct_is_converted_with_its_schema() -> None:
    inner = Schema.struct({"ts": Schema.INT64, "o": Schema.STRING})
    schema = inner.evolve(default={"ts": MS, "o": "x"}, optional=True)
    record = SourceRecord(topic="t", value={"ts": 0, "o": "y"}, value_schema=schema)
    changed = converter(field="ts", target_type="Timestamp").apply(record)
    assert changed.value_schema is not None
    assert changed.value_schema.default == {"ts": MOMENT, "o": "x"}
    assert changed.value_schema.optional
    assert changed.value_schema.schema_of("ts") == Timestamp.SCHEMA
    assert changed.value == {"ts": dt.datetime(1970, 1, 1, tzinfo=dt.UTC), "o": "y"}


def test_the_input_is_not_changed() -> None:
    rows = [{"ts": MS, "o": [1]}, {"ts": 0, "o": []}]
    before = copy.deepcopy(rows)
    batch = Batch.source(topic="t", values=rows)
    changed = converter(field="ts", target_type="Date").apply_batch(batch)
    assert rows == before
    assert changed.values[0] == {"ts": dt.date(2024, 2, 29), "o": [1]}


def test_pattern_is_needed_for_text() -> None:
    with pytest.raises(ConfigError, match=r"requires format option to be specified"):
        converter(target_type="string")
    with pytest.raises(DataError, match=r"without a pattern; set format; found in the value"):
        converted("2024", Schema.STRING, target_type="unix")
    with pytest.raises(ConfigError, match="Illegal pattern character 'b'"):
        converter(target_type="string", format="b")


@pytest.mark.parametrize(
    ("value", "schema", "message"),
    [
        (1, Schema.INT32, "Schema int32 does not correspond to a known timestamp type"),
        ("x", Schema.INT64, "Expected Unix timestamp to be a Long, but found str"),
        (True, Schema.INT64, "Expected Unix timestamp to be a Long, but found bool"),
        (5, Date.SCHEMA, "Expected Date to be a java.util.Date, but found int"),
        (5, Schema.STRING, "Expected string timestamp to be a String, but found int"),
        (1.5, None, "TimestampConverter does not support objects of type float"),
        (2**63, None, "does not fit into 64 bits; is unix.precision right"),
        ("2024-02-30", None, "names no moment by pattern .yyyy-MM-dd.: the month 2 does not exist"),
        ("x", None, "Could not parse timestamp: value .x. does not match pattern .yyyy-MM-dd.:"),
    ],
)
def test_refusals_say_what_and_where(value: Any, schema: Schema | None, message: str) -> None:
    with pytest.raises(DataError, match=message + r".*in field 'ts'"):
        converted(
            {"ts": value},
            None if schema is None else Schema.struct({"ts": schema}),
            field="ts",
            target_type="Timestamp",
            format="yyyy-MM-dd",
        )


def test_numbers_of_another_unit_do_not_become_other_years() -> None:
    config = {"target_type": "Timestamp", "unix_precision": "seconds"}
    with pytest.raises(DataError, match="does not fit into 64 bits; is unix"):
        converted(2**62, Schema.INT64, **config)


def test_a_required_field_does_not_become_null() -> None:
    schema = Schema.struct({"ts": Schema.INT64.evolve(default=5), "o": Schema.STRING})
    config = {"field": "ts", "target_type": "unix"}
    assert converted({"o": "x"}, schema, **config) == {"ts": 5, "o": "x"}
    with pytest.raises(DataError, match="null used for required field 'ts'"):
        converted({"o": "x"}, schema, **config, replace_null_with_default="false")
