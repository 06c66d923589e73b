"""The transforms of a connector as one step from batches to batches."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from penstock.api import Predicate, Transform
from penstock.data import Batch, Record, Repeat, SinkOrigin
from penstock.runtime.pipeline.guard import RowGuard
from penstock.runtime.pipeline.policy import Stage

__all__ = ["Step", "TransformChain", "place_of"]


@attrs.frozen
class Step:
    """One transform and the records it is for. ``alias`` is its name in ``transforms``."""

    alias: str
    transform: Transform[object]
    predicate: Predicate[object] | None = None
    negate: bool = False


def place_of(batch: Batch, i: int) -> str:
    """Say where row ``i`` stands, for a message: topic-partition@offset or source partition."""
    row = batch.rows[i]
    origin = batch.origin
    if isinstance(origin, SinkOrigin):
        return f"{origin.topic}-{origin.partition}@{origin.offsets[row]}"
    return f"source partition {origin.partitions[row]} offset {origin.offsets[row]}"


class TransformChain:
    """Applies transforms in order. Owner: the task's thread."""

    def __init__(self, steps: Sequence[Step], guard: RowGuard) -> None:
        """Take opened transforms."""
        self._steps = tuple(steps)
        self._guard = guard

    def apply(self, batches: Sequence[Batch]) -> Sequence[Batch]:
        """Return the batches after every transform; dropped and skipped rows are missing.

        A batch comes back as several when rows now differ in topic or schema; each row keeps its
        place in the origin, by which the order is restored.

        Raises:
            StageError: a record failed and the policy is to fail the task.
        """
        for step in self._steps:
            batches = [
                after for batch in batches for after in self._step(step, batch) if len(after)
            ]
        return batches

    def _step(self, step: Step, batch: Batch) -> Sequence[Batch]:
        if step.predicate is None:
            return self._transformed(step, batch)
        meant, others = self._divided(step, step.predicate, batch)
        after: list[Batch] = []
        if len(meant):
            after.extend(self._transformed(step, meant))
        if len(others):
            after.append(others)
        return after

    def _divided(
        self, step: Step, predicate: Predicate[object], batch: Batch
    ) -> tuple[Batch, Batch]:
        """Return the rows that the transform is for, and the others."""
        try:
            answers = predicate.test_batch(batch)
        except Exception:  # noqa: BLE001 - found again, row by row, under the policy
            return self._divided_by_row(step, predicate, batch)
        if isinstance(answers, Repeat):
            answers = bool(answers.value)
        if isinstance(answers, bool):
            nothing = batch.select(())
            return (batch, nothing) if answers != step.negate else (nothing, batch)
        meant = [i for i, answer in enumerate(answers) if answer != step.negate]
        others = [i for i, answer in enumerate(answers) if answer == step.negate]
        return batch.select(meant), batch.select(others)

    def _divided_by_row(
        self, step: Step, predicate: Predicate[object], batch: Batch
    ) -> tuple[Batch, Batch]:
        meant: list[int] = []
        others: list[int] = []
        for i, record in enumerate(batch.records()):
            good, answer = self._guard.run(
                Stage.TRANSFORMATION,
                f"the predicate of '{step.alias}'",
                lambda i=i: place_of(batch, i),  # type: ignore[misc]  # binds the loop's row
                lambda record=record: predicate.test(record),  # type: ignore[misc]  # likewise
            )
            if good:
                (meant if bool(answer) != step.negate else others).append(i)
        return batch.select(meant), batch.select(others)

    def _transformed(self, step: Step, batch: Batch) -> Sequence[Batch]:
        try:
            after = step.transform.apply_batch(batch)
        except Exception:  # noqa: BLE001 - found again, row by row, under the policy
            return self._transformed_by_row(step, batch)
        return (after,) if isinstance(after, Batch) else after

    def _transformed_by_row(self, step: Step, batch: Batch) -> Sequence[Batch]:
        rows: list[int] = []
        records: list[Record] = []
        for i, record in enumerate(batch.records()):
            good, changed = self._guard.run(
                Stage.TRANSFORMATION,
                f"'{step.alias}' ({type(step.transform).__name__})",
                lambda i=i: place_of(batch, i),  # type: ignore[misc]  # binds the loop's row
                lambda record=record: step.transform.apply(record),  # type: ignore[misc]  # likewise
            )
            if good and changed is not None:
                rows.append(batch.rows[i])
                records.append(changed)
        return Batch.regroup(batch.origin, rows, records)

    def close(self) -> None:
        """Close every transform and predicate."""
        for step in self._steps:
            step.transform.close()
            if step.predicate is not None:
                step.predicate.close()
