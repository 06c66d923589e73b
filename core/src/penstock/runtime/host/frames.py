"""Length-prefixed frames on a stream: four bytes, big-endian, then that many bytes. Pure."""

from __future__ import annotations

import struct
from typing import Final

from penstock.errors import PenstockError

__all__ = ["FRAME_BYTES_MAX", "FrameReader", "pack_frame"]

FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
"""The largest message between worker and host; a task's configuration is far smaller."""

_LENGTH: Final = struct.Struct(">I")


def pack_frame(payload: bytes) -> bytes:
    """Return the payload as a frame; raises PenstockError when it is too large."""
    if len(payload) > FRAME_BYTES_MAX:
        raise PenstockError(
            f"a message of {len(payload)} bytes is larger than the {FRAME_BYTES_MAX} bytes that "
            "worker and host exchange"
        )
    return _LENGTH.pack(len(payload)) + payload


class FrameReader:
    """Cuts what a stream brings into payloads. Owner: the thread that reads the stream."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream and return the payloads that are complete now.

        Raises:
            PenstockError: the stream announces a payload above FRAME_BYTES_MAX; nothing after
                it can be understood.
        """
        buffer = self._buffer
        buffer += data
        payloads: list[bytes] = []
        begin = 0
        while len(buffer) - begin >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, begin)
            if length > FRAME_BYTES_MAX:
                raise PenstockError(f"a frame announces {length} bytes, at most {FRAME_BYTES_MAX}")
            end = begin + _LENGTH.size + length
            if end > len(buffer):
                break
            payloads.append(bytes(buffer[begin + _LENGTH.size : end]))
            begin = end
        del buffer[:begin]
        return payloads
