"""Hosts that start anew when values from config providers expire."""

from __future__ import annotations

import pytest

from penstock.runtime.herder.hosts import HostExitedEvent, HostReported, HostStarted, host_step
from penstock.runtime.herder.recovery import RELOAD_MIN_MS, Recovery
from penstock.runtime.herder.state import (
    Action,
    HerderState,
    HostKey,
    Phase,
    Slot,
    Spec,
    StartHost,
    StopHost,
    reconcile,
)
from penstock.runtime.host.messages import Failed, Running, ValuesExpire
from penstock.runtime.model import TaskId

TASK = TaskId("c", 0)


class Place:
    """One slot with a host that runs, and the time."""

    def __init__(self, key: HostKey) -> None:
        self.key = key
        self.state = HerderState()
        self.slot: Slot = self.state.slot(key)
        self.slot.want(Spec({"name": "c"}), paused=False)
        self.recovery = Recovery()
        self.hosts = 0
        reconcile(self.slot)
        self.started()

    def started(self) -> None:
        self.hosts += 1
        self.tell(HostStarted(self.key, self.hosts))

    def tell(self, event: HostStarted | HostReported | HostExitedEvent) -> list[Action]:
        return list(host_step(self.state, event, lambda *_: []))

    def report(self, event: Failed | Running | ValuesExpire) -> None:
        self.tell(HostReported(self.key, self.hosts, event))

    def exited(self) -> list[Action]:
        return self.tell(HostExitedEvent(self.key, self.hosts, "ended"))

    def at(self, now_ms: int) -> list[Action]:
        return self.recovery.step(self.state.slots, now_ms)


@pytest.mark.parametrize("key", [TASK, "c"])
def test_a_host_starts_anew_once_its_shortest_lived_value_expires(key: HostKey) -> None:
    place = Place(key)
    for ttl_ms in (9000, 5000, 7000):
        place.report(ValuesExpire(ttl_ms))
    place.report(Running())
    assert place.at(100) == []
    assert place.at(5099) == []
    assert place.at(5100) == [StopHost(key)]
    assert place.at(5200) == []
    (again,) = place.exited()
    assert isinstance(again, StartHost)
    place.started()
    assert place.at(10**6) == []
    place.report(ValuesExpire(5000))
    assert place.at(10**6) == []
    assert place.at(10**6 + 5000) == [StopHost(key)]
    assert place.slot.restarts == 2


def test_values_that_live_no_time_do_not_make_a_storm() -> None:
    place = Place(TASK)
    place.report(ValuesExpire(0))
    assert place.at(0) == []
    assert place.at(RELOAD_MIN_MS - 1) == []
    assert place.at(RELOAD_MIN_MS) == [StopHost(TASK)]


def test_another_configuration_forgets_the_time_of_the_one_before() -> None:
    place = Place("c")
    place.report(ValuesExpire(5000))
    place.at(0)
    place.slot.want(Spec({"name": "c", "x": "y"}), paused=False)
    assert reconcile(place.slot) == [StopHost("c")]
    assert place.at(6000) == []
    place.exited()
    place.started()
    assert place.at(10**6) == []
    assert place.slot.restarts == 0


def test_what_is_stopped_or_deleted_stays_so() -> None:
    place = Place("c")
    place.report(ValuesExpire(5000))
    place.at(0)
    place.slot.want(None, paused=False)
    reconcile(place.slot)
    assert place.at(6000) == []
    place.exited()
    assert place.at(7000) == []


@pytest.mark.parametrize(("key", "starts"), [(TASK, False), ("c", True)])
def test_a_failed_connector_gets_another_chance_as_in_the_original_a_failed_task_not(
    key: HostKey, starts: bool
) -> None:
    place = Place(key)
    place.report(ValuesExpire(5000))
    place.report(Failed("no", "no"))
    place.exited()
    assert place.slot.phase is Phase.IDLE
    assert place.at(0) == []
    assert [type(one) for one in place.at(5000)] == ([StartHost] if starts else [])


def test_news_of_a_host_before_is_not_this_ones() -> None:
    place = Place(TASK)
    place.tell(HostReported(TASK, place.hosts - 1, ValuesExpire(5000)))
    place.at(0)
    assert place.at(10**6) == []
