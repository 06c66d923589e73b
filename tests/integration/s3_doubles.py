"""The runtime's side of the S3 task, for tests that look at each step."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from penstock.data import Batch, TopicPartition
from penstock_s3 import S3SinkConnector, S3SinkTask

BUCKET = "lake"
P0 = TopicPartition("orders", 0)


class Reporter:
    """Keeps the offsets of bad rows and why."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, str]] = []

    def report_row(self, batch: Batch, i: int, error: BaseException) -> None:
        offsets: Any = batch.origin
        self.rows.append((offsets.offsets[batch.rows[i]], str(error)))


class Context:
    """A sink task's context."""

    connector = "s3"
    task = 0

    def __init__(self, raw: Mapping[str, str], reporter: Reporter | None) -> None:
        self.raw_config = raw
        self.stopping = False
        self.errant_record_reporter = reporter
        self.waited_ms: list[int] = []
        self._never = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        return self._never.wait(timeout_s)

    def retry_after(self, timeout_ms: int) -> None:
        self.waited_ms.append(timeout_ms)


def raw_config(url: str, **keys: str) -> dict[str, str]:
    """Return a configuration; underscores in the keys stand for dots."""
    return {
        "connector.class": "S3Sink",
        "topics": "orders",
        "s3.bucket.name": BUCKET,
        "s3.region": "us-east-1",
        "store.url": url,
        "aws.access.key.id": "test",
        "aws.secret.access.key": "test",
        "s3.retry.backoff.ms": "1",
        "retry.backoff.ms": "10",
        "flush.size": "10",
        **{name.replace("_", "."): text for name, text in keys.items()},
    }


def sink(
    url: str, *places: TopicPartition, reporter: Reporter | None = None, **keys: str
) -> S3SinkTask:
    """Return a started task with partitions, ``orders`` 0 unless told."""
    raw = raw_config(url, **keys)
    task = S3SinkTask(S3SinkConnector.config_spec().parse(raw))
    context: Any = Context(raw, reporter)
    task.context = context
    task.start()
    task.partitions_assigned(list(places) or [P0])
    return task
