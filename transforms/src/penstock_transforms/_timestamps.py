"""Moments between their forms: text, Unix time, Date, Time, Timestamp. Pure.

A column is read into milliseconds and written from there. Nothing is saturated or wrapped, as
Java's TimeUnit does; what cannot be held is a DataError.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final

from penstock.data import Date, EpochMillis, Time, Timestamp
from penstock.data.values import moment_ms
from penstock.errors import DataError

__all__ = ["PRECISIONS", "kind_of_value", "ms_of_moments", "ms_of_unix", "unix_of_ms", "writer"]

PRECISIONS: Final = ("nanoseconds", "microseconds", "milliseconds", "seconds")
_PER_MS: Final = {"nanoseconds": 1_000_000, "microseconds": 1000}
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MS: Final = dt.timedelta(milliseconds=1)
_DAY_MS: Final = 86_400_000
_LONG_END: Final = 1 << 63
_ONLY_DATETIMES: Final = frozenset({dt.datetime})
_ONLY_INTS: Final = frozenset({int})


def kind_of_value(value: Any) -> str:
    """Return the form of a value that has no schema; raises DataError for any other value."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, dt.date | dt.time | EpochMillis):
        return "Timestamp"
    if isinstance(value, int) and not isinstance(value, bool):
        return "unix"
    raise DataError(
        "TimestampConverter does not support objects of type "
        f"{type(value).__name__}; it takes text, Unix time, dates and times"
    )


def ms_of_moments(values: Sequence[Any], kind: str) -> list[int]:
    """Return the milliseconds of dates, times or timestamps."""
    if set(map(type, values)) <= _ONLY_DATETIMES:
        try:
            return [(value - _EPOCH) // _MS for value in values]
        except TypeError:
            pass  # one of them has no zone
    for value in values:
        if not isinstance(value, dt.date | dt.time | EpochMillis):
            raise DataError(
                f"Expected {kind} to be a java.util.Date, but found {type(value).__name__}"
            )
    return [moment_ms(value) for value in values]


def ms_of_unix(values: Sequence[Any], precision: str) -> list[int]:
    """Return the milliseconds of Unix times; what is finer is cut towards 1970."""
    if not set(map(type, values)) <= _ONLY_INTS:
        for value in values:
            if not isinstance(value, int) or isinstance(value, bool):
                raise DataError(
                    f"Expected Unix timestamp to be a Long, but found {type(value).__name__}"
                )
    _check_long(values, "Unix time")
    if precision == "milliseconds":
        return list(values)
    if precision == "seconds":
        found = [value * 1000 for value in values]
        _check_long(found, "milliseconds of a Unix time in seconds")
        return found
    return _divided(values, _PER_MS[precision])


def unix_of_ms(moments: Sequence[int], precision: str) -> list[int]:
    """Return the Unix times of milliseconds; what is finer is cut towards 1970."""
    if precision == "milliseconds":
        return list(moments)
    if precision == "seconds":
        return _divided(moments, 1000)
    factor = _PER_MS[precision]
    found = [ms * factor for ms in moments]
    _check_long(found, f"Unix time in {precision}")
    return found


def _divided(values: Sequence[int], divisor: int) -> list[int]:
    if values and min(values) < 0:
        return [value // divisor if value >= 0 else -(-value // divisor) for value in values]
    return [value // divisor for value in values]


def _check_long(values: Sequence[int], what: str) -> None:
    if not values:
        return
    low, high = min(values), max(values)
    if low < -_LONG_END or high >= _LONG_END:
        bad = low if low < -_LONG_END else high
        raise DataError(f"{what} {bad} does not fit into 64 bits; is unix.precision right?")


def _timestamps(moments: Sequence[int]) -> list[Any]:
    epoch, unit = _EPOCH, _MS
    try:
        return [epoch + ms * unit for ms in moments]
    except OverflowError:
        return [Timestamp.from_ms(ms) for ms in moments]


def _dates(moments: Sequence[int]) -> list[Any]:
    days = [ms // _DAY_MS for ms in moments]
    known = {day: Date.from_days(day) for day in set(days)}
    return [known[day] for day in days]


def _times(moments: Sequence[int]) -> list[Any]:
    return [Time.from_ms(ms % _DAY_MS) for ms in moments]


def writer(target: str) -> Callable[[Sequence[int]], list[Any]]:
    """Return what makes a column of Date, Time or Timestamp of milliseconds."""
    return {"Date": _dates, "Time": _times, "Timestamp": _timestamps}[target]
