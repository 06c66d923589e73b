"""What a request that got no answer in time is told: the stage that it waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from penstock.errors import TimedOutError
from penstock.rest.service import RestService
from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder.asked import Requested
from penstock.runtime.herder.cluster.herder import ClusterHerder
from penstock.runtime.herder.driver import HerderDriver
from penstock.runtime.herder.state import Action, OffsetsWork, Reply, Validate, Waits
from penstock.runtime.levels import LevelBook
from penstock.runtime.model import ConnectorType, TargetState, TaskId
from penstock.runtime.stages import JOINING, STARTING, Stage
from penstock.runtime.storage.config_records import (
    ConnectorConfig,
    TargetStateSet,
    TaskCommit,
    TaskConfig,
    TaskFencing,
    writing,
)

BEGAN = "2026-11-23T21:50:01.023Z"
BEGAN_MS = 1_795_470_601_023


def test_a_stage_that_goes_on_and_one_that_is_over() -> None:
    stage = Stage("validating connector configuration", BEGAN_MS)
    assert stage.summary() == (
        f"The worker is currently validating connector configuration, which began at {BEGAN}."
    )
    ended = Stage("stopping connector c", BEGAN_MS, ended_ms=BEGAN_MS + 977)
    assert ended.summary() == (
        f"The last operation the worker completed was stopping connector c, which began at {BEGAN} "
        "and completed at 2026-11-23T21:50:02Z."
    )


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (ConnectorConfig("c", {}), "writing a config for connector c to the config topic"),
        (ConnectorConfig("c", None), "removing the config for connector c from the config topic"),
        (
            TargetStateSet("c", TargetState.STOPPED),
            "writing the target state for connector c to the config topic",
        ),
        (
            TaskFencing("c", 1),
            "writing a task count record for connector c to the config topic",
        ),
        (
            TaskConfig(TaskId("c", 0), {}),
            "writing task configs for connector c to the config topic",
        ),
        (TaskCommit("c", 1), "writing task configs for connector c to the config topic"),
    ],
)
def test_what_is_written_has_a_name(record: Any, text: str) -> None:
    assert writing(record) == text


@pytest.mark.parametrize(("ready", "text"), [(False, STARTING), (True, JOINING)])
def test_a_worker_that_is_not_in_its_group_says_what_it_does(ready: bool, text: str) -> None:
    herder = ClusterHerder("w:1", "http://w:1/", type_of=lambda _: ConnectorType.SOURCE)
    herder.state.ready = ready
    (told,) = herder.step(Requested(1, cmd.DeleteConnector("c")))
    assert told == Waits(1, text)
    assert told.stage == text


class _Silent:
    """A herder that begins something for each request, and answers only what asks for nothing."""

    def step(self, event: Any) -> Sequence[Action]:
        assert isinstance(event, Requested)
        if isinstance(event.command, cmd.DeleteConnector):
            return [Waits(event.request, "stopping connector c")]
        return [Reply(event.request, [])]


async def ask(herder: Any, command: cmd.Command) -> Any:
    """Ask as a route does, but with little patience."""
    driver = HerderDriver(
        herder,
        worker=None,  # type: ignore[arg-type]  # nothing is run
        worker_config={},
        stop_timeout_ms=0,
    )
    driver.start()
    service = RestService(
        submit=driver.submit,
        call=lambda *_: driver.submit(command),
        list_plugins=list,
        version="1",
        commit="c",
        cluster_id="k",
        levels=LevelBook(),
        set_level=LevelBook().set,
    )
    try:
        return await service.ask(command, timeout_s=0.3)
    finally:
        driver.close(5)


def test_a_request_without_an_answer_names_its_stage() -> None:
    with pytest.raises(TimedOutError) as told:
        asyncio.run(ask(_Silent(), cmd.DeleteConnector("c")))
    text = str(told.value)
    assert text.startswith(
        "Request timed out. The worker is currently stopping connector c, which began at 20"
    )
    assert text.endswith("Z. DeleteConnector had no answer within 0.3 s")


def test_a_request_with_an_answer_is_not_held_up() -> None:
    assert asyncio.run(ask(_Silent(), cmd.ListConnectors())) == []


def test_validations_and_offsets_are_stages() -> None:
    assert Validate(1, {}).stage == "validating connector configuration"
    work = OffsetsWork(1, "c", {}, ConnectorType.SINK, change=True)
    assert work.stage == "modifying offsets for connector c"
    assert Reply(1).stage == ""
