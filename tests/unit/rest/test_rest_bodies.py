"""What request bodies are taken for: every malformed one is refused as such, and says why."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import BadRequestError
from penstock.rest.bodies import (
    DEPTH_MAX,
    NAME_BYTES_MAX,
    NUMBER_DIGITS_MAX,
    config_of,
    create_request,
    named_config,
    parse_json,
    patch_of,
)
from penstock.runtime.model import TargetState


def post(config: str = '{"connector.class":"X"}', name: str = '"n"', more: str = "") -> bytes:
    return f'{{"name":{name},"config":{config}{more}}}'.encode()


NO_JSON = [
    pytest.param(b"", "needs a JSON body", id="empty"),
    pytest.param(b"  \r\n\t", "needs a JSON body", id="blank"),
    pytest.param(b"{", "not JSON", id="brace"),
    pytest.param(b'{"name":"n","config":{', "not JSON", id="truncated"),
    pytest.param(b'{"name":"n"} x', "not JSON", id="trailing"),
    pytest.param(b"{}{}", "not JSON", id="two"),
    pytest.param(b"{'a':1}", "not JSON", id="single-quotes"),
    pytest.param(b'{"a":1,}', "not JSON", id="trailing-comma"),
    pytest.param(b'{"a":01}', "not JSON", id="leading-zero"),
    pytest.param(b'{"a":"\n"}', "not JSON", id="control-in-text"),
    pytest.param(b'{"a":\xff}', "UTF-8", id="bad-utf8"),
    pytest.param(b'{"a":"\xc3"}', "UTF-8", id="cut-utf8"),
    pytest.param(b'{"a":"\\ud800"}', "UTF-8", id="lone-surrogate"),
    pytest.param(b'{"\\udfff":"a"}', "UTF-8", id="lone-surrogate-key"),
    pytest.param(b'{"a":NaN}', "NaN is no JSON number", id="nan"),
    pytest.param(b'{"a":-Infinity}', "-Infinity is no JSON number", id="infinity"),
    pytest.param(
        b'{"a":' + b"9" * 2001 + b"}", f"more than {NUMBER_DIGITS_MAX} digits", id="digits-2001"
    ),
    pytest.param(
        b'{"a":' + b"9" * 5000 + b"}", f"more than {NUMBER_DIGITS_MAX} digits", id="digits-5000"
    ),
    pytest.param(b"[" * 5000, f"deeper than {DEPTH_MAX}", id="nested-5000"),
    pytest.param(b'{"a":' * 100_000, f"deeper than {DEPTH_MAX}", id="nested-100000"),
    pytest.param(
        b'{"' + b"\\\\" * 300 + b'":' + b"[" * 300, f"deeper than {DEPTH_MAX}", id="escapes"
    ),
]
"""Bodies that are no JSON at all, for every endpoint that takes one."""


@pytest.mark.parametrize("read", [create_request, config_of, patch_of, parse_json])
@pytest.mark.parametrize(("body", "why"), NO_JSON)
def test_body_that_is_no_json_is_refused(read: Any, body: bytes, why: str) -> None:
    with pytest.raises(BadRequestError, match=why):
        read(body)


@pytest.mark.parametrize("read", [create_request, config_of, patch_of])
@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"null", "null"), (b"[]", "an array"), (b'"x"', "a text"), (b"5", "a number")],
)
def test_body_that_is_no_object_is_refused_by_its_kind(read: Any, body: bytes, kind: str) -> None:
    with pytest.raises(BadRequestError, match=f"must be a JSON object, got {kind}"):
        read(body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"{}", "'config'", id="no-config"),
        pytest.param(b'{"name":"n"}', "'config'", id="name-only"),
        pytest.param(post("null"), "'config' must be a JSON object, got null", id="config-null"),
        pytest.param(post("[]"), "'config' must be .* got an array", id="config-array"),
        pytest.param(post('"x"'), "'config' must be .* got a text", id="config-text"),
        pytest.param(post('{"a":{}}'), "'a' must be a text, .* got an object", id="value-object"),
        pytest.param(post('{"a":[1]}'), "'a' must be a text, .* got an array", id="value-array"),
        pytest.param(post('{"a":null,"b":null}'), "null value for 'a', 'b'", id="value-null"),
        pytest.param(post(more=',"configs":{}'), "unknown field 'configs'", id="unknown-field"),
        pytest.param(post(name="{}"), "'name' must be a text", id="name-object"),
        pytest.param(post('{"name":"other"}'), "doesn't match", id="name-differs"),
        pytest.param(post(name='"' + "x" * 8001 + '"'), "at most 8000 bytes", id="name-long"),
        pytest.param(post(name='"' + "é" * 4001 + '"'), "at most 8000 bytes", id="name-utf8"),
        pytest.param(post(more=',"initial_state":"EXPLODED"'), "initial_state", id="state"),
        pytest.param(post(more=',"initial_state":5'), "initial_state", id="state-number"),
        pytest.param(post(more=',"initial_state":{}'), "initial_state", id="state-object"),
    ],
)
def test_request_that_makes_no_sense_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(BadRequestError, match=why):
        create_request(body)


@pytest.mark.parametrize(
    ("given_text", "taken"),
    [
        ("5", "5"),
        ("5.0", "5.0"),
        ("1e5", "1e5"),
        ("-0", "-0"),
        ("9" * 900, "9" * 900),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("true", "true"),
        ("false", "false"),
        ('""', ""),
        ('" x "', " x "),
        ('"\\u00e9\\ud83d\\ude00"', "é😀"),
    ],
)
def test_values_become_the_texts_they_were(given_text: str, taken: str) -> None:
    _, config, _ = create_request(post(f'{{"a":{given_text}}}'))
    assert config == {"a": taken, "name": "n"}
    assert type(config["a"]) is str


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_encoding_that_json_may_have_is_read(encoding: str) -> None:
    assert config_of('{"a":"é"}'.encode(encoding)) == {"a": "é"}


def test_last_of_duplicate_keys_wins() -> None:
    assert config_of(b'{"a":"1","a":"2"}') == {"a": "2"}


@pytest.mark.parametrize("name", ["null", '""', '"  "', '"\\t"'])
def test_missing_name_is_left_to_validation(name: str) -> None:
    assert create_request(post(name=name))[0] == ""


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ('" x "', "x"),
        ("5", "5"),
        ('".."', ".."),
        ('"a/b"', "a/b"),
        ('"' + "x" * 249 + '"', "x" * 249),
    ],
)
def test_unusual_names_are_names(name: str, taken: str) -> None:
    found, config, _ = create_request(post(name=name))
    assert (found, config["name"]) == (taken, taken)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ('"RUNNING"', TargetState.STARTED),
        ('"paused"', TargetState.PAUSED),
        ('"Stopped"', TargetState.STOPPED),
        ("null", None),
    ],
)
def test_initial_state_in_any_case(text: str, state: TargetState | None) -> None:
    assert create_request(post(more=f',"initial_state":{text}'))[2] is state


def test_patch_keeps_nulls_and_put_refuses_them() -> None:
    assert patch_of(b'{"a":null,"b":"c"}') == {"a": None, "b": "c"}
    with pytest.raises(BadRequestError, match="null value for 'a'"):
        named_config({"a": None}, "n")


def test_name_at_the_limit_is_taken() -> None:
    assert named_config({}, "x" * NAME_BYTES_MAX)["name"] == "x" * NAME_BYTES_MAX


def test_nesting_at_the_limit_is_json() -> None:
    parse_json(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)


def test_braces_in_texts_are_no_nesting() -> None:
    assert config_of(json.dumps({"a": "{[" * 500 + '"' + "[" * 500}).encode())["a"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    for read in (create_request, config_of, patch_of):
        try:
            read(body)
        except BadRequestError as refused:
            str(refused).encode()  # what is answered can be written
