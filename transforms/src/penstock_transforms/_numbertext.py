"""Numbers read from text as Java's ``parseInt``, ``parseFloat``, ``parseDouble`` read them. Pure.

What Java turns into Infinity in silence, since it is too large, is a DataError here.
"""

from __future__ import annotations

import decimal
import math
import re
from fractions import Fraction
from typing import Any, Final

from penstock.data.values import to_float32
from penstock.errors import DataError

__all__ = ["nearest_float32", "parse_decimal", "parse_double", "parse_float", "parse_integer"]

# Java takes every decimal digit of the basic plane, Arabic ones too; a pair of surrogates is none.
_INTEGER: Final = re.compile(r"[+-]?[^\W_\U00010000-\U0010ffff]+")
_BLANKS: Final = "".join(map(chr, range(0x21)))
_FLOAT: Final = re.compile(
    r"(?P<decimal>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[fFdD]?"
    r"|(?P<special>[+-]?(?:NaN|Infinity))"
    r"|(?P<hex>[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+)[fFdD]?"
)
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,10})?")
_DIGITS_MAX: Final = 1000
_SCALE_END: Final = 1 << 31
_HEX_DIGITS_MAX: Final = 4000
_EXACT_INTEGER_END: Final = 1 << 53
_EXACT: Final = decimal.Context(
    prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[]
)


def parse_integer(text: str) -> int | None:
    """Return the integer, of any size, or None if Java reads none; blanks around it are wrong."""
    if not _INTEGER.fullmatch(text):
        return None
    try:
        return int(text)
    except ValueError:
        return None  # letters, or thousands of digits


def parse_decimal(text: str) -> decimal.Decimal | None:
    """Return what ``new BigDecimal(text)`` holds, or None if Java reads none."""
    if len(text) > _DIGITS_MAX or not _DECIMAL.fullmatch(text):
        return None
    found = decimal.Decimal(text)
    exponent = found.as_tuple().exponent
    inside = isinstance(exponent, int) and -_SCALE_END < exponent <= _SCALE_END
    return found if inside else None


def parse_double(text: str) -> float | None:
    """Return the float, or None if Java reads none; raises DataError beyond its range."""
    read = _read(text)
    return None if read is None else read[0]


def parse_float(text: str) -> float | None:
    """Return the nearest single-precision float; see :func:`parse_double`."""
    read = _read(text)
    if read is None:
        return None
    number, exact = read
    if exact is None or number == 0.0:
        return number
    shown = _to_float32_of(number, exact)
    if math.isinf(shown):
        raise _beyond(text)
    return shown


def nearest_float32(exact: int | decimal.Decimal) -> float:
    """Return the single-precision float nearest to a number; infinite beyond its range."""
    try:
        number = float(exact)
    except OverflowError:
        return math.copysign(math.inf, exact)
    if not math.isfinite(number) or number == 0.0:
        return number
    if isinstance(exact, int):
        if abs(exact) <= _EXACT_INTEGER_END:
            return to_float32(number)
        exact = decimal.Decimal(exact)
    return _to_float32_of(number, exact)


def _to_float32_of(number: float, exact: decimal.Decimal | Fraction) -> float:
    """Round once: ``number`` is the double nearest to ``exact``, which rounding again may spoil.

    Of the two doubles around ``exact`` the one with the odd last bit never lies midway between
    two single-precision floats, but on the side where ``exact`` lies.
    """
    against: Any = type(exact)(number)
    above = exact > against
    if exact != against and _last_bit(number) == 0:
        number = math.nextafter(number, math.inf if above else -math.inf)
    return to_float32(number)


def _last_bit(number: float) -> int:
    mantissa, exponent = math.frexp(number)
    return int(math.ldexp(mantissa, min(53, exponent + 1074))) & 1


def _read(text: str) -> tuple[float, decimal.Decimal | Fraction | None] | None:
    """Return the nearest double and the exact number; None instead of it for NaN, Infinity."""
    match = _FLOAT.fullmatch(text.strip(_BLANKS))
    if match is None:
        return None
    if match["special"]:
        return float(match["special"]), None
    if match["hex"]:
        return _read_hex(match["hex"])
    number = float(match["decimal"])
    if math.isinf(number):
        raise _beyond(text)
    if number == 0.0:
        return number, None
    return number, decimal.Decimal(match["decimal"], _EXACT)


def _read_hex(text: str) -> tuple[float, Fraction | None] | None:
    if len(text) > _HEX_DIGITS_MAX:
        return None
    try:
        number = float.fromhex(text)
    except OverflowError:
        raise _beyond(text) from None
    if number == 0.0:
        return number, None
    digits, _, power = text.lower().replace("0x", "", 1).partition("p")
    whole, _, fraction = digits.partition(".")
    scale = Fraction(2) ** (int(power) - 4 * len(fraction))
    return number, Fraction(int(whole + fraction, 16)) * scale


def _beyond(text: str) -> DataError:
    return DataError(
        f"Value ({text:.80}) was out of range for requested data type: it would be infinite"
    )
