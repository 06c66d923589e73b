"""Logical types: a named schema whose Python value is richer than its wire value.

====================== ============ =============================== ==========================
schema                 wire type    Python value                    beyond its range
====================== ============ =============================== ==========================
``Decimal.schema(2)``  BYTES        ``decimal.Decimal``, that scale -
``Date.SCHEMA``        INT32 days   ``datetime.date``               :class:`EpochMillis`
``Time.SCHEMA``        INT32 ms     ``datetime.time``               :class:`EpochMillis` (24:00)
``Timestamp.SCHEMA``   INT64 ms     ``datetime.datetime`` with UTC  :class:`EpochMillis`
====================== ============ =============================== ==========================

Java carries all three moments as ``java.util.Date``, whose years reach far past 9999, where
Python's types end; those rare values travel as :class:`EpochMillis`, so that nothing is lost.
(source: the classes of the same names in ``org.apache.kafka.connect.data``)
"""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Final

import attrs

from penstock.data._schema import Schema, Type
from penstock.errors import DataError

__all__ = ["Date", "Decimal", "EpochMillis", "Time", "Timestamp"]

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY: Final = dt.date(1970, 1, 1).toordinal()
_DAY_MS: Final = 86_400_000
_MS: Final = dt.timedelta(milliseconds=1)
_EXACT: Final = decimal.Context(
    prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[]
)


@attrs.frozen(order=True)
class EpochMillis:
    """A moment as milliseconds since 1970-01-01T00:00Z, for what ``datetime`` cannot hold."""

    ms: int


class Decimal:
    """Decimals of a fixed number of digits after the point, kept as unscaled big-endian bytes."""

    NAME: Final = "org.apache.kafka.connect.data.Decimal"
    SCALE: Final = "scale"

    @staticmethod
    def schema(scale: int, *, optional: bool = False) -> Schema:
        """Return the schema of decimals with ``scale`` digits after the point."""
        parameters = {Decimal.SCALE: str(scale)}
        return Schema(
            Type.BYTES, name=Decimal.NAME, version=1, parameters=parameters, optional=optional
        )

    @staticmethod
    def scale_of(schema: Schema) -> int:
        """Return the scale of a decimal schema; raises DataError when it has none."""
        text = schema.parameters.get(Decimal.SCALE)
        if text is None:
            raise DataError("Invalid Decimal schema: scale parameter not found.")
        try:
            return int(text)
        except ValueError as problem:
            raise DataError(
                f"Invalid scale parameter found in Decimal schema: {text!r}"
            ) from problem

    @staticmethod
    def to_bytes(schema: Schema, value: decimal.Decimal) -> bytes:
        """Return the unscaled value; raises DataError when the scale is another."""
        scale = Decimal.scale_of(schema)
        sign, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int):
            raise DataError(f"decimal {value} is not a number that Decimal can hold")
        if -exponent != scale:
            raise DataError(f"Decimal value has scale {-exponent} but schema has scale {scale}")
        unscaled = int("".join(map(str, digits)) or "0")
        unscaled = -unscaled if sign else unscaled
        # Java's BigInteger.toByteArray: the fewest bytes that keep the sign bit.
        length = (unscaled if unscaled >= 0 else ~unscaled).bit_length() // 8 + 1
        return unscaled.to_bytes(length, "big", signed=True)

    @staticmethod
    def from_bytes(schema: Schema, data: bytes) -> decimal.Decimal:
        """Return the decimal whose unscaled value is ``data``; never rounds."""
        scale = Decimal.scale_of(schema)
        unscaled = int.from_bytes(data, "big", signed=True)
        return decimal.Decimal(unscaled).scaleb(-scale, context=_EXACT)


class Date:
    """A day without a time, kept as days since 1970-01-01."""

    NAME: Final = "org.apache.kafka.connect.data.Date"
    SCHEMA: Final = Schema(Type.INT32, name=NAME, version=1)
    OPTIONAL_SCHEMA: Final = Schema(Type.INT32, name=NAME, version=1, optional=True)

    @staticmethod
    def to_days(value: dt.date | EpochMillis) -> int:
        """Return days since the epoch; raises DataError when there is a time of day."""
        if isinstance(value, EpochMillis):
            if value.ms % _DAY_MS:
                raise DataError(f"a Date must have no time of day, got {value}")
            return value.ms // _DAY_MS
        if isinstance(value, dt.datetime):
            raise DataError(f"a Date must be a datetime.date, got the moment {value!r}")
        return value.toordinal() - _EPOCH_DAY

    @staticmethod
    def from_days(days: int) -> dt.date | EpochMillis:
        """Return the day; beyond the years 1 to 9999 as EpochMillis."""
        ordinal = days + _EPOCH_DAY
        if 1 <= ordinal <= dt.date.max.toordinal():
            return dt.date.fromordinal(ordinal)
        return EpochMillis(days * _DAY_MS)


class Time:
    """A time of day, kept as milliseconds since midnight."""

    NAME: Final = "org.apache.kafka.connect.data.Time"
    SCHEMA: Final = Schema(Type.INT32, name=NAME, version=1)
    OPTIONAL_SCHEMA: Final = Schema(Type.INT32, name=NAME, version=1, optional=True)

    @staticmethod
    def to_ms(value: dt.time | EpochMillis) -> int:
        """Return milliseconds since midnight, 0 to 86,400,000; raises DataError outside."""
        if isinstance(value, dt.time):
            seconds = (value.hour * 60 + value.minute) * 60 + value.second
            return seconds * 1000 + value.microsecond // 1000
        if not 0 <= value.ms <= _DAY_MS:
            raise DataError(f"a Time must lie within one day, got {value}")
        return value.ms

    @staticmethod
    def from_ms(ms: int) -> dt.time | EpochMillis:
        """Return the time of day; raises DataError outside 0 to 86,400,000."""
        if not 0 <= ms <= _DAY_MS:
            raise DataError(f"Time values must use number of milliseconds of one day, got {ms}")
        if ms == _DAY_MS:
            return EpochMillis(ms)
        seconds, millis = divmod(ms, 1000)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        return dt.time(hour, minute, second, millis * 1000)


class Timestamp:
    """A moment, kept as milliseconds since 1970-01-01T00:00Z."""

    NAME: Final = "org.apache.kafka.connect.data.Timestamp"
    SCHEMA: Final = Schema(Type.INT64, name=NAME, version=1)
    OPTIONAL_SCHEMA: Final = Schema(Type.INT64, name=NAME, version=1, optional=True)

    @staticmethod
    def to_ms(value: dt.datetime | EpochMillis) -> int:
        """Return milliseconds; a datetime without a zone is taken as UTC, microseconds cut."""
        if isinstance(value, EpochMillis):
            return value.ms
        moment = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
        return (moment - _EPOCH) // _MS

    @staticmethod
    def from_ms(ms: int) -> dt.datetime | EpochMillis:
        """Return the moment in UTC; beyond the years 1 to 9999 as EpochMillis."""
        try:
            # Twice as fast as a timedelta by keyword.
            return _EPOCH + ms * _MS
        except OverflowError:
            return EpochMillis(ms)
