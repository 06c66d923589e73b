"""The main function of a host: it runs what the first command says, and nothing else."""

from __future__ import annotations

import faulthandler
import importlib
import logging
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

from penstock.runtime.host.channel import ChannelControl, receive_command
from penstock.runtime.host.control import HostControl
from penstock.runtime.host.failures import failure
from penstock.runtime.host.frames import FrameReader
from penstock.runtime.host.guests import Guests
from penstock.runtime.host.messages import Call, Command, StartConnector, StartTask

__all__ = ["RUNNERS", "load_function", "main", "run"]

RUNNERS: Final[dict[type[Command], str]] = {
    StartConnector: "penstock.runtime.connector_runner:run_connector",
    StartTask: "penstock.runtime.tasks.run:run_task",
    Call: "penstock.runtime.host.calls:run_call",
}
"""Who runs what a host is started with. Names, not functions: a host imports only its own."""

LOGGING: Final = "penstock.runtime.logs:setup_logging"
"""Takes the worker's properties; loaded by name, for it brings libraries of its own."""

_EXIT_WORKER_GONE: Final = 1


def load_function(target: str) -> Callable[..., Any]:
    """Return the function of ``module:function``; what its import raises goes through."""
    module, _, name = target.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def run(command: Command, control: HostControl) -> None:
    """Run a connector, a task or a call to its end; whatever it raises becomes Failed.

    Called by: the main thread of a process host, the thread of a guest or a thread host.
    """
    try:
        load_function(RUNNERS[type(command)])(command, control)
    except BaseException as problem:  # noqa: BLE001 - a plugin's SystemExit is a failure too
        control.send(failure(problem))


def main(channel: socket.socket, set_title: Callable[[str], None]) -> int:
    """Run a host on its control channel and return the exit code of its process.

    ``set_title`` changes what is shown of the process, when others come to share it.
    """
    faulthandler.enable()
    for number in (signal.SIGINT, signal.SIGTERM):
        # These go to every process when a terminal or an init system ends the worker, which
        # then tells each host to stop in good order. Programs that a plugin starts get defaults.
        signal.signal(number, _leave_to_worker)
    frames = FrameReader()
    commands = receive_command(channel, frames)
    if not commands:
        return _EXIT_WORKER_GONE
    _set_up_logging(commands[0])
    guests = Guests(run, commands[0], set_title)
    paused = getattr(commands[0], "paused", False)
    control = ChannelControl(channel, frames, guests, paused=paused)
    for early in commands[1:]:
        control.deliver(early)
    control.start()
    run(commands[0], control)
    control.wait_for_guests()
    return 0


def _leave_to_worker(signal_number: int, frame: Any) -> None:
    """Do nothing."""


def _set_up_logging(command: Command) -> None:
    """Log to stderr, which the worker reads, in the form that the worker's properties ask for."""
    worker = command.arguments if isinstance(command, Call) else getattr(command, "worker", {})
    if isinstance(command, Call):
        worker = worker.get("worker", {})
    try:
        set_up = load_function(LOGGING)
    except ModuleNotFoundError:  # the author's core, without what a worker needs
        logging.basicConfig(level=logging.INFO, stream=sys.stderr)
        return
    set_up(worker)
