"""From exceptions to status codes and the original's error body. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from penstock.errors import (
    AlreadyExistsError,
    BadRequestError,
    ConfigError,
    ConflictError,
    NotFoundError,
    PenstockError,
    PluginError,
)

__all__ = ["HttpError", "error_body", "status_of"]


class HttpError(PenstockError):
    """An answer that HTTP itself asks for: no such path, method, media type, or too much."""

    def __init__(self, status: int, message: str | None = None, *, allow: str = "") -> None:
        """Without a message the body says ``HTTP 404 Not Found``, as the original's server does.

        Such a body carries no Content-Type, as in the original.
        """
        self.status = status
        self.plain = message is None
        self.allow = allow
        super().__init__(message or f"HTTP {status} {HTTPStatus(status).phrase}")


_STATUS: Final[Mapping[type[Exception], int]] = {
    NotFoundError: 404,
    AlreadyExistsError: 409,
    ConflictError: 409,
    BadRequestError: 400,
    ConfigError: 400,
    PluginError: 400,
}


def status_of(error: Exception) -> int:
    """Return the status code for an exception; 500 for what is nobody's fault outside."""
    if isinstance(error, HttpError):
        return error.status
    for kind, status in _STATUS.items():
        if isinstance(error, kind):
            return status
    return 500


def error_body(error: Exception) -> dict[str, Any]:
    """Return ``{error_code, message}``; the text of an unexpected exception stays in the log."""
    known = isinstance(error, PenstockError)
    message = str(error) if known else "Internal Server Error; the worker's log tells more"
    return {"error_code": status_of(error), "message": message}
