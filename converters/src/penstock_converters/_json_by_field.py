"""Structs read from JSON field by field, when there is nothing to mend but fields left out."""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

import attrs
import msgspec

from penstock.data import Schema, Structs
from penstock_converters._json_bare import FAILURES, most

__all__ = ["ByField", "check_text", "spread"]

_USUAL_NAME: Final = re.compile(r"[ !#-\[\]-~]+")


def check_text(data: bytes) -> None:
    """Raise UnicodeDecodeError for what is no UTF-8; msgspec does not see it in what it skips."""
    if not data.isascii():
        data.decode()


@attrs.frozen
class ByField:
    """Reads payloads of one schema.

    Attributes:
        decode: reads one payload; raises what is in FAILURES.
        fields: each field's name, and what takes it from a decoded payload.
    """

    decode: Callable[[bytes], Any]
    fields: tuple[tuple[str, Callable[[Any], Any]], ...]

    @classmethod
    def of(cls, schema: Schema, kinds: Sequence[Any]) -> ByField | None:
        """Return what reads a struct's schema, None when a name is an odd one.

        Args:
            schema: of the struct.
            kinds: the type by which msgspec reads each field.
        """
        names = [field.name for field in schema.fields]
        if not names or not all(map(_USUAL_NAME.fullmatch, names)):
            return None
        members: list[Any] = []
        for i, (field, kind) in enumerate(zip(schema.fields, kinds, strict=True)):
            members.append((f"f{i}", kind, None) if field.schema.optional else (f"f{i}", kind))
        rename = {f"f{i}": name for i, name in enumerate(names)}
        row = msgspec.defstruct("Row", members, rename=rename, kw_only=True, gc=False)
        decode = msgspec.json.Decoder(row, float_hook=decimal.Decimal).decode
        return cls(decode, tuple((n, attrgetter(f"f{i}")) for i, n in enumerate(names)))

    def read(self, payloads: list[bytes]) -> Structs | None:
        """Return the structs of payloads, None when one of them is null."""
        try:
            rows = list(map(self.decode, payloads))
        except FAILURES:
            return None
        return Structs({name: list(map(get, rows)) for name, get in self.fields}, len(rows))

    def read_most(self, payloads: list[bytes]) -> tuple[Structs, list[int]] | None:
        """See :class:`RowReader`; in the place of an odd row stands another one."""
        rows, odd = most(self.decode, payloads)
        if not b"".join(payloads).isascii():
            odd = sorted({*odd, *most(check_text, payloads)[1]})
        good = next((row for row in rows if row is not None), None)
        if good is None:
            return None
        for i in odd:
            rows[i] = good
        return Structs({name: list(map(get, rows)) for name, get in self.fields}, len(rows)), odd


def _with_gaps(column: Sequence[Any], gaps: Sequence[int]) -> Sequence[Any]:
    found = list(column)
    for gap in gaps:
        found.insert(gap, None)
    return found


def spread(values: Sequence[Any], rows: Sequence[int], length: int) -> Sequence[Any]:
    """Return a column with the values at these rows, and anything in between."""
    if isinstance(values, Structs):
        gaps = sorted(set(range(length)).difference(rows))
        return Structs({n: _with_gaps(c, gaps) for n, c in values.columns.items()}, length)
    column: list[Any] = [None] * length
    for row, value in zip(rows, values, strict=True):
        column[row] = value
    return column
