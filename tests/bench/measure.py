"""What is measured of a process tree, from outside."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

__all__ = ["Rate", "cpu_s", "median", "private_mb", "pss_mb", "wait_until"]


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and its descendants, ended and reaped ones included."""
    total = 0.0
    for process in _tree(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _rollup(pid: int, fields: Sequence[str]) -> float:
    kilobytes = 0
    for process in _tree(pid):
        try:
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except OSError:
            continue
        for line in text.splitlines():
            name, _, rest = line.partition(":")
            if name in fields:
                kilobytes += int(rest.split()[0])
    return kilobytes / 1024


def pss_mb(pid: int) -> float:
    """Return the memory of a process tree in MB, shared pages counted once."""
    return _rollup(pid, ("Pss",))


def private_mb(pid: int) -> float:
    """Return the memory in MB that would be freed if this one process ended."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return sum(int(rows[name].split()[0]) for name in ("Private_Clean", "Private_Dirty")) / 1024


def median(values: Sequence[float]) -> float:
    """Return the middle one."""
    return statistics.median(values) if values else float("nan")


def wait_until(
    condition: Callable[[], bool], timeout_s: float, what: str, step_s: float = 0.02
) -> float:
    """Wait for a condition that only polling can see; return the time it became true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(step_s)
    return time.monotonic()


class Rate:
    """Records a second between the first tenth and the end, so that start-up does not count."""

    def __init__(self, count: Callable[[], int], total: int) -> None:
        self._count = count
        self._total = total

    def measure(self, timeout_s: float, what: str) -> tuple[float, float]:
        """Return (records/s from a tenth on, seconds from now to the end)."""
        began = time.monotonic()
        tenth = self._total // 10
        wait_until(lambda: self._count() >= tenth, timeout_s, what, step_s=0.005)
        first, at_first = self._count(), time.monotonic()
        at_last = wait_until(lambda: self._count() >= self._total, timeout_s, what, step_s=0.005)
        return (self._total - first) / (at_last - at_first), at_last - began
