"""What a user adds to every answer: headers, and leave for browsers of other origins.

(source: RestServer's CrossOriginHandler and HeaderFilter, KIP-577)
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from email.utils import formatdate
from typing import Any, Final, Literal

import attrs
from starlette.middleware.cors import CORSMiddleware

from penstock.errors import ConfigError, Problem
from penstock.runtime.clock import Clock

__all__ = ["AsgiApp", "HeaderRule", "parse_rules", "with_cors", "with_headers"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

KEY: Final = "response.http.headers.config"
_RULE: Final = re.compile(
    r"(set|add|setDate|addDate)\s+([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:(.*)", re.DOTALL
)
_SPLIT: Final = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
"""A comma that does not stand between quotes."""
_SIMPLE: Final = ("GET", "POST", "HEAD")


@attrs.frozen
class HeaderRule:
    """``[action] Name: value``. A date's value is how many ms from now it lies."""

    action: Literal["set", "add", "setDate", "addDate"]
    name: bytes
    value: str

    def text(self, now_ms: int) -> bytes:
        """Return the header's value at a time (Unix ms)."""
        if self.action in ("setDate", "addDate"):
            return formatdate((now_ms + int(self.value)) / 1000, usegmt=True).encode()
        return self.value.encode("latin-1")


def parse_rules(text: str) -> list[HeaderRule]:
    """Return the rules of ``response.http.headers.config``.

    Raises:
        ConfigError: naming each entry that is no ``[action] Name: value``.
    """
    rules, problems = [], []
    for part in _SPLIT.split(text):
        entry = part.strip()
        if entry.startswith('"') and entry.endswith('"') and len(entry) > 1:
            entry = entry[1:-1].strip()
        if not entry:
            continue
        found = _RULE.fullmatch(entry)
        value = "" if found is None else found[3].strip()
        fits = value.isascii() and value.isprintable()
        if found is None or not fits or (found[1].endswith("Date") and not _is_number(value)):
            actions = "set, add, setDate, addDate"
            told = f"{KEY}: '{entry}' is no [action] Name: value; actions are {actions}"
            problems.append(Problem(KEY, told))
            continue
        action: Any = found[1]
        rules.append(HeaderRule(action, found[2].encode(), value))
    if problems:
        raise ConfigError(problems)
    return rules


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdigit()


def with_headers(app: AsgiApp, rules: Sequence[HeaderRule], clock: Clock) -> AsgiApp:
    """Return an application whose answers carry the headers too."""
    if not rules:
        return app

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _applied(message.get("headers", ()), rules, clock.now_ms())
            await send(message)

        await app(scope, receive, sent)

    return serve


def _applied(
    headers: Sequence[tuple[bytes, bytes]], rules: Sequence[HeaderRule], now_ms: int
) -> list[tuple[bytes, bytes]]:
    kept = list(headers)
    for rule in rules:
        if rule.action in ("set", "setDate"):
            kept = [one for one in kept if one[0].lower() != rule.name.lower()]
        kept.append((rule.name, rule.text(now_ms)))
    return kept


def with_cors(app: AsgiApp, origins: str, methods: str) -> AsgiApp:
    """Return an application that browsers of these origins may use.

    Args:
        app: the application.
        origins: ``access.control.allow.origin``; ``*`` is every one, empty none.
        methods: ``access.control.allow.methods``; by default those of simple requests.
    """
    allowed = [one.strip() for one in origins.split(",") if one.strip()]
    if not allowed:
        return app
    named = [one.strip().upper() for one in methods.split(",") if one.strip()]
    return CORSMiddleware(
        app,
        allow_origins=allowed,
        allow_methods=named or _SIMPLE,
        allow_headers=["*"],
    )
