"""Columns and batches of many schemas give the lines that rows would, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.data import Batch, Schema, SinkOrigin, SinkRecord
from penstock_file import FileStreamSinkTask
from penstock_file._columns import render_column
from penstock_file._render import render_line

PAIR = Schema.struct({"a": Schema.STRING, "n": Schema.INT64})
MIXED = Schema.struct({"a": Schema.OPTIONAL_STRING, "f": Schema.FLOAT64})


@pytest.mark.parametrize(
    ("values", "schema"),
    [
        ([{"a": "x", "n": 1}, {"a": "é", "n": -2}], PAIR),
        ([{"a": None, "f": 1.0}, {"f": 1e10}], MIXED),
        ([{"a": "x", "n": True}], PAIR),
        ([{}, {}], Schema.struct({})),
        ([None, {"a": "x", "n": 1}], PAIR.as_optional()),
        (["a", None], Schema.OPTIONAL_STRING),
        ([{"k": [1, 2]}], None),
        ([], PAIR),
    ],
)
def test_a_column_gives_the_lines_of_its_rows(values: list[Any], schema: Schema | None) -> None:
    assert render_column(values, schema) == [render_line(value, schema) for value in values]


def test_batches_of_many_schemas_are_written_in_the_order_of_their_rows(tmp_path: Path) -> None:
    schemas = [Schema.struct({f"f{n}": Schema.STRING}) for n in range(3)]
    records = [
        SinkRecord(topic="t", value={f"f{n % 3}": str(n)}, value_schema=schemas[n % 3])
        for n in range(10)
    ]
    origin = SinkOrigin(topic="t", partition=0, offsets=range(10))
    batches = Batch.regroup(origin, range(10), records)
    assert len(batches) == 3
    task = FileStreamSinkTask(
        FileStreamSinkTask.config_spec().parse({"file": str(tmp_path / "out.txt")})
    )
    task.start()
    task.put_batches(batches)
    task.stop()
    lines = (tmp_path / "out.txt").read_text().splitlines()
    assert lines == [f"Struct{{f{n % 3}={n}}}" for n in range(10)]
