"""Structs most of whose fields are the same in all rows, written around the few that change.

A source that hoists a line and inserts a topic, a time and a name changes one field of five; what
stands around it is written once a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, Final

import attrs

from penstock.data import Repeat, Schema, Structs, Text, Type
from penstock_converters._json_write import JsonWriter, quoted

__all__ = ["StructTemplate"]

VARYING_MAX: Final = 2
"""With more fields that change, whole rows are written faster."""
_TO_ESCAPE: Final = b'"\\' + bytes(range(10)) + bytes(range(11, 32)) + bytes(range(0xF0, 0x100))
"""All that JSON, or Jackson beyond the basic plane, writes otherwise; but for the line break."""


@attrs.frozen
class StructTemplate:
    """Writes structs of one schema.

    Attributes:
        fields: the JSON of each field's name, its name and its schema.
        lines: return the JSON of each value of a field's column.
        writer: writes single values.
        prefix, suffix: what stands around the struct.
    """

    fields: Sequence[tuple[bytes, str, Schema]]
    lines: Sequence[Callable[[Sequence[Any]], Sequence[bytes]]]
    writer: JsonWriter
    prefix: bytes
    suffix: bytes

    @classmethod
    def of(
        cls,
        schema: Schema,
        writer: JsonWriter,
        lines: Sequence[Callable[[Sequence[Any]], Sequence[bytes]]],
        envelope: bytes,
    ) -> StructTemplate:
        """Make the template of a struct's schema; ``envelope`` is what stands before each."""
        fields = [(quoted(f.name).encode() + b":", f.name, f.schema) for f in schema.fields]
        return cls(fields, lines, writer, envelope, b"}" if envelope else b"")

    def rows(self, structs: Structs) -> list[bytes] | None:
        """Return the JSON of each struct; None when too many fields change, or one is unknown.

        Raises:
            DataError: a value does not fit.
        """
        names = {name for _, name, _ in self.fields}
        varying = sum(not isinstance(column, Repeat) for column in structs.columns.values())
        if not 0 < varying <= VARYING_MAX or not names.issuperset(structs.columns):
            return None
        parts: list[Any] = []
        fixed = self.prefix + b"{"
        for i, ((label, name, schema), lines) in enumerate(
            zip(self.fields, self.lines, strict=True)
        ):
            fixed += b"," + label if i else label
            column = structs.field(name) or Repeat(None, len(structs))
            if isinstance(column, Repeat):
                fixed += self.writer.text(schema, column.value).encode()
                continue
            raw = _plain_text(column) if schema.type is Type.STRING else None
            mark = b"" if raw is None else b'"'
            parts += [repeat(fixed + mark), lines(column) if raw is None else raw]
            fixed = mark
        parts.append(repeat(fixed + b"}" + self.suffix, len(structs)))
        return list(map(b"".join, zip(*parts)))  # noqa: B905 - repeats have no end of their own


def _plain_text(column: Sequence[Any]) -> Sequence[bytes] | None:
    """Return texts that stand in JSON as they are, None when some do not."""
    if not isinstance(column, Text):
        return None
    raw = column.utf8
    if None in raw:
        return None
    joined = b"\n".join(raw)  # type: ignore[arg-type]  # no None is in it
    # To delete from a copy is five times as fast as to search for one of many bytes.
    if len(joined.translate(None, _TO_ESCAPE)) != len(joined):
        return None
    if joined.count(b"\n") != len(raw) - 1:
        return None
    return raw  # type: ignore[return-value]  # likewise
