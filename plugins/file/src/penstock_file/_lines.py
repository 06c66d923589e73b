"""Cut blocks of a file into lines, with the byte position after each. Pure.

Line ends are LF, CR and CRLF, as in the original; a CR at the end of what is known waits for one
more byte. Positions count bytes, so text of any language goes on at the right place.
(source: FileStreamSourceTask.extractLine)
"""

from __future__ import annotations

import itertools
import re
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final, overload

from penstock.errors import ConnectError

__all__ = ["LINE_BYTES_MAX", "LineSplitter", "Lines", "Positions", "java_utf8"]

LINE_BYTES_MAX: Final = 64 * 1024 * 1024
"""The longest line that is taken, unless ``file.line.bytes.max`` says otherwise."""

_SURROGATE: Final = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_REPLACEMENT: Final = "\ufffd".encode()


class Positions(Sequence[Mapping[str, Any]]):
    """The source offset after each line, made when it is asked for: few ever are.

    Four bytes a line and none of its text: offsets are kept until the next commit.
    """

    __slots__ = ("_end", "_end_size", "_ends", "_sizes", "_start")

    def __init__(self, start: int, sizes: Sequence[int], end_size: int, end: int) -> None:
        """Take the lines' sizes; ``end_size`` comes on top of each, ``end`` is the last place."""
        self._start = start
        self._sizes = array("I", sizes)
        self._end_size = end_size
        self._end = end
        self._ends: array[int] | None = None

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
            return {"position": self._end}
        if self._ends is None:
            sums = itertools.accumulate(self._sizes)
            step = self._end_size
            self._ends = array("q", (self._start + n + i * step for i, n in enumerate(sums, 1)))
        return {"position": self._ends[index]}


class Lines:
    """Complete lines of one file, valid UTF-8 and without their ends, to be taken in order."""

    __slots__ = ("_at", "_end_size", "_raw", "_sizes", "start")

    def __init__(self, raw: list[bytes], start: int, sizes: list[int] | None) -> None:
        """Take lines that begin at ``start``, at least one.

        ``sizes`` are what the lines take up in the file, when that is not their length and one.
        """
        self._raw = raw
        self._at = 0
        self._end_size = 1 if sizes is None else 0
        self._sizes = sizes
        self.start = start

    def __len__(self) -> int:
        """Return how many are left."""
        return len(self._raw) - self._at

    def take(self, most: int) -> tuple[list[bytes], Positions]:
        """Return the next lines, at most so many."""
        first, last = self._at, min(self._at + most, len(self._raw))
        raw = self._raw if last - first == len(self._raw) else self._raw[first:last]
        sizes = list(map(len, raw)) if self._sizes is None else self._sizes[first:last]
        begin = self.start
        self.start = begin + sum(sizes) + self._end_size * len(raw)
        self._at = last
        return raw, Positions(begin, sizes, self._end_size, self.start)


class LineSplitter:
    """Takes blocks in order and gives complete lines. Holds no more than one unfinished line."""

    def __init__(self, position: int, *, name: str, line_bytes_max: int = LINE_BYTES_MAX) -> None:
        """Begin at ``position``, the start of a line of the file ``name``."""
        self.position = position
        self._name = name
        self._max = line_bytes_max
        self._held: list[bytes] = []
        self._held_size = 0
        self._has_cr = False
        self._refused_at: int | None = None

    @property
    def has_unfinished(self) -> bool:
        """Whether a line is begun that has no end yet."""
        return bool(self._held_size) and not self._has_cr

    def feed(self, block: bytes) -> Lines | None:
        """Take the next bytes; return the lines they complete, or None.

        Raises:
            ConnectError: a line is longer than the bound; the lines before it were returned.
        """
        self.check()
        if self._has_cr:
            block = b"\r" + block
        # A CR at the very end may be half of a CRLF.
        self._has_cr = block.endswith(b"\r")
        if self._has_cr:
            block = block[:-1]
        raw, rest, sizes = _split(block)
        lines = self._completed(block, raw, rest, sizes) if raw else None
        if self._refused_at is None:
            self._hold(rest)
        if lines is None:
            self.check()
        return lines

    def _completed(
        self, block: bytes, raw: list[bytes], rest: bytes, sizes: list[int] | None
    ) -> Lines | None:
        head = len(raw[0])
        if self._held_size:
            raw[0] = b"".join((*self._held, raw[0]))
            if sizes is not None:
                sizes[0] += self._held_size
            self._held.clear()
            self._held_size = 0
        start = self.position
        # Within a block no line is longer than the block; only a small bound looks at each.
        if len(raw[0]) > self._max or (len(block) > self._max and max(map(len, raw)) > self._max):
            return self._before_refused(raw, sizes)
        if not (block.isascii() and raw[0].isascii()) and not _is_utf8(
            raw[0], memoryview(block)[head : len(block) - len(rest)]
        ):
            if sizes is None:
                sizes = [len(line) + 1 for line in raw]
            self.position += sum(sizes)
            return Lines([java_utf8(line) for line in raw], start, sizes)
        if sizes is not None:
            self.position += sum(sizes)
        else:
            self.position += len(block) - len(rest) + len(raw[0]) - head
        return Lines(raw, start, sizes)

    def _before_refused(self, raw: list[bytes], sizes: list[int] | None) -> Lines | None:
        """Return the lines before the first that is too long, and refuse that one from now on."""
        count = next(i for i, line in enumerate(raw) if len(line) > self._max)
        if sizes is None:
            sizes = [len(line) + 1 for line in raw]
        start = self.position
        self.position += sum(sizes[:count])
        self._refused_at = self.position
        if not count:
            return None
        return Lines([java_utf8(line) for line in raw[:count]], start, sizes[:count])

    def _hold(self, rest: bytes) -> None:
        if rest:
            self._held.append(rest)
            self._held_size += len(rest)
            if self._held_size > self._max:
                self._refused_at = self.position
                self._held.clear()

    def check(self) -> None:
        """Raise ConnectError when a line that was met is longer than the bound."""
        if self._refused_at is not None:
            raise ConnectError(
                f"'{self._name}': the line that begins at byte {self._refused_at} is longer than "
                f"{self._max} bytes; raise 'file.line.bytes.max', or look whether the file is text"
            )

    def finish(self) -> Lines | None:
        """Return the unfinished line as a line, for a file that will not grow any more."""
        if self._refused_at is not None or not (self._held_size or self._has_cr):
            return None
        line = b"".join(self._held)
        size = len(line) + self._has_cr
        lines = Lines([java_utf8(line)], self.position, [size])
        self.position += size
        self._held.clear()
        self._held_size = 0
        self._has_cr = False
        return lines


def _split(block: bytes) -> tuple[list[bytes], bytes, list[int] | None]:
    """Return the lines, the rest after the last line end, and the sizes when LF is not all."""
    if b"\r" not in block:
        raw = block.split(b"\n")
        return raw, raw.pop(), None
    raw = block.splitlines()
    kept = block.splitlines(keepends=True)
    rest = b""
    if not kept[-1].endswith((b"\n", b"\r")):
        kept.pop()
        rest = raw.pop()
    return raw, rest, list(map(len, kept))


def _is_utf8(first: bytes, others: memoryview) -> bool:
    try:
        first.decode()
        str(others, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def java_utf8(line: bytes) -> bytes:
    """Return the line as Java reads it: bytes that are no UTF-8 become U+FFFD."""
    if line.isascii():
        return line
    try:
        line.decode()
    except UnicodeDecodeError:
        # Java takes an encoded surrogate as one fault, Python as three.
        return _SURROGATE.sub(_REPLACEMENT, line).decode("utf-8", "replace").encode()
    return line
