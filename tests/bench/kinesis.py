"""What one Kinesis task reads: ``python -m tests.bench.kinesis [stub|local] ...``.

``stub`` answers every read at once with ready bytes, so that the source alone is measured; what
it gives to a loop that parses nothing, and to one of bare boto3, is told beside. ``local`` is
kinesis-local, with its own limit. ``shards`` reads 300 shards that get few records, ``latency``
tells the time from put to poll there, and ``push`` that of fan-out on the tests' stub before moto.
``whole`` is the time through a whole worker into a topic and from there into a file.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from penstock.data import Batch
from penstock_kinesis import KinesisSourceConnector
from tests.parts.kinesis import client, kinesis_local, make_stream, moto_server
from tests.parts.kinesis_push import PushServer
from tests.parts.processes import LOOPBACK
from tests.workers import worker

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
                "SequenceNumber": "49680498560699860993698275950947428608394688@@@@@@%06d",
                "ApproximateArrivalTimestamp": 1795459208.726,
                "Data": base64.b64encode(VALUE).decode(),
                "PartitionKey": "order-%d",
            }
        )
        body = ",".join([template % (n, n) for n in range(RECORDS_A_READ)])
        self.body = f'{{"Records":[{body}],'.encode()

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
        following = f'"NextShardIterator":"{shard}/{read + 1}","MillisBehindLatest":1000}}'
        return self.body.replace(b"@@@@@@", b"%06d" % read) + following.encode()


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

    def gauge(self, name: str, value: float) -> None:
        """Figures are for those who run it."""

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


@contextlib.contextmanager
def stub(shards: int) -> Iterator[str]:
    """Run the stub in a process of its own, and give its address."""
    command = [sys.executable, "-m", "tests.bench.kinesis", "serve", str(shards)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://{LOOPBACK}:{process.stdout.readline().strip()}"
        process.communicate()


def with_stub(shards: int) -> None:
    """Measure against the stub, and what the stub gives to others."""
    with stub(shards) as url:
        rate(KEYS | {"stream": "s", "endpoint": url}, f"stub, {shards} shards")
        ask = json.dumps({"ShardIterator": "shardId-000000000000/1"})
        headers = {"X-Amz-Target": "Kinesis_20131202.GetRecords"}
        with contextlib.closing(http.client.HTTPConnection(urlsplit(url).netloc)) as bare:

            def fetched() -> None:
                bare.request("POST", "/", ask, headers)
                bare.getresponse().read()

            tell("stub read bare, nothing parsed", fetched)
        kinesis = client(url)
        tell(
            "stub read by a loop of boto3",
            lambda: kinesis.get_records(ShardIterator="shardId-000000000000/1"),
        )


def tell(what: str, read: Callable[[], Any]) -> None:
    """Print records a second of a loop in one thread."""
    began_s, reads = time.monotonic(), 0
    while time.monotonic() - began_s < SECONDS / 2:
        read()
        reads += 1
    took_s = time.monotonic() - began_s
    print(f"{what}: {reads * RECORDS_A_READ / took_s:,.0f} records/s", flush=True)


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
        iterator = kinesis.get_shard_iterator(
            StreamName="s", ShardId="shardId-000000000000", ShardIteratorType="LATEST"
        )["ShardIterator"]
        began_s = time.monotonic()
        for _ in range(500):
            kinesis.get_records(ShardIterator=iterator)
        took_s = time.monotonic() - began_s
        print(f"kinesis-local, empty reads of a loop of boto3: {500 / took_s:,.0f} reads/s")


def latency(folder: Path) -> None:
    """Print the time from put to poll at the default poll interval, of few shards and of 300."""
    with kinesis_local(folder) as url:
        kinesis = client(url)
        for shards in (4, 300):
            name = f"s{shards}"
            make_stream(kinesis, name, shards)
            raw = KEYS | {"stream": name, "endpoint": url}
            put_to_poll(kinesis, raw, f"kinesis-local, {shards} shards")


def push(folder: Path) -> None:
    """Print the time from put to poll of fan-out, and of polling, on the tests' stub."""
    with moto_server(folder) as moto, contextlib.closing(PushServer(moto)) as server:
        kinesis = client(moto)
        make_stream(kinesis, "s", 2)
        raw = KEYS | {"stream": "s", "endpoint": server.url, "position": "LATEST"}
        put_to_poll(kinesis, raw, "moto, 2 shards, polled")
        put_to_poll(kinesis, raw | {"kinesis.fan.out": "true"}, "stub of fan-out, 2 shards")


def whole(folder: Path) -> None:
    """Print the time from put to a file: a worker with the embedded log, a source and a sink."""
    with moto_server(folder) as moto, contextlib.closing(PushServer(moto)) as server:
        kinesis = client(moto)
        for how in ("false", "true"):
            make_stream(kinesis, f"s{how}", 2)
            raw = KEYS | {"stream": f"s{how}", "endpoint": server.url, "kinesis.fan.out": how}
            raw |= {"connector.class": "KinesisSource", "value.format": "string"}
            out = folder / f"out-{how}.txt"
            sink = {"connector.class": "FileStreamSink", "file": str(out), "topics": "t"}
            home = folder / how
            home.mkdir()
            with worker(f"embedded:{home / 'log.db'}", home) as running:
                running.put("source", raw)
                running.put("sink", sink)
                put_to_file(kinesis, f"s{how}", out, f"fan-out {how}")


def put_to_file(kinesis: Any, stream: str, out: Path, what: str) -> None:
    """Print the time from put to a line of a sink's file."""
    took: list[float] = []
    for n in range(60):
        text = f"{n} {time.time()}"
        kinesis.put_record(StreamName=stream, Data=text.encode(), PartitionKey=f"k{n}")
        while not (out.exists() and text in out.read_text()):
            time.sleep(0.002)
        if n >= 10:  # the first ones wait until all has come up
            took.append(time.time() - float(text.split()[1]))
    ranked = sorted(took)
    print(
        f"{what}: put to topic to file median {statistics.median(took) * 1000:.0f} ms, "
        f"95th {ranked[47] * 1000:.0f} ms",
        flush=True,
    )


def put_to_poll(kinesis: Any, raw: dict[str, str], what: str) -> None:
    """Print the time from put to poll of 100 records that are put at odd moments."""
    stop = threading.Event()

    def puts() -> None:
        stop.wait(4)  # until the task runs: its start is not what is measured
        for n in range(100):
            kinesis.put_record(
                StreamName=raw["stream"], Data=str(time.time()).encode(), PartitionKey=f"k{n}"
            )
            stop.wait(0.037)

    took: list[float] = []

    def until(batches: list[Batch]) -> bool:
        now_s = time.time()
        took.extend(now_s - float(value) for batch in batches for value in batch.values)
        batches.clear()
        return len(took) >= 100

    thread = threading.Thread(target=puts)
    thread.start()
    run(raw, until)
    thread.join()
    ranked = sorted(took)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{what}: put to poll median {statistics.median(took) * 1000:.0f} ms, "
        f"95th {ranked[94] * 1000:.0f} ms, most {ranked[-1] * 1000:.0f} ms, "
        f"peak memory {peak} MiB",
        flush=True,
    )


def main() -> None:
    parts: dict[str, Callable[[Path], None]] = {
        "local": local,
        "shards": shards,
        "latency": latency,
        "push": push,
        "whole": whole,
    }
    parser = argparse.ArgumentParser(prog="tests.bench.kinesis", description=__doc__)
    parser.add_argument("what", nargs="*", default=["stub", *parts])
    given = parser.parse_args().what
    if given[0] == "serve":
        serve(int(given[1]))
        return
    for what in given:
        with tempfile.TemporaryDirectory() as folder:
            if what == "stub":
                with_stub(16)
                with stub(300) as url:
                    rate(KEYS | {"stream": "s", "endpoint": url}, "stub, 300 shards")
            else:
                parts[what](Path(folder))


if __name__ == "__main__":
    main()
