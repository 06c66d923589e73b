"""Our converters against Java's own, fed with the same schemas, values and bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from penstock.data import Schema
from penstock.errors import DataError
from penstock_converters import SimpleHeaderConverter
from penstock_converters._charsets import UTF8
from penstock_converters._javatext import double_text, float_text
from penstock_converters._tostring import moment_ms
from tests.conformance.jvm.bridge import Bridge, JavaRefusedError
from tests.unit.converters.records import (
    bare_values,
    columns,
    comparable,
    filled,
    json_converter,
    schemas,
    string_converter,
    texts,
    values,
)

JSON: Final = "org.apache.kafka.connect.json.JsonConverter"
STRING: Final = "org.apache.kafka.connect.storage.StringConverter"
# A Java machine answers slowly at first, and a module's fixture outlives the examples.
_relaxed = settings(suppress_health_check=[*HealthCheck], deadline=None)
_ON: Final = {"schemas_enable": "true"}


@pytest.fixture(scope="module")
def bridge(jvm: ModuleType) -> Iterator[Bridge]:
    zones = jvm.java_class("java.util.TimeZone")
    before = zones.getDefault()
    zones.setDefault(zones.getTimeZone("UTC"))
    yield Bridge(jvm)
    zones.setDefault(before)


def _ours(make: Any) -> Any:
    try:
        return make()
    except DataError:
        return JavaRefusedError


def _theirs(make: Any) -> Any:
    try:
        return make()
    except JavaRefusedError:
        return JavaRefusedError


def _settings(decimals: str, enable: str, replace: str) -> dict[str, str]:
    return {
        "decimal_format": decimals,
        "schemas_enable": enable,
        "replace_null_with_default": replace,
    }


_JSON_SETTINGS = st.builds(
    _settings,
    st.sampled_from(["BASE64", "Numeric"]),
    st.sampled_from(["true", "true", "false"]),
    st.sampled_from(["true", "true", "false"]),
)


@_relaxed
@given(columns(), _JSON_SETTINGS)
def test_json_is_written_byte_for_byte(
    bridge: Bridge, column: tuple[Schema | None, list[Any]], options: dict[str, str]
) -> None:
    schema, rows = column
    theirs = bridge.configured(JSON, converter_type="value", **options)
    expected = [_theirs(lambda row=row: bridge.write(theirs, schema, row)) for row in rows]
    ours = json_converter(**options)
    assert [
        _ours(lambda row=row: ours.from_connect_data("t", schema, row)) for row in rows
    ] == expected
    if JavaRefusedError not in expected:
        assert list(ours.from_connect_batch("t", schema, rows * 8)) == expected * 8


_pairs = schemas.flatmap(lambda schema: st.tuples(st.just(schema), values(schema)))


@_relaxed
@given(_pairs, _JSON_SETTINGS)
def test_json_with_schema_is_read_alike(
    bridge: Bridge, pair: tuple[Schema, Any], options: dict[str, str]
) -> None:
    options |= _ON
    ours = json_converter(**options)
    data = _ours(lambda: ours.from_connect_data("t", *pair))
    # Java reads infinity, which it writes as a text, as 0.0.
    assume(data is not JavaRefusedError and b'Infinity"' not in data)
    theirs = bridge.configured(JSON, converter_type="value", **options)
    java_schema, expected = bridge.read(theirs, data)
    schema, value = ours.to_connect_data("t", data)
    assert _wire(value) == _wire(expected)
    assert schema is not None
    assert bool(java_schema.equals(bridge.schema(schema))) or _has_odd_default(schema)


def _wire(value: Any) -> Any:
    return comparable(_as_java_holds(value))


def _as_java_holds(value: Any) -> Any:
    """Return a value whose moments are milliseconds, and whose zeros have lost their sign."""
    if isinstance(value, dict):
        return {_as_java_holds(key): _as_java_holds(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_java_holds(one) for one in value]
    if hasattr(value, "ms") or hasattr(value, "isoformat"):
        return ("ms", moment_ms(value))
    return 0.0 if type(value) is float and value == 0.0 else value


def _has_odd_default(schema: Schema | None) -> bool:
    """Whether a default has bytes, which Java compares by identity, or a zero with a sign."""
    return schema is not None and re.search(r"default=.*(b['\"]|-0\.0)", repr(schema)) is not None


@_relaxed
@given(bare_values)
def test_json_without_schema_is_read_alike(bridge: Bridge, value: Any) -> None:
    ours = json_converter(schemas_enable="false")
    theirs = bridge.configured(JSON, converter_type="value", schemas_enable="false")
    data = ours.from_connect_data("t", None, value)
    assume(data is None or b'Infinity"' not in data)
    assert _wire(ours.to_connect_data("t", data)[1]) == _wire(bridge.read(theirs, data)[1])


_patches = st.sampled_from(
    [
        b"",
        b" ",
        b"\n",
        b"0",
        b"9",
        b".5",
        b"e3",
        b"\xff",
        b'"',
        b"}",
        b"]",
        b",",
        b"null",
        b"\\u00e9",
    ]
)


@_relaxed
@given(columns(), st.data())
def test_what_java_refuses_is_refused_and_what_both_read_is_the_same(
    bridge: Bridge, column: tuple[Schema | None, list[Any]], data: st.DataObject
) -> None:
    """Where ours alone refuses, the original would have changed the data."""
    schema, rows = column
    options = {"schemas_enable": "false" if schema is None else "true"}
    ours = json_converter(**options)
    good = ours.from_connect_data("t", schema, rows[0]) or b"null"
    at = data.draw(st.integers(0, len(good)))
    cut = data.draw(st.integers(0, 4))
    bad = good[:at] + data.draw(_patches) + good[at + cut :]
    expected = _theirs(
        lambda: bridge.read(bridge.configured(JSON, converter_type="value", **options), bad)[1]
    )
    found = _ours(lambda: ours.to_connect_data("t", bad)[1])
    if found is not JavaRefusedError:
        assert _wire(found) == (expected if expected is JavaRefusedError else _wire(expected))


@_relaxed
@given(_pairs)
def test_string_is_written_alike(bridge: Bridge, pair: tuple[Schema, Any]) -> None:
    schema, value = pair
    found = _ours(lambda: string_converter().from_connect_data("t", schema, value))
    theirs = bridge.configured(STRING, converter_type="value")
    expected = bridge.write(theirs, schema, value)
    if found is JavaRefusedError:
        # Java prints an address in memory.
        assert expected is not None
        assert b"[B@" in expected
    else:
        assert found == expected


@_relaxed
@given(bare_values)
def test_string_without_schema_is_written_alike(bridge: Bridge, value: Any) -> None:
    found = _ours(lambda: string_converter().from_connect_data("t", None, value))
    expected = bridge.write(bridge.configured(STRING, converter_type="value"), None, value)
    assert found in (expected, JavaRefusedError)
    assert (found is JavaRefusedError) == (expected is not None and b"[B@" in expected)


@_relaxed
@given(st.binary(max_size=12) | st.text(max_size=5).map(lambda text: text.encode()))
@example(b"\xed\xa0\x80")
@example(b"\xed\xa0a")
@example(b"\xf0\x9f\x98")
@example(b"\xc0\x80")
def test_bytes_that_are_no_utf8_are_replaced_alike(bridge: Bridge, data: bytes) -> None:
    theirs = bridge.configured(STRING, converter_type="value")
    assert UTF8.decode(data) == bridge.read(theirs, data)[1]


@_relaxed
@given(st.floats(allow_nan=False))
@example(5e-324)
@example(2e-323)
@example(1.7976931348623157e308)
@example(1e23)
def test_double_text_is_that_of_java(jvm: ModuleType, value: float) -> None:
    assert double_text(value) == str(jvm.java_class("java.lang.Double").toString(value))


@_relaxed
@given(st.floats(width=32, allow_nan=False))
@example(1449676.75)
@example(2.0**-149)
@example(2.0**-126)
@example(3.4028234663852886e38)
def test_float_text_is_that_of_java(jvm: ModuleType, value: float) -> None:
    import jpype  # noqa: PLC0415 - loaded with the Java machine

    shown = jvm.java_class("java.lang.Float").toString(jpype.JFloat(value))
    assert float_text(value) == str(shown)


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        ('{"type":"int8"}', "300"),
        ('{"type":"int32"}', "2147483648"),
        ('{"type":"int64"}', "9223372036854775808"),
        ('{"type":"int32"}', "1.9"),
        ('{"type":"int32"}', '"7"'),
        ('{"type":"boolean"}', '"true"'),
        ('{"type":"boolean"}', "1"),
        ('{"type":"string"}', "5"),
        ('{"type":"bytes"}', "5"),
        ('{"type":"double"}', "1e400"),
        ('{"type":"float"}', "1e39"),
        ('{"type":"double"}', '"1.5"'),
        ('{"type":"array","items":{"type":"int8"}}', "5"),
        ('{"type":"array","items":{"type":"int8"}}', '{"a":1}'),
        ('{"type":"int8","version":99999999999}', "1"),
        ("null", "9223372036854775808"),
        ("null", "1e400"),
    ],
)
def test_what_java_changes_in_silence_is_refused(bridge: Bridge, schema: str, payload: str) -> None:
    data = f'{{"schema":{schema},"payload":{payload}}}'.encode()
    bridge.read(bridge.configured(JSON, converter_type="value"), data)
    with pytest.raises(DataError):
        json_converter().to_connect_data("t", data)


_HEADERS: Final = """\
null| null |true| true|false}|1|-1|+5|128|40000|3000000000|1.0|1e3|1.5|0.1|1e10|1e400
99999999999999999999|9223372036854775808|[1,2]|[1,2|[1,,2]|[,]|[1,]|[1,2.5]|["a"]|{"a":1}|{a:1}
{1:2,300:4}|{null:1}|{"a":1|[[1],[2,3]]|[{"a":1}]|2024-01-02|2024-02-30|2024-13-01|12:34:56.789Z
12\\:34\\:56.789Z|2024-01-02T03:04:05.006Z|[2024-01-02T03:04:05.006Z]|["2024-01-02"]|abc|a:b|[a]
{"a":12:34:56.789Z}|  | 1 |1 2|"quoted"|1.|-.5|.5|-|[ 1 , 2 ]|{ "a" : 1 }|[true,false]|2024-1-2xx
1500-02-29|0000-01-01|10000-1-1.|["12:34:56.789Z"]|{"a":1 "b":2}|[1 2]|[""]|["a,b]c"]|0x10|1d|1_0
1e99999999999|[["a"],["b"]]|{"a":[1,2]}|{"a":{"b":true}}|[1,300]|[1.5,2]|[-1,+2]|:|,|[|]|{|}|"|\\"""


@pytest.mark.parametrize("text", _HEADERS.replace("\n", "|").split("|"))
def test_headers_are_read_alike(bridge: Bridge, jvm: ModuleType, text: str) -> None:
    theirs = jvm.java_class("org.apache.kafka.connect.data.Values").parseString(text)
    ours = SimpleHeaderConverter(SimpleHeaderConverter.config_spec().parse({}))
    schema, value = ours.to_connect_header("t", "h", text.encode())
    if theirs is None or theirs.schema() is None:
        assert (schema, value) == (None, None)
        return
    assert bool(theirs.schema().equals(bridge.schema(schema))) if schema else False
    assert _wire(value) == _wire(bridge.python(theirs.schema(), theirs.value()))


def _holds_moment_before_1970(value: Any) -> bool:
    """Whether a moment is in there of which Java writes the time of day alone."""
    if isinstance(value, dict):
        return any(map(_holds_moment_before_1970, [*value, *value.values()]))
    if isinstance(value, list):
        return any(map(_holds_moment_before_1970, value))
    is_moment = hasattr(value, "ms") or hasattr(value, "isoformat")
    return is_moment and moment_ms(value) < 0


@_relaxed
@given(_pairs)
def test_headers_are_written_alike(
    bridge: Bridge, jvm: ModuleType, pair: tuple[Schema, Any]
) -> None:
    schema, value = pair
    assume(value is not None)
    assume(not _holds_moment_before_1970(filled(schema, value)))
    ours = SimpleHeaderConverter(SimpleHeaderConverter.config_spec().parse({}))
    found = ours.from_connect_header("t", "h", schema, value)
    convert = jvm.java_class("org.apache.kafka.connect.data.Values").convertToString
    expected = str(convert(bridge.schema(schema), bridge.value(schema, value)))
    assert found == expected.encode()


@_relaxed
@given(texts.map(str.encode) | st.binary(max_size=20))
def test_any_json_text_is_read_alike_or_refused(bridge: Bridge, data: bytes) -> None:
    ours = json_converter(schemas_enable="false")
    theirs = bridge.configured(JSON, converter_type="value", schemas_enable="false")
    expected = _theirs(lambda: bridge.read(theirs, data))
    found = _ours(lambda: ours.to_connect_data("t", data))
    if found is not JavaRefusedError:
        assert expected is not JavaRefusedError
        assert _wire(found[1]) == _wire(expected[1])
