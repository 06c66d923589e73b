"""Storms over a cluster: seeded crashes, pauses, losses and changes, and what must hold in them.

A run is a function of its seed: the same seed does the same again. Time is a number of ticks.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, Final

import attrs

from penstock.errors import StorageError
from penstock.modes.cluster_group import ConnectGroup
from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder.asked import Requested
from penstock.runtime.herder.cluster import actions as act
from penstock.runtime.herder.cluster import events as ev
from penstock.runtime.herder.cluster.actions import ElsewhereError
from penstock.runtime.herder.cluster.state import ClusterLimits
from penstock.runtime.herder.hosts import HostExitedEvent, HostReported
from penstock.runtime.herder.state import HostKey, SendToHost
from penstock.runtime.host import messages as msg
from penstock.runtime.model import TargetState
from penstock.runtime.storage.config_fold import ConfigSnapshot
from tests.simulation.cluster import SimWorker, Topics
from tests.simulation.group import Coordinator, SimMembership
from tests.simulation.weather import Figures, Weather

__all__ = ["CALM_TICKS_MAX", "TICK_MS", "Figures", "Storm", "StormWorker", "Weather"]

TICK_MS: Final = 250
DELAY_MS: Final = 5_000
"""``scheduled.rebalance.max.delay.ms``."""
CALM_TICKS_MAX: Final = 600
"""Ticks of calm after which all must be right: two retries of task configurations and a half."""
LIMITS: Final = ClusterLimits(unsync_backoff_ms=4_000)
SETTINGS: Final[Any] = SimpleNamespace(
    connect_protocol="sessioned", scheduled_rebalance_max_delay_ms=DELAY_MS
)


class StormWorker(SimWorker):
    """A worker with its place in the group, that may be paused."""

    def __init__(self, storm: Storm, name: str) -> None:
        super().__init__(name, storm.topics, LIMITS)
        self.name = name
        self.storm = storm
        self.stop_slowly = True
        self.alive = True
        self.paused_until_ms = 0
        self.lease_until_s = 0.0
        self.barred_numbers: set[int] = set()
        clock: Any = self
        config: Any = self
        self.group = ConnectGroup(SETTINGS, self.url, config, self.feed, clock)
        self.member = SimMembership(storm.coordinator, self.group, self._send)
        self.read()

    @property
    def snapshot(self) -> ConfigSnapshot:
        """Return the config topic so far, as the group's logic asks for it."""
        return self.fold.snapshot()

    def monotonic_s(self) -> float:
        """Return the time."""
        return self.storm.now_ms / 1000

    def _send(self, then: Callable[[], None]) -> None:
        self.storm.send(then, self)

    def _do_GrantLease(self, action: act.GrantLease) -> None:  # noqa: N802 - by the action's name
        self.lease_until_s = action.until_s

    def _do_EndLeases(self, action: act.EndLeases) -> None:  # noqa: N802
        self.barred_numbers.update(number for number, _ in self.hosts.values())

    def _do_Rejoin(self, action: act.Rejoin) -> None:  # noqa: N802
        self.member.rejoin()

    def _do_Release(self, action: act.Release) -> None:  # noqa: N802
        self.group.release(action.given_up)

    def _do_LeaveGroup(self, action: act.LeaveGroup) -> None:  # noqa: N802
        self.member.leave(action.backoff_ms)

    def _do_PublishTasks(self, action: act.PublishTasks) -> None:  # noqa: N802
        self.storm.publish(self, action)

    def _do_SendToHost(self, action: SendToHost) -> None:  # noqa: N802
        found = self.hosts.get(action.key)
        if found is not None and isinstance(action.command, msg.MakeTaskConfigs):
            number, started = found
            version = started.spec.config["version"]
            made = [
                {"task": str(task), "version": version} for task in range(action.command.max_tasks)
            ]
            self.feed(HostReported(action.key, number, msg.TaskConfigsMade(made)))
            return
        super()._do_SendToHost(action)

    def sending(self) -> Iterator[HostKey]:
        """Return the hosts that may send now."""
        if self.storm.now_ms / 1000 < self.lease_until_s:
            for key, (number, _) in self.hosts.items():
                if number not in self.barred_numbers:
                    yield key

    def turn(self, weather: Weather, rng: random.Random) -> None:
        """Do a tick's work."""
        now_ms = self.storm.now_ms
        self.feed(ev.Tick(now_ms, now_ms))
        if rng.random() >= weather.unread:
            self.read(rng.choice([1, 3, 1_000]) if weather.unread else 1_000_000)
        for key, number in sorted(self.stopping, key=lambda one: (str(one[0]), one[1])):
            if rng.random() >= weather.slow_stop:
                self.stopping.remove((key, number))
                del self.hosts[key]
                self.feed(HostExitedEvent(key, number, "stopped"))
        if self.writes and rng.random() < weather.unwritten:
            self._fail_write(rng)
        else:
            self.write_once()
        self.member.turn(now_ms)

    def _fail_write(self, rng: random.Random) -> None:
        number, groups = self.writes[0]
        if rng.random() < 0.5 and groups:  # in the topic, but nobody told the writer
            self.write_once()
            if not self.writes or self.writes[0][0] != number:
                return
        self.writes.pop(0)
        self.feed(ev.Written(number, StorageError("the producer gave up")))


@attrs.define
class _Asked:
    """A change that a user waits for."""

    name: str
    version: str | None
    worker: StormWorker
    number: int
    until_ms: int


@attrs.define
class _Posted:
    """Task configurations that the leader was sent."""

    leader: StormWorker
    number: int
    until_ms: int
    answer: Callable[[str | None], None]


class Storm:
    """One run."""

    def __init__(self, seed: int, workers: int | None = None) -> None:
        self.seed = seed
        self.rng = random.Random(seed)  # noqa: S311 - not for secrets
        self.topics = Topics()
        self.coordinator = Coordinator()
        self.weather = Weather()
        self.now_ms = 1_000
        self.figures = Figures()
        self.workers: dict[str, StormWorker] = {}
        self.back: list[tuple[int, str]] = []
        self.numbers = itertools.count(1)
        self.asked: list[_Asked] = []
        self.posts: list[_Posted] = []
        self.acknowledged: dict[str, tuple[str | None, int]] = {}
        self.queue: list[tuple[int, int, Callable[[], None], StormWorker | None]] = []
        few = self.rng.random() < 0.8
        count = workers or (self.rng.randint(3, 8) if few else self.rng.randint(9, 50))
        self.names = [f"c{number}" for number in range(self.rng.randint(1, 6))]
        for number in range(count):
            self.boot(f"w{number}")
        self.figures.workers = count

    def boot(self, name: str) -> None:
        """Start a worker that knows nothing."""
        self.workers[name] = StormWorker(self, name)

    def send(self, then: Callable[[], None], via: StormWorker | None = None) -> None:
        """Have something happen later, twice or never; a dead worker's not at all."""
        rng, weather = self.rng, self.weather
        if rng.random() < weather.lost:
            return
        copies = 2 if rng.random() < weather.twice else 1
        for _ in range(copies):
            late = rng.randint(1, 12) if rng.random() < weather.late else 0
            due_ms = self.now_ms + late * TICK_MS
            heapq.heappush(self.queue, (due_ms, next(self.numbers), then, via))

    def publish(self, worker: StormWorker, action: act.PublishTasks) -> None:
        """Bring task configurations to the leader, and its answer back."""

        def answer(problem: str | None) -> None:
            if worker.alive:
                worker.feed(ev.Published(action.name, problem))

        def arrive() -> None:
            leader = self._at(action.url)
            if leader is None:
                answer("nobody listens there")
                return
            number = next(self.numbers)
            leader.feed(Requested(number, cmd.PutTaskConfigs(action.name, action.configs)))
            lost = self.rng.random() < self.weather.lost
            until_ms = self.now_ms + (2 if lost else 40) * TICK_MS
            self.posts.append(_Posted(leader, number, until_ms, answer))

        due_ms = self.now_ms + TICK_MS
        heapq.heappush(self.queue, (due_ms, next(self.numbers), arrive, worker))

    def _at(self, url: str) -> StormWorker | None:
        for worker in self.workers.values():
            if worker.url == url and self.now_ms >= worker.paused_until_ms:
                return worker
        return None

    def tick(self) -> None:
        """Let a tick pass."""
        self.now_ms += TICK_MS
        self.coordinator.tick(self.now_ms)
        self._strike()
        self._deliver()
        order = list(self.workers.values())
        self.rng.shuffle(order)
        for worker in order:
            if self.now_ms >= worker.paused_until_ms:
                worker.turn(self.weather, self.rng)
        self._hear_answers()
        self.nobody_runs_twice()

    def _deliver(self) -> None:
        kept = []
        while self.queue and self.queue[0][0] <= self.now_ms:
            due = heapq.heappop(self.queue)
            via = due[3]
            if via is not None and self.now_ms < via.paused_until_ms:
                kept.append((via.paused_until_ms, *due[1:]))
            elif via is None or via.alive:
                due[2]()
        for one in kept:
            heapq.heappush(self.queue, one)

    def _strike(self) -> None:
        rng, weather = self.rng, self.weather
        for due_ms, name in list(self.back):
            if self.now_ms >= due_ms:
                self.back.remove((due_ms, name))
                self.boot(name)
        for name, worker in list(self.workers.items()):
            committing = len(worker.writes) > 0 and len(worker.writes[0][1]) == 1
            if rng.random() < weather.crash * (5 if committing else 1):
                self.figures.mid_commit += committing
                self.crash(name)
            elif rng.random() < weather.pause:
                self.figures.pauses += 1
                worker.paused_until_ms = self.now_ms + rng.randint(1, 40) * TICK_MS
        if rng.random() < weather.ask and self.workers:
            self._ask()

    def crash(self, name: str) -> None:
        """Kill a worker; it comes back, perhaps as another one."""
        self.figures.crashes += 1
        worker = self.workers.pop(name)
        worker.alive = False
        again = name if self.rng.random() < 0.6 else f"w{next(self.numbers)}"
        self.back.append((self.now_ms + self.rng.randint(1, 60) * TICK_MS, again))

    def _ask(self) -> None:
        """Have a user change something, one change of a connector at a time."""
        rng = self.rng
        name = rng.choice(self.names)
        if any(one.name == name for one in self.asked):
            return
        version: str | None = None
        kind = rng.choice(["put", "put", "put", "pause", "resume", "stop", "delete", "restart"])
        command: cmd.Command
        if kind == "put":
            version = f"v{next(self.numbers)}"
            tasks = str(rng.randint(0, 12) or 1)
            config = {"connector.class": "X", "tasks.max": tasks, "version": version}
            command = cmd.PutConnector(name, config, replace=True)
        elif kind == "delete":
            command = cmd.DeleteConnector(name)
        elif kind == "restart":
            command = cmd.RestartConnector(name, include_tasks=True)
        else:
            targets = {"pause": TargetState.PAUSED, "resume": TargetState.STARTED}
            command = cmd.SetTarget(name, targets.get(kind, TargetState.STOPPED))
        worker = rng.choice(list(self.workers.values()))
        changes = kind in ("put", "delete")
        self._request(worker, command, name if changes else "", version)

    def _request(
        self, worker: StormWorker, command: cmd.Command, name: str, version: str | None
    ) -> None:
        if self.now_ms < worker.paused_until_ms:
            return
        number = next(self.numbers)
        worker.feed(Requested(number, command))
        reply = worker.replies.get(number)
        if reply is not None and isinstance(reply.error, ElsewhereError):
            leader = self._at(reply.error.url)
            if leader is None or leader is worker:
                return
            number, worker = next(self.numbers), leader
            worker.feed(Requested(number, command))
        if name:
            self.asked.append(_Asked(name, version, worker, number, self.now_ms + 20 * TICK_MS))

    def _hear_answers(self) -> None:
        for post in list(self.posts):
            reply = post.leader.replies.get(post.number)
            if reply is not None and post.leader.alive:
                self.posts.remove(post)
                post.answer(None if reply.error is None else str(reply.error))
            elif self.now_ms >= post.until_ms or not post.leader.alive:
                self.posts.remove(post)
                post.answer("timed out")
        for one in list(self.asked):
            reply = one.worker.replies.get(one.number)
            if reply is not None and one.worker.alive:
                self.asked.remove(one)
                if reply.error is None:
                    self.figures.acknowledged += 1
                    self.acknowledged[one.name] = (one.version, len(self.topics.config))
            elif self.now_ms >= one.until_ms or not one.worker.alive:
                self.asked.remove(one)

    def nobody_runs_twice(self) -> None:
        """Of one generation no two members own the same; at no time may two hosts of it send."""
        owners: dict[tuple[int, HostKey], str] = {}
        senders: dict[HostKey, str] = {}
        for name, worker in self.workers.items():
            state = worker.herder.state
            if state.group is not None:
                for key in (*state.owned.connectors, *state.owned.tasks):
                    other = owners.setdefault((state.generation, key), name)
                    assert other == name, f"seed {self.seed}: {other} and {name} own {key}"
            for key in worker.sending():
                other = senders.setdefault(key, name)
                assert other == name, f"seed {self.seed}: {other} and {name} both send for {key}"

    def blow(self, rough_ticks: int) -> None:
        """Rough weather for a while, after a moment of calm; then it ends."""
        for _ in range(10):
            self.tick()
        self.weather = Weather.rough(self.rng)
        for _ in range(rough_ticks):
            self.tick()
        self.weather = Weather()
        for worker in self.workers.values():
            worker.paused_until_ms = 0

    def run(self, rough_ticks: int = 80) -> Figures:
        """Rough weather, then calm until all is right."""
        from tests.simulation.calm import check_calm, check_moves  # noqa: PLC0415 - they know us

        self.blow(rough_ticks)
        self.figures.calm_ticks = check_calm(self)
        check_moves(self)
        self.figures.rebalances = self.coordinator.rebalances
        return self.figures
