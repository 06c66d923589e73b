"""A standalone worker: one process tree, connectors from files and from REST.

(source: ConnectStandalone, StandaloneHerder)
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

import attrs

from penstock import __version__
from penstock.errors import PenstockError, StartupError, StorageError
from penstock.modes.addresses import advertised, shown_url
from penstock.runtime.clock import SystemClock
from penstock.runtime.files import ConnectorFile
from penstock.runtime.herder.asked import Tick
from penstock.runtime.herder.commands import PutConnector
from penstock.runtime.herder.driver import HerderDriver
from penstock.runtime.herder.standalone import StandaloneHerder
from penstock.runtime.host.messages import Call
from penstock.runtime.host.messages import Event as HostEvent
from penstock.runtime.model import TaskId
from penstock.runtime.offsets.file_store import FileOffsetStore
from penstock.runtime.override_policies import check_policy
from penstock.runtime.settings import StandaloneSettings
from penstock.runtime.worker import HostExited, Worker

if TYPE_CHECKING:
    from penstock.rest.server import BoundListener

__all__ = ["StandaloneWorker", "run_standalone"]

log = logging.getLogger(__name__)

KAFKA_VERSION: Final = "4.3.1"
"""The Kafka Connect whose API this is; clients read it from ``GET /`` and choose features by it."""
CLUSTER_TIMEOUT_S: Final = 15.0
CALL_TIMEOUT_S: Final = 90.0
CLOSE_MARGIN_S: Final = 2.0


@attrs.define
class _Parts:
    """What a running worker is made of."""

    worker: Worker
    driver: HerderDriver
    sockets: list[BoundListener]


class StandaloneWorker:
    """Owner: the main thread, on which the REST server's event loop runs."""

    def __init__(self, settings: StandaloneSettings, raw: Mapping[str, str]) -> None:
        """``raw`` are the worker's properties as texts, handed on to the hosts."""
        self._settings = settings
        self._raw = dict(raw)
        self._stop = asyncio.Event()
        self._failure: PenstockError | None = None
        self.url = ""

    async def run(
        self, connectors: Sequence[ConnectorFile], on_ready: Callable[[StandaloneWorker], None]
    ) -> int:
        """Serve until a signal comes; return the exit code.

        Raises:
            StartupError: the broker is away, a port is taken, a connector file is refused.
        """
        try:
            store = FileOffsetStore(self._settings.offset_storage_file_filename)
        except StorageError as problem:
            raise StartupError(str(problem)) from problem
        # First of all: its imports take as long as ours, so they overlap.
        own = self._settings
        worker = Worker(
            store=store,
            isolation=own.task_isolation,
            processes_max=own.task_processes_max,
            worker=self._raw,
        )
        try:
            return await self._serve(worker, connectors, on_ready)
        finally:
            await asyncio.to_thread(worker.close, self._grace_s)

    @property
    def _grace_s(self) -> float:
        return self._settings.task_shutdown_graceful_timeout_ms / 1000

    async def _serve(
        self,
        worker: Worker,
        connectors: Sequence[ConnectorFile],
        on_ready: Callable[[StandaloneWorker], None],
    ) -> int:
        cluster = worker.call(Call("cluster_id", {"worker": self._raw}), CLUSTER_TIMEOUT_S)
        # Imported while the call is under way.
        from penstock.modes.serving import bind_all  # noqa: PLC0415

        sockets = bind_all(self._settings.listeners, self._raw)
        parts = _Parts(worker, self._driver(worker, sockets), sockets)
        parts.driver.start()
        try:
            return await self._answer(parts, cluster, connectors, on_ready)
        finally:
            await asyncio.to_thread(parts.driver.close, CLOSE_MARGIN_S)
            for one in sockets:
                one.close()

    def _driver(self, worker: Worker, bound: Sequence[BoundListener]) -> HerderDriver:
        own, clock = self._settings, SystemClock()
        driver = HerderDriver(
            StandaloneHerder(
                advertised(
                    bound,
                    own.rest_advertised_host_name,
                    own.rest_advertised_port,
                    own.rest_advertised_listener,
                ).id
            ),
            worker,
            worker_config=self._raw,
            stop_timeout_ms=self._settings.task_shutdown_graceful_timeout_ms,
            ticks=lambda: Tick(int(clock.monotonic_s() * 1000), clock.now_ms()),
        )

        def on_event(key: str | TaskId, incarnation: int, event: HostEvent | HostExited) -> None:
            if isinstance(event, HostExited):
                driver.host_exited(key, incarnation, event.reason)
            else:
                driver.host_event(key, incarnation, event)

        worker.on_event = on_event
        return driver

    async def _answer(
        self,
        parts: _Parts,
        cluster: Future[Any],
        connectors: Sequence[ConnectorFile],
        on_ready: Callable[[StandaloneWorker], None],
    ) -> int:
        from penstock.modes.serving import Servers  # noqa: PLC0415 - see above
        from penstock.rest.service import RestService  # noqa: PLC0415 - see above
        from penstock.runtime.plugins import registry  # noqa: PLC0415 - see above

        try:
            cluster_id = await asyncio.wrap_future(cluster)
        except PenstockError as problem:
            raise StartupError(str(problem)) from problem

        def call(function: str, arguments: Mapping[str, Any]) -> Future[Any]:
            given = {**arguments, "worker": self._raw}
            return parts.worker.call(Call(function, given), CALL_TIMEOUT_S)

        service = RestService(
            submit=parts.driver.submit,
            call=call,
            list_plugins=registry().rest_listing,
            levels=parts.worker.levels,
            set_level=parts.worker.set_level,
            version=KAFKA_VERSION,
            commit=f"penstock-{__version__}",
            cluster_id=str(cluster_id),
            topic_tracking=self._settings.topic_tracking_enable,
            topic_tracking_reset=self._settings.topic_tracking_allow_reset,
        )
        server = Servers(self._settings, service, parts.sockets, SystemClock(), self._raw)
        self.url = shown_url(parts.sockets[0])
        self.submit = parts.driver.submit
        self._listen_to_signals()
        serving = asyncio.create_task(server.serve(lambda: on_ready(self)))
        deploying = asyncio.create_task(self._deploy(parts.driver, connectors))
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        deploying.cancel()
        server.stop()
        await serving
        if self._failure is not None:
            raise self._failure
        return 0

    async def _deploy(self, driver: HerderDriver, connectors: Sequence[ConnectorFile]) -> None:
        """Create the connectors of the files; one that is refused ends the worker."""
        for connector in connectors:
            command = PutConnector(
                connector.name, connector.config, replace=True, target=connector.target
            )
            try:
                await asyncio.wrap_future(driver.submit(command))
            except PenstockError as problem:
                self._failure = StartupError(f"{connector.path}: {problem}")
                self._stop.set()
                return
            log.info("created connector %s from %s", connector.name, connector.path)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)

    def stop(self) -> None:
        """End :meth:`run` in good order; call on the event loop's thread."""
        self._stop.set()


def run_standalone(
    raw: Mapping[str, str],
    connectors: Sequence[ConnectorFile],
    *,
    source: str = "worker properties",
    on_ready: Callable[[StandaloneWorker], None] = lambda _: None,
) -> int:
    """Run a standalone worker until a signal comes; return its exit code.

    Args:
        raw: the worker's properties.
        connectors: created once the REST API answers.
        source: where the properties come from, for messages.
        on_ready: called on the event loop's thread once the REST API answers.

    Raises:
        ConfigError: worker properties that are wrong, all of them.
        StartupError: it cannot start.
    """
    settings = StandaloneSettings.parse(raw, who=source)
    check_policy(raw, who=source)

    async def main() -> int:
        return await StandaloneWorker(settings, raw).run(connectors, on_ready)

    return asyncio.run(main())
