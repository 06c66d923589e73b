"""Tasks of exactly-once sources start only once their forerunners can send no more."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulation.cluster import SimWorker, Topics, allocation, joined

from penstock.errors import (
    BadRequestError,
    ConflictError,
    ConnectError,
    NotFoundError,
    RetriableError,
)
from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder.asked import Requested
from penstock.runtime.herder.cluster import events as ev
from penstock.runtime.herder.cluster.actions import ElsewhereError
from penstock.runtime.herder.cluster.state import ClusterLimits
from penstock.runtime.host.messages import ReconfigurationRequested
from penstock.runtime.model import ConnectorType, TargetState, TaskId
from penstock.runtime.storage.config_records import TaskFencing, encode

CONFIG = {"connector.class": "C", "tasks.max": "2"}
TASKS = [TaskId("c", 0), TaskId("c", 1)]
ONCE = ClusterLimits(exactly_once=True, fences_leaders=True)


def leading(limits: ClusterLimits = ONCE, topics: Topics | None = None) -> SimWorker:
    worker = SimWorker("w1", topics or Topics(), limits)
    worker.read()
    share(worker, worker)
    return worker


def share(worker: SimWorker, leader: SimWorker, added: Any = None) -> None:
    worker.feed(
        joined(
            worker,
            leader,
            added=added or allocation(),
            generation=worker.herder.state.generation + 1,
            members={worker.url: ev.Member(worker.url)},
        )
    )
    worker.settle()


def with_tasks(count: int = 2) -> SimWorker:
    """Return a leader whose source has tasks, nothing of which was ever fenced."""
    worker = leading()
    worker.ask(cmd.PutConnector("c", {**CONFIG, "tasks.max": str(count)}, replace=False))
    share(worker, worker, allocation(["c"]))
    share(worker, worker, allocation(tasks=TASKS[:count]))
    return worker


def record(worker: SimWorker) -> int | None:
    found: int | None = worker.fold.snapshot().connectors["c"].fenced_tasks
    return found


def again(worker: SimWorker, configs: list[dict[str, str]]) -> None:
    """Have the connector give other task configurations."""
    worker.task_configs["c"] = configs
    worker.report("c", ReconfigurationRequested())
    worker.settle()


def states(worker: SimWorker) -> list[str]:
    return [one["state"] for one in worker.ask(cmd.GetStatus("c"))["tasks"]]


def test_the_first_tasks_fence_nobody_and_leave_a_record() -> None:
    worker = with_tasks()
    assert worker.fencings == []
    assert record(worker) == 2
    assert worker.running() == {"c", *TASKS}
    assert all(worker.hosts[task][1].spec.exactly_once for task in TASKS)
    assert not worker.hosts["c"][1].spec.exactly_once
    assert worker.claims == 1


def test_new_configurations_fence_all_former_tasks_before_any_starts() -> None:
    worker = with_tasks()
    again(worker, [{"task": "0"}, {"task": "new"}])
    (asked,) = worker.fencings
    assert (asked.name, asked.tasks) == ("c", 2)
    assert worker.running() == {"c"}, "the unchanged task stops too: its producer is fenced"
    worker.feed(ev.ProducersFenced("c"))
    worker.settle()
    assert worker.running() == {"c", *TASKS}
    assert len(worker.fencings) == 1


def test_one_task_after_one_needs_no_round() -> None:
    worker = with_tasks(1)
    assert record(worker) == 1
    again(worker, [{"task": "new"}])
    assert worker.fencings == []
    assert worker.running() == {"c", TASKS[0]}


def test_a_restart_of_the_same_tasks_asks_nobody() -> None:
    worker = with_tasks()
    worker.ask(cmd.RestartTask(TASKS[0]))
    assert worker.running() == {"c", *TASKS}
    assert worker.fencings == []


def test_configurations_that_come_during_a_round_make_another() -> None:
    worker = with_tasks()
    again(worker, [{"task": "a"}, {"task": "b"}])
    worker.feed(Requested(900, cmd.FenceTasks("c")))
    again(worker, [{"task": "c"}, {"task": "d"}])
    worker.feed(ev.ProducersFenced("c"))
    worker.settle()
    with pytest.raises(ConflictError, match="new task configurations were generated"):
        worker.answer(900)
    assert worker.running() == {"c"}
    worker.feed(ev.Tick(300, 300))
    assert len(worker.fencings) == 2
    worker.feed(ev.ProducersFenced("c"))
    worker.settle()
    assert worker.running() == {"c", *TASKS}
    assert [worker.hosts[task][1].spec.config["task"] for task in TASKS] == ["c", "d"]


def test_a_fencing_that_fails_is_told_and_tried_again() -> None:
    worker = with_tasks()
    again(worker, [{"task": "a"}, {"task": "b"}])
    worker.feed(ev.ProducersFenced("c", ConnectError("no rights")))
    worker.settle()
    assert states(worker) == ["FAILED", "FAILED"]
    trace = worker.ask(cmd.GetTaskStatus(TASKS[0]))["trace"]
    assert trace == "Failed to perform zombie fencing: no rights"
    worker.feed(ev.Tick(249, 249))
    assert len(worker.fencings) == 1
    worker.feed(ev.Tick(250, 250))
    assert len(worker.fencings) == 2
    worker.feed(ev.ProducersFenced("c"))
    worker.settle()
    assert states(worker) == ["RUNNING", "RUNNING"]


def member() -> tuple[SimWorker, SimWorker]:
    """Return the leader, with the connector, and a worker that is to run its tasks."""
    leader = leading()
    other = SimWorker("w2", leader.topics, ONCE)
    other.read()
    leader.ask(cmd.PutConnector("c", CONFIG, replace=False))
    share(leader, leader, allocation(["c"]))
    other.read()
    share(other, leader, allocation(tasks=TASKS))
    return leader, other


def test_a_worker_asks_the_leader_once_and_starts_when_it_says_so() -> None:
    leader, other = member()
    (asked,) = other.fences_asked
    assert (asked.name, asked.url) == ("c", leader.url)
    assert other.running() == set()
    assert leader.ask(cmd.FenceTasks("c")) is None
    other.feed(ev.FenceTold("c", asked.generation))
    other.settle()
    assert other.running() == set(TASKS)


def test_an_answer_for_former_tasks_starts_nothing() -> None:
    leader, other = member()
    (asked,) = other.fences_asked
    again(leader, [{"task": "a"}, {"task": "b"}])
    other.read()
    other.feed(ev.FenceTold("c", asked.generation))
    assert other.running() == set()
    newer = other.fences_asked[-1]
    assert newer.generation == asked.generation + 1
    other.feed(ev.FenceTold("c", newer.generation))
    assert other.running() == set(TASKS)


@pytest.mark.parametrize("problem", [ConflictError("shares anew"), RetriableError("no answer")])
def test_what_passes_by_itself_is_no_failure(problem: Exception) -> None:
    _, other = member()
    (asked,) = other.fences_asked
    other.feed(ev.FenceTold("c", asked.generation, problem))
    assert not other.herder.state.here.slots[TASKS[0]].trace
    other.feed(ev.Tick(250, 250))
    assert len(other.fences_asked) == 2
    other.feed(ev.FenceTold("c", asked.generation, problem))
    other.feed(ev.Tick(500, 500))
    assert len(other.fences_asked) == 2, "the second pause is longer"
    other.feed(ev.Tick(750, 750))
    assert len(other.fences_asked) == 3


def test_without_a_leader_it_is_asked_later() -> None:
    leader, other = member()
    again(leader, [{"task": "a"}, {"task": "b"}])
    other.fences_asked.clear()
    other.herder.state.group = None
    other.read()
    assert other.fences_asked == []
    share(other, leader)
    other.feed(ev.Tick(250, 250))
    assert len(other.fences_asked) == 1


def test_a_round_of_a_leader_that_leads_no_more_ends_without_a_record() -> None:
    worker = with_tasks()
    again(worker, [{"task": "a"}, {"task": "b"}])
    worker.feed(Requested(900, cmd.FenceTasks("c")))
    share(worker, SimWorker("w2", Topics()))
    worker.feed(ev.ProducersFenced("c"))
    worker.settle()
    with pytest.raises(ConflictError, match="does not lead"):
        worker.answer(900)
    worker.feed(ev.ProducersFenced("c"))  # nobody waits for it any more


def test_what_may_not_be_fenced() -> None:
    worker = with_tasks()
    with pytest.raises(NotFoundError, match="Connector nobody not found"):
        worker.ask(cmd.FenceTasks("nobody"))
    worker.herder.state.here.connectors["c"].type = ConnectorType.SINK
    with pytest.raises(BadRequestError, match="Connector c is not a source connector"):
        worker.ask(cmd.FenceTasks("c"))
    plain = leading(ClusterLimits())
    plain.ask(cmd.PutConnector("c", CONFIG, replace=False))
    with pytest.raises(BadRequestError, match=r"exactly\.once\.source\.support=enabled"):
        plain.ask(cmd.FenceTasks("c"))
    share(worker, SimWorker("w2", Topics()))
    with pytest.raises(ElsewhereError):
        worker.ask(cmd.FenceTasks("c"))


def test_the_records_of_another_leader_are_enough() -> None:
    leader, other = member()
    leader.topics.config.append(encode(TaskFencing("c", 2)))
    other.read()
    other.feed(ev.Tick(1, 1))
    share(other, leader)
    assert other.running() == set(TASKS)


def test_a_deleted_connector_is_forgotten() -> None:
    worker = with_tasks()
    again(worker, [{"task": "a"}, {"task": "b"}])
    worker.ask(cmd.DeleteConnector("c"))
    worker.feed(ev.ProducersFenced("c"))
    worker.feed(ev.Tick(1_000, 1_000))
    worker.settle()
    assert worker.herder.state.fences == {}
    assert worker.running() == set()


def test_offsets_are_altered_once_nobody_can_store_over_them() -> None:
    worker = with_tasks()
    worker.ask(cmd.SetTarget("c", TargetState.STOPPED))
    done: list[Any] = []
    worker._do_OffsetsWork = done.append  # type: ignore[attr-defined]
    worker.feed(Requested(901, cmd.AlterOffsets("c", None)))
    assert not done
    assert worker.fencings[-1].tasks == 2
    worker.feed(ev.ProducersFenced("c"))
    worker.settle()
    assert [one.name for one in done] == ["c"]
    worker.feed(Requested(902, cmd.AlterOffsets("c", None)))
    assert len(done) == 2, "fenced already"
    worker.ask(cmd.SetTarget("c", TargetState.STARTED))
    share(worker, worker, allocation(tasks=TASKS))
    assert worker.running() == {"c", *TASKS}
    assert len(worker.fencings) == 1, "none were left to fence"


def test_offsets_are_not_altered_when_fencing_fails() -> None:
    worker = with_tasks()
    worker.ask(cmd.SetTarget("c", TargetState.STOPPED))
    worker.feed(Requested(901, cmd.AlterOffsets("c", None)))
    worker.feed(ev.ProducersFenced("c", RetriableError("away")))
    with pytest.raises(RetriableError, match="away"):
        worker.answer(901)


def test_a_round_that_ends_behind_newer_configurations_leaves_no_record() -> None:
    """They are written, but not read yet: the record behind them would count as theirs."""
    worker = with_tasks()
    again(worker, [{"task": "a"}])
    worker.task_configs["c"] = [{"task": "b"}, {"task": "c"}]
    worker.report("c", ReconfigurationRequested())
    assert worker.writes, "the newer ones are on their way"
    worker.feed(ev.ProducersFenced("c"))
    worker.settle()
    assert record(worker) == 2, "of the first tasks"
    assert worker.running() == {"c"}
    worker.feed(ev.Tick(300, 300))
    worker.feed(ev.ProducersFenced("c"))
    worker.settle()
    assert worker.running() == {"c", *TASKS}
