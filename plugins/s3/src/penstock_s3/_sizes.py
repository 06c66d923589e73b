"""About how large rows are, by column, for rotation by size; the same rows, the same sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from penstock.data import Batch, Column, Repeat, Structs, Text

__all__ = ["row_sizes"]

_NUMBER: Final = 8
_MARKS: Final = 4  # quotes, a colon, a comma
_NULL: Final = 4


def row_sizes(batch: Batch) -> Sequence[int]:
    """Return about how many bytes the JSON of each row's value takes, a line break included."""
    return [size + 1 for size in _sizes(batch.values)]


def _sizes(column: Column) -> list[int]:
    if isinstance(column, Repeat):
        return [_size(column.value)] * len(column)
    if isinstance(column, Text):
        return [_NULL if one is None else len(one) + 2 for one in column.utf8]
    if isinstance(column, Structs):
        names = sum(len(name) + _MARKS for name in column.columns)
        parts = [_sizes(one) for one in column.columns.values()]
        return list(map(sum, zip([names] * len(column), *parts, strict=True)))
    kinds = set(map(type, column))
    if kinds <= {int, float}:
        return [_NUMBER] * len(column)
    if kinds <= {str, bytes}:
        return [len(one) + 2 for one in column]
    return list(map(_size, column))


def _size(value: Any) -> int:
    if isinstance(value, str | bytes | bytearray | memoryview):
        return len(value) + 2
    if isinstance(value, dict):
        return 2 + sum(_size(name) + _size(one) + 2 for name, one in value.items())
    if isinstance(value, list | tuple):
        return 2 + sum(_size(one) + 1 for one in value)
    return _NULL if value is None else _NUMBER
