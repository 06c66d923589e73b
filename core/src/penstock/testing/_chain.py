"""Records through transforms, with the runtime's own chain; imported when a fixture is used."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.api import Side, Transform
from penstock.data import Batch, Record, SinkOrigin, SinkRecord
from penstock.runtime.connector_config import plan
from penstock.runtime.pipeline.chain import Step, TransformChain
from penstock.runtime.pipeline.failure import Failure
from penstock.runtime.pipeline.guard import RowGuard
from penstock.runtime.pipeline.policy import ErrorPolicy, StageError
from penstock.runtime.plugins import registry
from penstock.runtime.tasks.build import build_steps
from penstock.testing._made import made, name_of

__all__ = ["run_chain"]

_STRING: Final = "org.apache.kafka.connect.storage.StringConverter"
_WORKER: Final = {"key.converter": _STRING, "value.converter": _STRING}
_ABOUT: Final = {"name": "chain", "connector.class": "chain"}


class _Quiet:
    """Hears of failures; the caller of the chain gets the error itself."""

    def failed(self, failure: Failure) -> None:
        """Do nothing."""


def run_chain(
    records: Sequence[Record], steps: Sequence[Any], stack: contextlib.ExitStack
) -> list[Record]:
    """Return the records after the steps, in order, without those that were dropped.

    Args:
        records: of a source or of a sink.
        steps: a connector's settings, or transforms: by name, class or instance, alone or as
            ``(transform, settings)``.
        stack: closes what is opened.

    Raises:
        ConfigError: settings are wrong.
        DataError: a transform refused a record; likewise whatever else it raised.
    """
    made_steps = [step for given in steps for step in _steps(given, stack)]
    # Fails at the first error, which is raised; what would be retried is not tried again.
    guard = RowGuard(ErrorPolicy(), _Quiet(), lambda _: True, lambda: 0.0)
    chain = TransformChain(made_steps, guard)
    found: list[tuple[int, Record]] = []
    for places, batches in _grouped(records):
        try:
            after = chain.apply(batches)
        except StageError as error:
            raise (error.__cause__ or error) from None
        for batch in after:
            rows = zip(batch.rows, batch.records(), strict=True)
            found.extend((places[row], record) for row, record in rows)
    return [record for _, record in sorted(found, key=lambda pair: pair[0])]


def _steps(given: Any, stack: contextlib.ExitStack) -> list[Step]:
    if isinstance(given, Mapping):
        return build_steps(plan({**_ABOUT, **given}, _WORKER, is_sink=False), stack)
    transform, config = given if isinstance(given, tuple) else (given, None)
    side: Side | None = None
    if isinstance(transform, str):
        info = registry().resolve("transforms", transform)
        transform, side = registry().load_plugin(info), info.side
    ready: Transform[Any] = made(transform, config, side=side)
    if ready is not transform:
        stack.callback(ready.close)
    return [Step(name_of(transform), ready)]


def _grouped(records: Sequence[Record]) -> list[tuple[list[int], list[Batch]]]:
    """Return batches as a task would get them, each with the place of its origin's rows."""
    groups: dict[tuple[str, int] | None, list[int]] = {}
    for i, record in enumerate(records):
        of = (record.topic, record.partition or 0) if isinstance(record, SinkRecord) else None
        groups.setdefault(of, []).append(i)
    return [(places, _batches(of, [records[i] for i in places])) for of, places in groups.items()]


def _batches(of: tuple[str, int] | None, records: Sequence[Any]) -> list[Batch]:
    if of is None:
        return Batch.of_records(records)
    origin = SinkOrigin(*of, offsets=[record.offset for record in records])
    return Batch.regroup(origin, range(len(records)), records)
