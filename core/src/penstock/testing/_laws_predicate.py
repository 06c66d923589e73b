"""The laws of predicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from penstock.api import Predicate
from penstock.data import Batch, Record
from penstock.testing._batches import batches
from penstock.testing._laws_transform import batch_of
from penstock.testing._made import fail, law_settings, name_of, opened, refused
from penstock.testing._same import same, snapshot
from penstock.testing._told import differences, record_text

__all__ = ["assert_predicate_laws"]

MAX_EXAMPLES: Final = 100


def assert_predicate_laws(
    predicate: Predicate[Any] | type[Predicate[Any]] | Callable[[], Predicate[Any]],
    config: Mapping[str, str] | None = None,
    *,
    given_batches: st.SearchStrategy[Batch] | None = None,
    given_records: st.SearchStrategy[Record] | None = None,
    max_examples: int = MAX_EXAMPLES,
) -> None:
    """Check a predicate on generated batches.

    The laws: it answers True or False, or raises a DataError; it changes nothing; it answers a
    batch as it answers its rows.

    Args:
        predicate: a class with its ``config``, an instance, or a function that returns one.
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
    who = name_of(predicate)

    @law_settings(max_examples)
    @given(batch=tried)
    def laws(batch: Batch) -> None:
        before = snapshot(batch)
        told = [f"row {i}: {record_text(record)}" for i, record in enumerate(batch.records())]
        with opened(predicate, config) as found:
            rows = [
                refused(f"{who}.test", [line], found.test, record)
                for record, line in zip(batch.records(), told, strict=True)
            ]
            answer, error = refused(f"{who}.test_batch", told, found.test_batch, batch)
        after = snapshot(batch)
        if not same(before, after):
            text = differences(before, after, word=" became ")
            fail("input not mutated", f"{who} changed its batch: {text}")
        failed = [problem for _, problem in rows if problem is not None]
        if failed or error is not None:
            if not failed or error is None:
                text = f"test raised {failed}, test_batch {error!r}"
                fail("a batch answers as its rows", f"{who}: {text}", *told)
            return
        answers = [one for one, _ in rows]
        whole = [answer] * len(batch) if isinstance(answer, bool) else list(answer)
        for one in (*answers, *whole):
            if not isinstance(one, bool):
                fail("an answer is True or False", f"{who} answered {one!r}", *told)
        if answers != whole:
            text = f"{who}: test gave {answers}, test_batch {whole}"
            fail("a batch answers as its rows", text, *told)

    laws()
