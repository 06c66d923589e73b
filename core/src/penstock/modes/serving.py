"""The REST servers of a worker: its listeners, and those of the admin endpoints."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence

from penstock.rest.app import RestApp
from penstock.rest.audit import audited
from penstock.rest.auth import Guard
from penstock.rest.headers import AsgiApp, parse_rules, with_cors, with_headers
from penstock.rest.routes import admin_routes, all_routes, user_routes
from penstock.rest.routing import Route
from penstock.rest.server import BoundListener, RestServer, bind, parse_listener
from penstock.rest.service import RestService
from penstock.runtime.clock import Clock
from penstock.runtime.listener_settings import ADMIN_PREFIX, LISTENER_PREFIX, tls_properties
from penstock.runtime.settings import WorkerSettings

__all__ = ["Servers", "bind_all"]


def bind_all(
    listeners: Sequence[str], raw: Mapping[str, str], prefix: str = LISTENER_PREFIX
) -> list[BoundListener]:
    """Listen at each address.

    Args:
        listeners: ``http://host:port`` or ``https://host:port``.
        raw: the worker's properties, for the stores of https.
        prefix: of the properties that are for these listeners.

    Raises:
        StartupError: an address is taken, or none.
        ConfigError: a store is missing, wrong or cannot be opened.
    """
    wanted = [parse_listener(one) for one in listeners if one.strip()]
    tls: ssl.SSLContext | None = None
    if any(one.scheme == "https" for one in wanted):
        # Imported where TLS is served: its libraries take their time.
        from penstock.runtime.secure_stores.contexts import server_context  # noqa: PLC0415

        own = tls_properties(raw, prefix)
        tls = server_context(own.values, own.prefix)
    bound: list[BoundListener] = []
    try:
        for one in wanted:
            secure = tls if one.scheme == "https" else None
            bound.append(BoundListener(one, bind(one), secure))
    except BaseException:
        for other in bound:
            other.close()
        raise
    return bound


def _servers(app: AsgiApp, bound: Sequence[BoundListener]) -> list[RestServer]:
    """Return a server for the plain listeners and one for the secure ones."""
    found = []
    for secure in (False, True):
        those = [one for one in bound if (one.tls is not None) is secure]
        if those:
            found.append(RestServer(app, [one.socket for one in those], those[0].tls))
    return found


class Servers:
    """Serves until told to stop. Owner: the main thread, on the event loop."""

    def __init__(
        self,
        settings: WorkerSettings,
        service: RestService,
        bound: Sequence[BoundListener],
        clock: Clock,
        raw: Mapping[str, str],
    ) -> None:
        """``bound`` are those of ``listeners``; the admin ones are bound here.

        Raises:
            ConfigError: ``response.http.headers.config`` is wrong, or an extension, or a store
                of the admin endpoints'.
            StartupError: a listener of the admin endpoints is taken.
        """
        self._rules = parse_rules(settings.response_http_headers_config)
        self._guard = Guard(raw, service)
        self._settings = settings
        self._clock = clock
        self._admin: list[BoundListener] = []
        apart = settings.admin_listeners
        routes = all_routes() if apart is None else user_routes()
        self._servers = _servers(self._app(service, routes), bound)
        if apart:
            self._admin = bind_all(apart, raw, ADMIN_PREFIX)
            self._servers += _servers(self._app(service, admin_routes()), self._admin)

    def _app(self, service: RestService, routes: Sequence[Route]) -> AsgiApp:
        own = self._settings
        app = with_cors(
            self._guard.guarded(audited(RestApp(service, routes), service)),
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
            for one in self._admin:
                one.close()
            self._guard.close()

    def stop(self) -> None:
        """End :meth:`serve` soon; call on the event loop."""
        for one in self._servers:
            one.stop()
