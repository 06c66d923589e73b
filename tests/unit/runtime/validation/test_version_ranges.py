from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.runtime.validation.versions import compare_versions, parse_range

ASCENDING = [
    "undefined",
    "1.0-alpha",
    "1.0-beta-2",
    "1.0-beta-11",
    "1.0-m1",
    "1.0-rc1",
    "1.0-SNAPSHOT",
    "1.0",
    "1.0-sp",
    "1.0.1",
    "1.2",
    "1.10",
    "2",
    "10.0",
]


@pytest.mark.parametrize("at", range(len(ASCENDING)))
def test_versions_ascend_as_in_maven(at: int) -> None:
    for other, version in enumerate(ASCENDING):
        wanted = (at > other) - (at < other)
        assert compare_versions(ASCENDING[at], version) == wanted, (ASCENDING[at], version)


@pytest.mark.parametrize(("one", "same"), [("1", "1.0.0"), ("1.0-ga", "1"), ("1.0-FINAL", "1.0")])
def test_versions_that_are_equal(one: str, same: str) -> None:
    assert compare_versions(one, same) == 0


VERSIONS = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}(-(rc|beta|x)[0-9])?", fullmatch=True)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_order_is_total(a: str, b: str, c: str) -> None:
    assert compare_versions(a, b) == -compare_versions(b, a)
    if compare_versions(a, b) <= 0 and compare_versions(b, c) <= 0:
        assert compare_versions(a, c) <= 0


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("1.2", ["1.2", "1.2.0"], ["1.2.1", "1.1"]),
        ("[1.2]", ["1.2"], ["1.3"]),
        ("[1.0,2.0)", ["1.0", "1.9.9"], ["2.0", "0.9"]),
        ("(1.0,2.0]", ["1.0.1", "2.0"], ["1.0", "2.0.1"]),
        ("(,1.0]", ["0.1", "1.0"], ["1.0.1"]),
        ("[1.5,)", ["1.5", "99"], ["1.4.9"]),
        ("(,1.0],[1.2,)", ["0.5", "1.2"], ["1.1"]),
        (" [ 1.0 , 2.0 ] ", ["1.0", "2.0"], ["3"]),
        ("(,)", ["0", "9"], []),
    ],
)
def test_ranges(text: str, inside: list[str], outside: list[str]) -> None:
    found = parse_range(text)
    assert found is not None
    assert [version for version in inside if not found.contains(version)] == []
    assert [version for version in outside if found.contains(version)] == []


@pytest.mark.parametrize("text", ["", " ", "latest", "LATEST"])
def test_newest_is_no_range(text: str) -> None:
    assert parse_range(text) is None


@pytest.mark.parametrize(
    "text", ["[1", "1]", "(1)", "[1,2,3]", "[2,1]", "[1,2],", "[1,2]x", "[]", "1 2", "1,2", "[[1]]"]
)
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        parse_range(text)
