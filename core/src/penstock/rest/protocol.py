"""A connection to the server, with bounds that uvicorn has none of.

A client has so long to send a whole request, however slowly it sends; so long to take the answer;
and where there are too many connections, the one that has kept us waiting longest is closed, so
that others are answered. Runs on the server's event loop.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from http import HTTPStatus
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["ANSWER_TIMEOUT_S", "REQUEST_TIMEOUT_S", "BoundedProtocol", "connections_max"]

REQUEST_TIMEOUT_S: Final = 32.0
"""For a whole request; a little more than the application's own, which answers 408."""
ANSWER_TIMEOUT_S: Final = 150.0
"""From a whole request to the end of its answer; more than any part of the worker may take."""
CONNECTIONS_MAX: Final = 1000
_REFUSABLE: Final = (h11.IDLE, h11.SEND_RESPONSE)


def connections_max() -> int:
    """Return how many connections are kept: 1000, or half of the open files that are allowed."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS_MAX if allowed < 0 else max(1, min(CONNECTIONS_MAX, allowed // 2))


class BoundedProtocol(H11Protocol):
    """HTTP/1 with deadlines. One a connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None
        self._phase = ""
        self._begun = False
        self.waits_since = 0.0

    @property
    def waits(self) -> bool:
        """Whether the client has to send something, and not we."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; where there are too many connections, end the one that waits longest."""
        others = self.connections
        if len(others) >= connections_max():
            waiting = [one for one in others if isinstance(one, BoundedProtocol) and one.waits]
            if waiting:
                min(waiting, key=lambda one: one.waits_since).drop()
        super().connection_made(transport)
        self._set_deadline()

    def drop(self) -> None:
        """End the connection at once; its request, if there is one, learns of it."""
        self.connections.discard(self)
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End: nothing is awaited any more."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; they put off the deadline only when they complete a request."""
        if self.transport.is_closing():
            return
        self._begun = True
        super().data_received(data)
        self._set_deadline()

    def on_response_complete(self) -> None:
        """Wait for the next request, or take the one that is here already."""
        self._begun, self._phase = False, ""
        super().on_response_complete()
        self._set_deadline()

    def _set_deadline(self) -> None:
        phase = ("request" if self._begun else "idle") if self.waits else "answer"
        if self.transport.is_closing() or phase == self._phase:
            return
        self._phase = phase
        if self._deadline is not None:
            self._deadline.cancel()
        self.waits_since = self.loop.time()
        after = ANSWER_TIMEOUT_S if phase == "answer" else REQUEST_TIMEOUT_S
        self._deadline = self.loop.call_later(after, self.drop)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in JSON, with the status that fits; then close."""
        if self.conn.our_state not in _REFUSABLE:
            self.drop()  # an answer is under way
            return
        problem = sys.exception()
        status = HTTPStatus(getattr(problem, "error_status_hint", HTTPStatus.BAD_REQUEST))
        text = f"HTTP {status.value} {status.phrase}: {problem or msg}"
        body = json.dumps({"error_code": status.value, "message": text}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        begun = h11.Response(
            status_code=status.value, headers=headers, reason=status.phrase.encode()
        )
        for event in (begun, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event))
        if self.cycle is not None and not self.cycle.response_complete:
            # The application, which reads this request's body, learns that none will come.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
