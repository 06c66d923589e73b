"""The decisions of one worker of a cluster, one at a time."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulation.cluster import SimWorker, Topics, allocation, joined

from penstock.errors import (
    AlreadyExistsError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    StorageError,
)
from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder.asked import Requested, Validated
from penstock.runtime.herder.cluster import events as ev
from penstock.runtime.herder.cluster.actions import ElsewhereError, WriteStatus
from penstock.runtime.herder.cluster.state import ClusterLimits
from penstock.runtime.herder.hosts import HostExitedEvent, HostReported
from penstock.runtime.host import messages as msg
from penstock.runtime.model import State, TargetState, TaskId
from penstock.runtime.storage.config_records import (
    LoggerLevel,
    TaskCommit,
    TaskConfig,
    encode,
)
from penstock.runtime.storage.status_records import (
    Status,
    TopicUse,
    TopicUseKey,
    encode_status,
    encode_topic_use,
)

CONFIG = {"connector.class": "X", "tasks.max": "2"}
TASKS = [TaskId("c", 0), TaskId("c", 1)]


def alone(**limits: Any) -> SimWorker:
    """Return a worker that leads a group of its own."""
    worker = SimWorker("w1", Topics(), ClusterLimits(**limits))
    worker.read()
    worker.feed(joined(worker, worker, members={worker.url: ev.Member(worker.url)}))
    worker.settle()
    return worker


def with_connector(**limits: Any) -> SimWorker:
    """Return a worker that runs connector c and its two tasks."""
    worker = alone(**limits)
    worker.ask(cmd.PutConnector("c", CONFIG, replace=False))
    share(worker, allocation(["c"]))
    share(worker, allocation(tasks=TASKS))
    return worker


def share(worker: SimWorker, added: ev.Allocation, **more: Any) -> None:
    """End a rebalance that gives the worker more."""
    generation = worker.herder.state.generation + 1
    owned = worker.herder.state.owned.plus(added)
    members = {worker.url: ev.Member(worker.url, owned)}
    more.setdefault("leader", worker)
    leader = more.pop("leader")
    worker.feed(joined(worker, leader, added=added, generation=generation, members=members, **more))
    worker.settle()


def states(worker: SimWorker, name: str = "c") -> list[str]:
    found = worker.ask(cmd.GetStatus(name))
    return [found["connector"]["state"], *(task["state"] for task in found["tasks"])]


def test_a_connector_comes_to_life_by_records_and_assignments() -> None:
    worker = with_connector()
    assert worker.running() == {"c", *TASKS}
    assert states(worker) == ["RUNNING"] * 3
    info = worker.ask(cmd.GetConnector("c"))
    assert info["config"] == {**CONFIG, "name": "c"}
    assert [one["task"] for one in info["tasks"]] == [0, 1]
    assert worker.ask(cmd.ListConnectors()) == ["c"]
    assert worker.ask(cmd.GetTasks("c"))[1]["config"] == {"task": "1"}
    assert worker.ask(cmd.GetTaskStatus(TASKS[1]))["worker_id"] == "w1:8083"
    assert worker.rejoins >= 2  # for the connector, then for its tasks


def test_requests_wait_until_the_config_topic_is_read() -> None:
    worker = SimWorker("w1", Topics())
    worker.feed(Requested(1, cmd.ListConnectors()))
    assert worker.replies == {}
    worker.read()
    assert worker.answer(1) == []


def test_too_many_early_requests_are_refused() -> None:
    worker = SimWorker("w1", Topics())
    for number in range(1, 1002):
        worker.feed(Requested(number, cmd.ListConnectors()))
    with pytest.raises(ConflictError, match="still reads"):
        worker.answer(1001)


def test_an_answer_comes_only_after_the_record_is_read_back() -> None:
    worker = alone()
    worker.feed(Requested(900, cmd.PutConnector("c", CONFIG, replace=True)))
    assert 900 not in worker.replies
    worker.settle()
    assert worker.answer(900)["created"]


def test_a_failed_write_is_told() -> None:
    worker = alone()
    worker.feed(Requested(900, cmd.PutConnector("c", CONFIG, replace=True)))
    worker.feed(ev.Written(worker.writes[0][0], StorageError("the broker is away")))
    with pytest.raises(StorageError, match="away"):
        worker.answer(900)
    worker.feed(ev.Written(12345))  # an unknown write harms nobody


def test_refusals() -> None:
    worker = with_connector()
    worker.invalid.add("bad")
    with pytest.raises(AlreadyExistsError):
        worker.ask(cmd.PutConnector("c", CONFIG, replace=False))
    with pytest.raises(BadRequestError, match="it is wrong"):
        worker.ask(cmd.PutConnector("bad", CONFIG, replace=False))
    for command in (
        cmd.GetConnector("x"),
        cmd.GetStatus("x"),
        cmd.DeleteConnector("x"),
        cmd.SetTarget("x", TargetState.PAUSED),
        cmd.RestartConnector("x"),
        cmd.RestartTask(TaskId("c", 7)),
        cmd.GetTaskStatus(TaskId("c", 7)),
        cmd.PutTaskConfigs("x", []),
        cmd.PatchConnector("x", {}),
    ):
        with pytest.raises(NotFoundError):
            worker.ask(command)
    with pytest.raises(BadRequestError, match="not served"):
        worker.ask(cmd.Command())


def test_patch_removes_by_null() -> None:
    worker = with_connector()
    worker.ask(cmd.PatchConnector("c", {"tasks.max": None, "more": "1"}))
    config = worker.ask(cmd.GetConnector("c"))["config"]
    assert config == {"connector.class": "X", "more": "1", "name": "c"}


def test_only_the_leader_changes_and_others_send_on() -> None:
    topics = Topics()
    leader, other = SimWorker("w1", topics), SimWorker("w2", topics)
    other.read()
    other.feed(Requested(900, cmd.PutConnector("c", CONFIG, replace=False)))
    assert 900 not in other.replies
    other.feed(joined(other, leader))
    with pytest.raises(ElsewhereError):
        other.answer(900)
    other.feed(ev.Left("gone"))
    with pytest.raises(ConflictError, match="no known leader"):
        other.ask(cmd.PutConnector("c", CONFIG, replace=False))
    other.feed(joined(other, leader))
    with pytest.raises(ElsewhereError) as told:
        other.ask(cmd.PutConnector("c", CONFIG, replace=False))
    assert (told.value.url, told.value.to_leader) == (leader.url, True)


def test_the_leadership_is_looked_at_again_after_the_validation() -> None:
    worker = alone()
    other = SimWorker("w2", worker.topics)
    seen: list[Any] = []
    worker._do_Validate = seen.append  # type: ignore[method-assign]
    worker.feed(Requested(900, cmd.PutConnector("c", CONFIG, replace=True)))
    worker.feed(joined(worker, other, generation=2))
    worker.feed(Validated(900, infos={"configs": []}))
    with pytest.raises(ElsewhereError):
        worker.answer(900)
    worker.feed(Validated(901, infos={"configs": []}))
    assert 901 not in worker.replies


def test_pause_resume_stop_and_delete() -> None:
    worker = with_connector()
    worker.ask(cmd.SetTarget("c", TargetState.PAUSED))
    assert states(worker) == ["PAUSED"] * 3
    worker.ask(cmd.SetTarget("c", TargetState.STARTED))
    assert states(worker) == ["RUNNING"] * 3
    worker.ask(cmd.SetTarget("c", TargetState.STOPPED))
    assert worker.running() == set()
    assert states(worker) == ["STOPPED"]
    assert worker.ask(cmd.GetConnector("c"))["tasks"] == []
    worker.ask(cmd.SetTarget("c", TargetState.STARTED))
    assert worker.running() == {"c", *TASKS}
    worker.ask(cmd.DeleteConnector("c"))
    assert worker.running() == set()
    with pytest.raises(NotFoundError):
        worker.ask(cmd.GetStatus("c"))


def test_the_leader_clears_statuses_of_what_is_gone() -> None:
    worker = with_connector()
    worker.ask(cmd.DeleteConnector("c"))
    share(worker, allocation())
    assert worker.herder.state.board.names() == set()


def test_an_unchanged_configuration_starts_the_instance_anew() -> None:
    worker = with_connector()
    before = len(worker.started)
    worker.ask(cmd.PutConnector("c", CONFIG, replace=True))
    assert worker.started[before:].count("c") == 1


def test_new_task_configurations_restart_only_what_changed() -> None:
    worker = with_connector()
    before, rejoins = len(worker.started), worker.rejoins
    worker.task_configs["c"] = [{"task": "0"}, {"task": "new"}]
    worker.report("c", msg.ReconfigurationRequested())
    worker.settle()
    assert worker.started[before:] == [TASKS[1]]
    assert worker.rejoins == rejoins
    worker.task_configs["c"] = [{"task": "0"}]
    worker.report("c", msg.ReconfigurationRequested())
    worker.settle()
    assert worker.running() == {"c", TASKS[0]}
    assert worker.rejoins == rejoins + 1


def test_a_connector_whose_task_configurations_fail_is_failed() -> None:
    worker = with_connector()
    worker.report("c", msg.TaskConfigsMade([], "too many"))
    worker.settle()
    assert states(worker)[0] == "FAILED"
    assert worker.ask(cmd.GetStatus("c"))["connector"]["trace"] == "too many"


def test_a_follower_sends_task_configurations_to_the_leader_until_taken() -> None:
    topics = Topics()
    leader, worker = SimWorker("w0", topics), with_connector()
    worker.feed(joined(worker, leader, generation=9, added=allocation(["c"], TASKS)))
    worker.task_configs["c"] = [{"task": "other"}]
    worker.report("c", msg.ReconfigurationRequested())
    (sent,) = worker.published
    assert (sent.url, sent.configs) == (leader.url, [{"task": "other"}])
    worker.feed(ev.Published("c", "409 conflict"))
    worker.feed(ev.Tick(100, 0))
    assert len(worker.published) == 1
    worker.feed(ev.Tick(10_000, 0))
    assert len(worker.published) == 2
    worker.feed(ev.Published("c"))
    worker.feed(ev.Tick(200_000, 0))
    assert len(worker.published) == 2


def test_without_a_leader_it_is_tried_later() -> None:
    worker = with_connector()
    worker.herder.state.group = None
    worker.task_configs["c"] = [{"task": "other"}]
    worker.report("c", msg.ReconfigurationRequested())
    assert worker.published == []
    assert "c" in worker.herder.state.publishing
    worker.feed(ev.Left("gone"))
    worker.feed(ev.Tick(10_000, 0))
    assert worker.herder.state.publishing == {}


def test_the_leader_takes_task_configurations_of_others() -> None:
    worker = alone()
    worker.ask(cmd.PutConnector("c", CONFIG, replace=False))
    worker.ask(cmd.PutTaskConfigs("c", [{"a": "1"}]))
    assert worker.ask(cmd.GetTasks("c"))[0]["config"] == {"a": "1"}


def test_a_failed_write_of_task_configurations_is_tried_again() -> None:
    worker = with_connector()
    worker.task_configs["c"] = [{"task": "other"}]
    worker.report("c", msg.ReconfigurationRequested())
    (number, _) = worker.writes.pop(0)
    worker.feed(ev.Written(number, StorageError("away")))
    worker.feed(ev.Tick(10_000, 0))
    worker.settle()
    assert worker.ask(cmd.GetTasks("c"))[0]["config"] == {"task": "other"}


def test_restart_of_what_is_owned_here() -> None:
    worker = with_connector()
    before = len(worker.started)
    worker.ask(cmd.RestartConnector("c"))
    worker.ask(cmd.RestartTask(TASKS[1]))
    assert worker.started[before:] == ["c", TASKS[1]]


def test_restart_of_what_is_owned_elsewhere() -> None:
    worker = with_connector()
    other = ev.Member("http://w2:8083/", allocation(["c"], TASKS))
    members = {worker.url: ev.Member(worker.url), "w2": other}
    revoked = allocation(["c"], TASKS)
    worker.feed(joined(worker, worker, generation=9, revoked=revoked, members=members))
    with pytest.raises(ElsewhereError) as told:
        worker.ask(cmd.RestartConnector("c"))
    assert (told.value.url, told.value.to_leader) == ("http://w2:8083/", False)
    members = {worker.url: ev.Member(worker.url)}
    worker.feed(joined(worker, worker, generation=10, members=members))
    with pytest.raises(ConflictError, match="nobody runs"):
        worker.ask(cmd.RestartTask(TASKS[0]))
    leader = SimWorker("w3", worker.topics)
    worker.feed(joined(worker, leader, generation=11))
    with pytest.raises(ElsewhereError) as told:
        worker.ask(cmd.RestartTask(TASKS[0]))
    assert told.value.to_leader


def test_restart_with_tasks_restarts_what_failed_only() -> None:
    worker = with_connector()
    worker.report(TASKS[1], msg.Failed("boom", "trace of boom"))
    worker.settle()
    assert states(worker) == ["RUNNING", "RUNNING", "FAILED"]
    before = len(worker.started)
    info = worker.ask(cmd.RestartConnector("c", include_tasks=True, only_failed=True))
    assert [task["state"] for task in info["tasks"]] == ["RUNNING", "RESTARTING"]
    assert info["connector"]["state"] == "RUNNING"
    assert "trace" not in info["tasks"][1]
    assert worker.started[before:] == [TASKS[1]]
    info = worker.ask(cmd.RestartConnector("c", include_tasks=True))
    assert info["connector"]["state"] == "RESTARTING"
    assert states(worker) == ["RUNNING"] * 3


def test_a_crashed_host_is_failed_with_its_last_words() -> None:
    worker = with_connector()
    incarnation, _ = worker.hosts.pop(TASKS[0])
    worker.feed(HostExitedEvent(TASKS[0], incarnation, "killed by signal 9"))
    worker.settle()
    assert worker.ask(cmd.GetTaskStatus(TASKS[0]))["trace"] == "killed by signal 9"


def test_progress_writes_no_status() -> None:
    worker = with_connector()
    written = len(worker.topics.status)
    worker.report(TASKS[0], msg.Progress(1, 1, 1, 1, 1))
    assert len(worker.topics.status) == written
    assert worker.ask(cmd.GetFigures("c"))["tasks"][0]["progress"]["records"] == 1


def test_what_is_revoked_stops_before_the_group_shares_anew() -> None:
    worker = with_connector()
    worker.stop_slowly = True
    rejoins = worker.rejoins
    gone = allocation(tasks=[TASKS[1]])
    worker.feed(joined(worker, worker, generation=9, revoked=gone))
    assert worker.rejoins == rejoins
    assert not worker.released
    worker.finish_stopping()
    assert worker.released == gone
    assert worker.rejoins == rejoins + 1
    assert worker.running() == {"c", TASKS[0]}
    worker.settle()
    status = worker.herder.state.board.get(TASKS[1])
    assert status is not None
    assert status.state is State.UNASSIGNED


def test_what_is_revoked_but_unknown_is_given_up_at_once() -> None:
    worker = alone()
    rejoins = worker.rejoins
    worker.feed(joined(worker, worker, generation=2, revoked=allocation(["ghost"])))
    assert worker.released == allocation(["ghost"])
    assert worker.rejoins == rejoins + 1


def test_leaving_stops_everything() -> None:
    worker = with_connector()
    worker.feed(ev.Left("expelled"))
    assert worker.running() == set()
    assert worker.herder.state.generation == -1


def test_an_eager_assignment_replaces_all() -> None:
    worker = with_connector()
    worker.feed(joined(worker, worker, generation=9, added=allocation(["c"]), eager=True))
    assert worker.running() == {"c"}


def behind(worker: SimWorker, offset: int, **more: Any) -> None:
    """End a rebalance whose leader has read further than this worker."""
    worker.read = lambda: None  # type: ignore[method-assign]
    leader = SimWorker("w2", worker.topics)
    added = allocation(["c"], TASKS)
    worker.feed(joined(worker, leader, generation=9, added=added, offset=offset, **more))
    del worker.read  # type: ignore[method-assign]


def test_a_worker_that_lags_starts_nothing_until_it_caught_up() -> None:
    worker = alone()
    topics = worker.topics
    behind(worker, len(topics.config) + 4)
    for record in (
        TaskConfig(TASKS[0], {"a": "1"}),
        TaskConfig(TASKS[1], {"a": "2"}),
        TaskCommit("c", 2),
    ):
        topics.config.append(encode(record))
    topics.config.insert(-3, (b"connector-c", b'{"properties":{"name":"c"}}'))
    assert worker.running() == set()
    worker.read(chunk=2)  # it asks for the rest by itself
    assert worker.running() == {"c", *TASKS}
    assert worker.left_for == []


def test_a_worker_that_cannot_catch_up_leaves_and_at_last_gives_up_its_share() -> None:
    worker = with_connector()
    for count in range(1, 7):
        behind(worker, 1_000)
        worker.feed(ev.Tick(count * 100_000, 0))
        assert len(worker.left_for) == count
        assert bool(worker.running()) == (count <= 5)


def test_a_leader_that_knew_too_little_shares_again() -> None:
    worker = with_connector()
    rejoins = worker.rejoins
    worker.feed(joined(worker, worker, generation=9, mismatch=True, offset=0))
    worker.settle()
    assert worker.rejoins > rejoins


def test_running_is_not_said_of_a_dead_worker() -> None:
    worker = with_connector()
    dead = SimWorker("w9", worker.topics)
    state = dead.herder.state
    dead.carry_out(WriteStatus(TASKS[1], Status(State.RUNNING, state.worker_id, 50)))
    worker.read()
    share(worker, allocation())
    assert states(worker)[2] == "UNASSIGNED"


def test_the_leader_makes_a_session_key_and_renews_it() -> None:
    worker = alone(key_ttl_ms=1_000)
    first = worker.herder.state.snapshot.session_key
    assert first is not None
    worker.feed(ev.Tick(1, 500))
    worker.settle()
    assert worker.herder.state.snapshot.session_key == first
    worker.feed(ev.Tick(2, 1_500))
    worker.feed(ev.Tick(3, 1_500))
    worker.settle()
    second = worker.herder.state.snapshot.session_key
    assert second is not None
    assert second.created_ms == 1_500
    keys = [key for key, _ in worker.topics.config if key == b"session-key"]
    assert len(keys) == 2


def test_levels_are_set_everywhere() -> None:
    worker = alone()
    worker.topics.config.append(encode(LoggerLevel("x", "DEBUG")))
    worker.read()
    assert worker.levels == [("x", "DEBUG")]


def test_topics_and_the_group_are_shown() -> None:
    worker = with_connector()
    worker.topics.status.append(encode_topic_use(TopicUseKey("t", "c"), TopicUse(0, 1)))
    worker.read()
    assert worker.ask(cmd.GetTopics("c")) == ["t"]
    found = worker.ask(cmd.GetWorkers())
    assert found["leader"]
    assert found["share"] == {"connectors": ["c"], "tasks": ["c-0", "c-1"]}
    assert len(found["workers"]) == 1


def test_what_is_held_back_is_shared_when_its_time_is_over() -> None:
    worker = alone()
    rejoins = worker.rejoins
    worker.feed(joined(worker, worker, generation=2, delay_ms=5_000))
    worker.feed(ev.Tick(4_999, 0))
    assert worker.rejoins == rejoins
    worker.feed(ev.Tick(5_000, 0))
    worker.feed(ev.Tick(6_000, 0))
    assert worker.rejoins == rejoins + 1


def test_others_than_the_leader_join_again_a_little_later() -> None:
    # Before the leader they would be given the old share again, and wait for a heartbeat.
    worker, leader = alone(), SimWorker("w2", Topics())
    rejoins = worker.rejoins
    worker.feed(joined(worker, leader, generation=2, delay_ms=5_000, at_ms=200))
    worker.feed(ev.Tick(5_200, 0))
    assert worker.rejoins == rejoins
    worker.feed(ev.Tick(5_300, 0))
    assert worker.rejoins == rejoins + 1


def test_an_expelled_worker_bars_its_hosts_before_it_stops_them() -> None:
    worker = with_connector()
    worker.stop_slowly = True
    worker.feed(ev.LeaseGiven(10.0))
    assert worker.leases == [(10.0, {"c", *TASKS})]
    worker.feed(ev.Left("expelled", expelled=True))
    assert worker.barred == {"c", *TASKS}
    assert {key for key, _ in worker.stopping} == {"c", *TASKS}
    worker.feed(ev.LeaseGiven(20.0))
    assert len(worker.leases) == 1, "a worker without a group grants nothing"


def test_a_worker_that_shuts_down_lets_its_hosts_finish() -> None:
    worker = with_connector()
    worker.stop_slowly = True
    worker.feed(ev.Left("this worker shuts down"))
    assert worker.barred == set()
    assert {key for key, _ in worker.stopping} == {"c", *TASKS}


def use_topics(worker: SimWorker, *topics: str) -> None:
    incarnation = worker.hosts[TASKS[1]][0]
    worker.feed(HostReported(TASKS[1], incarnation, msg.TopicsUsed(topics)))
    worker.read()


def test_topics_that_tasks_use_are_kept_until_reset_or_deletion() -> None:
    worker = with_connector()
    worker.feed(ev.Tick(5, 1_700_000_000_000))
    use_topics(worker, "a", "b")
    records = len(worker.topics.status)
    use_topics(worker, "a")
    assert len(worker.topics.status) == records, "what is known is not written again"
    assert worker.ask(cmd.GetTopics("c")) == ["a", "b"]
    assert encode_topic_use(TopicUseKey("a", "c"), TopicUse(1, 1_700_000_000_000)) in (
        worker.topics.status
    )
    worker.ask(cmd.ResetTopics("c"))
    worker.read()
    assert worker.ask(cmd.GetTopics("c")) == []
    use_topics(worker, "b")
    assert worker.ask(cmd.GetTopics("c")) == ["b"]
    worker.ask(cmd.DeleteConnector("c"))
    share(worker, allocation())
    worker.read()
    assert encode_topic_use(TopicUseKey("b", "c"), None) in worker.topics.status
    assert worker.herder.state.board.topics("c") == []


def test_topics_are_not_kept_when_tracking_is_off() -> None:
    worker = with_connector(topic_tracking=False)
    use_topics(worker, "a")
    assert worker.ask(cmd.GetTopics("c")) == []


def test_what_comes_back_is_told_again_though_others_told_of_it_since() -> None:
    """A worker that was expelled gets its tasks back while their former hosts still end."""
    worker = with_connector()
    worker.stop_slowly = True
    worker.feed(ev.Left("expelled", expelled=True))
    other = Status(State.UNASSIGNED, "w2:1", worker.herder.state.generation + 9)
    worker.topics.status += [encode_status(key, other) for key in ("c", *TASKS)]
    worker.read()
    share(worker, allocation(["c"], TASKS))
    worker.stop_slowly = False
    worker.finish_stopping()
    worker.settle()
    worker.read()
    assert states(worker) == ["RUNNING"] * 3
    found = worker.herder.state.board.get(TASKS[0])
    assert found is not None
    assert found.worker_id == worker.herder.state.worker_id
