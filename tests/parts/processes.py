"""Own a process: start it, await that it is ready, signal it by its id, and never leave it."""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

LOOPBACK = "127.0.0.1"

_POLL_S = 0.02
_TAIL_LINES = 40
_STOP_TIMEOUT_S = 30.0
# Below the range that systems give to outgoing connections, so that a port stays free
# between a kill and a restart.
_PORTS = range(20_000, 32_000)


class PartError(RuntimeError):
    """A part did not start, stopped by itself, or did not become ready in time."""


class OwnedProcess:
    """A process of ours with its output in a log file.

    The log is appended to, so that a restarted part keeps one log. Signals go to this process id
    alone. Whatever still runs when Python ends is killed, even when Python itself is killed.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log_path: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Start the command at once, with `environment` added to our own."""
        self.name = name
        self.log_path = log_path
        self._log_start = log_path.stat().st_size if log_path.exists() else 0
        self._started = time.monotonic()
        with log_path.open("ab") as log:
            self._popen = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment} if environment else None,
                cwd=folder,
                start_new_session=True,  # a Ctrl-C for the tests is not one for the part
            )
        _CUSTODY.add(self)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """What the process ended with, negative for a signal; None while it runs."""
        return self._popen.poll()

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def log_text(self) -> str:
        """Return what this process has written since it started."""
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def log_tail(self, lines: int = _TAIL_LINES) -> str:
        """Return the last lines that this process has written."""
        return "\n".join(self.log_text().splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], what: str, timeout: float) -> float:
        """Await a condition and return this process's age in seconds.

        Raises PartError with the log's tail when the process ends first, or after `timeout`
        seconds.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.running:
                raise self.error(f"ended with {self.exit_code} before {what}")
            if time.monotonic() > deadline:
                raise self.error(f"no {what} within {timeout:g} s")
            time.sleep(_POLL_S)
        return self.age

    def wait_for_log(self, text: str, timeout: float = 60.0) -> float:
        """Await a piece of text in the log, written since the start."""
        wanted = text.encode()
        position, rest = self._log_start, b""

        def seen() -> bool:
            nonlocal position, rest
            with self.log_path.open("rb") as log:
                log.seek(position)
                fresh = log.read()
            position += len(fresh)
            found = wanted in rest + fresh
            rest = (rest + fresh)[-len(wanted) :]
            return found

        return self.wait_until(seen, f"{text!r} in the log", timeout)

    def wait_for_port(self, port: int, timeout: float = 60.0) -> float:
        """Await that a loopback port accepts connections."""
        return self.wait_until(lambda: port_answers(port), f"answer on port {port}", timeout)

    def wait(self, timeout: float = _STOP_TIMEOUT_S) -> int:
        """Await the end and return the exit code."""
        try:
            code = self._popen.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise self.error(f"still running after {timeout:g} s") from error
        _CUSTODY.discard(self)
        return code

    def terminate(self, timeout: float = _STOP_TIMEOUT_S) -> int:
        """Ask for an orderly end (SIGTERM), kill after `timeout` seconds; return the exit code."""
        if self.running:
            self._popen.send_signal(signal.SIGTERM)
            self._popen.send_signal(signal.SIGCONT)  # a paused process must hear the first
            with contextlib.suppress(PartError):
                return self.wait(timeout)
        return self.kill()

    def kill(self) -> int:
        """End the process without a chance to clean up (SIGKILL); return the exit code."""
        self._popen.kill()
        return self.wait()

    def pause(self) -> None:
        """Freeze the process (SIGSTOP): its connections stay open and nothing answers."""
        self._popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        self._popen.send_signal(signal.SIGCONT)

    def error(self, problem: str) -> PartError:
        """Return an exception that says who, what, and the log's tail."""
        return PartError(
            f"{self.name} (pid {self.pid}): {problem}; its log ends:\n{self.log_tail()}"
        )


def port_answers(port: int) -> bool:
    """Tell whether something accepts connections on a loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0):
            return True
    except OSError:
        return False


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nothing listens on, each different."""
    chosen: list[int] = []
    for port in secrets.SystemRandom().sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            # As the JVM does: a port whose last connections are still fading is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((LOOPBACK, port))
                chosen.append(port)
        if len(chosen) == count:
            return chosen
    raise PartError(f"no {count} free ports between {_PORTS.start} and {_PORTS.stop}")


class _Custody:
    """All processes that run for us, known to a guardian process that outlives us."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._running: set[OwnedProcess] = set()
        self._guardian: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        atexit.register(self.close)

    def add(self, process: OwnedProcess) -> None:
        with self._lock:
            self._running.add(process)
            if self._guardian is None:
                script = Path(__file__).with_name("guardian.py")
                self._guardian = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(script)],
                    stdin=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            self._tell(f"+{process.pid}")

    def discard(self, process: OwnedProcess) -> None:
        with self._lock:
            if process in self._running:
                self._running.discard(process)
                self._tell(f"-{process.pid}")

    def close(self) -> None:
        """Kill what is left; a fork of the test run leaves its parent's processes alone."""
        if os.getpid() != self._owner:
            return
        for process in list(self._running):
            process.kill()
        if self._guardian is not None:
            _stdin(self._guardian).close()
            self._guardian.wait(_STOP_TIMEOUT_S)

    def _tell(self, line: str) -> None:
        assert self._guardian is not None
        with contextlib.suppress(BrokenPipeError):
            print(line, file=_stdin(self._guardian), flush=True)


def _stdin(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdin is not None
    return process.stdin


_CUSTODY = _Custody()
