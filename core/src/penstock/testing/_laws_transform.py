"""The laws of transforms and predicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from penstock.api import Predicate, Side, Transform
from penstock.data import Batch, Record, Repeat, validate_value
from penstock.errors import PenstockError
from penstock.testing._batches import batches
from penstock.testing._made import fail, law_settings, made, maker, same, shown, snapshot

__all__ = ["assert_predicate_laws", "assert_transform_laws"]

MAX_EXAMPLES: Final = 100


def assert_transform_laws(
    transform: Transform[Any] | type[Transform[Any]],
    config: Mapping[str, str] | None = None,
    *,
    given_batches: st.SearchStrategy[Batch] | None = None,
    max_examples: int = MAX_EXAMPLES,
) -> None:
    """Check a transform on generated batches.

    The laws: it does not change what it is given; a batch gives what its rows give one by one,
    errors included; a null is passed on or refused with a DataError, as is everything else that it
    cannot do; what it returns fits its schema; and a sided one does to a key what it does to a
    value.

    Args:
        transform: an instance, or a class with its ``config``.
        config: the settings of a class, as texts.
        given_batches: what to try it with; :func:`batches` by default.
        max_examples: how many batches are tried.

    Raises:
        AssertionError: a law is broken; the smallest batch that was found is shown.
    """
    make = maker(transform, config)

    @law_settings(max_examples)
    @given(batch=batches() if given_batches is None else given_batches)
    def laws(batch: Batch) -> None:
        side = make(Side.VALUE).side
        before = snapshot(batch)
        rows = _by_row(make(side), batch)
        if not same(before, snapshot(batch)):
            fail("input not mutated", f"apply changed a record: {before} became {snapshot(batch)}")
        whole = _by_batch(make(side), batch)
        if not same(before, snapshot(batch)):
            fail("input not mutated", f"apply_batch changed its batch, which was {before}")
        _compare(batch, rows, whole)
        if isinstance(transform, type) and transform.sided:
            _symmetry(make(Side.KEY), batch, rows)

    laws()


Outcome = dict[str, Any] | PenstockError | None


def _by_row(transform: Transform[Any], batch: Batch) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for record in batch.records():
        try:
            after = transform.apply(record)
        except PenstockError as error:
            outcomes.append(error)
            continue
        except Exception as error:  # noqa: BLE001 - told as the broken law that it is
            fail("errors are DataErrors", f"apply raised {error!r} for {shown(record)}")
        if after is not None:
            _fits(after, "apply")
        outcomes.append(None if after is None else shown(after))
    return outcomes


def _fits(record: Record, method: str) -> None:
    for side in Side:
        value, schema = side.of(record)
        if schema is None:
            continue
        try:
            validate_value(schema, value, side.value)
        except PenstockError as error:
            fail("schema and value agree", f"{method} returned what does not fit: {error}")


def _by_batch(transform: Transform[Any], batch: Batch) -> dict[int, dict[str, Any]] | PenstockError:
    try:
        changed = transform.apply_batch(batch)
    except PenstockError as error:
        return error
    except Exception as error:  # noqa: BLE001 - told as the broken law that it is
        fail("errors are DataErrors", f"apply_batch raised {error!r} for {snapshot(batch)}")
    found: dict[int, dict[str, Any]] = {}
    for one in [changed] if isinstance(changed, Batch) else changed:
        for row, record in zip(one.rows, one.records(), strict=True):
            if row in found:
                fail("a row comes out once", f"row {row} came out of apply_batch twice")
            found[row] = shown(record)
            _fits(record, "apply_batch")
    return found


def _compare(
    batch: Batch, rows: Sequence[Outcome], whole: dict[int, dict[str, Any]] | PenstockError
) -> None:
    law = "a batch gives what its rows give"
    failed = [row for row, outcome in enumerate(rows) if isinstance(outcome, PenstockError)]
    if isinstance(whole, PenstockError):
        if not failed:
            fail(law, f"apply_batch raised {whole!r}, apply did not, for {snapshot(batch)}")
        return
    if failed:
        fail(law, f"apply raised {rows[failed[0]]!r} for row {failed[0]}, apply_batch did not")
    for place, row in enumerate(batch.rows):
        outcome, other = rows[place], whole.get(row)
        if not same(outcome, other):
            fail(law, f"row {place}: apply gave {outcome}, apply_batch {other}")


def _symmetry(transform: Transform[Any], batch: Batch, rows: Sequence[Outcome]) -> None:
    """Check that a key is changed as the value was, with key and value swapped."""
    swapped = batch.with_keys(batch.values, batch.value_schema)
    swapped = swapped.with_values(batch.keys, batch.key_schema)
    for place, (outcome, record) in enumerate(zip(rows, swapped.records(), strict=True)):
        try:
            after = transform.apply(record)
            found: Any = None if after is None else _swapped(shown(after))
        except PenstockError as error:
            found = error
        both_refuse = isinstance(found, PenstockError) and isinstance(outcome, PenstockError)
        if not both_refuse and not same(found, outcome):
            fail("keys as values", f"row {place}: of a value {outcome}, of a key {found}")


def _swapped(record: dict[str, Any]) -> dict[str, Any]:
    return {
        **record,
        "key": record["value"],
        "value": record["key"],
        "key_schema": record["value_schema"],
        "value_schema": record["key_schema"],
    }


def assert_predicate_laws(
    predicate: Predicate[Any] | type[Predicate[Any]],
    config: Mapping[str, str] | None = None,
    *,
    given_batches: st.SearchStrategy[Batch] | None = None,
    max_examples: int = MAX_EXAMPLES,
) -> None:
    """Check a predicate on generated batches: it answers, changes nothing, and a batch as its rows.

    Args:
        predicate: an instance, or a class with its ``config``.
        config: the settings of a class, as texts.
        given_batches: what to try it with; :func:`batches` by default.
        max_examples: how many batches are tried.

    Raises:
        AssertionError: a law is broken; the smallest batch that was found is shown.
    """

    @law_settings(max_examples)
    @given(batch=batches() if given_batches is None else given_batches)
    def laws(batch: Batch) -> None:
        opened = made(predicate, config)
        before = snapshot(batch)
        rows = [opened.test(record) for record in batch.records()]
        answer = opened.test_batch(batch)
        if not same(before, snapshot(batch)):
            fail("input not mutated", f"the predicate changed its batch, which was {before}")
        whole = list(Repeat(answer, len(batch)) if isinstance(answer, bool) else answer)
        if rows != whole:
            fail("a batch answers as its rows", f"test gave {rows}, test_batch {whole}")

    laws()
