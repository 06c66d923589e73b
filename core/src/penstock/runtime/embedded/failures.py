"""What SQLite says, as errors that tell which file it is and what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from penstock.errors import BrokerError, RetriableError

__all__ = ["LockedError", "failure"]

_PRIMARY: Final = 0xFF
"""The low byte of SQLite's extended result codes."""
_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_REMEDIES: Final = {
    sqlite3.SQLITE_FULL: (
        "the disk is full; free some space, or bound the log with ?retention.bytes=N, "
        "then restart what failed"
    ),
    sqlite3.SQLITE_READONLY: (
        "the file or its folder is read-only; let this user write both, or name another file"
    ),
    sqlite3.SQLITE_PERM: "access is denied; let this user read and write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened; let this user read and write the file and its folder"
    ),
    sqlite3.SQLITE_NOTADB: "it is not an embedded log; name another file",
    sqlite3.SQLITE_CORRUPT: (
        "it is damaged; keep a copy, put a backup in its place, or name another file"
    ),
    sqlite3.SQLITE_IOERR: "its disk reports an error; check the disk and its free space",
    sqlite3.SQLITE_NOMEM: "there is not enough memory",
}


class LockedError(RetriableError):
    """Other processes kept the file locked for longer than this one could wait."""


def failure(path: Path, doing: str, problem: sqlite3.Error) -> BrokerError | LockedError:
    """Return the error to raise for one of SQLite's, met while ``doing`` something."""
    code = getattr(problem, "sqlite_errorcode", 0) & _PRIMARY
    who = f"embedded log '{path}': {doing}"
    if code in _LOCKED:
        return LockedError(f"{who}: other processes keep it locked; trying again may help")
    remedy = _REMEDIES.get(code)
    return BrokerError(f"{who}: {problem}" if remedy is None else f"{who}: {remedy} ({problem})")
