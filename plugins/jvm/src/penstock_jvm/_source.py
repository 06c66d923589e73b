"""Java source connectors and their tasks."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from penstock.api import RecordMetadata, SourceConnector, SourceTask
from penstock.config import ConfigSpec, ConfigValue
from penstock.data import Batch, SourceRecord
from penstock.errors import ConnectError
from penstock_jvm._chain import java_chain
from penstock_jvm._frames import Place, ToldRows, read_poll
from penstock_jvm._host import (
    Host,
    begin,
    java_bytes,
    java_map,
    named,
    plain_map,
    python_bytes,
    told,
)
from penstock_jvm._keys import OPTIONS, JavaConfig, JavaSpec, RawSpec, validated
from penstock_jvm.machine import is_running, java_class

__all__ = ["JavaSourceConnector", "JavaSourceTask", "TellingJavaSourceTask"]

log = logging.getLogger(__name__)

TASK_CLASS: Final = "jvm.task.class"
TELLS: Final = "jvm.tells.records"
_TAKE_MS: Final = 50
_POLL_S: Final = 0.5
_GRACE_MS: Final = 1000
_TOLD_MAX: Final = 10_000
"""Records that are told of at once, at most."""


class JavaSourceConnector(SourceConnector[Any]):
    """A Java source connector in this process's Java machine. Owner: the connector's thread."""

    own_process = True
    java_class_name: ClassVar[str]
    jars: ClassVar[tuple[str, ...]]

    config: JavaConfig

    @classmethod
    @functools.cache
    def config_spec(cls) -> ConfigSpec[Any]:
        """The Java connector's keys."""
        return JavaSpec(cls.java_class_name, cls.jars)

    @classmethod
    def validate(cls, raw: Mapping[str, str | None]) -> list[ConfigValue]:
        """Let the Java connector judge."""
        spec = cls.config_spec()
        assert isinstance(spec, JavaSpec)  # noqa: S101 - made just above
        return validated(spec, cls.java_class_name, cls.jars, raw)

    @functools.cached_property
    def java(self) -> Any:
        """The Java object; Java starts with the first wish for it."""
        begin(self.config.raw.get(OPTIONS))
        return named(self.java_class_name, self.jars)

    def start(self) -> None:
        """Start the Java connector."""
        connector = self.java  # before the host, which needs Java to run
        host = Host(
            reconfigure=self.context.request_task_reconfiguration,
            raise_error=self.context.raise_error,
        )
        with told(self.java_class_name):
            connectors = java_class("io.penstock.jvm.Connectors")
            connectors.start(connector, host.java, java_map(self.config.settings))

    def stop(self) -> None:
        """Stop the Java connector."""
        with told(self.java_class_name):
            self.java.stop()

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """Ask the Java connector."""
        with told(self.java_class_name):
            task = self.java.taskClass()
            given = [plain_map(one) for one in self.java.taskConfigs(max_tasks)]
            tells = bool(java_class("io.penstock.jvm.Connectors").tellsRecords(task))
        more = {**self.config.passed_on, TASK_CLASS: str(task.getName()), TELLS: str(tells).lower()}
        return [{**one, **more} for one in given]

    def exactly_once_support(self) -> bool:
        """Ask the Java connector (source: SourceConnector.exactlyOnceSupport)."""
        return self._asked("exactlyOnce")

    def can_define_transaction_boundaries(self) -> bool:
        """Ask the Java connector."""
        return self._asked("boundaries")

    def alter_offsets(
        self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]
    ) -> bool:
        """Ask the Java connector, with its configuration."""
        return self._asked("alter", json.dumps([list(pair) for pair in offsets]))

    def _asked(self, what: str, *more: Any) -> bool:
        connector = self.java
        with told(self.java_class_name):
            ask = getattr(java_class("io.penstock.jvm.Connectors"), what)
            return bool(ask(connector, java_map(self.config.settings), *more))


class JavaSourceTask(SourceTask[Any]):
    """A Java source task, polled on a Java thread. Owner: the task's thread."""

    java_class_name: ClassVar[str]
    jars: ClassVar[tuple[str, ...]]
    telling_class: ClassVar[type[Any]]
    _runner: Any = None
    _placed = False

    config: JavaConfig

    def __init__(self, config: JavaConfig) -> None:
        """Become the class that is told of each record, which costs speed, where Java asks so."""
        super().__init__(config)
        if config.raw.get(TELLS) == "true":
            self.__class__ = self.telling_class

    @classmethod
    def config_spec(cls) -> ConfigSpec[Any]:
        """Any keys: those that the Java connector gave its task."""
        return RawSpec()

    def start(self) -> None:
        """Start Java, the task in it, and the thread that polls."""
        begin(self.config.raw.get(OPTIONS))
        self._host = Host(offsets=self._stored)
        task = named(self.config.raw[TASK_CLASS], self.jars)
        chain = java_chain(self.config.chain, self.jars, sink=False)
        runner = java_class("io.penstock.jvm.SourceRunner")(
            task,
            java_map(self.config.settings),
            self._host.java,
            chain,
            self._placed,
            self.context.exactly_once,
            self.context.transaction_context is not None,
        )
        with told(self.java_class_name):
            runner.start()
        self._runner = runner

    def _stored(self, partitions: Sequence[Mapping[str, Any]]) -> list[Any]:
        return self.context.offsets(partitions)

    def poll(self) -> Batch | Sequence[Batch] | None:
        """Take what the Java thread polled."""
        until_s = time.monotonic() + _POLL_S
        with told(self.java_class_name):
            while True:
                self._host.serve()
                raw = self._runner.take(_TAKE_MS)
                if raw is not None:
                    break
                if self.context.stopping or time.monotonic() > until_s:
                    return None
        poll = read_poll(python_bytes(raw), placed=self._placed)
        if poll.marks:
            self._mark(poll.marks)
        if len(poll.batches) == 1:
            return poll.batches[0]
        return poll.batches

    def _mark(self, marks: Sequence[tuple[int, str]]) -> None:
        context = self.context.transaction_context
        assert context is not None  # noqa: S101 - Java had a context only where there is one
        for row, mark in marks:
            if row < 0:
                (context.commit_transaction if mark == "c" else context.abort_transaction)()
            else:
                (context.commit_after_row if mark == "c" else context.abort_after_row)(row)

    def commit(self) -> None:
        """Tell the Java task that offsets were stored."""
        with told(self.java_class_name):
            self._runner.commit()

    def stop(self) -> None:
        """Stop the Java task; a poll that blocks is interrupted."""
        if self._runner is not None and is_running():
            self._host.close()
            with told(self.java_class_name):
                self._runner.stop(_GRACE_MS)


class TellingJavaSourceTask(JavaSourceTask):
    """One whose Java task has a ``commitRecord`` of its own: it gets its own objects back."""

    _placed = True

    def start(self) -> None:
        """Start Java, with nothing to tell yet."""
        self._told = ToldRows()
        super().start()

    def commit_record_at(self, record: SourceRecord, metadata: RecordMetadata | None) -> None:
        """Note that the Java record goes back, acknowledged or dropped; many cross at once."""
        place = record.source_offset
        if isinstance(place, Place):
            self._told.add(place, metadata)
            if len(self._told) >= _TOLD_MAX:
                self._tell()

    def _tell(self) -> None:
        """Call ``commitRecord`` for all that was noted; what fails is only logged, as there."""
        if len(self._told):
            with told(self.java_class_name):
                failed = self._runner.commitRecords(java_bytes(self._told.taken()))
            if failed is not None:
                log.error("%s: commitRecord failed: %s", self.java_class_name, failed)

    def poll(self) -> Batch | Sequence[Batch] | None:
        """Tell of what was stored, then take what the Java thread polled."""
        self._tell()
        return super().poll()

    def commit(self) -> None:
        """Tell the Java task of its records, then that offsets were stored."""
        self._tell()
        super().commit()

    def stop(self) -> None:
        """Tell the Java task of its last records, and stop it."""
        if self._runner is not None and is_running():
            with contextlib.suppress(ConnectError):  # it has to be stopped all the same
                self._tell()
        super().stop()
