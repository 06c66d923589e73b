"""The converters of numbers and flags against Java's: the same bytes, values, refusals and keys."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import jpype
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import penstock_converters
from penstock.api import Converter, HeaderConverter
from penstock.data import Date, Repeat, Schema, Time, Timestamp
from penstock.errors import DataError
from tests.conformance.jvm.bridge import Bridge, JavaRefusedError
from tests.unit.converters.records import schemas, solid_values, values

HOME: Final = "org.apache.kafka.connect.converters."
OWN: Final = {
    "Boolean": Schema.BOOLEAN,
    "Double": Schema.FLOAT64,
    "Float": Schema.FLOAT32,
    "Integer": Schema.INT32,
    "Long": Schema.INT64,
    "Short": Schema.INT16,
}
NAMES: Final = sorted(OWN)
_relaxed = settings(suppress_health_check=[*HealthCheck], deadline=None)
_names = pytest.mark.parametrize("name", NAMES)
_logical = st.sampled_from([Date.SCHEMA, Time.SCHEMA, Timestamp.SCHEMA])
_pairs = (
    (schemas | st.sampled_from([*OWN.values()]) | _logical)
    .map(lambda schema: schema.evolve(default=None))
    .flatmap(lambda schema: st.tuples(st.just(schema), values(schema)))
)


@pytest.fixture(scope="module")
def bridge(jvm: ModuleType) -> Bridge:
    return Bridge(jvm)


def ours(name: str) -> Converter[Any]:
    cls = getattr(penstock_converters, f"{name}Converter")
    return cls(cls.config_spec().parse({"converter.type": "value"}))


def our_header(name: str) -> HeaderConverter[Any]:
    cls = getattr(penstock_converters, f"{name}HeaderConverter")
    return cls(cls.config_spec().parse({"converter.type": "header"}))


def outcome(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except (DataError, JavaRefusedError):
        return "refused"


def same(one: Any, two: Any) -> bool:
    if isinstance(one, float) and isinstance(two, float):
        return struct.pack(">d", one) == struct.pack(">d", two) or (
            math.isnan(one) and math.isnan(two)
        )
    return type(one) is type(two) and one == two


@_names
@_relaxed
@given(pair=_pairs)
def test_values_of_every_schema_are_written_or_refused_alike(
    bridge: Bridge, name: str, pair: tuple[Schema, Any]
) -> None:
    schema, value = pair
    theirs = bridge.configured(f"{HOME}{name}Converter")
    expected = outcome(lambda: bridge.write(theirs, schema, value))
    assert outcome(lambda: ours(name).from_connect_data("t", schema, value)) == expected
    found = outcome(lambda: our_header(name).from_connect_header("t", "h", schema, value))
    assert found == expected
    batch = outcome(lambda: list(ours(name).from_connect_batch("t", schema, [value] * 3)))
    assert batch == ("refused" if expected == "refused" else [expected] * 3)
    again = outcome(lambda: list(ours(name).from_connect_batch("t", schema, Repeat(value, 2))))
    assert again == ("refused" if expected == "refused" else [expected] * 2)


@_names
@_relaxed
@given(data=st.data())
def test_values_without_a_schema_are_written_as_the_class_of_the_converter(
    bridge: Bridge, name: str, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.none() | solid_values(OWN[name]), max_size=5))
    theirs = bridge.configured(f"{HOME}{name}Converter")
    made = [theirs.fromConnectData("t", None, bridge.value(OWN[name], row)) for row in rows]
    expected = [None if one is None else bytes(one) for one in made]
    assert [ours(name).from_connect_data("t", None, row) for row in rows] == expected
    assert list(ours(name).from_connect_batch("t", None, rows)) == expected


@_names
@_relaxed
@given(rows=st.lists(st.none() | st.binary(max_size=9) | st.sampled_from([b"\0", b"\1"])))
@example(rows=[b"\x7f\x80\0\0", b"\xff\xc0\0\0", b"\x80\0\0\0", b"\x7f\xf0" + b"\0" * 6])
@example(rows=[b"\x80" + b"\0" * 7, b"\xff" * 8, b"\x80\0", b"\xff" * 4, b"\1", b"\2", b""])
def test_bytes_are_read_or_refused_alike(
    bridge: Bridge, name: str, rows: list[bytes | None]
) -> None:
    theirs = bridge.configured(f"{HOME}{name}Converter")
    expected = [outcome(lambda row=row: bridge.read(theirs, row)[1]) for row in rows]
    found = [outcome(lambda row=row: ours(name).to_connect_data("t", row)[1]) for row in rows]
    assert all(map(same, found, expected))
    header = our_header(name)
    found = [outcome(lambda row=row: header.to_connect_header("t", "h", row)[1]) for row in rows]
    assert all(map(same, found, expected))
    decoded = ours(name).to_connect_batch("t", rows)
    assert list(decoded.unread) == [i for i, one in enumerate(expected) if one == "refused"]
    left = set(decoded.unread)
    column = list(decoded.values)
    assert len(column) == len(rows)
    assert all(same(column[i], expected[i]) for i in range(len(rows)) if i not in left)


@_names
def test_schema_read_is_that_of_java(bridge: Bridge, name: str) -> None:
    theirs = bridge.configured(f"{HOME}{name}Converter")
    expected = bridge.read(theirs, None)[0]
    for schema in (
        ours(name).to_connect_data("t", None)[0],
        our_header(name).to_connect_header("t", "h", None)[0],
        ours(name).to_connect_batch("t", [None]).schema,
        ours(name).to_connect_batch("t", Repeat(None, 5)).schema,
    ):
        assert schema is not None
        assert bool(expected.equals(bridge.schema(schema)))


@_names
def test_what_is_written_is_read_by_the_other(bridge: Bridge, name: str) -> None:
    theirs = bridge.configured(f"{HOME}{name}Converter")
    row = {"Boolean": True, "Float": 1.5, "Double": -0.1}.get(name, -7)
    data = ours(name).from_connect_data("t", OWN[name], row)
    assert bridge.read(theirs, data)[1] == row
    assert ours(name).to_connect_data("t", bridge.write(theirs, OWN[name], row))[1] == row


@_names
def test_keys_are_those_of_java(jvm: ModuleType, name: str) -> None:
    # Java's only key has no default, since the runtime always sets it; ours may be left out.
    theirs = {
        (str(one.name), str(one.type().name()), str(one.importance.name()))
        for one in jvm.java_class(f"{HOME}{name}Converter")().config().configKeys().values()
    }
    for made in (ours(name), our_header(name)):
        keys = made.config_spec().describe()
        assert {(one.name, one.type, one.importance) for one in keys} == theirs


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Short", 1 << 15),
        ("Integer", 1 << 31),
        ("Long", -(1 << 63) - 1),
        pytest.param("Long", 10**6000, id="huge"),
        ("Float", 1e39),
    ],
)
def test_what_does_not_fit_is_refused(bridge: Bridge, name: str, value: Any) -> None:
    """Java has no such values in the class; cast to it there, they wrap or are Infinity."""
    if name == "Short":
        assert int(jpype.JShort(jpype.JInt(value & 0x7FFF))) != value
    for schema in (None, OWN[name]):
        for call in (
            lambda schema=schema: ours(name).from_connect_data("t", schema, value),
            lambda schema=schema: ours(name).from_connect_batch("t", schema, [value]),
        ):
            with pytest.raises(DataError, match="out of the range"):
                call()
