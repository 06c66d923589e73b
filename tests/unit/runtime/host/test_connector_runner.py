from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from penstock.api import Connector, SinkConnector, SourceConnector
from penstock.config import config, key
from penstock.errors import PluginError
from penstock.runtime import connector_runner
from penstock.runtime.connector_runner import run_connector
from penstock.runtime.host.messages import (
    Command,
    ConnectorReady,
    Event,
    Failed,
    MakeTaskConfigs,
    Pause,
    Paused,
    ReconfigurationRequested,
    Resume,
    Running,
    StartConnector,
    Stop,
    Stopped,
    TaskConfigsMade,
)
from penstock.runtime.host.threads import ThreadControl


@config
class Keys:
    text: str = key("text", doc="A text.")


class SomeTask:
    pass


class Source(SourceConnector[Keys]):
    VERSION = "1.2"
    task_class = SomeTask  # type: ignore[assignment]  # only its name is told
    calls: list[str]

    def open(self) -> None:
        self.calls.append("open")

    def start(self) -> None:
        self.calls.append("start")
        self._fail_if("start")

    def stop(self) -> None:
        self.calls.append("stop")
        self._fail_if("stop")

    def close(self) -> None:
        self.calls.append("close")
        self._fail_if("close")

    def _fail_if(self, where: str) -> None:
        if self.config.text == f"fail in {where}":
            raise ValueError(self.config.text)

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        made: dict[str, Callable[[], Any]] = {
            "reconfigure": self.context.request_task_reconfiguration,
            "raise": lambda: self.context.raise_error(ValueError("watching failed")),
        }
        made.get(self.config.text, lambda: None)()
        if self.config.text == "fail":
            raise ValueError("no tasks today")
        wrong: Any = {"number": [{"n": 1}], "list": [["n"]], "keys": [{1: "n"}]}
        return wrong.get(self.config.text) or [self.context.raw_config]


class Sink(SinkConnector[Keys]):
    VERSION = "3"
    task_class = SomeTask  # type: ignore[assignment]  # only its name is told


class Registry:
    def load(self, kind: str, name: str) -> type[Connector[Any]]:
        assert kind == "connectors"
        found: dict[str, type[Connector[Any]]] = {"Source": Source, "Sink": Sink}
        if name not in found:
            raise PluginError(f"no connector '{name}' is installed")
        return found[name]

    def list(self, kind: str) -> list[Any]:
        return []


class Run:
    """A runner in a thread, and what it sends."""

    def __init__(self, config: Mapping[str, str], *, paused: bool) -> None:
        self._events: queue.Queue[Event] = queue.Queue()
        self._control = ThreadControl(self._events.put, paused=paused)
        command = StartConnector("c", config, {}, paused)
        self._thread = threading.Thread(target=run_connector, args=(command, self._control))
        self._thread.start()

    def next(self) -> Any:
        return self._events.get(timeout=5)

    def tell(self, command: Command) -> None:
        self._control.deliver(command)

    def is_over(self) -> bool:
        self._thread.join(5)
        return not self._thread.is_alive() and self._events.empty()


Start = Callable[..., Run]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(connector_runner, "registry", Registry)
    monkeypatch.setattr(Source, "calls", [], raising=False)
    runs: list[Run] = []

    def begin(
        text: str | None = "x", cls: str = "Source", *, paused: bool = False, **more: str
    ) -> Run:
        own = {} if text is None else {"text": text}
        runs.append(Run({"connector.class": cls, **own, **more}, paused=paused))
        return runs[-1]

    yield begin
    for run in runs:
        run.tell(Stop(1000))
        run._thread.join(5)


def running(run: Run) -> Run:
    assert run.next() == ConnectorReady("source", "1.2")
    assert run.next() == Running("1.2")
    return run


def test_a_connector_starts_pauses_goes_on_and_stops(start: Start) -> None:
    run = running(start())
    run.tell(Pause())
    assert run.next() == Paused()
    run.tell(Resume())
    assert run.next() == Running("1.2")
    run.tell(Stop(1000))
    assert run.next() == Stopped()
    assert run.is_over()
    assert Source.calls == ["open", "start", "stop", "start", "stop", "close"]


def test_a_paused_connector_is_made_but_not_started(start: Start) -> None:
    run = start(paused=True)
    assert run.next() == ConnectorReady("source", "1.2")
    assert run.next() == Paused()
    assert Source.calls == ["open"]
    run.tell(Resume())
    assert run.next() == Running("1.2")


def test_task_configs_are_made_with_what_the_runtime_adds(start: Start) -> None:
    run = running(start())
    run.tell(MakeTaskConfigs(1))
    (made,) = run.next().configs
    assert made == {
        "connector.class": "Source",
        "name": "c",
        "text": "x",
        "task.class": f"{__name__}.SomeTask",
    }


def test_a_sink_tells_its_tasks_the_topics(start: Start) -> None:
    run = start(cls="Sink", topics="a,b")
    assert run.next() == ConnectorReady("sink", "3")
    assert run.next() == Running("3")
    run.tell(MakeTaskConfigs(2))
    made = run.next().configs
    assert [one["topics"] for one in made] == ["a,b", "a,b"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("fail", "ValueError: no tasks today"),
        ("number", "whose key 'n' is not a text with a text"),
        ("keys", "whose key 1 is not a text"),
        ("list", "made a list as configuration of task 0"),
    ],
)
def test_bad_task_configs_are_told_and_the_connector_goes_on(
    start: Start, text: str, error: str
) -> None:
    run = running(start(text))
    run.tell(MakeTaskConfigs(1))
    told = run.next()
    assert isinstance(told, TaskConfigsMade)
    assert error in (told.error or "")
    run.tell(Stop(1000))
    assert run.next() == Stopped()


@pytest.mark.parametrize("enforced", [True, False])
def test_too_many_tasks_are_refused_unless_allowed(start: Start, enforced: bool) -> None:
    run = running(start(**({} if enforced else {"tasks.max.enforce": "false"})))
    run.tell(MakeTaskConfigs(0))
    told = run.next()
    text = "The connector c has generated 1 tasks, which is greater than 0"
    assert (text in (told.error or "")) is enforced
    assert len(told.configs) == (0 if enforced else 1)


def test_values_of_providers_do_not_leave_the_host(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolved(
        raw: Mapping[str, str], worker: Mapping[str, str], expiring: Callable[[int], None]
    ) -> dict[str, str]:
        return {name: value.replace("${env:SECRET}", "secret") for name, value in raw.items()}

    monkeypatch.setattr(connector_runner, "resolved", resolved)
    run = running(start("${env:SECRET}"))
    run.tell(MakeTaskConfigs(1))
    (made,) = run.next().configs
    assert made["text"] == "${env:SECRET}"


def test_a_connector_may_ask_to_be_asked_again(start: Start) -> None:
    run = running(start("reconfigure"))
    run.tell(MakeTaskConfigs(1))
    assert run.next() == ReconfigurationRequested()
    assert len(run.next().configs) == 1


def test_a_connector_that_raised_is_failed_and_can_still_be_stopped(start: Start) -> None:
    run = running(start("raise"))
    run.tell(MakeTaskConfigs(1))
    failed = run.next()
    assert isinstance(failed, Failed)
    assert failed.reason == "ValueError: watching failed"
    assert len(run.next().configs) == 1
    run.tell(MakeTaskConfigs(1))
    assert run.next().error == failed.trace
    run.tell(Pause())
    run.tell(Stop(1000))
    assert run.next() == Stopped()
    assert Source.calls == ["open", "start", "stop", "close"]


def test_a_connector_that_cannot_start_is_failed_and_closed(start: Start) -> None:
    run = start("fail in start")
    assert run.next() == ConnectorReady("source", "1.2")
    failed = run.next()
    assert failed.reason == "ValueError: fail in start"
    assert "Traceback" in failed.trace
    assert run.is_over()
    assert Source.calls == ["open", "start", "close"]


@pytest.mark.parametrize("where", ["stop", "close"])
def test_a_connector_that_cannot_end_is_failed(start: Start, where: str) -> None:
    run = running(start(f"fail in {where}"))
    run.tell(Stop(1000))
    assert run.next().reason == f"ValueError: fail in {where}"
    assert run.is_over()
    assert Source.calls == ["open", "start", "stop", "close"]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"text": None}, "connector 'c': Missing required configuration \"text\""),
        ({"cls": "Nothing"}, "no connector 'Nothing' is installed"),
        ({"cls": " "}, "connector 'c': 'connector.class' is missing"),
    ],
)
def test_a_connector_that_cannot_be_made_is_failed(
    start: Start, config: dict[str, Any], reason: str
) -> None:
    run = start(**config)
    assert reason in run.next().reason
    assert run.is_over()
