"""Patterns of paths beside Joda-Time itself: the same texts, refusals and cuts of time."""

from __future__ import annotations

import datetime as dt
from types import ModuleType

import jpype
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.errors import ConfigError
from penstock_s3._extractors import RecordTime
from penstock_s3._joda import JodaPattern
from penstock_s3._partitioners import ByTime
from penstock_s3._zones import zone_of
from tests.parts.maven import class_path

JODA = "joda-time:joda-time:2.14.0"
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "+05:45",
)
HOUR = 3_600_000
DURATIONS = (1000, 15_000, 60_000, HOUR, 6 * HOUR, 24 * HOUR, 7 * 24 * HOUR)
# From 1973 to 2037: later, and long before, the rules that both have of zones differ.
moments = st.integers(94_694_400_000, 2_114_380_800_000)
numbers = st.sampled_from("CYyxwedDMHhKkmsSZ")
tokens = st.one_of(
    st.tuples(numbers, st.integers(1, 2)).map(lambda pair: pair[0] * pair[1]),
    st.sampled_from(["YYYY", "yyyy", "xxxx", "SSS", "DDD", "ZZZ", "G", "a"]),
    st.sampled_from(["MMM", "MMMM", "EEE", "EEEE"]),
    st.text("'-/:= .,0", max_size=3),
    st.text("abcYM '=", max_size=5).map(lambda text: "'" + text.replace("'", "''") + "'"),
)
patterns = st.lists(tokens, min_size=1, max_size=8).map("".join)


class Joda:
    """The real formatter, and the cut of the original's TimeBasedPartitioner by Joda's own zone."""

    def __init__(self, jvm: ModuleType) -> None:
        java_file = jvm.java_class("java.io.File")
        urls = [java_file(str(jar)).toURI().toURL() for jar in class_path([JODA])]
        loader = jvm.java_class("java.net.URLClassLoader")(urls)
        self._format = jpype.JClass("org.joda.time.format.DateTimeFormat", loader=loader)
        self._zone = jpype.JClass("org.joda.time.DateTimeZone", loader=loader)
        self._locale = jvm.java_class("java.util.Locale")

    def text(self, pattern: str, zone: str, ms: int, locale: str = "en") -> str | None:
        try:
            made = self._format.forPattern(pattern).withZone(self._zone.forID(zone))
            return str(made.withLocale(self._locale(locale)).print_(jpype.JLong(ms)))
        except (
            jpype.JClass("java.lang.IllegalArgumentException"),
            jpype.JClass("java.lang.UnsupportedOperationException"),
        ):
            return None

    def path(self, pattern: str, zone: str, ms: int, duration: int) -> str | None:
        place = self._zone.forID(zone)
        local = int(place.convertUTCToLocal(jpype.JLong(ms)))
        cut = place.convertLocalToUTC(jpype.JLong(local // duration * duration), False)
        return self.text(pattern, zone, int(cut))


@pytest.fixture(scope="module")
def joda(jvm: ModuleType) -> Joda:
    return Joda(jvm)


def ours(pattern: str, zone: str, ms: int, locale: str = "en") -> str | None:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=ms)
    try:
        return JodaPattern.of(pattern, locale).format(moment.astimezone(zone_of(zone)))
    except ConfigError:
        return None


@settings(max_examples=400, deadline=None)
@given(pattern=patterns, zone=st.sampled_from(ZONES), ms=moments)
@example(pattern="'it''s' ''yyyy''", zone="UTC", ms=1_767_323_045_678)
@example(pattern="'", zone="UTC", ms=1_767_323_045_678)
@example(pattern="'open", zone="UTC", ms=1_767_323_045_678)
def test_patterns_are_written_as_joda_writes_them(
    joda: Joda, pattern: str, zone: str, ms: int
) -> None:
    expected = joda.text(pattern, zone, ms)
    assert ours(pattern, zone, ms) == expected


@pytest.mark.parametrize("letter", [chr(code) for code in range(ord("A"), ord("z") + 1)])
def test_letters_are_known_or_refused_as_by_joda(joda: Joda, letter: str) -> None:
    expected = joda.text(letter, "UTC", 1_767_323_045_678)
    found = ours(letter, "UTC", 1_767_323_045_678)
    assert found == expected


@pytest.mark.parametrize("locale", ["en", "de", "fr", "es", "it", "pt", "ja"])
@pytest.mark.parametrize("pattern", ["MMMM", "MMM", "EEEE", "EEE"])
def test_names_of_months_and_days_are_those_of_java(joda: Joda, locale: str, pattern: str) -> None:
    start = 1_767_323_045_678
    for day in range(0, 365, 26):
        ms = start + day * 24 * HOUR
        assert ours(pattern, "UTC", ms, locale) == joda.text(pattern, "UTC", ms, locale)


PATH = "YYYY-MM-dd HH:mm:ss"


@settings(max_examples=400, deadline=None)
@given(ms=moments, zone=st.sampled_from(ZONES), duration=st.sampled_from(DURATIONS))
@example(ms=1_792_891_800_000, zone="Europe/Berlin", duration=HOUR)
@example(ms=1_774_747_800_000, zone="Europe/Berlin", duration=6 * HOUR)
@example(ms=1_508_034_600_000, zone="America/Sao_Paulo", duration=24 * HOUR)
def test_times_are_cut_as_the_original_cuts_them(
    joda: Joda, ms: int, zone: str, duration: int
) -> None:
    place = zone_of(zone)
    partitioner = ByTime(RecordTime(), JodaPattern.of(PATH), place, duration)
    assert partitioner.paths_at([ms]) == [joda.path(PATH, zone, ms, duration)]


def test_before_1970_the_original_takes_the_wrong_hour_and_ours_the_right_one(
    jvm: ModuleType, joda: Joda
) -> None:
    pattern = "YYYY-MM-dd HH"
    partitioner = ByTime(RecordTime(), JodaPattern.of(pattern), zone_of("UTC"), HOUR)
    # Java's division: floorDiv would be -1.
    big = jvm.java_class("java.math.BigInteger")
    cut = int(big("-1").divide(big(str(HOUR))).longValue()) * HOUR
    assert joda.text(pattern, "UTC", cut) == "1970-01-01 00"
    assert partitioner.paths_at([-1]) == ["1969-12-31 23"]
