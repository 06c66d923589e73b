"""The worker: it runs connectors, tasks and calls, each in a host of its own.

A host is a process; from ``task.processes.max`` on, connectors and tasks share them. The herder
decides what runs; the worker has it run and tells what becomes of it. It never runs plugin code
itself, unless ``task.isolation`` is ``thread``.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, Literal

from penstock.errors import ConflictError
from penstock.runtime.clock import Clock, SystemClock
from penstock.runtime.host.call_desk import CallDesk
from penstock.runtime.host.exits import HostExited
from penstock.runtime.host.launch import Launcher
from penstock.runtime.host.loop import Loop
from penstock.runtime.host.messages import (
    Call,
    Command,
    Event,
    Lease,
    SetLevel,
    StartConnector,
    StartTask,
)
from penstock.runtime.host.processes import (
    PRELOAD,
    ProcessLauncher,
    client_module,
    forward_to_stderr,
)
from penstock.runtime.host.sharing import SharingLauncher
from penstock.runtime.host.storage import OffsetDesk
from penstock.runtime.host.supervisor import HostKey, OnEvent, Supervisor, key_of
from penstock.runtime.host.threads import ThreadLauncher
from penstock.runtime.levels import LevelBook
from penstock.runtime.offsets.store import ConnectorOffsets, OffsetStore
from penstock.runtime.plugins import tell_plugin_path

__all__ = ["PROCESSES_MAX", "HostExited", "HostKey", "OnEvent", "Worker"]

log = logging.getLogger(__name__)

PROCESSES_MAX: Final = 8
"""How many processes a worker has for connectors and tasks before they share them, by default;
twice the processors where that is more. Few enough for a worker of hundreds to stay small."""
CLOSE_MARGIN_S: Final = 5.0
"""How long ``close`` waits, beyond the time the hosts are given, for what it had to kill."""


class Worker:
    """The public face of the hosts; every method may be called from any thread.

    One thread of its own (``supervisor``) owns all hosts. ``on_event(key, incarnation, event)`` is
    called on that thread and must not block: with the events of :mod:`..host.messages`, except
    those about offsets, which the worker answers itself, and last of all with one
    :class:`HostExited`. Set it before the first host is started.
    """

    def __init__(
        self,
        *,
        store: OffsetStore,
        isolation: Literal["process", "thread"] = "process",
        processes_max: int | None = None,
        worker: Mapping[str, str] | None = None,
        preload: Sequence[str] = PRELOAD,
        on_event: OnEvent | None = None,
        forward: Callable[[bytes], None] = forward_to_stderr,
        clock: Clock | None = None,
    ) -> None:
        """Start the fork server and the supervisor's thread; returns before they are ready.

        Args:
            store: the offsets of source tasks; used on the worker's storage thread from now on.
            isolation: ``task.isolation``, whether a host is a process or a thread.
            processes_max: ``task.processes.max``, how many processes there may be for connectors
                and tasks before they begin to share them; None: the default.
            worker: the worker's properties; they say which broker's client is preloaded.
            preload: modules that the fork server imports for all hosts, besides that client.
            on_event: who hears of hosts; may be set later as an attribute.
            forward: takes whole lines that hosts write to stderr.
            clock: tells the deadlines.

        Raises:
            OSError: the system gives no process or no descriptors.
        """
        self.on_event = on_event or _nobody
        self.levels = LevelBook(clock)
        self._incarnations = itertools.count(1)
        self._closed = threading.Event()
        self._idle = threading.Event()
        self._done = threading.Event()
        self._closing = threading.Lock()  # guards _closed: one caller of close does it all
        self._loop = Loop("supervisor", clock or SystemClock())
        self._launcher: ProcessLauncher | ThreadLauncher
        tell_plugin_path((worker or {}).get("plugin.path"))
        if isolation == "thread":
            self._launcher = ThreadLauncher(self._loop)
        else:
            modules = [*preload, client_module(worker or {})]
            self._launcher = ProcessLauncher(self._loop, preload=modules, forward=forward)
        self._offsets = OffsetDesk(store)
        hosts: Launcher = self._launcher
        self._sharing: SharingLauncher | None = None
        if isinstance(self._launcher, ProcessLauncher):
            hosts = self._sharing = SharingLauncher(
                self._loop,
                self._launcher,
                processes_max or max(PROCESSES_MAX, 2 * (os.cpu_count() or 1)),
                self._look_idle,
            )
        self._supervisor = Supervisor(self._loop, hosts, self._offsets, self._tell, self._look_idle)
        self._calls = CallDesk(self._loop, self._launcher, self._look_idle)
        self._loop.start()

    @property
    def fork_server_pid(self) -> int | None:
        """The process id of the fork server; None without one, or while it is started anew."""
        launcher = self._launcher
        return launcher.fork_server_pid if isinstance(launcher, ProcessLauncher) else None

    @property
    def abandoned_threads(self) -> int:
        """How many threads of thread hosts did not end when told to and still run."""
        if isinstance(self._launcher, ProcessLauncher):
            return 0
        return sum(thread.is_alive() for thread in list(self._launcher.abandoned))

    def start_connector(self, command: StartConnector) -> int:
        """Start a host for a connector instance; return the incarnation that its events carry.

        Raises:
            ConflictError: the worker is shutting down.
        """
        return self._start(command)

    def start_task(self, command: StartTask) -> int:
        """Start a host for a task; see :meth:`start_connector`."""
        return self._start(command)

    def _start(self, command: StartConnector | StartTask) -> int:
        if self._closed.is_set():
            raise ConflictError(f"{key_of(command)} is not started: the worker is shutting down")
        incarnation = next(self._incarnations)
        levels = [SetLevel(name, level) for name, level in self.levels.chosen().items()]
        self._loop.post(lambda: self._supervisor.start(incarnation, command))
        for one in levels:
            self.send(key_of(command), one)
        return incarnation

    def set_level(self, logger: str, level: str) -> list[str]:
        """Set a log level here and in all hosts; return the loggers of the worker that changed.

        Raises:
            BadRequestError: no level of that name.
        """
        changed = self.levels.set(logger, level)
        told = SetLevel(logger or "root", level.upper())
        self._loop.post(lambda: self._supervisor.send_all(told))
        return changed

    def grant(self, until_s: float) -> None:
        """Let the hosts send, put and store until a time (monotonic)."""
        self._loop.post(lambda: self._supervisor.grant(Lease(until_s)))

    def end_leases(self) -> None:
        """Let no host that lives now send, put or store any more."""
        self._loop.post(self._supervisor.end_leases)

    def send(self, key: HostKey, command: Command) -> None:
        """Send a command to a host; does nothing when it is gone."""
        self._loop.post(lambda: self._supervisor.send(key, command))

    def stop(self, key: HostKey, timeout_ms: int) -> None:
        """Ask a host to end in good order; it is killed after ``timeout_ms``."""
        self._loop.post(lambda: self._supervisor.stop(key, timeout_ms))

    def call(self, call: Call, timeout_s: float) -> Future[Any]:
        """Run a function of :mod:`..host.calls` in a host of its own; return its JSON result.

        The future raises what the function raised when that is a PenstockError, ConnectError for
        anything else and for a host that died, TimedOutError after ``timeout_s`` (the host is
        killed then), ConflictError when too many calls wait or the worker shuts down.
        """
        future: Future[Any] = Future()
        if self._closed.is_set():
            future.set_exception(ConflictError("the worker is shutting down"))
        else:
            self._loop.post(lambda: self._calls.call(call, timeout_s, future))
        return future

    def read_offsets(self, connector: str) -> Future[Any]:
        """Return all source offsets of a connector, as pairs of partition and offset."""
        return self._offsets.ask(lambda offsets: offsets.all(connector))

    def write_offsets(self, connector: str, offsets: Any | None) -> Future[Any]:
        """Store source offsets; None in a pair forgets it, None alone forgets all."""

        def write(store: ConnectorOffsets) -> None:
            pairs = offsets
            if pairs is None:
                pairs = [(partition, None) for partition, _ in store.all(connector)]
            store.save(connector, pairs)

        return self._offsets.ask(write)

    def close(self, timeout_s: float) -> None:
        """End all hosts in good order, by force after ``timeout_s``, and release everything.

        A second call, while the first is under way, can only shorten the time. Not to be called
        on the supervisor's thread.
        """
        with self._closing:
            is_first = not self._closed.is_set()
            self._closed.set()
        self._loop.post(lambda: self._stop_all(timeout_s))
        if not is_first:
            self._done.wait(timeout_s + CLOSE_MARGIN_S)
            return
        if not self._idle.wait(timeout_s + CLOSE_MARGIN_S):
            log.error("hosts are left that could not be ended")
        self._loop.stop(CLOSE_MARGIN_S)
        self._launcher.close(CLOSE_MARGIN_S)
        self._offsets.close(CLOSE_MARGIN_S)
        self._done.set()

    def _stop_all(self, timeout_s: float) -> None:
        self._calls.close()
        self._supervisor.stop_all(int(timeout_s * 1000))
        self._look_idle()

    def _look_idle(self) -> None:
        if not self._closed.is_set() or not (self._supervisor.is_idle and self._calls.is_idle):
            return
        if self._sharing is None or self._sharing.is_idle:
            self._idle.set()

    def _tell(self, key: HostKey, incarnation: int, event: Event | HostExited) -> None:
        try:
            self.on_event(key, incarnation, event)
        except Exception:
            # The host's other events, and the other hosts, must be heard still.
            log.exception("the listener failed on %s of %s", type(event).__name__, key)


def _nobody(key: HostKey, incarnation: int, event: Event | HostExited) -> None:
    """Hear of hosts before anybody wants to."""
