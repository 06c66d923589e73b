"""A fast way to read the usual texts of usual patterns, such as yyyy-MM-dd HH:mm:ss.SSS. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import zip_longest
from operator import itemgetter
from typing import Any, Final

from penstock_transforms._datenames import HALVES, MONTHS, SHORT, WEEKDAYS
from penstock_transforms._datepattern import Field, Literal, Piece

__all__ = ["fast_reader"]

Reader = Callable[[str], dt.datetime | None]
_GREGORIAN_YEARS: Final = 1583
_ORDER: Final = "yMdHmsS"
_HALF_DAY: Final = 12
_HOUR_MINUTES: Final = 60
_OFFSETS_MAX: Final = 128
_WIDTHS: Final = {"y": 4, "M": 2, "d": 2, "H": 2, "h": 2, "m": 2, "s": 2, "S": 3}
_ISO_OFFSETS: Final = (r"(Z|[+-]\d\d)", r"(Z|[+-]\d\d\d\d)", r"(Z|[+-]\d\d:\d\d)")
_RFC_OFFSET: Final = r"(UTC|GMT(?![+-])|[+-]\d\d\d\d)"
_UNITS: Final = dt.timedelta(minutes=1), dt.timedelta(0)


def _with_short(names: Sequence[str]) -> Mapping[str, int]:
    """Return what long and short names stand for, from 1."""
    long = {name: i for i, name in enumerate(names, 1)}
    return {**long, **{name[:SHORT]: i for name, i in long.items()}}


_MONTHS: Final = _with_short(MONTHS)
# The week begins on Monday here, as isoweekday counts.
_WEEKDAYS: Final = _with_short([*WEEKDAYS[1:], WEEKDAYS[0]])


@lru_cache(_OFFSETS_MAX)
def _offset(text: str) -> dt.timedelta:
    """Return how far a zone is east of UTC; raises ValueError when it is none."""
    minute, none = _UNITS
    if text[0] not in "+-":
        return none
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > len("+hh") else 0
    if hours >= 2 * _HALF_DAY or minutes >= _HOUR_MINUTES:
        raise ValueError(text)
    east = (hours * _HOUR_MINUTES + minutes) * minute
    return -east if text[0] == "-" else east


def fast_reader(pieces: Sequence[Piece]) -> Reader | None:
    """Return a reader of texts that mean the same to the general one, or None if there is none.

    The reader returns None for a text that it leaves to the general one.
    """
    fast = _reader(pieces)
    iso = None if fast is None else _iso_reader(pieces)
    if fast is None or iso is None:
        return fast
    first, second = iso, fast
    return lambda text: first(text) or second(text)


_ISO_STEPS: Final = ("y", "-", "M", "-", "d", "", "H", ":", "m", ":", "s", ".", "S")
_ISO_LENGTHS: Final = {5: 10, 11: 19, 13: 23}
_UTC_NAMES: Final = {"X": "Z", "Z": r"\+0000", "z": "(?:UTC|GMT(?![+-]))"}


def _iso_steps(pieces: Sequence[Piece]) -> int:
    """Return how many pieces are those of an ISO 8601 date or time, 0 if they are none."""
    count = 0
    for step, piece in zip(_ISO_STEPS, pieces, strict=False):
        is_field = isinstance(piece, Field)
        shown = piece.letter if isinstance(piece, Field) else piece.text
        is_between = not step and not is_field and len(shown) == 1
        if not is_between and (shown != step or step.isalpha() != is_field):
            break
        count += 1
    return max((size for size in _ISO_LENGTHS if size <= count), default=0)


def _iso_reader(pieces: Sequence[Piece]) -> Reader | None:
    """Return a reader of texts that hold an ISO 8601 moment in UTC, all digits written."""
    prefix = pieces[0].text if isinstance(pieces[0], Literal) else ""
    own = pieces[bool(prefix) :]
    steps = _iso_steps(own)
    rest = own[steps:]
    if not steps or any(isinstance(one, Field) and one.letter not in _UTC_NAMES for one in rest):
        return None
    shape = re.escape(prefix)
    for piece in own[:steps]:
        shape += (
            re.escape(piece.text)
            if isinstance(piece, Literal)
            else rf"\d{{{_WIDTHS[piece.letter]}}}"
        )
    for piece in rest:
        shape += re.escape(piece.text) if isinstance(piece, Literal) else _UTC_NAMES[piece.letter]
    match = re.compile(shape if rest else shape + r"(?![\dE])", re.ASCII).match
    start, end = len(prefix), len(prefix) + _ISO_LENGTHS[steps]
    of_iso = dt.datetime.fromisoformat
    # A date alone has no place for a zone.
    tail = "+00:00" if end - start > len("yyyy-MM-dd") else "T00:00+00:00"

    def read(text: str) -> dt.datetime | None:
        if match(text) is None:
            return None
        try:
            moment = of_iso(text[start:end] + tail)
        except ValueError:
            return None
        return moment if moment.year >= _GREGORIAN_YEARS else None

    return read


def _reader(pieces: Sequence[Piece]) -> Reader | None:
    fields = [piece for piece in pieces if isinstance(piece, Field)]
    letters = ["Z" if field.letter in "XZz" else field.letter for field in fields]
    if len(set(letters)) != len(letters) or not {"y", "M", "d"} <= set(letters):
        return None
    if ("h" in letters) != ("a" in letters) or {"h", "H"} <= set(letters):
        return None
    shape = ""
    for piece, after in zip_longest(pieces, pieces[1:]):
        part = _part(piece, after)
        if part is None:
            return None
        shape += part
    match = re.compile(shape, re.ASCII).match
    meanings = [_meaning(field) for field in fields]
    if any(meaning is not int for meaning in meanings):
        return _mixed(match, letters, meanings)
    if letters == list(_ORDER[: len(letters)]) and "S" not in letters:
        return _in_order(match)
    return _in_any_order(match, letters)


def _meaning(field: Field) -> Callable[[str], Any]:
    """Return what makes a value of a field's text."""
    if field.letter == "E":
        return _WEEKDAYS.__getitem__
    if field.letter == "a":
        return HALVES.__getitem__
    if field.letter in "XZz":
        return _offset
    if field.letter == "M" and field.width >= SHORT:
        return _MONTHS.__getitem__
    return int


def _part(piece: Piece, after: Piece | None) -> str | None:
    """Return a pattern for a piece, or None when only the general reader can read it."""
    if isinstance(piece, Literal):
        return re.escape(piece.text)
    if piece.letter == "X":
        return _ISO_OFFSETS[piece.width - 1]
    if piece.letter in "Zz":
        return _RFC_OFFSET
    if piece.letter == "a":
        return "(AM|PM)"
    if piece.letter == "E" or (piece.letter == "M" and piece.width >= SHORT):
        names = _WEEKDAYS if piece.letter == "E" else _MONTHS
        return f"({'|'.join(sorted(names, key=len, reverse=True))})"
    return _digits(piece, after)


def _digits(piece: Field, after: Piece | None) -> str | None:
    letter, width = piece.letter, piece.width
    if letter not in _WIDTHS or (letter == "y" and width < SHORT):
        return None
    most = _WIDTHS[letter]
    digits = r"(\d{4})" if letter == "y" else rf"(\d{{1,{most}}})"
    if after is None:
        return digits + r"(?![\dE])"
    if isinstance(after, Literal):
        return None if after.text[0] == "E" or after.text[0].isdecimal() else digits
    if after.letter in "XZzaE" or (after.letter == "M" and after.width >= SHORT):
        return digits
    # The next number follows at once, so this one has as many digits as letters.
    fits = width == most if letter == "y" else width <= most
    return rf"(\d{{{width}}})" if fits else None


Match = Callable[[str], re.Match[str] | None]


def _in_order(match: Match) -> Reader:
    utc = dt.UTC
    make = dt.datetime

    def read(text: str) -> dt.datetime | None:
        found = match(text)
        if found is None:
            return None
        try:
            moment = make(*map(int, found.groups()), tzinfo=utc)  # type: ignore[misc,arg-type]
        except ValueError:
            return None
        return moment if moment.year >= _GREGORIAN_YEARS else None

    return read


def _picker(letters: Sequence[str], hour: str = "H") -> Callable[[Sequence[Any]], Any]:
    """Return what picks year to milliseconds; one that is not in the text is the 0 behind it."""
    wanted = _ORDER.replace("H", hour)
    return itemgetter(*[letters.index(one) if one in letters else -1 for one in wanted])


def _in_any_order(match: Match, letters: Sequence[str]) -> Reader:
    utc = dt.UTC
    make = dt.datetime
    pick = _picker(letters)

    def read(text: str) -> dt.datetime | None:
        found = match(text)
        if found is None:
            return None
        year, month, day, hour, minute, second, millis = pick([*map(int, found.groups()), 0])
        try:
            moment = make(year, month, day, hour, minute, second, millis * 1000, utc)
        except ValueError:
            return None
        return moment if year >= _GREGORIAN_YEARS else None

    return read


def _mixed(
    match: Match, letters: Sequence[str], meanings: Sequence[Callable[[str], Any]]
) -> Reader:
    """Return a reader of names, zones and halves of a day too."""
    utc = dt.UTC
    make = dt.datetime
    has_half, has_weekday, has_zone = ("a" in letters, "E" in letters, "Z" in letters)
    pick = _picker(letters, "h" if has_half else "H")
    # Behind the values stands a 0 for what is missing.
    half, weekday, zone = (letters.index(one) if one in letters else -1 for one in "aEZ")

    def read(text: str) -> dt.datetime | None:
        found = match(text)
        if found is None:
            return None
        try:
            parts = [mean(part) for mean, part in zip(meanings, found.groups())]  # noqa: B905 - as many
            parts.append(0)
            year, month, day, hour, minute, second, millis = pick(parts)
            if has_half:
                if not 1 <= hour <= _HALF_DAY:
                    return None
                hour = hour % _HALF_DAY + _HALF_DAY * parts[half]
            moment = make(year, month, day, hour, minute, second, millis * 1000, utc)
            if year < _GREGORIAN_YEARS or (has_weekday and moment.isoweekday() != parts[weekday]):
                return None
            return moment - parts[zone] if has_zone else moment
        except (ValueError, OverflowError):
            return None

    return read
