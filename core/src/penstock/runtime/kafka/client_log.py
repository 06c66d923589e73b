"""librdkafka's own log lines, as lines of ours, without the flood that an absent broker causes."""

from __future__ import annotations

import logging
import time
from typing import Final

from penstock.runtime.secure_stores.causes import explained

__all__ = ["client_logger"]

QUIET_S: Final = 30.0
"""A kind of line is told once in this time."""
KINDS_MAX: Final = 100
_NAME: Final = "penstock.librdkafka"


class _Throttle(logging.Filter):
    """Lets one line of each kind (its facility, such as FAIL) through in a while."""

    def __init__(self) -> None:
        super().__init__()
        self._told_s: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is told."""
        kind = record.getMessage().split(" ", 1)[0]
        now_s = time.monotonic()
        if now_s - self._told_s.get(kind, -QUIET_S) < QUIET_S:
            return False
        if len(self._told_s) >= KINDS_MAX:
            self._told_s.clear()
        self._told_s[kind] = now_s
        cause = explained(record.getMessage())
        if cause:
            record.msg, record.args = f"{record.getMessage()}; {cause}", ()
        return True


def client_logger() -> logging.Logger:
    """Return the logger to give to every client; its lines come out as the client is polled."""
    logger = logging.getLogger(_NAME)
    if not logger.filters:
        logger.addFilter(_Throttle())
    return logger
