"""SimpleHeaderConverter on generated texts against Java's Values.parseString."""

from __future__ import annotations

import datetime as dt
import decimal
import struct
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.data import Decimal, Schema
from penstock.data.values import float_text
from penstock_converters import SimpleHeaderConverter
from tests.conformance.jvm.bridge import Bridge
from tests.unit.converters.records import comparable, singles

SIMPLE: Final = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
_many = settings(
    suppress_health_check=[*HealthCheck],
    deadline=None,
    max_examples=max(2000, settings().max_examples),
)

# Well-formed texts: what both must read to the last bit.
_EDGES: Final = [
    edge + step
    for bits in (7, 15, 31, 63)
    for edge in (1 << bits, -(1 << bits))
    for step in (-1, 0, 1)
]
_integers = (st.sampled_from(_EDGES) | st.integers(-(10**20), 10**20)).map(str)
_floats = (
    singles.filter(lambda one: abs(one) > 1e-30)
    .map(float_text)
    .filter(lambda text: "y" not in text)
)
_dates = st.dates(dt.date(1582, 10, 16), dt.date(9999, 12, 31)).map(dt.date.isoformat)
_clocks = st.times().map(lambda one: one.isoformat("milliseconds") + "Z")
_timestamps = st.builds("{}T{}".format, _dates, _clocks)
_plain = _integers | _floats | _dates | _clocks | _timestamps | st.sampled_from(["true", "false"])
_escaped = (_clocks | _timestamps).map(lambda text: text.replace(":", "\\:"))
_letters = st.text("ab01é😀'.-_", max_size=6)
_quoted = (_letters | _dates | _clocks | _timestamps).map('"{}"'.format)
_words = st.sampled_from(
    ["", "a", "abc", "null", "TRUE", "nul", "é", "😀", "a b", "0x1", "1_0", "NaN"]
)
_blanks = st.sampled_from(["", "", "", " ", "  ", "\t", "\n"])


def _spaced(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{}{}{}".format, _blanks, inner, _blanks)


def _arrays(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(_spaced(inner), min_size=1, max_size=3).map(lambda one: f"[{','.join(one)}]")


def _maps(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.dictionaries(_marked, _spaced(inner), min_size=1, max_size=3).map(
        lambda found: "{" + ", ".join(f"{name} :{one}" for name, one in found.items()) + "}"
    )


def _containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return _arrays(inner) | _maps(inner)


_small = st.integers(-128, 127).map(str)
_marked = _letters.map('"k{}"'.format)


def _of_one_kind() -> Iterator[st.SearchStrategy[str]]:
    """Give containers whose parts are of one kind at each depth, for Java joins the others."""
    yield _arrays(_integers)
    yield _arrays(_floats)
    for kind in (_small, _dates, _clocks, _timestamps, _marked, st.just("true")):
        for one in (_arrays, _maps):
            yield one(kind)
            for two in (_arrays, _maps):
                yield two(one(kind))
                yield _arrays(two(one(kind)))


_well_formed = (
    st.builds("{}{}".format, _blanks, _plain | _escaped)
    | st.one_of(list(_of_one_kind()))
    | _words
    | st.sampled_from(["[]", "{}", " [ ] ", "{ }"])
)

# Anything else: unclosed, doubled, cut and mixed.
_patches = st.sampled_from(
    ['"', "\\", ",", ":", "[", "]", "{", "}", " ", "1", "-", "null", "é", "e9"]
)


@st.composite
def _broken(draw: st.DrawFn) -> str:
    text = draw(st.recursive(_plain | _escaped | _quoted | _words, _containers, max_leaves=5))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(_patches) + text[at + draw(st.integers(0, 3)) :]
    return text


@pytest.fixture(scope="module")
def bridge(jvm: ModuleType) -> Iterator[Bridge]:
    zones = jvm.java_class("java.util.TimeZone")
    before = zones.getDefault()
    zones.setDefault(zones.getTimeZone("UTC"))
    yield Bridge(jvm)
    zones.setDefault(before)


@pytest.fixture(scope="module")
def theirs(jvm: ModuleType) -> Any:
    return jvm.java_class(SIMPLE)()


def ours(text: str) -> tuple[Schema | None, Any]:
    converter = SimpleHeaderConverter(SimpleHeaderConverter.config_spec().parse({}))
    return converter.to_connect_header("t", "h", text.encode())


def java(bridge: Bridge, theirs: Any, text: str) -> tuple[Any, Any]:
    import jpype  # noqa: PLC0415 - loaded with the Java machine

    # Java's null has no schema.
    found = theirs.toConnectHeader("t", "h", jpype.JArray(jpype.JByte)(text.encode()))
    if found is None:
        return None, None
    return found.schema(), bridge.python(found.schema(), found.value())


def _held(value: Any) -> Any:
    if isinstance(value, dict):
        return ("dict", sorted(((_held(k), _held(v)) for k, v in value.items()), key=repr))
    if isinstance(value, list):
        return [_held(one) for one in value]
    if isinstance(value, tuple):
        return ("ms", value[1])
    return comparable(value)


def _is_open(schema: Any) -> bool:
    """Whether a Java schema has parts of no one type; such a value has no schema here."""
    if schema is None:
        return True
    kind = str(schema.type().name())
    if kind == "MAP" and (schema.keySchema() is None or _is_open(schema.keySchema())):
        return True
    return kind in ("ARRAY", "MAP") and _is_open(schema.valueSchema())


def difference(bridge: Bridge, theirs: Any, text: str) -> str | None:
    """Return what differs, None when both read the same."""
    schema, value = ours(text)
    java_schema, java_value = java(bridge, theirs, text)
    shown = f"{text!r}: ours {schema} {value!r}, Java {java_schema} {java_value!r}"
    if schema is None and not _is_open(java_schema):
        return shown
    if schema is not None and not bool(java_schema.equals(bridge.schema(schema))):
        return shown
    return None if _held(value) == _held(java_value) else shown


@_many
@given(_well_formed)
def test_well_formed_texts_are_read_alike(bridge: Bridge, theirs: Any, text: str) -> None:
    assert difference(bridge, theirs, text) is None


@_many
@given(_broken())
def test_broken_texts_are_read_alike_or_nothing_of_them_is_lost(
    bridge: Bridge, theirs: Any, text: str
) -> None:
    """Ours keeps a text that Java cuts, and parts of several kinds that Java casts to the first."""
    schema, value = ours(text)
    is_text = (schema, value) == (Schema.STRING, text)
    if is_text or schema is None or any(part in text for part in _OTHERWISE):
        return
    if _keeps_digits(value):
        return
    assert difference(bridge, theirs, text) is None


def _keeps_digits(value: Any) -> bool:
    """Whether ours is, or holds, a number that the type of Java's answer does not keep.

    Java rounds a decimal to a double, and a double to a float where it is in a float's range.
    """
    if isinstance(value, dict):
        return any(map(_keeps_digits, [*value, *value.values()]))
    if isinstance(value, list):
        return any(map(_keeps_digits, value))
    if isinstance(value, float):
        return abs(value) < _FLOAT_MAX and struct.unpack("f", struct.pack("f", value)) != (value,)
    if not isinstance(value, decimal.Decimal):
        return False
    return decimal.Decimal(repr(float(value))) != value


_FLOAT_MAX: Final = 3.4028234e38
_OTHERWISE: Final = ("\\", "null", '" ', ' "')
"""Escapes, nulls among moments and blanks in quotes are read in another way, which
`docs/differences.md` tells."""


@pytest.mark.parametrize("text", ["9223372036854775e97", "0.33333333333333333333"])
def test_digits_that_java_rounds_away_are_kept(bridge: Bridge, theirs: Any, text: str) -> None:
    schema, value = ours(text)
    assert schema is not None
    assert (schema.name, value) == (Decimal.NAME, decimal.Decimal(text))
    assert isinstance(java(bridge, theirs, text)[1], float)


@pytest.mark.parametrize("text", ["0\u00a0", "\u2003true", "12\u0085", "\x00 7 \x1f"])
def test_blanks_around_a_value_are_those_of_java(bridge: Bridge, theirs: Any, text: str) -> None:
    assert difference(bridge, theirs, text) is None
