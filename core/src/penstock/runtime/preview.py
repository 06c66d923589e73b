"""Records followed through a connector's converters and transforms, deploying nothing.

Every stage is the runtime's own, with a batch of one record, so that what is shown is what would
happen. Nothing is written, committed or joined.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self

import attrs

from penstock.api import SinkConnector
from penstock.data import Batch, Record, SourceRecord
from penstock.errors import ConnectError, PenstockError
from penstock.runtime.broker import EncodedBatch, FetchedBatch
from penstock.runtime.connector_config import ConnectorPlan, plan
from penstock.runtime.pipeline.chain import Step, TransformChain
from penstock.runtime.pipeline.codec import RecordCodec
from penstock.runtime.pipeline.failure import Failure
from penstock.runtime.pipeline.guard import RowGuard
from penstock.runtime.pipeline.policy import ErrorPolicy, StageError
from penstock.runtime.plugins import registry
from penstock.runtime.providers import resolved
from penstock.runtime.tasks.build import build_codec, build_steps

__all__ = ["Followed", "Previewer", "Seen"]

_SHOWN_MAX: Final = 2_000
"""Characters of a value that is not JSON data."""


@attrs.frozen
class Seen:
    """A record after one stage.

    Attributes:
        stage: what was done: ``polled``, ``consumed``, a transform's alias, ``converted``.
        by: the class that did it; empty for the first stage.
        record: topic, key, value, schemas, headers, timestamp as JSON data; None when it is gone.
        note: ``skipped by predicate X``, ``dropped``, or what failed.
        failed: the stage failed; ``outcome`` then tells what the task would do.
    """

    stage: str
    by: str
    record: Mapping[str, Any] | None
    note: str = ""
    failed: bool = False


@attrs.frozen
class Followed:
    """One record on its way; ``outcome`` is delivered, dropped, skipped or fails."""

    origin: str
    stages: Sequence[Seen]
    outcome: str

    def to_json(self) -> dict[str, Any]:
        """Return the whole way as JSON data."""
        return {
            "origin": self.origin,
            "outcome": self.outcome,
            "stages": [attrs.asdict(seen) for seen in self.stages],
        }


class _Quiet:
    """Hears of failures, and leaves the telling to the preview."""

    def failed(self, failure: Failure) -> None:
        """Do nothing."""


class Previewer:
    """Follows records through one connector. Owner: one thread; use it in a ``with`` block."""

    def __init__(self, config: Mapping[str, str], worker: Mapping[str, str] | None = None) -> None:
        """Check the configuration.

        Args:
            config: the connector's.
            worker: the worker's properties: default converters, config providers.

        Raises:
            ConfigError: with every problem.
        """
        own = dict(worker or {})
        for side in ("key", "value"):
            own.setdefault(f"{side}.converter", "org.apache.kafka.connect.storage.StringConverter")
        raw = resolved(config, own)
        cls = registry().load("connectors", raw.get("connector.class", ""))
        self.is_sink = issubclass(cls, SinkConnector)
        self._plan: ConnectorPlan = plan(raw, own, is_sink=self.is_sink)
        self._tolerates = self._plan.policy.tolerate_all
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Make and open the converters and transforms; raises ConfigError for wrong settings."""
        try:
            guard = self._guard()
            self._codec: RecordCodec = build_codec(self._plan, guard, self._stack)
            self._steps: Sequence[Step] = build_steps(self._plan, self._stack)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        """Close them."""
        self._stack.close()

    def _guard(self) -> RowGuard:
        # Fails at the first error, which is shown; what would be retried is not tried again.
        return RowGuard(ErrorPolicy(), _Quiet(), lambda _: True, lambda: 0.0)

    def follow_consumed(self, fetched: FetchedBatch) -> list[Followed]:
        """Follow what a sink would read, row by row."""
        return [self._consumed(_row(fetched, i)) for i in range(len(fetched))]

    def follow_polled(self, records: Iterable[SourceRecord]) -> list[Followed]:
        """Follow what a source's task would poll."""
        return [self._polled(record, number) for number, record in enumerate(records)]

    def _consumed(self, one: FetchedBatch) -> Followed:
        origin = f"{one.topic}-{one.partition}@{one.offsets[0]}"
        stages = [Seen("consumed", "", _bytes_of(one))]
        try:
            (batch,) = self._codec.decode(one)
        except PenstockError as problem:
            stages.append(Seen("converted", _plugin_of(problem), None, _text(problem), failed=True))
            return Followed(origin, stages, self._outcome_of_failure())
        stages.append(Seen("converted", "", _shown(batch.record(0))))
        _, outcome = self._transformed(batch, stages)
        return Followed(origin, stages, outcome)

    def _polled(self, record: SourceRecord, number: int) -> Followed:
        origin = f"record {number}"
        (batch,) = Batch.of_records([record])
        stages = [Seen("polled", "", _shown(batch.record(0)))]
        after, outcome = self._transformed(batch, stages)
        if after is None:
            return Followed(origin, stages, outcome)
        try:
            encoded = self._codec.encode(after).batch
        except PenstockError as problem:
            stages.append(Seen("converted", _plugin_of(problem), None, _text(problem), failed=True))
            return Followed(origin, stages, self._outcome_of_failure())
        stages.append(Seen("converted", "", _encoded(encoded)))
        return Followed(origin, stages, outcome)

    def _outcome_of_failure(self) -> str:
        return "skipped" if self._tolerates else "fails"

    def _transformed(self, batch: Batch, stages: list[Seen]) -> tuple[Batch | None, str]:
        for step in self._steps:
            by = type(step.transform).__name__
            try:
                applies = _applies(step, batch.record(0))
                found = TransformChain([step], self._guard()).apply([batch])
            except PenstockError as problem:
                stages.append(Seen(step.alias, by, None, _text(problem), failed=True))
                return None, self._outcome_of_failure()
            rows = [one for one in found if len(one)]
            if not rows:
                stages.append(Seen(step.alias, by, None, "dropped"))
                return None, "dropped"
            batch = rows[0]
            note = "" if applies else f"not applied: {_condition(step)}"
            stages.append(Seen(step.alias, by, _shown(batch.record(0)), note))
        return batch, "delivered"


def _applies(step: Step, record: Record) -> bool:
    return step.predicate is None or step.predicate.test(record) != step.negate


def _condition(step: Step) -> str:
    name = type(step.predicate).__name__
    return f"predicate {name} is {'true, negated' if step.negate else 'false'}"


def _row(fetched: FetchedBatch, i: int) -> FetchedBatch:
    return FetchedBatch(
        topic=fetched.topic,
        partition=fetched.partition,
        offsets=[fetched.offsets[i]],
        keys=[fetched.keys[i]],
        values=[fetched.values[i]],
        timestamps=[fetched.timestamps[i]],
        timestamp_type=fetched.timestamp_type,
        headers=None if fetched.headers is None else [fetched.headers[i]],
    )


def _plugin_of(problem: PenstockError) -> str:
    return problem.stage.value if isinstance(problem, StageError) else ""


def _text(problem: BaseException) -> str:
    return str(problem) or type(problem).__name__


def plain_json(value: Any) -> Any:
    """Return a value as JSON data; bytes as text where they are, else in hexadecimal digits."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)  # noqa: PLR0124 - NaN
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes_text(bytes(value))
    if isinstance(value, Mapping):
        return {str(key): plain_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(one) for one in value]
    return str(value)[:_SHOWN_MAX]


def _bytes_text(data: bytes | None) -> str | None:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"0x{data.hex()}"


def _schema_text(schema: Any) -> str | None:
    if schema is None:
        return None
    text = schema.name or schema.type.value
    if schema.name is None and schema.fields:
        text = "struct{" + ", ".join(_field_text(field) for field in schema.fields) + "}"
    return f"{text}?" if schema.optional else str(text)


def _field_text(field: Any) -> str:
    return f"{field.name}: {_schema_text(field.schema)}"


def _shown(record: Record) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "timestamp": None if record.timestamp == -1 else record.timestamp,
        "key_schema": _schema_text(record.key_schema),
        "key": plain_json(record.key),
        "value_schema": _schema_text(record.value_schema),
        "value": plain_json(record.value),
        "headers": [[header.key, plain_json(header.value)] for header in record.headers],
    }


def _raw(topic: str, partition: Any, timestamp: Any, parts: Sequence[Any]) -> dict[str, Any]:
    key, value, headers = parts
    return {
        "topic": topic,
        "partition": partition,
        "timestamp": timestamp,
        "key_schema": None,
        "key": _bytes_text(key),
        "value_schema": None,
        "value": _bytes_text(value),
        "headers": [[name, _bytes_text(data)] for name, data in headers or ()],
    }


def _bytes_of(one: FetchedBatch) -> dict[str, Any]:
    headers = () if one.headers is None else one.headers[0]
    parts = (one.keys[0], one.values[0], headers)
    stamp = one.timestamps[0]
    return _raw(one.topic, one.partition, None if stamp < 0 else stamp, parts)


def _encoded(batch: EncodedBatch) -> dict[str, Any]:
    if not len(batch):
        raise ConnectError("the record was not converted")
    key = None if batch.keys is None else batch.keys[0]
    headers = () if batch.headers is None else batch.headers[0]
    partition = None if batch.partitions is None else batch.partitions[0]
    stamp = None if batch.timestamps is None else batch.timestamps[0]
    return _raw(batch.topic, partition, stamp, (key, batch.values[0], headers))
