"""Text as Java prints it: ``Double.toString``, ``Float.toString``, ``BigDecimal.toString``.

Since JDK 19 both floating types print the shortest decimal that reads back as the same number.
"""

from __future__ import annotations

import decimal
import math
import struct
from fractions import Fraction
from typing import Final

__all__ = ["decimal_text", "double_text", "float_text", "to_float32"]

_PLAIN_MIN: Final = 1e-3
_PLAIN_MAX: Final = 1e7
_FLOAT32_DIGITS_MAX: Final = 9
_SHORT_LENGTH_MAX: Final = 7
_FLOAT32_MAX: Final = struct.unpack(">f", b"\x7f\x7f\xff\xff")[0]
_FLOAT32_MIN: Final = math.ldexp(1.0, -149)
# Midway between the largest float and the next one there would be; from here on Java overflows.
_FLOAT32_END: Final = _FLOAT32_MAX + math.ldexp(1.0, 103)


def double_text(value: float) -> str:
    """Return what ``Double.toString`` of Java prints."""
    if _PLAIN_MIN <= value < _PLAIN_MAX or -_PLAIN_MAX < value <= -_PLAIN_MIN or value == 0.0:
        return repr(value)
    if not math.isfinite(value):
        return _special_text(value)
    digits, exponent = _parts(repr(value))
    if len(digits) == 1:
        # Java compares decimals of two digits where one would do; it shows in 4.9E-324.
        near = f"{value:.1e}"
        if float(near) == value:
            digits, exponent = _parts(near)
    return _laid_out(value < 0, digits, exponent)


def float_text(value: float) -> str:
    """Return what ``Float.toString`` of Java prints for the float nearest to ``value``."""
    rounded = to_float32(value)
    if rounded == 0.0:
        return repr(rounded)
    if not math.isfinite(rounded):
        return _special_text(rounded)
    positive = abs(rounded)
    if _PLAIN_MIN <= positive < _PLAIN_MAX:
        text = repr(rounded)
        if len(text) <= _SHORT_LENGTH_MAX:
            # So few digits stand for it exactly, and no fewer lie near enough to it.
            return text
    low, high, closed = _float32_borders(positive)
    if low + high == positive + positive:
        found = _shortest_between(positive, low, high)
        if found is not None:
            return _laid_out(rounded < 0, *_parts(found))
    for length in range(2, _FLOAT32_DIGITS_MAX + 1):
        found = _nearest_between(abs(rounded), length, low, high, closed=closed)
        if found is not None:
            return _laid_out(rounded < 0, *_parts(found))
    raise AssertionError(f"{rounded!r} has no float text")  # pragma: no cover - nine always do


def to_float32(value: float) -> float:
    """Return the single-precision float nearest to ``value``; infinite beyond its range."""
    if abs(value) >= _FLOAT32_END:
        return math.copysign(math.inf, value)
    if abs(value) > _FLOAT32_MAX:
        return math.copysign(_FLOAT32_MAX, value)
    result: float = struct.unpack(">f", struct.pack(">f", value))[0]
    return result


def decimal_text(value: decimal.Decimal) -> str:
    """Return what ``BigDecimal.toString`` of Java prints; Java knows no negative zero."""
    return str(value.copy_abs() if value.is_zero() else value)


def _special_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _parts(text: str) -> tuple[str, int]:
    """Return the digits of a number without outer zeros, and the exponent of the first one."""
    sign_free = text.lstrip("-")
    mantissa, _, power = sign_free.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    leading = len(digits) - len(digits.lstrip("0"))
    exponent = int(power or "0") + len(whole) - 1 - leading
    return digits.strip("0"), exponent


def _laid_out(negative: bool, digits: str, exponent: int) -> str:
    """Lay digits out as Java does: plain from 10^-3 up to 10^7, else with ``E``."""
    sign = "-" if negative else ""
    if 0 <= exponent < 7:  # noqa: PLR2004 - the border that Java documents
        whole = digits[: exponent + 1].ljust(exponent + 1, "0")
        return f"{sign}{whole}.{digits[exponent + 1 :] or '0'}"
    if -3 <= exponent < 0:  # noqa: PLR2004 - likewise
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent}"


def _float32_borders(value: float) -> tuple[float, float, bool]:
    """Return the numbers midway to both neighbours, and whether they still round to ``value``."""
    bits = struct.unpack(">I", struct.pack(">f", value))[0]
    below = struct.unpack(">f", struct.pack(">I", bits - 1))[0]
    if value >= _FLOAT32_MAX:
        above = value + (value - below)
    else:
        above = struct.unpack(">f", struct.pack(">I", bits + 1))[0]
    # Both are exact: a border has one bit more than a float, and a double has 29 more.
    return (value + below) / 2, (value + above) / 2, bits % 2 == 0


def _shortest_between(value: float, low: float, high: float) -> str | None:
    """Return the shortest decimal between the borders that is nearest to the middle of them.

    Each is rounded from the middle, so the first that lies inside is it. None leaves it to exact
    numbers: one lies so near a border that as a double it is the border.
    """
    for length in range(1, _FLOAT32_DIGITS_MAX):
        text = f"{value:.{length}e}"
        number = float(text)
        if low < number < high:
            return text
        if number in (low, high):
            return None
    return None


def _nearest_between(
    value: float, length: int, low: float, high: float, *, closed: bool
) -> str | None:
    """Return the decimal of ``length`` digits nearest to ``value`` that lies in the borders."""
    exact = decimal.Decimal(value)
    step = decimal.Decimal(1).scaleb(exact.adjusted() - length + 1)
    middle = decimal.Decimal(f"{value:.{length - 1}e}")
    # Of two that are equally near, the middle one is first: it was rounded to the even digit.
    nearest = sorted(
        (middle, middle - step, middle + step), key=lambda one: abs(Fraction(one) - Fraction(exact))
    )
    for candidate in nearest:
        number = Fraction(candidate)
        if low < number < high or (closed and number in (low, high)):
            return f"{candidate:e}"
    return None
