"""Structs kept by field, so that a change of one field costs nothing for the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from penstock.data._columns import pick, without

__all__ = ["Structs"]

Row = dict[str, Any]


class Structs(Sequence[Row]):
    """A column of structs, none of them null: one column a field, and rows for who asks for them.

    Whoever knows this class reads ``columns`` and makes a new one with :meth:`changed`; for all
    others it is a sequence of dicts, which are made once, when the first is looked at. A None in
    a field's column is a field that is null, or left out.
    """

    __slots__ = ("_asked", "_length", "_rows", "columns")

    def __init__(self, columns: Mapping[str, Sequence[Any]], length: int) -> None:
        """Take columns of ``length`` rows each; they are not changed from now on."""
        self.columns = columns
        self._length = length
        self._rows: list[Row] | None = None
        self._asked = False

    def changed(self, columns: Mapping[str, Sequence[Any]]) -> Structs:
        """Return the same structs in which these fields are new, or other."""
        return Structs({**self.columns, **columns}, self._length)

    def field(self, name: str) -> Sequence[Any] | None:
        """Return a field's column, or None when no row has it."""
        return self.columns.get(name)

    def rows(self) -> list[Row]:
        """Return a dict a row, made once."""
        if self._rows is None:
            names = tuple(self.columns)
            if names:
                values = zip(*self.columns.values(), strict=True)
                self._rows = [dict(zip(names, row)) for row in values]  # noqa: B905 - both are as long
            else:
                self._rows = [{} for _ in range(self._length)]
        return self._rows

    def picked(self, rows: Sequence[int]) -> Structs:
        """Return the structs at these rows, in that order."""
        columns = {name: pick(column, rows) for name, column in self.columns.items()}
        return Structs(columns, len(rows))

    def dropped(self, rows: Sequence[int]) -> Structs:
        """Return the structs but those at these rows, which ascend."""
        columns = {name: without(column, rows) for name, column in self.columns.items()}
        return Structs(columns, self._length - len(rows))

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._length

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Structs: ...
    def __getitem__(self, index: int | slice) -> Row | Structs:
        """Return one struct, or a slice of them."""
        if isinstance(index, slice):
            columns = {name: column[index] for name, column in self.columns.items()}
            return Structs(columns, len(range(*index.indices(self._length))))
        if self._rows is None and not self._asked:
            # Somebody may only want to see what kind of values these are.
            self._asked = True
            return {name: column[index] for name, column in self.columns.items()}
        return self.rows()[index]

    def __iter__(self) -> Iterator[Row]:
        """Yield the structs."""
        return iter(self.rows())

    def __contains__(self, value: object) -> bool:
        """Return whether a struct is among them; None never is, which costs nothing to say."""
        return value is not None and value in self.rows()
