"""The numbers that ``java.util.GregorianCalendar`` gives a day, and the day of such numbers. Pure.

Weeks are those of the English locale: they begin on Sunday, and the one with 1 January is the
first. Days are counted from 1970-01-01; a year before 1 is 0 or negative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from penstock.data.values import date_of, days_of

__all__ = ["Day", "day_of_fields", "plan_of"]

_WEEK: Final = 7
_EPOCH_WEEKDAY: Final = 4  # 1970-01-01 was a Thursday, and Sunday is 0


def _sunday_until(days: int) -> int:
    """Return the last Sunday that is not after a day."""
    return days - (days + _EPOCH_WEEKDAY) % _WEEK


def _weekday_until(days: int, weekday: int) -> int:
    """Return the last such weekday (Sunday is 1) that is not after a day."""
    return days - (days + _EPOCH_WEEKDAY - (weekday - 1)) % _WEEK


@attrs.frozen
class Day:
    """A day and all its numbers."""

    days: int
    year: int
    month: int
    day: int

    @classmethod
    def of(cls, days: int) -> Day:
        """Return the day that is so many days after 1970-01-01."""
        return cls(days, *date_of(days))

    @property
    def is_ad(self) -> bool:
        """Whether the year is 1 or later."""
        return self.year > 0

    @property
    def year_of_era(self) -> int:
        """The year as it is written, never below 1."""
        return self.year if self.year > 0 else 1 - self.year

    @property
    def weekday(self) -> int:
        """The weekday, where Sunday is 1."""
        return (self.days + _EPOCH_WEEKDAY) % _WEEK + 1

    @property
    def day_of_year(self) -> int:
        """The day within its year, from 1."""
        return self.days - days_of(self.year, 1, 1) + 1

    @property
    def _is_in_next_year(self) -> bool:
        return self.days >= _sunday_until(days_of(self.year + 1, 1, 1))

    @property
    def week_year(self) -> int:
        """The year that the week belongs to."""
        return self.year + self._is_in_next_year

    @property
    def week_of_year(self) -> int:
        """The week within its week year, from 1."""
        if self._is_in_next_year:
            return 1
        return (self.days - _sunday_until(days_of(self.year, 1, 1))) // _WEEK + 1

    @property
    def week_of_month(self) -> int:
        """The week within its month, from 1."""
        return (self.days - _sunday_until(days_of(self.year, self.month, 1))) // _WEEK + 1

    @property
    def weekday_of_month(self) -> int:
        """How often this weekday was in the month, from 1."""
        return (self.days - days_of(self.year, self.month, 1)) // _WEEK + 1

    def field(self, name: str) -> int:
        """Return the number that a field of a parsed text has to equal."""
        return _NUMBERS[name](self)


_NUMBERS: Final[Mapping[str, Callable[[Day], int]]] = {
    "era": lambda day: int(day.is_ad),
    "year": lambda day: day.year_of_era,
    "week year": lambda day: day.week_year,
    "month": lambda day: day.month,
    "day": lambda day: day.day,
    "day of year": lambda day: day.day_of_year,
    "week": lambda day: day.week_of_year,
    "week of month": lambda day: day.week_of_month,
    "weekday": lambda day: day.weekday,
    "weekday of month": lambda day: day.weekday_of_month,
}


def plan_of(names: list[str]) -> str:
    """Return by which fields the day is found; ``names`` are in the order they are parsed.

    As in Java, the group of fields whose last one was set last decides.
    """
    at = {name: i for i, name in enumerate(names)}
    if at.get("week year", -1) > at.get("year", -1):
        return "week year"
    weekday = at.get("weekday", -1)

    def pair(name: str) -> int:
        return max(at[name], weekday) if name in at and weekday >= 0 else -1

    groups = {
        "day": at.get("day", -1),
        "week of month": pair("week of month"),
        "weekday of month": pair("weekday of month"),
        "day of year": at.get("day of year", -1),
        "week": pair("week"),
    }
    if max(groups.values()) < 0:
        groups["week of month"] = at.get("week of month", -1)
        groups["weekday of month"] = max(at.get("weekday of month", -1), weekday)
        groups["week"] = at.get("week", -1)
    best = max(groups.values())
    if best < 0:
        return "day"
    week = at.get("week", -1)
    winners = [name for name, stamp in groups.items() if stamp == best]
    if winners == ["day"]:
        return "day"
    in_month = [
        name
        for name in ("week of month", "weekday of month")
        if name in winners and at.get(name, -1) >= week
    ]
    if in_month:
        return max(in_month, key=lambda name: at.get(name, -1))
    return "day of year" if "day of year" in winners else "week"


def day_of_fields(plan: str, fields: Mapping[str, int]) -> int:
    """Return the day of some fields; what is missing is the first of its kind, the year 1970."""
    if plan == "week year":
        first = _sunday_until(days_of(fields["week year"], 1, 1))
        return first + _WEEK * (fields.get("week", 1) - 1) + fields.get("weekday", 1) - 1
    year = fields.get("year", 1970)
    if fields.get("era", 1) == 0:
        year = 1 - year
    month = fields.get("month", 1)
    if plan == "day":
        return days_of(year, month, 1) + fields.get("day", 1) - 1
    if plan == "day of year":
        return days_of(year, 1, 1) + fields["day of year"] - 1
    if plan == "weekday of month":
        end = days_of(year, month, 1) + _WEEK * fields.get("weekday of month", 1)
        return _weekday_until(end - 1, fields.get("weekday", 1))
    first = days_of(year, 1, 1) if plan == "week" else days_of(year, month, 1)
    sunday = _sunday_until(first)
    return sunday + _WEEK * (fields.get(plan, 1) - 1) + fields.get("weekday", 1) - 1
