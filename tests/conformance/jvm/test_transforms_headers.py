"""Transforms of headers and of schema metadata beside the Java originals, on generated records."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.api import Side
from penstock.data import Batch, Record, Repeat, Schema, SourceRecord
from penstock.errors import PenstockError
from penstock.runtime.plugins import registry
from tests.conformance.jvm.transform_kit import (
    JAVA,
    NAMES,
    TEXTS,
    java_outcome,
    our_outcomes,
    records,
    shown,
)

pytestmark = pytest.mark.integration

RELAXED = settings(suppress_health_check=list(HealthCheck), deadline=None)
KEYS = st.sampled_from(["h", "other", "a", "", "h "])
LISTS = st.lists(KEYS, max_size=3).map(",".join)
FLAGS = st.fixed_dictionaries(
    {}, optional={"replace.null.with.default": st.sampled_from(["true", "false", "x"])}
)
# How a literal is read is compared with the converter of headers; these are samples.
LITERALS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["", "null", "true", "[1,2,300]", '{"a":1,"b":2}', "1.50", "a b", ' "q" ']),
    st.sampled_from(["2024-01-02", "12:34:56.789Z", "2024-01-02T03:04:05.678Z", "[1", "a:b"]),
)
CONFIGS = st.one_of(
    st.tuples(st.just("DropHeaders"), st.fixed_dictionaries({}, optional={"headers": LISTS})),
    st.tuples(
        st.just("InsertHeader"),
        st.fixed_dictionaries({"header": KEYS}, optional={"value.literal": LITERALS}),
    ),
    st.tuples(
        st.sampled_from(["SetSchemaMetadata$Key", "SetSchemaMetadata$Value"]),
        st.builds(
            lambda own, flags: own | flags,
            st.fixed_dictionaries(
                {},
                optional={
                    "schema.name": st.sampled_from(["N", "S", ""]),
                    "schema.version": st.sampled_from(["1", "-7", "x", "2147483648"]),
                },
            ),
            FLAGS,
        ),
    ),
)
FIELD_LISTS = st.lists(st.sampled_from([*NAMES, "missing"]), min_size=1, max_size=3)


@st.composite
def header_from_configs(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    fields = draw(FIELD_LISTS)
    size = len(fields)
    headers = draw(st.lists(st.sampled_from(["h", "x", "y"]), min_size=size, max_size=size))
    if draw(st.integers(0, 9)) == 0:
        headers = headers[1:]
    name = draw(st.sampled_from(["HeaderFrom$Key", "HeaderFrom$Value"]))
    operation = draw(st.sampled_from(["move", "copy", "move", "copy", "Move"]))
    own = {"fields": ",".join(fields), "headers": ",".join(headers), "operation": operation}
    return name, own | draw(FLAGS)


@RELAXED
@given(case=st.one_of(CONFIGS, header_from_configs()), record=records())
def test_same_as_java_whatever_the_configuration(
    jvm: ModuleType, case: tuple[str, dict[str, str]], record: Record
) -> None:
    name, config = case
    expected = java_outcome(name, config, record)
    by_row, by_batch = our_outcomes(name, config, record)
    assert by_row == expected
    assert by_batch == expected


STRUCT = Schema.struct(
    {
        "a": Schema.INT32.evolve(default=5),
        "b": Schema.STRING.as_optional().evolve(default="d"),
        "c.d": Schema.OPTIONAL_INT64,
    },
    name="S",
    version=3,
    doc="text",
    optional=True,
)
ROWS = st.fixed_dictionaries(
    {},
    optional={
        "a": st.integers(0, 9),
        "b": st.one_of(st.none(), TEXTS),
        "c.d": st.one_of(st.none(), st.integers(0, 9)),
    },
)


@st.composite
def defaulted_records(draw: st.DrawFn) -> Record:
    value = draw(st.one_of(st.none(), ROWS, ROWS))
    return draw(records()).with_value(value, STRUCT)


@RELAXED
@given(
    case=st.one_of(
        st.tuples(
            st.just("SetSchemaMetadata$Value"),
            FLAGS.map(lambda flags: {"schema.name": "N", "schema.version": "7", **flags}),
        ),
        header_from_configs().map(lambda case: ("HeaderFrom$Value", case[1])),
    ),
    record=defaulted_records(),
)
def test_nulls_and_defaults_as_in_java(
    jvm: ModuleType, case: tuple[str, dict[str, str]], record: Record
) -> None:
    name, config = case
    expected = java_outcome(name, config, record)
    by_row, by_batch = our_outcomes(name, config, record)
    assert by_row == expected
    assert by_batch == expected


def _made(name: str, config: dict[str, str]) -> Any:
    cls = registry().load("transforms", JAVA + name)
    transform = cls(cls.config_spec().parse(config))
    transform.side = Side.KEY if name.endswith("$Key") else Side.VALUE
    transform.open()
    return transform


def _all_by_batch(transform: Any, batches: list[Batch]) -> dict[int, Any]:
    found = {}
    for batch in batches:
        changed = transform.apply_batch(batch)
        for one in [changed] if isinstance(changed, Batch) else changed:
            found |= dict(zip(one.rows, map(shown, one.records()), strict=True))
    return found


@RELAXED
@given(
    case=st.one_of(CONFIGS, header_from_configs()),
    rows=st.lists(st.one_of(records(), defaulted_records()), max_size=6),
    repeated=st.booleans(),
)
def test_a_batch_of_many_rows_gives_what_its_rows_give(
    case: tuple[str, dict[str, str]], rows: list[Record], repeated: bool
) -> None:
    name, config = case
    try:
        transform = _made(name, config)
    except PenstockError:
        return
    sources = [
        SourceRecord(
            topic=one.topic,
            key=one.key,
            key_schema=one.key_schema,
            value=one.value,
            value_schema=one.value_schema,
            timestamp=one.timestamp,
            headers=rows[0].headers if repeated else one.headers,
        )
        for one in rows
    ]
    batches = Batch.of_records(sources)
    if repeated:
        batches = [one.with_headers(Repeat(rows[0].headers, len(one))) for one in batches]
    try:
        expected: Any = {i: shown(transform.apply(one)) for i, one in enumerate(sources)}
    except PenstockError:
        expected = "error"
    try:
        found: Any = _all_by_batch(transform, batches)
    except PenstockError:
        found = "error"
    assert found == expected


def test_a_literal_is_read_as_a_whole(jvm: ModuleType) -> None:
    config = {"header": "h", "value.literal": "0,"}
    record = SourceRecord(topic="t")
    assert java_outcome("InsertHeader", config, record)[7] == [("h", Schema.INT8, 0)]
    by_row, by_batch = our_outcomes("InsertHeader", config, record)
    assert by_row == by_batch
    assert by_row[7] == [("h", Schema.STRING, "0,")]
