"""Where a worker is reached: what it bound, and what it tells others."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import attrs

from penstock.errors import StartupError

if TYPE_CHECKING:
    from penstock.rest.server import BoundListener

__all__ = ["Address", "advertised", "shown_url"]

_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


@attrs.frozen
class Address:
    """How others reach this worker: ``id`` is ``host:port``, as status bodies show it."""

    scheme: str
    id: str

    @property
    def url(self) -> str:
        """The URL that other workers call."""
        return f"{self.scheme}://{self.id}/"


def advertised(
    bound: Sequence[BoundListener], host: str | None, port: int | None, scheme: str | None
) -> Address:
    """Return the address that other workers and users know this worker by.

    Args:
        bound: the worker's listeners.
        host, port: ``rest.advertised.host.name`` and ``.port``.
        scheme: ``rest.advertised.listener``; by default http when any listener has it, as in the
            original.

    Raises:
        StartupError: no listener has that scheme.
    """
    schemes = [one.listener.scheme for one in bound]
    wanted = scheme or ("http" if "http" in schemes else "https")
    chosen = next((one for one in bound if one.listener.scheme == wanted), None)
    if chosen is None:
        raise StartupError(
            f"rest.advertised.listener is {wanted}, but no listener is; add {wanted}://host:port "
            "to listeners, or advertise another"
        )
    where = host or _own_address(chosen.socket)
    shown = f"[{where}]" if ":" in where and not where.startswith("[") else where
    return Address(wanted, f"{shown}:{port or chosen.port}")


def shown_url(bound: BoundListener) -> str:
    """Return a URL that works on this machine."""
    host = str(bound.socket.getsockname()[0])
    where = "localhost" if host in _EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"{bound.listener.scheme}://{where}:{bound.port}"


def _own_address(bound: socket.socket) -> str:
    host = str(bound.getsockname()[0])
    return _first_address() if host in _EVERYWHERE else host


def _first_address() -> str:
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"
