"""The original: Apache Kafka Connect on Java, as a peer for comparisons and benchmarks."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from tests.parts.connect_rest import ConnectRest
from tests.parts.java import (
    TEST_JVM_FLAGS,
    java_command,
    startup_flags,
    write_logging,
    write_properties,
)
from tests.parts.maven import kafka_class_path
from tests.parts.processes import LOOPBACK, OwnedProcess, PartError, free_ports

Mode = Literal["standalone", "distributed"]

_START_TIMEOUT_S = 120.0
_PORT_TRIES = 3
_JSON_CONVERTER = "org.apache.kafka.connect.json.JsonConverter"
_MAIN_CLASSES: Mapping[Mode, str] = {
    "standalone": "org.apache.kafka.connect.cli.ConnectStandalone",
    "distributed": "org.apache.kafka.connect.cli.ConnectDistributed",
}


class JvmConnectWorker:
    """A Connect worker that starts on entry and is gone, with its files, on exit.

    Its own connectors, converters and transforms lie on the class path. Workers of one distributed
    group share a `group`.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        mode: Mode = "standalone",
        properties: Mapping[str, str] | None = None,
        connectors: Sequence[Mapping[str, str]] = (),
        group: str | None = None,
        heap: str = "512m",
        jvm_flags: Sequence[str] = TEST_JVM_FLAGS,
        log_level: str = "INFO",
        startup_cache: bool = True,
    ) -> None:
        """Prepare a worker; for benchmarks give `jvm_flags=(), startup_cache=False`.

        Args:
            bootstrap_servers: The broker's address.
            mode: Standalone keeps offsets in a file, distributed everything in topics.
            properties: Worker settings by name, over the settings for tests.
            connectors: For standalone, connector configs to start with, each with a `name`.
            group: For distributed, the group id and the start of its topics' names.
            heap: The most memory for Java objects, as Java writes it: `512m`, `1g`.
            jvm_flags: Flags for Java besides.
            log_level: What the worker logs, from this level on.
            startup_cache: Whether to start from a cache of loaded classes, unlike production.
        """
        if connectors and mode == "distributed":
            raise ValueError("connectors: a distributed worker takes none; create them by REST")
        self.mode = mode
        self.group = group or f"connect-{uuid.uuid4().hex[:8]}"
        self._bootstrap_servers = bootstrap_servers
        self._properties = dict(properties or {})
        self._connectors = [dict(each) for each in connectors]
        self._heap = heap
        self._jvm_flags = tuple(jvm_flags)
        self._log_level = log_level
        self._startup_cache = startup_cache
        self._process: OwnedProcess | None = None
        self._folder: Path | None = None
        self._rest: ConnectRest | None = None
        self.port = 0
        self.start_seconds = 0.0
        """How long the last start took, until `GET /` answered 200."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()  # no exit follows an entry that failed
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def rest_url(self) -> str:
        """The address of the REST API: `http://host:port`."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def rest(self) -> ConnectRest:
        """The REST API's client."""
        if self._rest is None:
            raise PartError("the worker has not been started; call start() or enter it")
        return self._rest

    @property
    def process(self) -> OwnedProcess:
        """The process of the last start."""
        if self._process is None:
            raise PartError("the worker has not been started; call start() or enter it")
        return self._process

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the worker's process has been started and has not ended."""
        return self._process is not None and self._process.running

    @property
    def folder(self) -> Path:
        """The folder with the worker's settings, offsets and log; gone after `close`."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="penstock-jvm-connect-"))
        return self._folder

    @property
    def log_path(self) -> Path:
        """The worker's log, which all its starts append to."""
        return self.folder / "connect.log"

    def log_tail(self) -> str:
        """Return the last lines of the worker's log."""
        return self.process.log_tail()

    def create(self, name: str, config: Mapping[str, str]) -> dict[str, Any]:
        """Create a connector or replace its config."""
        return self.rest.create(name, config)

    def status(self, name: str) -> dict[str, Any] | None:
        """Return a connector's status, or None where the worker knows none yet."""
        return self.rest.status(name)

    def wait_running(self, name: str, *, tasks: int = 1, timeout: float = 30.0) -> dict[str, Any]:
        """Await that a connector and at least `tasks` tasks run, and return the status."""
        return self.rest.wait_running(name, tasks=tasks, timeout=timeout)

    def delete(self, name: str) -> None:
        """Delete a connector; one that is not there is fine."""
        self.rest.delete(name)

    def start(self) -> None:
        """Start the worker and await that REST answers; the first time, on a new port."""
        if self.running:
            raise PartError(f"the worker (pid {self.pid}) is already running")
        flags = self._startup_flags() if self._startup_cache else []
        if self.port:
            self._launch(flags)
            return
        for tries_left in reversed(range(_PORT_TRIES)):
            (self.port,) = free_ports(1)
            self._write_settings()
            try:
                self._launch(flags)
            except PartError as error:
                # Another program may take the port between our choice and the worker's use.
                if not tries_left or "Address already in use" not in str(error):
                    raise
            else:
                return

    def restart(self) -> None:
        """Stop the worker in an orderly way if it runs, and start it with its port and files."""
        if self.running:
            self.terminate()
        self.start()

    def terminate(self) -> int:
        """Ask the worker to end, and return its exit code; its files stay for `restart`."""
        return self.process.terminate()

    def kill(self) -> int:
        """Kill the worker, and return its exit code; its files stay for `restart`."""
        return self.process.kill()

    def pause(self) -> None:
        """Freeze the worker: connections stay open, nothing answers."""
        self.process.pause()

    def resume(self) -> None:
        """Let a frozen worker go on."""
        self.process.resume()

    def close(self) -> None:
        """Kill the worker and delete its files, which nobody needs any more."""
        if self._rest is not None:
            self._rest.close()
            self._rest = None
        if self._process is not None:
            self._process.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _startup_flags(self) -> list[str]:
        return startup_flags(f"connect-{self.mode}", class_path(), self._train)

    def _train(self, flags: Sequence[str]) -> None:
        """Start and stop a worker like this one with Java flags that make a start-up cache."""
        worker = JvmConnectWorker(
            self._bootstrap_servers, mode=self.mode, jvm_flags=flags, startup_cache=False
        )
        with contextlib.closing(worker):
            worker.start()
            worker.process.terminate(timeout=120.0)

    def _settings(self) -> dict[str, str]:
        """Return the worker's settings, the same as Connect's samples where tests do not care."""
        settings = {
            "bootstrap.servers": self._bootstrap_servers,
            "listeners": self.rest_url,
            "rest.advertised.host.name": LOOPBACK,
            "key.converter": _JSON_CONVERTER,
            "value.converter": _JSON_CONVERTER,
            "plugin.discovery": "service_load",
        }
        if self.mode == "standalone":
            settings["offset.storage.file.filename"] = str(self.folder / "offsets")
        else:
            settings["group.id"] = self.group
            settings["scheduled.rebalance.max.delay.ms"] = "0"
            for store in ("config", "offset", "status"):
                settings[f"{store}.storage.topic"] = f"{self.group}-{store}"
                settings[f"{store}.storage.replication.factor"] = "1"
            settings["offset.storage.partitions"] = "1"
            settings["status.storage.partitions"] = "1"
        return {**settings, **self._properties}

    def _write_settings(self) -> None:
        write_logging(self.folder / "log4j2.properties", self._log_level)
        write_properties(self.folder / "worker.properties", self._settings())
        for number, config in enumerate(self._connectors):
            write_properties(self.folder / f"connector-{number}.properties", config)

    def _launch(self, flags: Sequence[str]) -> None:
        """Start the process on what `_write_settings` wrote, and await that REST answers."""
        connectors = [f"connector-{number}.properties" for number in range(len(self._connectors))]
        files = [self.folder / name for name in ("worker.properties", *connectors)]
        self._process = OwnedProcess(
            f"JVM Connect ({self.mode})",
            java_command(
                _MAIN_CLASSES[self.mode],
                *map(str, files),
                class_path=class_path(),
                heap=self._heap,
                flags=[*flags, *self._jvm_flags],
                log_settings=self.folder / "log4j2.properties",
            ),
            log_path=self.log_path,
        )
        if self._rest is not None:
            self._rest.close()
        self._rest = ConnectRest(self.rest_url)
        try:
            self.start_seconds = self._process.wait_until(
                self._answers, "200 from GET /", _START_TIMEOUT_S
            )
        except PartError:
            self._process.kill()
            raise

    def _answers(self) -> bool:
        """Tell whether the REST API serves."""
        try:
            return self.rest.request("GET", "/").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def class_path() -> list[Path]:
    """Return the jars of the worker and of the connectors and transforms that Kafka ships."""
    return kafka_class_path("connect-runtime", "connect-file", "connect-json", "connect-transforms")
