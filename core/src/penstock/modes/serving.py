"""The REST servers of a worker: its listeners, and those of the admin endpoints."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence

from penstock.rest.app import RestApp
from penstock.rest.headers import AsgiApp, parse_rules, with_cors, with_headers
from penstock.rest.routes import admin_routes, all_routes, user_routes
from penstock.rest.routing import Route
from penstock.rest.server import RestServer, bind, parse_listener
from penstock.rest.service import RestService
from penstock.runtime.clock import Clock
from penstock.runtime.settings import WorkerSettings

__all__ = ["Servers", "bind_all"]


def bind_all(listeners: Sequence[str]) -> list[socket.socket]:
    """Return a listening socket for each listener; raises StartupError when one is taken."""
    bound: list[socket.socket] = []
    try:
        bound.extend(bind(parse_listener(one)) for one in listeners if one.strip())
    except BaseException:
        for one in bound:
            one.close()
        raise
    return bound


class Servers:
    """Serves until told to stop. Owner: the main thread, on the event loop."""

    def __init__(
        self,
        settings: WorkerSettings,
        service: RestService,
        sockets: Sequence[socket.socket],
        clock: Clock,
    ) -> None:
        """``sockets`` are those of ``listeners``; the admin ones are bound here.

        Raises:
            ConfigError: ``response.http.headers.config`` is wrong.
            StartupError: a listener of the admin endpoints is taken.
        """
        self._rules = parse_rules(settings.response_http_headers_config)
        self._settings = settings
        self._clock = clock
        self._admin_sockets: list[socket.socket] = []
        apart = settings.admin_listeners
        routes = all_routes() if apart is None else user_routes()
        self._servers = [RestServer(self._app(service, routes), sockets)]
        if apart:
            self._admin_sockets = bind_all(apart)
            admin = self._app(service, admin_routes())
            self._servers.append(RestServer(admin, self._admin_sockets))

    def _app(self, service: RestService, routes: Sequence[Route]) -> AsgiApp:
        own = self._settings
        app = with_cors(
            RestApp(service, routes),
            own.access_control_allow_origin,
            own.access_control_allow_methods,
        )
        return with_headers(app, self._rules, self._clock)

    async def serve(self, on_ready: Callable[[], None]) -> None:
        """Serve until :meth:`stop`; ``on_ready`` is called once all listeners answer."""
        left = len(self._servers)

        def ready() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                on_ready()

        try:
            await asyncio.gather(*(one.serve(ready) for one in self._servers))
        finally:
            for one in self._admin_sockets:
                one.close()

    def stop(self) -> None:
        """End :meth:`serve` soon; call on the event loop."""
        for one in self._servers:
            one.stop()
