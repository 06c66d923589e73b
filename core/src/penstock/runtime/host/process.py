"""One host process, as the worker holds it: a socket for messages, a pipe for what it says."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable
from typing import Final

from penstock.errors import PenstockError
from penstock.runtime.host.exits import HostExited, LastWords, told_exit
from penstock.runtime.host.frames import FRAME_BYTES_MAX, FrameReader, pack_frame
from penstock.runtime.host.launch import HostNews
from penstock.runtime.host.loop import Loop
from penstock.runtime.host.messages import Command, Event, decode, encode

__all__ = ["OUTGOING_BYTES_MAX", "HostProcess"]

log = logging.getLogger(__name__)

OUTGOING_BYTES_MAX: Final = 2 * FRAME_BYTES_MAX
"""What may wait for a host that does not read; one that is further behind is killed."""

_READ_BYTES: Final = 64 * 1024
_READS_A_TURN: Final = 4
"""Reads from one host before others get their turn."""
_READS_AT_END: Final = 4096
"""Reads of what a dead host left behind: more than its socket and pipe can hold."""


class HostProcess:
    """Owner: the loop's thread. Made before the process is; what is sent waits in the socket."""

    def __init__(
        self,
        loop: Loop,
        title: str,
        news: HostNews,
        *,
        kill: Callable[[], None],
        forward: Callable[[bytes], None],
    ) -> None:
        """Make the host's socket and pipe.

        Args:
            loop: the loop whose thread owns this.
            title: what runs in it, for people.
            news: who hears of it.
            kill: asks the fork server to kill it.
            forward: takes whole lines of the host's stderr.

        Raises:
            OSError: no descriptors are left.
        """
        self._loop = loop
        self.title = title
        self._news = news
        self._kill = kill
        self._forward = forward
        self._killed_after_ms: int | None = None
        self._frames = FrameReader()
        self._outgoing = bytearray()
        self._words = LastWords()
        self._is_over = False
        self._is_cut_off = False
        self._is_silent = False
        self._channel, self._host_channel = socket.socketpair()
        try:
            self._words_fd, self._host_words_fd = os.pipe()
        except OSError:
            self._channel.close()
            self._host_channel.close()
            raise
        self._channel.setblocking(False)
        os.set_blocking(self._words_fd, False)
        loop.watch(self._channel.fileno(), self._on_channel)
        loop.watch(self._words_fd, self._on_words)

    @property
    def host_fds(self) -> list[int]:
        """The host's ends: its control socket and its stderr. Valid until :meth:`handed_over`."""
        return [self._host_channel.fileno(), self._host_words_fd]

    def handed_over(self) -> None:
        """Close this process's copies of the host's ends; may be called again."""
        self._host_channel.close()
        if self._host_words_fd >= 0:
            os.close(self._host_words_fd)
            self._host_words_fd = -1

    def send(self, command: Command) -> None:
        """See :class:`penstock.runtime.host.launch.Host`."""
        if self._is_over:
            return
        self._outgoing += pack_frame(encode(command))
        if len(self._outgoing) > OUTGOING_BYTES_MAX:
            log.error("%s does not read what it is told; it is killed", self.title)
            self._outgoing.clear()
            self._kill()
        self._write()

    def kill(self, after_ms: int) -> None:
        """See :class:`penstock.runtime.host.launch.Host`."""
        self._killed_after_ms = after_ms
        self._kill()

    def cut_off(self) -> None:
        """Have the host end by itself, and be told of when its channel closes.

        Called when its fork server is gone, which would have told of its end.
        """
        if self._is_over:
            return
        self._is_cut_off = True
        self.handed_over()
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)
        if self._is_silent:
            self._loop.post(self._ended_unseen)

    def _ended_unseen(self) -> None:
        self.ended(None)

    def ended(self, code: int | None) -> None:
        """Tell what the host left behind and that it is over; ``code`` None: nobody knows it."""
        if self._is_over:
            return
        if not self._is_silent:
            self._read_events(_READS_AT_END)
        self._read_words(_READS_AT_END)
        self._over(
            told_exit(
                self.title, code, killed_after_ms=self._killed_after_ms, words=self._words.text()
            )
        )

    def not_started(self, reason: str) -> None:
        """Tell that no process could be made."""
        if not self._is_over:
            self._over(f"{self.title} could not be started: {reason}")

    def _over(self, reason: str) -> None:
        self._is_over = True
        self._loop.unwatch(self._channel.fileno())
        self._loop.unwatch(self._words_fd)
        self.handed_over()
        self._channel.close()
        os.close(self._words_fd)
        if rest := self._words.feed_rest():
            self._forward(rest)
        self._news.on_exit(HostExited(reason, killed=self._killed_after_ms is not None))

    def _on_channel(self) -> None:
        self._write()
        self._read_events(_READS_A_TURN)

    def _write(self) -> None:
        try:
            while self._outgoing:
                sent = self._channel.send(self._outgoing)
                del self._outgoing[:sent]
        except BlockingIOError:
            pass
        except OSError:  # it is ending: its exit is told soon
            self._outgoing.clear()
        if not self._is_over and not self._is_silent:
            self._loop.watch(self._channel.fileno(), self._on_channel, writing=bool(self._outgoing))

    def _read_events(self, reads: int) -> None:
        for _ in range(reads):
            try:
                data = self._channel.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._fell_silent()
                return
            try:
                events = [decode(payload) for payload in self._frames.feed(data)]
            except PenstockError as problem:
                log.error("%s is killed: %s", self.title, problem)  # noqa: TRY400 - ours
                self._fell_silent()
                self._kill()
                return
            for event in events:
                if isinstance(event, Event):
                    self._news.on_event(event)

    def _fell_silent(self) -> None:
        self._is_silent = True
        self._loop.unwatch(self._channel.fileno())
        if self._is_cut_off:
            self._loop.post(self._ended_unseen)

    def _on_words(self) -> None:
        self._read_words(_READS_A_TURN)

    def _read_words(self, reads: int) -> None:
        for _ in range(reads):
            try:
                data = os.read(self._words_fd, _READ_BYTES)
            except BlockingIOError:
                return
            if not data:
                self._loop.unwatch(self._words_fd)
                return
            if lines := self._words.feed(data):
                self._forward(lines)
