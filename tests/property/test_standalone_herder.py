"""The standalone herder under any order of requests, crashes and late news.

A model of the worker carries out the herder's actions; hosts start, report, fail and exit
whenever the machine likes. When everything has settled, what runs is what was asked for.
"""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder.asked import Requested, Validated
from penstock.runtime.herder.hosts import HostExitedEvent, HostReported, HostStarted
from penstock.runtime.herder.standalone import StandaloneHerder
from penstock.runtime.herder.state import (
    Reply,
    SendToHost,
    StartHost,
    StopHost,
    Validate,
)
from penstock.runtime.host import messages as msg
from penstock.runtime.model import State, TargetState, TaskId

NAMES = st.sampled_from(["a", "b", "a-0"])
CONFIGS = st.fixed_dictionaries({"tasks.max": st.sampled_from(["1", "2", "3"])})


class HerderMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.herder = StandaloneHerder("w:1")
        self.incarnations = itertools.count(1)
        self.requests = itertools.count(1)
        self.hosts: dict[str | TaskId, dict[int, StartHost]] = {}
        self.paused: dict[tuple[str | TaskId, int], bool] = {}
        self.asked: list[tuple[str, int, int]] = []
        self.replies: dict[int, Reply] = {}
        self.expected: dict[str, tuple[dict[str, str], TargetState]] = {}

    def feed(self, event: object) -> None:
        for action in self.herder.step(event):  # type: ignore[arg-type]
            self.carry_out(action)

    def carry_out(self, action: object) -> None:
        if isinstance(action, StartHost):
            assert not self.live(action.key), f"two hosts at once for {action.key}"
            number = next(self.incarnations)
            self.hosts.setdefault(action.key, {})[number] = action
            self.paused[action.key, number] = action.paused
            self.feed(HostStarted(action.key, number))
        elif isinstance(action, StopHost):
            assert self.live(action.key)
        elif isinstance(action, SendToHost):
            (number,) = self.live(action.key)
            if isinstance(action.command, msg.MakeTaskConfigs):
                self.asked.append((str(action.key), number, action.command.max_tasks))
            else:
                self.paused[action.key, number] = isinstance(action.command, msg.Pause)
        elif isinstance(action, Validate):
            self.feed(Validated(action.request, infos={"configs": []}, type="source"))
        elif isinstance(action, Reply):
            assert action.request not in self.replies, "a request was answered twice"
            self.replies[action.request] = action

    def live(self, key: str | TaskId) -> dict[int, StartHost]:
        return self.hosts.get(key, {})

    def ask(self, command: cmd.Command) -> Reply:
        number = next(self.requests)
        self.feed(Requested(number, command))
        return self.replies[number]

    @rule(name=NAMES, config=CONFIGS, replace=st.booleans())
    def put(self, name: str, config: dict[str, str], replace: bool) -> None:
        reply = self.ask(cmd.PutConnector(name, config, replace=replace))
        if name in self.expected and not replace:
            assert reply.error is not None
            return
        target = self.expected.get(name, ({}, TargetState.STARTED))[1]
        self.expected[name] = ({**config, "name": name}, target)
        assert reply.result["info"]["config"] == self.expected[name][0]

    @rule(name=NAMES, wanted=st.sampled_from(list(TargetState)))
    def set_target(self, name: str, wanted: TargetState) -> None:
        reply = self.ask(cmd.SetTarget(name, wanted))
        assert (reply.error is None) == (name in self.expected)
        if name in self.expected:
            self.expected[name] = (self.expected[name][0], wanted)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        reply = self.ask(cmd.DeleteConnector(name))
        assert (reply.error is None) == (name in self.expected)
        self.expected.pop(name, None)

    @rule(name=NAMES, include_tasks=st.booleans(), only_failed=st.booleans())
    def restart(self, name: str, include_tasks: bool, only_failed: bool) -> None:
        reply = self.ask(cmd.RestartConnector(name, include_tasks, only_failed))
        assert (reply.error is None) == (name in self.expected)

    @rule(name=NAMES, task=st.integers(0, 3))
    def restart_task(self, name: str, task: int) -> None:
        self.ask(cmd.RestartTask(TaskId(name, task)))

    @rule(data=st.data(), kind=st.sampled_from(["running", "failed", "exit", "reconfigure"]))
    def host_does(self, data: st.DataObject, kind: str) -> None:
        live = [(key, number) for key, found in self.hosts.items() for number in found]
        if not live:
            return
        key, number = data.draw(st.sampled_from(sorted(live, key=str)))
        if kind == "running":
            self.feed(HostReported(key, number, msg.Running("1")))
        elif kind == "reconfigure" and isinstance(key, str):
            self.feed(HostReported(key, number, msg.ReconfigurationRequested()))
        elif kind == "failed":
            self.feed(HostReported(key, number, msg.Failed("boom", "trace")))
        elif kind == "exit":
            self.exit(key, number)

    @rule(name=NAMES, number=st.integers(1, 200))
    def late_news(self, name: str, number: int) -> None:
        """News of a host that is long gone, or never was, changes nothing."""
        if number not in self.live(name):
            before = self.herder.state.slots.get(name)
            shown = None if before is None else (before.state, before.phase)
            self.feed(HostReported(name, number, msg.Failed("old", "old")))
            self.feed(HostExitedEvent(name, number, "old"))
            after = self.herder.state.slots.get(name)
            assert shown == (None if after is None else (after.state, after.phase))

    def exit(self, key: str | TaskId, number: int) -> None:
        del self.hosts[key][number]
        self.feed(HostExitedEvent(key, number, "gone"))

    def answer_task_configs(self) -> bool:
        asked, self.asked = self.asked, []
        for name, number, tasks in asked:
            if number in self.live(name):
                configs = [{"n": str(i)} for i in range(tasks)]
                self.feed(HostReported(name, number, msg.TaskConfigsMade(configs)))
        return bool(asked)

    def settle(self) -> None:
        """Let every host do what hosts do until nothing changes."""
        for _ in range(50):
            changed = self.answer_task_configs()
            for key, found in list(self.hosts.items()):
                for number in list(found):
                    slot = self.herder.state.slots.get(key)
                    assert slot is not None, f"a host without a slot: {key}"
                    if slot.phase.value == "stopping":
                        self.exit(key, number)
                        changed = True
                    elif slot.state not in (State.RUNNING, State.FAILED) and not slot.paused:
                        self.feed(HostReported(key, number, msg.Running("1")))
                        changed = True
            if not changed:
                return
        raise AssertionError("it never settles")

    @rule()
    def after_settling_what_runs_is_what_was_asked_for(self) -> None:
        self.settle()
        running = {key for key, found in self.hosts.items() if found}
        for key in running:
            name = key.connector if isinstance(key, TaskId) else key
            assert name in self.expected, f"{key} runs though {name} was deleted"
            assert self.expected[name][1] is not TargetState.STOPPED
        for name, (config, target) in self.expected.items():
            slot = self.herder.state.slots[name]
            if target is TargetState.STOPPED:
                assert name not in running
                assert slot.state is State.STOPPED
            elif not slot.failed:
                ((number, started),) = self.live(name).items()
                assert dict(started.spec.config) == config
                assert self.paused[name, number] == (target is TargetState.PAUSED)

    @invariant()
    def names_agree(self) -> None:
        assert set(self.herder.state.connectors) == set(self.expected)


TestHerder = HerderMachine.TestCase
TestHerder.settings = settings(deadline=None, stateful_step_count=40)
