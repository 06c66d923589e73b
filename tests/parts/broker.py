"""A real Kafka broker on loopback: one node, broker and controller in one process."""

from __future__ import annotations

import base64
import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from tests.parts.java import (
    TEST_JVM_FLAGS,
    java_command,
    startup_flags,
    write_logging,
    write_properties,
)
from tests.parts.maven import cache_dir, cache_lock, digest, kafka_class_path
from tests.parts.processes import LOOPBACK, OwnedProcess, PartError, free_ports

_START_TIMEOUT_S = 90.0
_PORT_TRIES = 3
_COORDINATOR_SOON = {  # what a broker answers until the topic is made, and then read
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
}

_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "num.partitions": "1",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    # A broker killed and restarted must wait for its old session to end: by default 9 s.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
}


class KafkaBroker:
    """A broker that starts on entry and is gone, with its data, on exit.

    Ports and data stay the same over `kill`, `terminate` and `restart`. Topics are created on
    first use unless `properties` says otherwise.
    """

    def __init__(
        self,
        *,
        properties: Mapping[str, str] | None = None,
        heap: str = "512m",
        jvm_flags: Sequence[str] = TEST_JVM_FLAGS,
        log_level: str = "INFO",
        startup_cache: bool = True,
        joins: KafkaBroker | None = None,
    ) -> None:
        """Prepare a broker; `properties` go over the settings for tests.

        For benchmarks give `jvm_flags=()`: the default ones keep the optimising compiler off.

        Args:
            properties: Broker settings by name.
            heap: The most memory for Java objects, as Java writes it: `512m`, `1g`.
            jvm_flags: Flags for Java besides.
            log_level: What the broker logs, from this level on.
            startup_cache: Whether to start from a cache of loaded classes, unlike production.
            joins: A broker that runs, of whose cluster this one is the second node.
        """
        self._properties = dict(properties or {})
        self._heap = heap
        self._jvm_flags = tuple(jvm_flags)
        self._log_level = log_level
        self._startup_cache = startup_cache
        self._joins = joins
        self._process: OwnedProcess | None = None
        self._folder: Path | None = None
        self.port = self.controller_port = 0
        self.cluster_id = ""
        self.start_seconds = 0.0
        """How long the last start took, until the broker served its clients."""

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
    def bootstrap_servers(self) -> str:
        """The address for clients: `host:port`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def process(self) -> OwnedProcess:
        """The process of the last start."""
        if self._process is None:
            raise PartError("the broker has not been started; call start() or enter it")
        return self._process

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the broker's process has been started and has not ended."""
        return self._process is not None and self._process.running

    @property
    def folder(self) -> Path:
        """The folder with the broker's settings, data and log; gone after `close`."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="penstock-broker-"))
        return self._folder

    @property
    def log_path(self) -> Path:
        """The broker's log, which all its starts append to."""
        return self.folder / "broker.log"

    def log_tail(self) -> str:
        """Return the last lines of the broker's log."""
        return self.process.log_tail()

    def start(self) -> None:
        """Start the broker and await that it serves; the first time, on new ports."""
        if self.running:
            raise PartError(f"the broker (pid {self.pid}) is already running")
        flags = startup_flags("broker", class_path(), _train) if self._startup_cache else []
        if self.port:
            self._launch(flags)
            return
        for tries_left in reversed(range(_PORT_TRIES)):
            self._prepare()
            try:
                self._launch(flags)
            except PartError as error:
                # Another program may take a port between our choice and the broker's use.
                if not tries_left or "Address already in use" not in str(error):
                    raise
            else:
                return

    def restart(self) -> None:
        """Stop the broker in an orderly way if it runs, and start it on its ports and data."""
        if self.running:
            self.terminate()
        self.start()

    def terminate(self) -> int:
        """Ask the broker to end, and return its exit code; ports and data stay for `restart`."""
        return self.process.terminate()

    def kill(self) -> int:
        """Kill the broker, and return its exit code; ports and data stay for `restart`."""
        return self.process.kill()

    def open_groups(self, timeout: float = 30.0) -> None:
        """Have the topic for group offsets made now.

        Otherwise the first consumer group does so, and its client may wait seconds to ask again.
        """
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})

        def answered() -> bool:
            (asked,) = admin.describe_consumer_groups(["none"]).values()
            # Looked at, not raised: a traceback would keep the client alive.
            error = asked.exception(timeout)
            if error is not None and error.args[0].code() not in _COORDINATOR_SOON:
                raise self.process.error(f"asked for a group: {error}")
            return error is None

        self.process.wait_until(answered, "answer for a consumer group", timeout)

    def pause(self) -> None:
        """Freeze the broker: connections stay open, nothing answers."""
        self.process.pause()

    def resume(self) -> None:
        """Let a frozen broker go on."""
        self.process.resume()

    def close(self) -> None:
        """Kill the broker and delete its data, which nobody needs any more."""
        if self._process is not None:
            self._process.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _prepare(self) -> None:
        """Choose ports, write the settings and format the data folder."""
        self.port, controller = free_ports(2)
        write_logging(self.folder / "log4j2.properties", self._log_level)
        data = self.folder / "data"
        first = self._joins
        voter = f"1@{LOOPBACK}:{controller if first is None else first.controller_port}"
        own = {} if first is None else {"process.roles": "broker", "node.id": "2"}
        clients = (f"PLAINTEXT://{LOOPBACK}:{self.port}", *self._more_listeners())
        write_properties(
            self.folder / "broker.properties",
            {
                **_SETTINGS,
                "listeners": ",".join(
                    clients if first else (*clients, f"CONTROLLER://{LOOPBACK}:{controller}")
                ),
                "advertised.listeners": ",".join(clients),
                "controller.quorum.voters": voter,
                "log.dirs": str(data),
                **own,
                **self._properties,
            },
        )
        shutil.rmtree(data, ignore_errors=True)
        if first is None:
            self.controller_port, self.cluster_id = controller, _new_id()
            _format(data, 1, self.cluster_id)
        else:
            _format(data, 2, first.cluster_id)

    def _more_listeners(self) -> Sequence[str]:
        """Return listeners for clients besides the plain one, as `NAME://host:port`."""
        return ()

    def _launch(self, flags: Sequence[str]) -> None:
        """Start the process on what `_prepare` wrote, and await that it serves."""
        self._process = OwnedProcess(
            "Kafka broker",
            java_command(
                "kafka.Kafka",
                str(self.folder / "broker.properties"),
                class_path=class_path(),
                heap=self._heap,
                flags=[*flags, *self._jvm_flags],
                log_settings=self.folder / "log4j2.properties",
            ),
            log_path=self.log_path,
        )
        try:
            self.start_seconds = self._process.wait_for_log(
                "Kafka Server started", _START_TIMEOUT_S
            )
        except PartError:
            self._process.kill()
            raise


def class_path() -> list[Path]:
    """Return the broker's jars."""
    return kafka_class_path("kafka_2.13")


def _train(flags: Sequence[str]) -> None:
    """Start and stop a broker with Java flags that make a start-up cache."""
    broker = KafkaBroker(jvm_flags=flags, startup_cache=False)
    with contextlib.closing(broker):
        broker.start()
        broker.process.terminate(timeout=120.0)


def _format(data: Path, node: int, cluster: str) -> None:
    """Make a data folder as Kafka's format command does, of a node of a cluster.

    The command runs once a machine: its result differs only in two ids, which we write ourselves.
    """
    model = cache_dir() / "formatted" / digest(*map(str, class_path()))
    if not model.is_dir():
        with cache_lock("formatted"):
            if not model.is_dir():
                _run_format(model)
    shutil.copytree(model, data)
    (data / "meta.properties").write_text(
        f"version=1\nnode.id={node}\ncluster.id={cluster}\ndirectory.id={_new_id()}\n"
    )


def _run_format(model: Path) -> None:
    """Run Kafka's format command and keep what it makes in the cache."""
    model.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=model.parent) as name:
        folder = Path(name)
        settings = {
            **_SETTINGS,
            "listeners": f"PLAINTEXT://{LOOPBACK}:9092,CONTROLLER://{LOOPBACK}:9093",
            "controller.quorum.voters": f"1@{LOOPBACK}:9093",
            "log.dirs": str(folder / "data"),
        }
        process = OwnedProcess(
            "Kafka storage format",
            java_command(
                "kafka.tools.StorageTool",
                *("format", "-t", _new_id()),
                *("-c", str(write_properties(folder / "broker.properties", settings))),
                class_path=class_path(),
                heap="256m",
                flags=TEST_JVM_FLAGS,
                log_settings=write_logging(folder / "log4j2.properties", "WARN"),
            ),
            log_path=folder / "format.log",
        )
        try:
            code = process.wait(_START_TIMEOUT_S)
        finally:
            process.kill()
        if code:
            raise process.error(f"ended with {code}")
        (folder / "data").rename(model)


def _new_id() -> str:
    """Return a random id in Kafka's form: 22 characters of URL-safe base64, no leading dash."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    return _new_id() if text.startswith("-") else text
