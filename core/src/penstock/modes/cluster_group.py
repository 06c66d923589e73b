"""This worker in its group: what it offers, what it shares as leader, what it is told."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from penstock.runtime.clock import Clock
from penstock.runtime.cluster_settings import ClusterSettings
from penstock.runtime.group.protocol import (
    CONFIG_MISMATCH,
    NOTHING,
    Allocation,
    Assignment,
    Offer,
    ProtocolError,
    decode_assignment,
    decode_offer,
    encode_assignment,
    offers,
)
from penstock.runtime.group.sharing import CooperativeSharer, Share, share_eagerly
from penstock.runtime.herder.cluster.events import Joined, LeaseGiven, Left, Member
from penstock.runtime.kafka.group_client import Coordinates, GroupClient, JoinAnswer
from penstock.runtime.kafka.group_security import group_settings
from penstock.runtime.membership import Membership
from penstock.runtime.model import TaskId
from penstock.runtime.storage.config_fold import ConfigSnapshot
from penstock.runtime.storage.logs import ConfigLog

__all__ = ["ConnectGroup"]

log = logging.getLogger(__name__)

BEATS_A_SESSION: Final = 10
"""Heartbeats at least: by their answers a worker hears that it must join again, so that each beat
that is left out holds up everybody's next share."""
_VERSIONS: Final = {"default": 0, "compatible": 1, "sessioned": 2}


class ConnectGroup:
    """The logic of a :class:`Membership`. Owner: its thread; ``release`` may come from any."""

    def __init__(
        self,
        settings: ClusterSettings,
        url: str,
        config: ConfigLog,
        post: Callable[[Any], None],
        clock: Clock,
    ) -> None:
        """``post`` hands events to the herder; ``config`` has the newest snapshot."""
        self._settings = settings
        self._url = url
        self._config = config
        self._post = post
        self._clock = clock
        self._lock = threading.Lock()  # guards _owned, _offered and _assignment
        self._owned = NOTHING
        self._offered = NOTHING
        self._assignment: Assignment | None = None
        self._sharer = CooperativeSharer(settings.scheduled_rebalance_max_delay_ms)
        self._members: dict[str, Member] = {}
        self._last_generation = -1
        self._lease_until_s = -math.inf
        self._signs_always = False
        self.is_signed = True
        """Whether workers must sign what they ask of this one: read by the REST server's thread.

        Until the group has agreed on its protocol, as if it were the one of the settings.
        """

    def membership(self, raw: Mapping[str, str]) -> Membership:
        """Return the membership that this is the logic of; not started yet."""
        own = self._settings
        # A REST extension lets only users in: then workers sign under every protocol.
        self._signs_always = bool(raw.get("rest.extension.classes", "").strip())
        self.is_signed = self._signs_always or own.connect_protocol == "sessioned"
        client = GroupClient(
            Coordinates(
                own.group_id,
                own.client_id or f"connect-{self._url.split('//')[-1].strip('/')}",
                own.session_timeout_ms,
                own.rebalance_timeout_ms,
                int(own.request_timeout_ms),
            ),
            group_settings(raw),
        )
        return Membership(
            client,
            self,
            heartbeat_s=min(own.heartbeat_interval_ms, own.session_timeout_ms / BEATS_A_SESSION)
            / 1000,
            session_s=own.session_timeout_ms / 1000,
            clock=self._clock,
        )

    def release(self, gone: Allocation) -> None:
        """Hear what runs here no more. Called by: the herder's thread."""
        with self._lock:
            self._owned = self._owned.minus(gone)

    def protocols(self) -> Sequence[tuple[str, bytes]]:
        """See :class:`penstock.runtime.membership.GroupLogic`."""
        offset = self._config.snapshot.offset
        with self._lock:
            self._offered = self._owned
            current = None
            if self._owned and self._assignment is not None:
                told = self._assignment
                current = Assignment(told.leader, told.leader_url, told.offset, self._owned)
        return offers(self._settings.connect_protocol, Offer(self._url, offset, current))

    def share(self, joined: JoinAnswer) -> Mapping[str, bytes]:
        """See :class:`penstock.runtime.membership.GroupLogic`."""
        version = _VERSIONS[joined.protocol]
        found: dict[str, Offer] = {}
        for member, data in joined.members.items():
            try:
                found[member] = decode_offer(data)
            except ProtocolError as problem:
                # The original's leader dies of it; here the stranger gets nothing.
                log.warning("member %s of the group is left out: %s", member, problem)
        snapshot = self._config.snapshot
        newest = max((offer.offset for offer in found.values()), default=-1)
        leader_url = self._url
        if newest > snapshot.offset:
            told = Assignment(joined.leader_id, leader_url, newest, error=CONFIG_MISMATCH)
            return {member: encode_assignment(told, version) for member in joined.members}
        shares, delay_ms = self._shares(found, snapshot, joined.generation, eager=version == 0)
        self._members = {member: _member(offer, shares[member]) for member, offer in found.items()}
        answers = {}
        for member in joined.members:
            share = shares.get(member, Share())
            told = Assignment(
                joined.leader_id,
                leader_url,
                snapshot.offset,
                share.added,
                share.revoked,
                delay_ms,
            )
            answers[member] = encode_assignment(told, version)
        return answers

    def _shares(
        self,
        found: Mapping[str, Offer],
        snapshot: ConfigSnapshot,
        generation: int,
        *,
        eager: bool,
    ) -> tuple[dict[str, Share], int]:
        configured = _configured(snapshot)
        if eager:
            dealt = share_eagerly(found, configured)
            return {member: Share(added) for member, added in dealt.items()}, 0
        shares, delay_ms = self._sharer.share(
            {member: offer.owned for member, offer in found.items()},
            configured,
            generation=generation,
            last_generation=self._last_generation,
            now_ms=int(self._clock.monotonic_s() * 1000),
        )
        return shares, delay_ms

    def assigned(self, joined: JoinAnswer, assignment: bytes) -> None:
        """See :class:`penstock.runtime.membership.GroupLogic`."""
        try:
            told = decode_assignment(assignment)
        except ProtocolError as problem:
            log.warning("the leader's assignment cannot be understood: %s", problem)
            told = Assignment(joined.leader_id, "", self._config.snapshot.offset)
        eager = _VERSIONS[joined.protocol] == 0
        with self._lock:
            # Lost while the join was under way: the leader takes it for still running here.
            offered_too_much = bool(self._offered.minus(self._owned))
            self._assignment = told
            self._owned = told.added if eager else self._owned.plus(told.added)
        self._last_generation = joined.generation
        leads = joined.leader_id == joined.member_id
        log.info(
            "generation %d, %s%s: added %s, revoked %s%s",
            joined.generation,
            "this worker leads" if leads else f"{told.leader_url or 'an unknown worker'} leads",
            ", which has not read as far as others" if told.error == CONFIG_MISMATCH else "",
            _counted(told.added),
            _counted(told.revoked),
            f", shared again in {told.delay_ms} ms" if told.delay_ms > 0 else "",
        )
        self.is_signed = self._signs_always or joined.protocol == "sessioned"
        self._post(
            Joined(
                generation=joined.generation,
                member_id=joined.member_id,
                leader_id=told.leader or joined.leader_id,
                leader_url=told.leader_url,
                offset=told.offset,
                mismatch=told.error == CONFIG_MISMATCH,
                added=told.added,
                revoked=told.revoked,
                eager=eager,
                delay_ms=max(0, told.delay_ms),
                members=self._members if leads else {},
                outdated=offered_too_much,
                at_ms=int(self._clock.monotonic_s() * 1000),
                sessioned=self.is_signed,
            )
        )

    def lost(self, reason: str) -> None:
        """See :class:`penstock.runtime.membership.GroupLogic`."""
        with self._lock:
            self._owned = NOTHING
            self._assignment = None
        self._last_generation = -1
        self._lease_until_s = -math.inf
        log.warning("this worker is no member of its group any more: %s", reason)
        self._post(Left(reason, expelled=True))

    def alive(self, until_s: float) -> None:
        """See :class:`penstock.runtime.membership.GroupLogic`."""
        self._lease_until_s = until_s
        # Through the herder's mailbox, behind all that it was told of shares.
        self._post(LeaseGiven(until_s))

    def has_lease(self) -> bool:
        """Return whether the group surely counts on this worker now. Any thread may ask."""
        return self._clock.monotonic_s() < self._lease_until_s


def _counted(part: Allocation) -> str:
    return f"{len(part.connectors)} connectors and {len(part.tasks)} tasks"


def _member(offer: Offer, share: Share) -> Member:
    return Member(offer.url, offer.owned.minus(share.revoked).plus(share.added))


def _configured(snapshot: ConfigSnapshot) -> Allocation:
    tasks = frozenset(
        TaskId(name, number)
        for name, numbers in snapshot.allocation().items()
        for number in numbers
    )
    return Allocation(frozenset(snapshot.connectors), tasks)
