"""The S3 tutorial, run as it is written but for the addresses."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from tests.parts.processes import port_answers
from tests.parts.tutorial import Reader
from tests.workers import eventually

pytestmark = pytest.mark.integration
MOTO, BUCKET, FILES, VALIDATE, WORKER, LOOK = range(6)


def test_tutorial_is_as_it_is_written(tmp_path: Path) -> None:
    with contextlib.closing(Reader("s3.md", tmp_path)) as reader:
        reader.open_terminal(MOTO)
        eventually(lambda: port_answers(reader.stand_in), 30, "the stand-in answers")
        assert reader.type(BUCKET) == ""
        reader.type(FILES)
        reader.type(VALIDATE)
        reader.open_terminal(WORKER)
        eventually(lambda: "lab-lake" in reader.connectors(), 30, "the sink is made")
        eventually(lambda: "0000000006.json" in reader.type(LOOK), 40, "three objects")
        shown = reader.type(LOOK)
        assert "RUNNING" in shown
        orders = [line for line in shown.splitlines() if '"order"' in line]
        name = "topics/lab-orders/partition=0/lab-orders+0+000000000{}.json"
        assert [line for line in shown.splitlines() if line.startswith("topics/")] == [
            name.format(first) for first in (0, 3, 6)
        ]
        assert len(orders) == len(set(orders)) == 7
