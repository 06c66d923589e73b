"""The laws of converters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs
from hypothesis import given
from hypothesis import strategies as st

from penstock.api import Converter, HeaderConverter
from penstock.data import Schema
from penstock.testing._batches import columns
from penstock.testing._made import fail, law_settings, name_of, opened, refused
from penstock.testing._same import copied, plain, same
from penstock.testing._schemas import schemas as any_schemas
from penstock.testing._told import column_text, differences, short
from penstock.testing._values import values

__all__ = ["assert_converter_round_trip", "assert_header_converter_round_trip"]

MAX_EXAMPLES: Final = 100
_ROWS_MAX: Final = 4
Pair = tuple[Schema | None, Any]
Normalize = Callable[[Schema | None, Any], Pair]
Schemas = st.SearchStrategy[Schema | None] | st.SearchStrategy[Schema] | st.SearchStrategy[None]


def _as_it_is(schema: Schema | None, value: Any) -> Pair:
    return schema, value


def assert_converter_round_trip(
    converter: Converter[Any] | type[Converter[Any]] | Callable[[], Converter[Any]],
    config: Mapping[str, str] | None = None,
    *,
    schemas: Schemas | None = None,
    is_key: bool = False,
    normalize: Normalize = _as_it_is,
    damaged: bool = True,
    max_examples: int = MAX_EXAMPLES,
) -> None:
    """Check that what a converter writes is what it reads, row by row and as batches.

    The laws: what fits a schema is taken and written as bytes; reading gives the schema and the
    value again; a batch gives what its rows give, both ways; the input is not changed; null, and
    bytes that are not the converter's, are read or refused with a DataError.

    Args:
        converter: a class with its ``config``, an instance, or a function that returns one.
        config: the settings of a class, as texts.
        schemas: of what is written; any by default. None among them stands for no schema.
        is_key: whether keys are converted.
        normalize: what reading gives for a schema and a value, where it is not the same.
        damaged: whether bytes that were cut or changed on their way are read too.
        max_examples: how many columns are tried.

    Raises:
        AssertionError: a law is broken; the smallest column that was found is shown.
        ConfigError: the settings are wrong.
    """
    wanted = any_schemas() if schemas is None else schemas

    @law_settings(max_examples)
    @given(data=st.data())
    def round_trip(data: st.DataObject) -> None:
        schema = data.draw(wanted, label="schema")
        column = data.draw(columns(schema, data.draw(st.integers(1, _ROWS_MAX))), label="values")
        with opened(converter, config, is_key=is_key) as found:
            trial = _Trial(name_of(converter), found, schema, column_text(schema, column))
            written = trial.write(column)
            trial.read(column, written, normalize)
            trial.null()

    @law_settings(max_examples)
    @given(data=st.data())
    def reading(data: st.DataObject) -> None:
        schema = data.draw(wanted, label="schema")
        rows = data.draw(st.lists(values(schema), min_size=1, max_size=3), label="values")
        with opened(converter, config, is_key=is_key) as found:
            written = [found.from_connect_data("t", schema, row) for row in rows]
            received = data.draw(_damaged(written), label="bytes")
            trial = _Trial(name_of(converter), found, schema, f"bytes {short(received)}")
            trial.read_batch(received, [trial.read_row(one) for one in received])

    round_trip()
    if damaged:
        reading()


@st.composite
def _damaged(draw: st.DrawFn, written: Sequence[bytes | None]) -> list[bytes | None]:
    """Bytes of which one row was cut, changed or exchanged."""
    received = list(written)
    victim = draw(st.integers(0, len(received) - 1))
    good = received[victim] or b""
    at, cut = draw(st.integers(0, len(good))), draw(st.integers(0, 4))
    patch = draw(st.one_of(st.just(b""), st.binary(max_size=3), st.sampled_from([b"\xff", b"\0"])))
    received[victim] = draw(
        st.one_of(st.just(good[:at] + patch + good[at + cut :]), st.binary(max_size=12), st.none())
    )
    return received


@attrs.frozen
class _Trial:
    """One converter's trial with one column; ``told`` shows the column."""

    who: str
    converter: Converter[Any]
    schema: Schema | None
    told: str

    def write(self, column: Sequence[Any]) -> list[bytes | None]:
        """Write the column by row and as a batch."""
        before = copied(list(column))
        written = []
        for row in column:
            data = self._taken(short(row), self.converter.from_connect_data, row)
            if not (data is None or isinstance(data, bytes)):
                fail("what is written are bytes", f"{self.who} wrote {data!r}", f"of {self.told}")
            written.append(data)
        self._unchanged(before, column, "from_connect_data")
        together = list(self._taken("the batch", self.converter.from_connect_batch, column))
        self._unchanged(before, column, "from_connect_batch")
        if not same(written, together):
            text = differences(written, together, word=" by row, as a batch ")
            fail("a batch gives what its rows give", f"{self.who} wrote {text}", f"of {self.told}")
        return written

    def _unchanged(self, before: list[Any], column: Sequence[Any], method: str) -> None:
        if not same(before, list(column)):
            text = differences(before, list(column), word=" became ")
            fail("input not mutated", f"{self.who}.{method} changed {text}", f"of {self.told}")

    def _taken(self, what: str, write: Callable[..., Any], given_value: Any) -> Any:
        who = f"{self.who}, given {what},"
        found, error = refused(who, [f"of {self.told}"], write, "t", self.schema, given_value)
        if error is not None:
            text = f"{self.who} refused {what}: {error}"
            fail("what fits is taken", text, f"of {self.told}")
        return found

    def read(
        self, column: Sequence[Any], written: Sequence[bytes | None], normalize: Normalize
    ) -> None:
        """Read what was written by row and as a batch."""
        read = [self.read_row(one) for one in written]
        for row, data, (found, error) in zip(column, written, read, strict=True):
            if error is not None:
                fail(
                    "what is written is read",
                    f"{self.who} refused its own {short(data)}: {error}",
                    f"of {self.told}",
                )
            expected = normalize(self.schema, row)
            _agree(self.who, expected, found, f"written as {short(data)}", f"of {self.told}")
        self.read_batch(written, read)

    def read_row(self, data: bytes | None) -> tuple[Any, Exception | None]:
        """Read one row's bytes; return the pair, or what refused it."""
        what = f"{self.who}, reading {short(data)},"
        return refused(what, [f"of {self.told}"], self.converter.to_connect_data, "t", data)

    def read_batch(
        self, data: Sequence[bytes | None], read: Sequence[tuple[Any, Exception | None]]
    ) -> None:
        """Check that the batch of bytes gives what its rows gave."""
        law = "a batch gives what its rows give"
        what, told = f"{self.who}, reading the batch,", f"of {self.told}"
        decoded, refusal = refused(what, [told], self.converter.to_connect_batch, "t", list(data))
        failed = [i for i, (_, error) in enumerate(read) if error is not None]
        if refusal is not None:
            if not failed:
                fail(
                    law, f"{self.who} refused the batch, not its rows: {refusal}", f"of {self.told}"
                )
            return
        unread = set(decoded.unread)
        for i, (pair, error) in enumerate(read):
            if i in unread:
                continue
            if error is not None:
                fail(law, f"{self.who} refused row {i}, not the batch: {error}", f"of {self.told}")
            schema = decoded.schema if decoded.schemas is None else decoded.schemas[i]
            found = (schema, decoded.values[i])
            if not _alike(pair, found):
                text = _unlike(pair, found, " by row, as a batch ")
                fail(law, f"{self.who} read row {i}: {text}", f"of {self.told}")

    def _written(self, schema: Schema | None, column: Sequence[Any]) -> list[bytes | None]:
        return list(self.converter.from_connect_batch("t", schema, column))

    def null(self) -> None:
        """Write a null, which a transform may make of anything, and read a tombstone."""
        for schema in {None, None if self.schema is None else self.schema.as_optional()}:
            what, two = f"{self.who}, given null,", [None, None]
            by_row = refused(what, [], self.converter.from_connect_data, "t", schema, None)
            batch = refused(what, [], self._written, schema, two)
            refuses = [error is not None for _, error in (by_row, batch)]
            if refuses[0] != refuses[1] or (not any(refuses) and batch[0] != [by_row[0]] * 2):
                text = f"{self.who} wrote nulls as {by_row} by row, as {batch} as a batch"
                fail("a batch gives what its rows give", text, f"of {self.told}")
        self.read_batch([None, None], [self.read_row(None)] * 2)


def _alike(one: Pair, other: Pair) -> bool:
    return one[0] == other[0] and same(plain(one[1], one[0]), plain(other[1], other[0]))


def _unlike(one: Pair, other: Pair, word: str) -> str:
    if one[0] != other[0]:
        return f"schema: {short(one[0])}{word}{short(other[0])}"
    return differences(plain(one[1], one[0]), plain(other[1], one[0]), word=word)


def _agree(who: str, expected: Pair, found: Pair, *told: str) -> None:
    if not _alike(expected, found):
        text = _unlike(expected, found, " came back as ")
        fail("what is written is read", f"{who}: {text}", *told)


def assert_header_converter_round_trip(
    converter: (
        HeaderConverter[Any] | type[HeaderConverter[Any]] | Callable[[], HeaderConverter[Any]]
    ),
    config: Mapping[str, str] | None = None,
    *,
    schemas: Schemas | None = None,
    normalize: Normalize = _as_it_is,
    damaged: bool = True,
    max_examples: int = MAX_EXAMPLES,
) -> None:
    """Check that what a header converter writes is what it reads.

    Arguments and laws are those of :func:`assert_converter_round_trip`; there are no batches.
    """
    wanted = any_schemas(max_depth=0) if schemas is None else schemas
    who = name_of(converter)

    @law_settings(max_examples)
    @given(data=st.data())
    def laws(data: st.DataObject) -> None:
        schema = data.draw(wanted, label="schema")
        value = data.draw(values(schema), label="value")
        told = f"of {column_text(schema, [value])}"
        before = copied(value)
        with opened(converter, config) as found:
            written, error = refused(
                f"{who}, writing,", [told], found.from_connect_header, "t", "h", schema, value
            )
            if error is not None:
                fail("what fits is taken", f"{who} refused {short(value)}: {error}", told)
            if not (written is None or isinstance(written, bytes)):
                fail("what is written are bytes", f"{who} wrote {written!r}", told)
            if not same(before, value):
                text = differences(before, value, word=" became ")
                fail("input not mutated", f"{who}.from_connect_header changed {text}", told)
            read, error = refused(
                f"{who}, reading,", [told], found.to_connect_header, "t", "h", written
            )
            if error is not None:
                text = f"{who} refused its own {short(written)}: {error}"
                fail("what is written is read", text, told)
            _agree(who, normalize(schema, value), read, f"written as {short(written)}", told)
            if damaged:
                (received,) = data.draw(_damaged([written]), label="bytes")
                what = f"{who}, reading {short(received)},"
                refused(what, [], found.to_connect_header, "t", "h", received)
            refused(f"{who}, given null,", [], found.from_connect_header, "t", "h", None, None)

    laws()
