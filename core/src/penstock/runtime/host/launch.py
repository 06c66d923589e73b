"""What the supervisor needs of whatever starts hosts: processes or threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs

from penstock.runtime.host.exits import HostExited
from penstock.runtime.host.messages import Command, Event

__all__ = ["Host", "HostNews", "Launcher"]


@attrs.frozen
class HostNews:
    """Who hears of a host; both are called on the loop's thread, ``on_exit`` once and last."""

    on_event: Callable[[Event], None]
    on_exit: Callable[[HostExited], None]


class Host(Protocol):
    """One running host, as its supervisor sees it. Owner: the loop's thread; nothing blocks."""

    def send(self, command: Command) -> None:
        """Pass a command on; does nothing once the host is gone."""

    def kill(self, after_ms: int) -> None:
        """End it by force, since it did not end in ``after_ms``."""


class Launcher(Protocol):
    """Starts hosts. Owner: the loop's thread; nothing blocks, except in ``close``."""

    def launch(self, title: str, command: Command, news: HostNews) -> Host:
        """Start a host with its first command; what goes wrong is told through ``news``."""

    def close(self, timeout_s: float) -> None:
        """Release everything, once no host is left. Called by: any thread, after the loop."""
