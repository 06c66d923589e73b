"""The chain and the codec on whole batches, on mixed ones, and on bad rows."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from typing import Any

import pytest

from penstock.api import Converter, HeaderConverter, Predicate, Transform
from penstock.config import NoConfig
from penstock.data import Batch, Headers, Record, Repeat, Schema, SourceRecord
from penstock.errors import DataError
from penstock.runtime.broker import FetchedBatch
from penstock.runtime.pipeline.chain import Step, TransformChain
from penstock.runtime.pipeline.codec import RecordCodec, in_order
from penstock.runtime.pipeline.failure import Failure, Polled
from penstock.runtime.pipeline.guard import RowGuard
from penstock.runtime.pipeline.policy import ErrorPolicy, Stage, StageError


class Told:
    def __init__(self) -> None:
        self.failures: list[tuple[Stage, str, str]] = []

    def failed(self, failure: Failure) -> None:
        self.failures.append((failure.stage, failure.row.place, str(failure.error)))


def guard(told: Told, *, tolerate: bool) -> RowGuard:
    return RowGuard(ErrorPolicy(tolerate_all=tolerate), told, lambda _: False, lambda: 0.5)


class Upper(Transform[NoConfig]):
    """Refuses the text 'bad'."""

    def apply(self, record: Any) -> Any:
        if record.value == "bad":
            raise DataError("bad text")
        return record.with_value(record.value.upper())


class BySize(Transform[NoConfig]):
    """Sends long texts to another topic and drops empty ones."""

    def apply(self, record: Any) -> Any:
        if not record.value:
            return None
        return record.with_topic("long") if len(record.value) > 2 else record


class IsA(Predicate[NoConfig]):
    def test(self, record: Record) -> bool:
        return bool(record.value == "a")


class Utf8(Converter[NoConfig]):
    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        if value == "unwritable":
            raise DataError("cannot write")
        return None if value is None else str(value).encode()

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        if data == b"unreadable":
            raise DataError("cannot read")
        if data is not None and data.isdigit():
            return Schema.INT64, int(data)
        return Schema.STRING, None if data is None else data.decode()


class HeaderText(HeaderConverter[NoConfig]):
    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        return str(value).encode()

    def to_connect_header(
        self, topic: str, key: str, data: bytes | None
    ) -> tuple[Schema | None, Any]:
        return Schema.STRING, None if data is None else data.decode()


def source(values: Sequence[str | None], **more: Any) -> Batch:
    n = len(values)
    return Batch.source(
        topic="t",
        values=list(values),
        value_schema=Schema.STRING,
        source_partitions=Repeat({"f": "x"}, n),
        source_offsets=[{"p": i} for i in range(n)],
        **more,
    )


def codec(told: Told, *, tolerate: bool = False) -> RecordCodec:
    none = NoConfig()
    return RecordCodec(Utf8(none), Utf8(none), HeaderText(none), guard(told, tolerate=tolerate))


def test_chain_drops_reroutes_and_keeps_each_rows_place() -> None:
    chain = TransformChain(
        [Step("size", BySize(NoConfig())), Step("up", Upper(NoConfig()))],
        guard(Told(), tolerate=False),
    )
    after = chain.apply([source(["a", "", "long one", "b"])])
    assert {b.topic: (list(b.values), list(b.rows)) for b in after} == {
        "t": (["A", "B"], [0, 3]),
        "long": (["LONG ONE"], [2]),
    }


@pytest.mark.parametrize(("negate", "expected"), [(False, ["A", "b"]), (True, ["a", "B"])])
def test_predicate_divides_and_the_codec_restores_the_order(
    negate: bool, expected: list[str]
) -> None:
    told = Told()
    step = Step("up", Upper(NoConfig()), IsA(NoConfig()), negate=negate)
    chain = TransformChain([step], guard(told, tolerate=False))
    coder = codec(told)
    (part,) = in_order([coder.encode(b) for b in chain.apply([source(["a", "b"])])])
    assert [value.decode() for value in part.batch.values if value] == expected
    assert list(part.rows) == [0, 1]


def test_bad_row_fails_the_task_naming_stage_component_and_place() -> None:
    told = Told()
    chain = TransformChain([Step("up", Upper(NoConfig()))], guard(told, tolerate=False))
    with pytest.raises(StageError, match=r"TRANSFORMATION with 'up' \(Upper\).*offset \{'p': 1\}"):
        chain.apply([source(["a", "bad"])])
    assert told.failures[0][0] is Stage.TRANSFORMATION


def test_tolerated_bad_rows_are_told_and_the_others_go_on() -> None:
    told = Told()
    chain = TransformChain([Step("up", Upper(NoConfig()))], guard(told, tolerate=True))
    coder = codec(told, tolerate=True)
    after = chain.apply([source(["a", "bad", "unwritable", "b"])])
    assert [list(b.values) for b in after] == [["A", "UNWRITABLE", "B"]]
    part = coder.encode(source(["a", "unwritable", None]))
    assert part.batch.values == [b"a", None]
    assert list(part.rows) == [0, 2]
    assert [stage for stage, _, _ in told.failures] == [
        Stage.TRANSFORMATION,
        Stage.VALUE_CONVERTER,
    ]


def test_columns_that_are_none_throughout_are_left_out() -> None:
    encoded = codec(Told()).encode(source(["a"])).batch
    assert encoded.keys is None
    assert encoded.headers is None
    assert encoded.timestamps is None
    assert encoded.partitions is None


def test_headers_and_keys_travel_and_merge_in_order() -> None:
    records = [
        SourceRecord(topic="t", value="1", key="k", headers=Headers().add("h", "x")),
        SourceRecord(topic="t", value="2", value_schema=Schema.STRING),
        SourceRecord(topic="t", value="3"),
    ]
    coder = codec(Told())
    (part,) = in_order([coder.encode(batch) for batch in Batch.of_records(records)])
    assert part.batch.values == [b"1", b"2", b"3"]
    assert part.batch.keys == [b"k", None, None]
    assert [list(one) for one in part.batch.headers or ()] == [[("h", b"x")], [], []]
    assert part.rows == [0, 1, 2]


def test_decode_divides_rows_of_different_schema_and_skips_unreadable_ones() -> None:
    told = Told()
    fetched = FetchedBatch(
        topic="t",
        partition=3,
        offsets=[5, 6, 7, 8],
        keys=[None] * 4,
        values=[b"a", b"1", b"unreadable", b"b"],
        timestamps=[1, 2, 3, 4],
    )
    batches = codec(told, tolerate=True).decode(fetched)
    assert [(b.value_schema, list(b.values), list(b.rows)) for b in batches] == [
        (Schema.STRING, ["a", "b"], [0, 3]),
        (Schema.INT64, [1], [1]),
    ]
    assert told.failures == [(Stage.VALUE_CONVERTER, "t-3@7", "cannot read")]
    record = next(iter(batches[0].records()))
    assert (record.original_topic, record.original_partition, record.offset) == ("t", 3, 5)


def test_a_skipped_record_lets_its_batch_go_at_once() -> None:
    """An error that knew its own frame held each batch with a bad row until Python looked."""

    class Forgets:
        def failed(self, failure: Failure) -> None:
            assert failure.error is not None

    class Watched:
        """Stands for all that the frames of a failure hold."""

    def attempt(held: Watched) -> None:
        raise DataError(f"refused {held}")

    held = Watched()
    watch = weakref.ref(held)
    careful = RowGuard(ErrorPolicy(tolerate_all=True), Forgets(), lambda _: False, lambda: 0.5)
    gc.disable()
    try:
        good, _ = careful.run(
            Stage.TRANSFORMATION, held, "x", lambda: Polled(None, 0), lambda one=held: attempt(one)
        )
        del held
        assert (good, watch()) == (False, None)
    finally:
        gc.enable()
