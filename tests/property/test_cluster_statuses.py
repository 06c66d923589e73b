"""Statuses of two workers that write to one topic, in any order."""

from __future__ import annotations

import pytest
from tests.simulation.cluster import SimWorker, Topics, allocation, joined

from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder.cluster import events as ev
from penstock.runtime.model import State, TargetState
from penstock.runtime.storage.status_records import Status, StatusBoard, encode_status


@pytest.mark.parametrize("target", [TargetState.STARTED, TargetState.PAUSED])
@pytest.mark.parametrize("generation", [-1, 1, 9])
def test_an_owner_speaks_again_after_the_late_end_of_the_one_before(
    target: TargetState, generation: int
) -> None:
    """The end of a worker that had been expelled stayed for ever, while the task was paused."""
    topics = Topics()
    worker = SimWorker("w1", topics)
    worker.read()
    worker.feed(joined(worker, worker, members={worker.url: ev.Member(worker.url)}))
    config = {"connector.class": "X", "tasks.max": "1"}
    worker.ask(cmd.PutConnector("c", config, replace=False, target=target))
    worker.feed(joined(worker, worker, added=allocation(["c"]), generation=2))
    topics.status.append(encode_status("c", Status(State.UNASSIGNED, "w0:8083", generation)))
    for _ in range(3):
        worker.read()
    board = StatusBoard()
    for record in topics.status:
        board.fold(*record)
    shown = State.PAUSED if target is TargetState.PAUSED else State.RUNNING
    assert board.connector("c") == Status(shown, "w1:8083", 2, None, worker_version(shown))
    count = len(topics.status)
    worker.read()
    assert len(topics.status) == count  # said once


def worker_version(shown: State) -> str | None:
    """Return the version that a host of the simulation tells."""
    return "1" if shown is State.RUNNING else None
