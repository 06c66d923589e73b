"""What one S3 sink task writes: ``python -m tests.bench.s3 [task|topic|moto] [NAME ...]``.

``task``: batches of 1,000 rows, as the runtime gives them, go into a task and from there to a
server that counts bytes and keeps none, in a process of its own; names are formats. ``topic``: from
a topic of a real broker through a standalone worker to the same server; names are cases of
``s3_topic``. ``moto``: the same to moto, whose objects are counted in the end.
"""

from __future__ import annotations

import argparse
import resource
import threading
import time
from typing import Any, Final

from penstock.data import Batch, Headers, Repeat, Schema, SinkOrigin, Structs, TopicPartition
from penstock_s3 import S3SinkConnector, S3SinkTask
from tests.bench.s3_topic import CASES, against_moto, against_null
from tests.parts.s3_null import NullServer, null_server

RECORDS: Final = 1_000_000
ROWS: Final = 1_000
PLACE: Final = TopicPartition("orders", 0)
ORDER: Final = Schema.struct(
    {"id": Schema.INT64, "country": Schema.STRING, "amount": Schema.FLOAT64, "paid": Schema.BOOLEAN}
)


class _Context:
    connector, task, stopping, errant_record_reporter = "s3", 0, False, None

    def __init__(self, raw: dict[str, str]) -> None:
        self.raw_config = raw
        self._never = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        return self._never.wait(timeout_s)

    def retry_after(self, timeout_ms: int) -> None:
        raise AssertionError("the server refuses nothing")


def _batch(first: int) -> Batch:
    ids = list(range(first, first + ROWS))
    columns: dict[str, Any] = {
        "id": ids,
        "country": ["ch" if i % 2 else "de" for i in ids],
        "amount": [i / 4 for i in ids],
        "paid": [i % 3 == 0 for i in ids],
    }
    return Batch(
        topic="orders",
        values=Structs(columns, ROWS),
        value_schema=ORDER,
        keys=Repeat(None, ROWS),
        key_schema=None,
        partitions=Repeat(0, ROWS),
        timestamps=ids,
        headers=Repeat(Headers.EMPTY, ROWS),
        rows=range(ROWS),
        origin=SinkOrigin(topic="orders", partition=0, offsets=range(first, first + ROWS)),
    )


def measure(url: str, format_class: str) -> None:
    """Print records a second and CPU a record of one format."""
    raw = {
        "s3.bucket.name": "b",
        "store.url": url,
        "aws.access.key.id": "a",
        "aws.secret.access.key": "b",
        "flush.size": "100000",
        "format.class": format_class,
    }
    task = S3SinkTask(S3SinkConnector.config_spec().parse(raw))
    context: Any = _Context(raw)
    task.context = context
    task.start()
    task.partitions_assigned([PLACE])
    batches = [_batch(first) for first in range(0, RECORDS, ROWS)]
    used, began_s = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    for batch in batches:
        task.put_batch(batch)
    if task.pre_commit({PLACE: RECORDS}) != {PLACE: RECORDS}:
        raise AssertionError("not everything was written")
    took_s, now = time.perf_counter() - began_s, resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    task.stop()
    rate, each = RECORDS / took_s, cpu_s / RECORDS * 1e6
    print(f"{format_class}: {rate:,.0f} records/s, {each:.2f} us of CPU a record")


def _say(text: str) -> None:
    print(text, flush=True)


def _limits(server: NullServer) -> None:
    for size in (10_000, 10_000_000):
        requests_s, mb_s = server.limit(size)
        _say(f"null server: {requests_s:,.0f} requests/s of {size:,} bytes, {mb_s:,.0f} MB/s")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="tests.bench.s3", description=__doc__)
    parser.add_argument("what", nargs="?", default="topic", choices=("task", "topic", "moto"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--lines", type=int, default=RECORDS)
    options = parser.parse_args()
    if options.what == "moto":
        against_moto(options.names or ["json-bare", "parquet-schemas"], options.lines, _say)
        return
    with null_server() as server:
        _limits(server)
        if options.what == "topic":
            against_null(options.names or list(CASES), options.lines, server, _say)
            return
        for name in options.names or ["json", "parquet", "avro", "csv"]:
            measure(server.url, name)


if __name__ == "__main__":
    main()
