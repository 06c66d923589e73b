"""Calls: one function in a host of its own, its answer as a future."""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

import attrs

from penstock import errors
from penstock.errors import ConfigError, ConflictError, ConnectError, Problem, TimedOutError
from penstock.runtime.clock import SystemClock
from penstock.runtime.host.exits import HostExited
from penstock.runtime.host.launch import Host, HostNews, Launcher
from penstock.runtime.host.loop import Loop, Timer
from penstock.runtime.host.messages import Answer, Call, Event, Failed
from penstock.runtime.stages import CALLS, WAITING_TO_VALIDATE, Stage

__all__ = ["CALLS_RUNNING_MAX", "CALLS_WAITING_MAX", "CallDesk", "error_of"]

log = logging.getLogger(__name__)

CALLS_RUNNING_MAX: Final = 8
"""Calls that run at a time, each in its own host; others wait within their own time."""
CALLS_WAITING_MAX: Final = 1000
EXIT_MS: Final = 5000
"""How long a host may take to end after its answer."""


@attrs.define(eq=False)
class _Pending:
    """A call that waits or runs."""

    call: Call
    timeout_s: float
    future: Future[Any]
    timer: Timer | None = None
    host: Host | None = None


class CallDesk:
    """Owner: the loop's thread."""

    def __init__(
        self, loop: Loop, launcher: Launcher, on_idle: Callable[[], None] = lambda: None
    ) -> None:
        """``on_idle()`` is called whenever the last host of a call is gone."""
        self._loop = loop
        self._launcher = launcher
        self._on_idle = on_idle
        self._numbers = itertools.count(1)
        self._running: dict[int, _Pending] = {}
        self._waiting: deque[_Pending] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether no host of a call is left."""
        return not self._running

    def call(self, call: Call, timeout_s: float, future: Future[Any]) -> None:
        """Run a call and put its answer into the future, within ``timeout_s``."""
        if len(self._waiting) >= CALLS_WAITING_MAX:
            future.set_exception(ConflictError(f"{CALLS_WAITING_MAX} calls wait; try again later"))
            return
        pending = _Pending(call, timeout_s, future)
        pending.timer = self._loop.call_later(timeout_s, lambda: self._timed_out(pending))
        self._waiting.append(pending)
        self._launch_more()

    def close(self) -> None:
        """Answer every call that it is too late and end its host."""
        closing = ConflictError("the worker is shutting down")
        for pending in (*self._waiting, *self._running.values()):
            self._answer(pending, error=closing)
            if pending.host is not None:
                pending.host.kill(0)
        self._waiting.clear()

    def _launch_more(self) -> None:
        while self._waiting and len(self._running) < CALLS_RUNNING_MAX:
            pending = self._waiting.popleft()
            number = next(self._numbers)
            self._running[number] = pending
            self._launch(number, pending)

    def _launch(self, number: int, pending: _Pending) -> None:
        news = HostNews(
            on_event=lambda event: self._on_event(pending, event),
            on_exit=lambda exited: self._on_exit(number, exited),
        )
        title = f"call {pending.call.function}"
        pending.host = self._launcher.launch(title, pending.call, news)

    def _on_event(self, pending: _Pending, event: Event) -> None:
        if isinstance(event, Answer):
            error = None if event.error is None else error_of(event)
            self._answer(pending, result=event.result, error=error)
        elif isinstance(event, Failed):
            self._answer(pending, error=ConnectError(event.reason))

    def _on_exit(self, number: int, exited: HostExited) -> None:
        pending = self._running.pop(number)
        self._answer(pending, error=ConnectError(exited.reason))
        if pending.timer is not None:
            pending.timer.cancel()
        self._launch_more()
        if not self._running:
            self._on_idle()

    def _timed_out(self, pending: _Pending) -> None:
        stage = "it waited for others to end" if pending.host is None else "it ran"
        function = pending.call.function
        problem = f"'{function}' gave no answer within {pending.timeout_s:g} s; {stage}"
        if function in CALLS:
            is_queued = function == "validate_connector" and pending.host is None
            doing = WAITING_TO_VALIDATE if is_queued else CALLS[function]
            began_ms = SystemClock().now_ms() - int(pending.timeout_s * 1000)
            problem = f"Request timed out. {Stage(doing, began_ms).summary()} {problem}"
        self._answer(pending, error=TimedOutError(problem))
        if pending.host is None:
            self._waiting.remove(pending)
        else:
            pending.host.kill(int(pending.timeout_s * 1000))

    def _answer(
        self, pending: _Pending, result: Any = None, error: Exception | None = None
    ) -> None:
        """Complete the future, unless it was before, and give the host time to end."""
        if pending.future.done() or not pending.future.set_running_or_notify_cancel():
            return
        if pending.timer is not None:
            pending.timer.cancel()
        if pending.host is not None:
            host = pending.host
            pending.timer = self._loop.call_later(EXIT_MS / 1000, lambda: host.kill(EXIT_MS))
        if error is not None:
            pending.future.set_exception(error)
        else:
            pending.future.set_result(result)


def error_of(answer: Answer) -> Exception:
    """Return the exception that a host's refusal stands for: of its own class when it is ours."""
    text = answer.error or ""
    if answer.kind == ConfigError.__name__:
        problems = [Problem(key, message) for key, message in answer.problems]
        bare = str(ConfigError(problems))
        who = text.removesuffix(bare).removesuffix(": ") if text.endswith(bare) else ""
        return ConfigError(problems, who=who)
    cls = getattr(errors, answer.kind or "", None)
    if isinstance(cls, type) and issubclass(cls, errors.PenstockError):
        return cls(text)
    return ConnectError(f"{answer.kind}: {text}" if answer.kind else text)
