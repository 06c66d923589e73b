"""Columns: sequences that a batch is stored in, and the three that save work.

Any ``Sequence`` is a column; a plain list is the usual one. :class:`Repeat` is one value for all
rows, :class:`Text` is text kept as UTF-8 bytes until somebody asks for str, :class:`Lazy` is made
when first looked at. A column is never changed after it was put in a batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, overload

__all__ = ["Column", "Lazy", "PollTime", "Repeat", "Text", "pick", "without"]

T = TypeVar("T")
Column = Sequence[Any]


class Repeat(Sequence[T]):
    """One value for each of ``length`` rows."""

    __slots__ = ("_length", "value")

    def __init__(self, value: T, length: int) -> None:
        """Repeat ``value``."""
        self.value = value
        self._length = length

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Repeat[T]: ...
    def __getitem__(self, index: int | slice) -> T | Repeat[T]:
        """Return the value, or as many of it as the slice has rows."""
        if isinstance(index, slice):
            return type(self)(self.value, len(range(*index.indices(self._length))))
        if not -self._length <= index < self._length:
            raise IndexError(index)
        return self.value

    def __iter__(self) -> Iterator[T]:
        """Yield the value once a row."""
        return itertools.repeat(self.value, self._length)

    def resized(self, length: int) -> Repeat[T]:
        """Return the same value for another number of rows."""
        return type(self)(self.value, length)


class PollTime(Repeat[int]):
    """The Unix ms at which a source polled, as timestamp of every row.

    A source that knows no time of its own stamps its records so. The producer may then stamp
    the Kafka record itself, a few ms later, which is far cheaper than to give each its own.
    """

    __slots__ = ()


class Text(Sequence[str | None]):
    """Text as UTF-8 bytes, decoded when somebody asks; each value is valid UTF-8 or None."""

    __slots__ = ("_decoded", "_raw")

    def __init__(self, raw: Sequence[bytes | None]) -> None:
        """Take bytes that are known to be valid UTF-8; see :meth:`checked` for others."""
        self._raw = raw
        self._decoded: list[str | None] | None = None

    @classmethod
    def checked(cls, raw: Sequence[bytes | None]) -> Text | None:
        """Return the column if every value is valid UTF-8, else None; checks all at once."""
        solid = raw if None not in raw else [value for value in raw if value is not None]
        try:
            # The newline between values keeps two broken halves from making a whole.
            b"\n".join(solid).decode("utf-8")  # type: ignore[arg-type]  # no None is left in it
        except UnicodeDecodeError:
            return None
        return cls(raw)

    @property
    def utf8(self) -> Sequence[bytes | None]:
        """The values as bytes, without work."""
        return self._raw

    def decoded(self) -> list[str | None]:
        """Return the values as str; decoded once."""
        if self._decoded is None:
            self._decoded = _decoded(self._raw)
        return self._decoded

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._raw)

    @overload
    def __getitem__(self, index: int) -> str | None: ...
    @overload
    def __getitem__(self, index: slice) -> Text: ...
    def __getitem__(self, index: int | slice) -> str | Text | None:
        """Return one value as str, or a slice as a column."""
        if isinstance(index, slice):
            return Text(self._raw[index])
        value = self._raw[index]
        return None if value is None else str(value, "utf-8")

    def __iter__(self) -> Iterator[str | None]:
        """Yield the values as str."""
        return iter(self.decoded())


def _decoded(raw: Sequence[bytes | None]) -> list[str | None]:
    if None in raw:
        return [None if value is None else str(value, "utf-8") for value in raw]
    joined = b"\n".join(raw)  # type: ignore[arg-type]  # no None is in it
    if raw and joined.count(b"\n") == len(raw) - 1:
        # All at once is a third faster, and right when no value holds the separator itself.
        return joined.decode("utf-8").split("\n")  # type: ignore[return-value]  # str is str | None
    return [str(value, "utf-8") for value in raw]  # type: ignore[arg-type]  # likewise


class Lazy(Sequence[T]):
    """A column made by ``make`` when it is first looked at; ``length`` is known before."""

    __slots__ = ("_length", "_made", "_make")

    def __init__(self, length: int, make: Callable[[], Sequence[T]]) -> None:
        """Remember how to make the column."""
        self._length = length
        self._make = make
        self._made: Sequence[T] | None = None

    def made(self) -> Sequence[T]:
        """Return the column itself."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def __len__(self) -> int:
        """Return the number of rows, without making the column."""
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        """Return one value or a slice."""
        return self.made()[index]

    def __iter__(self) -> Iterator[T]:
        """Yield the values."""
        return iter(self.made())


def pick(column: Sequence[T], rows: Sequence[int]) -> Sequence[T]:
    """Return the values at ``rows``, in that order; stays cheap for the special columns."""
    if isinstance(column, Repeat):
        return column.resized(len(rows))
    if isinstance(rows, range) and rows.step == 1:
        return column if len(rows) == len(column) else column[rows.start : rows.stop]
    if isinstance(column, Lazy):
        # Still made only if somebody looks: most tasks never ask for timestamps.
        return Lazy(len(rows), lambda: pick(column.made(), rows))
    picked = getattr(column, "picked", None)
    if picked is not None:  # Structs, which know this module
        return picked(rows)  # type: ignore[no-any-return]  # a column of the same kind
    if isinstance(column, Text):
        raw = column.utf8
        return Text([raw[row] for row in rows])  # type: ignore[return-value]  # T is str | None
    return list(map(column.__getitem__, rows))


def without(column: Sequence[T], rows: Sequence[int]) -> Sequence[T]:
    """Return the values but those at ``rows``, which ascend and are few: faster than to pick."""
    if not rows:
        return column
    if isinstance(column, Repeat):
        return column.resized(len(column) - len(rows))
    dropped = getattr(column, "dropped", None)
    if dropped is not None:  # Structs, which know this module
        return dropped(rows)  # type: ignore[no-any-return]  # a column of the same kind
    if isinstance(column, Lazy):
        return Lazy(len(column) - len(rows), lambda: without(column.made(), rows))
    if isinstance(column, Text):
        return Text(without(column.utf8, rows))  # type: ignore[return-value]  # T is str | None
    left = list(column)
    for row in reversed(rows):
        del left[row]
    return left
