"""What a host knows of the worker's wishes, whichever way they come in."""

from __future__ import annotations

import abc
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from penstock.errors import RetriableError
from penstock.runtime.host.messages import (
    Command,
    Event,
    Lease,
    LoadOffsets,
    OffsetsLoaded,
    OffsetsStored,
    Pause,
    Resume,
    SetLevel,
    Stop,
    StoreOffsets,
)
from penstock.runtime.levels import apply_level

__all__ = ["COMMANDS_MAX", "Inbox"]

log = logging.getLogger(__name__)

COMMANDS_MAX: Final = 100
"""Commands that may wait for the runner; one that never takes any is told nothing more."""


class Inbox(abc.ABC):
    """A HostControl without its way out.

    ``deliver`` is called by one thread, the reader of the channel; everything else by any thread
    of the host. The lock of ``_changed`` guards all attributes.
    """

    def __init__(self, *, paused: bool = False) -> None:
        """Begin with these flags."""
        self._changed = threading.Condition()
        self._changes = 0
        self._noticed = 0
        self._stopping = False
        self._stop_at_s = math.inf
        self._pausing = paused
        self._lease_until_s = math.inf
        self._callbacks: list[Callable[[], None]] = []
        self._commands: deque[Command] = deque()
        self._answers: dict[tuple[type[Command], int], Command | None] = {}

    @property
    def stopping(self) -> bool:
        """See :class:`penstock.runtime.host.control.HostControl`."""
        return self._stopping

    @property
    def stop_deadline_s(self) -> float:
        """See :class:`penstock.runtime.host.control.HostControl`."""
        return self._stop_at_s - time.monotonic()

    @property
    def pausing(self) -> bool:
        """See :class:`penstock.runtime.host.control.HostControl`."""
        with self._changed:
            self._noticed = self._changes
            return self._pausing

    @property
    def has_lease(self) -> bool:
        """See :class:`penstock.runtime.host.control.HostControl`."""
        return time.monotonic() < self._lease_until_s

    def wait(self, timeout_s: float) -> bool:
        """See :class:`penstock.runtime.host.control.HostControl`."""
        with self._changed:
            noticed = self._noticed
            self._changed.wait_for(lambda: self._stopping or self._changes != noticed, timeout_s)
            self._noticed = self._changes
            return self._stopping

    def on_change(self, callback: Callable[[], None]) -> None:
        """See :class:`penstock.runtime.host.control.HostControl`."""
        with self._changed:
            self._callbacks.append(callback)

    def next_command(self) -> Command | None:
        """See :class:`penstock.runtime.host.control.HostControl`."""
        with self._changed:
            return self._commands.popleft() if self._commands else None

    @abc.abstractmethod
    def send(self, event: Event) -> None:
        """See :class:`penstock.runtime.host.control.HostControl`."""

    def claim_process(self) -> bool:
        """See :class:`penstock.runtime.host.control.HostControl`."""
        return True

    def ask(self, request: LoadOffsets | StoreOffsets, timeout_s: float) -> Command:
        """See :class:`penstock.runtime.host.control.HostControl`."""
        answer = OffsetsLoaded if isinstance(request, LoadOffsets) else OffsetsStored
        place = (answer, request.request)
        with self._changed:
            self._answers[place] = None
        try:
            self.send(request)
            with self._changed:
                self._changed.wait_for(lambda: self._answers[place] is not None, timeout_s)
        finally:
            with self._changed:
                found = self._answers.pop(place)
        if found is None:
            what = "stored offsets" if isinstance(request, LoadOffsets) else "storing of offsets"
            raise RetriableError(f"the worker gave no answer about {what} in {timeout_s:g} s")
        return found

    def deliver(self, command: Command) -> None:
        """Take a command of the worker. Called by: the channel's reader thread."""
        if isinstance(command, SetLevel):
            apply_level(command.logger, command.level)
            return
        with self._changed:
            flags = self._stopping, self._pausing
            had_lease = self.has_lease
            if isinstance(command, Stop):
                self._stopping = True
                self._stop_at_s = time.monotonic() + command.timeout_ms / 1000
            elif isinstance(command, Pause | Resume):
                self._pausing = isinstance(command, Pause)
            elif isinstance(command, Lease):
                self._lease_until_s = command.until_s
            elif isinstance(command, OffsetsLoaded | OffsetsStored):
                self._take_answer(command)
            elif len(self._commands) < COMMANDS_MAX:
                self._commands.append(command)
                self._changes += 1
            else:
                log.error("%s is dropped: %d commands wait", type(command).__name__, COMMANDS_MAX)
            is_new = flags != (self._stopping, self._pausing)
            self._changes += is_new or self.has_lease != had_lease
            self._changed.notify_all()
            callbacks = list(self._callbacks) if is_new else []
        for callback in callbacks:
            try:
                callback()
            except Exception:
                log.exception("a callback for a changed flag failed")

    def _take_answer(self, command: OffsetsLoaded | OffsetsStored) -> None:
        place = (type(command), command.request)
        if place in self._answers:  # else nobody waits for it any more
            self._answers[place] = command
