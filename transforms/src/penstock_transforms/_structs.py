"""What a struct's fields become when the whole struct is copied, as ``Struct.put`` sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import attrs

from penstock.data import Field
from penstock.errors import DataError

__all__ = ["Fill"]


@attrs.frozen
class Fill:
    """The defaults that stand for nulls, and the fields that must not be null without them.

    Only fields with a default matter: a null in another one is refused by whoever writes it.
    """

    defaults: Mapping[str, Any]
    required: tuple[str, ...]

    @classmethod
    def of(cls, fields: Iterable[Field], *, replaces: bool) -> Self:
        """Return what holds for some fields, when defaults replace nulls or when they do not."""
        own = [field for field in fields if field.schema.default is not None]
        if replaces:
            return cls({field.name: field.schema.default for field in own}, ())
        return cls({}, tuple(field.name for field in own if not field.schema.optional))

    def rows(self, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """Return the rows filled; the same ones if no field has a default.

        Raises:
            DataError: a required field is null.
        """
        if self.defaults:
            defaults = self.defaults.items()
            return [
                {**row, **{name: one for name, one in defaults if row.get(name) is None}}
                for row in rows
            ]
        for name in self.required:
            if any(row.get(name) is None for row in rows):
                raise DataError(
                    f"Invalid value: null used for required field '{name}'; let its default stand"
                    " for it with replace.null.with.default=true"
                )
        return rows
