"""``java.text.SimpleDateFormat`` of the English locale in UTC: patterns, compiled.

A text is put together of a part that changes with the day, one with the minute, one with the
second: each is made once and looked up for the other rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import attrs

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


@attrs.frozen
class _Unit:
    """What a part of a pattern changes with: the day, the minute of the day, and so on.

    Attributes:
        letters: that change with it.
        ms: how long one is.
        count: how many there are before they begin anew; 0 if they never do.
        write: makes the text of some pieces for the number of one.
    """

    letters: str
    ms: int
    count: int
    write: Callable[[Sequence[Piece], int], str]

    def number(self, ms: int) -> int:
        """Return which one a moment (Unix ms) lies in."""
        return ms // self.ms % self.count if self.count else ms // self.ms


class _Table(dict[int, str]):
    """The texts of one part of a pattern, each made when it is first asked for."""

    def __init__(self, unit: _Unit, pieces: Sequence[Piece]) -> None:
        """Hold the texts of these pieces, all of which change with this unit or never."""
        super().__init__()
        self.unit = unit
        self._pieces = pieces

    def __missing__(self, number: int) -> str:
        if len(self) >= CACHE_MAX:
            self.clear()
        text = self[number] = self.unit.write(self._pieces, number)
        return text


class SimpleDateFormat:
    """One compiled pattern. Owner: the transform that made it."""

    def __init__(self, pattern: str, now_ms: int) -> None:
        """Compile a pattern; ``now_ms`` (Unix ms) is what two-digit years are near to.

        Raises:
            ValueError: it is no pattern of SimpleDateFormat.
        """
        self.pattern = pattern
        pieces = pieces_of(pattern)
        self._tables = _tables(pieces)
        self._units = [table.unit for table in self._tables]
        parser = DateParser(pattern, pieces, now_ms)
        self.parse = parser.parse
        self.moment = parser.moment
        self.moments = parser.moments

    def format(self, ms: int) -> str:
        """Return the text of a moment (Unix ms)."""
        return "".join([table[table.unit.number(ms)] for table in self._tables])

    def format_all(self, moments: Sequence[int]) -> list[Any]:
        """Return the texts of a column of moments."""
        # The usual patterns go from the day down; others are five times as slow.
        if self._units == _DOWN[:1]:
            (day,) = self._tables
            return [day[ms // _DAY_MS] for ms in moments]
        if self._units == _DOWN[:3]:
            day, minute, second = self._tables
            return [
                day[ms // _DAY_MS] + minute[ms // 60_000 % 1440] + second[ms // 1000 % 60]
                for ms in moments
            ]
        if self._units == _DOWN:
            day, minute, second, milli = self._tables
            return [
                f"{day[ms // _DAY_MS]}{minute[ms // 60_000 % 1440]}{second[ms // 1000 % 60]}"
                f"{milli[ms % 1000]}"
                for ms in moments
            ]
        return [self.format(ms) for ms in moments]


def _tables(pieces: Sequence[Piece]) -> list[_Table]:
    """Return a table for each run of pieces that change with the same unit."""
    runs: list[tuple[_Unit, list[Piece]]] = []
    begun: list[Piece] = []  # what never changes goes with what stands before it, or behind
    for piece in pieces:
        unit = None if isinstance(piece, Literal) else _UNITS.get(piece.letter)
        if unit is not None and (not runs or runs[-1][0] is not unit):
            runs.append((unit, begun))
            begun = []
        (runs[-1][1] if runs else begun).append(piece)
    if not runs:
        runs.append((_DAY, begun))
    return [_Table(unit, run) for unit, run in runs]


def _day_text(pieces: Sequence[Piece], number: int) -> str:
    day = Day.of(number)
    return "".join(
        one.text if isinstance(one, Literal) else _DATES[one.letter](day, one.width)
        for one in pieces
    )


def _second_text(pieces: Sequence[Piece], second: int) -> str:
    return "".join(map(partial(_time, second), pieces))


def _minute_text(pieces: Sequence[Piece], minute: int) -> str:
    return _second_text(pieces, minute * 60)


def _time(second: int, piece: Piece) -> str:
    if isinstance(piece, Literal):
        return piece.text
    if piece.letter in _DATES:
        return _DATES[piece.letter](_NO_DAY, piece.width)
    value = _TIMES[piece.letter](second)
    return value if isinstance(value, str) else f"{value:0{piece.width}d}"


def _milli_text(pieces: Sequence[Piece], number: int) -> str:
    return "".join(
        f"{number:0{one.width}d}" if isinstance(one, Field) and one.letter == "S" else _time(0, one)
        for one in pieces
    )


_DAY_MS: Final = 86_400_000
_NO_DAY: Final = Day.of(0)
"""For zones, which are the same on all days."""
_DAY: Final = _Unit("GyYMLwWDdFEu", _DAY_MS, 0, _day_text)
_DOWN: Final = [
    _DAY,
    _Unit("aHkKhm", 60_000, 1440, _minute_text),
    _Unit("s", 1000, 60, _second_text),
    _Unit("S", 1, 1000, _milli_text),
]
_UNITS: Final = {letter: unit for unit in _DOWN for letter in unit.letters}


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
