"""Values and schemas keep what they are on their way to Java and back."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import jpype
import pytest
from tests.parts.jvm_classes import start_jvm

from penstock.data import Date, Decimal, EpochMillis, Schema, Structs, Text, Time, Timestamp
from penstock.errors import DataError
from penstock_jvm import _columns
from penstock_jvm._bytes import In, Out
from penstock_jvm._host import java_bytes, python_bytes
from penstock_jvm._schemas import decoded, encoded
from penstock_jvm.machine import java_class, shim_jar

pytestmark = pytest.mark.integration

ORDER = Schema.struct(
    {
        "id": Schema.INT64,
        "name": Schema.OPTIONAL_STRING,
        "tags": Schema.array(Schema.OPTIONAL_STRING),
        "counts": Schema.map(Schema.STRING, Schema.INT32, optional=True),
        "inner": Schema.struct({"x": Schema.FLOAT64}, optional=True, name="Inner", version=2),
    },
    name="Order",
    doc="an order",
)
UTC = dt.UTC
CASES: dict[str, tuple[Schema | None, list[Any]]] = {
    "int8": (Schema.INT8, [-128, 0, 127]),
    "int16": (Schema.INT16, [-(1 << 15), (1 << 15) - 1]),
    "int32": (Schema.INT32, [-(1 << 31), (1 << 31) - 1]),
    "int64": (Schema.OPTIONAL_INT64, [-(1 << 63), None, (1 << 63) - 1]),
    "float32": (Schema.FLOAT32, [0.5, float("inf")]),
    "float64": (Schema.FLOAT64, [0.1, -0.0]),
    "boolean": (Schema.OPTIONAL_BOOLEAN, [True, None, False]),
    "string": (Schema.OPTIONAL_STRING, ["", "é𝄞\n", None]),
    "bytes": (Schema.OPTIONAL_BYTES, [b"", None, b"\x00\xff"]),
    "nothing": (Schema.OPTIONAL_STRING, [None, None]),
    "array": (Schema.array(Schema.INT32), [[], [1, 2], [3]]),
    "map": (Schema.map(Schema.STRING, Schema.OPTIONAL_INT64), [{"a": 1, "b": None}, {}]),
    "decimal": (Decimal.schema(2), [decimal.Decimal("12.34"), decimal.Decimal("-0.01")]),
    "date": (Date.SCHEMA, [dt.date(1969, 12, 31), dt.date(9999, 12, 31)]),
    "time": (Time.SCHEMA, [dt.time(0, 0), dt.time(23, 59, 59, 999000)]),
    "timestamp": (
        Timestamp.SCHEMA,
        [dt.datetime(2026, 1, 2, 3, 4, 5, 6000, UTC), EpochMillis(1 << 60)],
    ),
    "default": (Schema.STRING.evolve(default="x"), ["y"]),
    "struct": (
        ORDER,
        [
            {"id": 1, "name": "a", "tags": ["t", None], "counts": {"k": 1}, "inner": {"x": 1.5}},
            {"id": 2, "name": None, "tags": [], "counts": None, "inner": None},
        ],
    ),
    "schemaless texts": (None, ["a", "é"]),
    "schemaless": (
        None,
        [None, True, 1, 1 << 70, 1.5, "s", b"b", [1, "x"], {"a": {"b": [None]}}],
    ),
    "schemaless decimal": (None, [decimal.Decimal("1.50"), "s"]),
}


def again(schema: Schema | None, values: Any) -> tuple[Schema | None, list[Any]]:
    """Send a column to Java, and what Java has of it back."""
    start_jvm()
    jpype.addClassPath(str(shim_jar()))
    out = Out()
    out.u8(schema is not None)
    if schema is not None:
        out.parts.append(encoded(schema))
    out.i32(len(values))
    _columns.write(out, schema, values)
    mirror = java_class("io.penstock.jvm.Mirror")
    source = In(python_bytes(mirror.again(java_bytes(out.done()))))
    schemas = [decoded(source.take(source.i32())) for _ in range(source.i32())]
    told = schemas[0] if schemas else None
    return told, list(_columns.read(source, told, len(values)))


@pytest.mark.parametrize("name", CASES)
def test_a_column_and_its_schema_come_back_from_java_as_they_went(name: str) -> None:
    schema, values = CASES[name]
    assert again(schema, values) == (schema, values)


def test_texts_and_structs_kept_by_column_go_as_they_are() -> None:
    assert again(Schema.STRING, Text([b"a", b"b"]))[1] == ["a", "b"]
    point = Schema.struct({"x": Schema.INT32, "y": Schema.OPTIONAL_INT32})
    assert again(point, Structs({"x": [1, 2]}, 2))[1] == [{"x": 1, "y": None}, {"x": 2, "y": None}]


def test_a_value_that_does_not_fit_its_schema_is_told_by_type_not_content() -> None:
    out = Out()
    with pytest.raises(DataError, match=r"does not fit its schema int32 .*types: str"):
        _columns.write(out, Schema.INT32, ["secret"])
