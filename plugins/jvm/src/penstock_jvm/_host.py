"""What Java asks of Python, and Java's failures as ours."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from penstock.errors import ConfigError, ConnectError, DataError, RetriableError
from penstock_jvm.machine import api_jars, is_running, java_class, shim_jar, start_machine

__all__ = ["Host", "begin", "java_bytes", "java_map", "named", "plain_map", "python_bytes", "told"]

_LOOK_S = 1.0
"""How often a long call is asked whether Java is there still."""
_FAILURES = "io.penstock.jvm.Failures"
_Asked = tuple[Future[Any], str, tuple[Any, ...]]
_OURS: Mapping[str, type[ConnectError]] = {"R": RetriableError, "D": DataError, "E": ConnectError}


def begin(options: str | None) -> None:
    """Start Java with our classes and Connect's on its class path, unless it runs."""
    start_machine([shim_jar(), *api_jars()], options=(options or "").split())


def named(name: str, jars: Sequence[str]) -> Any:
    """Return a new object of a plugin's class, by the loader of its jars."""
    connectors = java_class("io.penstock.jvm.Connectors")
    with told(name):
        return connectors.make(connectors.loader(list(jars)), name)


def java_map(settings: Mapping[str, str | None]) -> Any:
    """Return a java.util.HashMap of texts."""
    made = java_class("java.util.HashMap")()
    for key, value in settings.items():
        made.put(key, value)
    return made


def plain_map(given: Any) -> dict[str, str]:
    """Return a Java map of texts as a dict; what is null there is left out."""
    pairs = ((entry.getKey(), entry.getValue()) for entry in given.entrySet())
    return {str(key): str(value) for key, value in pairs if value is not None}


def python_bytes(array: Any) -> bytes:
    """Return a Java byte array's bytes."""
    return bytes(memoryview(array))


def java_bytes(raw: bytes) -> Any:
    """Return bytes as a Java byte array."""
    import jpype  # noqa: PLC0415 - see machine

    return jpype.JArray(jpype.JByte)(raw)


@contextlib.contextmanager
def told(who: str) -> Iterator[None]:
    """Raise Java's failures as ours: retriable, of the configuration, of data, or any other."""
    import jpype  # noqa: PLC0415 - see machine

    try:
        yield
    except jpype.JException as problem:
        failures = java_class(_FAILURES)
        kind, text = str(failures.kind(problem)), str(failures.text(problem))
        if kind == "C":
            raise ConfigError(f"{who}: {problem.getMessage()}") from None
        raise _OURS[kind](f"{who}: {text}") from None
    except RuntimeError as gone:  # what JPype raises of its own, such as JVMNotRunning
        raise ConnectError(
            f"{who}: Java has ended in this process: the connector, or a library of it, called "
            f"System.exit; what it wrote last is in the worker's log ({gone})"
        ) from gone


class Host:
    """Passes what Java asks to ``answer`` functions, always on the thread that made the host.

    Java may ask on any of its threads; those wait until the owner calls :meth:`serve`, or, for as
    long as a call of a sink task runs, :meth:`serve_until_done`.
    Owner: the task's or the connector's thread.
    """

    def __init__(self, **answers: Callable[..., Any]) -> None:
        """Take a function for each name of Java's interface that can be asked here."""
        import jpype  # noqa: PLC0415 - see machine

        self._answers = answers
        self._owner = threading.get_ident()
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._closed = False
        self.java = jpype.JProxy("io.penstock.jvm.Host", inst=self)

    def serve(self) -> None:
        """Answer what other threads asked."""
        while True:
            try:
                asked = self._asked.get_nowait()
            except queue.Empty:
                return
            if asked is not None:
                self._answer(*asked)

    def serve_until_done(self) -> None:
        """Answer what other threads ask until Java says that a call has ended.

        Raises:
            ConnectError: Java itself has ended.
        """
        while True:
            try:
                asked = self._asked.get(timeout=_LOOK_S)
            except queue.Empty:
                if not is_running():
                    raise ConnectError("Java has ended in this process") from None
                continue
            if asked is None:
                return
            self._answer(*asked)

    def close(self) -> None:
        """Answer nothing more: what waits, or is asked from now on, fails."""
        self._closed = True
        self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                asked = self._asked.get_nowait()
                if asked is not None:
                    asked[0].set_exception(ConnectError(f"jvm: '{asked[1]}': the task has ended"))

    def _answer(self, future: Future[Any], name: str, arguments: tuple[Any, ...]) -> None:
        try:
            future.set_result(self._answers[name](*arguments))
        except Exception as problem:  # noqa: BLE001 - the asking thread raises it
            future.set_exception(problem)

    def _ask(self, name: str, *arguments: Any) -> Any:
        if name not in self._answers:
            raise ConnectError(f"jvm: '{name}' cannot be asked for here")
        if threading.get_ident() == self._owner:
            return self._answers[name](*arguments)
        future: Future[Any] = Future()
        self._asked.put((future, name, arguments))
        if self._closed:
            self._refuse_waiting()
        return future.result()

    def done(self) -> None:
        """Java's: see the interface."""
        self._asked.put(None)

    def offsets(self, partitions: Any) -> str:
        """Java's: see the interface."""
        return json.dumps(self._ask("offsets", json.loads(str(partitions))))

    def requestTaskReconfiguration(self) -> None:  # noqa: N802 - Java's name
        """Java's: see the interface."""
        self._answers["reconfigure"]()  # safe from any thread

    def raiseError(self, text: Any) -> None:  # noqa: N802 - Java's name
        """Java's: see the interface."""
        self._answers["raise_error"](ConnectError(str(text)))

    def sink(self, wish: Any, text: Any) -> None:
        """Java's: see the interface."""
        self._ask("sink", str(wish), json.loads(str(text)))

    def report(self, topic: Any, partition: Any, offset: Any, error: Any) -> str | None:
        """Java's: see the interface."""
        told: str | None = self._ask("report", str(topic), int(partition), int(offset), str(error))
        return told
