"""Strategies for values: ordinary ones, and those that break programs."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import strategies as st

from penstock.data import Date, Decimal, Schema, Time, Timestamp, Type

__all__ = ["extreme_numbers", "nasty_text", "schemaless_values", "topics", "values"]

_BITS: Final[Mapping[Type, int]] = {Type.INT8: 8, Type.INT16: 16, Type.INT32: 32, Type.INT64: 64}
_NASTY: Final = (
    "",
    " ",
    "\x00",
    "\u202eright to left",
    "e\u0301",
    "\U0001f469\u200d\U0001f4bb",
    "\ufeffmark",
    "\ufffe\uffff",
    "'\"\\\n\r\t\x7f",
    "${env:HOME}",
    "a,b;c|d:e=f",
    "null",
    "NaN",
    "0" * 400,
    "\u00df\u0130\u01c5",
    '{"a":[}',
)
_SEPARATORS: Final = "a0 ,;:|=.-_'\"\\/\t\n{}[]()<>%$#&"
"""What formats put between their parts, and two letters to part."""
_TOPIC: Final = re.compile(r"[a-zA-Z0-9._-]{1,30}", re.ASCII)
_TOPIC_MAX: Final = 249
_LONG: Final = 10_000
_DIGITS: Final = 18
_MILLION: Final = 1_000_000


def nasty_text(max_size: int = 40) -> st.SearchStrategy[str]:
    """Text that breaks programs: separators, NUL, right to left, pairs, what looks like code.

    Never a lone surrogate, which no UTF-8 can hold.

    Args:
        max_size: characters at most; with 10 000 or more, some texts are that long.
    """
    drawn = st.text(st.characters(codec="utf-8"), max_size=min(max_size, 100))
    parted = st.text(st.sampled_from(_SEPARATORS), max_size=min(max_size, 12))
    fixed = [one[:max_size] for one in _NASTY]
    if max_size >= _LONG:
        fixed += ["\U0001f469" * _LONG, "x" * _LONG]
    return st.one_of(drawn, parted, st.sampled_from(fixed))


def topics() -> st.SearchStrategy[str]:
    """Topic names that Kafka takes: letters, digits, dot, line and dash; the longest is 249."""
    usual = st.sampled_from(["t", "orders", "orders-eu", "a.b_c-1"])
    drawn = st.from_regex(_TOPIC, fullmatch=True).filter(lambda name: name not in (".", ".."))
    return st.one_of(usual, drawn, st.just("x" * _TOPIC_MAX))


def extreme_numbers(schema: Schema) -> st.SearchStrategy[Any]:
    """Numbers at the borders of a number's type: least, greatest, one, minus one, tiny, huge."""
    bits = _BITS.get(schema.type)
    if bits is not None:
        top = 1 << (bits - 1)
        return st.sampled_from([-top, 1 - top, -1, 0, 1, top - 2, top - 1])
    if schema.type is Type.FLOAT32:
        return st.sampled_from([0.0, -0.0, 1.5, -1.5, 2.0**-149, 2.0**127, -(2.0**127)])
    if schema.type is Type.FLOAT64:
        return st.sampled_from([0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, -1e308, 1e-3, 1e7])
    raise ValueError(f"{schema.type.value} has no numbers")


def _decimals(schema: Schema) -> st.SearchStrategy[decimal.Decimal]:
    scale = int(schema.parameters.get("scale", "0"))
    border = 10**_DIGITS
    whole = st.one_of(st.integers(-border, border), st.sampled_from([0, -1, 10**40]))
    return whole.map(lambda number: decimal.Decimal(number).scaleb(-scale, _WIDE))


_WIDE: Final = decimal.Context(prec=100)


def _dates() -> st.SearchStrategy[dt.date]:
    return st.one_of(st.dates(), st.sampled_from([dt.date.min, dt.date(1970, 1, 1), dt.date.max]))


def _times() -> st.SearchStrategy[Any]:
    ends = [0, 1, 86_399_999]
    return st.one_of(st.integers(0, 86_399_999), st.sampled_from(ends)).map(Time.from_ms)


def _timestamps() -> st.SearchStrategy[Any]:
    ends = [Timestamp.to_ms(dt.datetime(1, 1, 1, tzinfo=dt.UTC)), -1, 0, 253_402_300_799_999]
    usual = st.integers(-(_MILLION**2), 4 * _MILLION**2)
    return st.one_of(usual, st.sampled_from(ends)).map(Timestamp.from_ms)


_LOGICAL: Final[Mapping[str, Callable[[Schema], st.SearchStrategy[Any]]]] = {
    Decimal.NAME: _decimals,
    Date.NAME: lambda _: _dates(),
    Time.NAME: lambda _: _times(),
    Timestamp.NAME: lambda _: _timestamps(),
}


_PLAIN: Final[Mapping[Type, st.SearchStrategy[Any]]] = {
    Type.BOOLEAN: st.booleans(),
    Type.STRING: nasty_text(),
    Type.BYTES: st.binary(max_size=20),
}


def _solid(schema: Schema, allow_nan: bool) -> st.SearchStrategy[Any]:
    """Return values of a schema without None."""
    logical = _LOGICAL.get(schema.name or "")
    if logical is not None:
        return logical(schema)
    if schema.type in _BITS:
        top = 1 << (_BITS[schema.type] - 1)
        return st.one_of(st.integers(-top, top - 1), extreme_numbers(schema))
    if schema.type is Type.FLOAT32:
        usual = st.floats(width=32, allow_nan=allow_nan)
        return st.one_of(usual, extreme_numbers(schema))
    if schema.type is Type.FLOAT64:
        return st.one_of(st.floats(allow_nan=allow_nan), extreme_numbers(schema))
    plain = _PLAIN.get(schema.type)
    return _nested(schema, allow_nan) if plain is None else plain


def _nested(schema: Schema, allow_nan: bool) -> st.SearchStrategy[Any]:
    if schema.type is Type.STRUCT:
        fields = {f.name: values(f.schema, allow_nan=allow_nan) for f in schema.fields}
        return st.fixed_dictionaries(fields)
    element = values(schema.value_schema, allow_nan=allow_nan)
    if schema.type is Type.ARRAY:
        return st.lists(element, max_size=4)
    keys = values(schema.key_schema, allow_nan=False)
    return st.dictionaries(keys, element, max_size=4)


def values(schema: Schema | None, *, allow_nan: bool = False) -> st.SearchStrategy[Any]:
    """Values that fit a schema, None where it is optional; any JSON-like value without a schema.

    Args:
        schema: of the values.
        allow_nan: whether NaN is among the numbers; it is not equal to itself.
    """
    if schema is None:
        return schemaless_values()
    solid = st.deferred(lambda: _solid(schema, allow_nan))
    return st.one_of(st.none(), solid) if schema.optional else solid


def schemaless_values(max_leaves: int = 8) -> st.SearchStrategy[Any]:
    """Values without a schema, as a converter without schemas gives them: maps, lists, scalars."""
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        nasty_text(),
    )
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(nasty_text(10), inner, max_size=3)
        ),
        max_leaves=max_leaves,
    )
