"""Starts hosts as processes, through a fork server."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from penstock.errors import PenstockError
from penstock.runtime.brokers import is_embedded
from penstock.runtime.host.exits import HostExited
from penstock.runtime.host.forklink import ForkServerLink
from penstock.runtime.host.launch import Host, HostNews
from penstock.runtime.host.loop import Loop
from penstock.runtime.host.messages import Command
from penstock.runtime.host.process import HostProcess

__all__ = ["PRELOAD", "ProcessLauncher", "client_module", "forward_to_stderr"]

log = logging.getLogger(__name__)

PRELOAD: Final[Sequence[str]] = (
    "penstock.runtime.host.entry",
    "penstock.runtime.host.calls",
    "penstock.runtime.logs",
    "penstock.api",
    "penstock.runtime.plugins",
    "penstock.runtime.validation.calls",
    "penstock.runtime.connector_runner",
    "penstock.runtime.tasks.run",
    "penstock_converters:SimpleHeaderConverter",
    "penstock_converters:StringConverter",
    "penstock_converters:JsonConverter",
    "penstock_transforms",
    "penstock_file",
    "penstock.runtime.host.warm_up:warm_up()",
)
"""What the fork server does for all hosts, see :func:`.forkserver.preload`; only code of ours and
of its libraries. What is not there is left out."""


def client_module(worker: Mapping[str, str]) -> str:
    """Return the module of the client that hosts of a worker with these properties use."""
    return "penstock.runtime.embedded" if is_embedded(worker) else "penstock.runtime.kafka.broker"


RESTART_DELAY_S: Final = 1.0
"""How long after a fork server that ended at once another one is tried."""
LINGER_S: Final = 2.0
"""How long hosts may outlive their fork server before they are given up."""


def forward_to_stderr(lines: bytes) -> None:
    """Write a host's lines to this process's stderr, as they are."""
    with contextlib.suppress(OSError):
        os.write(2, lines)


class ProcessLauncher:
    """Owner: the loop's thread, except for the constructor."""

    def __init__(
        self,
        loop: Loop,
        *,
        preload: Sequence[str] = PRELOAD,
        forward: Callable[[bytes], None] = forward_to_stderr,
    ) -> None:
        """Start the fork server at once, so that its imports overlap with the worker's.

        Called by: the worker's constructor, before the loop runs.
        """
        self._loop = loop
        self._preload = preload
        self._forward = forward
        self._hosts: dict[int, HostProcess] = {}
        self._number = 0
        self._closing = False
        self._link: ForkServerLink | None = None
        self._waiting: list[tuple[int, HostProcess]] = []
        self._connect()

    @property
    def fork_server_pid(self) -> int | None:
        """The fork server's process, or None while there is none."""
        return None if self._link is None else self._link.pid

    def _connect(self) -> None:
        self._link = ForkServerLink(self._loop, self._preload, self)
        for number, host in self._waiting:
            self._link.fork(number, host.title, host)
        self._waiting.clear()

    def launch(self, title: str, command: Command, news: HostNews) -> Host:
        """See :class:`penstock.runtime.host.launch.Launcher`."""
        self._number += 1
        number = self._number

        def forget(exited: HostExited) -> None:
            self._hosts.pop(number, None)
            news.on_exit(exited)

        try:
            host = HostProcess(
                self._loop,
                title,
                HostNews(news.on_event, forget),
                kill=lambda: self._kill(number),
                forward=self._forward,
            )
        except OSError as problem:
            exited = HostExited(f"{title} could not be started: {problem}", killed=False)
            self._loop.post(lambda: news.on_exit(exited))
            return _NoHost()
        self._hosts[number] = host
        try:
            host.send(command)
        except PenstockError as problem:
            reason = str(problem)
            self._loop.post(lambda: host.not_started(reason))
            return host
        if self._link is None:
            self._waiting.append((number, host))
        else:
            self._link.fork(number, title, host)
        return host

    def _kill(self, number: int) -> None:
        if self._link is not None:
            self._link.kill(number)
            return
        host = self._hosts.get(number)
        if host is not None:
            self._waiting = [one for one in self._waiting if one[0] != number]
            host.ended(None)

    def on_started(self, number: int, pid: int) -> None:
        """Take news of the fork server: a host runs."""
        if number in self._hosts:
            log.debug("%s runs in process %d", self._hosts[number].title, pid)

    def on_refused(self, number: int, reason: str) -> None:
        """Take news of the fork server: the system gave no process."""
        if number in self._hosts:
            self._hosts[number].not_started(reason)

    def on_exited(self, number: int, code: int) -> None:
        """Take news of the fork server: a host ended."""
        if number in self._hosts:
            self._hosts[number].ended(code)

    def on_lost(self, *, after_s: float) -> None:
        """Take the end of the fork server, ``after_s`` seconds after its start.

        Its hosts end with it, by the kernel's signal or because their channels close.
        """
        self._link = None
        if self._closing:
            return
        lost = list(self._hosts.values())
        log.error("the fork server ended, and with it %d hosts; another one is started", len(lost))
        for host in lost:
            host.cut_off()
        if lost:
            self._loop.call_later(LINGER_S, lambda: _give_up(lost))
        self._loop.call_later(
            0.0 if after_s > RESTART_DELAY_S else RESTART_DELAY_S, self._reconnect
        )

    def _reconnect(self) -> None:
        if self._closing:
            return
        try:
            self._connect()
        except OSError as problem:
            log.error("no fork server can be started, tried again: %s", problem)  # noqa: TRY400
            for _, host in self._waiting:
                host.not_started(str(problem))
            self._waiting.clear()
            self._loop.call_later(RESTART_DELAY_S, self._reconnect)

    def close(self, timeout_s: float) -> None:
        """See :class:`penstock.runtime.host.launch.Launcher`."""
        self._closing = True
        if self._link is not None:
            self._link.close(timeout_s)


def _give_up(hosts: list[HostProcess]) -> None:
    for host in hosts:
        host.ended(None)


class _NoHost:
    """Stands for a host that could not be made."""

    def send(self, command: Command) -> None:
        """Do nothing: its exit is on its way."""

    def kill(self, after_ms: int) -> None:
        """Do nothing: its exit is on its way."""
