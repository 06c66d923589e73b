"""1,000 schemas through one chain: what the process of the task needs, over time.

Caches of schemas, of compiled readers and writers and of transforms' layouts are all bounded; were
one not, memory would grow as long as new schemas come, or as long as they change.
"""

from __future__ import annotations

import json
import operator
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import psutil

from tests.bench import measure
from tests.bench.chains import JSONS, SINK_STEPS, chain
from tests.bench.peers import Peer
from tests.bench.scenarios import SINK, Run, counter, fill, following, measured

__all__ = ["SCHEMAS", "memory_over_time"]

SCHEMAS: Final = 1000
RUN_LENGTH: Final = 20
"""Records of one schema in a row, before the next schema comes."""
STEP_S: Final = 0.25


def _values(lines: int) -> Iterator[bytes]:
    prefixes = []
    for number in range(SCHEMAS):
        names = ["city", "customer", "count", "id", "at", f"extra_{number:04d}"]
        kinds = ["string", "string", "int32", "int64", "int64", "string"]
        fields = [
            {"type": kind, "optional": False, "field": name}
            for name, kind in zip(names, kinds, strict=True)
        ]
        schema = {"type": "struct", "name": f"s{number}", "optional": False, "fields": fields}
        prefixes.append('{"schema":' + json.dumps(schema) + ',"payload":')
    for n in range(lines):
        number = n // RUN_LENGTH % SCHEMAS
        yield (
            f'{prefixes[number]}{{"city":"Lyon","customer":"customer","count":{n % 900 + 100},'
            f'"id":{1_000_000_000 + n},"at":{1_700_000_000_000 + n},"extra_{number:04d}":"x"}}}}'
        ).encode()


@attrs.define
class _Watch:
    """Samples the PSS of every process of a tree until it is told to stop."""

    pid: int
    samples: dict[int, list[float]] = attrs.field(factory=dict)
    cpu_s: dict[int, tuple[float, float]] = attrs.field(factory=dict)
    """Of each process at the first sample and at the last."""
    over: threading.Event = attrs.field(factory=threading.Event)

    def run(self) -> None:
        while not self.over.wait(STEP_S):
            for process in [psutil.Process(self.pid), *psutil.Process(self.pid).children(True)]:
                try:
                    times = process.cpu_times()
                    pss = _pss_mb(process.pid)
                except (psutil.NoSuchProcess, OSError):
                    continue
                self.samples.setdefault(process.pid, []).append(pss)
                first, _ = self.cpu_s.setdefault(process.pid, (times.user, times.user))
                self.cpu_s[process.pid] = (first, times.user)

    def busiest(self) -> list[float]:
        """Return the samples of the process that used most CPU: that of the task."""
        return self.samples[max(self.cpu_s, key=lambda pid: -operator.sub(*self.cpu_s[pid]))]


def _pss_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    rows = dict(line.split(":", 1) for line in text.splitlines()[1:])
    return int(rows["Pss"].split()[0]) / 1024


def memory_over_time(run: Run, peer: Peer) -> dict[str, Any]:
    """Return the rate, and the memory of the busiest process after a quarter, half and at the end.

    ``growth_mb`` is from the second quarter of the time to the last, medians of samples.
    """
    if "schemas" not in run.topics:
        run.topics["schemas"] = "loaded-schemas"
        fill(run, run.topics["schemas"], _values(run.lines))
    name = following("sink-schemas")
    out = run.folder / f"{name}.txt"
    config = {
        "connector.class": SINK,
        "tasks.max": "1",
        "file": str(out),
        "topics": run.topics["schemas"],
        **JSONS,
        **chain({key: SINK_STEPS[key] for key in ("ReplaceField$Value", "InsertField$Value")}),
    }
    watch = _Watch(peer.pid)
    thread = threading.Thread(target=watch.run, name="memory")
    thread.start()
    try:
        result = measured(peer, name, config, run.lines, counter(out))
    finally:
        watch.over.set()
        thread.join()
        out.unlink(missing_ok=True)
    found = watch.busiest()
    quarter = max(1, len(found) // 4)
    parts = [measure.median(found[i * quarter : (i + 1) * quarter]) for i in range(4)]
    return {
        "records_s": result.records_s,
        "samples": len(found),
        "quarters_mb": parts,
        "growth_mb": parts[3] - parts[1],
    }
