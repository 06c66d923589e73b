"""A member's requests to the coordinator of its group, by kafka-python's protocol and network.

Only the requests: what a member decides by the answers stands in ``runtime/group``. Every call is
bounded in time. kafka-python's own coordinator is not used: it would decide for us, and its joins
cannot be given up. (source: AbstractCoordinator)
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
from kafka import errors as kafka_errors
from kafka.future import Future
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.protocol.consumer import (
    HeartbeatRequest,
    JoinGroupRequest,
    LeaveGroupRequest,
    SyncGroupRequest,
)
from kafka.protocol.metadata import CoordinatorType, FindCoordinatorRequest

from penstock.errors import BrokerError, RetriableError
from penstock.runtime.secure_stores.causes import explained

__all__ = ["Coordinates", "GroupAnswer", "GroupClient", "JoinAnswer", "PendingAnswer"]

log = logging.getLogger(__name__)

PROTOCOL_TYPE: Final = "connect"
JOIN_MARGIN_MS: Final = 5_000
CLOSE_TIMEOUT_MS: Final = 2_000
GUESS: Final = "the broker ended the connection during"
GUESS_S: Final = 1.5
"""So long another try may tell more than a guess."""
LOOK_MS: Final = 200
"""So often it is seen whether a broker refused us."""


@attrs.frozen
class Coordinates:
    """How to be a member: the group and its times."""

    group_id: str
    client_id: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    request_timeout_ms: int = 40_000


@attrs.frozen
class GroupAnswer:
    """``error`` is the name of Kafka's error class, None when the request was served."""

    error: str | None = None


@attrs.frozen
class JoinAnswer(GroupAnswer):
    """The answer to a join; ``members`` with their metadata are told to the leader only."""

    member_id: str = ""
    generation: int = -1
    leader_id: str = ""
    protocol: str = ""
    members: Mapping[str, bytes] = attrs.field(factory=dict)


class PendingAnswer:
    """A request under way; asked in short waits, so that its caller can be stopped."""

    def __init__(self, client: GroupClient, future: Future) -> None:
        self._client = client
        self._future = future

    def wait(self, timeout_ms: int) -> Any | None:
        """Return the response, or None when there is none yet.

        Raises:
            RetriableError: the coordinator is away.
        """
        try:
            return self._client.await_future(self._future, timeout_ms)
        except kafka_errors.KafkaTimeoutError:
            if self._future.is_done:
                raise RetriableError("the group's coordinator did not answer in time") from None
            return None


class _Manager(KafkaConnectionManager):  # type: ignore[misc]  # it has no types
    """kafka-python's, which remembers why the last connection ended: its errors do not tell."""

    last_problem = ""

    def get_connection(self, node_id: Any, *more: Any, **named: Any) -> Any:
        """Return a connection to a broker."""
        known = node_id in self._conns
        found = super().get_connection(node_id, *more, **named)
        if not known:
            found.init_future.add_errback(lambda problem: self._note_refusal(problem, found))
            found.close_future.add_errback(self._note)
        return found

    def _note_refusal(self, problem: object, connection: Any) -> None:
        text = str(problem)
        if connection.sasl_enabled and "socket disconnected" in text:
            # The broker's last word gets lost when the end of the connection comes along with it.
            how = f"SASL {self.config['sasl_mechanism']}"
            text = f"{text}: {GUESS} {how} authentication"
        self._note(text)

    def _note(self, problem: object) -> None:
        text = str(problem)
        # A broker closes some connections without a word after it has refused one.
        # What is only guessed does not take the place of what was told.
        if (explained(text) and GUESS not in text) or not explained(self.last_problem):
            self.last_problem = text

    def told(self, problem: object) -> str:
        """Return what is wrong, and, where it is known, why and what to do."""
        text = str(problem)
        last = self.last_problem
        if last and last not in text:
            text = f"{text} ({last})"
        cause = explained(text)
        return f"{text}; {cause}" if cause else text


class GroupClient:
    """Speaks to one group's coordinator. Owner: the membership's thread.

    kafka-python's network loop runs on a thread of its own (``kafka-net``), all the time: a member
    whose answers are not read is expelled.
    """

    def __init__(self, where: Coordinates, settings: Mapping[str, Any]) -> None:
        """``settings`` are kafka-python's: bootstrap_servers and security."""
        self._where = where
        self._net = NetworkSelector(**settings)
        self._manager = _Manager(
            self._net,
            client_id=where.client_id,
            request_timeout_ms=where.request_timeout_ms,
            **settings,
        )
        self._net.start()
        self._coordinator: Any = None

    def await_future(self, future: Future, timeout_ms: int) -> Any:
        """Return the result of a request; raises KafkaTimeoutError when it is not there in time."""
        try:
            return self._manager.run(self._manager.wait_for, future, timeout_ms)
        except kafka_errors.KafkaTimeoutError:
            raise
        except kafka_errors.KafkaError as problem:
            if not isinstance(problem, kafka_errors.RetriableError):
                told = self._manager.told(problem)
                raise BrokerError(f"the group's coordinator refused: {told}") from problem
            self.forget_coordinator()
            told = self._manager.told(problem)
            raise RetriableError(f"the group's coordinator is away: {told}") from problem

    def find_coordinator(self, timeout_ms: int) -> None:
        """Find who coordinates the group; does nothing when that is known.

        Raises:
            RetriableError: nobody answered, or nobody coordinates yet.
            BrokerError: the group may not be used.
        """
        if self._coordinator is not None:
            return
        try:
            if not self._manager.bootstrapped:
                self._bootstrap(timeout_ms)
            group = self._where.group_id
            request = FindCoordinatorRequest(key=group, key_type=0, coordinator_keys=[group])
            answer = self.await_future(self._manager.send(request), timeout_ms)
        except (kafka_errors.KafkaError, OSError) as problem:
            told = self._manager.told(problem)
            raise RetriableError(f"no broker answers: {told}") from problem
        self._manager.last_problem = ""
        found = answer.coordinators[0] if answer.coordinators else answer
        error = _name(found.error_code)
        if error == "GroupAuthorizationFailedError":
            raise BrokerError(f"not allowed to use group '{group}'; grant READ on it")
        if error is not None:
            raise RetriableError(f"group '{group}' has no coordinator yet: {error}")
        cluster = self._manager.cluster
        self._coordinator = cluster.add_coordinator(found, CoordinatorType.GROUP, group)

    def _bootstrap(self, timeout_ms: int) -> None:
        """Find the cluster; gives up as soon as a broker says why it does not let us in."""
        began_s = time.monotonic()
        self._manager.last_problem = ""
        found = self._manager.bootstrap_async(timeout_ms=timeout_ms)
        while True:
            try:
                self._manager.run(self._manager.wait_for, found, LOOK_MS)
            except kafka_errors.KafkaTimeoutError:
                if found.succeeded():  # between our time-out and here
                    return
                told, taken_s = self._manager.last_problem, time.monotonic() - began_s
                if explained(told) and (GUESS not in told or taken_s > GUESS_S):
                    raise kafka_errors.KafkaConnectionError(told) from None
                if found.is_done or taken_s > timeout_ms / 1000:
                    raise
            else:
                return

    def forget_coordinator(self) -> None:
        """Look for the coordinator anew at the next request."""
        self._coordinator = None

    def _send(self, request: Any, timeout_ms: int) -> Future:
        return self._manager.send(request, node_id=self._coordinator, request_timeout_ms=timeout_ms)

    def _ask(self, request: Any) -> Any:
        timeout_ms = self._where.request_timeout_ms
        try:
            return self.await_future(self._send(request, timeout_ms), timeout_ms)
        except kafka_errors.KafkaTimeoutError as problem:
            self.forget_coordinator()
            raise RetriableError("the group's coordinator did not answer in time") from problem

    def join(self, member_id: str, protocols: Sequence[tuple[str, bytes]]) -> PendingAnswer:
        """Join; the coordinator answers when all members have, or their time is over."""
        where = self._where
        request = JoinGroupRequest(
            group_id=where.group_id,
            session_timeout_ms=where.session_timeout_ms,
            rebalance_timeout_ms=where.rebalance_timeout_ms,
            member_id=member_id,
            group_instance_id=None,
            protocol_type=PROTOCOL_TYPE,
            protocols=list(protocols),
            max_version=7,
        )
        timeout_ms = max(where.request_timeout_ms, where.rebalance_timeout_ms + JOIN_MARGIN_MS)
        return PendingAnswer(self, self._send(request, timeout_ms))

    @staticmethod
    def joined(response: Any) -> JoinAnswer:
        """Return what a response to :meth:`join` says."""
        return JoinAnswer(
            error=_name(response.error_code),
            member_id=response.member_id or "",
            generation=response.generation_id,
            leader_id=response.leader or "",
            protocol=response.protocol_name or "",
            members={one.member_id: bytes(one.metadata) for one in response.members or ()},
        )

    def sync(self, joined: JoinAnswer, assignments: Mapping[str, bytes]) -> PendingAnswer:
        """Hand out (the leader) and get an assignment."""
        request = SyncGroupRequest(
            group_id=self._where.group_id,
            generation_id=joined.generation,
            member_id=joined.member_id,
            group_instance_id=None,
            protocol_type=PROTOCOL_TYPE,
            protocol_name=joined.protocol,
            assignments=list(assignments.items()),
            max_version=5,
        )
        return PendingAnswer(self, self._send(request, self._where.request_timeout_ms))

    @staticmethod
    def synced(response: Any) -> tuple[str | None, bytes]:
        """Return the error's name and the assignment of a response to :meth:`sync`."""
        return _name(response.error_code), bytes(response.assignment or b"")

    def heartbeat(self, generation: int, member_id: str) -> GroupAnswer:
        """Say that this member lives; raises RetriableError when nobody hears."""
        request = HeartbeatRequest(
            group_id=self._where.group_id,
            generation_id=generation,
            member_id=member_id,
            group_instance_id=None,
        )
        return GroupAnswer(_name(self._ask(request).error_code))

    def leave(self, member_id: str, timeout_ms: int) -> None:
        """Leave at once, so that nobody waits for a session to end; never raises."""
        if self._coordinator is None or not member_id:
            return
        request = LeaveGroupRequest(
            group_id=self._where.group_id,
            member_id=member_id,
            members=[LeaveGroupRequest.MemberIdentity(member_id=member_id, group_instance_id=None)],
            max_version=4,
        )
        try:
            self.await_future(self._send(request, timeout_ms), timeout_ms)
        except (kafka_errors.KafkaError, RetriableError, BrokerError) as problem:
            log.warning("could not leave the group, its session will end: %s", problem)

    def close(self) -> None:
        """Release everything; later calls do nothing."""
        with contextlib.suppress(Exception):
            self._manager.close()
        with contextlib.suppress(Exception):
            self._net.stop(timeout_ms=CLOSE_TIMEOUT_MS)
        with contextlib.suppress(Exception):
            self._net.close()


def _name(code: int) -> str | None:
    """Return the name of Kafka's error class; None for no error."""
    return None if code == 0 else str(kafka_errors.for_code(code).__name__)
