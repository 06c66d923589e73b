"""One module a part of the API; each has ``ROUTES``. A new route is added there, nowhere else."""

from __future__ import annotations

from penstock.rest.routes import (
    connectors,
    loggers,
    metrics,
    openapi,
    ours,
    plugins,
    root,
    tasks,
    topics,
)
from penstock.rest.routing import Route

__all__ = ["admin_routes", "all_routes", "user_routes"]


def all_routes() -> list[Route]:
    """Return every route of the API."""
    return [*user_routes(), *admin_routes()]


def admin_routes() -> list[Route]:
    """Return the routes below ``/admin``, which may have listeners of their own."""
    return list(loggers.ROUTES)


def user_routes() -> list[Route]:
    """Return all other routes."""
    return [
        *root.ROUTES,
        *connectors.ROUTES,
        *tasks.ROUTES,
        *topics.ROUTES,
        *plugins.ROUTES,
        *ours.ROUTES,
        *metrics.ROUTES,
        *openapi.routes(all_routes),
    ]
