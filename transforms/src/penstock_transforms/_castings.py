"""Cast a column of values to one type (source: Cast.castValueToType). Pure.

The Python class of a value picks the way; a whole column of one class is done at once. What Java
changes in silence is a DataError: numbers that wrap or become Infinity, NaN as an integer or a
boolean, texts other than true and false as a boolean.
"""

from __future__ import annotations

import array
import base64
import datetime as dt
import decimal
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from penstock.data import (
    INTEGER_BITS,
    Date,
    EpochMillis,
    Schema,
    Time,
    Timestamp,
    Type,
)
from penstock.data.values import decimal_text, double_text, float_text, moment_ms, plain_text
from penstock.errors import DataError
from penstock_transforms._numbertext import (
    nearest_float32,
    parse_double,
    parse_float,
    parse_integer,
)

__all__ = ["cast_column"]

Column = Sequence[Any]
_NONE: Final = type(None)
_SHOWN_MAX: Final = 80
# Before it the text of a moment is only the time of day, as in the original.
_SECOND_DAY: Final = dt.datetime(1970, 1, 2, tzinfo=dt.UTC)
_SECOND_DATE: Final = dt.date(1970, 1, 2)
_EXACT_INTEGER_END: Final = 1 << 53
_INTEGER_DIGITS_MAX: Final = 20
_SIGNED: Final = re.compile(r"[0-9+-]+")
# On these characters alone, Python and Java take the same texts for numbers.
_NUMERIC: Final = re.compile(r"[0-9eE.+-]+")
_FLAGS: Final = {"true": True, "false": False}
_FLOATS: Final = (Type.FLOAT32, Type.FLOAT64)
_MOMENTS: Final[dict[str, tuple[type, ...]]] = {
    Date.NAME: (dt.date, EpochMillis),
    Time.NAME: (dt.time, EpochMillis),
    Timestamp.NAME: (dt.datetime, EpochMillis),
}
_CLASSES: Final[tuple[type, ...]] = (
    bool,
    int,
    float,
    str,
    bytes,
    bytearray,
    memoryview,
    decimal.Decimal,
    dt.datetime,
    dt.date,
    dt.time,
    EpochMillis,
    list,
    tuple,
    dict,
)
_NESTED: Final = {list: Type.ARRAY, tuple: Type.ARRAY, dict: Type.MAP}
_BINARY: Final = (bytes, bytearray, memoryview)
_INSTANTS: Final = (dt.datetime, dt.date, dt.time, EpochMillis)


def cast_column(values: Column, schema: Schema | None, target: Type) -> Column:
    """Return the values as ``target``, nulls as nulls; the same column if nothing changes.

    Args:
        values: the column; of a logical type, its Python values.
        schema: what the values are, or None if there is no schema.
        target: a primitive type other than bytes.

    Raises:
        DataError: a value cannot be cast, or does not fit.
    """
    kinds = set(map(type, values))
    kinds.discard(_NONE)
    if not kinds:
        return values
    if len(kinds) > 1:
        return [None if one is None else cast_column([one], schema, target)[0] for one in values]
    kind = _class_of(kinds.pop())
    if None not in values:
        return _solid(values, kind, schema, target)
    rest = iter(_solid([one for one in values if one is not None], kind, schema, target))
    return [None if one is None else next(rest) for one in values]


def _class_of(kind: type) -> type:
    """Return the class that a value's class counts as; raises DataError for any unknown."""
    if kind in _CASTS:
        return kind
    for known in _CLASSES:
        if issubclass(kind, known):
            return known
    raise _unsupported(kind)


def _unsupported(kind: type) -> DataError:
    return DataError(
        f"Cast transformation was passed a value of type {kind.__name__} which is not supported"
        " by Connect's data API without a schema"
    )


def _solid(values: Column, kind: type, schema: Schema | None, target: Type) -> Column:
    """Cast values of one class, without nulls."""
    if kind in _NESTED:
        shown = _NESTED[kind] if schema is None else schema.type
        raise DataError(
            f"Cast transformation does not support casting from {shown.value}; supported types"
            " are int8, int16, int32, int64, float32, float64, boolean, string and bytes"
        )
    if kind in _INSTANTS or (schema is not None and schema.name in _MOMENTS):
        return _from_moments(values, schema, target)
    if schema is None and kind is decimal.Decimal:
        raise _unsupported(kind)
    if kind in _BINARY:
        if target is not Type.STRING:
            raise DataError(f"Unexpected type in Cast transformation: {kind.__name__}")
        return [base64.b64encode(one).decode("ascii") for one in values]
    if kind is float and schema is not None and schema.type is Type.FLOAT32:
        if target is Type.STRING:
            return list(map(float_text, values))
        if target is Type.FLOAT32:
            return values
    return _CASTS[kind](values, target)


def _from_moments(values: Column, schema: Schema | None, target: Type) -> Column:
    if schema is None:
        raise _unsupported(type(values[0]))
    classes = _MOMENTS.get(schema.name or "", ())
    for one in values:
        if not isinstance(one, classes) or (
            isinstance(one, dt.datetime) and schema.name == Date.NAME
        ):
            raise DataError(f"Unexpected type in Cast transformation: {type(one).__name__}")
    if target is Type.STRING:
        return list(map(_moment_text, values))
    if schema.name == Date.NAME:
        numbers = list(map(Date.to_days, values))
    elif schema.name == Time.NAME:
        numbers = list(map(Time.to_ms, values))
    else:
        numbers = list(map(moment_ms, values))
    return _from_ints(numbers, target)


def _moment_text(value: Any) -> str:
    """Return the text of a moment; the usual ones are spelt out, which is four times faster."""
    kind = type(value)
    if kind is dt.datetime and value.tzinfo is dt.UTC and value >= _SECOND_DAY:
        text: str = value.isoformat(timespec="milliseconds")
        return text[:10] if text[11:23] == "00:00:00.000" else f"{text[:23]}Z"
    if kind is dt.time:
        return f"{value.isoformat(timespec='milliseconds')[:12]}Z"
    if kind is dt.date and value >= _SECOND_DATE:
        return str(value)
    return plain_text(None, value)


def _from_ints(values: Column, target: Type) -> Column:
    if target in INTEGER_BITS:
        return _fitting(values, target, values)
    if target is Type.FLOAT64:
        return list(map(float, values))
    if target is Type.FLOAT32:
        if min(values) >= -_EXACT_INTEGER_END and max(values) <= _EXACT_INTEGER_END:
            return array.array("f", values).tolist()
        return list(map(nearest_float32, values))
    if target is Type.BOOLEAN:
        return list(map(bool, values))
    return list(map(str, values))


def _fitting(numbers: Column, target: Type, given: Column) -> Column:
    """Return the numbers, if all fit; ``given`` are the values that they come from."""
    end = 1 << (INTEGER_BITS[target] - 1)
    if -end <= min(numbers) and max(numbers) < end:
        return numbers
    bad = next(i for i, one in enumerate(numbers) if not -end <= one < end)
    raise _out_of_range(given[bad], target, f"it ends at {-end} and {end - 1}")


def _from_bools(values: Column, target: Type) -> Column:
    if target is Type.BOOLEAN:
        return values
    if target is Type.STRING:
        return ["true" if one else "false" for one in values]
    return list(map(float if target in _FLOATS else int, values))


def _from_floats(values: Column, target: Type) -> Column:
    if target is Type.FLOAT64:
        return values
    if target is Type.STRING:
        return list(map(double_text, values))
    if target is Type.FLOAT32:
        return _narrowed(values)
    if target is Type.BOOLEAN:
        if any(map(math.isnan, values)):
            raise _out_of_range(math.nan, target, "it is no number")
        return [not -1 < one < 1 for one in values]
    try:
        return _fitting(list(map(int, values)), target, values)
    except (ValueError, OverflowError):
        bad = next(one for one in values if not math.isfinite(one))
        raise _out_of_range(bad, target, "only numbers have a whole part") from None


def _narrowed(values: Column) -> Column:
    numbers: list[float] = array.array("f", values).tolist()
    if math.inf in numbers or -math.inf in numbers:
        for one, number in zip(values, numbers, strict=True):
            if math.isinf(number) and not math.isinf(one):
                raise _out_of_range(one, Type.FLOAT32, "it ends at 3.4028234663852886e+38")
    return numbers


def _from_texts(values: Column, target: Type) -> Column:
    if target is Type.STRING:
        return values
    if target is Type.BOOLEAN:
        try:
            return [_FLAGS[one.lower()] for one in values]
        except KeyError:
            bad = next(one for one in values if one.lower() not in _FLAGS)
            raise _out_of_range(bad, target, "only true and false are booleans") from None
    if target in INTEGER_BITS:
        return _fitting(_integers(values, target), target, values)
    return _doubles(values) if target is Type.FLOAT64 else _singles(values)


def _integers(values: Column, target: Type) -> Column:
    if _SIGNED.fullmatch("".join(values)):
        try:
            return list(map(int, values))
        except ValueError:
            pass  # which one it is, is found below
    return _parsed(values, parse_integer, target)


def _plain_doubles(values: Column) -> list[float] | None:
    """Return the numbers of texts in plain writing, None if any needs a second look."""
    if not _NUMERIC.fullmatch("".join(values)):
        return None
    try:
        numbers = list(map(float, values))
    except ValueError:
        return None
    return None if math.inf in numbers or -math.inf in numbers else numbers


def _doubles(values: Column) -> Column:
    numbers = _plain_doubles(values)
    return _parsed(values, parse_double, Type.FLOAT64) if numbers is None else numbers


def _singles(values: Column) -> Column:
    numbers = _plain_doubles(values)
    if numbers is None:
        return _parsed(values, parse_float, Type.FLOAT32)
    singles: list[float] = array.array("f", numbers).tolist()
    # A double that lies midway between two singles may have been rounded to there: then the text
    # decides. Mirrored at one of the two, it is the other one.
    mirrored = [number + number - single for number, single in zip(numbers, singles)]  # noqa: B905
    doubtful = [
        single != number and mirror == again
        for number, single, mirror, again in zip(
            numbers, singles, mirrored, array.array("f", mirrored), strict=True
        )
    ]
    return _parsed(values, parse_float, Type.FLOAT32) if True in doubtful else singles


def _parsed(values: Column, parse: Callable[[str], Any], target: Type) -> Column:
    numbers = list(map(parse, values))
    if None in numbers:
        raise _out_of_range(values[numbers.index(None)], target, "it is written another way")
    return numbers


def _from_decimals(values: Column, target: Type) -> Column:
    for one in values:
        if not one.is_finite():
            raise _out_of_range(one, target, "it is no number that Decimal can hold")
    if target is Type.STRING:
        return list(map(decimal_text, values))
    if target is Type.BOOLEAN:
        return [abs(one) >= 1 for one in values]
    if target in INTEGER_BITS:
        for one in values:
            # The bound comes first: the integer of 1e999999999 would fill the memory.
            if one.adjusted() >= _INTEGER_DIGITS_MAX:
                raise _out_of_range(one, target, "it has too many digits")
        return _fitting(list(map(int, values)), target, values)
    return [_float_of(one, target) for one in values]


def _float_of(value: decimal.Decimal, target: Type) -> float:
    number = float(value) if target is Type.FLOAT64 else nearest_float32(value)
    if math.isinf(number):
        raise _out_of_range(value, target, "it is too large")
    return number


def _out_of_range(value: Any, target: Type, why: str) -> DataError:
    shown = str(value)
    shown = shown if len(shown) <= _SHOWN_MAX else f"{shown[:_SHOWN_MAX]}..."
    return DataError(
        f"Value ({shown}) was out of range for requested data type {target.value}: {why};"
        f" got {type(value).__name__}"
    )


_CASTS: Final[dict[type, Callable[[Column, Type], Column]]] = {
    bool: _from_bools,
    int: _from_ints,
    float: _from_floats,
    str: _from_texts,
    decimal.Decimal: _from_decimals,
}
