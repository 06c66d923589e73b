"""The worker's side of the fork server: start it, ask it, hear from it."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Protocol

from penstock.runtime.host.linux import TITLE_ROOM
from penstock.runtime.host.loop import Loop

__all__ = ["ForkServerLink", "ForkServerNews", "HostEnds"]

log = logging.getLogger(__name__)

_PACKET_BYTES_MAX: Final = 64 * 1024
_READS_A_TURN: Final = 64


class ForkServerNews(Protocol):
    """Who hears from the fork server, on the loop's thread."""

    def on_started(self, number: int, pid: int) -> None:
        """Host ``number`` runs as process ``pid``."""

    def on_refused(self, number: int, reason: str) -> None:
        """Host ``number`` could not be forked."""

    def on_exited(self, number: int, code: int) -> None:
        """Host ``number`` ended; ``code`` is minus the signal if one ended it."""

    def on_lost(self, *, after_s: float) -> None:
        """The fork server is gone, ``after_s`` seconds after its start. Called last."""


class HostEnds(Protocol):
    """A host's ends of its socket and pipe, to be given away."""

    @property
    def host_fds(self) -> Sequence[int]:
        """The descriptors."""

    def handed_over(self) -> None:
        """The host has them now."""


# The modules that the worker finds, and no others: not those of the folder it was started in.
_MAIN: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from penstock.runtime.host.forkserver import main; main()"
)


def _start(fd: int, preload: Sequence[str]) -> subprocess.Popen[bytes]:
    path = json.dumps([part for part in sys.path if part])
    command = [sys.executable, "-P", "-c", _MAIN, path, str(fd), ",".join(preload), TITLE_ROOM]
    # A session of its own: a terminal's signals are for the worker, which tells its hosts.
    return subprocess.Popen(command, pass_fds=(fd,), start_new_session=True)  # noqa: S603


class ForkServerLink:
    """One fork server process. Owner: the loop's thread, except for the constructor."""

    def __init__(self, loop: Loop, preload: Sequence[str], news: ForkServerNews) -> None:
        """Start the process; it imports while this goes on.

        Raises:
            OSError: the system gives no process or no descriptors.
        """
        self._loop = loop
        self._news = news
        self._begun_s = loop.clock.monotonic_s()
        self._packets: deque[tuple[bytes, HostEnds | None]] = deque()
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = _start(theirs.fileno(), preload)
            except OSError:
                self._link.close()
                raise
        self._link.setblocking(False)
        loop.post(self._write)

    @property
    def pid(self) -> int:
        """The fork server's process id."""
        return self._process.pid

    def fork(self, number: int, title: str, host: HostEnds) -> None:
        """Ask for a host; answered by ``on_started`` or ``on_refused``."""
        self._packets.append((json.dumps(["fork", number, title]).encode(), host))
        self._write()

    def kill(self, number: int) -> None:
        """Ask for the end of a host by force; answered by ``on_exited``."""
        self._packets.append((json.dumps(["kill", number]).encode(), None))
        self._write()

    def _write(self) -> None:
        try:
            while self._packets:
                packet, host = self._packets[0]
                if host is None:
                    self._link.send(packet)
                else:
                    socket.send_fds(self._link, [packet], list(host.host_fds))
                    host.handed_over()
                self._packets.popleft()
        except BlockingIOError:
            pass
        except OSError as problem:  # it is ending: the next read says so
            log.debug("the fork server takes no request: %s", problem)
            self._packets.clear()
        self._loop.watch(self._link.fileno(), self._on_link, writing=bool(self._packets))

    def _on_link(self) -> None:
        for _ in range(_READS_A_TURN):
            try:
                data = self._link.recv(_PACKET_BYTES_MAX)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self._lost()
                return
            self._tell(json.loads(data))
        if self._packets:
            self._write()

    def _tell(self, notice: Sequence[Any]) -> None:
        what, number, value = notice
        if what == "started":
            self._news.on_started(number, value)
        elif what == "exited":
            self._news.on_exited(number, value)
        else:
            self._news.on_refused(number, value)

    def _lost(self) -> None:
        self._loop.unwatch(self._link.fileno())
        self._link.close()
        self._process.kill()
        self._process.wait()
        self._news.on_lost(after_s=self._loop.clock.monotonic_s() - self._begun_s)

    def close(self, timeout_s: float) -> None:
        """End the fork server and what it has forked. Called by: any thread, after the loop."""
        self._link.close()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            log.warning("fork server %d did not end and is killed", self._process.pid)
            os.kill(self._process.pid, 9)
            self._process.wait()
