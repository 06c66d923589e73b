"""Which process a group's member lives in, and whether that process is still there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import attrs

__all__ = ["Process", "is_running", "this_process"]

_STATE: Final = 0
_STARTED: Final = 19
"""Where the state and the start time stand in /proc/PID/stat, counted after the command's name."""
_ENDED: Final = frozenset("ZX")
"""States of a process that was killed and that its parent has not asked for yet."""


@attrs.frozen
class Process:
    """A process, told apart from a later one with the same number.

    Attributes:
        boot: of the machine, a new one each time it starts; empty when not known.
        namespace: within which ``pid`` is unique; empty when not known.
        pid: its number.
        started: when it started, in ticks since the machine did; 0 when not known.
    """

    boot: str
    namespace: str
    pid: int
    started: int


def this_process() -> Process:
    """Return the calling process. What the system does not tell is left empty."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        boot, namespace = "", ""
    pid = os.getpid()
    return Process(boot, namespace, pid, _started(pid) or 0)


def is_running(process: Process, here: Process) -> bool | None:
    """Return whether a process is there, as seen from ``here``; None when that cannot be seen."""
    if not process.boot or not here.boot:
        return None
    if process.boot != here.boot:
        return False
    if not process.started or process.namespace != here.namespace:
        return None
    started = _started(process.pid)
    if started is None and _is_hidden(process.pid):
        return None
    return started == process.started


def _started(pid: int) -> int | None:
    """Return when a process started, 0 when it has ended, None when that cannot be read."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return 0 if fields[_STATE] in _ENDED else int(fields[_STARTED])


def _is_hidden(pid: int) -> bool:
    """Whether there is such a process after all: of another user, and not shown to this one."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
