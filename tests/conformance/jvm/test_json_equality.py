"""JsonConverter against Java's, byte for byte: every type, part and option, read by each other.

The table names each type once, so that a failure tells which; the generated records mix them.
"""

from __future__ import annotations

import datetime as dt
import decimal
import itertools
import json
import re
from types import ModuleType
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from penstock.config import ConfigSpec
from penstock.data import Date, Decimal, EpochMillis, Schema, Time, Timestamp, Type
from penstock.errors import ConfigError, DataError
from penstock_converters import JsonConverter, JsonHeaderConverter
from tests.conformance.jvm.bridge import Bridge, JavaRefusedError
from tests.unit.converters.records import (
    bare_values,
    columns,
    comparable,
    json_converter,
    schemas,
    values,
)

JSON: Final = "org.apache.kafka.connect.json.JsonConverter"
_BEYOND_64_BITS: Final = re.compile(rb"[0-9]{19}")
_MANY: Final = max(2000, settings().max_examples)
_many = settings(suppress_health_check=[*HealthCheck], deadline=None, max_examples=_MANY)

_PRIMITIVES: Final[list[tuple[Schema, list[Any]]]] = [
    (Schema.INT8, [0, 127, -128]),
    (Schema.INT16, [0, 32767, -32768]),
    (Schema.INT32, [0, 2147483647, -2147483648]),
    (Schema.INT64, [0, (1 << 63) - 1, -(1 << 63)]),
    (Schema.FLOAT32, [0.0, -0.0, 1.5, 3.4028234663852886e38, 1e-45, 16777216.0, 0.1]),
    (Schema.FLOAT64, [0.0, -0.0, 1.5, 1e7, 9999999.0, 1e-3, 9.999e-4, 5e-324, 1.7e308, 2e22]),
    (Schema.BOOLEAN, [True, False]),
    (Schema.STRING, ["", "a", "é€😀", '"\\/\b\f\n\r\t\x00\x1f\x7f\u2028', "null", "x" * 3000]),
    (Schema.BYTES, [b"", b"\x00", b"\xff\xfe", bytes(range(256))]),
]
_LOGICAL: Final[list[tuple[Schema, list[Any]]]] = [
    (Decimal.schema(0), [decimal.Decimal(0), decimal.Decimal(-1), decimal.Decimal(10**30)]),
    (Decimal.schema(2), [decimal.Decimal("0.00"), decimal.Decimal("-123.45")]),
    (Decimal.schema(-3), [decimal.Decimal("1E+3"), decimal.Decimal("-27E+3")]),
    (Decimal.schema(10), [decimal.Decimal("1E-10"), decimal.Decimal("123456789.0123456789")]),
    (Date.SCHEMA, [dt.date(1970, 1, 1), dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
    (Date.SCHEMA, [EpochMillis(86_400_000 * 2147483647), EpochMillis(86_400_000 * -(1 << 31))]),
    (Time.SCHEMA, [dt.time(0), dt.time(23, 59, 59, 999_000), EpochMillis(86_400_000)]),
    (Timestamp.SCHEMA, [dt.datetime(2024, 2, 29, 1, 2, 3, 4000, tzinfo=dt.UTC)]),
    (Timestamp.SCHEMA, [EpochMillis((1 << 63) - 1), EpochMillis(-(1 << 63)), EpochMillis(-1)]),
]
_LEAVES: Final = [*_PRIMITIVES, *_LOGICAL]


def _nested() -> list[tuple[Schema, list[Any]]]:
    """Give each leaf in an array, as value and as key of a map, and in structs two deep."""
    found: list[tuple[Schema, list[Any]]] = []
    for schema, rows in _LEAVES:
        optional = schema.as_optional()
        found.append((Schema.array(schema), [[], rows]))
        found.append((Schema.array(optional), [[None], [*rows, None]]))
        found.append((Schema.map(Schema.STRING, schema), [{}, {"k": rows[0], "é😀\n": rows[-1]}]))
        # Java keeps byte arrays as keys by identity; of two keys that are equal only one stays.
        keyed = dict.fromkeys(rows[:2], 1)
        found.append((Schema.map(schema, Schema.INT32), [{}, keyed]))
        found.append((Schema.map(Schema.INT32, optional), [{1: rows[0], -5: None}]))
        inner = Schema.struct({"x": schema, "y": optional}, name="inner")
        outer = Schema.struct(
            {"in": inner, 'odd "name" é😀': optional, "maybe": inner.as_optional()}
        )
        row = {"x": rows[-1], "y": None}
        found.append((outer, [{"in": row}, {"in": {**row, "y": rows[0]}, "maybe": row}]))
    return found


def _dressed() -> list[tuple[Schema, list[Any]]]:
    found: list[tuple[Schema, list[Any]]] = []
    for schema, rows in _LEAVES:
        found.append((schema.as_optional(), [None, *rows]))
        for default in rows:
            filled = schema.evolve(default=default)
            found.append((filled, [None, rows[0]]))
            found.append((filled.as_optional(), [None, rows[-1]]))
            holder = Schema.struct({"a": filled, "b": filled.as_optional()})
            found.append((holder, [{}, {"a": rows[0], "b": None}, {"a": None, "b": rows[-1]}]))
        parts = {
            "doc": 'a "doc"\n😀',
            "parameters": {**schema.parameters, "b": "2", "a": "", 'é"': "\t"},
        }
        found.append((schema.evolve(**parts), rows))
        if schema.name is None:
            named = schema.evolve(name="com.example.Näme", version=-7, **parts)
            found.append((named.as_optional(), [None, *rows]))
    array = Schema.array(Schema.INT32, name="a", version=1, default=[1, 2], doc="d")
    mapped = Schema.map(Schema.STRING, Schema.INT32, default={"b": 1, "a": 2}, optional=True)
    pairs = Schema.map(Schema.INT32, Schema.STRING, default={2: "b", 1: "a"})
    found += [(one, [None]) for one in (array, mapped, pairs)]
    found.append((Schema.struct({}), [{}]))
    return found


CASES: Final = [*_LEAVES, *_nested(), *_dressed()]
OPTIONS: Final = [
    {"schemas_enable": enable, "decimal_format": decimals, "replace_null_with_default": replace}
    for enable, decimals, replace in itertools.product(
        ("true", "false"), ("BASE64", "NUMERIC"), ("true", "false")
    )
]
_by_options = pytest.mark.parametrize(
    "options", OPTIONS, ids=["-".join(one.values()) for one in OPTIONS]
)


@pytest.fixture(scope="module")
def bridge(jvm: ModuleType) -> Bridge:
    return Bridge(jvm)


def _refusal(make: Any) -> Any:
    try:
        return make()
    except (DataError, JavaRefusedError):
        return "refused"


def _held(value: Any) -> Any:
    """Return a value as Java holds it: moments are milliseconds, and -0.0 is read as 0.0."""
    if isinstance(value, dict):
        return ("dict", sorted(((_held(k), _held(v)) for k, v in value.items()), key=repr))
    if isinstance(value, list):
        return [_held(one) for one in value]
    if isinstance(value, tuple):
        return ("ms", value[1])
    found = comparable(0.0 if type(value) is float and value == 0.0 else value)
    return ("ms", found[1]) if isinstance(found, tuple) else found


def _check_written(
    bridge: Bridge, schema: Schema | None, rows: list[Any], options: dict[str, str]
) -> list[Any]:
    """Check rows against Java, by row, by batch and by a batch of a compiled schema."""
    theirs = bridge.configured(JSON, converter_type="value", **options)
    expected = [_refusal(lambda row=row: bridge.write(theirs, schema, row)) for row in rows]
    ours = json_converter(**options)
    found = [_refusal(lambda row=row: ours.from_connect_data("t", schema, row)) for row in rows]
    assert found == expected
    good = [i for i, one in enumerate(expected) if one != "refused"]
    for _ in range(2):
        batch = ours.from_connect_batch("t", schema, [rows[i] for i in good] * 9)
        assert list(batch) == [expected[i] for i in good] * 9
    return [expected[i] for i in good]


def _check_read(bridge: Bridge, data: list[Any], options: dict[str, str]) -> None:
    """Check that both read the same from what both wrote; by row, by batch, compiled or not."""
    if not data:
        return
    theirs = bridge.configured(JSON, converter_type="value", **options)
    pairs = [_refusal(lambda one=one: bridge.read(theirs, one)) for one in data]
    ours = json_converter(**options)
    for _ in range(2):
        for one, pair in zip(data, pairs, strict=True):
            found = _refusal(lambda one=one: ours.to_connect_data("t", one))
            if pair == "refused" or found == "refused":
                # A decimal written as a number may be past what is read without a schema.
                assert found == pair or _BEYOND_64_BITS.search(one)
                continue
            _check_schema(bridge, found[0], pair[0])
            assert _held(found[1]) == _held(pair[1])
        decoded = _refusal(lambda: ours.to_connect_batch("t", data * 9))
        if decoded == "refused":
            assert "refused" in pairs or _BEYOND_64_BITS.search(b" ".join(data))
            continue
        left = set(decoded.unread)
        kinds = decoded.schemas or [decoded.schema] * len(data) * 9
        for i, value in enumerate(list(decoded.values)):
            if i not in left:
                if i < len(data):
                    _check_schema(bridge, kinds[i], pairs[i][0])
                assert _held(value) == _held(pairs[i % len(data)][1])


def _check_schema(bridge: Bridge, ours: Schema | None, theirs: Any) -> None:
    if ours is None or theirs is None:
        assert ours is None
        assert theirs is None
        return
    # What Java writes of its schema and of ours is the same, byte arrays and all.
    converter = bridge.configured(JSON, converter_type="value")
    expected = str(converter.asJsonSchema(theirs).toString())
    found = str(converter.asJsonSchema(bridge.schema(ours)).toString())
    # Ours keeps the sign of a zero that is read: `docs/differences.md`. A map has no order.
    assert _unordered(found) == _unordered(expected)


def _unordered(text: str) -> str:
    return json.dumps(json.loads(text.replace("-0.0", "0.0")), sort_keys=True)


@_by_options
def test_every_type_and_part_is_written_and_read_alike(
    bridge: Bridge, options: dict[str, str]
) -> None:
    for schema, rows in CASES:
        data = _check_written(bridge, schema, rows, options)
        _check_read(bridge, data, options)


_options = st.sampled_from(OPTIONS)


@_many
@given(columns(), _options)
def test_generated_records_are_written_byte_for_byte_and_read_alike(
    bridge: Bridge, column: tuple[Schema | None, list[Any]], options: dict[str, str]
) -> None:
    schema, rows = column
    data = _check_written(bridge, schema, rows[:4], options)
    # The original writes Infinity as a text and reads that as 0.0: `docs/differences.md`.
    _check_read(bridge, [one for one in data if one is None or b'Infinity"' not in one], options)


@settings(suppress_health_check=[*HealthCheck], deadline=None)
@given(bare_values, _options)
def test_values_without_schema_are_written_alike_whatever_the_options(
    bridge: Bridge, value: Any, options: dict[str, str]
) -> None:
    _check_written(bridge, None, [value], options)


@settings(suppress_health_check=[*HealthCheck], deadline=None)
@given(schemas.flatmap(lambda one: st.tuples(st.just(one), values(one))), st.sampled_from(OPTIONS))
def test_with_schema_content_payloads_are_read_alike(
    bridge: Bridge, pair: tuple[Schema, Any], options: dict[str, str]
) -> None:
    schema, value = pair
    plain = {**options, "schemas_enable": "false"}
    data = _refusal(lambda: json_converter(**plain).from_connect_data("t", schema, value))
    assume(data != "refused" and data is not None and b'Infinity"' not in data)
    envelope = json_converter().from_connect_data("t", schema.as_optional(), None)
    assert envelope is not None
    content = json.dumps(json.loads(envelope)["schema"])
    assume("Infinity" not in content)
    with_content = {**options, "schema_content": content}
    _check_read(bridge, [data], with_content)
    # What is written has an envelope nevertheless, unless schemas are off.
    _check_written(bridge, schema, [value], with_content)


@pytest.mark.parametrize("content", ["", " ", "null", "{", "5", '{"type":"x"}', '{"type":"int8"}'])
def test_schema_content_is_taken_or_refused_alike(bridge: Bridge, content: str) -> None:
    def theirs() -> Any:
        try:
            return bool(bridge.configured(JSON, converter_type="value", schema_content=content))
        except Exception as problem:  # noqa: BLE001 - Java throws what it likes
            assert "Exception" in type(problem).__name__  # noqa: PT017
            return "refused"

    try:
        ours: Any = bool(json_converter(schema_content=content))
    except (ConfigError, DataError):
        ours = "refused"
    assert ours == theirs()


def test_keys_are_those_of_java(jvm: ModuleType) -> None:
    def shown(name: str, value: Any) -> str | None:
        return None if value is None or name == "converter.type" else str(value).lower()

    theirs = {
        (
            str(one.name),
            str(one.type().name()),
            str(one.importance.name()),
            shown(str(one.name), one.defaultValue),
            int(one.orderInGroup),
            None if one.group is None else str(one.group),
            str(one.width.name()),
            str(one.displayName),
        )
        for one in jvm.java_class(JSON)().config().configKeys().values()
        if str(one.name) != "converter.type"
    }
    for made in (JsonConverter, JsonHeaderConverter):
        spec: ConfigSpec[Any] = made.config_spec()
        ours = {
            (
                one.name,
                one.type,
                one.importance,
                shown(one.name, one.default_value),
                one.order_in_group,
                one.group,
                one.width,
                one.display_name,
            )
            for one in spec.describe()
            if one.name != "converter.type"
        }
        assert ours == theirs


def test_header_is_the_same_bytes_as_a_value(bridge: Bridge) -> None:
    theirs = bridge.configured(JSON, converter_type="header")
    ours = JsonHeaderConverter(JsonHeaderConverter.config_spec().parse({}))
    for schema, rows in CASES:
        for row in rows:
            expected = _refusal(
                lambda row=row, schema=schema: theirs.fromConnectHeader(
                    "t", "h", bridge.schema(schema), bridge.value(schema, row)
                )
            )
            assert ours.from_connect_header("t", "h", schema, row) == bytes(expected)


def test_members_of_a_schema_stand_in_the_order_of_java(bridge: Bridge) -> None:
    schema = Schema.struct(
        {"b": Schema.map(Schema.INT32, Schema.array(Date.SCHEMA)), "a": Schema.OPTIONAL_STRING},
        name="n",
        version=3,
        doc="d",
        parameters={"z": "1", "a": "2"},
        optional=True,
    )
    assert schema.type is Type.STRUCT
    (data,) = _check_written(bridge, schema, [None], {})
    assert list(json.loads(data)["schema"]) == [
        *("type", "fields", "optional", "name", "version", "doc", "parameters")
    ]
    assert list(json.loads(data)["schema"]["parameters"]) == ["z", "a"]
