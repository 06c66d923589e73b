"""REST extensions: who may use the REST API (source: ConnectRestExtension).

Named in ``rest.extension.classes`` and found in the entry-point group ``penstock.rest_extensions``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import attrs

__all__ = ["RestExtension", "RestRefusal", "RestRequestHead", "RestUser"]


@attrs.frozen
class RestRequestHead:
    """A request without its body.

    Attributes:
        method: in upper case.
        path: as it came, percent-encoded.
        headers: names in lower case.
        client: the address it comes from.
    """

    method: str
    path: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    client: str


@attrs.frozen
class RestUser:
    """Somebody who was let in; ``name`` stands in the audit log."""

    name: str


@attrs.frozen
class RestRefusal:
    """Somebody who was not: the answer's status, message and headers."""

    status: int
    message: str
    headers: Mapping[str, str] = attrs.field(factory=dict)


class RestExtension(ABC):
    """Judges each request before it is served. ``check`` is called on threads, several at once."""

    @abstractmethod
    def configure(self, properties: Mapping[str, str]) -> None:
        """Take the worker's properties; raise ConfigError when they do not do."""

    @abstractmethod
    def check(self, request: RestRequestHead) -> RestUser | RestRefusal | None:
        """Let a request in, in a user's name or (None) without one, or refuse it."""

    def close(self) -> None:  # noqa: B027 - most have nothing to release
        """Release what :meth:`configure` took."""
