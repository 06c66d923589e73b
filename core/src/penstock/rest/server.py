"""The HTTP server around the application: listeners, bounds, a stop in good order."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

import attrs
import uvicorn

from penstock.errors import StartupError
from penstock.rest.bodies import HEADER_BYTES_MAX
from penstock.rest.headers import AsgiApp
from penstock.rest.protocol import BoundedProtocol, connections_max

__all__ = ["BoundListener", "Listener", "RestServer", "bind", "parse_listener"]

KEEP_ALIVE_S: Final = 30
STOP_GRACE_S: Final = 5
DEFAULT_PORT: Final = 8083
BACKLOG: Final = 128


@attrs.frozen
class Listener:
    """An address to listen at; an empty host is every interface, port 0 any free one."""

    host: str
    port: int
    scheme: str = "http"


@attrs.frozen
class BoundListener:
    """A listener that is listened at; ``tls`` is None for http."""

    listener: Listener
    socket: socket.socket
    tls: ssl.SSLContext | None = None

    @property
    def port(self) -> int:
        """The port, also of a listener at any free one."""
        return int(self.socket.getsockname()[1])

    def close(self) -> None:
        """Listen no more."""
        self.socket.close()


def parse_listener(text: str) -> Listener:
    """Return the listener of ``http(s)://host:port``; raises StartupError for anything else."""
    try:
        parts = urlsplit(text.strip())
        port = DEFAULT_PORT if parts.port is None else parts.port
    except ValueError as problem:
        raise StartupError(f"listeners: '{text}' is no http://host:port ({problem})") from problem
    scheme = parts.scheme.lower()
    if scheme not in {"http", "https"} or parts.path not in ("", "/"):
        raise StartupError(f"listeners: '{text}' is no http://host:port or https://host:port")
    return Listener(parts.hostname or "", port, scheme)


def bind(listener: Listener) -> socket.socket:
    """Return a listening socket; raises StartupError, with the remedy, when the port is taken."""
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((listener.host, listener.port))
        found.listen(BACKLOG)
    except OSError as problem:
        found.close()
        raise StartupError(
            f"cannot listen at {listener.host or '*'}:{listener.port}: {problem.strerror}; "
            "set listeners to a free port, or port 0 for any"
        ) from problem
    return found


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, which tells when it answers."""

    on_ready: Callable[[], None]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: the worker stops the server."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, then say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self.on_ready()


class RestServer:
    """Serves the application on bound sockets until told to stop."""

    def __init__(
        self,
        app: AsgiApp,
        sockets: Sequence[socket.socket],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``tls`` makes all of the sockets speak HTTPS."""
        self._sockets = list(sockets)
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=connections_max() + 1,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_GRACE_S,
            h11_max_incomplete_event_size=HEADER_BYTES_MAX,
            http=BoundedProtocol,
            ws="none",
        )
        if tls is not None:
            # uvicorn reads files only; ours may be stores of Java's, and stay in memory.
            config.load()
            config.ssl = tls
        self._server = _Server(config)

    @property
    def port(self) -> int:
        """The port of the first listener."""
        return int(self._sockets[0].getsockname()[1])

    async def serve(self, on_ready: Callable[[], None]) -> None:
        """Serve until :meth:`stop`; ``on_ready`` is called once requests are answered."""
        self._server.on_ready = on_ready
        await self._server.serve(sockets=self._sockets)

    def stop(self) -> None:
        """End :meth:`serve` soon; call on the server's event loop."""
        self._server.should_exit = True
