"""Bad JSON: ours raises DataError and nothing else; Java refuses it too, or is listed as different.

Each case says what Java does: REFUSED, or the value that it makes of it in silence. The list of
such cases is `docs/differences.md`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.errors import DataError
from tests.conformance.jvm.bridge import Bridge, JavaRefusedError
from tests.unit.converters.records import columns, comparable, json_converter

JSON: Final = "org.apache.kafka.connect.json.JsonConverter"
DATA: Final = "org.apache.kafka.connect.data."
REFUSED: Final = "refused"
MUTATIONS: Final = 2000
_relaxed = settings(suppress_health_check=[*HealthCheck], deadline=None)
_many = settings(
    _relaxed, max_examples=max(MUTATIONS, settings.default.max_examples if settings.default else 0)
)


@pytest.fixture(scope="module")
def bridge(jvm: ModuleType) -> Bridge:
    return Bridge(jvm)


def envelope(schema: str, payload: str) -> bytes:
    return f'{{"schema":{schema},"payload":{payload}}}'.encode("utf-8", "surrogatepass")


def typed(kind: str, **parts: Any) -> str:
    return json.dumps({"type": kind, **parts})


def struct(*fields: dict[str, Any], **parts: Any) -> str:
    return json.dumps({"type": "struct", "fields": list(fields), **parts})


def logical(kind: str, name: str, **parameters: str) -> str:
    return typed(kind, name=DATA + name, version=1, parameters=parameters)


DECIMAL: Final = logical("bytes", "Decimal", scale="2")
INT_MAP: Final = typed("map", keys={"type": "int8"}, values={"type": "int8"})
TEXT_MAP: Final = typed("map", keys={"type": "string"}, values={"type": "int8"})
BYTES: Final = typed("array", items={"type": "int8"})
ONE: Final = struct({"type": "int32", "field": "a"})


def nested(depth: int) -> str:
    return '{"type":"array","items":' * depth + '{"type":"int8"}' + "}" * depth


Case = tuple[str, bytes, str]
"""What it is, the bytes, and what of our message must say what is wrong and where."""

BOTH_REFUSE: Final[list[Case]] = [
    ("truncated in payload", envelope(ONE, '{"a":1}')[:-2], "malformed"),
    ("truncated envelope", envelope(ONE, '{"a":1}')[:-1], "malformed"),
    ("truncated schema", b'{"schema":{"type"', "malformed"),
    ("arrays 100,000 deep", b"[" * 100_000, "nested deeper than 1000"),
    ("payload 100,000 deep", envelope(ONE, "[" * 100_000 + "]" * 100_000), "nested deeper"),
    ("objects 100,000 deep", envelope(ONE, '{"a":' * 100_000 + "1" + "}" * 100_000), "nested"),
    (
        "100,000 deep in a member that is ignored",
        envelope(ONE, '{"a":1,"b":' + "[" * 100_000 + "]" * 100_000 + "}"),
        "nested deeper",
    ),
    ("schema 10,000 deep", envelope(nested(10_000), "[]"), "nested deeper"),
    ("NaN", envelope(typed("double"), "NaN"), "malformed"),
    ("Infinity", envelope(typed("double"), "Infinity"), "malformed"),
    ("-Infinity", envelope(typed("float"), "-Infinity"), "malformed"),
    ("raw surrogate", envelope(typed("string"), '"\ud800"'), "no text"),
    ("surrogate as a key", envelope(TEXT_MAP, '{"\\ud800":1}'), "half of a surrogate"),
    ("Latin 1", '{"schema":{"type":"string"},"payload":"é"}'.encode("latin-1"), "no text"),
    ("no UTF-8 in an ignored member", envelope(ONE, '{"a":1,"b":"\ud800"}'), "no text"),
    ("two marks", b"\xef\xbb\xbf\xef\xbb\xbf" + envelope(ONE, '{"a":1}'), "malformed"),
    ("no schema", b'{"payload":1}', "'schema' and 'payload'"),
    ("no payload", b'{"schema":{"type":"int8"}}', "'schema' and 'payload'"),
    ("a third member", b'{"schema":null,"payload":1,"x":1}', "exactly two members"),
    ("a mark alone", b"\xef\xbb\xbf", "malformed"),
    *((f"{data!r} alone", data, "exactly two") for data in (b"", b" ", b"null", b"[]", b"5")),
    ("schema a text", envelope('"int8"', "1"), "'type' is a text"),
    ("schema an array", envelope("[]", "1"), "'type' is a text"),
    ("schema empty", envelope("{}", "1"), "'type' is a text"),
    ("type a number", envelope('{"type":5}', "1"), "'type' is a text"),
    ("unknown type", envelope(typed("int128"), "1"), "unknown schema type 'int128'"),
    ("type in upper case", envelope(typed("INT8"), "1"), "unknown schema type 'INT8'"),
    ("unnamed field", envelope(struct({"type": "int8"}), "{}"), r"schema.fields\[0\]"),
    ("field name a number", envelope(struct({"type": "int8", "field": 5}), "{}"), "'field'"),
    ("field name empty", envelope(struct({"type": "int8", "field": ""}), "{}"), r"fields\[0\]"),
    (
        "a field twice",
        envelope(struct({"type": "int8", "field": "a"}, {"type": "int8", "field": "a"}), "{}"),
        r"schema.fields\[1\]: field 'a'",
    ),
    ("no fields", envelope(typed("struct"), "{}"), "must be an array"),
    ("no items", envelope(typed("array"), "[]"), "lacks 'items'"),
    ("no keys", envelope(typed("map", values={"type": "int8"}), "{}"), "lacks 'keys'"),
    ("nested unknown", envelope(typed("array", items={"type": "x"}), "[]"), "schema.items"),
    ("parameter a number", envelope(typed("int8", parameters={"a": 5}), "1"), "parameter 'a'"),
    ("integer of 5,000 digits", envelope(typed("int64"), "1" * 5000), "more than 1000 digits"),
    ("exponent of 20 digits", envelope("null", "1e40099999999999999999999"), "exponent"),
    ("exponent", envelope(typed("int64"), "1e99999999999"), "exponent"),
    ("decimal not base64", envelope(DECIMAL, '"1.23"'), "payload: expected bytes .*Decimal"),
    ("decimal empty", envelope(DECIMAL, '""'), "no bytes"),
    ("decimal a flag", envelope(DECIMAL, "true"), "got bool True"),
    ("decimal without scale", envelope(logical("bytes", "Decimal"), '"AQ=="'), "scale"),
    *(
        (
            f"scale {s!r}",
            envelope(logical("bytes", "Decimal", scale=s), '"AQ=="'),
            "payload: .*scale",
        )
        for s in ("x", " 2", "1_0", "", "99999999999")
    ),
    ("bytes not base64", envelope(typed("bytes"), '"!!"'), "payload: expected bytes, got str"),
    ("date in text", envelope(logical("int32", "Date"), '"5"'), "expected int32 .*got str '5'"),
    ("date beyond 32 bits", envelope(logical("int32", "Date"), "3000000000"), "out of range"),
    ("time with an exponent", envelope(logical("int32", "Time"), "0e3"), "a moment is an integer"),
    ("timestamp 1.0", envelope(logical("int64", "Timestamp"), "1.0"), "a moment is an integer"),
    ("date a fraction", envelope(logical("int32", "Date"), "1.5"), "expected int32"),
    ("time of the next day", envelope(logical("int32", "Time"), "86400001"), "payload: Time"),
    ("time before midnight", envelope(logical("int32", "Time"), "-1"), "payload: Time"),
    ("timestamp in text", envelope(logical("int64", "Timestamp"), '"x"'), "expected int64"),
    ("date on a string", envelope(logical("string", "Date"), '"x"'), "wrong type for its name"),
    ("map of texts as array", envelope(TEXT_MAP, "[]"), "JSON object"),
    ("map of numbers as object", envelope(INT_MAP, "{}"), "array of pairs"),
    ("map entry of three", envelope(INT_MAP, "[[1,2],[1,2,3]]"), r"payload\[1\]: .*pair"),
    ("struct as array", envelope(ONE, "[]"), "payload: expected struct, got list"),
    ("field missing", envelope(ONE, "{}"), "payload.a: null given for a required int32"),
    ("field null", envelope(ONE, '{"a":null}'), "payload.a: null given for a required int32"),
    ("payload null", envelope(ONE, "null"), "payload: null given for a required struct"),
    ("comment", b"/* x */" + envelope(ONE, "{}"), "malformed"),
    ("plus sign", envelope(typed("int8"), "+1"), "malformed"),
    ("line break in a text", envelope(typed("string"), '"a\nb"'), "malformed"),
]

# What Java makes of it in silence stands third.
JAVA_CHANGES: Final[list[tuple[str, bytes, Any]]] = [
    ("int8 300", envelope(typed("int8"), "300"), 44),
    ("int16 40000", envelope(typed("int16"), "40000"), -25536),
    ("int32 2**31", envelope(typed("int32"), "2147483648"), -(1 << 31)),
    ("int64 2**63", envelope(typed("int64"), "9223372036854775808"), -(1 << 63)),
    ("int64 -2**63-1", envelope(typed("int64"), "-9223372036854775809"), (1 << 63) - 1),
    ("int64 1e999999999", envelope(typed("int64"), "1e999999999"), 0),
    ("bare 2**63", envelope("null", "9223372036854775808"), -(1 << 63)),
    ("int32 1.9", envelope(typed("int32"), "1.9"), 1),
    ('int32 "7"', envelope(typed("int32"), '"7"'), 0),
    ("int32 true", envelope(typed("int32"), "true"), 0),
    ("int32 object", envelope(typed("int32"), "{}"), 0),
    ('boolean "true"', envelope(typed("boolean"), '"true"'), False),
    ("boolean 1", envelope(typed("boolean"), "1"), False),
    ("string 5", envelope(typed("string"), "5"), None),
    ("string true", envelope(typed("string"), "true"), None),
    ("string object", envelope(typed("string"), "{}"), None),
    ("bytes 5", envelope(typed("bytes"), "5"), None),
    ("float 1e39", envelope(typed("float"), "1e39"), float("inf")),
    ("double 1e400", envelope(typed("double"), "1e400"), float("inf")),
    ("bare 1e400", envelope("null", "1e400"), float("inf")),
    ('double "1.5"', envelope(typed("double"), '"1.5"'), 0.0),
    ("double object", envelope(typed("double"), "{}"), 0.0),
    ("array of a text", envelope(BYTES, '"x"'), []),
    ("array of an object", envelope(BYTES, '{"a":1}'), [1]),
    ("version beyond 32 bits", envelope(typed("int8", version=99999999999), "1"), 1),
    ("default a text", envelope(typed("int8", default="x"), "1"), 1),
    ("default out of range", envelope(typed("int8", default=300), "1"), 1),
    ("date on int64", envelope(logical("int64", "Date"), "5"), 5 * 86_400_000),
    ("timestamp on int32", envelope(logical("int32", "Timestamp"), "5"), 5),
    ("time on a string", envelope(logical("string", "Time"), "5"), 5),
    ("timestamp 2**63", envelope(logical("int64", "Timestamp"), "9223372036854775808"), -(1 << 63)),
    ("nested 300", envelope(struct({"type": "int8", "field": "a"}), '{"a":300}'), {"a": 44}),
]

# Ours is narrower, or takes what Java does not, and nothing is lost by either.
ONLY_JAVA_READS: Final[list[tuple[str, bytes]]] = [
    ("schema 101 deep", envelope(nested(101), "[]")),
]
ONLY_OURS_READS: Final[list[tuple[str, bytes, Any]]] = [
    ("text of 50 MB", envelope(typed("string"), '"' + "x" * 50_000_000 + '"'), "x" * 50_000_000),
    (
        "default of a struct",
        envelope(struct({"type": "int8", "field": "a"}, default={"a": 1}), "null"),
        {"a": 1},
    ),
]


def by_row(data: bytes, **options: str) -> Any:
    return json_converter(**options).to_connect_data("t", data)[1]


def by_row_again(data: bytes, **options: str) -> Any:
    """Read by a converter that has compiled the schema meanwhile."""
    converter = json_converter(**options)
    for _ in range(9):
        try:
            converter.to_connect_data("t", data)
        except DataError:
            continue
    return converter.to_connect_data("t", data)[1]


def by_batch(data: bytes, **options: str) -> Any:
    converter = json_converter(**options)
    decoded = converter.to_connect_batch("t", [data] * 9)
    if decoded.unread:
        return converter.to_connect_data("t", data)[1]
    return list(decoded.values)[-1]


WAYS: Final[tuple[Callable[..., Any], ...]] = (by_row, by_row_again, by_batch)


def java(bridge: Bridge, data: bytes, **options: str) -> Any:
    try:
        return bridge.read(bridge.configured(JSON, converter_type="value", **options), data)[1]
    except JavaRefusedError:
        return REFUSED


def _named(cases: list[Any]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[one[0] for one in cases])


@_named(BOTH_REFUSE)
def test_bad_json_is_refused_by_both(bridge: Bridge, case: Case) -> None:
    _, data, message = case
    assert java(bridge, data) == REFUSED
    for way in WAYS:
        with pytest.raises(DataError, match=message) as caught:
            way(data)
        assert len(str(caught.value)) < 600


@_named(JAVA_CHANGES)
def test_what_java_changes_in_silence_is_a_data_error(
    bridge: Bridge, case: tuple[str, bytes, Any]
) -> None:
    _, data, changed = case
    found = java(bridge, data)
    assert comparable(found[1] if isinstance(found, tuple) else found) == comparable(changed)
    for way in WAYS:
        with pytest.raises(DataError, match=r"payload|schema"):
            way(data)


@_named(ONLY_JAVA_READS)
def test_what_is_beyond_our_limits_is_a_data_error(bridge: Bridge, case: tuple[str, bytes]) -> None:
    assert java(bridge, case[1]) != REFUSED
    for way in WAYS:
        with pytest.raises(DataError, match="nested deeper"):
            way(case[1])


@_named(ONLY_OURS_READS)
def test_what_is_beyond_limits_of_java_is_read(
    bridge: Bridge, case: tuple[str, bytes, Any]
) -> None:
    assert java(bridge, case[1]) == REFUSED
    for way in WAYS:
        assert way(case[1]) == case[2]


def test_the_last_of_members_of_one_name_counts(bridge: Bridge) -> None:
    for data, value in (
        (envelope(ONE, '{"a":1,"a":2}'), {"a": 2}),
        (b'{"schema":{"type":"int8"},"schema":{"type":"int32"},"payload":1,"payload":300}', 300),
    ):
        assert java(bridge, data) == value
        assert [way(data) for way in WAYS] == [value] * 3


def test_nested_as_deep_as_jackson_allows_is_read() -> None:
    inside = struct({"type": "int8", "field": "a", "optional": True})
    data = envelope(inside, '{"b":' + "[" * 990 + "]" * 990 + "}")
    assert [way(data) for way in WAYS] == [{"a": None}] * 3


def test_a_bad_row_among_good_ones_is_told_in_a_batch() -> None:
    good = envelope(ONE, '{"a":1}')
    for _, bad, _ in BOTH_REFUSE:
        converter = json_converter()
        rows = [good] * 20
        rows[7] = bad
        for _ in range(2):
            try:
                decoded = converter.to_connect_batch("t", rows)
            except DataError:
                continue
            assert list(decoded.unread) == [7]
            assert list(decoded.values)[8:] == [{"a": 1}] * 12


# What a mutation puts in: tokens that turn one JSON into another, and bytes that break it.
_PATCHES: Final = [
    *(b"", b" ", b"\n", b"0", b"9", b"-", b".5", b"e3", b"E-2", b"1e400", b"\xff", b"\xc3\xa9"),
    *(b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"false", b"NaN", b'"x"', b"{}"),
    *(b"[]", b"\\", b"\\u00e9", b"\\ud800", b"int8", b"string", b"struct", b"300", b'"type":'),
    *(b"99999999999999999999", b'"optional":true,', b'"default":', b"\x00", b"\xef\xbb\xbf"),
]


@_many
@given(
    columns(),
    st.data(),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(_PATCHES), st.integers(0, 6)), max_size=3),
)
def test_mutated_json_is_a_value_or_a_data_error_and_never_more_than_java_reads(
    bridge: Bridge,
    column: tuple[Any, list[Any]],
    data: st.DataObject,
    patches: list[tuple[float, bytes, int]],
) -> None:
    schema, rows = column
    options = {"schemas_enable": "false" if schema is None else "true"}
    text = json_converter(**options).from_connect_data("t", schema, rows[0]) or b"null"
    for share, patch, cut in patches:
        at = int(share * len(text))
        text = text[:at] + patch + text[at + cut :]
    found = [_outcome(way, text, options) for way in WAYS]
    assert found[1:] == found[:1] * 2
    if found[0] == REFUSED:
        return
    expected = java(bridge, text, **options)
    assert expected is not REFUSED or _ours_alone_reads(text)
    # The texts NaN and Infinity are numbers here and 0.0 there: `docs/differences.md`.
    if expected is not REFUSED and b'Infinity"' not in text and b'NaN"' not in text:
        assert found[0] == _comparable(expected)


def _outcome(way: Callable[..., Any], data: bytes, options: dict[str, str]) -> Any:
    try:
        return _comparable(way(data, **options))
    except DataError:
        return REFUSED


def _comparable(value: Any) -> Any:
    """As Java holds it: -0.0 is 0.0 once read."""
    if isinstance(value, dict):
        pairs = [(_comparable(k), _comparable(v)) for k, v in value.items()]
        return ("dict", sorted(pairs, key=repr))
    if isinstance(value, list):
        return [_comparable(one) for one in value]
    if isinstance(value, tuple):
        return ("ms", value[1])
    found = comparable(0.0 if type(value) is float and value == 0.0 else value)
    return ("ms", found[1]) if isinstance(found, tuple) else found


def _ours_alone_reads(data: bytes) -> bool:
    """Whether it holds the default of a struct or map; that of a struct Java refuses."""
    return b'"default":{' in data
