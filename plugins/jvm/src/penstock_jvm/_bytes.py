"""Reading and writing the buffers that cross between Java and Python; ``In`` and ``Out`` there."""

from __future__ import annotations

import struct
from typing import Any, Final

__all__ = ["In", "Out"]

_I32: Final = struct.Struct("<i")
_I64: Final = struct.Struct("<q")


class In:
    """Reads a buffer from its start."""

    __slots__ = ("at", "raw")

    def __init__(self, raw: bytes) -> None:
        """Begin at the first byte."""
        self.raw = raw
        self.at = 0

    def u8(self) -> int:
        """Read a small number."""
        self.at += 1
        return self.raw[self.at - 1]

    def i32(self) -> int:
        """Read a 32-bit number."""
        self.at += 4
        return int(_I32.unpack_from(self.raw, self.at - 4)[0])

    def i64(self) -> int:
        """Read a 64-bit number."""
        self.at += 8
        return int(_I64.unpack_from(self.raw, self.at - 8)[0])

    def numbers(self, letter: str, count: int) -> tuple[Any, ...]:
        """Read ``count`` numbers of the kind that ``struct`` calls ``letter``."""
        form = struct.Struct(f"<{count}{letter}")
        self.at += form.size
        return form.unpack_from(self.raw, self.at - form.size)

    def take(self, length: int) -> bytes:
        """Read that many bytes."""
        self.at += length
        return self.raw[self.at - length : self.at]

    def text(self) -> str | None:
        """Read a text, or None."""
        length = self.i32()
        return None if length < 0 else str(self.take(length), "utf-8")

    def blobs(self, count: int) -> list[bytes]:
        """Read the lengths of ``count`` values, and them."""
        lengths = self.numbers("i", count)
        raw, at, read = self.raw, self.at, []
        for length in lengths:
            end = at + length
            read.append(raw[at:end])
            at = end
        self.at = at
        return read


class Out:
    """Collects a buffer."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        """Begin with nothing."""
        self.parts: list[bytes] = []

    def u8(self, value: int) -> None:
        """Write a number of 0 to 255."""
        self.parts.append(bytes((value,)))

    def i32(self, value: int) -> None:
        """Write a 32-bit number."""
        self.parts.append(_I32.pack(value))

    def i64(self, value: int) -> None:
        """Write a 64-bit number."""
        self.parts.append(_I64.pack(value))

    def numbers(self, letter: str, values: Any) -> None:
        """Write numbers of the kind that ``struct`` calls ``letter``."""
        self.parts.append(struct.pack(f"<{len(values)}{letter}", *values))

    def text(self, value: str | None) -> None:
        """Write a text, or None."""
        if value is None:
            self.i32(-1)
        else:
            self.blob(value.encode())

    def blob(self, value: bytes) -> None:
        """Write bytes with their length."""
        self.parts += (_I32.pack(len(value)), value)

    def blobs(self, values: list[bytes]) -> None:
        """Write the lengths of all values, and them."""
        self.numbers("i", list(map(len, values)))
        self.parts += values

    def done(self) -> bytes:
        """Return the buffer."""
        return b"".join(self.parts)
