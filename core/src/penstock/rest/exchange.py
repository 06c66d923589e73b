"""What a route handler is given, and what it returns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from penstock.rest.service import RestService

__all__ = ["JSON", "Answer", "RestRequest", "json_text"]

JSON: Final = "application/json"


def json_text(body: Any) -> str:
    """Return a body as the text that is sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


@attrs.frozen
class RestRequest:
    """A request as handlers see it: service, body, query, headers (names in lower case).

    The parts of the path are arguments of the handler.
    """

    service: RestService
    body: bytes
    query: Mapping[str, str]
    query_all: Callable[[str], list[str]]
    headers: Mapping[str, str] = attrs.field(factory=dict)

    def flag(self, name: str) -> bool:
        """Return a boolean query parameter, in any case; missing is False."""
        return self.query.get(name, "").lower() == "true"


@attrs.frozen
class Answer:
    """What a handler returns; ``body`` None sends none.

    ``media`` is the type of a ``body`` that is a text; without it any body is sent as JSON.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    media: str | None = None
