"""Class beside class: ``python -m tests.bench.classes [--only NAME ...] [--json]``.

Every built-in transform, predicate and the JsonConverter: Penstock's batch path against the JVM's
own class in a loop of a Java process of its own, over the same records, by turns. Before anything
is measured both sides must make the same of the records.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from rich.console import Console
from rich.table import Table

from penstock.api import Side
from penstock.data import Batch
from penstock.runtime.plugins import registry
from penstock.runtime.plugins.names import side_of
from tests.bench import measure
from tests.bench.class_cases import CASES, Case
from tests.bench.class_data import (
    TOPIC,
    batches_of,
    digest,
    json_converter,
    shown_batches,
    shown_side,
)
from tests.bench.class_java import JavaLoop, java_loop

WARM_UP_S: Final = 2.5
SAME: Final = "same"
NOT_INSTALLED: Final = "not installed"


@attrs.define
class Outcome:
    """Rates are records a second, 0 where nothing was measured; ``note`` says why."""

    name: str
    penstock: float = 0.0
    jvm: float = 0.0
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times as fast as the JVM."""
        return self.penstock / self.jvm if self.jvm else 0.0


@attrs.frozen
class Work:
    """Our side of a case: one round over all records, and its results as Java shows them."""

    round: Callable[[], object]
    results: Callable[[], Sequence[bytes]]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench.classes", description=__doc__)
    parser.add_argument("--only", nargs="*", metavar="NAME", help="a class or a case, as listed")
    parser.add_argument("--rows", type=int, default=1000, help="records of a batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each side a round")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--list", action="store_true", help="name the cases")
    return parser.parse_args()


def chosen(only: Sequence[str] | None) -> list[Case]:
    if not only:
        return list(CASES.values())
    cases = [c for c in CASES.values() if c.name in only or c.name.split(":")[0] in only]
    if not cases:
        raise SystemExit(f"no case is named {' or '.join(only)}; see --list")
    return cases


def _made(kind: str, case: Case) -> Any | None:
    """Return the opened plugin, or None when it is not there (yet)."""
    try:
        cls = registry().load(kind, case.plugin)
        plugin = cls(cls.config_spec().parse(dict(case.config)))
    except Exception as problem:  # noqa: BLE001 - what does not load is listed, not measured
        print(f"{case.name}: {problem}", file=sys.stderr)
        return None
    if kind == "transforms" and cls.sided:
        plugin.side = side_of(case.plugin) or Side.VALUE
    plugin.open()
    return plugin


def _transform_work(case: Case, rows: int) -> Work | None:
    plugin = _made("transforms", case)
    if plugin is None:
        return None
    batches = batches_of(case.dataset, rows)

    def after() -> list[Batch]:
        changed = [plugin.apply_batch(batch) for batch in batches]
        return [
            one for result in changed for one in ([result] if isinstance(result, Batch) else result)
        ]

    return Work(after, lambda: shown_batches(after(), rows))


def _predicate_work(case: Case, rows: int) -> Work | None:
    plugin = _made("predicates", case)
    if plugin is None:
        return None
    batches = batches_of(case.dataset, rows)

    def results() -> list[bytes]:
        shown = [b""] * rows
        for batch in batches:
            answers = plugin.test_batch(batch)
            every = [answers] * len(batch) if isinstance(answers, bool) else answers
            for row, answer in zip(batch.rows, every, strict=True):
                shown[row] = b"true" if answer else b"false"
        return shown

    return Work(lambda: [plugin.test_batch(batch) for batch in batches], results)


def _json_work(case: Case, rows: int) -> Work:
    converter = json_converter(schemas=case.config["schemas.enable"] == "true")
    (batch,) = batches_of(case.dataset, rows)

    def written() -> Sequence[bytes | None]:
        return converter.from_connect_batch(TOPIC, batch.value_schema, batch.values)

    if case.kind == "write":
        return Work(written, lambda: [one or b"-" for one in written()])
    data = written()

    def shown() -> list[bytes]:
        decoded = converter.to_connect_batch(TOPIC, data)
        return [shown_side(decoded.schema, value).encode() for value in decoded.values]

    return Work(lambda: converter.to_connect_batch(TOPIC, data), shown)


def work_of(case: Case, rows: int) -> Work | None:
    if case.kind == "transform":
        return _transform_work(case, rows)
    return _predicate_work(case, rows) if case.kind == "predicate" else _json_work(case, rows)


def our_rate(work: Work, rows: int, seconds: float) -> float:
    began = time.perf_counter()
    end, done, one = began + seconds, 0, work.round
    while time.perf_counter() < end:
        one()
        done += rows
    return done / (time.perf_counter() - began)


def compare(case: Case, java: JavaLoop, rows: int, rounds: int, seconds: float) -> Outcome:
    expected = java.prepare(case, rows)
    work = work_of(case, rows)
    if work is None:
        return Outcome(case.name, note=NOT_INSTALLED)
    note = SAME if digest(work.results()) == expected else "DIFFERS from the JVM"
    java.run(case.name, WARM_UP_S)
    our_rate(work, rows, min(WARM_UP_S, seconds))
    found = [(our_rate(work, rows, seconds), java.run(case.name, seconds)) for _ in range(rounds)]
    ours, theirs = zip(*found, strict=True)
    return Outcome(case.name, measure.median(ours), measure.median(theirs), note)


def shown(outcomes: Sequence[Outcome]) -> None:
    header = ("case", "Penstock", "JVM", "ratio", "results")
    rows = [
        (o.name, _rate(o.penstock), _rate(o.jvm), f"{o.ratio:.2f}" if o.jvm else "-", o.note)
        for o in outcomes
    ]
    console = Console()
    if not console.is_terminal:
        for row in (header, *rows):
            print("{:34} {:>9} {:>9} {:>6}  {}".format(*row))
        return
    table = Table(*header[:1])
    for name in header[1:4]:
        table.add_column(name, justify="right")
    table.add_column(header[4])
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _rate(records_s: float) -> str:
    return f"{records_s / 1000:,.0f}k/s" if records_s else "-"


def main() -> int:
    options = arguments()
    cases = chosen(options.only)
    if options.list:
        print("\n".join(case.name for case in cases))
        return 0
    outcomes = []
    with (
        tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder,
        java_loop(Path(folder)) as java,
    ):
        for case in cases:
            outcomes.append(compare(case, java, options.rows, options.rounds, options.seconds))
            print(f"  {case.name}: {outcomes[-1].ratio:.2f}", file=sys.stderr, flush=True)
    if options.json:
        rows = [{**attrs.asdict(o), "ratio": o.ratio} for o in outcomes]
        print(json.dumps({"rows": options.rows, "rounds": options.rounds, "cases": rows}))
    else:
        shown(outcomes)
    return int(any(o.note not in {SAME, NOT_INSTALLED} for o in outcomes))


if __name__ == "__main__":
    sys.exit(main())
