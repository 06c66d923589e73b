"""Cut blocks of a file into lines, with the byte position after each. Pure.

Line ends are LF, CR and CRLF, as in the original; a CR at the end of what is known waits for one
more byte. Positions count bytes, so text of any language goes on at the right place.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final, overload

import attrs

from penstock.errors import ConnectError

__all__ = ["LineSplitter", "Lines", "Positions"]

LINE_BYTES_MAX: Final = 64 * 1024 * 1024
"""The longest line that is taken, unless ``file.line.bytes.max`` says otherwise."""


class Positions(Sequence[Mapping[str, Any]]):
    """The source offset after each line, made when it is asked for: few ever are."""

    __slots__ = ("_ends", "_sizes", "_start", "end")

    def __init__(self, start: int, sizes: Sequence[int], end: int) -> None:
        """``sizes`` are the lines' bytes with their ends; ``end`` is the last position."""
        self._start = start
        self._sizes = sizes
        self._ends: list[int] | None = None
        self.end = end

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self._sizes)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        """Return the offset after a line."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index in (-1, len(self._sizes) - 1):
            return {"position": self.end}
        if self._ends is None:
            self._ends = list(itertools.accumulate(self._sizes, initial=self._start))[1:]
        return {"position": self._ends[index]}


@attrs.define(eq=False)
class Lines:
    """Complete lines: their bytes without the ends, and where the first begins.

    ``sizes`` are their bytes with the ends.
    """

    raw: list[bytes]
    sizes: list[int]
    start: int

    def piece(self, first: int, last: int) -> tuple[list[bytes], Positions]:
        """Return lines ``first`` to ``last - 1``; ask for pieces from the front on."""
        raw = self.raw[first:last]
        sizes = self.sizes[first:last]
        begin = self.start
        self.start = begin + sum(sizes)
        return raw, Positions(begin, sizes, self.start)


class LineSplitter:
    """Takes blocks in order and gives complete lines. Holds no more than one unfinished line."""

    def __init__(self, position: int, *, line_bytes_max: int = LINE_BYTES_MAX) -> None:
        """Begin at ``position``, which is the start of a line."""
        self.position = position
        self._max = line_bytes_max
        self._partial: list[bytes] = []
        self._partial_size = 0
        self._has_cr = False

    @property
    def read_position(self) -> int:
        """The position after the last byte that was fed."""
        return self.position + self._partial_size

    def feed(self, block: bytes) -> Lines | None:
        """Take the next bytes; return the lines they complete, or None.

        Raises:
            ConnectError: a line is longer than the bound.
        """
        if self._has_cr or b"\r" in block:
            return self._feed_mixed(block)
        cut = block.rfind(b"\n") + 1
        if not cut:
            self._hold(block)
            return None
        self._partial.append(block[: cut - 1])
        raw = b"".join(self._partial).split(b"\n")
        lines = Lines(raw, [len(line) + 1 for line in raw], self.position)
        self._advance(self._partial_size + cut, block[cut:])
        return lines

    def _feed_mixed(self, block: bytes) -> Lines | None:
        self._partial.append(block)
        data = b"".join(self._partial)
        # A CR at the very end may be half of a CRLF.
        known = data[:-1] if data.endswith(b"\r") else data
        cut = max(known.rfind(b"\n"), known.rfind(b"\r")) + 1
        if not cut:
            self._partial = []
            self._partial_size = 0
            self._hold(data)
            return None
        whole = known[:cut]
        lines = Lines(
            whole.splitlines(), list(map(len, whole.splitlines(keepends=True))), self.position
        )
        self._advance(cut, data[cut:])
        return lines

    def _advance(self, size: int, rest: bytes) -> None:
        self.position += size
        self._partial = []
        self._partial_size = 0
        self._has_cr = False
        if rest:
            self._hold(rest)

    def _hold(self, rest: bytes) -> None:
        self._partial.append(rest)
        self._partial_size += len(rest)
        self._has_cr = self._has_cr or b"\r" in rest
        if self._partial_size > self._max:
            raise ConnectError(
                f"the line that begins at byte {self.position} is longer than {self._max} bytes; "
                "raise file.line.bytes.max, or look whether the file is text"
            )

    def finish(self) -> Lines | None:
        """Return the unfinished line as a line, for a file that will not grow any more."""
        data = b"".join(self._partial)
        if not data:
            return None
        raw = data.splitlines()
        lines = Lines(raw, list(map(len, data.splitlines(keepends=True))), self.position)
        self._advance(len(data), b"")
        return lines
