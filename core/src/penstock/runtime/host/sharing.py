"""Lets connectors and tasks share processes once a worker has many of them.

Until ``task.processes.max`` hosts live, each has a process of its own; the next ones move in where
the fewest live. Nobody else hears of it: a guest is a host like any other to its supervisor. When
a shared process dies, whoever killed it cannot be told from the others. So each is started again
in a process of its own, and the next time one dies it is known which.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import Final

import attrs

from penstock.errors import PenstockError
from penstock.runtime.host.exits import HostExited, told_exit
from penstock.runtime.host.guests import HOST_ITSELF
from penstock.runtime.host.launch import Host, HostNews, Launcher
from penstock.runtime.host.loop import Loop
from penstock.runtime.host.messages import (
    Command,
    Event,
    GuestCommand,
    GuestEnded,
    GuestEvent,
    Lease,
    NeedsProcess,
    Pause,
    Resume,
    SetLevel,
    StartConnector,
    StartTask,
    Stop,
    pack,
    unpack,
)
from penstock.runtime.isolation_keys import is_alone

__all__ = ["LEVELS_MAX", "SharingLauncher"]

log = logging.getLogger(__name__)

LEVELS_MAX: Final = 100
"""Loggers whose levels a host is told again when it is started anew."""


class _Guest:
    """One connector or task, wherever it lives. Owner: the loop's thread."""

    def __init__(
        self, launcher: SharingLauncher, title: str, command: StartConnector | StartTask
    ) -> None:
        self._launcher = launcher
        self.title = title
        self.command = command
        self.number = HOST_ITSELF
        self.house: _House | None = None
        self.news: HostNews
        self.stop: Stop | None = None
        self.is_moving = False
        self.killed_after_ms: int | None = None
        self._lease: Lease | None = None
        self._levels: dict[str, SetLevel] = {}

    def send(self, command: Command) -> None:
        """See :class:`penstock.runtime.host.launch.Host`."""
        self._note(command)
        if self.house is not None:
            self.house.tell(self, command)

    def _note(self, command: Command) -> None:
        """Keep what has to be told again should it be started again."""
        if isinstance(command, Pause | Resume):
            self.command = attrs.evolve(self.command, paused=isinstance(command, Pause))
        elif isinstance(command, Lease):
            self._lease = command
        elif isinstance(command, Stop):
            self.stop = command
        elif isinstance(command, SetLevel) and len(self._levels) < LEVELS_MAX:
            self._levels[command.logger] = command

    def tell_again(self) -> None:
        """Send what was sent to the former host."""
        for one in [self._lease, *self._levels.values()]:
            if one is not None:
                self.send(one)

    def kill(self, after_ms: int) -> None:
        """See :class:`penstock.runtime.host.launch.Host`."""
        if self.house is not None:
            self._launcher.kill(self, self.house, after_ms)

    def over(self, exited: HostExited) -> None:
        """Tell that it is gone."""
        self.house = None
        self.news.on_exit(exited)


@attrs.define(eq=False)
class _House:
    """One process and who lives in it. ``is_closed``: nobody else may move in."""

    guests: dict[int, _Guest]
    is_closed: bool = False
    process: Host | None = None
    haunted_by: list[str] = attrs.field(factory=list)

    def tell(self, guest: _Guest, command: Command) -> None:
        if self.process is None:
            return
        if guest.number == HOST_ITSELF:
            self.process.send(command)
        else:
            self.process.send(GuestCommand(guest.number, pack(command)))


class SharingLauncher:
    """A :class:`Launcher` over another one. Owner: the loop's thread."""

    def __init__(
        self, loop: Loop, processes: Launcher, processes_max: int, on_idle: Callable[[], None]
    ) -> None:
        """Make it.

        Args:
            loop: the loop whose thread owns this.
            processes: starts them.
            processes_max: how many there may be before hosts begin to share.
            on_idle: called whenever the last process is gone.
        """
        self._loop = loop
        self._processes = processes
        self._processes_max = processes_max
        self._on_idle = on_idle
        self._running = 0
        self._houses: list[_House] = []
        self._numbers = itertools.count(HOST_ITSELF + 1)

    @property
    def is_idle(self) -> bool:
        """Whether no process is left, also of those that nobody lives in any more."""
        return not self._running

    def launch(self, title: str, command: Command, news: HostNews) -> Host:
        """See :class:`penstock.runtime.host.launch.Launcher`."""
        if not isinstance(command, StartConnector | StartTask):
            return self._processes.launch(title, command, news)
        guest = _Guest(self, title, command)
        guest.news = news
        config = command.connector_config if isinstance(command, StartTask) else command.config
        alone = is_alone(config)
        house = self._place(alone=alone)
        if house is None:
            self._open(guest, alone=alone)
        else:
            self._move_in(guest, house)
        return guest

    def _place(self, *, alone: bool) -> _House | None:
        """Return who is to take one more, or None: it gets a process of its own."""
        if alone or len(self._houses) < self._processes_max:
            return None
        free = [house for house in self._houses if not house.is_closed]
        return min(free, key=lambda house: len(house.guests), default=None)

    def _open(self, guest: _Guest, *, alone: bool) -> None:
        guest.number = HOST_ITSELF
        guest.house = house = _House({HOST_ITSELF: guest}, is_closed=alone)
        self._houses.append(house)
        news = HostNews(
            lambda event: self._heard(house, event), lambda exited: self._ended(house, exited)
        )
        self._running += 1
        house.process = self._processes.launch(guest.title, guest.command, news)

    def _move_in(self, guest: _Guest, house: _House) -> None:
        guest.number = next(self._numbers)
        guest.house = house
        house.guests[guest.number] = guest
        try:
            house.tell(guest, guest.command)
        except PenstockError as problem:  # its configuration is larger than a message may be
            del house.guests[guest.number]
            exited = HostExited(f"{guest.title} could not be started: {problem}", killed=False)
            self._loop.post(lambda: guest.over(exited))

    def _heard(self, house: _House, event: Event) -> None:
        if isinstance(event, GuestEnded):
            self._left(house, event.guest)
            return
        number = HOST_ITSELF
        if isinstance(event, GuestEvent):
            number, message = event.guest, unpack(event.message)
            if not isinstance(message, Event):
                return
            event = message
        guest = house.guests.get(number)
        if guest is None or guest.is_moving:
            return
        if not isinstance(event, NeedsProcess):
            guest.news.on_event(event)
        elif number == HOST_ITSELF:
            house.is_closed = True
        else:
            guest.is_moving = True

    def _left(self, house: _House, number: int) -> None:
        guest = house.guests.pop(number, None)
        if not house.guests:
            self._close(house)
        if guest is None:
            return
        if guest.is_moving and guest.stop is None:
            guest.is_moving = False
            self._start_again(guest)
        else:
            guest.over(HostExited(f"{guest.title} ended", killed=False))

    def _close(self, house: _House) -> None:
        """Let a house end that nobody lives in; by force, where something is left behind."""
        if house in self._houses:
            self._houses.remove(house)
        if house.haunted_by and house.process is not None:
            house.process.kill(0)

    def _start_again(self, guest: _Guest) -> None:
        self._open(guest, alone=True)
        guest.tell_again()

    def kill(self, guest: _Guest, house: _House, after_ms: int) -> None:
        """End a guest by force: with its process, or, where others live, by leaving it behind.

        What is left behind has no lease: it may burn time, it sends and stores nothing.
        """
        if len(house.guests) == 1 and house.process is not None:
            guest.killed_after_ms = after_ms
            house.process.kill(after_ms)
            return
        guest.send(Lease(0.0))
        house.is_closed = True
        house.haunted_by.append(guest.title)
        del house.guests[guest.number]
        others = len(house.guests)
        reason = (
            f"{guest.title} did not end within {after_ms} ms; {others} others live in its "
            "process, so its thread is left behind, unable to send, until they are gone"
        )
        log.error("%s", reason)
        guest.over(HostExited(reason, killed=True))

    def _ended(self, house: _House, exited: HostExited) -> None:
        self._running -= 1
        if house in self._houses:
            self._houses.remove(house)
        guests = list(house.guests.values())
        house.guests.clear()
        shared = len(guests) > 1 or any(guest.number != HOST_ITSELF for guest in guests)
        for guest in guests:
            if shared and guest.stop is None:
                log.error(
                    "%s is started again in a process of its own: %s", guest.title, exited.reason
                )
                guest.is_moving = False
                self._start_again(guest)
            elif guest.killed_after_ms is not None and guest.number != HOST_ITSELF:
                told = told_exit(guest.title, None, killed_after_ms=guest.killed_after_ms, words="")
                guest.over(HostExited(told, killed=True))
            else:
                guest.over(exited)
        if self.is_idle:
            self._on_idle()

    def close(self, timeout_s: float) -> None:
        """See :class:`penstock.runtime.host.launch.Launcher`."""
        self._processes.close(timeout_s)
