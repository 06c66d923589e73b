"""Log levels that a user looks at and changes while the worker runs (source: Loggers, KIP-495)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Final

import attrs

from penstock.errors import BadRequestError
from penstock.runtime.clock import Clock, SystemClock

__all__ = ["LEVELS", "LevelBook", "LoggerLevel", "apply_level"]

ROOT: Final = "root"
LEVELS: Final[Mapping[str, int]] = {
    "ALL": logging.NOTSET + 1,
    "TRACE": logging.DEBUG - 5,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "OFF": logging.CRITICAL + 10,
}
"""The original's names and Python's numbers."""


@attrs.frozen
class LoggerLevel:
    """A logger's level by the original's name; ``last_modified`` in Unix ms, None for never."""

    level: str
    last_modified: int | None = None

    def to_json(self) -> dict[str, object]:
        """Return the shape that the REST API shows."""
        return {"level": self.level, "last_modified": self.last_modified}


def apply_level(namespace: str, level: str) -> None:
    """Set the level of a logger and of all below it that have one; in whatever process this is.

    Raises:
        KeyError: no level of that name.
    """
    number = LEVELS[level]
    for name in _below(namespace):
        _logger(name).setLevel(number)


def _logger(name: str) -> logging.Logger:
    return logging.getLogger(None if name == ROOT else name)


def _below(namespace: str) -> list[str]:
    """Return the logger and those below it that exist."""
    existing = list(logging.root.manager.loggerDict)
    if namespace in (ROOT, ""):
        return [ROOT]
    return [namespace, *(name for name in existing if name.startswith(f"{namespace}."))]


def _name_of(number: int) -> str:
    """Return the name of the nearest level that is not above."""
    return max((level for level in LEVELS.items() if level[1] <= number), key=lambda one: one[1])[0]


class LevelBook:
    """The levels of this process, and when each was changed. Any thread may ask."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()  # guards _modified_ms and _chosen
        self._modified_ms: dict[str, int] = {}
        self._chosen: dict[str, str] = {}

    def all(self) -> dict[str, LoggerLevel]:
        """Return every logger that there is, by name in order."""
        names = [ROOT, *(name for name in logging.root.manager.loggerDict if self._exists(name))]
        found = {name: self._level(name) for name in sorted(names)}
        return {name: one for name, one in found.items() if one.level != "OFF"}

    @staticmethod
    def _exists(name: str) -> bool:
        return isinstance(logging.root.manager.loggerDict.get(name), logging.Logger)

    def get(self, name: str) -> LoggerLevel | None:
        """Return a logger's level; None when there is no such logger."""
        if name not in (ROOT, "") and not self._exists(name):
            return None
        return self._level(name or ROOT)

    def _level(self, name: str) -> LoggerLevel:
        with self._lock:
            modified_ms = self._modified_ms.get(name)
        return LoggerLevel(_name_of(_logger(name).getEffectiveLevel()), modified_ms)

    def set(self, namespace: str, level: str) -> list[str]:
        """Set a level, of all below too; return the loggers whose level is another one now.

        Raises:
            BadRequestError: no level of that name.
        """
        name, wanted = namespace or ROOT, level.upper()
        if wanted not in LEVELS:
            raise BadRequestError(f"'{level}' is no log level; one of {', '.join(LEVELS)}")
        before = {one: _logger(one).getEffectiveLevel() for one in _below(name)}
        apply_level(name, wanted)
        changed = sorted(one for one, was in before.items() if was != LEVELS[wanted])
        with self._lock:
            self._chosen[name] = wanted
            self._modified_ms.update(dict.fromkeys(changed, self._clock.now_ms()))
        return changed

    def chosen(self) -> dict[str, str]:
        """Return what was set, for processes that start later."""
        with self._lock:
            return dict(self._chosen)
