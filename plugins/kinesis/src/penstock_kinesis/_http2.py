"""One connection of HTTP/2, for one question whose answer takes minutes. The home of httpx."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "Channel", "ChannelError", "Tunnel", "is_installed"]

CONNECT_TIMEOUT_S: Final = 5.0
SILENCE_MAX_S: Final = 30.0
"""The service tells every few seconds that there is nothing to tell."""
RECEIVED_BYTES_MAX: Final = 512 * 1024
"""What the system may take ahead of us: enough for 2 MB/s from anywhere, little for hundreds."""
_REFUSAL_BYTES_MAX: Final = 64 * 1024


class ChannelError(Exception):
    """The connection failed; what it says is for the user."""


@attrs.frozen
class Tunnel:
    """How to reach the service: the certificates to trust, a file, and the proxy's URL."""

    trusted: str | bool = True
    proxy: str | None = None


def is_installed() -> bool:
    """Whether fan-out can be used: it needs two packages that polling does not."""
    try:
        import h2.connection  # noqa: F401, PLC0415 - only asked whether it is there
        import httpx  # noqa: F401, PLC0415 - likewise
    except ImportError:
        return False
    return True


class Answer:
    """An answer whose bytes come by and by. Owner: the thread that asked."""

    def __init__(self, response: httpx.Response) -> None:
        """Take an answer of which only the headers were read."""
        self._response = response
        self.status = response.status_code

    def rest(self) -> bytes:
        """Return the whole of a short answer."""
        found = b""
        for piece in self._response.iter_raw():
            found += piece
            if len(found) > _REFUSAL_BYTES_MAX:
                break
        return found

    def pieces(self) -> Iterator[bytes]:
        """Return the bytes as they come; nobody reads ahead of the caller."""
        return self._response.iter_raw()


class Channel:
    """One connection. Owner: the thread that asks, but for ``interrupt``."""

    def __init__(self, tunnel: Tunnel) -> None:
        """Connect at the first question."""
        import httpx  # noqa: PLC0415 - an optional package

        self._httpx = httpx
        self._socket: socket.socket | None = None
        trusted = tunnel.trusted
        context = ssl.create_default_context(cafile=trusted if isinstance(trusted, str) else None)
        room = (socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_BYTES_MAX)
        transport = httpx.HTTPTransport(
            verify=context, http1=False, http2=True, proxy=tunnel.proxy, socket_options=[room]
        )
        self._client = httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(SILENCE_MAX_S, connect=CONNECT_TIMEOUT_S),
        )

    @contextlib.contextmanager
    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Iterator[Answer]:
        """Ask; raises ChannelError for whatever fails on the way, also while pieces are read."""
        try:
            with self._client.stream("POST", url, headers=dict(headers), content=body) as response:
                stream = response.extensions.get("network_stream")
                self._socket = stream.get_extra_info("socket") if stream is not None else None
                yield Answer(response)
        except (self._httpx.HTTPError, self._httpx.StreamError) as problem:
            raise ChannelError(f"{type(problem).__name__}: {problem}") from problem

    def interrupt(self) -> None:
        """Make a read that waits fail; safe from any thread."""
        found = self._socket
        if found is not None:
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
