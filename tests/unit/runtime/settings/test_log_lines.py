from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from penstock.runtime.logs import bind_context, setup_logging

log = logging.getLogger("some.module")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("PENSTOCK_LOG", raising=False)
    monkeypatch.delenv("PENSTOCK_LOG_LEVEL", raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    bind_context("")


def set_up(stream: io.StringIO | None = None, **worker: str) -> io.StringIO:
    out = io.StringIO() if stream is None else stream
    setup_logging({key.replace("_", "."): text for key, text in worker.items()}, stream=out)
    return out


def test_line_on_a_pipe_has_time_level_context_text_and_logger() -> None:
    out = set_up()
    bind_context("orders|task-0")
    log.info("read %d lines", 5)
    assert out.getvalue().startswith("[20")
    assert out.getvalue().endswith("] INFO [orders|task-0] read 5 lines (some.module)\n")


FORGED = "x\n[2026-01-01 00:00:00] ERROR forged\r\x1b[2J\x9b31m\u2028\u202eend\0"


@pytest.mark.parametrize("terminal", [False, True])
def test_one_record_is_one_line_whatever_values_hold(terminal: bool) -> None:
    out = set_up(Terminal() if terminal else None)
    log.warning("topic %s", FORGED)
    (line,) = out.getvalue().splitlines()
    for char in "\r\x9b\u2028\u202e\0":
        assert char not in line
    assert "\x1b[2J" not in line
    assert r"x\n[2026-01-01 00:00:00] ERROR forged\r\x1b[2J" in line


def test_context_cannot_forge_either() -> None:
    out = set_up()
    bind_context(FORGED)
    log.warning("text")
    assert len(out.getvalue().splitlines()) == 1


@pytest.mark.parametrize("terminal", [False, True])
def test_extra_values_are_told_and_escaped(terminal: bool) -> None:
    out = set_up(Terminal() if terminal else None)
    log.warning("text", extra={"topic": FORGED, "rows": 5, "color_message": "again"})
    (line,) = out.getvalue().splitlines()
    assert "forged" in line
    assert "rows" in line
    assert "again" not in line
    for char in ("\x1b[2J", "\r", "\x9b", "\u202e"):
        assert char not in line


def test_pipe_needs_no_structlog() -> None:
    """It takes a tenth of a second to import, of every start."""
    code = (
        "import logging, sys\nfrom penstock.runtime.logs import setup_logging\n"
        "setup_logging()\nlogging.warning('seen')\nassert 'structlog' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "WARN seen (root)" in done.stderr


@pytest.mark.parametrize("terminal", [False, True])
def test_trace_is_kept_and_cannot_look_like_a_record(terminal: bool) -> None:
    out = set_up(Terminal() if terminal else None)
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("failed")
    lines = out.getvalue().splitlines()
    assert lines[1] == "  Traceback (most recent call last):"
    assert any("ValueError: x" in line for line in lines)
    assert all(line.startswith("  ") for line in lines[1:])
    assert "\x1b[2J" not in out.getvalue()


@pytest.mark.parametrize("by_environment", [True, False])
def test_json_is_an_object_a_line(monkeypatch: pytest.MonkeyPatch, by_environment: bool) -> None:
    if by_environment:
        monkeypatch.setenv("PENSTOCK_LOG", "JSON")
    out = set_up() if by_environment else set_up(log_format="json")
    bind_context("orders|task-0")
    log.error("topic %s", FORGED)
    told = json.loads(out.getvalue())
    assert told["event"] == f"topic {FORGED}"
    assert told["context"] == "orders|task-0"
    assert (told["level"], told["logger"]) == ("error", "some.module")


@pytest.mark.parametrize(
    ("level", "seen"), [("debug", 2), ("INFO", 1), ("WARN", 0), ("fatal", 0), (" trace ", 2)]
)
def test_level_is_the_workers(level: str, seen: int) -> None:
    out = set_up(log_level=level)
    log.debug("a")
    log.info("b")
    assert len(out.getvalue().splitlines()) == seen


def test_environment_goes_before_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_LOG_LEVEL", "ERROR")
    out = set_up(log_level="DEBUG")
    log.warning("a")
    assert out.getvalue() == ""


def test_unknown_level_is_told_and_is_info() -> None:
    out = set_up(log_level="LOUD")
    log.info("b")
    lines = out.getvalue().splitlines()
    assert "unknown log level 'LOUD'" in lines[0]
    assert len(lines) == 2


def test_setting_up_twice_logs_once() -> None:
    set_up()
    out = set_up()
    log.info("a")
    assert len(out.getvalue().splitlines()) == 1
