"""SimpleDateFormat, TimestampConverter and TimestampRouter beside the Java originals."""

from __future__ import annotations

import datetime as dt
import time
from types import ModuleType
from typing import Any

import jpype
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from penstock.api import Side
from penstock.data import (
    Batch,
    Date,
    EpochMillis,
    Record,
    Schema,
    SourceRecord,
    Time,
    Timestamp,
)
from penstock.data.values import moment_ms
from penstock.errors import DataError, PenstockError
from penstock.runtime.plugins import registry
from penstock_transforms._datefields import Day
from penstock_transforms._simpledateformat import SimpleDateFormat, pattern_problem
from tests.conformance.jvm.javadata import text
from tests.conformance.jvm.transform_kit import (
    JAVA,
    TEXTS,
    batch_of,
    java_outcome,
    our_outcomes,
    records,
    shown,
)
from tests.parts.jvm_classes import java_class

pytestmark = pytest.mark.integration

RELAXED = settings(suppress_health_check=list(HealthCheck), deadline=None)
LETTERS = "GyMLwWDdFEuaHkKhmsSzZX"
DAY_MS = 86_400_000
YEARS_MS = st.integers(-62_135_596_800_000, 253_402_300_799_999)
MOMENTS = st.one_of(
    YEARS_MS,
    st.integers(0, 2**42),
    st.integers(-(2**63) + 2 * DAY_MS, 2**63 - 1),
    st.integers(-12_300_000_000_000, -12_200_000_000_000),  # Julian becomes Gregorian
    st.integers(-4000, 4000).map(lambda n: n * DAY_MS),
    st.integers(-3000, 3000),
)
SEPARATORS = st.sampled_from(
    [" ", "-", ":", "/", ".", "'T'", "'at '", "''", ", ", "é", "%", " %s "]
)
USUAL = st.sampled_from(
    [
        "yyyy-MM-dd",
        "yyyy-MM-dd'T'HH:mm:ss.SSSX",
        "yyyy-MM-dd HH:mm:ss",
        "yyyyMMdd",
        "yyyyMMddHHmmssSSS",
        "EEE, d MMM yyyy HH:mm:ss Z",
        "dd/MM/yy hh:mm a",
        "yyyy-MM-dd'T'HH:mm:ssXXX",
        "MM/dd/yyyy",
        "D yyyy G",
        "YYYY-'W'ww-u",
        "HH:mm:ss.SSS",
        "S.s m H d M yyyy",
        "yyyy-MM-dd HH:mm:ss z",
        "yyyyMMdd'T'hhmmssaXX",
        "EEEE, MMMM d, yyyy h:mm:ss a Z",
        "dMMMyyyyX",
    ]
)


@st.composite
def fields(draw: st.DrawFn, letters: str = LETTERS) -> str:
    letter = draw(st.sampled_from(letters))
    return letter * draw(st.integers(1, 3 if letter == "X" else 5))


@st.composite
def patterns(draw: st.DrawFn, letters: str = LETTERS) -> str:
    """Draw a pattern, of fields that touch or are parted."""
    parts = draw(st.lists(fields(letters), min_size=1, max_size=7))
    parted = [part + draw(st.one_of(st.just(""), SEPARATORS, SEPARATORS)) for part in parts]
    made = draw(st.one_of(st.just(""), SEPARATORS)) + "".join(parted)
    assume("XXXX" not in made)
    return made


def java_format(pattern: str) -> Any:
    made = java_class("java.text.SimpleDateFormat")(text(pattern))
    made.setTimeZone(java_class("java.util.TimeZone").getTimeZone("UTC"))
    return made


def java_text(pattern: str, ms: int) -> str:
    return str(java_format(pattern).format(java_class("java.util.Date")(ms)))


def java_parsed(pattern: str, value: str, *, lenient: bool = True) -> int | None:
    made = java_format(pattern)
    made.setLenient(lenient)
    try:
        return int(made.parse(text(value)).getTime())
    except jpype.JException:
        return None


def ours(pattern: str) -> SimpleDateFormat:
    return SimpleDateFormat(pattern, time.time_ns() // 1_000_000)


def our_parsed(pattern: str, value: str) -> int | None:
    made = ours(pattern)
    try:
        ms = made.parse(value)
    except DataError:
        with pytest.raises(DataError):
            made.moment(value)
        return None
    assert moment_ms(made.moment(value)) == ms
    return ms


@RELAXED
@given(pattern=st.one_of(USUAL, patterns()), moments=st.lists(MOMENTS, min_size=1, max_size=9))
def test_moments_are_written_as_java_writes_them(
    jvm: ModuleType, pattern: str, moments: list[int]
) -> None:
    made = ours(pattern)
    expected = [java_text(pattern, ms) for ms in moments]
    assert made.format_all(moments) == expected
    assert [made.format(ms) for ms in moments] == expected


@RELAXED
@given(pattern=patterns("Yw"), moment=MOMENTS)
def test_week_years_are_written_as_java_writes_them(
    jvm: ModuleType, pattern: str, moment: int
) -> None:
    # Before Christ Java's week year does not fit its own week; see the test of differences.
    assume(Day.of(moment // DAY_MS).is_ad)
    assert ours(pattern).format(moment) == java_text(pattern, moment)


def test_the_week_year_fits_its_week_before_christ_where_javas_does_not(jvm: ModuleType) -> None:
    ms = -719_898 * DAY_MS  # 29 December of the year 3 BC, a Sunday; the next day is not 1 January
    assert java_text("y G YYYY w", ms) == "3 BC -0002 1"
    assert ours("y G YYYY w").format(ms) == "3 BC -0001 1"


BROKEN = st.text(st.sampled_from("yMdHX'bB ét"), max_size=8)


@RELAXED
@given(pattern=st.one_of(BROKEN, patterns()))
def test_patterns_are_refused_as_java_refuses_them(jvm: ModuleType, pattern: str) -> None:
    try:
        java_format(pattern)
        is_good = True
    except jpype.JException:
        is_good = False
    assert (pattern_problem("format", pattern) is None) == is_good


@RELAXED
@given(pattern=st.one_of(USUAL, patterns()), moment=MOMENTS)
def test_written_texts_are_read_as_java_reads_them(
    jvm: ModuleType, pattern: str, moment: int
) -> None:
    value = java_text(pattern, moment)
    expected = java_parsed(pattern, value)
    found = our_parsed(pattern, value)
    if found is not None:
        assert found == expected
    else:
        # What Java reads names another moment, or is one that it, too, refuses when strict.
        unfaithful = expected is None or java_text(pattern, expected) != value
        assert unfaithful or java_parsed(pattern, value, lenient=False) is None or _is_torn(pattern)


def _is_torn(pattern: str) -> bool:
    """Return whether a letter stands twice: one number of two that differ is read then."""
    letters = [letter for letter in LETTERS if letter in pattern]
    runs = sum(
        1 for a, b in zip(pattern, pattern[1:] + "\0", strict=True) if a != b and a in LETTERS
    )
    return runs > len(letters)


@RELAXED
@given(pattern=USUAL, moment=YEARS_MS)
def test_usual_patterns_lose_nothing_that_they_show(
    jvm: ModuleType, pattern: str, moment: int
) -> None:
    value = java_text(pattern, moment)
    strict = java_parsed(pattern, value, lenient=False)
    assert our_parsed(pattern, value) == strict


@st.composite
def broken_texts(draw: st.DrawFn, pattern: str) -> str:
    """Draw a text of the pattern with one place of it changed."""
    value = java_text(pattern, draw(YEARS_MS))
    new = draw(
        st.sampled_from(
            [
                " ",
                "\t",
                "x",
                "-",
                "0",
                "00",
                "99",
                "E1",
                "٣",
                "+01",
                "+05:30",
                "-0800",
                "Z",
                "AD",
                "5",
                "",
            ]
        )
    )
    at = draw(st.integers(0, len(value)))
    value = value[:at] + new + value[at + draw(st.integers(0, 3)) :]
    return draw(st.sampled_from([value, value.upper(), value.lower()]))


@RELAXED
@given(data=st.data(), pattern=st.one_of(USUAL, patterns()))
def test_broken_texts_are_read_as_java_reads_them_or_refused(
    jvm: ModuleType, data: st.DataObject, pattern: str
) -> None:
    value = data.draw(broken_texts(pattern))
    found = our_parsed(pattern, value)
    assert found is None or found == java_parsed(pattern, value)


LENIENT = [
    ("yyyy-MM-dd", "2020-13-45", "2021-02-14"),
    ("yyyy-MM-dd", "2021-02-29", "2021-03-01"),
    ("yyyy-MM-dd", "2020-01-1E1", "2020-01-10"),
    ("yyyy-MM-dd", "0000-00-00", "0002-11-30"),
    ("yyyy u", "2024 0", "2024 6"),
    ("EEE yyyy-MM-dd", "Mon 2024-01-02", "Tue 2024-01-02"),
    ("HH:mm:ss.SSS", "23:59:60.000", "00:00:00.000"),
    ("HH:mm:ss.SSS", "10:00:00.123456", "10:02:03.456"),
    ("YYYY-MM-dd", "2020-05-17", "2020-12-29"),
    ("yyyy-MM-dd", "4294969316-01-02", "2020-01-02"),
]


@pytest.mark.parametrize(("pattern", "value", "became"), LENIENT)
def test_texts_that_java_silently_changes_are_refused(
    jvm: ModuleType, pattern: str, value: str, became: str
) -> None:
    ms = java_parsed(pattern, value)
    assert ms is not None
    assert java_text(pattern, ms) == became
    with pytest.raises(DataError, match="Could not parse timestamp: value"):
        ours(pattern).parse(value)
    config = {"target.type": "Timestamp", "format": pattern}
    record = SourceRecord(topic="t", value=value, value_schema=Schema.STRING)
    assert our_outcomes("TimestampConverter$Value", config, record) == ("data", "data")
    assert _in_ms(java_outcome("TimestampConverter$Value", config, record))[6] == ms


FORMATS = st.sampled_from(["", " ", "yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ss.SSSX", "HH:mm", "bad b"])
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "field": st.sampled_from(["", "ts", "ts", "ts", "missing"]),
        "format": FORMATS,
        "unix.precision": st.sampled_from(
            ["seconds", "milliseconds", "microseconds", "nanoseconds", "days"]
        ),
        "replace.null.with.default": st.sampled_from(["true", "false"]),
    },
)
TARGETS = st.sampled_from(["string", "unix", "Date", "Time", "Timestamp"])
NAMED = st.one_of(TARGETS, TARGETS, TARGETS, st.sampled_from(["unix ", "date", ""]))
SMALL_MS = st.integers(-(2**41), 2**41)
PRECISE = st.one_of(SMALL_MS, st.integers(-(2**50), 2**50))
FORMS: list[tuple[Schema, st.SearchStrategy[Any]]] = [
    (Timestamp.SCHEMA, MOMENTS.map(Timestamp.from_ms)),
    (Date.SCHEMA, st.integers(-(2**31), 2**31 - 1).map(Date.from_days)),
    (Time.SCHEMA, st.integers(0, DAY_MS).map(Time.from_ms)),
    (Schema.INT64, PRECISE),
    (
        Schema.STRING,
        st.one_of(
            SMALL_MS.map(lambda ms: dt.datetime.fromtimestamp(ms // 1000, dt.UTC).isoformat()),
            SMALL_MS.map(
                lambda ms: dt.datetime.fromtimestamp(ms // 1000, dt.UTC).strftime(
                    "%Y-%m-%dT%H:%M:%S.007Z"
                )
            ),
            TEXTS,
        ),
    ),
    (Schema.INT32, st.integers(0, 9)),
    (Schema.BOOLEAN, st.booleans()),
    (Schema.FLOAT64, st.floats(0, 9)),
]


@st.composite
def timed(draw: st.DrawFn) -> tuple[Schema, Any]:
    schema, values = draw(st.sampled_from(FORMS))
    value = draw(values)
    if draw(st.booleans()):
        schema = schema.as_optional()
        value = draw(st.sampled_from([value, None]))
    if draw(st.integers(0, 4)) == 0:
        default = draw(values)
        # Without its schema the bridge cannot tell a default that is a Date or a Time.
        if schema.name in (None, Timestamp.NAME) and not isinstance(default, EpochMillis):
            schema = schema.evolve(default=default)
    return schema, value


@st.composite
def timed_records(draw: st.DrawFn) -> Record:
    record = draw(records())
    own, value = draw(timed())
    shape = draw(st.integers(0, 4))
    if shape == 0:
        return record.with_value(value, own)
    if shape == 1:
        return record.with_value(_bare(value), None)
    if shape == 2:
        return record.with_value({"ts": _bare(value), "o": 1}, None)
    other, second = draw(timed())
    schema = Schema.struct({"ts": own, "o": other}, name="S", optional=draw(st.booleans()))
    row = {name: one for name, one in (("ts", value), ("o", second)) if one is not None}
    for name, one in (("ts", own), ("o", other)):
        if one.default is not None and draw(st.booleans()):
            row.pop(name, None)
    if schema.optional and draw(st.booleans()):
        return record.with_value(None, schema)
    return record.with_value(row, schema)


def _bare(value: Any) -> Any:
    """Return a value that the bridge can carry without a schema."""
    return value if isinstance(value, str | int | float | bool | None) else moment_ms(value)


def _in_ms(found: Any) -> Any:
    """Return an outcome with moments as ms: without a schema Java has one class for them."""
    if isinstance(found, dict):
        return {name: _in_ms(one) for name, one in found.items()}
    if isinstance(found, tuple | list):
        return [_in_ms(one) for one in found]
    if isinstance(found, dt.date | dt.time | EpochMillis):
        return moment_ms(found)
    return found


@settings(RELAXED, max_examples=300)
@given(target=NAMED, config=CONFIGS, record=timed_records())
def test_converter_does_as_java_does(
    jvm: ModuleType, target: str, config: dict[str, str], record: Record
) -> None:
    config = {"target.type": target, **config}
    expected = java_outcome("TimestampConverter$Value", config, record)
    by_row, by_batch = our_outcomes("TimestampConverter$Value", config, record)
    assert _in_ms(by_batch) == _in_ms(by_row)
    assume(not _is_saturated(config, record))
    assert _in_ms(by_row) == _in_ms(expected)


def _is_saturated(config: dict[str, str], record: Record) -> bool:
    """Return whether Java's TimeUnit may have cut a number to 64 bits; we refuse it."""
    whole = repr(record.value) + repr(record.value_schema)
    is_fine = config.get("unix.precision") in ("microseconds", "nanoseconds")
    return (
        is_fine
        and config["target.type"].strip() == "unix"
        and ("EpochMillis" in whole or "datetime" in whole or bool(config.get("format")))
    )


@RELAXED
@given(
    precision=st.sampled_from(["seconds", "milliseconds", "microseconds", "nanoseconds"]),
    moment=st.integers(-(2**43), 2**43),
    unix=st.integers(-(2**53), 2**53),
)
def test_precisions_cut_as_java_cuts(
    jvm: ModuleType, precision: str, moment: int, unix: int
) -> None:
    for target, schema, value in (
        ("unix", Timestamp.SCHEMA, Timestamp.from_ms(moment)),
        ("Timestamp", Schema.INT64, unix),
        ("Time", Schema.INT64, unix),
        ("Date", Schema.INT64, unix),
    ):
        config = {"target.type": target, "unix.precision": precision}
        record = SourceRecord(topic="t", value=value, value_schema=schema)
        expected = java_outcome("TimestampConverter$Value", config, record)
        by_row, by_batch = our_outcomes("TimestampConverter$Value", config, record)
        assert _in_ms(by_row) == _in_ms(by_batch) == _in_ms(expected)


SATURATED = [
    ("Timestamp", "seconds", Schema.INT64, 2**62, 2**63 - 1),
    ("unix", "nanoseconds", Timestamp.SCHEMA, EpochMillis(2**60), 2**63 - 1),
    ("unix", "microseconds", Timestamp.SCHEMA, EpochMillis(-(2**60)), -(2**63)),
]


@pytest.mark.parametrize("case", SATURATED)
def test_numbers_that_java_cuts_to_64_bits_are_refused(jvm: ModuleType, case: Any) -> None:
    target, precision, schema, value, became = case
    config = {"target.type": target, "unix.precision": precision}
    record = SourceRecord(topic="t", value=value, value_schema=schema)
    theirs = java_outcome("TimestampConverter$Value", config, record)
    assert _in_ms(theirs)[6] == became
    assert our_outcomes("TimestampConverter$Value", config, record) == ("data", "data")


@RELAXED
@given(
    target=TARGETS,
    config=CONFIGS,
    rows=st.lists(timed_records(), max_size=6),
    schemas=st.integers(1, 2),
)
def test_a_batch_of_many_rows_gives_what_its_rows_give(
    target: str, config: dict[str, str], rows: list[Record], schemas: int
) -> None:
    cls = registry().load("transforms", JAVA + "TimestampConverter$Value")
    try:
        transform = cls(cls.config_spec().parse({"target.type": target, **config}))
        transform.side = Side.VALUE
        transform.open()
    except PenstockError:
        return
    kinds = [one.value_schema for one in rows[:schemas]]
    same = [
        SourceRecord(topic="t", value=one.value, value_schema=one.value_schema)
        for one in rows
        if one.value_schema in kinds
    ]
    try:
        expected: Any = {i: shown(transform.apply(one)) for i, one in enumerate(same)}
    except PenstockError:
        expected = "error"
    found: Any = {}
    try:
        for batch in Batch.of_records(same):
            changed = transform.apply_batch(batch)
            found |= dict(zip(changed.rows, map(shown, changed.records()), strict=True))
    except PenstockError:
        found = "error"
    assert found == expected


ROUTES = st.fixed_dictionaries(
    {},
    optional={
        "topic.format": st.sampled_from(
            ["${topic}", "x-${timestamp}-${topic}", "${timestamp}_${timestamp}", "$x", "a${topic"]
        ),
        "timestamp.format": st.one_of(
            st.sampled_from(["yyyyMMdd", "yyyy", "", "'$1\\${topic}'", "HH"]), patterns()
        ),
    },
)


@RELAXED
@given(config=ROUTES, record=records(), moment=st.one_of(st.none(), MOMENTS))
def test_router_does_as_java_does(
    jvm: ModuleType, config: dict[str, str], record: Record, moment: int | None
) -> None:
    stamp = None if moment is None else abs(moment)  # Connect knows no negative ones
    record = record.with_timestamp(stamp)
    expected = java_outcome("TimestampRouter", config, record)
    by_row, by_batch = our_outcomes("TimestampRouter", config, record)
    assert by_row == expected
    assert by_batch == expected


@RELAXED
@given(stamps=st.lists(st.integers(0, 2**41), min_size=1, max_size=8), config=ROUTES)
def test_router_parts_a_batch_by_topic(stamps: list[int], config: dict[str, str]) -> None:
    cls = registry().load("transforms", JAVA + "TimestampRouter")
    transform = cls(cls.config_spec().parse(config))
    transform.open()
    rows = [SourceRecord(topic="t", value=i, timestamp=stamp) for i, stamp in enumerate(stamps)]
    (batch,) = Batch.of_records(rows)
    found = {
        row: record.topic
        for one in transform.apply_batch(batch)
        for row, record in zip(one.rows, one.records(), strict=True)
    }
    assert found == {i: transform.apply(row).topic for i, row in enumerate(rows)}
    assert batch_of(rows[0]).topic == "t"


def test_router_refuses_early_what_java_refuses_late(jvm: ModuleType) -> None:
    record = SourceRecord(topic="t", timestamp=0)
    bad = {"timestamp.format": "yyyy'"}
    assert java_outcome("TimestampRouter", bad, record) == "data"
    assert our_outcomes("TimestampRouter", bad, record) == ("config", "config")
    empty = {"topic.format": ""}
    assert not java_outcome("TimestampRouter", empty, record)[0]
    assert our_outcomes("TimestampRouter", empty, record) == ("data", "data")


def test_zones_of_several_places_are_refused_and_do_not_stay(jvm: ModuleType) -> None:
    theirs = java_format("HH:mm z")
    assert theirs.parse(text("00:00 CET")).getTime() == -3_600_000
    assert str(theirs.format(java_class("java.util.Date")(0))) == "01:00 CET"
    assert our_parsed("HH:mm z", "00:00 CET") is None
    assert our_parsed("HH:mm z", "00:00 PST") == java_parsed("HH:mm z", "00:00 PST")
