"""Headers: named values beside a record's key and value (source: ConnectHeaders)."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

from penstock.data._schema import Schema
from penstock.data._validate import infer_schema

__all__ = ["Header", "Headers"]


@attrs.frozen
class Header:
    """One header; the schema is None when the value has none."""

    key: str
    value: Any = None
    schema: Schema | None = None


class Headers(tuple[Header, ...]):
    """The headers of one record: ordered, a key may repeat, immutable.

    Every method that changes something returns new headers.
    """

    __slots__ = ()

    EMPTY: ClassVar[Headers]

    def add(self, key: str, value: Any, schema: Schema | None = None) -> Headers:
        """Append a header; without a schema the value's own is inferred."""
        return Headers((*self, Header(key, value, schema or infer_schema(value))))

    def all(self, key: str) -> list[Header]:
        """Return every header of that key, in order."""
        return [header for header in self if header.key == key]

    def last(self, key: str) -> Header | None:
        """Return the last header of that key, or None."""
        for header in reversed(self):
            if header.key == key:
                return header
        return None

    def without(self, *keys: str) -> Headers:
        """Drop every header of these keys."""
        return Headers(header for header in self if header.key not in keys)


Headers.EMPTY = Headers()
