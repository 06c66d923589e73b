"""Tasks and calls that misbehave on purpose. ``install`` has a host run them."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError, Problem
from penstock.runtime.host import calls, entry
from penstock.runtime.host.control import HostControl
from penstock.runtime.host.messages import (
    LoadOffsets,
    OffsetsLoaded,
    OffsetsStored,
    Paused,
    Running,
    StartTask,
    Stopped,
    StoreOffsets,
)

LONG_S = 600.0


def install(set_item: Callable[[dict[Any, str], Any, str], None]) -> None:
    """Put the doubles into the tables of hosts."""
    set_item(entry.RUNNERS, StartTask, "host_doubles:run_task")
    for name in ("sleep", "fail", "refuse", "end", "not_json"):
        set_item(calls.CALLS, name, f"host_doubles:{name}")


def task(do: str, number: int = 0, **config: str) -> StartTask:
    return StartTask("double", number, {"do": do, **config}, {}, {})


def run_task(command: StartTask, control: HostControl) -> None:
    _TASKS[command.config["do"]](command, control)


def _idle(command: StartTask, control: HostControl) -> None:
    control.send(Running(str(os.getpid())))
    _until_told(control)
    control.send(Stopped())


def _until_told(control: HostControl) -> None:
    was_paused = False
    while not control.stopping:
        if control.pausing != was_paused:
            was_paused = not was_paused
            control.send(Paused() if was_paused else Running("again"))
        control.wait(LONG_S)


def _block(command: StartTask, control: HostControl) -> None:
    control.send(Running())
    threading.Event().wait()


def _spin(command: StartTask, control: HostControl) -> None:
    control.send(Running())
    while True:
        pass


def _haunt(command: StartTask, control: HostControl) -> None:
    """Never stop; make a file once the lease is gone."""
    control.send(Running(str(os.getpid())))
    while control.has_lease:
        control.wait(LONG_S)
    Path(command.config["file"]).write_text("no lease", "ascii")
    threading.Event().wait()


def _alone(command: StartTask, control: HostControl) -> None:
    if control.claim_process():
        _idle(command, control)


def _raise(command: StartTask, control: HostControl) -> None:
    raise ValueError("boom")


def _exit(command: StartTask, control: HostControl) -> None:
    sys.exit(3)


def _die(command: StartTask, control: HostControl) -> None:
    sys.stderr.write("these are my last words\n")
    sys.stderr.flush()
    os._exit(7)


def _crash(command: StartTask, control: HostControl) -> None:
    ctypes.string_at(0)


def _offsets(command: StartTask, control: HostControl) -> None:
    partition, offset = {"p": 1}, {"n": 1}
    stored = control.ask(StoreOffsets(1, [[partition, offset]]), 10)
    loaded = control.ask(LoadOffsets(1, [partition, {"p": 2}]), 10)
    assert isinstance(stored, OffsetsStored)
    assert isinstance(loaded, OffsetsLoaded)
    control.send(Running(json.dumps([stored.error, loaded.error, list(loaded.offsets)])))
    control.send(Stopped())


def _print(command: StartTask, control: HostControl) -> None:
    print("to stdout")
    control.send(Stopped())


def _child(command: StartTask, control: HostControl) -> None:
    child = subprocess.Popen(["sleep", "600"])
    control.send(Running(json.dumps([os.getpid(), child.pid])))
    _until_told(control)


def _flood(command: StartTask, control: HostControl) -> None:
    control.send(Running("x" * int(command.config["size"])))
    control.send(Stopped())


_TASKS: dict[str, Callable[[StartTask, HostControl], None]] = {
    "idle": _idle,
    "block": _block,
    "spin": _spin,
    "haunt": _haunt,
    "alone": _alone,
    "raise": _raise,
    "exit": _exit,
    "die": _die,
    "crash": _crash,
    "offsets": _offsets,
    "print": _print,
    "child": _child,
    "flood": _flood,
}


def sleep() -> None:
    threading.Event().wait()


def fail(text: str) -> None:
    raise ValueError(text)


def refuse() -> None:
    raise ConfigError([Problem("a", "a: is wrong"), Problem("b", "b: is too")], who="connector 'x'")


def end() -> None:
    sys.stderr.write("the call is over\n")
    sys.stderr.flush()
    os._exit(9)


def not_json() -> object:
    return object()
