"""What users may do: viewer, operator, admin. Ours; the original knows no roles. Pure.

A viewer reads. An operator also has connectors and tasks pause, resume, stop and restart, and
configurations checked. An admin may do everything. What is not named here is for admins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.errors import BadRequestError, ConfigError, Problem
from penstock.rest.errors import HttpError
from penstock.rest.routing import Route, Router

__all__ = ["ROLES_KEY", "is_allowed", "is_internal", "needed_role", "parse_roles"]

ROLES_KEY: Final = "rest.auth.roles"
_RANKS: Final = {"viewer": 0, "operator": 1, "admin": 2}
_OTHERS: Final = "*"


async def _marker(*_: Any) -> None:
    """Stand for a handler: only the path is asked for."""


def _router(*lines: str) -> Router:
    pairs = (line.split(" ") for line in lines)
    return Router([Route(method, path, _marker) for method, path in pairs])


_OPERATOR: Final = _router(
    "PUT /connectors/{name}/pause",
    "PUT /connectors/{name}/resume",
    "PUT /connectors/{name}/stop",
    "POST /connectors/{name}/restart",
    "POST /connectors/{name}/tasks/{task}/restart",
    "PUT /connector-plugins/{plugin}/config/validate",
)
_INTERNAL: Final = _router("POST /connectors/{name}/tasks", "PUT /connectors/{name}/fence")
"""What only workers ask of each other (source: JaasBasicAuthFilter's INTERNAL_REQUEST_MATCHERS)."""


def _is_in(router: Router, method: str, path: str) -> bool:
    try:
        router.find(method, path)
    except (HttpError, BadRequestError):
        return False
    return True


def is_internal(method: str, path: str) -> bool:
    """Return whether a request is one that workers send each other."""
    return _is_in(_INTERNAL, method, path)


def needed_role(method: str, path: str) -> str:
    """Return the least role that may send a request."""
    if method in {"GET", "HEAD", "OPTIONS"}:
        return "viewer"
    return "operator" if _is_in(_OPERATOR, method, path) else "admin"


def parse_roles(text: str) -> dict[str, str] | None:
    """Return roles by user of ``rest.auth.roles``; None when it is not given: all may do all.

    Raises:
        ConfigError: an entry is no ``user:role``.
    """
    entries = [one.strip() for one in text.split(",") if one.strip()]
    if not entries:
        return None
    found = {}
    for entry in entries:
        user, colon, role = entry.rpartition(":")
        if not colon or not user.strip() or role.strip().lower() not in _RANKS:
            told = f"{ROLES_KEY}: '{entry}' is no user:role; roles are {', '.join(_RANKS)}"
            raise ConfigError(Problem(ROLES_KEY, told))
        found[user.strip()] = role.strip().lower()
    return found


def is_allowed(roles: Mapping[str, str] | None, user: str, needed: str) -> bool:
    """Return whether a user has at least a role; who is not named has that of ``*``, or none."""
    if roles is None:
        return True
    own = roles.get(user) or roles.get(_OTHERS)
    return own is not None and _RANKS[own] >= _RANKS[needed]
