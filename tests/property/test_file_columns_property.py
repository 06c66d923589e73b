"""The lines of whole columns equal those of each value alone, whatever the schema."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.data import Schema, Timestamp
from penstock_file._columns import render_column
from penstock_file._render import render_line

TEXTS = st.text(max_size=5)
VALUES: list[tuple[Schema, st.SearchStrategy[Any]]] = [
    (Schema.STRING, TEXTS),
    (Schema.INT32, st.integers(-99, 99)),
    (Schema.BOOLEAN, st.booleans()),
    (Schema.FLOAT64, st.floats()),
    (Schema.FLOAT64, st.floats(1e-3, 1e7)),
    (Schema.FLOAT64, st.integers(0, 99_999).map(lambda n: n / 4)),
    (Schema.FLOAT32, st.floats(0.5, 1000, width=32)),
    (Schema.BYTES, st.binary(max_size=3)),
    (Timestamp.SCHEMA, st.integers(0, 2**41).map(Timestamp.from_ms)),
    (Schema.array(Schema.STRING), st.lists(TEXTS, max_size=2)),
    (Schema.map(Schema.STRING, Schema.INT32), st.dictionaries(TEXTS, st.integers(), max_size=2)),
]


@st.composite
def structs(draw: st.DrawFn, depth: int = 1) -> tuple[Schema, st.SearchStrategy[Any]]:
    """Draw a struct's schema, with names that hold what templates use, and values for it."""
    fields: dict[str, Schema] = {}
    values: dict[str, st.SearchStrategy[Any]] = {}
    for number in range(draw(st.integers(1, 4))):
        name = f"{draw(st.sampled_from(['a%', 'b%s', 'c', 'd é']))}{number}"
        nested = depth and draw(st.integers(0, 3)) == 0
        schema, value = draw(structs(depth - 1)) if nested else draw(st.sampled_from(VALUES))
        if draw(st.booleans()):
            schema, value = schema.as_optional(), st.one_of(st.none(), value)
        fields[name], values[name] = schema, value
    return Schema.struct(fields), st.fixed_dictionaries(values)


@given(data=st.data())
def test_columns_give_the_lines_of_rows(data: st.DataObject) -> None:
    schema, values = data.draw(structs())
    rows = data.draw(st.lists(values, max_size=6))
    assert render_column(rows, schema) == [render_line(row, schema) for row in rows]
