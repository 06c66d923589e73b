"""Traces beside the standard library's."""

from __future__ import annotations

import re
import traceback

import pytest

from penstock.errors import DataError
from penstock.runtime.pipeline.stack_trace import stack_trace


def plain(text: str) -> str:
    """Return a trace without the marks under its lines."""
    return re.sub(r"^ +[~^]+\n", "", text, flags=re.MULTILINE)


def caused() -> None:
    try:
        raise KeyError("inner")
    except KeyError as error:
        raise DataError("outer é") from error


def in_context() -> None:
    try:
        int("x")
    except ValueError:
        {}["x"]


def suppressed() -> None:
    try:
        int("x")
    except ValueError:
        raise DataError("alone") from None


def noted() -> None:
    error = ValueError()
    error.add_note("a note")
    raise error


@pytest.mark.parametrize("fail", [caused, in_context, suppressed, noted])
def test_traces_are_those_of_python(fail: object) -> None:
    with pytest.raises(Exception) as caught:
        fail()  # type: ignore[operator]  # a function
    expected = plain("".join(traceback.format_exception(caught.value)))
    assert stack_trace(caught.value) == expected
    assert stack_trace(caught.value) == expected  # from the cache


def test_an_error_that_was_never_raised_has_no_frames() -> None:
    assert stack_trace(ValueError("x")) == "ValueError: x\n"


def test_a_circle_of_causes_ends() -> None:
    one, two = ValueError("1"), ValueError("2")
    one.__cause__, two.__cause__ = two, one
    assert stack_trace(one).count("ValueError") == 2
