"""The host's end of a control channel that is a socket to the worker."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import threading
from typing import Final

from penstock.errors import PenstockError
from penstock.runtime.host.frames import FrameReader, pack_frame
from penstock.runtime.host.guests import Guests
from penstock.runtime.host.inbox import Inbox
from penstock.runtime.host.messages import (
    Command,
    Event,
    GuestCommand,
    GuestEvent,
    NeedsProcess,
    Progress,
    decode,
    encode,
)

__all__ = ["ChannelControl", "receive_command"]

_READ_BYTES: Final = 64 * 1024
_EXIT_WORKER_GONE: Final = 1


def _commands(data: bytes, frames: FrameReader) -> list[Command]:
    received: list[Command] = []
    for payload in frames.feed(data):
        message = decode(payload)
        if not isinstance(message, Command):
            raise PenstockError(f"{type(message).__name__} is not a command")
        received.append(message)
    return received


def receive_command(channel: socket.socket, frames: FrameReader) -> list[Command]:
    """Wait for the first commands; an empty list: the worker is gone.

    ``frames`` keeps what came behind them. Called by: the host's main thread, as it starts.
    """
    while data := channel.recv(_READ_BYTES):
        if received := _commands(data, frames):
            return received
    return []


class ChannelControl(Inbox):
    """Talks to the worker through a socket.

    A reader thread takes what comes; any thread sends. When the worker's end closes, the process
    ends at once, whatever it was doing: nobody would hear of its work.
    """

    def __init__(
        self, channel: socket.socket, frames: FrameReader, guests: Guests, *, paused: bool
    ) -> None:
        """Take a connected, blocking socket; nothing is read before :meth:`start`."""
        super().__init__(paused=paused)
        self._guests = guests
        self._channel = channel
        self._frames = frames
        self._sending = threading.Lock()  # keeps the frames of two threads apart
        self._writable = select.poll()
        self._writable.register(channel, select.POLLOUT)

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, name="control-reader", daemon=True).start()

    def send(self, event: Event) -> None:
        """See :class:`penstock.runtime.host.control.HostControl`.

        Figures are left out when the worker is behind; everything else waits for room.

        Raises:
            PenstockError: the event is larger than a frame may be.
        """
        frame = pack_frame(encode(event))
        with self._sending, contextlib.suppress(OSError):  # an OSError: the worker is gone
            if _is_figures(event) and not self._writable.poll(0):
                return
            self._channel.sendall(frame)

    def claim_process(self) -> bool:
        """See :class:`penstock.runtime.host.control.HostControl`; keeps guests away."""
        self.send(NeedsProcess())
        return True

    def deliver(self, command: Command) -> None:
        """See :class:`Inbox`."""
        if isinstance(command, GuestCommand):
            self._guests.take(command, self.send)
        else:
            super().deliver(command)

    def wait_for_guests(self) -> None:
        """Wait until nobody lives in this process any more. Called by: the host's main thread."""
        self._guests.wait_for_end(self.send)

    def _read(self) -> None:
        try:
            while data := self._channel.recv(_READ_BYTES):
                for command in _commands(data, self._frames):
                    self.deliver(command)
        except (OSError, PenstockError) as problem:
            with contextlib.suppress(OSError):
                sys.stderr.write(f"penstock: the worker cannot be understood: {problem}\n")
                sys.stderr.flush()
        finally:
            os._exit(_EXIT_WORKER_GONE)


def _is_figures(event: Event) -> bool:
    if isinstance(event, GuestEvent):
        return bool(event.message[0] == Progress.__name__)
    return isinstance(event, Progress)
