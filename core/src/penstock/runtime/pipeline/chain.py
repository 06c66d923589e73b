"""The transforms of a connector as one step from batches to batches."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import attrs

from penstock.api import Predicate, Side, Transform
from penstock.data import Batch, Repeat
from penstock.runtime.pipeline.failure import row_of
from penstock.runtime.pipeline.guard import RowGuard
from penstock.runtime.pipeline.pieces import (
    SuspectError,
    Watched,
    cut_batch,
    in_pieces,
    join_batches,
)
from penstock.runtime.pipeline.policy import Stage

__all__ = ["Step", "TransformChain"]


@attrs.frozen
class Step:
    """One transform and the records it is for. ``alias`` is its name in ``transforms``."""

    alias: str
    transform: Transform[object]
    predicate: Predicate[object] | None = None
    negate: bool = False


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
        answers: bool | Sequence[bool] | None = None
        with contextlib.suppress(Exception):  # found again, in pieces, under the policy
            answers = predicate.test_batch(batch)
        if answers is None:
            return self._divided_in_pieces(step, predicate, batch)
        if isinstance(answers, Repeat):
            answers = bool(answers.value)
        if isinstance(answers, bool):
            nothing = batch.select(())
            return (batch, nothing) if answers != step.negate else (nothing, batch)
        meant = [i for i, answer in enumerate(answers) if answer != step.negate]
        others = [i for i, answer in enumerate(answers) if answer == step.negate]
        return batch.select(meant), batch.select(others)

    def _divided_in_pieces(
        self, step: Step, predicate: Predicate[object], batch: Batch
    ) -> tuple[Batch, Batch]:
        def whole(start: int, stop: int) -> Sequence[bool]:
            answers = predicate.test_batch(cut_batch(batch, start, stop))
            return Repeat(answers, stop - start) if isinstance(answers, bool) else answers

        def single(i: int) -> Sequence[bool] | None:
            good, answer = self._guard.run(
                Stage.TRANSFORMATION,
                step.transform,
                f"the predicate of '{step.alias}'",
                lambda: row_of(batch, i),
                lambda: predicate.test(batch.record(i)),
            )
            return [bool(answer)] if good else None

        meant: list[int] = []
        others: list[int] = []
        for start, _, answers in in_pieces(len(batch), whole, single):
            for i, answer in enumerate(answers, start):
                (meant if bool(answer) != step.negate else others).append(i)
        return batch.select(meant), batch.select(others)

    def _transformed(self, step: Step, batch: Batch) -> Sequence[Batch]:
        with contextlib.suppress(Exception):  # found again, in pieces, under the policy
            return _listed(step.transform.apply_batch(batch))
        # Not inside a handler: the row's own error would carry this one along.
        return self._transformed_in_pieces(step, batch)

    def _transformed_in_pieces(self, step: Step, batch: Batch) -> Sequence[Batch]:
        is_key = step.transform.sided and step.transform.side is Side.KEY

        def whole(start: int, stop: int) -> Sequence[Batch]:
            piece = cut_batch(batch, start, stop)
            column = piece.keys if is_key else piece.values
            if type(column) is not list:
                return _listed(step.transform.apply_batch(piece))
            watched = Watched(column)
            piece = piece.with_keys(watched) if is_key else piece.with_values(watched)
            try:
                return _listed(step.transform.apply_batch(piece))
            except Exception as error:
                raise SuspectError(start + watched.seen - 1) from error

        def single(i: int) -> Sequence[Batch] | None:
            good, changed = self._guard.run(
                Stage.TRANSFORMATION,
                step.transform,
                f"'{step.alias}' ({type(step.transform).__name__})",
                lambda: row_of(batch, i),
                lambda: step.transform.apply(batch.record(i)),
            )
            if not good or changed is None:
                return None
            return Batch.regroup(batch.origin, [batch.rows[i]], [changed])

        pieces = in_pieces(len(batch), whole, single, suspects=True)
        return join_batches([after for _, _, result in pieces for after in result])

    def close(self) -> None:
        """Close every transform and predicate."""
        for step in self._steps:
            step.transform.close()
            if step.predicate is not None:
                step.predicate.close()


def _listed(after: Batch | Sequence[Batch]) -> Sequence[Batch]:
    return (after,) if isinstance(after, Batch) else after
