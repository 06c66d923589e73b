"""Reading texts by a pattern of ``java.text.SimpleDateFormat``, strictly.

What follows the pattern's end is ignored, blanks stand before any number, and of two digits by
two letters the century is guessed, all as in Java. But Java's parser is lenient: it reads month
13 as the next January. Here every number must be the one that the moment found has, or the text
is refused.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Final

from penstock.data import EpochMillis, Timestamp
from penstock.errors import DataError
from penstock_transforms._datefast import fast_reader
from penstock_transforms._datefields import Day, day_of_fields, plan_of
from penstock_transforms._datenames import ERAS, HALVES, MONTHS, SHORT, WEEKDAYS, ZONES
from penstock_transforms._datepattern import Field, Literal, Piece

__all__ = ["DateParser"]

_DAY_MS: Final = 86_400_000
_INT_END: Final = 1 << 31
_LONG_END: Final = 1 << 63
_CENTURY: Final = 100
_GUESSED_YEARS: Final = 80
_DIGITS_OF_CENTURY: Final = 2
_NOON: Final = 12
_MIDNIGHT: Final = 24
_WEEK: Final = 7
_NUMBER: Final = re.compile(r"(-?\d+)(E-?\d)?")
_BLANKS: Final = re.compile(r"[ \t]*")
_FIELDS: Final = {
    "G": "era",
    "y": "year",
    "Y": "week year",
    "M": "month",
    "L": "month",
    "d": "day",
    "D": "day of year",
    "w": "week",
    "W": "week of month",
    "F": "weekday of month",
    "E": "weekday",
    "u": "weekday",
    "a": "half",
    "H": "hour",
    "k": "hour",
    "K": "hour of half",
    "h": "hour of half",
    "m": "minute",
    "s": "second",
    "S": "millisecond",
    "z": "zone",
    "Z": "zone",
    "X": "zone",
}
_TIME_FIELDS: Final = frozenset({"half", "hour", "hour of half", "minute", "second", "millisecond"})
_TEXT_LETTERS: Final = frozenset("GEazZX")

Fields = dict[str, int]
Step = Callable[[str, int, Fields], int]
"""Reads one piece at a place of a text into the fields and returns the place after it."""


class _NoMatchError(Exception):
    """The text does not fit the pattern; the argument says where it stops to."""


class DateParser:
    """The reading half of a compiled pattern. Owner: the transform that made it."""

    def __init__(self, pattern: str, pieces: Sequence[Piece], now_ms: int) -> None:
        """Prepare the steps; ``now_ms`` is what two-digit years are near to."""
        self._pattern = pattern
        self._century_ms = _years_before(now_ms, _GUESSED_YEARS)
        self._century_year = Day.of(self._century_ms // _DAY_MS).year
        self._steps = [self._step(piece, after) for piece, after in zip_longest(pieces, pieces[1:])]
        names = [_FIELDS[piece.letter] for piece in pieces if isinstance(piece, Field)]
        self._plan = plan_of(names)
        at = {name: i for i, name in enumerate(names)}
        by_half = -1
        if "half" in at and "hour of half" in at:
            by_half = max(at["half"], at["hour of half"])
        self._by_hour = "hour" in at and at["hour"] > by_half
        self._fast = fast_reader(pieces)

    def parse(self, text: str) -> int:
        """Return the Unix ms of a text.

        Raises:
            DataError: it does not fit the pattern, or names no moment.
        """
        fields: Fields = {}
        at = 0
        try:
            for step in self._steps:
                at = step(text, at, fields)
        except _NoMatchError as stop:
            raise DataError(self._complaint(text, "does not match", str(stop))) from None
        guessed = fields.pop("guessed", None)
        ms = self._checked(text, fields)
        if guessed is not None and ms < self._century_ms:
            fields[("year", "week year")[guessed]] += _CENTURY
            ms = self._checked(text, fields)
        return ms

    def moment(self, text: str) -> dt.datetime | EpochMillis:
        """Return the moment of a text; see :meth:`parse`."""
        found = None if self._fast is None else self._fast(text)
        return Timestamp.from_ms(self.parse(text)) if found is None else found

    def moments(self, texts: Sequence[str]) -> list[dt.datetime | EpochMillis]:
        """Return the moments of a column of texts; see :meth:`parse`."""
        fast = self._fast
        if fast is None:
            return [self.moment(text) for text in texts]
        moment = self.moment
        return [fast(text) or moment(text) for text in texts]

    def _complaint(self, text: str, verb: str, detail: str) -> str:
        return (
            f"Could not parse timestamp: value ({text}) {verb} pattern ({self._pattern}): {detail}"
        )

    def _checked(self, text: str, fields: Fields) -> int:
        """Return the moment of the fields if each of them is a number that it has."""
        hour = fields.get("hour", 0)
        if not self._by_hour and ("hour of half" in fields or "half" in fields):
            hour = fields.get("hour of half", 0) + _NOON * fields.get("half", 0)
        minutes = hour * 60 + fields.get("minute", 0)
        rest = (minutes * 60 + fields.get("second", 0)) * 1000 + fields.get("millisecond", 0)
        local = day_of_fields(self._plan, fields) * _DAY_MS + rest
        days, of_day = divmod(local, _DAY_MS)
        day = Day.of(days)
        for name, value in fields.items():
            if name == "zone":
                continue
            is_time = name in _TIME_FIELDS
            real = _time_number(name, of_day) if is_time else day.field(name)
            if value != real or (name == "week year" and value < 1):
                shown = f"the {name} {value} does not exist there, or something else contradicts it"
                raise DataError(self._complaint(text, "names no moment by", shown))
        ms = local - fields.get("zone", 0)
        if not -_LONG_END <= ms < _LONG_END:
            raise DataError(self._complaint(text, "goes too far by", "64 bits cannot hold it"))
        return ms

    def _step(self, piece: Piece, after: Piece | None) -> Step:
        if isinstance(piece, Literal):
            return _literal(piece.text)
        letter, width = piece.letter, piece.width
        name = _FIELDS[letter]
        if letter in "zZ":
            return _zone
        if letter == "X":
            return _iso_zone(width)
        names = _names_of(letter, width)
        if names is not None:
            return _name(name, names)
        adjacent = isinstance(after, Field) and not _is_text(after)
        return _number(name, width if adjacent else None, self._meaning(letter, width))

    def _meaning(self, letter: str, width: int) -> Callable[[str, Fields], int] | None:
        """Return how the digits of a field become its number, where they are not it."""
        if letter in "yY" and width <= _DIGITS_OF_CENTURY:
            return lambda digits, fields: self._near(digits, fields, letter)
        if letter == "k":
            return lambda digits, _: 0 if int(digits) == _MIDNIGHT else int(digits)
        if letter == "h":
            return lambda digits, _: 0 if int(digits) == _NOON else int(digits)
        if letter == "u":
            return lambda digits, _: _weekday(int(digits))
        return None

    def _near(self, digits: str, fields: Fields, letter: str) -> int:
        """Return the year of two digits within a century; others stand for themselves."""
        value = int(digits)
        if len(digits) != _DIGITS_OF_CENTURY or value < 0:
            return value
        century, border = divmod(self._century_year, _CENTURY)
        if value == border:
            fields["guessed"] = int(letter == "Y")
        return value + _CENTURY * (century + (value < border))


def _years_before(ms: int, years: int) -> int:
    """Return the same time of the same date so many years before."""
    at = dt.datetime.fromtimestamp(ms / 1000, dt.UTC)
    year = at.year - years
    try:
        earlier = at.replace(year=year)
    except ValueError:  # 29 February
        earlier = at.replace(year=year, day=28)
    return Timestamp.to_ms(earlier)


def _weekday(iso: int) -> int:
    """Return the weekday where Sunday is 1 of one where Monday is; no weekday for any other."""
    return iso % _WEEK + 1 if 1 <= iso <= _WEEK else -1


def _is_text(field: Field) -> bool:
    """Return whether a field never begins with a digit."""
    return field.letter in _TEXT_LETTERS or _names_of(field.letter, field.width) is not None


def _names_of(letter: str, width: int) -> dict[str, int] | None:
    if letter == "G":
        return ERAS
    if letter == "a":
        return HALVES
    if letter == "E":
        return {name: i for i, name in enumerate(WEEKDAYS, 1)}
    if letter in "ML" and width > 2:  # noqa: PLR2004 - three letters are a name
        return {name: i for i, name in enumerate(MONTHS, 1)}
    return None


def _literal(expected: str) -> Step:
    def step(text: str, at: int, fields: Fields) -> int:
        end = at + len(expected)
        found = text[at:end]
        if found != expected and not _is_same_but_for_spaces(found, expected):
            raise _NoMatchError(f"there is no '{expected}' at character {at + 1}")
        return end

    return step


def _is_same_but_for_spaces(found: str, expected: str) -> bool:
    return len(found) == len(expected) and all(
        a == b or unicodedata.category(a) == unicodedata.category(b) == "Zs"
        for a, b in zip(found, expected, strict=True)
    )


def _number(name: str, width: int | None, meaning: Callable[[str, Fields], int] | None) -> Step:
    """Return a step for a number, of ``width`` characters where the next one follows at once."""

    def step(text: str, at: int, fields: Fields) -> int:
        end = len(text) if width is None else at + width
        blanks = _BLANKS.match(text, at)
        start = at if blanks is None else blanks.end()
        found = _NUMBER.match(text, start, end) if end <= len(text) else None
        if found is None or found[2]:
            raise _NoMatchError(f"there is no {name} at character {at + 1}")
        digits = found[1]
        value = int(digits) if meaning is None else meaning(digits, fields)
        if not -_INT_END <= value < _INT_END:
            raise _NoMatchError(f"the {name} is too large")
        fields[name] = value
        return found.end(1)

    return step


def _name(name: str, names: dict[str, int]) -> Step:
    known = {one.lower(): value for one, value in names.items()}
    if name in ("month", "weekday"):
        known |= {one.lower()[:SHORT]: value for one, value in names.items()}
    longest = sorted(known, key=len, reverse=True)

    def step(text: str, at: int, fields: Fields) -> int:
        for one in longest:
            if text[at : at + len(one)].lower() == one:
                fields[name] = known[one]
                return at + len(one)
        raise _NoMatchError(f"there is no {name} at character {at + 1}")

    return step


_OFFSET: Final = re.compile(r"([+-])(\d\d)(\d\d)", re.ASCII)
_GMT_OFFSET: Final = re.compile(r"GMT([+-])(\d\d?):(\d\d)", re.ASCII | re.IGNORECASE)
_ISO_OFFSETS: Final = (
    re.compile(r"([+-])(\d\d)()", re.ASCII),
    _OFFSET,
    re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII),
)
_ZONE_NAMES: Final = re.compile(
    "|".join(sorted(map(re.escape, ZONES), key=len, reverse=True)), re.IGNORECASE
)


def _offset(found: re.Match[str], at: int, fields: Fields) -> int:
    hours, minutes = int(found[2]), int(found[3] or 0)
    if hours >= _MIDNIGHT or minutes >= 60:  # noqa: PLR2004 - minutes of an hour
        raise _NoMatchError(f"there is no time zone at character {at + 1}")
    ms = (hours * 60 + minutes) * 60_000
    fields["zone"] = -ms if found[1] == "-" else ms
    return found.end()


def _zone(text: str, at: int, fields: Fields) -> int:
    blanks = _BLANKS.match(text, at)
    start = at if blanks is None else blanks.end()
    found = _OFFSET.match(text, start) or _GMT_OFFSET.match(text, start)
    if found is not None:
        return _offset(found, at, fields)
    name = _ZONE_NAMES.match(text, start)
    is_gmt = name is not None and name[0].upper() == "GMT"
    if name is None or (is_gmt and text[name.end() : name.end() + 1] in ("+", "-")):
        raise _NoMatchError(
            f"there is no time zone at character {at + 1}; write an offset such as +0100, or UTC"
        )
    fields["zone"] = ZONES[name[0].upper()] * 60_000
    return name.end()


def _iso_zone(width: int) -> Step:
    offset = _ISO_OFFSETS[width - 1]

    def step(text: str, at: int, fields: Fields) -> int:
        blanks = _BLANKS.match(text, at)
        start = at if blanks is None else blanks.end()
        if text[start : start + 1] == "Z":
            fields["zone"] = 0
            return start + 1
        found = offset.match(text, start)
        if found is None:
            raise _NoMatchError(f"there is no time zone at character {at + 1}")
        return _offset(found, at, fields)

    return step


def _time_number(name: str, of_day: int) -> int:
    """Return the number that a field of the time has at some ms after midnight."""
    hour = of_day // 3_600_000
    return {
        "half": hour // _NOON,
        "hour": hour,
        "hour of half": hour % _NOON,
        "minute": of_day // 60_000 % 60,
        "second": of_day // 1000 % 60,
        "millisecond": of_day % 1000,
    }[name]
