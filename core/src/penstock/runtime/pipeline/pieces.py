"""Does a batch in pieces around its bad rows, so that only these are done one by one. Pure.

What holds of a batch method holds here: done in pieces, the rows give what they give at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from penstock.data import Batch, Column, Repeat, Text

__all__ = ["in_pieces", "join_batches", "join_columns"]

T = TypeVar("T")

FAN: Final = 4
"""Into how many pieces a failed one is cut: a bad row then costs about FAN * log(n, FAN) calls."""
SINGLES_MAX: Final = 4
"""Rows of a piece that is not tried as a whole again."""


def in_pieces(
    total: int, whole: Callable[[int, int], T], single: Callable[[int], T | None]
) -> list[tuple[int, int, T]]:
    """Return ``(first row, last row + 1, result)`` of pieces, in order; left out rows are gaps.

    The rows all at once are known to fail, so that they are cut at once.

    Args:
        total: how many rows there are.
        whole: does the rows from the first to before the second number; raises when one is bad.
        single: does one row under the error policy; None leaves it out.

    Raises:
        StageError: what ``single`` raises.
    """
    done: list[tuple[int, int, T]] = []
    left = _cut(0, total)
    while left:
        start, stop = left.pop()
        if stop - start <= SINGLES_MAX:
            for row in range(start, stop):
                one = single(row)
                if one is not None:
                    done.append((row, row + 1, one))
            continue
        try:
            done.append((start, stop, whole(start, stop)))
        except Exception:  # noqa: BLE001 - found again in a smaller piece
            left.extend(_cut(start, stop))
    return done


def _cut(start: int, stop: int) -> list[tuple[int, int]]:
    """Return the parts of a piece, the last first: they are taken from the end."""
    step = max(SINGLES_MAX, -(-(stop - start) // FAN))
    return [(first, min(first + step, stop)) for first in range(start, stop, step)][::-1]


def join_columns(columns: Sequence[Column]) -> Column:
    """Return columns one after the other; one value for all rows stays one."""
    if len(columns) == 1:
        return columns[0]
    first = columns[0]
    if isinstance(first, Repeat) and all(
        type(one) is type(first) and one.value is first.value for one in columns
    ):
        return first.resized(sum(map(len, columns)))
    if all(isinstance(one, Text) for one in columns):
        return Text([raw for one in columns for raw in one.utf8])  # type: ignore[attr-defined]  # a Text
    joined: list[Any] = []
    for one in columns:
        joined.extend(one)
    return joined


def join_batches(batches: Sequence[Batch]) -> list[Batch]:
    """Return one batch for all of the same topic and equal schemas, rows in their order."""
    groups: dict[tuple[str, object, object], list[Batch]] = {}
    for batch in batches:
        if len(batch):
            kind = (batch.topic, batch.key_schema, batch.value_schema)
            groups.setdefault(kind, []).append(batch)
    return [group[0] if len(group) == 1 else _joined(group) for group in groups.values()]


def _joined(group: Sequence[Batch]) -> Batch:
    first = group[0]
    return Batch(
        topic=first.topic,
        values=join_columns([one.values for one in group]),
        value_schema=first.value_schema,
        keys=join_columns([one.keys for one in group]),
        key_schema=first.key_schema,
        partitions=join_columns([one.partitions for one in group]),
        timestamps=join_columns([one.timestamps for one in group]),
        headers=join_columns([one.headers for one in group]),
        rows=join_columns([one.rows for one in group]),
        origin=first.origin,
    )
