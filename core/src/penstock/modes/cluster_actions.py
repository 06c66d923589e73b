"""Carries out what the herder of a cluster decides, beside starting and stopping hosts."""

from __future__ import annotations

import concurrent.futures
import json
import logging
import secrets
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final
from urllib.parse import quote

import attrs
import httpx

from penstock.errors import (
    BadRequestError,
    ConfigError,
    ConflictError,
    ConnectError,
    RetriableError,
)
from penstock.modes.cluster_parts import Topics
from penstock.rest.signatures import signature_headers
from penstock.runtime.clock import Clock
from penstock.runtime.cluster_settings import ClusterSettings
from penstock.runtime.herder.cluster.actions import (
    AskFence,
    CatchUp,
    ClaimWrites,
    EndLeases,
    FenceProducers,
    GrantLease,
    LeaveGroup,
    MakeSessionKey,
    PublishTasks,
    Rejoin,
    Release,
    SetLevel,
    Wake,
    WriteConfig,
    WriteStatus,
    WriteTopicUse,
)
from penstock.runtime.herder.cluster.events import (
    Allocation,
    FenceTold,
    ProducersFenced,
    Published,
    Written,
)
from penstock.runtime.herder.state import Action
from penstock.runtime.host.messages import Call
from penstock.runtime.membership import Membership
from penstock.runtime.storage.config_records import SessionKey

__all__ = ["ClusterActions"]

log = logging.getLogger(__name__)

PUBLISH_TIMEOUT_S: Final = 60.0
FENCE_TIMEOUT_S: Final = 90.0
"""To fence the producers of all tasks of a connector."""
PUBLISHERS: Final = 2
"""Threads that hand task configurations to the leader."""
_KEY_BYTES: Final = {"HmacSHA1": 20, "HmacSHA224": 28, "HmacSHA256": 32, "HmacSHA384": 48}


@attrs.define
class ClusterActions:
    """Called by: the herder's thread; nothing here blocks it.

    Attributes:
        set_logger: sets a level here and in all hosts.
        post: hands an event to the herder.
        release: tells the group's logic what runs here no more.
        grant: lets the hosts send until a time (monotonic).
        bar: lets the hosts that live now send no more.
        wake_at: has the herder told the time at a time (monotonic seconds).
        peer_tls: gives the TLS context for other workers.
        call: runs one function in a host of its own.
        worker: the worker's properties.
    """

    settings: ClusterSettings
    topics: Topics
    membership: Membership
    set_logger: Callable[[str, str], object]
    post: Callable[[Any], None]
    release: Callable[[Allocation], None]
    grant: Callable[[float], None]
    bar: Callable[[], None]
    wake_at: Callable[[float], None]
    clock: Clock
    peer_tls: Callable[[], ssl.SSLContext]
    call: Callable[[Call, float], Future[Any]]
    worker: Mapping[str, str]
    _pool: concurrent.futures.ThreadPoolExecutor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(PUBLISHERS, "publish-tasks")

    def carry_out(self, action: Action) -> None:
        """Carry out one action."""
        _TABLE[type(action)](self, action)

    def write_config(self, action: WriteConfig) -> None:
        """Write to the config topic; the herder hears when it is read back."""
        self.topics.config.write(
            action.groups, lambda problem: self.post(Written(action.write, problem))
        )

    def write_status(self, action: WriteStatus) -> None:
        """Write to the status topic."""
        self.topics.status.write(action.key, action.status)

    def claim_writes(self, action: ClaimWrites) -> None:
        """Be the only one who writes what leaders write."""
        self.topics.config.claim()

    def catch_up(self, action: CatchUp) -> None:
        """Read the config topic to its end."""
        self.topics.config.catch_up()

    def rejoin(self, action: Rejoin) -> None:
        """Join the group again."""
        self.membership.rejoin()

    def give_up(self, action: Release) -> None:
        """Tell that hosts are gone."""
        self.release(action.given_up)

    def leave(self, action: LeaveGroup) -> None:
        """Leave the group for a while."""
        self.membership.leave(action.backoff_ms / 1000)

    def make_key(self, action: MakeSessionKey) -> None:
        """Draw a session key and write it."""
        own = self.settings
        algorithm = own.inter_worker_key_generation_algorithm
        size = (own.inter_worker_key_size or 0) // 8 or _KEY_BYTES.get(algorithm, 64)
        key = SessionKey(secrets.token_bytes(size), algorithm, self.clock.now_ms())
        self.topics.config.write([[key]], _tell_problem)

    def grant_lease(self, action: GrantLease) -> None:
        """Let the hosts go on."""
        self.grant(action.until_s)

    def end_leases(self, action: EndLeases) -> None:
        """Let the hosts that live now send no more."""
        self.bar()

    def write_topic_use(self, action: WriteTopicUse) -> None:
        """Write to the status topic which topics a connector uses."""
        self.topics.status.write_topic_use(action.key, action.use)

    def set_level(self, action: SetLevel) -> None:
        """Set a logger's level."""
        try:
            self.set_logger(action.logger, action.level)
        except BadRequestError as problem:
            log.warning("the level of logger '%s' is not set: %s", action.logger, problem)

    def wake(self, action: Wake) -> None:
        """Have the herder hear of that time when it comes, not some time after."""
        self.wake_at(action.at_ms / 1000)

    def publish(self, action: PublishTasks) -> None:
        """Hand task configurations to the leader, on a thread of the pool."""
        self._pool.submit(self._publish, action)

    def _publish(self, action: PublishTasks) -> None:
        try:
            body = json.dumps([dict(one) for one in action.configs]).encode()
            headers = {"Content-Type": "application/json", **self._signature(body)}
            path = f"connectors/{quote(action.name, safe='')}/tasks"
            answer = httpx.post(
                f"{action.url}{path}",
                content=body,
                headers=headers,
                timeout=PUBLISH_TIMEOUT_S,
                trust_env=False,
                verify=self.peer_tls() if action.url.startswith("https:") else True,
            )
            problem = None if answer.is_success else f"{answer.status_code} {answer.text[:500]}"
        except (httpx.HTTPError, ConfigError) as error:
            problem = f"{type(error).__name__} {error}"
        if problem is not None:
            log.warning(
                "the leader at %s did not take the tasks of connector %s, trying again: %s",
                action.url,
                action.name,
                problem,
            )
        self.post(Published(action.name, problem))

    def ask_fence(self, action: AskFence) -> None:
        """Ask the leader to fence older tasks, on a thread of the pool."""
        self._pool.submit(self._ask_fence, action)

    def _ask_fence(self, action: AskFence) -> None:
        error: Exception | None = None
        try:
            answer = httpx.put(
                f"{action.url}connectors/{quote(action.name, safe='')}/fence",
                headers=dict(self._signature(b"")),
                timeout=FENCE_TIMEOUT_S,
                trust_env=False,
                verify=self.peer_tls() if action.url.startswith("https:") else True,
            )
            if answer.status_code == httpx.codes.CONFLICT:
                error = ConflictError(answer.text[:500])
            elif not answer.is_success:
                error = ConnectError(f"the leader answers {answer.status_code} {answer.text[:500]}")
        except httpx.HTTPError as problem:
            error = RetriableError(f"{type(problem).__name__} {problem}")
        except ConfigError as problem:
            error = problem
        if error is not None:
            log.warning(
                "the leader at %s did not fence older tasks of connector %s, trying again: %s",
                action.url,
                action.name,
                error,
            )
        self.post(FenceTold(action.name, action.generation, error))

    def fence_producers(self, action: FenceProducers) -> None:
        """Fence producers in a host of its own: secrets of their configuration stay there."""
        arguments = {
            "config": dict(action.config),
            "worker": dict(self.worker),
            "tasks": action.tasks,
        }
        log.info("fencing %d older tasks of connector %s", action.tasks, action.name)
        answer = self.call(Call("fence_tasks", arguments), FENCE_TIMEOUT_S)

        def answered(done: Future[Any]) -> None:
            problem = done.exception()
            if problem is not None and not isinstance(problem, Exception):
                problem = ConnectError(str(problem))
            self.post(ProducersFenced(action.name, problem))

        answer.add_done_callback(answered)

    def _signature(self, body: bytes) -> Mapping[str, str]:
        key = self.topics.config.snapshot.session_key
        if key is None:
            return {}
        return signature_headers(key, self.settings.inter_worker_signature_algorithm, body)

    def close(self) -> None:
        """Begin no more work."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _tell_problem(problem: Exception | None) -> None:
    if problem is not None:
        log.error("the new session key is not written: %s", problem)


_TABLE: Final[Mapping[type[Any], Callable[[ClusterActions, Any], None]]] = {
    WriteConfig: ClusterActions.write_config,
    WriteStatus: ClusterActions.write_status,
    CatchUp: ClusterActions.catch_up,
    EndLeases: ClusterActions.end_leases,
    GrantLease: ClusterActions.grant_lease,
    WriteTopicUse: ClusterActions.write_topic_use,
    Rejoin: ClusterActions.rejoin,
    Release: ClusterActions.give_up,
    LeaveGroup: ClusterActions.leave,
    MakeSessionKey: ClusterActions.make_key,
    SetLevel: ClusterActions.set_level,
    Wake: ClusterActions.wake,
    PublishTasks: ClusterActions.publish,
    ClaimWrites: ClusterActions.claim_writes,
    AskFence: ClusterActions.ask_fence,
    FenceProducers: ClusterActions.fence_producers,
}
