"""What comparing transforms with the Java originals shares: generated records, both outcomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jpype
from hypothesis import strategies as st

from penstock.api import Side
from penstock.data import (
    Batch,
    Date,
    Decimal,
    Header,
    Headers,
    Record,
    Schema,
    SinkOrigin,
    SinkRecord,
    SourceRecord,
    Structs,
    Timestamp,
    Type,
)
from penstock.errors import ConfigError, PenstockError
from penstock.runtime.plugins import registry
from tests.conformance.jvm.javadata import (
    from_java,
    from_java_schema,
    plain,
    text,
    to_java_record,
)
from tests.parts.jvm_classes import java_class, java_map

JAVA = "org.apache.kafka.connect.transforms."
NAMES = ["a", "b", "c.d", "name"]
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=5)

PRIMITIVES: list[tuple[Schema, st.SearchStrategy[Any]]] = [
    (Schema.STRING, TEXTS),
    (Schema.INT32, st.integers(-(2**31), 2**31 - 1)),
    (Schema.INT64, st.integers(-(2**63), 2**63 - 1)),
    (Schema.BOOLEAN, st.booleans()),
    (Schema.FLOAT64, st.floats(allow_nan=False)),
    (Schema.BYTES, st.binary(max_size=4)),
    (Timestamp.SCHEMA, st.datetimes().map(lambda d: Timestamp.from_ms(Timestamp.to_ms(d)))),
    (Date.SCHEMA, st.dates()),
    (
        Decimal.schema(2),
        st.integers(-999, 999).map(lambda n: __import__("decimal").Decimal(n) / 100),
    ),
]


@st.composite
def schema_and_value(draw: st.DrawFn, depth: int = 2) -> tuple[Schema, Any]:
    """Draw a schema and a value for it: primitives, logical types, structs, with defaults."""
    if depth and draw(st.booleans()):
        names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
        parts = {name: draw(schema_and_value(depth - 1)) for name in names}
        schema = Schema.struct(
            {name: part[0] for name, part in parts.items()},
            name=draw(st.sampled_from([None, "S"])),
            optional=draw(st.booleans()),
        )
        value: Any = {name: part[1] for name, part in parts.items() if part[1] is not None}
        return schema, value
    schema, values = draw(st.sampled_from(PRIMITIVES))
    value = draw(values)
    if draw(st.booleans()):
        schema = schema.as_optional()
        value = draw(st.sampled_from([value, None]))
    if schema.name is None and draw(st.integers(0, 4)) == 0:
        schema = schema.evolve(default=draw(values))
    return schema, value


BARE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), TEXTS),
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
SIDE_VALUES = st.one_of(schema_and_value(), BARE.map(lambda value: (None, value)))


HEADERS = st.lists(
    st.builds(
        lambda key, value: Header(key, value[1], value[0]),
        st.sampled_from(["h", "other", "a"]),
        SIDE_VALUES,
    ),
    max_size=3,
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    key, value = draw(SIDE_VALUES), draw(SIDE_VALUES)
    common = {
        "topic": draw(st.sampled_from(["t", "orders-eu", "orders.us", "x"])),
        "key_schema": key[0],
        "key": key[1],
        "value_schema": value[0],
        "value": value[1],
        "timestamp": draw(st.one_of(st.none(), st.integers(0, 2**41))),
        "headers": Headers(draw(HEADERS)),
    }
    if draw(st.booleans()):
        return SinkRecord(
            **common, partition=draw(st.integers(0, 9)), offset=draw(st.integers(0, 99))
        )
    return SourceRecord(**common, partition=draw(st.one_of(st.none(), st.integers(0, 9))))


def java_outcome(name: str, config: dict[str, str], record: Record) -> Any:
    """Return what Java makes of a record: None dropped, a tuple, or the word for an exception."""
    transform = java_class(JAVA + name)()
    try:
        transform.configure(java_map({k: text(v) for k, v in config.items()}))
        after = transform.apply(to_java_record(record))
    except jpype.JException as error:
        return _kind_of(error)
    finally:
        transform.close()
    return None if after is None else java_shown(after)


def _kind_of(error: Any) -> str:
    """Return "config" for a ConfigException, "data" for all that a record may cause."""
    return "config" if "ConfigException" in type(error).__name__ else "data"


def java_shown(after: Any) -> Any:
    """Return all that a transform may change of a Java record, in our values."""
    key_schema = from_java_schema(after.keySchema())
    value_schema = from_java_schema(after.valueSchema())
    return (
        str(after.topic()),
        None if after.kafkaPartition() is None else int(after.kafkaPartition()),
        None if after.timestamp() is None else int(after.timestamp()),
        key_schema,
        plain(from_java(after.key(), key_schema)),
        value_schema,
        plain(from_java(after.value(), value_schema)),
        [_java_header(header) for header in after.headers()],
    )


def _java_header(header: Any) -> tuple[str, Schema | None, Any]:
    schema = from_java_schema(header.schema())
    return str(header.key()), schema, plain(from_java(header.value(), schema))


def shown(record: Record) -> Any:
    return (
        record.topic,
        record.partition,
        record.timestamp,
        record.key_schema,
        plain(record.key),
        record.value_schema,
        plain(record.value),
        [(header.key, header.schema, plain(header.value)) for header in record.headers],
    )


def batch_of(record: Record) -> Batch:
    (batch,) = Batch.of_records([record]) if isinstance(record, SourceRecord) else [_sink(record)]
    return batch


def _sink(record: Record) -> Batch:
    assert isinstance(record, SinkRecord)
    origin = SinkOrigin(
        topic=record.topic, partition=record.partition or 0, offsets=[record.offset]
    )
    (batch,) = Batch.regroup(origin, [0], [record])
    return batch


def our_outcomes(name: str, config: dict[str, str], record: Record) -> tuple[Any, Any]:
    """Return what we make of it by row and by batch."""
    cls = registry().load("transforms", JAVA + name)

    def made() -> Any:
        transform = cls(cls.config_spec().parse(config))
        transform.side = Side.KEY if name.endswith("$Key") else Side.VALUE
        transform.open()
        return transform

    try:
        after = made().apply(record)
        by_row = None if after is None else shown(after)
    except PenstockError as error:
        by_row = _our_kind(error)
    by_batch = _batch_outcome(made, batch_of(record))
    # The same by field, as sources and converters give structs, must say the same.
    by_field = _batch_outcome(made, by_fields(batch_of(record)))
    assert by_field == by_batch, f"by field {by_field}, by row {by_batch}"
    return by_row, by_batch


def _batch_outcome(made: Callable[[], Any], batch: Batch) -> Any:
    try:
        changed = made().apply_batch(batch)
    except PenstockError as error:
        return _our_kind(error)
    batches = [changed] if isinstance(changed, Batch) else list(changed)
    rows = [shown(one) for batch in batches for one in batch.records()]
    return rows[0] if rows else None


def by_fields(batch: Batch) -> Batch:
    """Return a batch whose structs are kept by field, where they are structs at all."""
    batch = batch.with_keys(_by_field(batch.keys, batch.key_schema), batch.key_schema)
    return batch.with_values(_by_field(batch.values, batch.value_schema), batch.value_schema)


def _by_field(rows: Sequence[Any], schema: Schema | None) -> Sequence[Any]:
    if schema is None or schema.type is not Type.STRUCT:
        return rows
    if not all(isinstance(row, dict) for row in rows):
        return rows
    names = [field.name for field in schema.fields]
    return Structs({name: [row.get(name) for row in rows] for name in names}, len(rows))


def _our_kind(error: PenstockError) -> str:
    return "config" if isinstance(error, ConfigError) else "data"
