"""Java's patterns: what Python would read as something else is refused by name."""

from __future__ import annotations

import pytest

from penstock.config import compile_java, regex_problem


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("a{2}", "aa", True),
        ("a{1,}", "aaa", True),
        (r"a\{2", "a{2", True),
        ("[{]2", "{2", True),
        (r"\Qa{2\E", "a{2", True),
        (r"\p{Lower}+", "ab", True),
        (r"\d", "٣", False),
        ("x(?<n>y)", "xy", True),
    ],
)
def test_a_pattern_means_what_java_means(pattern: str, text: str, matches: bool) -> None:
    assert bool(compile_java(pattern).fullmatch(text)) == matches


@pytest.mark.parametrize("pattern", ["a{2", "{", "a{,3}", "a{x}", "(", "*", "[a&&b]", r"\X"])
def test_what_cannot_be_meant_is_refused(pattern: str) -> None:
    assert regex_problem("key", pattern)
    with pytest.raises(ValueError, match=r"regular expression|not supported|repetition"):
        compile_java(pattern)
