"""Payloads without a schema, at the speed of msgspec, and what all readers of payloads share."""

from __future__ import annotations

import decimal
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

import msgspec

from penstock.data import Schema
from penstock.errors import DataError
from penstock_converters._json_parse import parse_bare, parse_exact

__all__ = ["DEPTH_MAX", "FAILURES", "BareReader", "RowReader", "UnfitError", "most", "node_of"]

DEPTH_MAX: Final = 20
_INT64_END: Final = 1 << 63
_SCALE_END: Final = 1 << 31


class UnfitError(Exception):
    """The fast way does not take this schema or this value."""


FAILURES: Final = (
    UnfitError,
    msgspec.MsgspecError,
    DataError,
    ArithmeticError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def _exact_number(text: str) -> decimal.Decimal:
    number = decimal.Decimal(text)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or not -_SCALE_END < exponent <= _SCALE_END:
        raise UnfitError
    return number


_decode_node: Final = msgspec.json.Decoder(float_hook=_exact_number).decode


def node_of(data: Any, part: str = "") -> Any:
    """Return what :func:`parse_exact` does, far faster where msgspec takes it; raises DataError."""
    try:
        return _decode_node(data)
    except FAILURES:
        return parse_exact(data, part)


class RowReader(Protocol):
    """Reads payloads that share one schema, or have none."""

    schema: Schema | None

    def read(self, payload: Any) -> Any:
        """Return the value of a payload given as JSON; raises DataError when it does not fit."""

    def read_all(self, payloads: list[bytes]) -> Sequence[Any] | None:
        """Return the values of payloads, or None when they have to be read one by one."""

    def read_most(self, payloads: list[bytes]) -> tuple[Sequence[Any], list[int]] | None:
        """Return the values of payloads and the rows among them that have to be read by themselves.

        None when that is so of all of them.
        """


class BareReader:
    """Reads payloads without a schema: objects, arrays, INT64s, FLOAT64s, texts, flags, nulls."""

    schema: Schema | None = None

    def __init__(self) -> None:
        """Prepare the decoder."""
        self._decode = msgspec.json.Decoder().decode

    def read(self, payload: Any) -> Any:
        """Return the value, EMPTY for no JSON at all; raises DataError."""
        try:
            value = self._decode(payload)
            if _integers_fit((value,)):
                return value
        except FAILURES:
            pass
        return parse_bare(payload, "payload")

    def read_all(self, payloads: list[bytes]) -> list[Any] | None:
        """Return the values of payloads, or None when they have to be read one by one."""
        try:
            values = list(map(self._decode, payloads))
        except FAILURES:
            return None
        return values if _integers_fit(values) else None

    def read_most(self, payloads: list[bytes]) -> tuple[list[Any], list[int]] | None:
        """See :class:`RowReader`."""
        values, odd = most(self._decode, payloads)
        return (values, odd) if _integers_fit(values) else None


def most(make: Callable[[Any], Any], items: Iterable[Any]) -> tuple[list[Any], list[int]]:
    """Return what ``make`` makes of each item, None where it fails, and where that is."""
    made: list[Any] = []
    odd: list[int] = []
    left = iter(items)
    while True:
        try:
            # Goes on after a failure: what was made stays, and the iterator is past the bad item.
            made.extend(map(make, left))
        except FAILURES:
            odd.append(len(made))
            made.append(None)
        else:
            return made, odd


def _integers_fit(values: Sequence[Any]) -> bool:
    """Whether no integer is beyond 64 bits; looks level by level, and gives up where it is deep."""
    level: Sequence[Any] = values
    for _ in range(DEPTH_MAX):
        kinds = set(map(type, level))
        if int in kinds:
            integers = [one for one in level if type(one) is int]
            if min(integers) < -_INT64_END or max(integers) >= _INT64_END:
                return False
        inner: list[Iterable[Any]] = []
        if dict in kinds:
            inner.extend(one.values() for one in level if type(one) is dict)
        if list in kinds:
            inner.extend(one for one in level if type(one) is list)
        if not inner:
            return True
        level = list(itertools.chain.from_iterable(inner))
    return False
