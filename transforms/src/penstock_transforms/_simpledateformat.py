"""``java.text.SimpleDateFormat`` of the English locale in UTC: patterns, compiled.

The day's part of a text is made once a day and the second's once a second, so that a batch is
written at the price of a look-up a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from penstock_transforms._datefields import Day
from penstock_transforms._datenames import MONTHS, SHORT, WEEKDAYS
from penstock_transforms._dateparse import DateParser
from penstock_transforms._datepattern import Field, Literal, Piece, pieces_of

__all__ = ["SimpleDateFormat", "pattern_problem"]

CACHE_MAX: Final = 4096
_DAY_S: Final = 86_400
_LONG_NAME: Final = 4


def pattern_problem(name: str, value: Any) -> str | None:
    """Return what is wrong with a pattern, as a validator of keys; an empty one is fine."""
    try:
        pieces_of(value)
    except ValueError as problem:
        return f"must be a pattern of java.text.SimpleDateFormat: {problem}"
    return None


class SimpleDateFormat:
    """One compiled pattern. Owner: the transform that made it."""

    def __init__(self, pattern: str, now_ms: int) -> None:
        """Compile a pattern; ``now_ms`` (Unix ms) is what two-digit years are near to.

        Raises:
            ValueError: it is no pattern of SimpleDateFormat.
        """
        self.pattern = pattern
        pieces = pieces_of(pattern)
        self._pieces = pieces
        self._times = [
            _TIMES[p.letter] for p in pieces if isinstance(p, Field) and p.letter in _TIMES
        ]
        self._millis = sum(isinstance(p, Field) and p.letter == "S" for p in pieces)
        self._days: dict[int, str] = {}
        self._seconds: dict[int, str] = {}
        parser = DateParser(pattern, pieces, now_ms)
        self.parse = parser.parse
        self.moment = parser.moment
        self.moments = parser.moments

    def format(self, ms: int) -> str:
        """Return the text of a moment (Unix ms)."""
        second, millis = divmod(ms, 1000)
        shape = self._seconds.get(second)
        if shape is None:
            shape = self._second(second)
        if self._millis == 1:
            return shape % millis
        return shape % ((millis,) * self._millis) if self._millis else shape

    def format_all(self, moments: Sequence[int]) -> list[Any]:
        """Return the texts of a column of moments."""
        known = self._seconds
        second = self._second
        if self._millis:
            return [self.format(ms) for ms in moments]
        return [known.get(s) or second(s) for s in [ms // 1000 for ms in moments]]

    def _second(self, second: int) -> str:
        """Return the text of a second, with a place for the milliseconds if they are shown."""
        day, rest = divmod(second, _DAY_S)
        shape = self._days.get(day)
        if shape is None:
            if len(self._days) >= CACHE_MAX:
                self._days.clear()
            shape = self._days[day] = self._day(day)
        if len(self._seconds) >= CACHE_MAX:
            self._seconds.clear()
        text = shape % tuple([time(rest) for time in self._times])
        self._seconds[second] = text
        return text

    def _day(self, days: int) -> str:
        """Return the text of a day, with a place for each number of the time."""
        day = Day.of(days)
        return "".join(self._of_day(piece, day) for piece in self._pieces)

    def _of_day(self, piece: Piece, day: Day) -> str:
        # What stays has to survive % once for the second and, for milliseconds, once more.
        percent = "%%%%" if self._millis else "%%"
        if isinstance(piece, Literal):
            return piece.text.replace("%", percent)
        if piece.letter == "S":
            return f"%%0{piece.width}d"
        if piece.letter == "a":
            return "%s"
        if piece.letter in _TIMES:
            return f"%0{piece.width}d"
        return _DATES[piece.letter](day, piece.width)


def _number(value: int, width: int) -> str:
    digits = f"{abs(value):0{width}d}"
    return f"-{digits}" if value < 0 else digits


def _year(value: int, width: int) -> str:
    if width != 2:  # noqa: PLR2004 - two letters are two digits
        return _number(value, width)
    short = f"{abs(value) % 100:02d}"
    return f"-{short}" if value < 0 else short


def _month(day: Day, width: int) -> str:
    if width < SHORT:
        return _number(day.month, width)
    name = MONTHS[day.month - 1]
    return name if width >= _LONG_NAME else name[:SHORT]


def _weekday(day: Day, width: int) -> str:
    name = WEEKDAYS[day.weekday - 1]
    return name if width >= _LONG_NAME else name[:SHORT]


_DATES: Final[dict[str, Callable[[Day, int], str]]] = {
    "G": lambda day, _: "AD" if day.is_ad else "BC",
    "y": lambda day, width: _year(day.year_of_era, width),
    "Y": lambda day, width: _year(day.week_year, width),
    "M": _month,
    "L": _month,
    "w": lambda day, width: _number(day.week_of_year, width),
    "W": lambda day, width: _number(day.week_of_month, width),
    "D": lambda day, width: _number(day.day_of_year, width),
    "d": lambda day, width: _number(day.day, width),
    "F": lambda day, width: _number(day.weekday_of_month, width),
    "E": _weekday,
    "u": lambda day, width: _number((day.weekday + 5) % 7 + 1, width),
    "z": lambda _, width: "Coordinated Universal Time" if width >= _LONG_NAME else "UTC",
    "Z": lambda *_: "+0000",
    "X": lambda *_: "Z",
}

_TIMES: Final[dict[str, Callable[[int], Any]]] = {
    "a": lambda second: "PM" if second >= _DAY_S // 2 else "AM",
    "H": lambda second: second // 3600,
    "k": lambda second: second // 3600 or 24,
    "K": lambda second: second // 3600 % 12,
    "h": lambda second: second // 3600 % 12 or 12,
    "m": lambda second: second // 60 % 60,
    "s": lambda second: second % 60,
}
