"""One module a part of the API; each has ``ROUTES``. A new route is added there, nowhere else."""

from __future__ import annotations

from penstock.rest.routes import connectors, loggers, ours, plugins, root, tasks
from penstock.rest.routing import Route

__all__ = ["all_routes"]


def all_routes() -> list[Route]:
    """Return every route of the API."""
    return [
        *root.ROUTES,
        *connectors.ROUTES,
        *tasks.ROUTES,
        *plugins.ROUTES,
        *loggers.ROUTES,
        *ours.ROUTES,
    ]
