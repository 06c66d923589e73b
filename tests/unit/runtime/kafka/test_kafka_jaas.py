"""The parser of sasl.jaas.config."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import ConfigError
from penstock.runtime.kafka.jaas import JAAS_LENGTH_MAX, JaasEntry, parse_jaas

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"

GOOD = [
    (
        f'{PLAIN} required username="alice" password="secret";',
        JaasEntry(PLAIN, "required", {"username": "alice", "password": "secret"}),
    ),
    (
        f'{PLAIN}\n  REQUIRED\n\tusername=\'a "b"\'\r\n password = "it\'s" ;  ',
        JaasEntry(PLAIN, "required", {"username": 'a "b"', "password": "it's"}),
    ),
    ("m.M optional;", JaasEntry("m.M", "optional", {})),
    ("'m.M' sufficient a=b-c_d$1 ;", JaasEntry("m.M", "sufficient", {"a": "b-c_d$1"})),
    (
        r'm.M requisite a="\"\\\n\101\7\400\q=;";',
        JaasEntry("m.M", "requisite", {"a": '"\\\nA\x07 0q=;'}),
    ),
    (
        "// one\n/* two\n */ m.M required /three\n a=true b='';//end",
        JaasEntry("m.M", "required", {"a": "true", "b": ""}),
    ),
    ("m.M required a=x a=y;", JaasEntry("m.M", "required", {"a": "y"})),
    ("m.M required a='ü € 𐐷' b=é;", JaasEntry("m.M", "required", {"a": "ü € 𐐷", "b": "é"})),
]


@pytest.mark.parametrize(("text", "expected"), GOOD)
def test_an_entry_is_read(text: str, expected: JaasEntry) -> None:
    assert parse_jaas(text) == expected


BAD = [
    ("", "names no login module"),
    ("  // nothing", "names no login module"),
    (";", "does not start with"),
    ("= required;", "does not start with"),
    ("m.M required", "semicolon"),
    ("m.M required a='hunter2'", "semicolon"),
    ("m.M required a='hunter2'; x", "semicolon"),
    ("m.M required; n.N required;", "holds 2 login modules"),
    ("m.M;", "control flag"),
    ("m.M a='hunter2';", "control flag"),
    ("m.M required a;", "without '=' and value at character 14"),
    ("m.M required a=;", "without '=' and value"),
    ("m.M required a 'hunter2' b;", "without '=' and value"),
    ("m.M required a==;", "without a value at character 14"),
    ("m.M required a=12345;", "needs quotes at character 16"),
    ("m.M required 'a'='b' =c=d;", "no option name at character 22"),
    ("m.M required a='hunter2;", "open quote at character 16"),
    ("m.M required a='hunter2\n';", "open quote at character 16"),
    ("m.M required a={hunter2};", "unexpected character at character 16"),
    ("m.M required /* open;", "unexpected character"),
    ("x" * (JAAS_LENGTH_MAX + 1), "longer than"),
]


@pytest.mark.parametrize(("text", "part"), BAD)
def test_a_fault_is_told_by_its_place_only(text: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_jaas(text)
    assert part in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_no_secret_in_repr() -> None:
    assert "hunter2" not in repr(parse_jaas("m.M required password='hunter2';"))


@pytest.mark.parametrize("piece", ["/*", "'\\", '"a', "a=b ", "/", "\\"])
def test_parsing_time_grows_with_the_length_only(piece: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ConfigError):
        parse_jaas(piece * (JAAS_LENGTH_MAX // len(piece)))
    assert time.perf_counter() - start < 5


PIECES = st.lists(
    st.one_of(
        st.sampled_from([*"=;'\"\\/*\n\t .", "required", "m.M", "a='b'", "//", "/*", "*/", "\x00"]),
        st.text(max_size=4),
    ),
    max_size=24,
).map("".join)


@settings(max_examples=500)
@given(text=PIECES)
def test_every_text_is_an_entry_or_a_config_error(text: str) -> None:
    try:
        entry = parse_jaas(text)
    except ConfigError as problem:
        (found,) = problem.problems
        assert found.key == "sasl.jaas.config"
    else:
        assert entry.flag in {"required", "requisite", "sufficient", "optional"}


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r") + '"'


NAMES = st.from_regex(r"[A-Za-z_$][A-Za-z0-9_.$-]{0,8}", fullmatch=True)


@given(module=NAMES, options=st.dictionaries(NAMES, st.text(max_size=20), max_size=5))
def test_what_is_written_is_read_back(module: str, options: dict[str, str]) -> None:
    pairs = " ".join(f"{name}={quoted(value)}" for name, value in options.items())
    assert parse_jaas(f"{module} required {pairs};") == JaasEntry(module, "required", options)
