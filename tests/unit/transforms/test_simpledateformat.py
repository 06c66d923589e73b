from __future__ import annotations

import datetime as dt

import pytest

from penstock.errors import DataError
from penstock_transforms._simpledateformat import CACHE_MAX, SimpleDateFormat

NOW = 1_700_000_000_000  # in 2023, so two digits are a year of 1943 to 2043
DAY_MS = 86_400_000


def made(pattern: str) -> SimpleDateFormat:
    return SimpleDateFormat(pattern, NOW)


@pytest.mark.parametrize(("digits", "year"), [("43", 2043), ("44", 1944), ("00", 2000)])
def test_two_digits_are_a_year_nearby(digits: str, year: int) -> None:
    found = made("yy-MM-dd").moment(f"{digits}-02-03")
    assert found == dt.datetime(year, 2, 3, tzinfo=dt.UTC)


def test_two_digits_of_the_border_year_depend_on_the_day() -> None:
    # 80 years before 14 November 2023, when the century begins.
    assert made("yy-MM-dd").moment("43-11-13") == dt.datetime(2043, 11, 13, tzinfo=dt.UTC)
    assert made("yy-MM-dd").moment("43-11-15") == dt.datetime(1943, 11, 15, tzinfo=dt.UTC)


def test_the_century_of_a_leap_day_begins_the_day_before_march() -> None:
    leap_day = 1_709_200_000_000  # 29 February 2024
    century_later = leap_day + 76 * 365 * DAY_MS
    assert SimpleDateFormat("yy", century_later).parse("44")
    assert SimpleDateFormat("yy", leap_day).parse("50")


@pytest.mark.parametrize(
    ("text", "hours"),
    [("UTC", 0), ("gmt", 0), ("GMT+1:00", -1), ("-0500", 5), ("PST", 8), ("edt", 4)],
)
def test_zones(text: str, hours: int) -> None:
    assert made("HH:mm z").parse(f"00:00 {text}") == hours * 3_600_000


@pytest.mark.parametrize("text", ["BST", "CET", "Z", "+01:00", "GMT+25:00", "+2400", "GMT+1"])
def test_zones_that_mean_several_places_or_nothing_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="no time zone at character 7"):
        made("HH:mm z").parse(f"00:00 {text}")


def test_caches_stay_bounded() -> None:
    shape = made("yyyy-MM-dd HH:mm:ss.SSS")
    moments = [n * 7 * DAY_MS + n for n in range(2 * CACHE_MAX)]
    texts = shape.format_all(moments)
    assert [shape.parse(text) for text in texts] == moments
    assert max(map(len, shape._tables)) <= CACHE_MAX


def test_usual_texts_take_the_fast_way_and_mean_the_same() -> None:
    shape = made("d.M.yyyy H:m:s.S")
    assert shape.moment("9.8.2024 7:6:5.4") == dt.datetime(2024, 8, 9, 7, 6, 5, 4000, dt.UTC)
    assert shape.parse("9.8.2024 7:6:5.4") == 1_723_187_165_004
    assert (
        shape.moments([" 9. 8.02024 7:6:5.4", "9.8.2024 7:6:5.4 and more"])
        == [shape.moment("9.8.2024 7:6:5.4")] * 2
    )


def test_days_before_the_gregorian_calendar_are_julian() -> None:
    shape = made("yyyy-MM-dd")
    assert shape.format(shape.parse("1582-10-04") + DAY_MS) == "1582-10-15"
    with pytest.raises(DataError, match="names no moment"):
        shape.parse("1582-10-10")
