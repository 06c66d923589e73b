"""The topics that a task uses, told to the worker (source: KIP-558)."""

from __future__ import annotations

import time
from typing import Final

from penstock.runtime.host.control import HostControl
from penstock.runtime.host.messages import TopicsUsed

__all__ = ["UsedTopics"]

TELL_AGAIN_S: Final = 10.0
"""After so long a topic that is used still is told again: its use may have been reset."""


class UsedTopics:
    """Owner: the task's thread."""

    def __init__(self, control: HostControl) -> None:
        """Tell through ``control``."""
        self._control = control
        self._told: set[str] = set()
        self._until_s = 0.0

    def note(self, topic: str) -> None:
        """Note that a batch goes to a topic or came from it; called for every batch."""
        if time.monotonic() >= self._until_s:
            self._told.clear()
            self._until_s = time.monotonic() + TELL_AGAIN_S
        if topic not in self._told:
            self._told.add(topic)
            self._control.send(TopicsUsed([topic]))
