"""The herder's thread: it takes events one at a time and carries out what the herder decides."""

from __future__ import annotations

import heapq
import itertools
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, Protocol

import attrs

from penstock.errors import ConflictError, ConnectError, PenstockError
from penstock.runtime.clock import Clock, SystemClock
from penstock.runtime.herder.asked import Asked, Requested, Validated
from penstock.runtime.herder.commands import Command
from penstock.runtime.herder.hosts import HostExitedEvent, HostReported, HostStarted
from penstock.runtime.herder.source_offsets import SourceOffsets
from penstock.runtime.herder.state import (
    Action,
    HostKey,
    OffsetsWork,
    Reply,
    Say,
    SendToHost,
    StartHost,
    StopHost,
    Validate,
    Waits,
)
from penstock.runtime.host.messages import Call, StartConnector, StartTask
from penstock.runtime.host.messages import Command as HostCommand
from penstock.runtime.host.messages import Event as HostEvent
from penstock.runtime.model import ConnectorType, TaskId
from penstock.runtime.stages import Stage

__all__ = ["Herder", "HerderDriver", "WorkerPort"]

log = logging.getLogger(__name__)

MAILBOX_MAX: Final = 10_000
VALIDATION_TIMEOUT_S: Final = 60.0
OFFSETS_TIMEOUT_S: Final = 60.0

Pairs = Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]
"""Partitions with their offsets; None forgets one."""
TICK_S: Final = 0.25
WAKES_MAX: Final = 10_000
"""Times that the herder may want to be told of exactly."""


class WorkerPort(Protocol):
    """What the herder needs of the worker; see :class:`penstock.runtime.worker.Worker`."""

    def start_connector(self, command: StartConnector) -> int:
        """Start a host for a connector instance and return its incarnation."""

    def start_task(self, command: StartTask) -> int:
        """Start a host for a task and return its incarnation."""

    def send(self, key: HostKey, command: HostCommand) -> None:
        """Send a command to a host."""

    def stop(self, key: HostKey, timeout_ms: int) -> None:
        """End a host in good order, by force after ``timeout_ms``."""

    def call(self, call: Call, timeout_s: float) -> Future[Any]:
        """Run one function in a host of its own."""

    def read_offsets(self, connector: str) -> Future[Any]:
        """Return all source offsets of a connector, as pairs of partition and offset."""

    def write_offsets(self, connector: str, offsets: Pairs | None) -> Future[Any]:
        """Store source offsets; None forgets all of the connector's."""


def _unknown(action: Action) -> None:
    raise TypeError(f"nobody carries out {type(action).__name__}")


class Herder(Protocol):
    """Decides: takes one event and returns what to do, in order."""

    def step(self, event: Any) -> Sequence[Action]:
        """Take an event; called on the herder's thread."""


class HerderDriver:
    """Runs the herder. Owner of the herder's state: its one thread.

    ``submit``, ``post`` and ``host_event`` may be called from any thread; they only put into the
    mailbox.
    """

    def __init__(
        self,
        herder: Herder,
        worker: WorkerPort,
        *,
        worker_config: Mapping[str, str],
        stop_timeout_ms: int,
        more: Callable[[Action], None] = _unknown,
        ticks: Callable[[], Any] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Bind the herder to its worker; nothing runs before :meth:`start`.

        Args:
            herder: decides.
            worker: runs hosts.
            worker_config: the worker's properties, for the hosts.
            stop_timeout_ms: how long a host has to end in good order.
            more: carries out the actions that only this kind of herder has; must not block.
            ticks: makes the event that tells the time, every ``TICK_S`` or so.
            clock: tells when to.
        """
        self._herder = herder
        self._worker = worker
        self._worker_config = worker_config
        self._stop_timeout_ms = stop_timeout_ms
        self._more = more
        self._ticks = ticks
        self._mailbox: queue.Queue[Any] = queue.Queue(MAILBOX_MAX)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Asked] = {}
        self._sources = SourceOffsets(worker, worker_config, OFFSETS_TIMEOUT_S)
        self._clock = clock or SystemClock()
        self._closed = False
        self._tick_at_s = 0.0
        self._wakes_s: list[float] = []
        self._thread = threading.Thread(target=self._run, name="herder", daemon=True)

    def start(self) -> None:
        """Begin taking events."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread takes events."""
        return self._thread.is_alive()

    def submit(self, command: Command) -> Future[Any]:
        """Ask the herder; the future holds plain JSON data or raises a ConnectError."""
        future = Asked()
        if self._closed:
            future.set_exception(ConflictError("the worker is shutting down"))
            return future
        number = next(self._numbers)
        self._waiting[number] = future
        try:
            self._mailbox.put_nowait(Requested(number, command))
        except queue.Full:
            self._waiting.pop(number, None)
            future.set_exception(
                ConflictError(f"more than {MAILBOX_MAX} requests wait for the herder; try later")
            )
        return future

    def post(self, event: Any) -> None:
        """Hand an event to the herder; after :meth:`close` nobody wants it any more."""
        if not self._closed:
            self._mailbox.put(event)

    def host_event(self, key: HostKey, incarnation: int, event: HostEvent) -> None:
        """Take an event of a host; after :meth:`close` nobody wants it any more."""
        self.post(HostReported(key, incarnation, event))

    def host_exited(self, key: HostKey, incarnation: int, reason: str) -> None:
        """Take the end of a host; after :meth:`close` nobody wants it any more."""
        self.post(HostExitedEvent(key, incarnation, reason))

    def close(self, timeout_s: float) -> None:
        """Take no more requests and end the thread; hosts are the worker's to end."""
        self._closed = True
        self._mailbox.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        for future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(ConflictError("the worker is shutting down"))

    def _run(self) -> None:
        while True:
            try:
                event = self._mailbox.get(timeout=self._tick())
            except queue.Empty:
                continue
            if event is None:
                return
            self._take(event)

    def _tick(self) -> float | None:
        """Tell the time if it is time to; return the seconds until the next time."""
        if self._ticks is None:
            return None
        now_s = self._clock.monotonic_s()
        if now_s >= min([self._tick_at_s, *self._wakes_s[:1]]):
            self._tick_at_s = now_s + TICK_S
            while self._wakes_s and self._wakes_s[0] <= now_s:
                heapq.heappop(self._wakes_s)
            self._take(self._ticks())
        return max(0.0, min([self._tick_at_s, *self._wakes_s[:1]]) - now_s)

    def wake_at(self, time_s: float) -> None:
        """Tell the time then, too; called on the herder's thread, by its actions."""
        if len(self._wakes_s) < WAKES_MAX:  # else an ordinary tick comes soon after
            heapq.heappush(self._wakes_s, time_s)

    def _take(self, event: Any) -> None:
        try:
            if isinstance(event, Validated):
                self._stage_ended(event.request)
            for action in self._herder.step(event):
                if action.stage and isinstance(event, Requested | Validated):
                    self._stage_begins(event.request, action.stage)
                self._carry_out(action)
        except Exception:
            # One bad event must not end the worker; the request it came with is answered.
            log.exception("the herder failed on %s", type(event).__name__)
            if isinstance(event, Requested | Validated):
                self._reply(event.request, error=ConnectError("internal error; see the log"))

    def _stage_begins(self, request: int, description: str) -> None:
        if (future := self._waiting.get(request)) is not None:
            future.stage = Stage(description, self._clock.now_ms())

    def _stage_ended(self, request: int) -> None:
        future = self._waiting.get(request)
        if future is not None and future.stage is not None:
            future.stage = attrs.evolve(future.stage, ended_ms=self._clock.now_ms())

    def _carry_out(self, action: Action) -> None:
        if isinstance(action, StartHost):
            self._start_host(action)
        elif isinstance(action, StopHost):
            self._worker.stop(action.key, self._stop_timeout_ms)
        elif isinstance(action, SendToHost):
            self._worker.send(action.key, action.command)
        elif isinstance(action, Validate):
            self._validate(action)
        elif isinstance(action, OffsetsWork):
            self._offsets(action)
        elif isinstance(action, Waits):
            pass  # it only says what for
        elif isinstance(action, Say):
            log.warning("%s", action.text)
        elif isinstance(action, Reply):
            self._reply(action.request, action.result, action.error)
        else:
            self._more(action)

    def _start_host(self, action: StartHost) -> None:
        key, spec = action.key, action.spec
        if isinstance(key, TaskId):
            incarnation = self._worker.start_task(
                StartTask(
                    connector=key.connector,
                    task=key.task,
                    config=spec.config,
                    connector_config=spec.connector_config,
                    worker=self._worker_config,
                    paused=action.paused,
                    exactly_once=spec.exactly_once,
                )
            )
        else:
            incarnation = self._worker.start_connector(
                StartConnector(
                    connector=key,
                    config=spec.config,
                    worker=self._worker_config,
                    paused=action.paused,
                )
            )
        # At once, not through the mailbox: the host's first news may already wait there.
        self._herder.step(HostStarted(key, incarnation))

    def _validate(self, action: Validate) -> None:
        arguments = {"config": dict(action.config), "worker": dict(self._worker_config)}
        call = Call("validate_connector", arguments)
        answer = self._worker.call(call, VALIDATION_TIMEOUT_S)
        answer.add_done_callback(lambda done: self._mailbox.put(_validated(action.request, done)))

    def _offsets(self, action: OffsetsWork) -> None:
        """Read or alter offsets: a sink's in a host, which asks the broker; a source's here."""
        if action.type is ConnectorType.SINK or action.change:
            arguments = {
                "config": dict(action.config),
                "worker": dict(self._worker_config),
                "change": action.change,
                "offsets": action.offsets,
            }
            kind = "sink" if action.type is ConnectorType.SINK else "source"
            call = Call(f"{kind}_offsets", arguments)
            self._finish(action, self._worker.call(call, OFFSETS_TIMEOUT_S))
            return
        self._finish(action, self._sources.read(action))

    def _finish(self, action: OffsetsWork, answer: Future[Any]) -> None:
        def answered(done: Future[Any]) -> None:
            problem = done.exception()
            if problem is not None:
                self._reply(action.request, error=_as_connect_error(problem))
            elif not action.change:
                shown = [{"partition": p, "offset": o} for p, o in done.result()]
                self._reply(action.request, {"offsets": shown})
            elif action.type is ConnectorType.SINK:
                self._reply(action.request, _altered(action, known=done.result()))
            else:
                self._store(action, known=done.result())

        answer.add_done_callback(answered)

    def _store(self, action: OffsetsWork, *, known: bool) -> None:
        """Store a source's offsets, which its connector has agreed to."""

        def stored(done: Future[Any]) -> None:
            problem = done.exception()
            if problem is not None:
                self._reply(action.request, error=_as_connect_error(problem))
            else:
                self._reply(action.request, _altered(action, known=known))

        self._sources.write(action).add_done_callback(stored)

    def _reply(self, request: int, result: Any = None, error: Exception | None = None) -> None:
        future = self._waiting.pop(request, None)
        if future is None or future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


def _validated(request: int, done: Future[Any]) -> Validated:
    problem = done.exception()
    if problem is None:
        answer = done.result()
        return Validated(request, infos=answer["infos"], type=answer["type"])
    return Validated(request, error=_as_connect_error(problem))


def _as_connect_error(problem: BaseException) -> Exception:
    return problem if isinstance(problem, PenstockError) else ConnectError(str(problem))


def _altered(action: OffsetsWork, *, known: bool) -> dict[str, str]:
    """Return the answer; ``known``: the connector says that it keeps its offsets nowhere else."""
    verb = "reset" if action.offsets is None else "altered"
    if known:
        return {"message": f"The offsets for this connector have been {verb} successfully"}
    return {
        "message": (
            f"The Connect framework-managed offsets for this connector have been {verb} "
            "successfully. However, if this connector manages offsets externally, they will need "
            f"to be manually {verb} in the system that the connector uses."
        )
    }
