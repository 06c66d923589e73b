"""Owns all hosts of a worker: starts, stops and kills them, and tells what becomes of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import attrs

from penstock.runtime.host.exits import HostExited
from penstock.runtime.host.guests import title_of
from penstock.runtime.host.launch import Host, HostNews, Launcher
from penstock.runtime.host.loop import Loop, Timer
from penstock.runtime.host.messages import (
    Command,
    Event,
    Failed,
    Lease,
    LoadOffsets,
    StartConnector,
    StartTask,
    Stop,
    Stopped,
    StoreOffsets,
)
from penstock.runtime.host.storage import OffsetDesk
from penstock.runtime.model import TaskId

__all__ = ["EXIT_MS", "HostKey", "OnEvent", "Supervisor", "key_of"]

HostKey = str | TaskId
"""A connector's name stands for its instance."""
OnEvent = Callable[[HostKey, int, Event | HostExited], None]

EXIT_MS: Final = 5000
"""How long a host may take to end after it said that it failed or stopped."""


def key_of(command: StartConnector | StartTask) -> HostKey:
    """Return the key of the host that a command starts."""
    if isinstance(command, StartTask):
        return TaskId(command.connector, command.task)
    return command.connector


@attrs.define(eq=False)
class _Seat:
    """A host and what was asked of it."""

    key: HostKey
    incarnation: int
    host: Host
    kill_at: Timer | None = None
    kill_due_s: float = math.inf
    barred: bool = False


class Supervisor:
    """Owner: the loop's thread. At most one host a key lives at a time."""

    def __init__(
        self,
        loop: Loop,
        launcher: Launcher,
        offsets: OffsetDesk,
        on_event: OnEvent,
        on_idle: Callable[[], None],
    ) -> None:
        """``on_idle()`` is called whenever the last host is gone."""
        self._loop = loop
        self._launcher = launcher
        self._offsets = offsets
        self._on_event = on_event
        self._on_idle = on_idle
        self._seats: dict[HostKey, _Seat] = {}
        self._lease: Lease | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no host is left."""
        return not self._seats

    def start(self, incarnation: int, command: StartConnector | StartTask) -> None:
        """Start a host; a key whose former host lives still gets a HostExited at once."""
        key = key_of(command)
        if key in self._seats:
            reason = f"{title_of(command)} was not started: its former host has not ended yet"
            self._on_event(key, incarnation, HostExited(reason, killed=False))
            return
        news = HostNews(
            on_event=lambda event: self._take(key, incarnation, event),
            on_exit=lambda exited: self._exited(key, incarnation, exited),
        )
        host = self._launcher.launch(title_of(command), command, news)
        self._seats[key] = _Seat(key, incarnation, host)
        if self._lease is not None:
            self._seats[key].host.send(self._lease)

    def send(self, key: HostKey, command: Command) -> None:
        """Pass a command on; does nothing when no such host lives."""
        seat = self._seats.get(key)
        if seat is not None:
            seat.host.send(command)

    def send_all(self, command: Command) -> None:
        """Pass a command on to every host."""
        for seat in self._seats.values():
            seat.host.send(command)

    def grant(self, lease: Lease) -> None:
        """Lengthen the lease of all hosts but those that lost theirs for good."""
        self._lease = lease
        for seat in self._seats.values():
            if not seat.barred:
                seat.host.send(lease)

    def end_leases(self) -> None:
        """Let no host that lives now send any more: its task may run elsewhere."""
        self.grant(Lease(0.0))
        for seat in self._seats.values():
            seat.barred = True

    def stop(self, key: HostKey, timeout_ms: int) -> None:
        """Ask a host to end and kill it after ``timeout_ms``; a nearer deadline stays."""
        seat = self._seats.get(key)
        if seat is not None:
            seat.host.send(Stop(timeout_ms))
            self._kill_later(seat, timeout_ms)

    def stop_all(self, timeout_ms: int) -> None:
        """Ask every host to end and kill those that have not after ``timeout_ms``."""
        for key in list(self._seats):
            self.stop(key, timeout_ms)

    def _kill_later(self, seat: _Seat, timeout_ms: int) -> None:
        due_s = self._loop.clock.monotonic_s() + timeout_ms / 1000
        if seat.kill_due_s <= due_s:
            return
        if seat.kill_at is not None:
            seat.kill_at.cancel()
        seat.kill_due_s = due_s
        seat.kill_at = self._loop.call_later(timeout_ms / 1000, lambda: seat.host.kill(timeout_ms))

    def _take(self, key: HostKey, incarnation: int, event: Event) -> None:
        seat = self._seats.get(key)
        if seat is None or seat.incarnation != incarnation:
            return
        if isinstance(event, LoadOffsets | StoreOffsets):
            self._answer(seat, event)
            return
        if isinstance(event, Stopped) or (isinstance(event, Failed) and isinstance(key, TaskId)):
            # Nothing is left to do but to end; a host that cannot even do that is helped.
            self._kill_later(seat, EXIT_MS)
        self._on_event(key, incarnation, event)

    def _answer(self, seat: _Seat, request: LoadOffsets | StoreOffsets) -> None:
        connector = seat.key.connector if isinstance(seat.key, TaskId) else seat.key
        host = seat.host

        def reply(answer: Command) -> None:
            self._loop.post(lambda: host.send(answer))

        self._offsets.answer(connector, request, reply)

    def _exited(self, key: HostKey, incarnation: int, exited: HostExited) -> None:
        seat = self._seats.pop(key)
        if seat.kill_at is not None:
            seat.kill_at.cancel()
        self._on_event(key, incarnation, exited)
        if not self._seats:
            self._on_idle()
