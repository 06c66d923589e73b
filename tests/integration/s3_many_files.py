"""A program: one task with many open files, and what memory it takes; prints one JSON object.

``python -m tests.integration.s3_many_files URL FILES ROWS ROUNDS KEY=VALUE ...``: that many rounds
of so many rows to each topic partition, then all files are completed. Memory is PSS in MB.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from tests.integration.s3_doubles import sink

from penstock.data import Batch, Headers, Repeat, Schema, SinkOrigin, Structs, TopicPartition

VALUE = Schema.struct(
    {"id": Schema.INT64, "country": Schema.STRING, "paid": Schema.BOOLEAN, "note": Schema.STRING}
)

COMMITS = 50
"""How often offsets are asked for until all are there; each waits for a while."""


def pss_mb() -> float:
    text = Path("/proc/self/smaps_rollup").read_text()
    line = next(one for one in text.splitlines() if one.startswith("Pss:"))
    return int(line.split()[1]) / 1024


def rows(partition: int, first: int, count: int) -> Batch:
    """Return rows that hardly compress, of about 120 bytes of JSON."""
    ids = range(first, first + count)
    notes = [hashlib.sha256(b"%d-%d" % (partition, i)).hexdigest() for i in ids]
    columns: dict[str, Any] = {
        "id": list(ids),
        "country": ["ch"] * count,
        "paid": [True] * count,
        "note": notes,
    }
    return Batch(
        topic="orders",
        values=Structs(columns, count),
        value_schema=VALUE,
        keys=Repeat(None, count),
        key_schema=None,
        partitions=Repeat(partition, count),
        timestamps=ids,
        headers=Repeat(Headers.EMPTY, count),
        rows=range(count),
        origin=SinkOrigin(topic="orders", partition=partition, offsets=ids),
    )


def main(url: str, files: int, count: int, rounds: int, keys: list[str]) -> None:
    wanted = {TopicPartition("orders", number): rounds * count for number in range(files)}
    given: dict[str, Any] = dict(one.split("=", 1) for one in keys)
    task = sink(url, *wanted, **{"flush_size": "100000000", **given})
    found: dict[str, Any] = {"start": pss_mb()}
    peaks: list[float] = []
    for number in range(rounds):
        for place in wanted:
            task.put_batch(rows(place.partition, number * count, count))
        peaks.append(pss_mb())
    found["open"], found["rounds"] = len(list(Path("/proc/self/fd").iterdir())), peaks
    for files_of in task._files.values():
        cut = files_of.span.end()
        if cut is not None:
            files_of.cut(cut)
    peaks.append(pss_mb())
    found["done"] = any(task.pre_commit(wanted) == wanted for _ in range(COMMITS))
    found["peak"] = max(peaks)
    found["on_disk"] = task._desk.spool.used
    task.stop()
    print(json.dumps(found))


if __name__ == "__main__":
    files, count, rounds = map(int, sys.argv[2:5])
    main(sys.argv[1], files, count, rounds, sys.argv[5:])
