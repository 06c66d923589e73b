"""This worker's membership of its group: one thread that joins, beats, joins again and leaves.

What is told to the group and what its answers mean is the :class:`GroupLogic`'s; this is only the
loop around it. Nothing here waits for a host or a topic, so that heartbeats never stop.
(source: WorkerGroupMember, AbstractCoordinator)
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from penstock.errors import BrokerError, RetriableError
from penstock.runtime.clock import Clock, SystemClock
from penstock.runtime.kafka.group_client import GroupClient, JoinAnswer, PendingAnswer

__all__ = ["GroupLogic", "Membership"]

log = logging.getLogger(__name__)

WAIT_SLICE_MS: Final = 500
"""A join may take as long as the slowest member; this often it is seen whether to give up."""
FIND_TIMEOUT_MS: Final = 5_000
BACKOFF_FIRST_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0
LEAVE_TIMEOUT_MS: Final = 2_000

_EXPELLED: Final = frozenset(
    {"UnknownMemberIdError", "IllegalGenerationError", "FencedInstanceIdError"}
)
_MOVED: Final = frozenset({"NotCoordinatorError", "CoordinatorNotAvailableError"})


class GroupLogic(Protocol):
    """Decides for the membership; called on its thread, must not block."""

    def protocols(self) -> Sequence[tuple[str, bytes]]:
        """Return what to join with: each sub-protocol's name and metadata, best first."""

    def share(self, joined: JoinAnswer) -> Mapping[str, bytes]:
        """Return an assignment for each member; asked of the leader."""

    def assigned(self, joined: JoinAnswer, assignment: bytes) -> None:
        """Take this worker's assignment."""

    def lost(self, reason: str) -> None:
        """Take the end of the membership: what this worker ran may run elsewhere now."""

    def alive(self, until_s: float) -> None:
        """Hear that the group counts on this worker until a time (monotonic)."""


class Membership:
    """Keeps this worker in its group. ``rejoin`` and ``leave`` may be called from any thread."""

    def __init__(
        self,
        client: GroupClient,
        logic: GroupLogic,
        *,
        heartbeat_s: float,
        session_s: float,
        clock: Clock | None = None,
    ) -> None:
        """Nothing is sent before :meth:`start`."""
        self._client = client
        self._logic = logic
        self._heartbeat_s = heartbeat_s
        self._session_s = session_s
        self._clock = clock or SystemClock()
        self._woken = threading.Condition()
        self._rejoin_wanted = True
        self._away_until_s = 0.0
        self._closing = False
        self._member_id = ""
        self._joined: JoinAnswer | None = None
        self._contact_s = 0.0
        self._told_lost = True
        self._thread = threading.Thread(target=self._run, name="membership", daemon=True)

    def start(self) -> None:
        """Begin to join."""
        self._thread.start()

    def rejoin(self) -> None:
        """Join again, so that the leader shares anew."""
        self._wake(lambda: setattr(self, "_rejoin_wanted", True))

    def leave(self, away_s: float) -> None:
        """Leave the group and come back after a time."""

        def away() -> None:
            self._away_until_s = self._clock.monotonic_s() + away_s

        self._wake(away)

    def close(self, timeout_s: float) -> None:
        """Leave for good and end the thread."""
        self._wake(lambda: setattr(self, "_closing", True))
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._client.close()

    def _wake(self, change: Callable[[], None]) -> None:
        with self._woken:
            change()
            self._woken.notify_all()

    def _run(self) -> None:
        backoff_s = BACKOFF_FIRST_S
        while not self._closing:
            try:
                self._turn()
                backoff_s = BACKOFF_FIRST_S
            except (RetriableError, BrokerError) as problem:
                log.warning("the group cannot be reached, trying again: %s", problem)
                self._notice_silence()
                self._sleep(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
            except Exception:
                # The membership must outlive any one bad answer.
                log.exception("the membership failed; joining again")
                self._rejoin_wanted = True
                self._notice_silence()
                self._sleep(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
        self._client.leave(self._member_id, LEAVE_TIMEOUT_MS)

    def _turn(self) -> None:
        if self._away_until_s > self._clock.monotonic_s():
            self._stay_away()
        elif self._joined is None or self._rejoin_wanted:
            self._client.find_coordinator(FIND_TIMEOUT_MS)
            self._join()
        else:
            self._beat()

    def _stay_away(self) -> None:
        if self._member_id:
            self._client.leave(self._member_id, LEAVE_TIMEOUT_MS)
            self._member_id, self._joined = "", None
            self._rejoin_wanted = True
        self._sleep(self._away_until_s - self._clock.monotonic_s())

    def _beat(self) -> None:
        self._sleep(self._heartbeat_s, unless=lambda: self._rejoin_wanted)
        joined = self._joined
        if joined is None or self._rejoin_wanted or self._closing:
            return
        self._client.find_coordinator(FIND_TIMEOUT_MS)
        sent_s = self._clock.monotonic_s()
        error = self._client.heartbeat(joined.generation, joined.member_id).error
        if error is None:
            self._in_contact(sent_s)
        elif error == "RebalanceInProgressError":
            # In contact, but no new lease: the group may go on without who does not join in time,
            # and when that is counts from before this heartbeat.
            self._contact_s = sent_s
            self._rejoin_wanted = True
        else:
            self._refused(error)

    def _join(self) -> None:
        self._rejoin_wanted = False
        response = self._answer(self._client.join(self._member_id, self._logic.protocols()))
        if response is None:
            return
        joined = self._client.joined(response)
        if joined.error == "MemberIdRequiredError":
            self._member_id = joined.member_id
            self._rejoin_wanted = True
            return
        if joined.error is not None:
            self._refused(joined.error)
            return
        self._member_id = joined.member_id
        leads = joined.leader_id == joined.member_id
        shares = self._logic.share(joined) if leads else {}
        # Not the time of the answer: this process may stand still before it takes it.
        synced_s = self._clock.monotonic_s()
        response = self._answer(self._client.sync(joined, shares))
        if response is None:
            return
        error, assignment = self._client.synced(response)
        if error is not None:
            self._refused(error)
            return
        self._joined = joined
        self._told_lost = False
        # First the share, then the lease: it is for what belongs here now.
        self._logic.assigned(joined, assignment)
        self._in_contact(synced_s)

    def _answer(self, pending: PendingAnswer) -> Any | None:
        """Wait for an answer; None when this member is to end or to stay away instead."""
        while (response := pending.wait(WAIT_SLICE_MS)) is None:
            self._notice_silence()
            if self._closing or self._away_until_s > self._clock.monotonic_s():
                return None
        return response

    def _refused(self, error: str) -> None:
        self._rejoin_wanted = True
        if error == "RebalanceInProgressError":
            return
        if error in _MOVED:
            self._client.forget_coordinator()
            raise RetriableError(f"the coordinator moved: {error}")
        if error in _EXPELLED:
            if error != "IllegalGenerationError":
                self._member_id = ""
            self._lose(f"the group expelled this worker: {error}")
            return
        raise RetriableError(f"the coordinator refused: {error}")

    def _in_contact(self, sent_s: float) -> None:
        self._contact_s = sent_s
        self._logic.alive(sent_s + self._session_s)

    def _notice_silence(self) -> None:
        """After a session without contact the others have taken over, whether we know or not."""
        if self._told_lost:
            return
        if self._clock.monotonic_s() - self._contact_s > self._session_s:
            self._lose("the coordinator was out of reach for a whole session")

    def _lose(self, reason: str) -> None:
        self._joined = None
        if not self._told_lost:
            self._told_lost = True
            self._logic.lost(reason)

    def _sleep(self, timeout_s: float, unless: Callable[[], bool] = lambda: False) -> None:
        with self._woken:
            self._woken.wait_for(lambda: self._closing or unless(), max(0.0, timeout_s))
