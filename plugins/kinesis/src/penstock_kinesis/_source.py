"""The connectors: they watch the shards of a stream and share them out."""

from __future__ import annotations

import logging
import re
import threading
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, TypeVar

from penstock.api import SourceConnector
from penstock.config import ConfigValue
from penstock.errors import ConfigError
from penstock_kinesis._client import Kinesis, StreamFacts
from penstock_kinesis._config import (
    CamelKinesisSourceConfig,
    ClassicKinesisSourceConfig,
    ConfluentKinesisSourceConfig,
    KinesisSourceConfig,
)
from penstock_kinesis._failures import FailureKind, explain
from penstock_kinesis._http2 import is_installed
from penstock_kinesis._keys import (
    CONSUMER_KEY,
    CREATED_KEY,
    SHARDS_KEY,
    SINCE_KEY,
    TREE_KEY,
    KinesisKeys,
    Settings,
)
from penstock_kinesis._offsets import check_offset, check_partition
from penstock_kinesis._shards import Shard, assign, lineage, to_text
from penstock_kinesis._source_task import (
    CamelKinesisSourceTask,
    ClassicKinesisSourceTask,
    ConfluentKinesisSourceTask,
    KinesisSourceTask,
)

__all__ = [
    "CamelKinesisSourceConnector",
    "ClassicKinesisSourceConnector",
    "ConfluentKinesisSourceConnector",
    "KinesisSourceConnector",
]

log = logging.getLogger(__name__)

CLOSE_WAIT_S: Final = 2.0
_TRIES: Final = 5
_NAME_MAX: Final = 128

C = TypeVar("C", bound=KinesisKeys)


class _KinesisConnector(SourceConnector[C]):
    """Watches the shards of one stream. Owner: the connector's thread, and one that looks.

    What the two share is guarded by ``_lock``.
    """

    stream_key: ClassVar[str]

    @classmethod
    def validate(cls, raw: Mapping[str, str | None]) -> list[ConfigValue]:
        """Check the keys; when they are right, ask the service for everything a task needs."""
        values = super().validate(raw)
        if any(value.errors for value in values):
            return values
        given = {name: text for name, text in raw.items() if text is not None}
        settings: Settings = cls.config_spec().parse(given).settings(given)
        stream = next(value for value in values if value.name == cls.stream_key)
        problem = _position_problem(settings) or _lack(settings)
        if problem is None:
            problem = _service_problem(settings, given.get("name", ""))
        if problem is not None:
            stream.errors.append(problem)
        return values

    def start(self) -> None:
        """Look at the stream, and then every ``kinesis.shard.monitor.ms``."""
        self._settings: Settings = self.config.settings(self.context.raw_config)
        problem = _position_problem(self._settings) or _lack(self._settings)
        if problem is not None:
            raise ConfigError(problem)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._placed: dict[str, int] = {}
        self._kinesis = Kinesis(self._settings)
        self._consumer = ""
        self._is_moved = False
        self._facts, self._shards = self._look_patiently()
        self._since_ms = self._facts.now_ms
        self._watcher = threading.Thread(target=self._watch, name="kinesis-shards", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Stop looking."""
        if hasattr(self, "_watcher"):
            self._stopping.set()
            self._watcher.join(CLOSE_WAIT_S)
            self._kinesis.close()

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """Share the shards out evenly; there are no more tasks than open shards."""
        with self._lock:
            facts, shards = self._facts, self._shards
            count = max(1, min(max_tasks, sum(not shard.closed for shard in shards)))
            self._placed = placed = assign(shards, count, self._placed)
            since_ms = self._since_ms
            consumer = self._consumer
        by_id = {shard.id: shard for shard in shards}
        made: list[Mapping[str, str]] = []
        for task in range(count):
            own = sorted(name for name, of in placed.items() if of == task)
            more = {SHARDS_KEY: ",".join(own), TREE_KEY: to_text(lineage(by_id, own))}
            more[SINCE_KEY] = str(since_ms)
            if facts.created_ms is not None:
                more[CREATED_KEY] = str(facts.created_ms)
            if consumer:
                more[CONSUMER_KEY] = consumer
            made.append({**self.context.raw_config, **more})
        return made

    def exactly_once_support(self) -> bool:
        """A sequence number says exactly where to go on."""
        return True

    def alter_offsets(
        self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]
    ) -> bool:
        """Accept what a task could read; None with anything, to clean up."""
        for partition, offset in offsets:
            if offset is not None:
                check_partition(partition)
                check_offset(offset)
        return True

    def _look(self) -> tuple[StreamFacts, list[Shard]]:
        facts = self._kinesis.facts()
        pattern = self._settings.shard_pattern
        found = self._kinesis.shards()
        if self._settings.fan_out:
            self._subscribable(facts)
        return facts, [one for one in found if pattern is None or pattern.search(one.id)]

    def _subscribable(self, facts: StreamFacts) -> None:
        """Find or register the consumer; each time, as somebody may have deleted it."""
        wanted = _consumer_name(self._settings, self.context.name)
        found = self._kinesis.consumer(facts.arn, wanted, register=True) or ""
        with self._lock:
            if self._consumer and self._consumer != found:
                log.warning("%s has another consumer now: %s", self._kinesis.where, found)
                self._is_moved = True
            self._consumer = found

    def _look_patiently(self) -> tuple[StreamFacts, list[Shard]]:
        """Look; what may pass is tried again a few times."""
        tried = 0
        while True:
            try:
                return self._look()
            except Exception as problem:
                failure = explain(problem, "ListShards", self._kinesis.where)
                tried += 1
                is_final = failure.kind in {FailureKind.FATAL, FailureKind.GONE}
                if is_final or tried == _TRIES:
                    self._kinesis.close()
                    raise failure.error() from problem
                log.warning("%s; it is tried again", failure.message)
                self._stopping.wait(tried)

    def _watch(self) -> None:
        told = ""
        while not self._stopping.wait(self._settings.monitor_s):
            try:
                facts, shards = self._look()
            except Exception as problem:  # noqa: BLE001 - tasks go on with the shards they have
                message = explain(problem, "ListShards", self._kinesis.where).message
                if message != told:
                    log.warning("%s; shards are looked for again", message)
                told = message
                continue
            told = ""
            if self._take_over(facts, shards):
                self.context.request_task_reconfiguration()

    def _take_over(self, facts: StreamFacts, shards: list[Shard]) -> bool:
        """Note what was found; True when the tasks have to know it."""
        with self._lock:
            known = {shard.id for shard in self._shards}
            new = sorted(shard.id for shard in shards if shard.id not in known)
            is_another = facts.created_ms != self._facts.created_ms
            if is_another:
                log.warning("%s was created anew, and is read from its start", self._kinesis.where)
                self._placed = {}
            elif new:
                log.info("%s has new shards: %s", self._kinesis.where, ", ".join(new))
            elif not self._is_moved:
                # Shards that closed or expired change nothing for the tasks that have them.
                return False
            self._facts, self._shards, self._is_moved = facts, shards, False
            return True


def _position_problem(settings: Settings) -> str | None:
    if settings.position == "AT_TIMESTAMP" and settings.timestamp_ms is None:
        return "AT_TIMESTAMP needs a timestamp; set it, or another position"
    if settings.position == "AT_SEQUENCE_NUMBER" and settings.sequence is None:
        return "AT_SEQUENCE_NUMBER needs a sequence number; set it, or another position"
    return None


def _lack(settings: Settings) -> str | None:
    """Return what a configuration lacks that is right key by key."""
    if settings.needs_role and not settings.role_arn:
        return "AwsAssumeRoleCredentialsProvider needs kinesis.credentials.provider.sts.role.arn"
    if settings.fan_out and not is_installed():
        return "kinesis.fan.out needs packages: pip install 'penstock-kinesis[fan-out]'"
    return None


def _consumer_name(settings: Settings, connector: str) -> str:
    """Return the consumer's name or ARN; connectors of different names have different ones."""
    if settings.consumer:
        return settings.consumer
    whole = f"penstock-{connector}"
    name = re.sub(r"[^a-zA-Z0-9_.-]", "-", whole)[:_NAME_MAX]
    if name == whole:
        return name
    digest = f"-{zlib.crc32(whole.encode()):08x}"
    return name[: _NAME_MAX - len(digest)] + digest


def _service_problem(settings: Settings, connector: str) -> str | None:
    try:
        kinesis = Kinesis(settings, hurried=True)
    except Exception as problem:  # noqa: BLE001 - botocore refuses profiles, regions, addresses
        where = f"stream '{settings.stream.name}' in {settings.stream.region}"
        return explain(problem, "making a client", where).message
    try:
        return kinesis.problem(_consumer_name(settings, connector) if settings.fan_out else "")
    finally:
        kinesis.close()


class KinesisSourceConnector(_KinesisConnector[KinesisSourceConfig]):
    """KinesisSource: three keys are enough."""

    task_class = KinesisSourceTask
    stream_key = "stream"


class ClassicKinesisSourceConnector(_KinesisConnector[ClassicKinesisSourceConfig]):
    """Takes the configuration of com.github.jcustenborder's connector."""

    task_class = ClassicKinesisSourceTask
    stream_key = "kinesis.stream"


class ConfluentKinesisSourceConnector(_KinesisConnector[ConfluentKinesisSourceConfig]):
    """Takes the configuration of Confluent's connector."""

    task_class = ConfluentKinesisSourceTask
    stream_key = "kinesis.stream"


class CamelKinesisSourceConnector(_KinesisConnector[CamelKinesisSourceConfig]):
    """Takes the configuration of Camel's aws-kinesis-source; keeps places, which that does not."""

    task_class = CamelKinesisSourceTask
    stream_key = "camel.kamelet.aws-kinesis-source.stream"
