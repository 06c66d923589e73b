"""A worker of a cluster: it joins a group and shares connectors and tasks with the others.

(source: ConnectDistributed, DistributedHerder)
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
from penstock.errors import PenstockError, StartupError
from penstock.modes.addresses import advertised, shown_url
from penstock.modes.cluster_actions import ClusterActions
from penstock.modes.cluster_group import ConnectGroup
from penstock.modes.cluster_parts import Topics, open_topics
from penstock.modes.peers import PeerTls
from penstock.runtime.clock import Clock, SystemClock
from penstock.runtime.cluster_settings import ClusterSettings
from penstock.runtime.herder.cluster.events import Left, Tick
from penstock.runtime.herder.cluster.herder import ClusterHerder
from penstock.runtime.herder.cluster.state import ClusterLimits
from penstock.runtime.herder.driver import HerderDriver
from penstock.runtime.host.messages import Call
from penstock.runtime.host.messages import Event as HostEvent
from penstock.runtime.membership import Membership
from penstock.runtime.model import ConnectorType, TaskId
from penstock.runtime.override_policies import check_policy
from penstock.runtime.plugins import registry
from penstock.runtime.worker import HostExited, Worker

if TYPE_CHECKING:
    from penstock.rest.server import BoundListener

__all__ = ["ClusterWorker", "run_distributed"]

log = logging.getLogger(__name__)

KAFKA_VERSION: Final = "4.3.1"
CLUSTER_TIMEOUT_S: Final = 15.0
CALL_TIMEOUT_S: Final = 90.0
CLOSE_MARGIN_S: Final = 2.0
LEAVE_TIMEOUT_S: Final = 3.0


@attrs.define
class _Parts:
    """What a running worker is made of."""

    topics: Topics
    worker: Worker
    driver: HerderDriver
    group: ConnectGroup
    membership: Membership
    actions: ClusterActions


class ClusterWorker:
    """Owner: the main thread, on which the REST server's event loop runs."""

    def __init__(
        self, settings: ClusterSettings, raw: Mapping[str, str], clock: Clock | None = None
    ) -> None:
        """``raw`` are the worker's properties as texts, handed on to the hosts."""
        self._settings = settings
        self._raw = dict(raw)
        self._clock = clock or SystemClock()
        self._stop = asyncio.Event()
        self._peer_tls = PeerTls(self._raw)
        self.url = ""

    async def run(self, on_ready: Callable[[ClusterWorker], None]) -> int:
        """Serve until a signal comes; return the exit code.

        Raises:
            StartupError: the broker is away, a topic is unfit, a port is taken.
        """
        from penstock.modes.serving import bind_all  # noqa: PLC0415 - not at import

        sockets = bind_all(self._settings.listeners, self._raw)
        parts: _Parts | None = None
        try:
            parts = await asyncio.to_thread(self._open, sockets)
            return await self._serve(parts, sockets, on_ready)
        except PenstockError as problem:
            raise StartupError(str(problem)) from problem
        finally:
            if parts is not None:
                await asyncio.to_thread(self._close, parts)
            for one in sockets:
                one.close()

    def _open(self, bound: Sequence[BoundListener]) -> _Parts:
        own = self._settings
        address = advertised(
            bound,
            own.rest_advertised_host_name,
            own.rest_advertised_port,
            own.rest_advertised_listener,
        )
        worker_id, url = address.id, address.url
        if address.scheme == "https":
            self._peer_tls()  # the others are likely so too: what is wrong is told now
        drivers: list[HerderDriver] = []  # made last, of what must know it

        def post(event: Any) -> None:
            drivers[0].post(event)

        def wake_at(time_s: float) -> None:
            drivers[0].wake_at(time_s)

        topics = open_topics(own, self._raw, post)
        worker = Worker(
            store=topics.offsets,
            isolation=own.task_isolation,
            processes_max=own.task_processes_max,
            worker=self._raw,
        )
        group = ConnectGroup(own, url, topics.config, post, self._clock)
        membership = group.membership(self._raw)
        actions = ClusterActions(
            settings=own,
            topics=topics,
            membership=membership,
            set_logger=worker.set_level,
            post=post,
            release=group.release,
            grant=worker.grant,
            bar=worker.end_leases,
            wake_at=wake_at,
            clock=self._clock,
            peer_tls=self._peer_tls,
            call=worker.call,
            worker=self._raw,
        )
        topics.offsets.may_write = group.has_lease
        driver = HerderDriver(
            ClusterHerder(worker_id, url, type_of=_type_of, limits=self._limits()),
            worker,
            worker_config=self._raw,
            stop_timeout_ms=own.task_shutdown_graceful_timeout_ms,
            more=actions.carry_out,
            ticks=lambda: Tick(int(self._clock.monotonic_s() * 1000), self._clock.now_ms()),
            clock=self._clock,
        )
        drivers.append(driver)
        worker.on_event = _listener(driver)
        return _Parts(topics, worker, driver, group, membership, actions)

    def _limits(self) -> ClusterLimits:
        own = self._settings
        return ClusterLimits(
            sync_timeout_ms=own.worker_sync_timeout_ms,
            unsync_backoff_ms=own.worker_unsync_backoff_ms,
            key_ttl_ms=own.inter_worker_key_ttl_ms,
            key_algorithm=own.inter_worker_key_generation_algorithm,
            topic_tracking=own.topic_tracking_enable,
            exactly_once=own.exactly_once_source_support == "enabled",
            fences_leaders=own.exactly_once_source_support != "disabled",
        )

    async def _serve(
        self,
        parts: _Parts,
        sockets: list[BoundListener],
        on_ready: Callable[[ClusterWorker], None],
    ) -> int:
        from penstock.modes.serving import Servers  # noqa: PLC0415 - not at import

        cluster_id = await asyncio.to_thread(parts.topics.admin.cluster_id, CLUSTER_TIMEOUT_S)
        service = self._service(parts, cluster_id)
        server = Servers(self._settings, service, sockets, self._clock, self._raw)
        self.url = shown_url(sockets[0])
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.stop)
        parts.driver.start()
        serving = asyncio.create_task(server.serve(lambda: None))
        starting = asyncio.create_task(self._start(parts, on_ready))
        stopped = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait(
            {serving, stopped, starting}, return_when=asyncio.FIRST_COMPLETED
        )
        if starting in done and starting.exception() is None:
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        server.stop()
        await serving
        starting.cancel()
        if starting.done() and not starting.cancelled():
            starting.result()
        return 0

    async def _start(self, parts: _Parts, on_ready: Callable[[ClusterWorker], None]) -> None:
        """Read the internal topics to their ends, then join the group."""
        await asyncio.to_thread(parts.topics.start)
        parts.membership.start()
        on_ready(self)

    def _service(self, parts: _Parts, cluster_id: str) -> Any:
        from penstock.rest.service import (  # noqa: PLC0415 - see above
            ClusterAccess,
            Quarantine,
            RestService,
        )

        def call(function: str, arguments: Mapping[str, Any]) -> Future[Any]:
            given = {**arguments, "worker": self._raw}
            return parts.worker.call(Call(function, given), CALL_TIMEOUT_S)

        return RestService(
            submit=parts.driver.submit,
            call=call,
            list_plugins=registry().rest_listing,
            levels=parts.worker.levels,
            set_level=parts.worker.set_level,
            version=KAFKA_VERSION,
            commit=f"penstock-{__version__}",
            cluster_id=cluster_id,
            topic_tracking=self._settings.topic_tracking_enable,
            topic_tracking_reset=self._settings.topic_tracking_allow_reset,
            quarantine=lambda: Quarantine(
                sum(one.unreadable_count for one in (parts.topics.config, parts.topics.status)),
                [
                    attrs.asdict(one)
                    for one in (*parts.topics.config.ignored, *parts.topics.status.ignored)
                ],
            ),
            cluster=ClusterAccess(
                session_key=lambda: parts.topics.config.snapshot.session_key,
                is_signed=lambda: parts.group.is_signed,
                algorithms=frozenset(self._settings.inter_worker_verification_algorithms),
                peer_tls=self._peer_tls,
            ),
        )

    def _close(self, parts: _Parts) -> None:
        """Stop the hosts, whose offsets are flushed, then leave: others go on from there."""
        parts.driver.post(Left("this worker shuts down"))
        parts.worker.close(self._settings.task_shutdown_graceful_timeout_ms / 1000)
        parts.membership.close(LEAVE_TIMEOUT_S)
        parts.driver.close(CLOSE_MARGIN_S)
        parts.actions.close()
        parts.topics.close()

    def stop(self) -> None:
        """End :meth:`run` in good order; call on the event loop's thread."""
        self._stop.set()


def _listener(driver: HerderDriver) -> Callable[[Any, int, Any], None]:
    def on_event(key: str | TaskId, incarnation: int, event: HostEvent | HostExited) -> None:
        if isinstance(event, HostExited):
            driver.host_exited(key, incarnation, event.reason)
        else:
            driver.host_event(key, incarnation, event)

    return on_event


def _type_of(config: Mapping[str, str]) -> ConnectorType:
    """Tell source from sink by the metadata of what is installed; imports no plugin."""
    try:
        found = registry().resolve("connectors", config.get("connector.class", ""))
    except PenstockError:
        return ConnectorType.UNKNOWN
    known = found.rest_type in ("source", "sink")
    return ConnectorType(found.rest_type) if known else ConnectorType.UNKNOWN


def run_distributed(
    raw: Mapping[str, str],
    *,
    source: str = "worker properties",
    on_ready: Callable[[ClusterWorker], None] = lambda _: None,
) -> int:
    """Run a worker of a cluster until a signal comes; return its exit code.

    Args:
        raw: the worker's properties.
        source: where they come from, for messages.
        on_ready: called on the event loop's thread once the config topic is read.

    Raises:
        ConfigError: worker properties that are wrong, all of them.
        StartupError: it cannot start.
    """
    settings = ClusterSettings.parse(raw, who=source)
    check_policy(raw, who=source)

    async def main() -> int:
        return await ClusterWorker(settings, raw).run(on_ready)

    return asyncio.run(main())
