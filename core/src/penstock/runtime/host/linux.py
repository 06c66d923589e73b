"""What only the kernel can do for a host: die with its parent, show a name, be killed first.

Everything here is best effort: on a system without it, the end of the control channel ends a
host too. Called by: the fork server and the hosts it forks, on their main threads.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = [
    "TITLE_ROOM",
    "ProcessTitle",
    "adopt_orphans",
    "be_killed_first",
    "die_with_parent",
    "name_thread",
    "running_threads",
]

TITLE_ROOM: Final = "-" * 64
"""Handed to the fork server as its last argument: the place where titles are written."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
_PR_SET_CHILD_SUBREAPER: Final = 36
_ARGUMENTS_START: Final = 45
"""Where ``arg_start`` stands in /proc/self/stat, counted after the command's name."""
_NAME_BYTES: Final = 15
_OOM_SCORE: Final = "500"


def _prctl() -> Callable[..., int] | None:
    try:
        prctl: Callable[..., int] = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return None
    return prctl


_PRCTL: Final = _prctl()


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this process a signal when the thread that made it ends.

    The caller then looks whether the parent is still the one it expects.
    """
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so as to reap them."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def be_killed_first() -> None:
    """When memory runs out, let the kernel choose this process rather than the worker."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, "ascii")


def name_thread(title: str) -> None:
    """Show the end of a title as the name of the thread that calls."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_NAME, title.encode(errors="replace")[-_NAME_BYTES:], 0, 0, 0)


class ProcessTitle:
    """Changes what ``ps`` shows. Made once in the fork server; its children inherit it."""

    def __init__(self) -> None:
        """Find the memory that holds this process's arguments."""
        self._start = 0
        self._size = 0
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = Path("/proc/self/stat").read_text("ascii", "replace")
            fields = stat.rpartition(")")[2].split()
            start, end = (int(field) for field in fields[_ARGUMENTS_START:][:2])
            cmdline = Path("/proc/self/cmdline").read_bytes()
            # Only where it is certainly ours: the room was asked for and the sizes agree.
            if start > 0 and end - start == len(cmdline) and TITLE_ROOM.encode() in cmdline:
                self._start, self._size = start, end - start

    def set(self, title: str) -> None:
        """Show ``penstock: title``, cut to what fits, and its end as the caller's short name."""
        name_thread(title)
        if self._size:
            shown = (b"penstock: " + title.encode(errors="replace"))[: self._size - 2].ljust(
                self._size - 1, b"\0"
            )
            # A last byte that is not zero tells the kernel to show the text up to its first zero.
            ctypes.memmove(self._start, shown + b".", self._size)


def running_threads() -> int:
    """Return how many threads this process has, also those that Python does not know."""
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return 1
