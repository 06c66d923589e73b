"""What the routes ask: the herder, the plugins, the worker about itself."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

import attrs

from penstock.errors import TimedOutError
from penstock.rest.shared import SharedAnswers
from penstock.runtime.herder.asked import Asked
from penstock.runtime.herder.commands import Command
from penstock.runtime.levels import LevelBook
from penstock.runtime.storage.config_records import SessionKey

__all__ = ["ClusterAccess", "Quarantine", "RestService"]

REQUEST_TIMEOUT_S: Final = 90.0
HEALTH_TIMEOUT_S: Final = 10.0


@attrs.frozen
class ClusterAccess:
    """What a worker of a cluster needs to hear and ask other workers.

    Attributes:
        session_key: the key that signs what workers ask of each other, None while none is known.
        is_signed: whether other workers must sign; before there is a key, nobody gets in.
        algorithms: those that a signature may have.
        peer_tls: gives the TLS context for calls to other workers.
    """

    session_key: Callable[[], SessionKey | None]
    is_signed: Callable[[], bool]
    algorithms: frozenset[str]
    peer_tls: Callable[[], ssl.SSLContext] | None = None


@attrs.frozen
class Quarantine:
    """Records of the internal topics that make no sense: how many, and the last of them.

    Each of them is ``{topic, offset, key, reason}``.
    """

    count: int = 0
    records: Sequence[Mapping[str, Any]] = ()


@attrs.define
class RestService:
    """The REST API's only way to the rest of the worker. Any coroutine of the server may call it.

    Attributes:
        submit: gives a command to the herder.
        call: runs a named function in a host, where plugin code may be imported.
        list_plugins: returns ``{class, type, version}`` of every plugin, without importing any.
        version, commit, cluster_id: what ``GET /`` says.
        levels: the log levels of the worker; ``set_level`` changes them, in its hosts too.
        cluster: None on a worker that is alone.
        topic_tracking: whether it is kept which topics a connector uses.
        topic_tracking_reset: whether that may be reset.
        quarantine: what of the internal topics is ignored.
        listings: all connectors with their statuses, as texts, for whoever asks at once.
        answered: the herder has answered once: the worker is not starting any more.
    """

    submit: Callable[[Command], Future[Any]]
    call: Callable[[str, Mapping[str, Any]], Future[Any]]
    list_plugins: Callable[[], Sequence[Mapping[str, Any]]]
    version: str
    commit: str
    cluster_id: str
    levels: LevelBook
    set_level: Callable[[str, str], Sequence[str]]
    cluster: ClusterAccess | None = None
    topic_tracking: bool = True
    topic_tracking_reset: bool = True
    quarantine: Callable[[], Quarantine] = Quarantine
    listings: SharedAnswers[str] = attrs.field(factory=SharedAnswers)
    answered: bool = False

    async def ask(self, command: Command, timeout_s: float = REQUEST_TIMEOUT_S) -> Any:
        """Return the herder's reply; raises its error, or TimedOutError after ``timeout_s``."""
        reply = await self._answer(self.submit(command), type(command).__name__, timeout_s)
        self.answered = True
        return reply

    async def run(self, function: str, arguments: Mapping[str, Any]) -> Any:
        """Return the result of a function that runs in a host."""
        return await self._answer(self.call(function, arguments), function)

    async def _answer(
        self, future: Future[Any], what: str, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> Any:
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), timeout_s)
        except TimeoutError as problem:
            stage = future.stage if isinstance(future, Asked) else None
            about = "" if stage is None else f" {stage.summary()}"
            raise TimedOutError(
                f"Request timed out.{about} {what} had no answer within {timeout_s:g} s"
            ) from problem
