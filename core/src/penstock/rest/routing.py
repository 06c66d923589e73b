"""Which handler serves a path. Pure; names may hold an encoded ``/``, so paths split undecoded."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import attrs

from penstock.errors import BadRequestError
from penstock.rest.errors import HttpError

__all__ = ["Handler", "Match", "Route", "Router"]

Handler = Callable[..., Awaitable[Any]]
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@attrs.frozen
class Route:
    """A method, a path such as ``/connectors/{name}/status``, and who serves it."""

    method: str
    path: str
    handler: Handler

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's parts."""
        return tuple(part for part in self.path.split("/") if part)


@attrs.frozen
class Match:
    """A route found for a request; ``allow`` are the methods of its path."""

    handler: Handler
    parameters: Mapping[str, str]


class Router:
    """Finds routes. A trailing slash makes no difference, as in the original."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = [(route, route.segments) for route in routes]

    def find(self, method: str, raw_path: str) -> Match:
        """Return the route of a request.

        Raises:
            HttpError: 404 for an unknown path; 405, with the methods it has, for a known one.
            BadRequestError: the path is not properly encoded.
        """
        path = raw_path.partition("?")[0].removeprefix("/").removesuffix("/")
        parts = path.split("/") if path else []
        if "" in parts:
            # Such as /connectors//config with an empty name: it must not hit the next part.
            raise BadRequestError("the path has an empty part")
        if ".." in parts or "." in parts:
            raise HttpError(404)
        segments = [_decoded(part) for part in parts]
        allowed: list[str] = []
        for route, wanted in self._routes:
            parameters = _matched(wanted, segments)
            if parameters is None:
                continue
            if route.method == method or (method == "HEAD" and route.method == "GET"):
                return Match(route.handler, parameters)
            allowed.append(route.method)
        if not allowed:
            raise HttpError(404)
        if "GET" in allowed:
            allowed.append("HEAD")
        raise HttpError(405, allow=",".join(sorted({*allowed, "OPTIONS"})))


def _decoded(part: str) -> str:
    if _BAD_ESCAPE.search(part):
        raise BadRequestError(f"the path part '{part}' is not properly percent-encoded")
    try:
        text = unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError as problem:
        raise BadRequestError(f"the path part '{part}' is not UTF-8") from problem
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):  # noqa: PLR2004 - ASCII's
        raise BadRequestError("a path part holds control characters")
    return text


def _matched(wanted: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    if len(wanted) != len(segments):
        return None
    parameters: dict[str, str] = {}
    for pattern, segment in zip(wanted, segments, strict=True):
        if pattern.startswith("{"):
            parameters[pattern[1:-1]] = segment
        elif pattern != segment:
            return None
    return parameters
