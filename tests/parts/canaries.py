"""Secrets that can be recognised, and where they may have got: texts, processes, their memory."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import psutil

CHUNK_BYTES: Final = 4 * 1024 * 1024


def in_process(pid: int, canaries: Iterable[bytes]) -> set[bytes]:
    """Return the canaries in a process's command line and environment."""
    seen = b""
    for name in ("cmdline", "environ"):
        with contextlib.suppress(OSError):
            seen += Path(f"/proc/{pid}/{name}").read_bytes()
    return {canary for canary in canaries if canary in seen}


def in_memory(pid: int, canaries: Iterable[bytes]) -> set[bytes]:
    """Return the canaries in a process's own memory; raises OSError where that may not be read."""
    wanted, found = list(canaries), set[bytes]()
    for chunk in _chunks(pid):
        found |= {canary for canary in wanted if canary in chunk}
    return found


def _chunks(pid: int) -> Iterator[bytes]:
    areas = re.findall(r"^(\w+)-(\w+) rw", Path(f"/proc/{pid}/maps").read_text(), re.MULTILINE)
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for first, end in areas:
            at, stop, last = int(first, 16), int(end, 16), b""
            while at < stop:
                # What is not there any more, or not mapped, is left out.
                try:
                    memory.seek(at)
                    chunk = memory.read(min(CHUNK_BYTES, stop - at))
                except OSError:
                    break
                if not chunk:
                    break
                yield last + chunk
                last, at = chunk[-128:], at + len(chunk)


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all below it."""
    top = psutil.Process(pid)
    return [top, *top.children(recursive=True)]
