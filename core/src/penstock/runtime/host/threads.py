"""Starts hosts as threads of the worker (``task.isolation=thread``): for tests, small devices."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Final

from penstock.errors import PenstockError
from penstock.runtime.host.entry import run
from penstock.runtime.host.exits import HostExited
from penstock.runtime.host.inbox import Inbox
from penstock.runtime.host.launch import Host, HostNews
from penstock.runtime.host.loop import Loop
from penstock.runtime.host.messages import Command, Event

__all__ = ["ThreadControl", "ThreadLauncher"]

log = logging.getLogger(__name__)

JOIN_S: Final = 2.0
"""How long the end of a thread is awaited that has run to its end."""


class ThreadControl(Inbox):
    """A HostControl whose worker is in the same process."""

    def __init__(self, send: Callable[[Event], None], *, paused: bool) -> None:
        """``send`` takes events, on any thread."""
        super().__init__(paused=paused)
        self._send = send

    def send(self, event: Event) -> None:
        """See :class:`penstock.runtime.host.control.HostControl`."""
        with contextlib.suppress(PenstockError):  # the loop stands still or has ended
            self._send(event)


class _ThreadHost:
    """One host. Owner: the loop's thread, except for ``_run``, which is the host's thread."""

    def __init__(self, launcher: ThreadLauncher, loop: Loop, title: str, news: HostNews) -> None:
        self._launcher = launcher
        self._loop = loop
        self._title = title
        self._news = news
        self._is_over = False
        self.control: ThreadControl
        self.thread: threading.Thread

    def begin(self, command: Command) -> None:
        """Start the thread."""
        self.control = ThreadControl(
            lambda event: self._loop.post(lambda: self._tell(event)),
            paused=getattr(command, "paused", False),
        )
        self.thread = threading.Thread(
            target=self._run, args=(command,), name=self._title, daemon=True
        )
        self.thread.start()

    def send(self, command: Command) -> None:
        """See :class:`penstock.runtime.host.launch.Host`."""
        self.control.deliver(command)

    def kill(self, after_ms: int) -> None:
        """Leave the thread behind: nothing can end it."""
        if not self._is_over:
            reason = f"{self._title} did not end within {after_ms} ms; its thread is left behind"
            log.error("%s", reason)
            self._launcher.abandoned.append(self.thread)
            self._over(HostExited(reason, killed=True))

    def _run(self, command: Command) -> None:
        try:
            run(command, self.control)
        finally:
            with contextlib.suppress(PenstockError):
                self._loop.post(self._ended)

    def _tell(self, event: Event) -> None:
        if not self._is_over:
            self._news.on_event(event)

    def _ended(self) -> None:
        if not self._is_over:
            self.thread.join(JOIN_S)
            self._over(HostExited(f"the thread of {self._title} ended", killed=False))

    def _over(self, exited: HostExited) -> None:
        self._is_over = True
        self._news.on_exit(exited)


class ThreadLauncher:
    """Owner: the loop's thread. ``abandoned`` are threads that did not end; anyone may read it."""

    def __init__(self, loop: Loop) -> None:
        """Bind it to the loop that owns its hosts."""
        self._loop = loop
        self.abandoned: list[threading.Thread] = []

    def launch(self, title: str, command: Command, news: HostNews) -> Host:
        """See :class:`penstock.runtime.host.launch.Launcher`."""
        host = _ThreadHost(self, self._loop, title, news)
        host.begin(command)
        return host

    def close(self, timeout_s: float) -> None:
        """See :class:`penstock.runtime.host.launch.Launcher`; tells of threads left behind."""
        left = [thread.name for thread in self.abandoned if thread.is_alive()]
        if left:
            log.error("%d threads are left behind: %s", len(left), ", ".join(left))
