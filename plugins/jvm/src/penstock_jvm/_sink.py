"""Java sink connectors and their tasks."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from penstock.api import SinkConnector, SinkTask
from penstock.config import ConfigSpec, ConfigValue
from penstock.data import Batch, SinkOrigin, SinkRecord, TopicPartition
from penstock.errors import ConnectError
from penstock_jvm._chain import java_chain
from penstock_jvm._frames import write_batches
from penstock_jvm._host import Host, begin, java_bytes, java_map, named, plain_map, told
from penstock_jvm._keys import OPTIONS, JavaConfig, JavaSpec, RawSpec, validated
from penstock_jvm._source import TASK_CLASS
from penstock_jvm.machine import is_running, java_class

__all__ = ["JavaSinkConnector", "JavaSinkTask"]

Offsets = Mapping[TopicPartition, int | None]


def _json(offsets: Offsets) -> str:
    return json.dumps([[one.topic, one.partition, at] for one, at in offsets.items()])


class JavaSinkConnector(SinkConnector[Any]):
    """A Java sink connector in this process's Java machine. Owner: the connector's thread."""

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
            task = str(self.java.taskClass().getName())
            given = [plain_map(one) for one in self.java.taskConfigs(max_tasks)]
        return [{**one, **self.config.passed_on, TASK_CLASS: task} for one in given]

    def alter_offsets(self, offsets: Offsets) -> bool:
        """Ask the Java connector, with its configuration."""
        connector = self.java
        with told(self.java_class_name):
            connectors = java_class("io.penstock.jvm.Connectors")
            settings = java_map(self.config.settings)
            return bool(connectors.alter(connector, settings, _json(offsets)))


class JavaSinkTask(SinkTask[Any]):
    """A Java sink task, called on one Java thread. Owner: the task's thread.

    Java may report records, or wish for something, on any of its threads: this task's thread
    answers, as it waits for the call that it began, or as the runtime calls it again.
    """

    java_class_name: ClassVar[str]
    jars: ClassVar[tuple[str, ...]]
    _runner: Any = None

    config: JavaConfig

    def __init__(self, config: JavaConfig) -> None:
        """Keep the configuration."""
        super().__init__(config)
        self._given: list[Batch] = []

    @classmethod
    def config_spec(cls) -> ConfigSpec[Any]:
        """Any keys: those that the Java connector gave its task."""
        return RawSpec()

    def start(self) -> None:
        """Start Java and the task in it."""
        begin(self.config.raw.get(OPTIONS))
        self._host = Host(sink=self._wish, report=self._report)
        task = named(self.config.raw[TASK_CLASS], self.jars)
        runner = java_class("io.penstock.jvm.SinkRunner")(
            task,
            java_map(self.config.settings),
            self._host.java,
            java_chain(self.config.chain, self.jars, sink=True),
            self.context.errant_record_reporter is not None,
        )
        self._runner = runner
        self._call("start")

    def _call(self, name: str, text: str = "", raw: bytes = b"") -> str:
        """Have Java's thread call the task; its threads' requests are answered until it ends."""
        with told(self.java_class_name):
            self._runner.begin(name, text, java_bytes(raw))
            self._host.serve_until_done()
            return str(self._runner.ended())

    def partitions_assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Open them (source: SinkTask.open)."""
        self._call("open", _json(dict.fromkeys(partitions)))

    def partitions_revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Close them (source: SinkTask.close)."""
        self._call("close", _json(dict.fromkeys(partitions)))
        gone = set(partitions)
        self._given = [one for one in self._given if _place(one) not in gone]

    def put(self, records: Sequence[SinkRecord]) -> None:
        """Hand rows over; none, too, for timed work."""
        self._put(_batches(records) if records else [])

    def put_batch(self, batch: Batch) -> None:
        """Hand a batch over."""
        self._put([batch])

    def _put(self, batches: Sequence[Batch]) -> None:
        self._host.serve()
        self._given += batches
        raw = write_batches(batches) if batches else b""
        self._call("put", raw=raw)
        self._host.serve()

    def pre_commit(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Return what the Java task says is safe."""
        self._host.serve()
        safe = json.loads(self._call("preCommit", _json(offsets)))
        self._host.serve()
        found = {TopicPartition(topic, partition): at for topic, partition, at in safe}
        self._given = [one for one in self._given if _end(one) > found.get(_place(one), -1)]
        return found

    def stop(self) -> None:
        """Stop the Java task."""
        if self._runner is not None and is_running():
            try:
                self._call("stop")
            finally:
                self._host.close()

    def _wish(self, name: str, told_json: Any) -> None:
        context = self.context
        if name == "timeout":
            context.retry_after(int(told_json))
        elif name == "commit":
            context.request_commit()
        elif name == "offset":
            context.rewind({TopicPartition(topic, one): at for topic, one, at in told_json})
        else:
            places = [TopicPartition(topic, one) for topic, one, _ in told_json]
            _TURNS[name](context, *places)

    def _report(self, topic: str, partition: int, offset: int, error: str) -> str | None:
        """Report a record that was given; a text is why the task fails."""
        reporter = self.context.errant_record_reporter
        assert reporter is not None  # noqa: S101 - Java has a reporter only where there is one
        for batch in reversed(self._given):
            origin = batch.origin
            if _place(batch) == TopicPartition(topic, partition):
                assert isinstance(origin, SinkOrigin)  # noqa: S101 - `_place` asked it already
                places = [origin.offsets[row] for row in batch.rows]
                if offset in places:
                    try:
                        reporter.report_row(batch, places.index(offset), ConnectError(error))
                    except ConnectError as fails:
                        return str(fails)
                    return None
        return f"the record {topic}-{partition}@{offset} was reported, and was not given before"


_TURNS: Final[Mapping[str, Callable[..., None]]] = {
    "pause": lambda context, *places: context.pause(*places),
    "resume": lambda context, *places: context.resume(*places),
}


def _place(batch: Batch) -> TopicPartition:
    origin = batch.origin
    assert isinstance(origin, SinkOrigin)  # noqa: S101 - a sink task is given no other
    return TopicPartition(origin.topic, origin.partition)


def _end(batch: Batch) -> int:
    origin = batch.origin
    assert isinstance(origin, SinkOrigin)  # noqa: S101 - a sink task is given no other
    return origin.offsets[batch.rows[-1]] + 1 if len(batch) else 0


def _batches(records: Iterable[SinkRecord]) -> list[Batch]:
    """Make batches of rows that stand apart, each as long as place and schemas stay the same."""
    runs: list[list[SinkRecord]] = []
    last: Any = None
    for record in records:
        kind = (record.topic, record.original_topic, record.original_partition)
        this = (kind, record.key_schema, record.value_schema, id(record.origin))
        if this != last:
            runs.append([])
            last = this
        runs[-1].append(record)
    return [_of_run(run) for run in runs]


def _of_run(run: Sequence[SinkRecord]) -> Batch:
    first = run[0]
    if isinstance(first.origin, SinkOrigin):
        at = {offset: row for row, offset in enumerate(first.origin.offsets)}
        origin, rows = first.origin, [at[record.offset] for record in run]
    else:
        origin = SinkOrigin(
            topic=first.original_topic,
            partition=first.original_partition,
            offsets=[record.offset for record in run],
            timestamp_type=first.timestamp_type,
        )
        rows = list(range(len(run)))
    return Batch.regroup(origin, rows, run)[0]
