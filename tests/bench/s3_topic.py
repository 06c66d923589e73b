"""From a topic of a real broker through a real standalone worker to S3: what a task writes."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import attrs

from tests.bench import measure, scenarios
from tests.bench.peers import Peer, penstock_worker
from tests.parts.broker import KafkaBroker
from tests.parts.s3 import client, moto_server, objects
from tests.parts.s3_null import NullServer

__all__ = ["CASES", "Case", "against_moto", "against_null"]

ROWS_A_FILE: Final = 100_000
BUCKET: Final = "bench"
TIMEOUT_S: Final = 300.0
_SAMPLE_S: Final = 0.1
_FIELDS: Final = [
    {"type": "int64", "optional": False, "field": "id"},
    {"type": "string", "optional": False, "field": "country"},
    {"type": "double", "optional": False, "field": "amount"},
    {"type": "boolean", "optional": False, "field": "paid"},
    {"type": "string", "optional": True, "field": "comment"},
]
_SCHEMA: Final = json.dumps(
    {"type": "struct", "name": "order", "optional": False, "fields": _FIELDS}, separators=(",", ":")
)
_STRINGS: Final = {"value.converter": scenarios.STRING}
_BARE: Final = {"value.converter": scenarios.JSON, "value.converter.schemas.enable": "false"}
_SCHEMAS: Final = {"value.converter": scenarios.JSON, "value.converter.schemas.enable": "true"}


def _payload(i: int) -> str:
    country, paid = ("ch", "de", "fr")[i % 3], ("false", "true")[i % 2]
    return (
        f'{{"id":{i},"country":"{country}","amount":{i / 4},"paid":{paid},'
        f'"comment":"order number {i} of many"}}'
    )


def _texts(count: int) -> Iterator[bytes]:
    filler = "the quick brown fox jumps over the lazy dog and runs along the penstock to the mill "
    return (f"{n:010d} {filler}".ljust(115, "x").encode() for n in range(count))


def _bare(count: int) -> Iterator[bytes]:
    return (_payload(n).encode() for n in range(count))


def _with_schema(count: int) -> Iterator[bytes]:
    return (f'{{"schema":{_SCHEMA},"payload":{_payload(n)}}}'.encode() for n in range(count))


TOPICS: Final[dict[str, Callable[[int], Iterable[bytes]]]] = {
    "texts": _texts,
    "bare": _bare,
    "schemas": _with_schema,
}


@attrs.frozen
class Case:
    """A topic and what the connector is told."""

    topic: str
    keys: dict[str, str]


_HOURS: Final = {
    "partitioner.class": "hourly",
    "locale": "en",
    "timezone": "UTC",
    "timestamp.extractor": "Record",
}
CASES: Final = {
    "json-texts": Case("texts", {**_STRINGS, "format.class": "json"}),
    "json-bare": Case("bare", {**_BARE, "format.class": "json"}),
    "json-schemas": Case("schemas", {**_SCHEMAS, "format.class": "json"}),
    "gzip-bare": Case("bare", {**_BARE, "format.class": "json", "s3.compression.type": "gzip"}),
    "gzip-schemas": Case(
        "schemas", {**_SCHEMAS, "format.class": "json", "s3.compression.type": "gzip"}
    ),
    "hourly-bare": Case("bare", {**_BARE, "format.class": "json", **_HOURS}),
    "parquet-schemas": Case("schemas", {**_SCHEMAS, "format.class": "parquet"}),
    "avro-schemas": Case("schemas", {**_SCHEMAS, "format.class": "avro"}),
    "csv-schemas": Case("schemas", {**_SCHEMAS, "format.class": "csv"}),
}


@attrs.frozen
class Result:
    """One run of a case; memory is PSS of the worker and all its processes, MB."""

    records_s: float
    cpu_us: float
    peak_mb: float
    growth_mb: float

    def line(self, name: str) -> str:
        """Return what is printed."""
        return (
            f"{name:16} {self.records_s / 1000:6.0f}k records/s, {self.cpu_us:.2f} us of CPU a"
            f" record, peak {self.peak_mb:.0f} MB, last quarter over second"
            f" {self.growth_mb:+.0f} MB"
        )


class _Memory:
    """Samples the memory of a worker until the block ends."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self.samples: list[float] = []
        self._thread = threading.Thread(target=self._sample)

    def _sample(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            self.samples.append(measure.pss_mb(self._pid))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def growth_mb(self) -> float:
        """The median of the last quarter of samples over that of the second."""
        quarter = len(self.samples) // 4
        if not quarter:
            return 0.0
        second, last = self.samples[quarter : 2 * quarter], self.samples[-quarter:]
        return measure.median(last) - measure.median(second)


@attrs.frozen
class _Bench:
    run: scenarios.Run
    peer: Peer
    url: str
    files: Callable[[], int]

    def one(self, name: str, case: Case) -> Result:
        """Run a case from the first record to the last object."""
        connector = scenarios.following(name)
        config = {
            "connector.class": "io.confluent.connect.s3.S3SinkConnector",
            "tasks.max": "1",
            "topics": case.topic,
            "key.converter": scenarios.STRING,
            "s3.bucket.name": BUCKET,
            "s3.region": "us-east-1",
            "store.url": self.url,
            "aws.access.key.id": "test",
            "aws.secret.access.key": "test",
            "flush.size": str(ROWS_A_FILE),
            "topics.dir": connector,
            **case.keys,
        }
        before = self.files()
        self.peer.create(connector, config)
        try:
            with _Memory(self.peer.pid) as memory:
                records_s, cpu_us = self._moved(before, connector)
            self.peer.check(connector)
        finally:
            self.peer.delete(connector)
        return Result(records_s, cpu_us, max(memory.samples, default=0.0), memory.growth_mb)

    def _moved(self, before: int, what: str) -> tuple[float, float]:
        """Return (records/s, us of CPU a record) from the object at a tenth to the last."""

        def count() -> int:
            return (self.files() - before) * ROWS_A_FILE

        total = self.run.lines
        began = measure.wait_until(lambda: count() >= total // 10, TIMEOUT_S, what, step_s=0.005)
        first, cpu = count(), measure.cpu_s(self.peer.pid)
        ended = measure.wait_until(lambda: count() >= total, TIMEOUT_S, what, step_s=0.005)
        rows, used = total - first, measure.cpu_s(self.peer.pid) - cpu
        return rows / (ended - began), used / rows * 1e6


def _against(
    names: list[str], lines: int, url: str, files: Callable[[], int], say: Callable[[str], None]
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="penstock-s3-bench-"))
    with KafkaBroker(heap="1g", jvm_flags=()) as broker:
        broker.open_groups()
        run = scenarios.Run(broker.bootstrap_servers, folder, folder / "none", lines)
        for topic in dict.fromkeys(CASES[name].topic for name in names):
            scenarios.fill(run, topic, TOPICS[topic](lines))
        properties = {
            "bootstrap.servers": run.bootstrap,
            "key.converter": scenarios.STRING,
            "value.converter": scenarios.STRING,
            "offset.flush.interval.ms": "10000",
        }
        with penstock_worker(properties, folder) as peer:
            for name in names:
                result = _Bench(run, peer, url, files).one(name, CASES[name])
                say(result.line(name))


def against_null(
    names: list[str], lines: int, server: NullServer, say: Callable[[str], None]
) -> None:
    """Measure cases against the server that keeps nothing."""
    _against(names, lines, server.url, lambda: server.counts()[0], say)


def against_moto(names: list[str], lines: int, say: Callable[[str], None]) -> None:
    """Measure cases against moto, and look that every record is there once."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-s3-moto-"))
    with moto_server(folder) as url:
        s3 = client(url)
        s3.create_bucket(Bucket=BUCKET)
        _against(names, lines, url, lambda: _count(s3), say)
        for name in names:
            found = objects(s3, BUCKET)
            mine = {key: body for key, body in found.items() if key.startswith(f"{name}-")}
            told = sum(map(_rows, mine.values())) if "json" in name else len(mine) * ROWS_A_FILE
            say(f"{name:16} {len(mine)} objects, {told:,} records")


def _count(s3: Any) -> int:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return sum(int(page.get("KeyCount", 0)) for page in pages)


def _rows(body: bytes) -> int:
    return body.count(b"\n")
