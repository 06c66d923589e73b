"""Workers of a cluster in one process: real herders, real folds, a topic that is a list.

Nothing runs by itself: a test, or a seeded scheduler, says which worker reads, joins or dies. Time
is a number that the test moves.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.errors import PenstockError
from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder.asked import Requested, Validated
from penstock.runtime.herder.cluster import actions as act
from penstock.runtime.herder.cluster import events as ev
from penstock.runtime.herder.cluster.herder import ClusterHerder
from penstock.runtime.herder.cluster.state import ClusterLimits
from penstock.runtime.herder.hosts import HostExitedEvent, HostReported, HostStarted
from penstock.runtime.herder.state import (
    HostKey,
    Reply,
    SendToHost,
    StartHost,
    StopHost,
    Validate,
    Waits,
)
from penstock.runtime.host import messages as msg
from penstock.runtime.model import ConnectorType, TaskId
from penstock.runtime.storage.config_fold import ConfigFold
from penstock.runtime.storage.config_records import SessionKey, encode, parse
from penstock.runtime.storage.status_records import encode_status, encode_topic_use, parse_status

NOTHING = ev.Allocation()
Record = tuple[bytes | None, bytes | None]


class Topics:
    """The records of a cluster, as the broker has them."""

    def __init__(self) -> None:
        self.config: list[Record] = []
        self.status: list[Record] = []


class SimWorker:
    """One worker: its herder, its hosts, and what it has read so far."""

    def __init__(self, name: str, topics: Topics, limits: ClusterLimits | None = None) -> None:
        self.url = f"http://{name}:8083/"
        self.topics = topics
        self.herder = ClusterHerder(
            f"{name}:8083", self.url, type_of=lambda _: ConnectorType.SOURCE, limits=limits
        )
        self.fold = ConfigFold()
        self.config_read = 0
        self.status_read = 0
        self.mailbox: list[Any] = []
        self.busy = False
        self.numbers = itertools.count(1)
        self.incarnations = itertools.count(1)
        self.replies: dict[int, Reply] = {}
        self.hosts: dict[HostKey, tuple[int, StartHost]] = {}
        self.writes: list[tuple[int, list[list[Any]]]] = []
        self.published: list[act.PublishTasks] = []
        self.fences_asked: list[act.AskFence] = []
        self.fencings: list[act.FenceProducers] = []
        self.claims = 0
        self.rejoins = 0
        self.released = ev.Allocation()
        self.owned = ev.Allocation()
        self.levels: list[tuple[str, str]] = []
        self.left_for: list[int] = []
        self.leases: list[tuple[float, set[HostKey]]] = []
        self.barred: set[HostKey] = set()
        self.task_configs: dict[str, list[dict[str, str]]] = {}
        self.invalid: set[str] = set()
        self.started: list[HostKey] = []
        self.stop_slowly = False
        self.stopping: list[tuple[HostKey, int]] = []

    def feed(self, event: Any) -> None:
        """Hand an event to the herder and carry out what it decides, as the driver does."""
        self.mailbox.append(event)
        if self.busy:
            return
        self.busy = True
        try:
            while self.mailbox:
                for action in self.herder.step(self.mailbox.pop(0)):
                    self.carry_out(action)
        finally:
            self.busy = False

    def carry_out(self, action: Any) -> None:
        getattr(self, f"_do_{type(action).__name__}")(action)

    def _do_Reply(self, action: Reply) -> None:  # noqa: N802 - by the action's name
        assert action.request not in self.replies, "a request was answered twice"
        self.replies[action.request] = action

    def _do_Waits(self, action: Waits) -> None:  # noqa: N802
        assert action.request not in self.replies, "an answered request waits for nothing"

    def _do_Validate(self, action: Validate) -> None:  # noqa: N802
        wrong = action.config.get("name") in self.invalid
        errors = ["it is wrong"] if wrong else []
        infos = {"configs": [{"value": {"errors": errors}}]}
        self.feed(Validated(action.request, infos=infos, type="source"))

    def _do_StartHost(self, action: StartHost) -> None:  # noqa: N802
        assert action.key not in self.hosts, f"two hosts at once for {action.key}"
        incarnation = next(self.incarnations)
        self.hosts[action.key] = (incarnation, action)
        self.started.append(action.key)
        # At once, as the driver does: the host's first news may already wait.
        self.herder.step(HostStarted(action.key, incarnation))
        event = msg.Paused() if action.paused else msg.Running("1")
        self.feed(HostReported(action.key, incarnation, event))

    def _do_StopHost(self, action: StopHost) -> None:  # noqa: N802
        incarnation, _ = self.hosts[action.key]
        self.stopping.append((action.key, incarnation))
        if not self.stop_slowly:
            self.finish_stopping()

    def finish_stopping(self) -> None:
        """End the hosts that were told to."""
        while self.stopping:
            key, incarnation = self.stopping.pop(0)
            del self.hosts[key]
            self.feed(HostExitedEvent(key, incarnation, "stopped"))

    def _do_SendToHost(self, action: SendToHost) -> None:  # noqa: N802
        found = self.hosts.get(action.key)
        if found is None:
            return
        incarnation = found[0]
        if isinstance(action.command, msg.MakeTaskConfigs):
            configs = self.task_configs.get(str(action.key))
            if configs is None:
                count = action.command.max_tasks
                configs = [{"task": str(number)} for number in range(count)]
            self.feed(HostReported(action.key, incarnation, msg.TaskConfigsMade(configs)))
        elif isinstance(action.command, msg.Pause):
            self.feed(HostReported(action.key, incarnation, msg.Paused()))
        elif isinstance(action.command, msg.Resume):
            self.feed(HostReported(action.key, incarnation, msg.Running("1")))

    def _do_AskFence(self, action: act.AskFence) -> None:  # noqa: N802
        self.fences_asked.append(action)

    def _do_FenceProducers(self, action: act.FenceProducers) -> None:  # noqa: N802
        self.fencings.append(action)

    def _do_ClaimWrites(self, action: act.ClaimWrites) -> None:  # noqa: N802
        self.claims += 1

    def _do_WriteConfig(self, action: act.WriteConfig) -> None:  # noqa: N802
        self.writes.append((action.write, [list(group) for group in action.groups]))

    def _do_WriteStatus(self, action: act.WriteStatus) -> None:  # noqa: N802
        self.topics.status.append(encode_status(action.key, action.status))

    def _do_WriteTopicUse(self, action: act.WriteTopicUse) -> None:  # noqa: N802
        self.topics.status.append(encode_topic_use(action.key, action.use))

    def _do_GrantLease(self, action: act.GrantLease) -> None:  # noqa: N802
        self.leases.append((action.until_s, set(self.hosts) - self.barred))

    def _do_EndLeases(self, action: act.EndLeases) -> None:  # noqa: N802
        self.barred = set(self.hosts)

    def _do_CatchUp(self, action: act.CatchUp) -> None:  # noqa: N802
        self.read()

    def _do_Rejoin(self, action: act.Rejoin) -> None:  # noqa: N802
        self.rejoins += 1

    def _do_Release(self, action: act.Release) -> None:  # noqa: N802
        self.released = self.released.plus(action.given_up)
        self.owned = self.owned.minus(action.given_up)

    def _do_LeaveGroup(self, action: act.LeaveGroup) -> None:  # noqa: N802
        self.left_for.append(action.backoff_ms)

    def _do_PublishTasks(self, action: act.PublishTasks) -> None:  # noqa: N802
        self.published.append(action)

    def _do_MakeSessionKey(self, action: act.MakeSessionKey) -> None:  # noqa: N802
        key = SessionKey(b"k" * 32, "HmacSHA256", self.herder.state.wall_ms)
        self.topics.config.append(encode(key))

    def _do_SetLevel(self, action: act.SetLevel) -> None:  # noqa: N802
        self.levels.append((action.logger, action.level))

    def _do_Wake(self, action: act.Wake) -> None:  # noqa: N802
        pass

    def read(self, chunk: int = 1_000_000) -> None:
        """Read on in both topics."""
        told = []
        for record in self.topics.status[self.status_read : self.status_read + chunk]:
            self.status_read += 1
            one = parse_status(*record)
            if one is not None:
                told.append(one)
        self.feed(ev.StatusRead(told))
        changes = []
        for record in self.topics.config[self.config_read : self.config_read + chunk]:
            change = self.fold.fold(self.config_read, parse(*record))
            self.config_read += 1
            if change is not None:
                changes.append(change)
        self.feed(ev.ConfigRead(changes, self.fold.snapshot()))

    def write_once(self) -> bool:
        """Bring one group of records into the topic, and the writer past it; False: none waits."""
        if not self.writes:
            return False
        number, groups = self.writes[0]
        if groups:
            self.topics.config.extend(encode(record) for record in groups.pop(0))
        self.read()
        if not groups:
            self.writes.pop(0)
            self.feed(ev.Written(number))
        return True

    def settle(self) -> None:
        """Write and read until nothing is left to do here."""
        while self.write_once() or self.config_read < len(self.topics.config):
            self.read()
        self.read()

    def ask(self, command: cmd.Command) -> Any:
        """Ask the herder; return its answer or raise what it refused with."""
        number = next(self.numbers)
        self.feed(Requested(number, command))
        self.settle()
        return self.answer(number)

    def answer(self, number: int) -> Any:
        """Return an answer that is there."""
        reply = self.replies[number]
        if reply.error is not None:
            raise reply.error
        return reply.result

    def report(self, key: HostKey, event: msg.Event) -> None:
        """Have a host say something."""
        self.feed(HostReported(key, self.hosts[key][0], event))

    def running(self) -> set[HostKey]:
        """Return the keys of the hosts."""
        return set(self.hosts)


def allocation(connectors: Sequence[str] = (), tasks: Sequence[TaskId] = ()) -> ev.Allocation:
    """Return an allocation of these."""
    return ev.Allocation(frozenset(connectors), frozenset(tasks))


def joined(
    worker: SimWorker,
    leader: SimWorker,
    *,
    added: ev.Allocation = NOTHING,
    revoked: ev.Allocation = NOTHING,
    generation: int = 1,
    offset: int | None = None,
    members: Mapping[str, ev.Member] | None = None,
    **more: Any,
) -> ev.Joined:
    """Return what a worker hears at the end of a rebalance."""
    return ev.Joined(
        generation=generation,
        member_id=worker.url,
        leader_id=leader.url,
        leader_url=leader.url,
        offset=worker.fold.snapshot().offset if offset is None else offset,
        added=added,
        revoked=revoked,
        members=members or {},
        mismatch=more.pop("mismatch", False),
        **more,
    )


__all__ = ["PenstockError", "SimWorker", "Topics", "allocation", "joined"]
