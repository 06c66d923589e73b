"""What one S3 sink task writes: ``python -m tests.bench.s3 [json] [parquet]``.

Batches of 1,000 rows, as the runtime gives them, go into a task and from there to a server that
counts bytes and keeps none, in a process of its own. Reading the topic is not part of it.
"""

from __future__ import annotations

import asyncio
import re
import resource
import subprocess
import sys
import threading
import time
from typing import Any, Final

from penstock.data import Batch, Headers, Repeat, Schema, SinkOrigin, Structs, TopicPartition
from penstock_s3 import S3SinkConnector, S3SinkTask

RECORDS: Final = 1_000_000
ROWS: Final = 1_000
HEADER_BYTES_MAX: Final = 64 * 1024
PLACE: Final = TopicPartition("orders", 0)
ORDER: Final = Schema.struct(
    {"id": Schema.INT64, "country": Schema.STRING, "amount": Schema.FLOAT64, "paid": Schema.BOOLEAN}
)
_XML: Final = (
    b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        if b"100-continue" in head:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        size = re.search(rb"(?i)content-length: (\d+)", head)
        left = int(size[1]) if size else 0
        while left:
            left -= len(await reader.read(min(left, 1 << 20)))
        body = _XML if head.startswith(b"POST") else b""
        writer.write(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: %d\r\n\r\n' % len(body))
        writer.write(body)


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, limit=HEADER_BYTES_MAX)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


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


def measure(port: str, format_class: str) -> None:
    """Print records a second and CPU a record of one format."""
    raw = {
        "s3.bucket.name": "b",
        "store.url": f"http://127.0.0.1:{port}",
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


def main(formats: list[str]) -> None:
    """Measure the formats named, both by default."""
    if formats == ["serve"]:
        asyncio.run(_serve())
        return
    command = [sys.executable, "-m", "tests.bench.s3", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline().strip() if server.stdout else ""
            for one in formats or ["json", "parquet"]:
                measure(port, one)
        finally:
            server.kill()


if __name__ == "__main__":
    main(sys.argv[1:])
