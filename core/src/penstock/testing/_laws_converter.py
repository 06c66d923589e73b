"""The laws of converters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from penstock.api import Converter, HeaderConverter
from penstock.data import Schema
from penstock.errors import PenstockError
from penstock.testing._made import copied, fail, law_settings, made, plain, same
from penstock.testing._schemas import schemas as any_schemas
from penstock.testing._values import values

__all__ = ["assert_converter_round_trip", "assert_header_converter_round_trip"]

MAX_EXAMPLES: Final = 100
Pair = tuple[Schema | None, Any]
Normalize = Callable[[Schema | None, Any], Pair]


def _as_it_is(schema: Schema | None, value: Any) -> Pair:
    return schema, value


def assert_converter_round_trip(
    converter: Converter[Any] | type[Converter[Any]],
    config: Mapping[str, str] | None = None,
    *,
    schemas: st.SearchStrategy[Schema | None] | None = None,
    is_key: bool = False,
    normalize: Normalize = _as_it_is,
    max_examples: int = MAX_EXAMPLES,
) -> None:
    """Check that what a converter writes is what it reads, row by row and as batches.

    The laws: writing and reading gives the schema and the value again; a batch gives what its
    rows give, both ways; null goes through; the input is not changed; nothing but a DataError is
    raised, and none for the schemas given.

    Args:
        converter: an instance, or a class with its ``config``.
        config: the settings of a class, as texts.
        schemas: of what is written; any by default. None among them stands for no schema.
        is_key: whether keys are converted.
        normalize: what reading gives for a schema and a value, where it is not the same.
        max_examples: how many columns are tried.

    Raises:
        AssertionError: a law is broken; the smallest column that was found is shown.
    """

    @law_settings(max_examples)
    @given(data=st.data())
    def laws(data: st.DataObject) -> None:
        opened: Converter[Any] = made(converter, config)
        opened.is_key = is_key
        schema = data.draw(any_schemas() if schemas is None else schemas, label="schema")
        rows = data.draw(st.lists(values(schema), min_size=1, max_size=4), label="values")
        before = copied(rows)
        written = [_write(opened, schema, row) for row in rows]
        if not same(plain(before), plain(rows)):
            fail("input not mutated", f"writing changed {before} to {rows}")
        together = _guarded(lambda: list(opened.from_connect_batch("t", schema, rows)), "batch")
        if together != written:
            fail("a batch gives what its rows give", f"{written} by row, {together} as a batch")
        if not same(plain(before), plain(rows)):
            fail("input not mutated", f"writing a batch changed {before} to {rows}")
        _read_back(opened, schema, rows, written, normalize)

    laws()


def _guarded(call: Callable[[], Any], what: str) -> Any:
    try:
        return call()
    except PenstockError as error:
        fail("what fits is taken", f"{what} was refused: {error}")
    except Exception as error:  # noqa: BLE001 - told as the broken law that it is
        fail("errors are DataErrors", f"{what} raised {error!r}")


def _write(opened: Converter[Any], schema: Schema | None, value: Any) -> bytes | None:
    found: bytes | None = _guarded(
        lambda: opened.from_connect_data("t", schema, value), f"{value!r} of {schema}"
    )
    return found


def _read(opened: Converter[Any], data: bytes | None) -> Any:
    return _guarded(lambda: opened.to_connect_data("t", data), f"reading {data!r}")


def _read_back(
    opened: Converter[Any],
    schema: Schema | None,
    rows: Sequence[Any],
    written: Sequence[bytes | None],
    normalize: Normalize,
) -> None:
    read = [_read(opened, one) for one in written]
    for row, found in zip(rows, read, strict=True):
        expected = normalize(schema, row)
        agree = found[0] == expected[0] and same(plain(found[1]), plain(expected[1]))
        if not agree:
            fail("what is written is read", f"{expected} was written, {found} read")
    decoded = _guarded(lambda: opened.to_connect_batch("t", list(written)), "reading a batch")
    for i, found in enumerate(read):
        shown = decoded.schema if decoded.schemas is None else decoded.schemas[i]
        if i in decoded.unread:
            continue
        if shown != found[0] or not same(plain(decoded.values[i]), plain(found[1])):
            fail(
                "a batch gives what its rows give",
                f"row {i}: {found} by row, {(shown, decoded.values[i])} as a batch",
            )


def assert_header_converter_round_trip(
    converter: HeaderConverter[Any] | type[HeaderConverter[Any]],
    config: Mapping[str, str] | None = None,
    *,
    schemas: st.SearchStrategy[Schema | None] | None = None,
    normalize: Normalize = _as_it_is,
    max_examples: int = MAX_EXAMPLES,
) -> None:
    """Check that what a header converter writes is what it reads; see the converter's law."""

    @law_settings(max_examples)
    @given(data=st.data())
    def laws(data: st.DataObject) -> None:
        opened: HeaderConverter[Any] = made(converter, config)
        schema = data.draw(any_schemas(max_depth=0) if schemas is None else schemas, label="schema")
        value = data.draw(values(schema), label="value")
        before = copied(value)
        written = _guarded(
            lambda: opened.from_connect_header("t", "h", schema, value), f"{value!r} of {schema}"
        )
        if not same(plain(before), plain(value)):
            fail("input not mutated", f"writing changed {before} to {value}")
        found = _guarded(
            lambda: opened.to_connect_header("t", "h", written), f"reading {written!r}"
        )
        expected = normalize(schema, value)
        if found[0] != expected[0] or not same(plain(found[1]), plain(expected[1])):
            fail("what is written is read", f"{expected} was written, {found} read")

    laws()
