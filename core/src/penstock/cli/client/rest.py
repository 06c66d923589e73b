"""A worker's REST API as calls; every refusal becomes an error that says who and what."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import click
import httpx

from penstock.cli.client.contexts import Contexts, context_file
from penstock.errors import ConfigError, ConnectError

__all__ = ["Rest", "client_options", "connected", "path_of"]

URL_VARIABLE: Final = "PENSTOCK_URL"
TIMEOUT_S: Final = 95.0
"""A worker answers or gives up after 90 s."""
CONFLICT_RETRY_S: Final = 15.0
CONFLICT_PAUSE_S: Final = 0.3

F = TypeVar("F", bound=Callable[..., Any])


def path_of(*parts: str) -> str:
    """Return a path of parts, each of them escaped."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


class Rest:
    """Asks one worker. While its cluster shares anew it answers 409: then it is asked again."""

    def __init__(self, url: str) -> None:
        """``url`` may hold ``user:password@``; messages never show it.

        Raises:
            ConfigError: it is no http(s) URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("the worker's address must be http://host:port or https://host:port")
        where = parts.hostname + (f":{parts.port}" if parts.port else "")
        self.shown = f"{parts.scheme}://{where}{parts.path.rstrip('/')}"
        given = (parts.username or "", parts.password or "")
        self._pause = threading.Event()
        self._client = httpx.Client(
            base_url=self.shown,
            auth=httpx.BasicAuth(*given) if parts.username else None,
            timeout=TIMEOUT_S,
        )

    def ask(
        self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None
    ) -> Any:
        """Return the JSON answer, None when there is none.

        Raises:
            ConnectError: nobody answers, or the worker refuses; with its own words.
        """
        until_s = time.monotonic() + CONFLICT_RETRY_S
        while True:
            answer = self._send(method, path, body, params)
            waits = answer.status_code == 409 and "rebalance" in answer.text  # noqa: PLR2004 - HTTP
            if not waits or time.monotonic() > until_s:
                return self._result(method, path, answer)
            self._pause.wait(CONFLICT_PAUSE_S)  # nothing tells when the cluster has agreed

    def _send(
        self, method: str, path: str, body: Any, params: Mapping[str, str] | None
    ) -> httpx.Response:
        try:
            return self._client.request(method, path, json=body, params=dict(params or {}))
        except httpx.HTTPError as problem:
            raise ConnectError(
                f"no worker answers at {self.shown}: {problem}; "
                "check --url, PENSTOCK_URL or penstock context"
            ) from problem

    def _result(self, method: str, path: str, answer: httpx.Response) -> Any:
        if answer.is_success:
            return answer.json() if answer.content else None
        try:
            message = answer.json()["message"]
        except (ValueError, KeyError, TypeError):
            message = answer.text[:500] or answer.reason_phrase
        raise ConnectError(f"{method} {path} was refused with {answer.status_code}: {message}")

    def try_ask(self, method: str, path: str) -> Any:
        """Return the answer, or None when the worker does not serve that, as the original's."""
        answer = self._send(method, path, None, None)
        return answer.json() if answer.is_success and answer.content else None


def client_options(command: F) -> F:
    """Add the options that say which worker is asked."""
    for option in (
        click.option("--url", help=f"The worker's address; also {URL_VARIABLE}."),
        click.option("--context", "context", help="A saved context; see penstock context."),
    ):
        command = option(command)
    return command


def connected(url: str | None, context: str | None) -> Rest:
    """Return the worker that is meant: option, variable, context, localhost."""
    if url or (not context and os.environ.get(URL_VARIABLE)):
        return Rest(url or os.environ[URL_VARIABLE])
    return Rest(Contexts(context_file()).url(context))
