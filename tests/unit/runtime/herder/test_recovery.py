"""Failed hosts that start again by themselves."""

from __future__ import annotations

import pytest

from penstock.config import ConfigSpec
from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder.asked import Requested, Tick, Validated
from penstock.runtime.herder.hosts import HostReported, HostStarted
from penstock.runtime.herder.recovery import Recovery
from penstock.runtime.herder.standalone import StandaloneHerder
from penstock.runtime.herder.state import HostKey, Phase, Say, Slot, Spec, StartHost, StopHost
from penstock.runtime.host.messages import Failed
from penstock.runtime.model import State, TaskId
from penstock.runtime.restart_keys import AFTER_FENCING, RestartKeys, RestartPolicy, restart_values

TASK = TaskId("c", 0)
KEYS = {
    "errors.restart.max.attempts": "3",
    "errors.restart.delay.ms": "100",
    "errors.restart.delay.max.ms": "300",
    "errors.restart.reset.ms": "10000",
}


def failed_slot(key: HostKey = TASK, **more: str) -> Slot:
    config = {**KEYS, **{name.replace("_", "."): value for name, value in more.items()}}
    spec = Spec({}, config) if isinstance(key, TaskId) else Spec(config)
    slot = Slot(key, wanted=spec)
    slot.failed, slot.state = True, State.FAILED
    return slot


def fail_again(slot: Slot) -> None:
    slot.phase, slot.failed, slot.state = Phase.IDLE, True, State.FAILED


@pytest.mark.parametrize("key", [TASK, "c"])
def test_restarts_come_later_and_later_and_then_no_more(key: HostKey) -> None:
    slot, recovery = failed_slot(key), Recovery()
    slots = {key: slot}
    now_ms, waits = 0, []
    for _ in range(3):
        (said,) = recovery.step(slots, now_ms)
        assert isinstance(said, Say)
        begun_ms = now_ms
        while not (actions := recovery.step(slots, now_ms)):
            now_ms += 10
        waits.append(now_ms - begun_ms)
        assert [type(one) for one in actions] == [StartHost]
        assert recovery.step(slots, now_ms) == []
        fail_again(slot)
    assert waits == [100, 200, 300]
    (said,) = recovery.step(slots, now_ms)
    assert isinstance(said, Say)
    assert "stays FAILED" in said.text
    assert recovery.step(slots, now_ms + 10**9) == []
    assert slot.restarts == 3


def test_a_long_good_time_makes_up_for_failures() -> None:
    slot, recovery = failed_slot(), Recovery()
    slots = {TASK: slot}
    for now_ms in (0, 100):
        recovery.step(slots, now_ms)
    fail_again(slot)
    (said,) = recovery.step(slots, 100 + 10_000)
    assert isinstance(said, Say)
    assert "restart 1 follows in 100 ms" in said.text


def test_a_user_who_is_faster_begins_anew() -> None:
    slot, recovery = failed_slot(errors_restart_max_attempts="1"), Recovery()
    slots = {TASK: slot}
    recovery.step(slots, 0)
    slot.restart()
    assert recovery.step(slots, 50) == []
    fail_again(slot)
    (said,) = recovery.step(slots, 60)
    assert isinstance(said, Say)
    assert "restart 1 follows" in said.text
    assert [type(one) for one in recovery.step(slots, 160)] == [StartHost]
    fail_again(slot)
    recovery.step(slots, 170)
    slot.restart()
    assert recovery.step(slots, 180) == []
    fail_again(slot)
    (said,) = recovery.step(slots, 190)
    assert isinstance(said, Say)
    assert "restart 1 follows" in said.text


def test_other_configurations_and_hosts_that_went_begin_anew() -> None:
    slot, recovery = failed_slot(errors_restart_max_attempts="1"), Recovery()
    slots = {TASK: slot}
    for now_ms in (0, 100):
        recovery.step(slots, now_ms)
    slot.wanted = Spec({}, {**KEYS, "x": "y"})
    fail_again(slot)
    (said,) = recovery.step(slots, 110)
    assert isinstance(said, Say)
    assert "restart 1 follows" in said.text
    assert recovery.step({}, 120) == []
    assert [type(one) for one in recovery.step(slots, 120)] == [Say]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"errors.restart.max.attempts": "0"},
        {"errors.restart.delay.ms": "5"},
        {"errors.restart.max.attempts": "many"},
    ],
)
def test_off_unless_asked_for(config: dict[str, str]) -> None:
    slot = Slot(TASK, wanted=Spec({}, config))
    slot.failed = True
    assert Recovery().step({TASK: slot}, 0) == []


def test_a_live_host_that_failed_is_ended_first() -> None:
    slot, recovery = failed_slot(), Recovery()
    slot.phase, slot.running = Phase.LIVE, slot.wanted
    for now_ms in (0, 100):
        actions = recovery.step({TASK: slot}, now_ms)
    assert [type(one) for one in actions] == [StopHost]


def test_without_end_the_delay_stays_bounded() -> None:
    policy = RestartPolicy(-1, 1000, 60_000, 1)
    assert policy.allows(10**6)
    assert policy.delay_before(10**6) == 60_000


def test_keys_are_shown_only_to_who_uses_them() -> None:
    assert restart_values({"name": "c"}) == []
    shown = restart_values({"errors.restart.max.attempts": "-2"})
    assert [one.name for one in shown] == [one.name for one in ConfigSpec.of(RestartKeys).keys]
    assert shown[0].errors


def test_the_lone_herder_restarts_what_failed() -> None:
    herder = StandaloneHerder("w:1")
    config = {"connector.class": "X", "name": "c", **KEYS}
    herder.step(Requested(1, cmd.PutConnector("c", config, replace=True)))
    herder.step(Validated(1, infos={"configs": []}, type="source"))
    herder.step(HostStarted("c", 1))
    herder.step(HostReported("c", 1, Failed("it broke", "trace")))
    assert herder.state.slots["c"].state is State.FAILED
    assert [type(one) for one in herder.step(Tick(0, 0))] == [Say]
    assert [type(one) for one in herder.step(Tick(100, 0))] == [StopHost]


def test_a_fenced_task_starts_again_without_being_asked_to_but_not_for_ever() -> None:
    """Its transactional id was most often taken by an older instance of its own."""
    slot = Slot(TASK, wanted=Spec({}, {}))
    recovery, now_ms, starts = Recovery(), 0, 0
    fail_again(slot)
    assert recovery.step({TASK: slot}, now_ms) == [], "another failure is left alone"
    for _ in range(AFTER_FENCING.attempts_max):
        fail_again(slot)
        slot.fenced = True
        (said,) = recovery.step({TASK: slot}, now_ms)
        assert isinstance(said, Say)
        now_ms += AFTER_FENCING.delay_max_ms
        starts += len(recovery.step({TASK: slot}, now_ms))
        assert not slot.fenced
        now_ms += 1
    assert starts == AFTER_FENCING.attempts_max
    fail_again(slot)
    slot.fenced = True
    (said,) = recovery.step({TASK: slot}, now_ms)
    assert isinstance(said, Say)
    assert "stays FAILED" in said.text
