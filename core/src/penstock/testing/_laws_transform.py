"""The laws of transforms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs
from hypothesis import given
from hypothesis import strategies as st

from penstock.api import Side, Transform
from penstock.data import Batch, Record, Schema, SinkOrigin, SinkRecord, validate_value
from penstock.errors import DataError
from penstock.testing._batches import batches
from penstock.testing._made import REFUSALS, fail, law_settings, name_of, opened, refused
from penstock.testing._same import place, same, shown, snapshot
from penstock.testing._told import differences, record_text, short

__all__ = ["assert_transform_laws", "batch_of"]

MAX_EXAMPLES: Final = 100
_OTHER: Final = {Side.KEY: Side.VALUE, Side.VALUE: Side.KEY}
Makes = Callable[[], Transform[Any]]
Outcome = dict[str, Any] | Exception | None


def assert_transform_laws(
    transform: Transform[Any] | type[Transform[Any]] | Makes,
    config: Mapping[str, str] | None = None,
    *,
    given_batches: st.SearchStrategy[Batch] | None = None,
    given_records: st.SearchStrategy[Record] | None = None,
    max_examples: int = MAX_EXAMPLES,
) -> None:
    """Check a transform on generated batches.

    The laws: it does not change what it is given; a batch gives what its rows give one by one,
    errors included; a null is passed on or refused with a DataError (or RetriableError), as is
    everything else that it cannot do; what it returns fits its schema; a record keeps where it
    comes from; no row comes out that did not go in, and none twice; and a sided transform does to
    a key what it does to a value.

    Args:
        transform: a class with its ``config``, an instance, or a function that returns one. An
            instance must not remember anything from record to record.
        config: the settings of a class, as texts.
        given_batches: what to try it with; :func:`batches` by default.
        given_records: the same, as single records.
        max_examples: how many batches are tried.

    Raises:
        AssertionError: a law is broken; the smallest batch that was found is shown.
        ConfigError: the settings are wrong.
    """
    tried = batches() if given_batches is None else given_batches
    if given_records is not None:
        tried = given_records.map(batch_of)

    @law_settings(max_examples)
    @given(batch=tried)
    def laws(batch: Batch) -> None:
        trial = _Trial(name_of(transform), batch, snapshot(batch))
        with opened(transform, config) as rowwise:
            rows = trial.by_row(rowwise)
            side, sided = rowwise.side, rowwise.sided
        with opened(transform, config) as whole:
            trial.compare(rows, trial.by_batch(whole))
        if sided:
            with opened(_of_side(transform, side), config, side=_OTHER[side]) as swapped:
                trial.symmetry(swapped, rows)

    laws()


def _of_side(transform: Any, side: Side) -> Any:
    """Return what makes the transform; of an instance, another one for the other side."""
    if not isinstance(transform, Transform):
        return transform

    def again() -> Transform[Any]:
        made = type(transform)(transform.config)
        made.side = _OTHER[side]
        made.open()
        return made

    return again


def batch_of(record: Record) -> Batch:
    """Return the batch of one record."""
    if not isinstance(record, SinkRecord):
        (batch,) = Batch.of_records([record])  # type: ignore[arg-type]  # there is no third kind
        return batch
    topic, partition = record.original_topic, record.original_partition
    origin = SinkOrigin(topic or record.topic, partition, [record.offset], record.timestamp_type)
    return Batch.regroup(origin, [0], [record])[0]


@attrs.frozen
class _Trial:
    """One transform's trial with one batch; ``before`` is what the batch held."""

    who: str
    batch: Batch
    before: list[dict[str, Any]]

    def by_row(self, transform: Transform[Any]) -> list[Outcome]:
        """Apply it to every row, and check what comes out."""
        outcomes: list[Outcome] = []
        for record in self.batch.records():
            told = record_text(record)
            after, error = refused(f"{self.who}.apply", [f"of {told}"], transform.apply, record)
            if error is not None or after is None:
                outcomes.append(error)
                continue
            self._fits(after, "apply", f"of {told}")
            was, now = place(record), place(after)
            if not same(was, now):
                law, text = (
                    "a record keeps where it comes from",
                    differences(was, now, word=" was "),
                )
                fail(law, f"{self.who}.apply changed {text}", f"of {told}")
            outcomes.append(shown(after))
        self._unchanged("apply")
        return outcomes

    def _unchanged(self, method: str) -> None:
        after = snapshot(self.batch)
        for i, (was, now) in enumerate(zip(self.before, after, strict=True)):
            if not same(was, now):
                text = differences(was, now, word=" became ")
                fail("input not mutated", f"{self.who}.{method} changed its row {i}: {text}")

    def _fits(self, record: Record, method: str, *told: str) -> None:
        parts: list[tuple[str, Any, Schema | None]] = [
            (side.value, *side.of(record)) for side in Side
        ]
        parts += [(f"header {one.key!r}", one.value, one.schema) for one in record.headers]
        for name, value, schema in parts:
            if schema is None:
                continue
            try:
                validate_value(schema, value, name)
            except DataError as error:
                text = f"{self.who}.{method} returned what does not fit its schema: {error}"
                # Who writes into what it was given often breaks this, too: the cause comes first.
                self._unchanged(method)
                fail("schema and value agree", text, *told, f"returned {record_text(record)}")

    def by_batch(self, transform: Transform[Any]) -> dict[int, dict[str, Any]] | Exception:
        """Apply it to the whole batch; return what came out, by row of the origin."""
        who = f"{self.who}.apply_batch"
        changed, error = refused(who, self._told(), transform.apply_batch, self.batch)
        self._unchanged("apply_batch")
        if error is not None:
            return error
        found: dict[int, dict[str, Any]] = {}
        for one in [changed] if isinstance(changed, Batch) else changed:
            self._whole(one, who)
            for row, record in zip(one.rows, one.records(), strict=True):
                if row in found:
                    fail("a row comes out once", f"row {row} came out of {who} twice")
                found[row] = shown(record)
                self._fits(record, "apply_batch", *self._told())
        return found

    def _whole(self, after: Batch, who: str) -> None:
        """Check a batch that came out: its columns, its rows, its origin."""
        law = "a batch is whole"
        lengths = {
            name: len(getattr(after, name))
            for name in ("values", "keys", "partitions", "timestamps", "headers", "rows")
        }
        if len(set(lengths.values())) > 1:
            fail(law, f"the columns that {who} returned differ in length: {lengths}")
        rows = list(after.rows)
        if rows != sorted(rows) or not set(rows) <= set(self.batch.rows):
            given_rows = list(self.batch.rows)
            fail(law, f"{who} returned the rows {rows} of {given_rows}; they keep their numbers")
        if after.origin is not self.batch.origin:
            fail(law, f"{who} returned another origin; keep the batch's own")

    def _told(self) -> list[str]:
        records = enumerate(self.batch.records())
        return [f"row {i}: {record_text(record)}" for i, record in records]

    def compare(
        self, rows: Sequence[Outcome], whole: dict[int, dict[str, Any]] | Exception
    ) -> None:
        """Check that the batch gave what its rows gave."""
        law = "a batch gives what its rows give"
        failed = [row for row, outcome in enumerate(rows) if isinstance(outcome, Exception)]
        if isinstance(whole, Exception):
            if not failed:
                text = f"{self.who}.apply_batch raised {whole!r}, apply did not for any row"
                fail(law, text, *self._told())
            return
        if failed:
            text = f"{self.who}.apply raised {rows[failed[0]]!r} for row {failed[0]}"
            fail(law, f"{text}, apply_batch did not", *self._told())
        for i, row in enumerate(self.batch.rows):
            outcome, other = rows[i], whole.get(row)
            if not same(outcome, other):
                text = _unlike(outcome, other, " by apply, by apply_batch ")
                fail(law, f"{self.who}, row {i}: {text}", *self._told())

    def symmetry(self, transform: Transform[Any], rows: Sequence[Outcome]) -> None:
        """Check that a key is changed as the value was, with key and value swapped."""
        batch = self.batch
        swapped = batch.with_keys(batch.values, batch.value_schema)
        swapped = swapped.with_values(batch.keys, batch.key_schema)
        for i, (outcome, record) in enumerate(zip(rows, swapped.records(), strict=True)):
            found: Outcome
            try:
                after = transform.apply(record)
                found = None if after is None else _swapped(shown(after))
            except REFUSALS as error:
                found = error
            both_refuse = isinstance(found, Exception) and isinstance(outcome, Exception)
            if not both_refuse and not same(found, outcome):
                told = record_text(batch.record(i))
                text = _unlike(outcome, found, " of a value, of a key ")
                fail("keys as values", f"{self.who}, row {i}: {text}", f"of {told}")


def _unlike(one: Outcome, other: Outcome, word: str) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        return differences(one, other, word=word)
    left, right = (_outcome_text(outcome) for outcome in (one, other))
    return f"{left}{word}{right}"


def _outcome_text(outcome: Outcome) -> str:
    if outcome is None:
        return "dropped"
    return repr(outcome) if isinstance(outcome, Exception) else f"passed on as {short(outcome)}"


def _swapped(record: dict[str, Any]) -> dict[str, Any]:
    return {
        **record,
        "key": record["value"],
        "value": record["key"],
        "key schema": record["value schema"],
        "value schema": record["key schema"],
    }
