"""Rows that wait for the next transaction, by partition, already as segments. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from penstock.errors import BrokerError
from penstock.runtime.embedded.segment import Rows, join_rows, pack, row_sizes

__all__ = ["RECORD_BYTES_MAX", "SEGMENT_BYTES_MAX", "Lot", "Piece", "checked", "fitting"]

SEGMENT_BYTES_MAX: Final = 1024 * 1024
"""More rows than fit in it make several segments; a larger record makes one of its own."""
RECORD_BYTES_MAX: Final = 64 * 1024 * 1024
"""Key, value and headers of one record."""
_MERGED_ROWS_MAX: Final = 500
"""Fewer rows than this wait to be joined with others: a segment has a cost of its own."""


_WRONG: Final = (TypeError, ValueError, OverflowError, AttributeError)
"""What packing raises for a column that does not hold what it says."""


@attrs.frozen(eq=False)
class Piece:
    """A packed segment without its place yet; ``stamp`` is its last timestamp, Unix ms."""

    count: int
    stamp: int
    data: bytes


def checked(rows: Rows, where: str) -> tuple[Rows, bytes]:
    """Return the leading rows that can be stored, and their segment.

    Raises:
        BrokerError: the first row can never be stored.
    """
    try:
        data = pack(rows)
    except _WRONG as problem:
        good = _first_wrong(rows)
        if good == 0:
            raise BrokerError(f"{where}: the record cannot be stored: {problem}") from problem
        return checked(rows.slice(0, good), where)
    if len(data) > RECORD_BYTES_MAX:
        sizes = row_sizes(rows)
        large = next((row for row, one in enumerate(sizes) if one > RECORD_BYTES_MAX), len(rows))
        if large == 0:
            raise BrokerError(
                f"{where}: the record has {sizes[0]} bytes, at most {RECORD_BYTES_MAX} are stored"
            )
        if large < len(rows):
            return checked(rows.slice(0, large), where)
    return rows, data


def _first_wrong(rows: Rows) -> int:
    """Return the first row that cannot be packed."""
    for row in range(len(rows)):
        try:
            pack(rows.slice(row, row + 1))
        except _WRONG:
            return row
    return 0


def fitting(rows: Rows, bytes_max: int) -> int:
    """Return how many leading rows have at most ``bytes_max`` bytes together."""
    total = 0
    for row, size in enumerate(row_sizes(rows)):
        total += size
        if total > bytes_max:
            return row
    return len(rows)


class Lot:
    """What waits for one partition, in order. Owner: the producer's thread."""

    def __init__(self) -> None:
        """Begin empty."""
        self._pieces: list[Piece] = []
        self._small: list[Rows] = []
        self._small_bytes = 0

    def add(self, rows: Rows, data: bytes) -> None:
        """Add checked rows; ``data`` is their segment."""
        if len(rows) < _MERGED_ROWS_MAX and len(data) < SEGMENT_BYTES_MAX // 2:
            self._small.append(rows)
            self._small_bytes += len(data)
            if self._small_bytes > SEGMENT_BYTES_MAX // 2:
                self._seal()
        else:
            self._seal()
            self._pieces.extend(_pieces(rows, data))

    def pieces(self) -> list[Piece]:
        """Return everything as segments; may be called again when they could not be stored."""
        self._seal()
        return self._pieces

    def _seal(self) -> None:
        if self._small:
            rows = join_rows(self._small)
            self._pieces.append(Piece(len(rows), rows.timestamps[-1], pack(rows)))
            self._small.clear()
            self._small_bytes = 0


def _pieces(rows: Rows, data: bytes) -> Iterator[Piece]:
    if len(data) <= SEGMENT_BYTES_MAX or len(rows) == 1:
        yield Piece(len(rows), rows.timestamps[-1], data)
        return
    start = 0
    while start < len(rows):
        rest = rows.slice(start, len(rows))
        part = rest.slice(0, max(1, fitting(rest, SEGMENT_BYTES_MAX)))
        yield Piece(len(part), part.timestamps[-1], pack(part))
        start += len(part)
