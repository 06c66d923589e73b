"""Fencing beside a model of the brokers: tasks of two generations never send at the same time.

The herders of two workers are real, their messages come late or never, and a worker that dies may
leave its tasks running. What a broker knows of a transactional id is an epoch: who asked for it
last may send, nobody else.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from penstock.errors import ConnectError, RetriableError
from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder.asked import Requested
from penstock.runtime.herder.cluster import actions as act
from penstock.runtime.herder.cluster import events as ev
from penstock.runtime.herder.cluster.state import ClusterLimits
from penstock.runtime.herder.state import StartHost
from penstock.runtime.host.messages import ReconfigurationRequested
from penstock.runtime.model import TaskId

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of kafka-python, at its import
    from tests.simulation.cluster import SimWorker, Topics, allocation, joined

ONCE = ClusterLimits(exactly_once=True, fences_leaders=True)
TASKS_MAX = 3
CONFIG = {"connector.class": "C", "tasks.max": str(TASKS_MAX)}
NAME = "c"


@attrs.define(eq=False)
class Producer:
    """A task's producer: what it is of, and the epoch that its transactional id had for it."""

    task: TaskId
    generation: int
    epoch: int


class Brokers:
    """Epochs of transactional ids."""

    def __init__(self) -> None:
        self.epochs: dict[TaskId, int] = {}
        self.producers: list[Producer] = []

    def take_over(self, task: TaskId) -> int:
        """Fence whoever has the transactional id of a task."""
        self.epochs[task] = self.epochs.get(task, 0) + 1
        return self.epochs[task]

    def start(self, task: TaskId, generation: int) -> None:
        self.producers.append(Producer(task, generation, self.take_over(task)))

    def able(self) -> Iterator[Producer]:
        """Return the producers whose transactions would be taken."""
        for one in self.producers:
            if self.epochs[one.task] == one.epoch:
                yield one


class Member(SimWorker):
    """A worker whose tasks have producers that outlive it, unless they are fenced."""

    def __init__(self, name: str, topics: Topics, brokers: Brokers) -> None:
        super().__init__(name, topics, ONCE)
        self.brokers = brokers
        self.stop_slowly = True
        self.unfenced: list[act.FenceProducers] = []
        self.unasked: list[act.AskFence] = []

    def _do_StartHost(self, action: StartHost) -> None:  # noqa: N802 - by the action's name
        if isinstance(action.key, TaskId):
            assert action.spec.exactly_once
            self.brokers.start(action.key, action.spec.generation)
        super()._do_StartHost(action)

    def _do_FenceProducers(self, action: act.FenceProducers) -> None:  # noqa: N802
        self.unfenced.append(action)

    def _do_AskFence(self, action: act.AskFence) -> None:  # noqa: N802
        self.unasked.append(action)


class FencingModel(RuleBasedStateMachine):
    """A leader that runs the connector, another worker, and brokers."""

    @initialize()
    def begin(self) -> None:
        self.topics, self.brokers = Topics(), Brokers()
        self.leader = Member("w1", self.topics, self.brokers)
        self.other = Member("w2", self.topics, self.brokers)
        self.now_ms, self.version, self.group = 1_000, 0, 0
        self.owner = dict.fromkeys(range(TASKS_MAX), 0)
        for one in (self.leader, self.other):
            one.read()
        self.share()
        self.leader.ask(cmd.PutConnector(NAME, CONFIG, replace=False))
        self.share(connector=True)
        self.all_is_read()
        self.share()

    @property
    def workers(self) -> list[Member]:
        return [self.leader, self.other]

    def share(self, *, connector: bool = False) -> None:
        """Have a rebalance end: each worker gets the tasks that ``owner`` gives it."""
        self.group += 1
        count = len(self.leader.fold.snapshot().connectors[NAME].tasks) if self.group > 2 else 0
        for number, worker in enumerate(self.workers):
            mine = [TaskId(NAME, task) for task in range(count) if self.owner[task] == number]
            had = worker.herder.state.owned.tasks
            worker.feed(
                joined(
                    worker,
                    self.leader,
                    added=allocation([NAME] if connector and not number else [], mine),
                    revoked=allocation(tasks=sorted(had - set(mine))),
                    generation=self.group,
                    members={one.url: ev.Member(one.url) for one in self.workers},
                )
            )

    @rule(count=st.integers(1, TASKS_MAX))
    def configure(self, count: int) -> None:
        """The connector gives other task configurations."""
        if NAME not in self.leader.hosts:
            return
        self.version += 1
        self.leader.task_configs[NAME] = [
            {"task": str(task), "version": str(self.version)} for task in range(count)
        ]
        self.leader.report(NAME, ReconfigurationRequested())

    @rule(which=st.integers(0, 1), chunk=st.integers(1, 4))
    def read(self, which: int, chunk: int) -> None:
        self.workers[which].read(chunk)

    @rule(which=st.integers(0, 1))
    def write(self, which: int) -> None:
        self.workers[which].write_once()

    @rule()
    def all_is_read(self) -> None:
        """Everything asked to be written is, and both have read it."""
        for worker in [*self.workers, self.leader]:
            worker.settle()

    @rule()
    def share_again(self) -> None:
        """A rebalance that moves nothing but what is new."""
        self.share()

    @rule(task=st.integers(0, TASKS_MAX - 1), to=st.integers(0, 1))
    def move(self, task: int, to: int) -> None:
        self.owner[task] = to
        self.share()

    @rule(which=st.integers(0, 1))
    def hosts_end(self, which: int) -> None:
        """Hosts that were told to stop are gone, and with them their producers."""
        self.workers[which].finish_stopping()

    @rule(fails=st.booleans())
    def brokers_fence(self, fails: bool) -> None:
        """The brokers do what the leader asked; or do half of it, and say so."""
        if not self.leader.unfenced:
            return
        asked = self.leader.unfenced.pop(0)
        for task in range(asked.tasks - 1 if fails else asked.tasks):
            self.brokers.take_over(TaskId(NAME, task))
        error = ConnectError("a broker is away") if fails else None
        self.leader.feed(ev.ProducersFenced(asked.name, error))

    @rule(lost=st.booleans())
    def leader_is_asked(self, lost: bool) -> None:
        """The other worker's question reaches the leader, or nobody hears of its answer."""
        if not self.other.unasked:
            return
        asked = self.other.unasked.pop(0)
        number = next(self.leader.numbers)
        self.leader.feed(Requested(number, cmd.FenceTasks(asked.name)))
        reply = self.leader.replies.get(number)
        if lost or reply is None:
            error: Exception | None = RetriableError("no answer in time")
        else:
            error = reply.error
        self.other.feed(ev.FenceTold(asked.name, asked.generation, error))

    @rule()
    def other_dies(self) -> None:
        """The other worker is gone; its tasks go on somewhere, as a stopped machine's do."""
        self.other = Member("w2", self.topics, self.brokers)
        self.other.read()
        self.share()

    @rule(passed_ms=st.sampled_from([1, 300, 5_000, 70_000]))
    def wait(self, passed_ms: int) -> None:
        self.now_ms += passed_ms
        for one in self.workers:
            one.feed(ev.Tick(self.now_ms, self.now_ms))

    @precondition(lambda self: hasattr(self, "brokers"))
    @invariant()
    def one_generation_sends(self) -> None:
        """Whoever may send belongs to the newest generation that was started."""
        able = list(self.brokers.able())
        assert len({one.generation for one in able}) <= 1, able
        tasks = [one.task for one in able]
        assert len(tasks) == len(set(tasks))

    def teardown(self) -> None:
        """In calm all tasks of the newest configurations run, each once."""
        if not hasattr(self, "brokers"):
            return
        for _ in range(60):
            self.wait(5_000)
            for worker in self.workers:
                worker.finish_stopping()
                worker.settle()
            self.brokers_fence(fails=False)
            self.leader_is_asked(lost=False)
        self.share()
        for _ in range(10):
            self.wait(70_000)
            for worker in self.workers:
                worker.finish_stopping()
                worker.settle()
            self.brokers_fence(fails=False)
            self.leader_is_asked(lost=False)
            self.one_generation_sends()
        wanted = self.leader.fold.snapshot().connectors[NAME].tasks
        running = [key for one in self.workers for key in one.hosts if isinstance(key, TaskId)]
        assert sorted(running) == [TaskId(NAME, task) for task in range(len(wanted))]


TestFencing = FencingModel.TestCase


def test_a_model_without_fencing_is_found_out() -> None:
    """The invariant sees what it is for: a task of another generation beside an older one."""
    brokers = Brokers()
    brokers.start(TaskId(NAME, 0), 1)
    brokers.start(TaskId(NAME, 1), 2)
    model = FencingModel()
    model.brokers = brokers
    with pytest.raises(AssertionError):
        model.one_generation_sends()
