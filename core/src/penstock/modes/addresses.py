"""Where a worker is reached: what it bound, and what it tells others."""

from __future__ import annotations

import socket
from typing import Final

__all__ = ["advertised", "shown_url"]

_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


def advertised(bound: socket.socket, host: str | None, port: int | None) -> str:
    """Return ``host:port`` as other workers and users know this one."""
    return f"{host or _own_address(bound)}:{port or bound.getsockname()[1]}"


def shown_url(bound: socket.socket) -> str:
    """Return a URL that works on this machine."""
    host = str(bound.getsockname()[0])
    return f"http://{'localhost' if host in _EVERYWHERE else host}:{bound.getsockname()[1]}"


def _own_address(bound: socket.socket) -> str:
    host = str(bound.getsockname()[0])
    return _first_address() if host in _EVERYWHERE else host


def _first_address() -> str:
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"
