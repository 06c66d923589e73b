"""The calendar fields of a moment as ``java.util.GregorianCalendar`` in UTC counts them.

Before 15 October 1582 that is the Julian calendar; years before 1 are counted back as years BC.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import attrs

from penstock.data._logical import Date, EpochMillis, Time, Timestamp

__all__ = ["CalendarFields", "date_of", "date_text", "days_of", "moment_ms"]

_DAY_MS: Final = 86_400_000
_GREGORIAN_START_DAY: Final = -141_427
# Days from 1 March of the Julian year 0 to 1970-01-01.
_JULIAN_EPOCH_DAYS: Final = 719_470
_GREGORIAN_EPOCH_DAYS: Final = 719_468
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_WEEKDAYS: Final = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")


@attrs.frozen
class CalendarFields:
    """One moment in parts. ``year`` is that of the era, never below 1."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    millis: int
    weekday: str

    @classmethod
    def of(cls, ms: int) -> CalendarFields:
        """Return the parts of milliseconds since 1970-01-01T00:00Z."""
        days, rest = divmod(ms, _DAY_MS)
        year, month, day = date_of(days)
        seconds, millis = divmod(rest, 1000)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        shown_year = year if year > 0 else 1 - year
        weekday = _WEEKDAYS[days % 7]
        return cls(shown_year, month, day, hour, minute, second, millis, weekday)


def date_of(days: int) -> tuple[int, int, int]:
    """Return year, month and day of days since 1970-01-01; the year before 1 is 0."""
    # A year counts from March here, so that leap days come last.
    if days >= _GREGORIAN_START_DAY:
        era, day_of_era = divmod(days + _GREGORIAN_EPOCH_DAYS, 146_097)
        leaps = day_of_era // 1460 - day_of_era // 36_524 + day_of_era // 146_096
        year_of_era = (day_of_era - leaps) // 365
        day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
        year = year_of_era + era * 400
    else:
        era, day_of_era = divmod(days + _JULIAN_EPOCH_DAYS, 1461)
        year_of_era = (day_of_era - day_of_era // 1460) // 365
        day_of_year = day_of_era - 365 * year_of_era
        year = year_of_era + era * 4
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9  # noqa: PLR2004 - March is 0
    return year + (month <= 2), month, day  # noqa: PLR2004 - January and February end a year


def moment_ms(value: dt.date | dt.time | EpochMillis) -> int:
    """Return the milliseconds that Java's ``Date`` of a moment holds."""
    if isinstance(value, EpochMillis):
        return value.ms
    if isinstance(value, dt.datetime):
        return Timestamp.to_ms(value)
    if isinstance(value, dt.time):
        return Time.to_ms(value)
    return Date.to_days(value) * _DAY_MS


def date_text(ms: int) -> str:
    """Return what ``java.util.Date.toString`` prints on a JVM whose zone is UTC."""
    at = CalendarFields.of(ms)
    clock = dt.time(at.hour, at.minute, at.second).isoformat()
    return f"{at.weekday} {_MONTHS[at.month - 1]} {at.day:02} {clock} UTC {at.year}"


def days_of(year: int, month: int, day: int) -> int:
    """Return days since 1970-01-01 as a lenient calendar counts them: month 13 is next January."""
    carried, month_index = divmod(month - 3, 12)
    years = year + carried
    day_of_year = (153 * month_index + 2) // 5 + day - 1
    gregorian = (
        365 * years + years // 4 - years // 100 + years // 400 + day_of_year - _GREGORIAN_EPOCH_DAYS
    )
    if gregorian >= _GREGORIAN_START_DAY:
        return gregorian
    return 365 * years + years // 4 + day_of_year - _JULIAN_EPOCH_DAYS
