"""Where to go on reading a file, given a stored position. Pure.

A stored position is the byte after a line end. One that is not is either a count of characters,
as the original stores for text that is not ASCII, or belongs to a file that was replaced since.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from penstock_file._lines import LINE_BYTES_MAX, java_utf8

__all__ = ["find_place"]

_BLOCK_BYTES: Final = 1024 * 1024

Read = Callable[[int, int], bytes]
"""``(size, position) -> bytes``, fewer at the end of the file."""


def find_place(
    read: Read, position: int, size: int, stopping: Callable[[], bool]
) -> tuple[int, str]:
    """Return where to go on in a file of ``size`` bytes, and why not at ``position``, or ``""``.

    Never inside a line, and never behind lines that were not read: in doubt the whole file is
    read again.
    """
    if position == 0:
        return 0, ""
    if position > size:
        return 0, (
            f"has {size} bytes, fewer than the stored position {position}: it was cut or "
            "replaced, and is read from its start"
        )
    if _is_line_start(read, position):
        return position, ""
    counted = _after_chars(read, position, stopping)
    if counted is not None:
        return counted, (
            f"goes on at byte {counted}: the stored position {position} counts characters, as "
            "Kafka's own connector does"
        )
    return 0, (
        f"has no line that begins at the stored position {position}: it was replaced, and is "
        "read from its start"
    )


def _is_line_start(read: Read, position: int) -> bool:
    around = read(2, position - 1)
    return around[:1] == b"\n" or (around[:1] == b"\r" and around != b"\r\n")


def _after_chars(read: Read, chars: int, stopping: Callable[[], bool]) -> int | None:
    """Return the position after that many UTF-16 units, if a line ends there."""
    counted = at = 0
    carry = b""
    while len(carry) <= LINE_BYTES_MAX:
        block = read(_BLOCK_BYTES, at + len(carry))
        if not block or stopping():
            return None
        data = carry + block
        known = data[:-1] if data.endswith(b"\r") else data
        cut = max(known.rfind(b"\n"), known.rfind(b"\r")) + 1
        units = _utf16_units(data[:cut])
        if counted + units >= chars:
            return _within(data[:cut], at, chars - counted)
        counted += units
        at += cut
        carry = data[cut:]
    return None


def _within(lines: bytes, at: int, chars: int) -> int | None:
    for line in lines.splitlines(keepends=True):
        chars -= _utf16_units(line)
        at += len(line)
        if chars <= 0:
            break
    return at if chars == 0 else None


def _utf16_units(lines: bytes) -> int:
    if lines.isascii():
        return len(lines)
    return len(java_utf8(lines).decode().encode("utf-16-le")) // 2
