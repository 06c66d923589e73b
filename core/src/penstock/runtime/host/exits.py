"""How a host ended, as the worker tells it."""

from __future__ import annotations

import signal
from typing import Final

import attrs

__all__ = ["WORDS_BYTES_MAX", "HostExited", "LastWords", "told_exit"]

WORDS_BYTES_MAX: Final = 8 * 1024
"""How much of a host's stderr is kept, for its obituary and as its longest line."""


@attrs.frozen
class HostExited:
    """A host is gone: its last event.

    Attributes:
        reason: how it ended and the last of what it wrote to stderr; for people.
        killed: whether the worker ended it by force, since it did not end in time.
    """

    reason: str
    killed: bool


class LastWords:
    """The end of what a host wrote to stderr, and its lines as they become whole."""

    def __init__(self) -> None:
        self._tail = b""
        self._line = b""

    def feed(self, data: bytes) -> bytes:
        """Take what was written; return what may be passed on: whole lines, a long one's part."""
        self._tail = (self._tail + data)[-WORDS_BYTES_MAX:]
        whole, newline, self._line = (self._line + data).rpartition(b"\n")
        if len(self._line) > WORDS_BYTES_MAX:
            return self.feed_rest(whole + newline)
        return whole + newline

    def feed_rest(self, before: bytes = b"") -> bytes:
        """Return what was begun and not ended, as lines."""
        rest, self._line = self._line, b""
        return before + rest + b"\n" if rest else before

    def text(self) -> str:
        """Return what is kept, without blanks around it."""
        return self._tail.decode(errors="replace").strip()


def told_exit(title: str, code: int | None, *, killed_after_ms: int | None, words: str) -> str:
    """Return a sentence about the end of a host's process.

    Args:
        title: what ran in it, such as ``task orders-0``.
        code: its exit code, minus the signal that ended it, None when nobody knows.
        killed_after_ms: the time it was given when the worker killed it, else None.
        words: the last it wrote to stderr.
    """
    if killed_after_ms is not None:
        told = f"{title} did not end within {killed_after_ms} ms and was killed"
    elif code is None:
        told = f"the process of {title} ended with its fork server"
    elif code < 0:
        told = f"the process of {title} was ended by signal {_signal_name(-code)}"
        if -code == signal.SIGKILL:
            told += ", by the system when memory runs out, or by a person"
    else:
        told = f"the process of {title} ended with exit code {code}"
    return f"{told}; its last words:\n{words}" if words else told


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
