"""What a task's loop runs on: the embedded log, plugins that refuse, and a host's control."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from penstock.api import SinkTask
from penstock.config import NoConfig
from penstock.data import Batch, SinkRecord, TopicPartition
from penstock.errors import BrokerError
from penstock.runtime.broker import Delivery, EncodedBatch
from penstock.runtime.embedded import EmbeddedBroker
from penstock.runtime.model import TaskId
from penstock.runtime.pipeline.chain import Step, TransformChain
from penstock.runtime.pipeline.codec import RecordCodec
from penstock.runtime.pipeline.guard import RowGuard
from penstock.runtime.pipeline.policy import ErrorPolicy
from penstock.runtime.tasks.context import SinkContext
from penstock.runtime.tasks.dead_letters import DeadLetterQueue
from penstock.runtime.tasks.errant import ErrantReporter
from penstock.runtime.tasks.report import FailureReports
from penstock.runtime.tasks.sink import SinkTaskRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "pipeline"))
import pipeline_parts as parts

ID = TaskId("orders", 7)
GROUP = "connect-orders"


class Control:
    """A host's control that stops once ``until`` holds."""

    def __init__(self, until: Callable[[], bool] = lambda: True) -> None:
        self.until = until
        self.sent: list[Any] = []
        self.stop_deadline_s = 5.0
        self.pausing = False
        self.has_lease = True

    @property
    def stopping(self) -> bool:
        return self.until()

    def wait(self, timeout_s: float) -> bool:
        return self.stopping

    def on_change(self, callback: Callable[[], None]) -> None:
        """Nothing here changes from outside."""

    def next_command(self) -> None:
        return None

    def send(self, event: Any) -> None:
        self.sent.append(event)

    def ask(self, request: Any, timeout_s: float) -> Any:
        raise AssertionError("a sink asks for nothing")


class Keeping(SinkTask[NoConfig]):
    """Keeps what it is given; reports what ``wrong`` names."""

    def __init__(self, wrong: str = "errant") -> None:
        super().__init__(NoConfig())
        self.wrong = wrong
        self.kept: list[Any] = []
        self.tickets: list[Any] = []
        self.committed: list[dict[TopicPartition, int]] = []

    def put(self, records: Sequence[SinkRecord]) -> None:
        for record in records:
            if record.value == self.wrong and self.context.errant_record_reporter is not None:
                error = ValueError("not wanted")
                self.tickets.append(self.context.errant_record_reporter.report(record, error))
            else:
                self.kept.append(record.value)

    def pre_commit(self, offsets: Any) -> Any:
        self.committed.append(dict(offsets))
        return offsets


class KeepingBatches(Keeping):
    """The same by batch."""

    def put_batch(self, batch: Batch) -> None:
        for i, value in enumerate(batch.values):
            if value == self.wrong and self.context.errant_record_reporter is not None:
                error = ValueError("not wanted")
                self.tickets.append(self.context.errant_record_reporter.report_row(batch, i, error))
            else:
                self.kept.append(value)


class Stuck:
    """A producer of a broker that takes records and never answers; or refuses them."""

    def __init__(self, refusal: str = "") -> None:
        self.refusal = refusal
        self.sent: list[tuple[int, int, int]] = []
        self.answering = False

    def send(self, batch: EncodedBatch, token: int, start: int = 0) -> int:
        if self.refusal == "send":
            raise BrokerError("too large")
        self.sent.append((token, start, len(batch)))
        return len(batch)

    def poll(self, timeout_s: float) -> Sequence[Delivery]:
        if self.refusal == "delivery" and self.sent:
            token, start, stop = self.sent.pop()
            return [Delivery(token, start, stop, "not enough replicas")]
        if not self.answering:
            return ()
        sent, self.sent = self.sent, []
        return [Delivery(*one) for one in sent]

    def flush(self, timeout_s: float) -> int:
        return len(self.sent)

    def close(self, timeout_s: float) -> None:
        """Holds nothing."""


class Bench:
    """A sink task over the embedded log, with its dead letters in ``dlq``."""

    def __init__(
        self,
        folder: Path,
        task: SinkTask[Any],
        *,
        tolerate: bool = True,
        producer: Any = None,
        context_headers: bool = True,
        steps: Sequence[Step] = (),
    ) -> None:
        self.broker = EmbeddedBroker(f"embedded:{folder / 'log.db'}")
        self.task = task
        self.control = Control()
        self.producer = producer or self.broker.producer({}, client_id="dlq")
        self.letters = DeadLetterQueue(
            "dlq", self.producer, wait=self.control.wait, stopping=lambda: False
        )
        self.count = 0
        reports = FailureReports(
            ID,
            log_errors=False,
            log_messages=False,
            count=self._count,
            letters=self.letters,
            context_headers=context_headers,
        )
        policy = ErrorPolicy(tolerate_all=tolerate)
        guard = RowGuard(policy, reports, self.control.wait, lambda: 0.5)
        none = parts.NONE
        codec = RecordCodec(
            parts.Refusing(none), parts.Refusing(none), parts.RefusingHeader(none), guard
        )
        self.consumer = self.broker.consumer({}, client_id="sink", group_id=GROUP)
        self.context = SinkContext(
            ID, {}, self.control, pause=self.consumer.pause, resume=self.consumer.resume
        )
        self.context.reporter = ErrantReporter(policy, reports, self.letters, codec)
        task.context = self.context
        self.runner = SinkTaskRunner(
            task=task,
            context=self.context,
            chain=TransformChain(steps, guard),
            codec=codec,
            consumer=self.consumer,
            control=self.control,
            topics=["t"],
            max_records=1000,
            flush_interval_s=60,
            flush_timeout_s=0.2,
            letters=self.letters,
        )

    def _count(self) -> None:
        self.count += 1

    def write(self, *values: bytes, **more: Any) -> None:
        producer = self.broker.producer({}, client_id="w")
        producer.send(EncodedBatch("t", list(values), **more), 0)
        producer.flush(5)
        producer.close(0)

    def run(self, until: Callable[[], bool]) -> None:
        self.control.until = until
        self.runner.run()

    def stored(self) -> dict[TopicPartition, int]:
        return dict(self.consumer.committed([TopicPartition("t", 0)], 5))

    def dead(self) -> list[tuple[bytes | None, bytes | None, int, dict[str, bytes | None]]]:
        """Return the dead letters: key, value, timestamp and headers."""
        reader = self.broker.reader({}, client_id="r")
        place = TopicPartition("dlq", 0)
        _, end = reader.bounds("dlq", 5)[0]
        return [
            (
                one.keys[i],
                one.values[i],
                one.timestamps[i],
                dict((one.headers or [()] * len(one))[i]),
            )
            for one in reader.read(place, 0, end, 5)
            for i in range(len(one))
        ]
