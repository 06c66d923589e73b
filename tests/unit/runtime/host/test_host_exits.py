from __future__ import annotations

import pytest

from penstock.errors import ConfigError, ConnectError, Problem, TimedOutError
from penstock.runtime.host.call_desk import error_of
from penstock.runtime.host.exits import WORDS_BYTES_MAX, LastWords, told_exit
from penstock.runtime.host.failures import TRACE_CHARS_MAX, failure
from penstock.runtime.host.messages import Answer


@pytest.mark.parametrize(
    ("code", "after_ms", "expected"),
    [
        (7, None, "the process of task a-0 ended with exit code 7"),
        (-11, None, "the process of task a-0 was ended by signal SIGSEGV"),
        (-9, None, "the process of task a-0 was ended by signal SIGKILL, by the system when"),
        (-63, None, "ended by signal 63"),
        (-9, 500, "task a-0 did not end within 500 ms and was killed"),
        (None, None, "the process of task a-0 ended with its fork server"),
    ],
)
def test_an_exit_is_told_in_words(code: int | None, after_ms: int | None, expected: str) -> None:
    assert expected in told_exit("task a-0", code, killed_after_ms=after_ms, words="")


def test_the_last_words_follow() -> None:
    told = told_exit("task a-0", 1, killed_after_ms=None, words="no space left")
    assert told.endswith("its last words:\nno space left")


def test_lines_are_passed_on_whole_and_the_tail_is_kept() -> None:
    words = LastWords()
    assert words.feed(b"one\ntw") == b"one\n"
    assert words.feed(b"o\n") == b"two\n"
    assert words.feed(b"x" * (WORDS_BYTES_MAX + 1)) == b"x" * (WORDS_BYTES_MAX + 1) + b"\n"
    assert words.feed(b"end") == b""
    assert words.feed_rest() == b"end\n"
    assert len(words.text()) == WORDS_BYTES_MAX
    assert words.text().endswith("xend")


def test_a_failure_has_its_trace_and_stays_small() -> None:
    try:
        raise ValueError("x" * 1_000_000)
    except ValueError as problem:
        told = failure(problem)
    assert told.reason.startswith("ValueError: xxx")
    assert len(told.trace) < TRACE_CHARS_MAX + 100
    assert told.trace.startswith("Traceback")


@pytest.mark.parametrize("who", ["", "connector 'a: b'"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_config_error_crosses_the_border_whole(who: str, count: int) -> None:
    problems = [Problem(f"key{n}", f"key{n}: must be 1: not 2") for n in range(count)]
    error = ConfigError(problems, who=who)
    answer = Answer(
        error=str(error), kind="ConfigError", problems=[[one.key, one.message] for one in problems]
    )
    found = error_of(answer)
    assert isinstance(found, ConfigError)
    assert (found.problems, found.who, str(found)) == (error.problems, who, str(error))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("TimedOutError", TimedOutError("late")),
        ("ValueError", ConnectError("ValueError: late")),
        ("Final", ConnectError("Final: late")),
        (None, ConnectError("late")),
    ],
)
def test_errors_of_ours_keep_their_class(kind: str | None, expected: Exception) -> None:
    found = error_of(Answer(error="late", kind=kind))
    assert type(found) is type(expected)
    assert str(found) == str(expected)
