"""What one Kinesis task reads: ``python -m tests.bench.kinesis [stub|local] ...``.

``stub`` answers every read at once with the same records, so that the source alone is measured;
``local`` is kinesis-local, whose own limit is measured beside it. ``shards`` reads hundreds of
shards that get few records, ``latency`` tells the time from put to poll.
"""

from __future__ import annotations

import argparse
import base64
import json
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from penstock.data import Batch
from penstock_kinesis import KinesisSourceConnector
from tests.parts.kinesis import client, kinesis_local, make_stream
from tests.parts.processes import LOOPBACK

SECONDS: Final = 8.0
VALUE: Final = b"x" * 200
RECORDS_A_READ: Final = 5_000
KEYS: Final = {
    "topic": "t",
    "region": "eu-west-1",
    "access.key.id": "test",
    "secret.access.key": "test",
}


class Stub:
    """A server that knows one stream; each read of a shard gives the next canned records.

    Runs in a process of its own (``serve``), so that its work does not count as the source's.
    """

    def __init__(self, shards: int) -> None:
        self.shards = shards
        template = json.dumps(
            {
                "SequenceNumber": "49680498560699860993698275950947428608394688%012d",
                "ApproximateArrivalTimestamp": 1795459208.726,
                "Data": base64.b64encode(VALUE).decode(),
                "PartitionKey": "order-%d",
            }
        )
        self.template = template

    def answer(self, action: str, request: Any) -> bytes:
        if action == "GetRecords":
            shard, _, read = request["ShardIterator"].partition("/")
            return self.records(shard, int(read))
        if action == "GetShardIterator":
            return json.dumps({"ShardIterator": request["ShardId"] + "/1"}).encode()
        if action == "ListShards":
            shards = [
                {
                    "ShardId": f"shardId-{n:012}",
                    "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"},
                    "SequenceNumberRange": {"StartingSequenceNumber": "1"},
                }
                for n in range(self.shards)
            ]
            return json.dumps({"Shards": shards}).encode()
        summary = {
            "StreamName": "s",
            "StreamARN": "arn",
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": 1795459208.0,
            "EnhancedMonitoring": [],
            "OpenShardCount": self.shards,
        }
        return json.dumps({"StreamDescriptionSummary": summary}).encode()

    def records(self, shard: str, read: int) -> bytes:
        first = read * RECORDS_A_READ
        body = ",".join([self.template % (first + n, n) for n in range(RECORDS_A_READ)])
        following = f"{shard}/{read + 1}"
        return (
            f'{{"Records":[{body}],"NextShardIterator":"{following}","MillisBehindLatest":1000}}'
        ).encode()


def serve(shards: int) -> None:
    """Answer until standard input ends; the port is printed."""
    stub = Stub(shards)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = stub.answer(self.headers["X-Amz-Target"].rpartition(".")[2], request)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
            pass

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


class _Context:
    name = connector = "bench"
    task = 0
    stopping = False

    def __init__(self, raw: dict[str, str]) -> None:
        self.raw_config = raw

    def offsets(self, partitions: Any) -> list[None]:
        return [None for _ in partitions]

    def request_task_reconfiguration(self) -> None:
        """The shards stay as they are."""


def run(raw: dict[str, str], until: Callable[[list[Batch]], Any]) -> tuple[list[Batch], float]:
    """Run a connector's only task; return the batches and the CPU seconds taken."""
    connector = KinesisSourceConnector(KinesisSourceConnector.config_spec().parse(raw))
    connector.context = _Context(raw)  # type: ignore[assignment]
    connector.start()
    (config,) = connector.task_configs(1)
    task = KinesisSourceConnector.task_class(KinesisSourceConnector.config_spec().parse(config))
    task.context = _Context(dict(config))  # type: ignore[assignment]
    used = resource.getrusage(resource.RUSAGE_SELF)
    batches: list[Batch] = []
    task.start()
    try:
        while not until(batches):
            batch = task.poll()
            if isinstance(batch, Batch) and len(batch):
                batches.append(batch)
    finally:
        task.stop()
        connector.stop()
    now = resource.getrusage(resource.RUSAGE_SELF)
    return batches, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def rate(raw: dict[str, str], what: str, wanted: int | None = None) -> None:
    """Print records a second of one task, for some seconds or until so many came."""
    total = 0
    seen = 0
    began_s = 0.0

    def until(batches: list[Batch]) -> bool:
        nonlocal total, seen, began_s
        for batch in batches[seen:]:
            began_s = began_s or time.monotonic()
            total += len(batch)
        batches.clear()
        seen = 0
        if wanted is not None:
            return total >= wanted
        return bool(began_s) and time.monotonic() - began_s > SECONDS

    _, cpu_s = run(raw, until)
    took_s = time.monotonic() - began_s
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{what}: {total / took_s:,.0f} records/s, {cpu_s / total * 1e6:.1f} us of CPU a record, "
        f"peak memory {peak} MiB",
        flush=True,
    )


def with_stub(shards: int) -> None:
    """Measure against the stub, in a process of its own."""
    import subprocess  # noqa: PLC0415 - only here

    command = [sys.executable, "-m", "tests.bench.kinesis", "serve", str(shards)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = f"http://{LOOPBACK}:{process.stdout.readline().strip()}"
        rate(KEYS | {"stream": "s", "endpoint": url}, f"stub, {shards} shards")
        process.communicate()


def local(folder: Path) -> None:
    """Measure against kinesis-local, whose own limit is told too."""
    with kinesis_local(folder) as url:
        kinesis = client(url)
        make_stream(kinesis, "s", 8)
        total = 10_000
        for first in range(0, total, 500):
            records = [{"Data": VALUE, "PartitionKey": f"k{n}"} for n in range(first, first + 500)]
            kinesis.put_records(StreamName="s", Records=records)
        raw = KEYS | {"stream": "s", "endpoint": url}
        rate(raw, "kinesis-local, 8 shards", total)
        began_s, read = time.monotonic(), 0
        for shard in kinesis.list_shards(StreamName="s")["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName="s", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while found := (answer := kinesis.get_records(ShardIterator=iterator))["Records"]:
                read += len(found)
                iterator = answer["NextShardIterator"]
        limit = read / (time.monotonic() - began_s)
        print(f"kinesis-local read bare, one shard after the other: {limit:,.0f} records/s")


def shards(folder: Path) -> None:
    """Read 300 shards in one task."""
    with kinesis_local(folder) as url:
        kinesis = client(url)
        make_stream(kinesis, "s", 300)
        for first in range(0, 6_000, 500):
            records = [{"Data": VALUE, "PartitionKey": f"k{n}"} for n in range(first, first + 500)]
            kinesis.put_records(StreamName="s", Records=records)
        rate(KEYS | {"stream": "s", "endpoint": url}, "kinesis-local, 300 shards", 6_000)


def latency(folder: Path) -> None:
    """Print the time from put to poll at the default poll interval."""
    with kinesis_local(folder) as url:
        kinesis = client(url)
        make_stream(kinesis, "s", 4)
        stop = threading.Event()

        def puts() -> None:
            stop.wait(3)  # until the task runs: its start is not what is measured
            for n in range(200):
                kinesis.put_record(
                    StreamName="s", Data=str(time.time()).encode(), PartitionKey=f"k{n}"
                )
                stop.wait(0.037)

        took: list[float] = []

        def until(batches: list[Batch]) -> bool:
            now_s = time.time()
            took.extend(now_s - float(value) for batch in batches for value in batch.values)
            batches.clear()
            return len(took) >= 200

        thread = threading.Thread(target=puts)
        thread.start()
        run(KEYS | {"stream": "s", "endpoint": url}, until)
        thread.join()
        ranked = sorted(took)
        print(
            f"put to poll: median {statistics.median(took) * 1000:.0f} ms, "
            f"99th {ranked[197] * 1000:.0f} ms, most {ranked[-1] * 1000:.0f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.kinesis", description=__doc__)
    parser.add_argument("what", nargs="*", default=["stub", "local", "shards", "latency"])
    given = parser.parse_args().what
    if given[0] == "serve":
        serve(int(given[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        for what in given:
            if what == "stub":
                with_stub(16)
            else:
                {"local": local, "shards": shards, "latency": latency}[what](Path(folder))


if __name__ == "__main__":
    main()
