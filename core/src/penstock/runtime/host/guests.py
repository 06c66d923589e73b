"""Guests of a host: connectors and tasks that share its process, each on a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from penstock.runtime.host.control import HostControl
from penstock.runtime.host.inbox import Inbox
from penstock.runtime.host.linux import name_thread
from penstock.runtime.host.messages import (
    Command,
    Event,
    GuestCommand,
    GuestEnded,
    GuestEvent,
    NeedsProcess,
    StartConnector,
    StartTask,
    pack,
    unpack,
)

__all__ = ["HOST_ITSELF", "GuestControl", "Guests", "title_of"]

log = logging.getLogger(__name__)

HOST_ITSELF: Final = 0
"""The number of what the host was started with."""


def title_of(command: Command) -> str:
    """Return what people call that which a command starts."""
    if isinstance(command, StartTask):
        return f"task {command.connector}-{command.task}"
    if isinstance(command, StartConnector):
        return f"connector {command.connector}"
    return type(command).__name__


class GuestControl(Inbox):
    """The control of one guest, over the channel of its host."""

    def __init__(self, guest: int, send: Callable[[Event], None], *, paused: bool) -> None:
        """``send`` takes events of the host, on any thread."""
        super().__init__(paused=paused)
        self._guest = guest
        self._send = send

    def send(self, event: Event) -> None:
        """See :class:`penstock.runtime.host.control.HostControl`."""
        self._send(GuestEvent(self._guest, pack(event)))

    def claim_process(self) -> bool:
        """See :class:`penstock.runtime.host.control.HostControl`."""
        self.send(NeedsProcess())
        return False


class Guests:
    """All guests of one host. The lock of ``_changed`` guards all attributes."""

    def __init__(
        self,
        run: Callable[[Command, HostControl], None],
        first: Command,
        set_title: Callable[[str], None],
    ) -> None:
        """Make it for a host that nobody shares yet.

        Args:
            run: runs a command to its end, whatever it raises.
            first: what the host was started with.
            set_title: shows who lives in this process.
        """
        self._run = run
        self._set_title = set_title
        self._changed = threading.Condition()
        self._controls: dict[int, GuestControl] = {}
        self._titles = {HOST_ITSELF: title_of(first)}
        self._is_closed = False

    def take(self, command: GuestCommand, send: Callable[[Event], None]) -> None:
        """Bring a guest in, or pass a command on to one. Called by: the channel's reader thread."""
        message = unpack(command.message)
        if isinstance(message, StartConnector | StartTask):
            self._admit(command.guest, message, send)
            return
        with self._changed:
            control = self._controls.get(command.guest)
        if control is not None and isinstance(message, Command):
            control.deliver(message)

    def wait_for_end(self, send: Callable[[Event], None]) -> None:
        """Wait until the last guest is gone; afterwards none is let in any more.

        Called by: the host's main thread, when what the host was started with is over.
        """
        with self._changed:
            self._titles.pop(HOST_ITSELF, None)
            self._is_closed = not self._controls
        if self._is_closed:
            return
        self._show()
        send(GuestEnded(HOST_ITSELF))
        with self._changed:
            self._changed.wait_for(lambda: not self._controls)
            self._is_closed = True

    def _admit(
        self, guest: int, command: StartConnector | StartTask, send: Callable[[Event], None]
    ) -> None:
        control = GuestControl(guest, send, paused=command.paused)
        with self._changed:
            if self._is_closed:
                return  # this process is about to end: the worker sees that, and starts it anew
            self._controls[guest] = control
            self._titles[guest] = title_of(command)
        self._show()
        threading.Thread(
            target=self._live,
            args=(guest, command, control, send),
            name=title_of(command),
            daemon=True,
        ).start()

    def _live(
        self, guest: int, command: Command, control: GuestControl, send: Callable[[Event], None]
    ) -> None:
        name_thread(title_of(command))
        try:
            self._run(command, control)
        finally:
            # Told first: once the last is forgotten, the process ends.
            send(GuestEnded(guest))
            with self._changed:
                del self._controls[guest]
                del self._titles[guest]
                self._changed.notify_all()
            self._show()

    def _show(self) -> None:
        with self._changed:
            shown = ", ".join(self._titles.values())
        if shown:
            self._set_title(shown)
