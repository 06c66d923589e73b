"""Does a batch in pieces around its bad rows, so that only these are done one by one. Pure.

What holds of a batch method holds here: done in pieces, the rows give what they give at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from penstock.data import Batch, Column, Repeat, Text

__all__ = ["SuspectError", "Watched", "cut_batch", "in_pieces", "join_batches", "join_columns"]

T = TypeVar("T")

PIECE_ROWS_MIN: Final = 8
"""The least rows that are tried at once after a bad one."""


class SuspectError(Exception):
    """A piece failed, probably because of ``row``, a number among all rows."""

    def __init__(self, row: int) -> None:
        """Name the row."""
        super().__init__(row)
        self.row = row


class Watched(list[Any]):
    """A column that knows how far it was looked at, which is where a batch method failed."""

    __slots__ = ("seen",)

    def __init__(self, values: Sequence[Any]) -> None:
        """Copy a column."""
        super().__init__(values)
        self.seen = 0

    def __iter__(self) -> Iterator[Any]:
        """Yield the values, counting them anew."""
        self.seen = 0
        for value in super().__iter__():
            self.seen += 1
            yield value


def in_pieces(
    total: int,
    whole: Callable[[int, int], T],
    single: Callable[[int], T | None],
    *,
    suspects: bool = False,
) -> list[tuple[int, int, T]]:
    """Return ``(first row, last row + 1, result)`` of pieces, in order; left out rows are gaps.

    The rows all at once are known to fail. Where it is not known which row is bad, the first one
    is found by halves, which keeps what was done on the way; then as many rows are tried as lay
    between the bad ones until now. So a bad row costs about ``log2`` of that many calls, and three
    where the suspicion is right.

    Args:
        total: how many rows there are.
        whole: does the rows from the first to before the second number; raises when one is bad,
            best SuspectError.
        single: does one row under the error policy; None leaves it out.
        suspects: whether ``whole`` raises SuspectError: then it is tried once more for all rows.

    Raises:
        StageError: what ``single`` raises.
    """
    done: list[tuple[int, int, T]] = []
    start, bad, stop, is_bad = 0, 0, total, not suspects
    suspect = -1
    while start < total:
        if not is_bad:
            try:
                done.append((start, stop, whole(start, stop)))
            except Exception as error:  # noqa: BLE001 - found again in a smaller piece
                is_bad, suspect = True, error.row if isinstance(error, SuspectError) else -1
            else:
                start, stop = stop, min(total, stop + 2 * (stop - start))
        if is_bad:
            start = _first_bad(start, stop, suspect, whole, done)
            one = single(start)
            if one is not None:
                done.append((start, start + 1, one))
            # With suspicions that are right a failure is cheap, and more may be tried at once.
            gaps = 2 if start == suspect else 1
            start, bad, is_bad, suspect = start + 1, bad + 1, False, -1
            stop = min(total, start + max(PIECE_ROWS_MIN, gaps * (start // bad)))
    return done


def _first_bad(
    start: int,
    stop: int,
    suspect: int,
    whole: Callable[[int, int], T],
    done: list[tuple[int, int, T]],
) -> int:
    """Return the first bad row of those that are known to hold one; the rows before it are done."""
    while stop - start > 1 and suspect != start:
        middle = suspect if start < suspect < stop else (start + stop) // 2
        try:
            done.append((start, middle, whole(start, middle)))
        except Exception:  # noqa: BLE001 - the piece is halved again
            stop, suspect = middle, -1
        else:
            start = middle
    return start


def cut_batch(batch: Batch, start: int, stop: int) -> Batch:
    """Return the rows from ``start`` to before ``stop``; as ``select`` does, with less ado."""
    return Batch(
        topic=batch.topic,
        values=batch.values[start:stop],
        value_schema=batch.value_schema,
        keys=batch.keys[start:stop],
        key_schema=batch.key_schema,
        partitions=batch.partitions[start:stop],
        timestamps=batch.timestamps[start:stop],
        headers=batch.headers[start:stop],
        rows=batch.rows[start:stop],
        origin=batch.origin,
    )


def join_columns(columns: Sequence[Column]) -> Column:
    """Return columns one after the other; one value for all rows stays one."""
    if len(columns) <= 1:
        one = columns[0] if columns else []
        return one[:] if isinstance(one, Watched) else one
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
    return [_joined(group) for group in groups.values()]


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
