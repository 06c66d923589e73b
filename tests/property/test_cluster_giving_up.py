"""What a worker gives up, while the group goes on to share."""

from __future__ import annotations

from tests.simulation.cluster import SimWorker, Topics, allocation, joined

from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder.cluster import events as ev

CONFIG = {"connector.class": "X", "tasks.max": "1"}


def test_what_still_stops_when_the_group_shares_again_is_released_at_last() -> None:
    """It was forgotten: the group counted it as this worker's, and it ran nowhere again."""
    worker = SimWorker("w1", Topics())
    worker.read()
    worker.feed(joined(worker, worker, members={worker.url: ev.Member(worker.url)}))
    worker.ask(cmd.PutConnector("c", CONFIG, replace=False))
    worker.feed(joined(worker, worker, added=allocation(["c"]), generation=2))
    worker.stop_slowly = True
    worker.feed(joined(worker, worker, revoked=allocation(["c"]), generation=3))
    worker.feed(joined(worker, worker, generation=4))
    assert worker.released == allocation()
    rejoins = worker.rejoins
    worker.finish_stopping()
    assert worker.released == allocation(["c"])
    assert worker.rejoins == rejoins + 1
