"""Moments as text by patterns of Joda-Time (source: org.joda.time.format.DateTimeFormat)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Final

import attrs

from penstock.errors import ConfigError, Problem

__all__ = ["JodaPattern"]

_LONG_TEXT: Final = 4
_MONTH_TEXT: Final = 3
_TWO_DIGITS: Final = 2
_MS_DIGITS: Final = 3

Piece = Callable[[dt.datetime], str]


def _number(read: Callable[[dt.datetime], int]) -> Callable[[int, str], Piece]:
    return lambda length, _: lambda moment: f"{read(moment):0{length}d}"


def _year(read: Callable[[dt.datetime], int]) -> Callable[[int, str], Piece]:
    def make(length: int, _: str) -> Piece:
        if length == _TWO_DIGITS:
            return lambda moment: f"{read(moment) % 100:02d}"
        return lambda moment: f"{read(moment):0{length}d}"

    return make


@cache
def _locale(tag: str) -> Any:
    """Return what babel knows of a language; raises ConfigError."""
    import babel  # noqa: PLC0415 - few patterns have names in them

    try:
        return babel.Locale.parse(tag or "en", sep="-" if "-" in tag else "_")
    except (ValueError, babel.UnknownLocaleError) as problem:
        text = f"no language of the name '{tag}'; give one such as en, de or pt-BR"
        raise ConfigError([Problem("locale", text)]) from problem


def _month(length: int, tag: str) -> Piece:
    if length < _MONTH_TEXT:
        return lambda moment: f"{moment.month:0{length}d}"
    width = "wide" if length >= _LONG_TEXT else "abbreviated"
    names = _locale(tag).months["format"][width]
    return lambda moment: str(names[moment.month])


def _day_name(length: int, tag: str) -> Piece:
    width = "wide" if length >= _LONG_TEXT else "abbreviated"
    names = _locale(tag).days["format"][width]
    return lambda moment: str(names[moment.weekday()])


def _half_day(_length: int, tag: str) -> Piece:
    names = _locale(tag).day_periods["format"]["abbreviated"]
    return lambda moment: str(names["am" if moment.hour < 12 else "pm"])  # noqa: PLR2004 - noon


def _era(_length: int, tag: str) -> Piece:
    name = str(_locale(tag).eras["abbreviated"][1])
    return lambda _: name


def _fraction(length: int, _: str) -> Piece:
    return lambda moment: f"{moment.microsecond // 1000:03d}".ljust(length, "0")[:length]


def _zone_name(length: int, tag: str) -> Piece:
    if length < _LONG_TEXT:
        return lambda moment: moment.tzname() or ""
    locale = _locale(tag)

    def name(moment: dt.datetime) -> str:
        from babel.dates import get_timezone_name  # noqa: PLC0415 - as above

        return str(get_timezone_name(moment, width="long", locale=locale))

    return name


def _offset(length: int, _: str) -> Piece:
    if length > _TWO_DIGITS:
        return lambda moment: str(moment.tzinfo)
    between = ":" if length == _TWO_DIGITS else ""

    def text(moment: dt.datetime) -> str:
        seconds = int((moment.utcoffset() or dt.timedelta()).total_seconds())
        hours, rest = divmod(abs(seconds), 3600)
        return f"{'-' if seconds < 0 else '+'}{hours:02d}{between}{rest // 60:02d}"

    return text


_LETTERS: Final[dict[str, Callable[[int, str], Piece]]] = {
    "G": _era,
    "C": _number(lambda moment: moment.year // 100),
    "Y": _year(lambda moment: moment.year),
    "y": _year(lambda moment: moment.year),
    "x": _year(lambda moment: moment.isocalendar().year),
    "w": _number(lambda moment: moment.isocalendar().week),
    "e": _number(lambda moment: moment.isoweekday()),
    "E": _day_name,
    "D": _number(lambda moment: moment.timetuple().tm_yday),
    "M": _month,
    "d": _number(lambda moment: moment.day),
    "a": _half_day,
    "K": _number(lambda moment: moment.hour % 12),
    "h": _number(lambda moment: moment.hour % 12 or 12),
    "H": _number(lambda moment: moment.hour),
    "k": _number(lambda moment: moment.hour or 24),
    "m": _number(lambda moment: moment.minute),
    "s": _number(lambda moment: moment.second),
    "S": _fraction,
    "z": _zone_name,
    "Z": _offset,
}


@attrs.frozen
class JodaPattern:
    """A compiled pattern: ``JodaPattern.of("'dt'=YYYY-MM-dd", "en").format(moment)``."""

    pieces: Sequence[Piece]

    @classmethod
    def of(cls, pattern: str, locale: str = "") -> JodaPattern:
        """Compile a pattern; ``Y`` is the year of the era, not of the week, as Joda has it.

        Raises:
            ConfigError: a letter is none of Joda's, or the language is unknown.
        """
        pieces: list[Piece] = []
        for token, is_literal in _tokens(pattern):
            if is_literal:
                pieces += [_constant(token)] if token else []
                continue
            make = _LETTERS.get(token[0])
            if make is None:
                text = (
                    f"Illegal pattern component: {token}; letters that stand for themselves"
                    f" go between single quotes: '{token}'"
                )
                raise ConfigError([Problem("path.format", text)])
            pieces.append(make(len(token), locale))
        if not pieces:
            text = "Invalid pattern specification: there is nothing in it"
            raise ConfigError([Problem("path.format", text)])
        return cls(tuple(pieces))

    def format(self, moment: dt.datetime) -> str:
        """Return the text of a moment, which has a zone."""
        return "".join([piece(moment) for piece in self.pieces])


def _constant(text: str) -> Piece:
    return lambda _: text


def _tokens(pattern: str) -> Iterator[tuple[str, bool]]:
    """Yield runs of one letter, and the texts between them without their quotes."""
    i, end = 0, len(pattern)
    while i < end:
        char = pattern[i]
        start = i
        if char.isascii() and char.isalpha():
            while i < end and pattern[i] == char:
                i += 1
            yield pattern[start:i], False
            continue
        text: list[str] = []
        is_quoted = False
        while i < end:
            char = pattern[i]
            if char == "'":
                if pattern[i + 1 : i + 2] == "'":
                    text.append("'")
                    i += 1
                else:
                    is_quoted = not is_quoted
            elif not is_quoted and char.isascii() and char.isalpha():
                break
            else:
                text.append(char)
            i += 1
        yield "".join(text), True
