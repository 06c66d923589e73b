"""Records of a source that the broker does not take."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.api import SourceTask
from penstock.config import NoConfig
from penstock.data import SourceRecord, TopicPartition
from penstock.errors import BrokerError
from penstock.runtime.embedded import EmbeddedBroker
from penstock.runtime.host.messages import OffsetsStored
from penstock.runtime.pipeline.chain import TransformChain
from penstock.runtime.pipeline.codec import RecordCodec
from penstock.runtime.pipeline.failure import Failure
from penstock.runtime.pipeline.policy import Stage
from penstock.runtime.tasks.report import class_name, message
from penstock.runtime.tasks.source import SourceTaskRunner

sys.path.insert(0, str(Path(__file__).parent))
from task_parts import ID, Control, parts

BAD_TOPIC = "no such name/"


class Polls(SourceTask[NoConfig]):
    """Returns records for these topics, once."""

    def __init__(self, topics: Sequence[str]) -> None:
        super().__init__(NoConfig())
        self.topics = topics
        self.polled = False
        self.told: list[Any] = []

    def poll(self) -> Sequence[SourceRecord] | None:
        if self.polled:
            return None
        self.polled = True
        return [
            SourceRecord(
                topic=topic, value=f"v{i}", source_partition={"f": "x"}, source_offset={"p": i}
            )
            for i, topic in enumerate(self.topics)
        ]

    def commit_record(self, record: SourceRecord) -> None:
        self.told.append(record.source_offset)


class Storing(Control):
    """Keeps the offsets that are stored."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: list[Any] = []

    def ask(self, request: Any, timeout_s: float) -> Any:
        self.stored.extend(request.offsets)
        return OffsetsStored(request.request)


def runner(folder: Path, task: Polls, control: Storing, refused: Any) -> SourceTaskRunner:
    guard = parts.guard(parts.Told())
    none = parts.NONE
    broker = EmbeddedBroker(f"embedded:{folder / 'log.db'}")
    control.until = lambda: task.polled
    return SourceTaskRunner(
        task=task,
        chain=TransformChain([], guard),
        codec=RecordCodec(
            parts.Refusing(none), parts.Refusing(none), parts.RefusingHeader(none), guard
        ),
        producer=broker.producer({}, client_id="p"),
        control=control,
        flush_interval_s=60,
        flush_timeout_s=5,
        refused=refused,
    )


def test_refused_records_are_skipped_told_and_their_offsets_stored(tmp_path: Path) -> None:
    told: list[Failure] = []
    task, control = Polls(["t", BAD_TOPIC, "t", BAD_TOPIC]), Storing()
    one = runner(tmp_path, task, control, told.append)
    one.run()
    one.finish(5)
    assert sorted(offset["p"] for offset in task.told) == [0, 1, 2, 3]
    assert control.stored[-1] == [{"f": "x"}, {"p": 3}]
    assert [(f.stage, f.row.place) for f in told] == [
        (Stage.KAFKA_PRODUCE, "source partition {'f': 'x'} offset {'p': 1}"),
        (Stage.KAFKA_PRODUCE, "source partition {'f': 'x'} offset {'p': 3}"),
    ]
    assert class_name(told[0].plugin) == "org.apache.kafka.connect.runtime.WorkerSourceTask"
    line = message(ID, told[0], whole=True)
    assert "where source record is = SourceRecord(" in line
    assert "'p': 1" in line
    reader = EmbeddedBroker(f"embedded:{tmp_path / 'log.db'}").reader({}, client_id="r")
    (fetched,) = reader.read(TopicPartition("t", 0), 0, 2, 5)
    assert list(fetched.values) == [b"v0", b"v2"]
    assert one.progress.committed == 2


def test_without_tolerance_the_first_refused_record_fails_the_task(tmp_path: Path) -> None:
    task = Polls(["t", BAD_TOPIC])
    with pytest.raises(BrokerError, match="were not stored"):
        runner(tmp_path, task, Storing(), None).run()


class Leased(Storing):
    """Has a lease for some looks at it."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    @property
    def has_lease(self) -> bool:
        self.looks -= 1
        return self.looks >= 0

    @has_lease.setter
    def has_lease(self, value: bool) -> None:
        """The base class says that there is one."""


@pytest.mark.parametrize("looks", [0, 1])
def test_nothing_is_sent_or_stored_without_a_lease(tmp_path: Path, looks: int) -> None:
    """As after minutes of standing still: between the poll and the send, or before the poll."""
    told: list[Failure] = []
    task, control = Polls(["t", "t"]), Leased(looks)
    one = runner(tmp_path, task, control, told.append)
    control.until = lambda: task.polled or control.looks < -3
    one.run()
    one.finish(1)
    one.commit(1)
    assert task.polled is (looks == 1)
    assert control.stored == []
    broker = EmbeddedBroker(f"embedded:{tmp_path / 'log.db'}")
    assert "t" not in broker.admin({}, client_id="a").topics(1)
