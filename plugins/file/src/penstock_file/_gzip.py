"""Inflate a gzip file block by block, also one that is still being written. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

__all__ = ["Inflater"]

_GZIP_WBITS: Final = 31


class Inflater:
    """Gives the content of a gzip file; one of several members is as one."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        """Take a way to read on, which returns ``b""`` while there is nothing more."""
        self._read = read
        self._member = zlib.decompressobj(wbits=_GZIP_WBITS)
        self._input = b""

    def block(self, most: int) -> bytes:
        """Return at most so many bytes of the content; ``b""`` when there are none yet.

        Raises:
            zlib.error: this is no gzip, or it is damaged.
        """
        while True:
            if self._member.eof:
                # Some archivers fill up the last block of a file with zeros.
                self._input = self._input.lstrip(b"\0")
            if not self._input:
                self._input = self._read()
                if not self._input:
                    return b""
                continue
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=_GZIP_WBITS)
            member = self._member
            content = member.decompress(self._input, most)
            self._input = member.unused_data if member.eof else member.unconsumed_tail
            if content:
                return content
