"""A small client for Connect's REST API, whichever worker serves it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

_POLL_S = 0.05
_CONFLICT = 409  # a distributed worker answers so while its group rebalances
_NOT_FOUND = 404


class ConnectRestError(RuntimeError):
    """The worker refused a request, or a connector did not get where it should."""


class ConnectRest:
    """Connectors by REST: create, look, await, delete."""

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        """Talk to the worker at `url`; `timeout` seconds hold for each call."""
        self._timeout = timeout
        # trust_env: a proxy that the machine names is not for loopback.
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def request(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send one request as it is and return whatever is answered."""
        if body is None:
            return self._client.request(method, path)
        return self._client.request(method, path, json=body)

    def connectors(self) -> list[str]:
        """Return the names of all connectors."""
        return list(self._asked("GET", "/connectors").json())

    def create(self, name: str, config: Mapping[str, str]) -> dict[str, Any]:
        """Create a connector or replace its config, and return what the worker answers."""
        body = {"name": name, **config}
        return dict(self._asked("PUT", f"{_path(name)}/config", body).json())

    def status(self, name: str) -> dict[str, Any] | None:
        """Return a connector's status, or None where the worker knows none yet."""
        answer = self._client.get(f"{_path(name)}/status")
        if answer.status_code in {_NOT_FOUND, _CONFLICT}:
            return None
        return dict(_accepted(answer).json())

    def wait_running(self, name: str, *, tasks: int = 1, timeout: float = 30.0) -> dict[str, Any]:
        """Await that a connector and at least `tasks` tasks run, and return the status.

        Raises ConnectRestError at once when the connector or a task has failed.
        """
        deadline = time.monotonic() + timeout
        while True:
            status = self.status(name)
            parts = [status["connector"], *status["tasks"]] if status else []
            if any(part["state"] == "FAILED" for part in parts):
                raise ConnectRestError(f"connector {name!r} has failed: {status}")
            running = all(part["state"] == "RUNNING" for part in parts)
            if status and running and len(parts) > tasks:
                return status
            if time.monotonic() > deadline:
                raise ConnectRestError(
                    f"connector {name!r}: not RUNNING in {timeout:g} s: {status}"
                )
            time.sleep(_POLL_S)

    def delete(self, name: str) -> None:
        """Delete a connector; one that is not there is fine."""
        self._asked("DELETE", _path(name), also=_NOT_FOUND)

    def _asked(
        self, method: str, path: str, body: Any = None, *, also: int | None = None
    ) -> httpx.Response:
        """Send a request, again while the group rebalances; raise on any other refusal."""
        deadline = time.monotonic() + self._timeout
        while True:
            answer = self.request(method, path, body)
            if answer.status_code == also:
                return answer
            if answer.status_code != _CONFLICT or time.monotonic() > deadline:
                return _accepted(answer)
            time.sleep(_POLL_S)


def _path(name: str) -> str:
    return f"/connectors/{quote(name, safe='')}"


def _accepted(answer: httpx.Response) -> httpx.Response:
    """Return the answer, or raise with what the worker said."""
    if answer.is_success:
        return answer
    request = answer.request
    raise ConnectRestError(
        f"{request.method} {request.url.path}: answered {answer.status_code}: {answer.text}"
    )
