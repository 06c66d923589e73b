"""Follow a few records through a chain of transforms, stage by stage, deploying nothing."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from penstock.data import Batch, Record
from penstock.runtime.pipeline.chain import Step

__all__ = ["Stage", "trace"]


@attrs.frozen
class Stage:
    """The records after one stage; ``label`` names it, ``note`` says what became of a record."""

    label: str
    records: Sequence[Record]
    note: str = ""


def trace(batch: Batch, steps: Sequence[Step]) -> list[Stage]:
    """Return the records as polled and after every transform.

    Raises:
        Exception: what a transform raises; a trace is for looking, nothing is tolerated.
    """
    stages = [Stage("polled", list(batch.records()))]
    batches: Sequence[Batch] = [batch]
    for step in steps:
        after: list[Batch] = []
        for one in batches:
            changed = step.transform.apply_batch(one)
            after.extend([changed] if isinstance(changed, Batch) else changed)
        batches = after
        records = [record for one in batches for record in one.records()]
        label = f"{step.alias} ({type(step.transform).__name__})"
        dropped = len(stages[-1].records) - len(records)
        stages.append(Stage(label, records, f"{dropped} dropped" if dropped else ""))
    return stages
