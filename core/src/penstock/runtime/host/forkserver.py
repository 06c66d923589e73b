"""The fork server: a small process without threads, from which every host is forked.

Started by the worker, which hands it one end of a unix socket that keeps packets apart and the
names of modules to import. Then packets are exchanged, as JSON arrays:

===============================  ==============================================================
``["fork", number, title]``      with two descriptors: the host's control socket, its stderr
``["kill", number]``             kill that host and all processes of its group
``["started", number, pid]``     answers fork
``["refused", number, text]``    answers fork: the system gave no process
``["exited", number, code]``     the host ended; minus the signal when one ended it
===============================  ==============================================================

It runs no plugin's code: what it imports are classes, whose objects live in hosts. It ends, with
all hosts, when the worker's end of the socket closes.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any, Final

from penstock.runtime.host.linux import (
    ProcessTitle,
    adopt_orphans,
    be_killed_first,
    die_with_parent,
    running_threads,
)

__all__ = ["PACKET_BYTES_MAX", "ForkServer", "main"]

PACKET_BYTES_MAX: Final = 64 * 1024
_FDS_A_FORK: Final = 2
_STDERR_FD: Final = 2
_FIRST_FREE_FD: Final = 3
_EXIT_BROKEN: Final = 70


def preload(modules: Sequence[str]) -> None:
    """Do once for all hosts what each would do: import modules, load names, call functions.

    An entry is ``module``, ``module:name`` or ``module:function()``. What fails here is done again,
    and told, by a host.
    """
    for module, _, name in (entry.partition(":") for entry in modules):
        with contextlib.suppress(Exception):
            found: Any = importlib.import_module(module)
            if name:
                found = getattr(found, name.removesuffix("()"))
            if name.endswith("()"):
                found()
    if running_threads() > 1:
        sys.stderr.write("penstock: preloaded modules started threads; hosts do not inherit them\n")
    gc.collect()
    # What is there now never dies: a host's garbage collector must not copy its pages.
    gc.freeze()


class ForkServer:
    """Forks, kills and reaps. Owner: the process's only thread."""

    def __init__(self, link: socket.socket) -> None:
        """Take the socket to the worker."""
        self._link = link
        self._pids: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        self._parent = os.getppid()
        self._title = ProcessTitle()
        self._wake, self._woken = os.pipe()

    def serve(self, modules: Sequence[str]) -> None:
        """Preload modules, then serve until the worker is gone; then end every host."""
        self._listen_to_signals()
        self._title.set("fork server")
        adopt_orphans()
        preload(modules)
        poller = select.poll()
        poller.register(self._link, select.POLLIN)
        poller.register(self._wake, select.POLLIN)
        is_wanted = True
        while is_wanted and os.getppid() == self._parent:
            for fd, _ in poller.poll():
                if fd == self._wake:
                    os.read(self._wake, PACKET_BYTES_MAX)
                    self._reap()
                else:
                    is_wanted = self._take_request()
        self._end_all()

    def _listen_to_signals(self) -> None:
        for fd in (self._wake, self._woken):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        # A terminal's or a supervisor's signal goes to the whole group; the worker decides.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, _ignore)
        # Wakes the loop, which then sees that its parent is another. Not SIGKILL: the hosts'
        # own children are to be ended too, and this signal also comes when only the thread
        # that started this process ends.
        die_with_parent(signal.SIGTERM)

    def _take_request(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(self._link, PACKET_BYTES_MAX, _FDS_A_FORK)
        except ConnectionError:
            return False
        if not data:
            return False
        request = json.loads(data)
        try:
            if request[0] == "kill":
                self._kill(request[1])
            else:
                self._fork(request[1], request[2], fds)
        finally:
            for fd in fds:
                os.close(fd)
        return True

    def _fork(self, number: int, title: str, fds: list[int]) -> None:
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError as problem:
            self._tell("refused", number, problem.strerror or str(problem))
            return
        if pid == 0:
            self._be_host(server, title, *fds)
        self._pids[number] = pid
        self._numbers[pid] = number
        self._tell("started", number, pid)

    def _be_host(self, server: int, title: str, control: int, words: int) -> None:
        """Run a host in the child; never returns."""
        code = _EXIT_BROKEN
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            die_with_parent(signal.SIGKILL)
            if os.getppid() != server:
                os._exit(_EXIT_BROKEN)
            be_killed_first()
            os.dup2(words, _STDERR_FD)
            os.closerange(_FIRST_FREE_FD, control)
            os.closerange(control + 1, os.sysconf("SC_OPEN_MAX"))
            os.set_inheritable(control, False)
            self._title.set(title)
            from penstock.runtime.host import entry  # noqa: PLC0415 - preloaded by now

            code = entry.main(socket.socket(fileno=control), self._title.set)
        except BaseException:  # noqa: BLE001 - a host must not return into the server's loop
            sys.excepthook(*sys.exc_info())
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
            with contextlib.suppress(Exception):
                sys.stderr.flush()
            os._exit(code)

    def _kill(self, number: int) -> None:
        pid = self._pids.get(number)
        if pid is not None:
            _kill_group(pid)

    def _reap(self) -> None:
        while (pid := _ended_child()) is not None:
            number = self._numbers.pop(pid, None)
            if number is not None:  # else a program that a host started and left behind
                # Before it is waited for, while its number, and its group's, is its own.
                _kill_group(pid)
            _, status = os.waitpid(pid, 0)
            if number is not None:
                del self._pids[number]
                self._tell("exited", number, os.waitstatus_to_exitcode(status))

    def _tell(self, *notice: Any) -> None:
        with contextlib.suppress(OSError):  # the worker is gone: the next read says so
            self._link.send(json.dumps(notice).encode())

    def _end_all(self) -> None:
        for pid in self._numbers:
            _kill_group(pid)


def _ended_child() -> int | None:
    """Return a child that has ended and was not waited for."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if found is None else found.si_pid


def _kill_group(pid: int) -> None:
    # The group exists only once the host has called setsid, so the host itself is named too.
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _ignore(signal_number: int, frame: Any) -> None:
    """Wake the loop through the wake-up descriptor; nothing else."""


def main() -> None:
    """Run a fork server: arguments are the module path, the socket, modules, room for a title."""
    link = socket.socket(fileno=int(sys.argv[2]))
    link.set_inheritable(False)
    ForkServer(link).serve(sys.argv[3].split(","))
